#include "engine/hyperloglog.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "engine/base/assert.h"

namespace alai::hyperloglog {
namespace {

constexpr std::string_view kMagic = "HYLL";
constexpr uint64_t kSeed = 0xadc83b19;
constexpr int kIndexBits = 14;
constexpr int kRankBits = 64 - kIndexBits;
constexpr uint8_t kRankMax = kRankBits + 1;

constexpr uint8_t kSparseRankMax = 32;
constexpr uint32_t kShortZerosMax = 64;
constexpr uint32_t kValuesMax = 4;
// Splitting one run makes two long runs of zeros and a value at most.
constexpr size_t kSplitBytesMax = 5;
constexpr int kMergeScan = 5;

constexpr uint8_t kCountStale = 0x80;  // in the count's last byte

uint64_t Murmur64A(std::string_view bytes) {
  constexpr uint64_t kMultiplier = 0xc6a4a7935bd1e995;
  constexpr int kShift = 47;
  uint64_t hash = kSeed ^ bytes.size() * kMultiplier;
  while (bytes.size() >= 8) {
    uint64_t word;
    std::memcpy(&word, bytes.data(), sizeof word);
    word *= kMultiplier;
    word ^= word >> kShift;
    hash = (hash ^ word * kMultiplier) * kMultiplier;
    bytes.remove_prefix(8);
  }
  if (!bytes.empty()) {
    uint64_t tail = 0;
    std::memcpy(&tail, bytes.data(), bytes.size());
    hash = (hash ^ tail) * kMultiplier;
  }
  hash = (hash ^ hash >> kShift) * kMultiplier;
  return hash ^ hash >> kShift;
}

// Eight dense registers, the lowest first.
constexpr uint32_t kGroupRegisters = 8;
constexpr size_t kGroupBytes = 6;

uint64_t LoadGroup(const char* sketch, uint32_t group) {
  uint64_t registers = 0;
  std::memcpy(&registers, sketch + kHeaderBytes + group * kGroupBytes, kGroupBytes);
  return registers;
}

void StoreGroup(char* sketch, uint32_t group, uint64_t registers) {
  std::memcpy(sketch + kHeaderBytes + group * kGroupBytes, &registers, kGroupBytes);
}

uint8_t DenseRegister(const char* sketch, uint32_t index) {
  return LoadGroup(sketch, index / kGroupRegisters) >> index % kGroupRegisters * 6 & 63;
}

void SetDenseRegister(char* sketch, uint32_t index, uint8_t rank) {
  const uint32_t shift = index % kGroupRegisters * 6;
  const uint64_t group = LoadGroup(sketch, index / kGroupRegisters);
  StoreGroup(sketch, index / kGroupRegisters,
             (group & ~(uint64_t{63} << shift)) | uint64_t{rank} << shift);
}

template <class Visit>
void ForEachDense(std::string_view sketch, Visit visit) {
  for (uint32_t index = 0; index < kRegisters; index += kGroupRegisters) {
    uint64_t group = LoadGroup(sketch.data(), index / kGroupRegisters);
    for (uint32_t i = 0; i < kGroupRegisters; ++i, group >>= 6) {
      visit(index + i, static_cast<uint8_t>(group & 63));
    }
  }
}

struct Run {
  uint32_t length = 0;
  uint8_t value = 0;
  uint8_t bytes = 0;  // 0: cut off
};

Run RunAt(std::string_view sketch, size_t at) {
  const auto first = static_cast<uint8_t>(sketch[at]);
  if ((first & 0x80) != 0) {
    return {.length = (first & 3u) + 1,
            .value = static_cast<uint8_t>((first >> 2 & 31) + 1),
            .bytes = 1};
  }
  if ((first & 0x40) == 0) return {.length = (first & 63u) + 1, .bytes = 1};
  if (at + 1 >= sketch.size()) return {};
  const auto second = static_cast<uint8_t>(sketch[at + 1]);
  return {.length = ((first & 63u) << 8 | second) + 1, .bytes = 2};
}

char ValueRun(uint8_t value, uint32_t length) {
  return static_cast<char>(0x80 | (value - 1) << 2 | (length - 1));
}

// A new sequence of runs for one that is split.
class Split {
 public:
  void AddZeros(uint32_t length) {
    if (length == 0) return;
    const uint32_t code = length - 1;
    if (length > kShortZerosMax) bytes_[size_++] = static_cast<char>(0x40 | code >> 8);
    bytes_[size_++] = static_cast<char>(code);
  }
  void AddValues(uint8_t value, uint32_t length) {
    if (length > 0) bytes_[size_++] = ValueRun(value, length);
  }
  void AddRun(uint8_t value, uint32_t length) {
    if (value == 0) return AddZeros(length);
    AddValues(value, length);
  }
  std::string_view bytes() const { return {bytes_, size_}; }

