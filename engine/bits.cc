#include "engine/bits.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "engine/base/assert.h"

namespace alai::bits {
namespace {

uint64_t LoadWord(const char* bytes) {
  uint64_t word;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

// Eight bytes as a number whose highest bit is the first; zeros beyond the end.
uint64_t LoadForward(std::string_view bytes, uint64_t at) {
  uint64_t word = 0;
  if (at < bytes.size()) {
    std::memcpy(&word, bytes.data() + at, std::min<uint64_t>(sizeof word, bytes.size() - at));
  }
  return __builtin_bswap64(word);
}

using Lanes [[gnu::vector_size(16)]] = uint64_t;

template <class Operation>
void Zip(char* into, std::string_view other, Operation operation) {
  const char* from = other.data();
  char* const end = into + other.size();
  for (; end - into >= static_cast<ptrdiff_t>(sizeof(Lanes));
       into += sizeof(Lanes), from += sizeof(Lanes)) {
    Lanes a;
    Lanes b;
    std::memcpy(&a, into, sizeof a);
    std::memcpy(&b, from, sizeof b);
    a = operation(a, b);
    std::memcpy(into, &a, sizeof a);
  }
  for (; into != end; ++into, ++from) *into = static_cast<char>(operation(*into, *from));
}

void Or(char* into, std::string_view other) {
  Zip(into, other, [](auto a, auto b) { return a | b; });
}
void Xor(char* into, std::string_view other) {
  Zip(into, other, [](auto a, auto b) { return a ^ b; });
}
void AndNot(char* into, std::string_view other) {
  Zip(into, other, [](auto a, auto b) { return a & ~b; });
}
void Not(char* into, size_t size) {
  Zip(into, {into, size}, [](auto, auto b) { return ~b; });
}
void And(char* into, std::string_view other, size_t size) {
  Zip(into, other, [](auto a, auto b) { return a & b; });
  std::memset(into + other.size(), 0, size - other.size());
}

// What fits into the first-level cache, so that each source is read and the result written once.
constexpr size_t kChunkBytes = 4096;

class Chunk {
 public:
  Chunk(std::span<const std::string_view> sources, char* out, uint64_t at, size_t size)
      : sources_(sources), out_(out), at_(at), size_(size) {}

  void Combine(Combination combination) {
    switch (combination) {
      case Combination::kAnd:
        Begin(First());
        for (const std::string_view source : Others()) And(out_, Part(source), size_);
        break;
      case Combination::kOr:
        Begin(First());
        for (const std::string_view source : Others()) Or(out_, Part(source));
        break;
      case Combination::kXor:
        Begin(First());
        for (const std::string_view source : Others()) Xor(out_, Part(source));
        break;
      case Combination::kNot:
        Begin(First());
        Not(out_, size_);
        break;
      case Combination::kDiff:
        Begin(First());
        for (const std::string_view source : Others()) AndNot(out_, Part(source));
        break;
      case Combination::kDiff1:
        BeginWithOthers();
        AndNot(out_, First());
        break;
      case Combination::kAndOr:
        BeginWithOthers();
        And(out_, First(), size_);
        break;
      case Combination::kOne:
        KeepSingle();
        break;
    }
  }

 private:
  std::string_view Part(std::string_view source) const {
    return at_ < source.size() ? source.substr(at_, size_) : std::string_view{};
  }
  std::string_view First() const { return Part(sources_.front()); }
  std::span<const std::string_view> Others() const { return sources_.subspan(1); }

  void Begin(std::string_view part) {
    if (!part.empty()) std::memcpy(out_, part.data(), part.size());
    std::memset(out_ + part.size(), 0, size_ - part.size());
  }
  void BeginWithOthers() {
    Begin({});
    for (const std::string_view source : Others()) Or(out_, Part(source));
  }
  void KeepSingle() {
    char repeated[kChunkBytes];
    std::memset(repeated, 0, size_);
    Begin(First());
    for (const std::string_view source : Others()) {
      const std::string_view part = Part(source);
      char both[kChunkBytes];
      if (part.empty()) continue;
      std::memcpy(both, out_, part.size());
      And(both, part, part.size());
      Or(repeated, {both, part.size()});
      Or(out_, part);
    }
    AndNot(out_, {repeated, size_});
  }

  const std::span<const std::string_view> sources_;
  char* const out_;
  const uint64_t at_;
  const size_t size_;
};

// The bytes that a field touches, nine at most, and where it ends within them.
struct FieldBytes {
  FieldBytes(uint64_t offset, int width)
      : first(offset / 8),
        count((offset % 8 + static_cast<uint64_t>(width) + 7) / 8),
        bits_behind(static_cast<int>(count * 8 - offset % 8) - width) {}

  uint64_t first;
  uint64_t count;
  int bits_behind;
};

uint64_t LowBits(int width) { return UINT64_MAX >> (64 - width); }

}  // namespace

uint64_t CountBetween(std::string_view bytes, uint64_t first, uint64_t last) {
  DASSERT(first <= last && last / 8 < bytes.size());
  const std::string_view part = bytes.substr(first / 8, last / 8 - first / 8 + 1);
  const auto before = static_cast<uint8_t>(part.front() & ~(0xff >> first % 8));
  const auto behind = static_cast<uint8_t>(part.back() & (0x7f >> last % 8));
  return Count(part) - static_cast<uint64_t>(std::popcount(before) + std::popcount(behind));
}

uint64_t Find(std::string_view bytes, bool value, uint64_t first, uint64_t last) {
  DASSERT(first <= last && last / 8 < bytes.size());
  const uint64_t flip = value ? 0 : UINT64_MAX;
  uint64_t at = first / 8;
  uint64_t word = (LoadForward(bytes, at) ^ flip) & UINT64_MAX >> first % 8;
  while (word == 0) {
    at += 8;
    for (; at + 32 <= bytes.size(); at += 32) {
      const char* next = bytes.data() + at;
      if (((LoadWord(next) ^ flip) | (LoadWord(next + 8) ^ flip) | (LoadWord(next + 16) ^ flip) |
           (LoadWord(next + 24) ^ flip)) != 0) {
        break;
      }
    }
    if (at * 8 > last) return kNotFound;
    word = LoadForward(bytes, at) ^ flip;
  }
  const uint64_t found = at * 8 + static_cast<uint64_t>(std::countl_zero(word));
  return found <= last ? found : kNotFound;
}

void Combine(Combination combination, std::span<const std::string_view> sources, char* out,
             uint64_t length) {
  for (uint64_t at = 0; at < length; at += kChunkBytes) {
    Chunk(sources, out + at, at, std::min<uint64_t>(kChunkBytes, length - at)).Combine(combination);
  }
}

uint64_t ReadField(std::string_view bytes, uint64_t offset, int width) {
  const FieldBytes field(offset, width);
  unsigned __int128 around = 0;
  for (uint64_t i = 0; i < field.count; ++i) {
    const uint64_t at = field.first + i;
    around = around << 8 | (at < bytes.size() ? static_cast<uint8_t>(bytes[at]) : 0);
  }
  return static_cast<uint64_t>(around >> field.bits_behind) & LowBits(width);
}

void WriteField(char* bytes, uint64_t offset, int width, uint64_t value) {
  const FieldBytes field(offset, width);
  const auto mask = static_cast<unsigned __int128>(LowBits(width)) << field.bits_behind;
  auto around = static_cast<unsigned __int128>(value) << field.bits_behind & mask;
  auto replaced = mask;
  for (uint64_t i = field.count; i-- > 0; around >>= 8, replaced >>= 8) {
    char& byte = bytes[field.first + i];
    byte = static_cast<char>((static_cast<uint8_t>(byte) & ~static_cast<uint8_t>(replaced)) |
                             static_cast<uint8_t>(around));
  }
}

}  // namespace alai::bits
