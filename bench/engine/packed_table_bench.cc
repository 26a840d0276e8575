// Question: what do members of a large hash or set cost, in bytes and nanoseconds, at sizes over a whole
// doubling?
// Trap: names in the order of insertion flatter the caches, so that lookups go in another order; both
// orders lie in memory as they are used, lest reading the names be measured. The allocator's dirty pages
// are purged before resident memory is read, and each load has a process of its own.
#include <jemalloc/jemalloc.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/clock.h"
#include "engine/base/hash.h"
#include "engine/base/random.h"
#include "engine/containers/packed_table.h"

namespace alai {
namespace {

constexpr size_t kSizes[] = {1'000'000, 1'300'000, 1'700'000, 2'000'000};
constexpr size_t kMembers = 2'000'000;
constexpr size_t kName = 16;

struct Load {
  const char* name;
  PackedTable::Kind kind;
  bool expires;
};

constexpr Load kLoads[] = {
    {"set of member:%09d", PackedTable::Kind::kSet, false},
    {"hash of field:%09d to value:%09d", PackedTable::Kind::kMap, false},
    {"the same with deadlines", PackedTable::Kind::kMap, true},
};

double ResidentBytes() {
  mallctl("thread.tcache.flush", nullptr, nullptr, nullptr, 0);
  mallctl("arena.4096.purge", nullptr, nullptr, nullptr, 0);
  FILE* statm = std::fopen("/proc/self/statm", "r");
  unsigned long size = 0;
  unsigned long resident = 0;
  if (statm == nullptr || std::fscanf(statm, "%lu %lu", &size, &resident) != 2) std::abort();
  std::fclose(statm);
  return static_cast<double>(resident) * 4096;
}

// Names of fixed length, one after the other.
class Names {
 public:
  Names(const Load& load, const std::vector<uint32_t>& order)
      : is_map_(load.kind == PackedTable::Kind::kMap) {
    bytes_.resize(order.size() * kName + 1);
    for (size_t i = 0; i < order.size(); ++i) {
      std::snprintf(&bytes_[i * kName], kName + 1, is_map_ ? "field:%09u" : "member:%09u",
                    order[i]);
    }
  }
  std::string_view operator[](size_t i) const {
    return {&bytes_[i * kName], is_map_ ? kName - 1 : kName};
  }

 private:
  bool is_map_;
  std::string bytes_;
};

template <class Operation>
double NanosEach(size_t count, Operation operation) {
  const Clock& clock = *SystemClock::Get();
  const int64_t start = clock.MonotonicNanos();
  for (size_t i = 0; i < count; ++i) operation(i);
  return static_cast<double>(clock.MonotonicNanos() - start) / static_cast<double>(count);
}

template <class Operation>
void Print(const char* what, size_t count, Operation operation) {
  std::printf("  %-28s %7.1f ns\n", what, NanosEach(count, operation));
}

void Measure(const Load& load) {
  std::printf("%s\n", load.name);
  Random random(7);
  std::vector<uint32_t> order(kMembers);
  for (uint32_t i = 0; i < kMembers; ++i) order[i] = i;
  std::shuffle(order.begin(), order.end(), random);
  const Names names(load, order);
  // The first million again, in another order, and names that are not there.
  std::vector<uint32_t> again(order.begin(), order.begin() + kSizes[0]);
  std::shuffle(again.begin(), again.end(), random);
  const Names others(load, again);
  for (uint32_t& number : again) number += kMembers;
  const Names missing(load, again);
  order = {};

  const bool is_map = load.kind == PackedTable::Kind::kMap;
  const std::string_view value = is_map ? "value:000000000" : "";
  const auto deadline = [&](size_t i) {
    return load.expires
               ? UnixMillis{1'700'000'000'000} + static_cast<UnixMillis>(i * 7'919 % 86'400'000)
               : kNoDeadline;
  };
  const double before = ResidentBytes();
  PackedTable table(load.kind);
  size_t inserted = 0;
  for (const size_t size : kSizes) {
    const double ns = NanosEach(size - inserted, [&](size_t i) {
      table.Insert(names[inserted + i], value, deadline(inserted + i));
    });
    inserted = size;
    std::printf(
        "  insert up to %9zu        %7.1f ns   bytes a member: allocated %5.2f, resident %5.2f\n",
        size, ns, static_cast<double>(table.allocated_bytes()) / static_cast<double>(size),
        (ResidentBytes() - before) / static_cast<double>(size));
    if (size != kSizes[0]) continue;
    size_t found = 0;
    Print("find", size, [&](size_t i) { found += table.Find(others[i]).has_value(); });
    Print("find, missing", size, [&](size_t i) { found += table.Find(missing[i]).has_value(); });
    if (found != size) std::abort();
    if (is_map)
      Print("set a value of equal length", size,
            [&](size_t i) { table.SetValue(others[i], value); });
    size_t bytes = 0;
    Print("random member", size,
          [&](size_t) { bytes += table.RandomMember(random).member.size(); });
    const auto add = [&](const PackedMember& member) {
      return (bytes += member.member.size()) != 0;
    };
    const double walk = NanosEach(1, [&](size_t) { table.ForEach(add); });
    uint64_t cursor = 0;
    const double scan = NanosEach(1, [&](size_t) {
      do cursor = table.Scan(cursor, 100, add);
      while (cursor != 0);
    });
    std::printf("  walk, scan by 100 (a member)  %6.1f, %.1f ns\n",
                walk / static_cast<double>(size), scan / static_cast<double>(size));
    if (bytes == 0) std::abort();
  }
  if (load.expires) {
    size_t taken = 0;
    Print("take what is due, by 100", 5'000, [&](size_t) {
      taken += table.TakeDue(deadline(0) + 86'400'000, 100, [](const PackedMember&) {});
    });
    if (taken != 500'000) std::abort();
  }
  Print("erase", kSizes[0], [&](size_t i) { table.Erase(others[i]); });
  Print("take a random member", table.size(),
        [&](size_t) { table.TakeRandom(random, [](const PackedMember&) {}); });
}

}  // namespace
}  // namespace alai

int main(int argc, char** argv) {
  alai::SeedHashRandomly();
  if (argc > 1) {
    alai::Measure(alai::kLoads[std::strtoul(argv[1], nullptr, 10) % std::size(alai::kLoads)]);
    return 0;
  }
  for (size_t i = 0; i < std::size(alai::kLoads); ++i) {
    const std::string command = std::string(argv[0]) + " " + std::to_string(i);
    if (std::system(command.c_str()) != 0) return 1;
  }
}
