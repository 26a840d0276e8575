// Question: how many resident bytes does a key cost at every size between one and two million keys?
// Trap: a table that doubles looks good at one size and bad at another; the worst point counts. The
// allocator's dirty pages are purged before each reading.
#include <jemalloc/jemalloc.h>

#include <cstdio>
#include <cstdlib>

#include "bench/engine/workload.h"

namespace alai {
namespace {

double ResidentBytes() {
  FILE* statm = std::fopen("/proc/self/statm", "r");
  unsigned long size = 0;
  unsigned long resident = 0;
  if (statm == nullptr || std::fscanf(statm, "%lu %lu", &size, &resident) != 2) std::abort();
  std::fclose(statm);
  return static_cast<double>(resident) * 4096;
}

void Purge() {
  mallctl("thread.tcache.flush", nullptr, nullptr, nullptr, 0);
  mallctl("arena.4096.purge", nullptr, nullptr, nullptr, 0);
}

struct Load {
  const char* name;
  bool expires;
  bool score;    // `score:` keys of 19 bytes with values of 8
  bool integer;  // integer values
};

void Measure(const Load& load) {
  auto store = std::make_unique<Store>(StoreOptions{.databases = 1, .workers = 2});
  Worker worker(*store);
  const UnixMillis now = SystemClock::Get()->WallMillis();
  Purge();
  const double before = ResidentBytes();
  double worst = 0;
  size_t worst_at = 0;
  double at_million = 0;
  double at_two_million = 0;
  for (size_t i = 1; i <= 2'000'000; ++i) {
    char key[32];
    const int length = load.score ? std::snprintf(key, sizeof key, "score:%013zu", i * 7919)
                                  : std::snprintf(key, sizeof key, "key:%012zu", i);
    const std::string_view name(key, static_cast<size_t>(length));
    const std::string value = load.integer ? std::to_string(i)
                              : load.score ? std::string("0.123456")
                                           : std::string(kValue32);
    const KeyView view = MakeKey(name);
    store->LockOf(view.hash).Lock();
    Tally tally;
    Db db(*store, worker.thread(), tally, 0, Access::kLocked, now);
    strings::SetOptions options;
    if (load.expires) options.deadline = now + 3'600'000 + static_cast<int64_t>(i / 1000);
    static_cast<void>(strings::Set(db, view, value, options));
    store->LockOf(view.hash).Unlock();
    if (i % kBatch == 0) worker.Quiescent();
    if (i >= 1'000'000 && i % 25'000 == 0) {
      Purge();
      const double per_key = (ResidentBytes() - before) / static_cast<double>(i);
      if (per_key > worst) {
        worst = per_key;
        worst_at = i;
      }
      if (i == 1'000'000) at_million = per_key;
      if (i == 2'000'000) at_two_million = per_key;
    }
  }
  const MemoryStats memory = store->Memory();
  std::printf("%-44s %9.1f %9.1f %9.1f (at %zu)   records %.1f table %.1f wheel %.1f\n", load.name,
              at_million, at_two_million, worst, worst_at,
              static_cast<double>(memory.record_bytes) / 2e6,
              static_cast<double>(memory.segment_bytes) / 2e6,
              static_cast<double>(memory.wheel_bytes) / 2e6);
}

}  // namespace
}  // namespace alai

int main(int argc, char** argv) {
  using alai::Load;
  const Load loads[] = {{"16-byte key, 32-byte value", false, false, false},
                        {"16-byte key, 32-byte value, TTL", true, false, false},
                        {"19-byte score key, 8-byte value, TTL", true, true, false},
                        {"16-byte key, integer value", false, false, true}};
  alai::SeedHashRandomly();
  // Each load needs a process of its own: freed memory would flatter the next.
  if (argc > 1) {
    alai::Measure(loads[std::strtoul(argv[1], nullptr, 10) % 4]);
    return 0;
  }
  std::printf("%-44s %9s %9s %9s\n", "resident bytes a key", "1M", "2M", "worst");
  std::fflush(stdout);
  for (int i = 0; i < 4; ++i) {
    const std::string command = std::string(argv[0]) + " " + std::to_string(i);
    if (std::system(command.c_str()) != 0) return 1;
  }
}
