// Question: how long does the longest insertion take while a store grows from nothing to ten million
// keys, and what does the growth cost on average?
// Trap: a fresh page costs 10 us and more on a virtual machine, which no table can help; insertions
// during which the thread had page faults or was preempted are counted apart.
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>

#include "bench/engine/workload.h"
#include "engine/base/histogram.h"

namespace alai {
namespace {

struct Disturbance {
  long faults;
  long switches;
  bool operator==(const Disturbance&) const = default;
};

Disturbance Disturbances() {
  rusage usage;
  getrusage(RUSAGE_THREAD, &usage);
  return {usage.ru_minflt, usage.ru_nivcsw};
}

void Print(const char* name, const Histogram& histogram) {
  std::printf(
      "%-28s %10lu insertions  p50 %6.2f  p99 %6.2f  p99.9 %7.2f  p99.99 %8.2f  max %9.2f us\n",
      name, static_cast<unsigned long>(histogram.count()),
      static_cast<double>(histogram.ValueAtPercentile(50)) / 1e3,
      static_cast<double>(histogram.ValueAtPercentile(99)) / 1e3,
      static_cast<double>(histogram.ValueAtPercentile(99.9)) / 1e3,
      static_cast<double>(histogram.ValueAtPercentile(99.99)) / 1e3,
      static_cast<double>(histogram.max()) / 1e3);
}

void Main(size_t count) {
  SeedHashRandomly();
  const Keys keys(count);
  Store store({.databases = 1, .workers = 2});
  Worker worker(store);
  const Clock& clock = *SystemClock::Get();
  // Two of 7 KB each on the heap.
  auto undisturbed = std::make_unique<Histogram>();
  auto disturbed = std::make_unique<Histogram>();
  const int64_t start = clock.MonotonicNanos();
  // Asking the system costs more than an insertion, so only slow ones are looked at closely: the
  // counters are read when an insertion took longer than this, and compared with the last reading.
  constexpr int64_t kSlowNanos = 20'000;
  Disturbance last = Disturbances();
  for (size_t i = 0; i < count; ++i) {
    const KeyView key = MakeKey(keys.at(i));
    if (i % 64 == 0) last = Disturbances();
    const int64_t before = clock.MonotonicNanos();
    worker.Set(key, kValue32);
    const int64_t took = clock.MonotonicNanos() - before;
    bool clean = true;
    if (took > kSlowNanos) {
      const Disturbance now = Disturbances();
      clean = now == last;
      last = now;
    }
    (clean ? *undisturbed : *disturbed).Record(static_cast<uint64_t>(took));
    if (i % kBatch == 0) worker.Quiescent();
  }
  const double per_key =
      static_cast<double>(clock.MonotonicNanos() - start) / static_cast<double>(count);
  Print("undisturbed", *undisturbed);
  Print("with page fault or preempted", *disturbed);
  const MemoryStats memory = store.Memory();
  std::printf("%zu keys, %.0f ns an insertion with its clock readings, table %.2f bytes a key\n",
              count, per_key,
              static_cast<double>(memory.segment_bytes) / static_cast<double>(count));
}

}  // namespace
}  // namespace alai

int main(int argc, char** argv) {
  alai::Main(argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 10'000'000);
}
