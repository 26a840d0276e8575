// Question: how much more do two threads on two cores do than one, on the same store, and how close is
// that to two threads with a store each?
// Trap: the machine's two cores share memory bandwidth and are noisy, so every figure is a median of
// rounds in which one thread, two threads and two stores take turns.
#include <sched.h>

#include <atomic>
#include <cstdio>
#include <functional>
#include <thread>

#include "bench/engine/workload.h"

namespace alai {
namespace {

constexpr size_t kKeys = 1'000'000;
constexpr int kRounds = 7;
constexpr int64_t kNanos = 700'000'000;

void Pin(int core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  sched_setaffinity(0, sizeof set, &set);
}

struct Load {
  const char* name;
  bool batched;
  bool writes;  // one third
};

// Operations a second of one thread, from the moment `go` is true.
double RunThread(Store& store, const Keys& keys, const Load& load, int core,
                 std::atomic<int>& ready, int threads) {
  Pin(core);
  Worker worker(store);
  char out[64];
  Worker::Batch batch;
  size_t at = keys.count() / 2 * static_cast<size_t>(core) / kBatch * kBatch;
  ready.fetch_add(1);
  while (ready.load() < threads) {
  }
  const int64_t start = SystemClock::Get()->MonotonicNanos();
  int64_t end = start;
  uint64_t done = 0;
  while (end - start < kNanos) {
    for (int round = 0; round < 64; ++round) {
      if (load.batched) {
        worker.Prefetch(keys, at, &batch);
      } else {
        for (size_t i = 0; i < kBatch; ++i) batch[i] = KeyView{keys.at(at + i), 0};
      }
      for (size_t i = 0; i < kBatch; ++i) {
        const KeyView key = load.batched ? batch[i] : MakeKey(batch[i].bytes);
        if (load.writes && (at + i) % 3 == 0) {
          worker.Set(key, kValue32);
        } else {
          worker.Get(key, out);
        }
      }
      worker.Quiescent();
      done += kBatch;
      at = at + 2 * kBatch <= keys.count() ? at + kBatch : 0;
    }
    end = SystemClock::Get()->MonotonicNanos();
  }
  return static_cast<double>(done) * 1e9 / static_cast<double>(end - start);
}

double Run(std::vector<Store*> stores, const Keys& keys, const Load& load) {
  std::atomic<int> ready{0};
  std::vector<double> rates(stores.size());
  std::vector<std::thread> threads;
  for (size_t i = 0; i < stores.size(); ++i) {
    threads.emplace_back([&, i] {
      rates[i] = RunThread(*stores[i], keys, load, static_cast<int>(i), ready,
                           static_cast<int>(stores.size()));
    });
  }
  double sum = 0;
  for (size_t i = 0; i < stores.size(); ++i) {
    threads[i].join();
    sum += rates[i];
  }
  return sum;
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void Main() {
  SeedHashRandomly();
  const Keys keys(kKeys);
  const std::unique_ptr<Store> store = FilledStore(keys);
  const std::unique_ptr<Store> other = FilledStore(keys);
  std::printf("%-34s %10s %10s %7s %8s %s\n", "1,000,000 keys, Mop/s", "1 thread", "2 threads",
              "ratio", "ceiling", "ratio spread");
  for (const Load& load : {Load{"GET", false, false}, Load{"GET in batches of 16", true, false},
                           Load{"2/3 GET, 1/3 SET", false, true},
                           Load{"2/3 GET, 1/3 SET in batches of 16", true, true}}) {
    std::vector<double> one, two, ceiling, ratio;
    for (int round = 0; round < kRounds; ++round) {
      one.push_back(Run({store.get()}, keys, load));
      two.push_back(Run({store.get(), store.get()}, keys, load));
      ceiling.push_back(Run({store.get(), other.get()}, keys, load) / one.back());
      ratio.push_back(two.back() / one.back());
    }
    const auto [low, high] = std::minmax_element(ratio.begin(), ratio.end());
    std::printf("%-34s %10.2f %10.2f %7.2f %8.2f %.2f-%.2f\n", load.name, Median(one) / 1e6,
                Median(two) / 1e6, Median(ratio), Median(ceiling), *low, *high);
    std::fflush(stdout);
  }
}

}  // namespace
}  // namespace alai

int main() { alai::Main(); }