 private:
  char bytes_[kSplitBytesMax];
  size_t size_ = 0;
};

// The runs of a sparse sketch with their first registers; false when they do not cover the registers
// exactly.
template <class Visit>
bool ForEachRun(std::string_view sketch, Visit visit) {
  uint32_t first = 0;
  for (size_t at = kHeaderBytes; at < sketch.size();) {
    const Run run = RunAt(sketch, at);
    if (run.bytes == 0 || run.length > kRegisters - first) return false;
    visit(first, run);
    first += run.length;
    at += run.bytes;
  }
  return first == kRegisters;
}

// The run that holds a register.
struct Found {
  Run run;
  size_t offset = 0;
  uint32_t first = 0;
  // The run before it, or it itself if the search began there.
  SparsePosition before;
};

// False: there is none.
bool FindRun(std::string_view sketch, uint32_t index, SparsePosition from, Found* found) {
  found->before = from;
  found->offset = from.offset;
  found->first = from.first;
  while (found->offset < sketch.size()) {
    found->run = RunAt(sketch, found->offset);
    if (found->run.bytes == 0) return false;
    if (index < found->first + found->run.length) return true;
    found->before = {found->offset, found->first};
    found->offset += found->run.bytes;
    found->first += found->run.length;
  }
  return false;
}

// Joins neighbouring runs of the same value, looking at a few of them.
void JoinRuns(std::string* sketch, size_t at) {
  for (int i = 0; i < kMergeScan && at < sketch->size(); ++i) {
    const Run run = RunAt(*sketch, at);
    if (run.bytes == 0) return;
    if (run.value != 0 && at + 1 < sketch->size()) {
      const Run next = RunAt(*sketch, at + 1);
      if (next.value == run.value && run.length + next.length <= kValuesMax) {
        (*sketch)[at + 1] = ValueRun(run.value, run.length + next.length);
        sketch->erase(at, 1);
        continue;
      }
    }
    at += run.bytes;
  }
}

Raised RaiseAsDense(std::string* sketch, Place place) {
  if (!MakeDense(sketch)) return Raised::kCorrupt;
  return RaiseDense(sketch->data(), place) ? Raised::kYes : Raised::kNo;
}

Raised RaiseSparse(std::string* sketch, Place place, uint64_t bytes_max, SparsePosition* from) {
  if (place.rank > kSparseRankMax) return RaiseAsDense(sketch, place);
  Found found;
  bool there = FindRun(*sketch, place.index, *from, &found);
  // The run before the one that the search began at is not known, but may have to be joined.
  if (there && found.offset == from->offset && found.offset != kHeaderBytes) {
    there = FindRun(*sketch, place.index, {}, &found);
  }
  if (!there) return Raised::kCorrupt;
  const Run run = found.run;
  if (run.value >= place.rank) return Raised::kNo;
  Split split;
  split.AddRun(run.value, place.index - found.first);
  split.AddValues(place.rank, 1);
  split.AddRun(run.value, found.first + run.length - 1 - place.index);
  const size_t size = sketch->size() - run.bytes + split.bytes().size();
  if (size > sketch->size() && size > bytes_max) return RaiseAsDense(sketch, place);
  sketch->replace(found.offset, run.bytes, split.bytes());
  JoinRuns(sketch, found.before.offset);
  *from = found.before;
  return Raised::kYes;
}

// How many registers have each value.
using Histogram = std::array<uint32_t, 64>;

// Sums of Ertl's estimator for registers that nothing has raised, and for those that cannot be raised
// further.
double Sigma(double x) {
  if (x == 1) return std::numeric_limits<double>::infinity();
  double power = 1;
  double sum = x;
  for (double last = -1; sum != last; power += power) {
    last = sum;
    x *= x;
    sum += x * power;
  }
  return sum;
}

double Tau(double x) {
  if (x == 0 || x == 1) return 0;
  double power = 1;
  double sum = 1 - x;
  for (double last = -1; sum != last;) {
    last = sum;
    x = std::sqrt(x);
    power *= 0.5;
    sum -= (1 - x) * (1 - x) * power;
  }
  return sum / 3;
}

uint64_t Estimate(const Histogram& histogram) {
  constexpr double kAlpha = 0.721347520444481703680;  // 1 / (2 ln 2)
  constexpr double kCount = kRegisters;
  double sum = kCount * Tau((kCount - histogram[kRankMax]) / kCount);
  for (size_t rank = kRankBits; rank >= 1; --rank) sum = (sum + histogram[rank]) * 0.5;
  sum += kCount * Sigma(histogram[0] / kCount);
  // Registers that no element can have raised so far.
  if (sum == 0) return uint64_t{1} << 63;
  return static_cast<uint64_t>(std::llround(kAlpha * kCount * kCount / sum));
}

}  // namespace

Place PlaceOf(std::string_view element) {
  const uint64_t hash = Murmur64A(element);
  const uint64_t rest = hash >> kIndexBits | uint64_t{1} << kRankBits;
  return {static_cast<uint32_t>(hash % kRegisters),
          static_cast<uint8_t>(std::countr_zero(rest) + 1)};
}

bool IsSketch(std::string_view value) {
  if (value.size() < kHeaderBytes || !value.starts_with(kMagic)) return false;
  return IsDense(value) ? value.size() == kDenseBytes : value[4] == 1;
}

std::optional<uint64_t> KeptCount(std::string_view sketch) {
  uint64_t count;
  std::memcpy(&count, sketch.data() + kCountOffset, sizeof count);
  if (count >> 63 != 0) return std::nullopt;
  return count;
}

void KeepCount(char* sketch, uint64_t count) {
  std::memcpy(sketch + kCountOffset, &count, sizeof count);
}

void ForgetCount(char* sketch) {
  char& last = sketch[kCountOffset + kCountBytes - 1];
  last = static_cast<char>(static_cast<uint8_t>(last) | kCountStale);
}

std::string NewSketch() {
  std::string sketch(kMagic);
  sketch.push_back(1);
  sketch.resize(kHeaderBytes);
  Split zeros;
  zeros.AddZeros(kRegisters);
  return sketch.append(zeros.bytes());
}

Raised WouldRaise(std::string_view sketch, Place place) {
  uint8_t value = 0;
  if (IsDense(sketch)) {
    value = DenseRegister(sketch.data(), place.index);
  } else {
    Found found;
    if (!FindRun(sketch, place.index, {}, &found)) return Raised::kCorrupt;
    value = found.run.value;
  }
  return value < place.rank ? Raised::kYes : Raised::kNo;
}

bool RaiseDense(char* sketch, Place place) {
  if (DenseRegister(sketch, place.index) >= place.rank) return false;
  SetDenseRegister(sketch, place.index, place.rank);
  return true;
}

Raised Raise(std::string* sketch, Place place, uint64_t sparse_bytes_max, SparsePosition* from) {
  if (IsDense(*sketch)) return RaiseDense(sketch->data(), place) ? Raised::kYes : Raised::kNo;
  SparsePosition beginning;
  return RaiseSparse(sketch, place, sparse_bytes_max, from != nullptr ? from : &beginning);
}

bool MakeDense(std::string* sketch) {
  if (IsDense(*sketch)) return true;
  std::string dense(kDenseBytes, '\0');
  dense.replace(0, kHeaderBytes, *sketch, 0, kHeaderBytes);
  dense[4] = 0;
  const bool valid = ForEachRun(*sketch, [&](uint32_t first, const Run& run) {
    if (run.value == 0) return;
    for (uint32_t i = 0; i < run.length; ++i) SetDenseRegister(dense.data(), first + i, run.value);
  });
  if (valid) *sketch = std::move(dense);
  return valid;
}

bool MergeInto(std::string_view sketch, Registers* registers) {
  if (IsDense(sketch)) {
    ForEachDense(sketch, [registers](uint32_t index, uint8_t value) {
      (*registers)[index] = std::max((*registers)[index], value);
    });
    return true;
  }
  return ForEachRun(sketch, [registers](uint32_t first, const Run& run) {
    if (run.value == 0) return;
    for (uint32_t i = first; i < first + run.length; ++i) {
      (*registers)[i] = std::max((*registers)[i], run.value);
    }
  });
}

std::optional<uint64_t> Estimate(std::string_view sketch) {
  Histogram histogram{};
  if (IsDense(sketch)) {
    ForEachDense(sketch, [&histogram](uint32_t, uint8_t value) { ++histogram[value]; });
  } else if (!ForEachRun(sketch, [&histogram](uint32_t, const Run& run) {
               histogram[run.value] += run.length;
             })) {
    return std::nullopt;
  }
  return Estimate(histogram);
}

uint64_t Estimate(const Registers& registers) {
  Histogram histogram{};
  for (const uint8_t value : registers) ++histogram[value & 63];
  return Estimate(histogram);
}

std::optional<std::string> Describe(std::string_view sketch) {
  std::string text;
  for (size_t at = kHeaderBytes; at < sketch.size();) {
    const Run run = RunAt(sketch, at);
    if (run.bytes == 0) return std::nullopt;
    if (!text.empty()) text += ' ';
    if (run.value != 0) {
      text += "v:" + std::to_string(run.value) + "," + std::to_string(run.length);
    } else {
      text += (run.bytes == 2 ? "Z:" : "z:") + std::to_string(run.length);
    }
    at += run.bytes;
  }
  return text;
}

}  // namespace alai::hyperloglog
