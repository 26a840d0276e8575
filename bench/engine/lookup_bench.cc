// Question: what do a lookup and an overwrite cost on one thread, one at a time and in batches that are
// prefetched as the server's are?
// Trap: fewer keys than fit into the last-level cache make everything look fast; 1M and 10M do not fit.
#include <benchmark/benchmark.h>

#include "bench/engine/workload.h"

namespace alai {
namespace {

struct Setup {
  explicit Setup(size_t count)
      : keys(count), missing(count, uint64_t{1} << 40), store(FilledStore(keys)) {}

  Keys keys;
  Keys missing;
  std::unique_ptr<Store> store;
};

Setup& SetupOf(const benchmark::State& state) {
  static std::unique_ptr<Setup> setup;
  const auto count = static_cast<size_t>(state.range(0));
  if (setup == nullptr || setup->keys.count() != count) {
    setup.reset();
    setup = std::make_unique<Setup>(count);
  }
  return *setup;
}

void Look(benchmark::State& state, bool hit, bool batched) {
  Setup& setup = SetupOf(state);
  const Keys& keys = hit ? setup.keys : setup.missing;
  Worker worker(*setup.store);
  char out[64];
  size_t at = 0;
  size_t found = 0;
  Worker::Batch batch;
  for (auto _ : state) {
    if (batched) {
      worker.Prefetch(keys, at, &batch);
    } else {
      for (size_t i = 0; i < kBatch; ++i) batch[i] = KeyView{keys.at(at + i), 0};
    }
    for (KeyView key : batch) found += worker.Get(batched ? key : MakeKey(key.bytes), out) != 0;
    worker.Quiescent();
    at = at + 2 * kBatch <= keys.count() ? at + kBatch : 0;
  }
  if ((found != 0) != hit) state.SkipWithError("wrong answers");
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kBatch));
}

void BM_GetHit(benchmark::State& state) { Look(state, true, false); }
void BM_GetMiss(benchmark::State& state) { Look(state, false, false); }
void BM_GetHitBatched(benchmark::State& state) { Look(state, true, true); }
void BM_GetMissBatched(benchmark::State& state) { Look(state, false, true); }

void Overwrite(benchmark::State& state, bool batched, int64_t ttl_max) {
  Setup& setup = SetupOf(state);
  Worker worker(*setup.store);
  Random random(3);
  const UnixMillis now = SystemClock::Get()->WallMillis();
  size_t at = 0;
  Worker::Batch batch;
  for (auto _ : state) {
    if (batched) {
      worker.Prefetch(setup.keys, at, &batch);
    } else {
      for (size_t i = 0; i < kBatch; ++i) batch[i] = KeyView{setup.keys.at(at + i), 0};
    }
    for (KeyView key : batch) {
      const UnixMillis deadline =
          ttl_max == 0 ? kNoDeadline : now + 3'600'000 + random.Between(0, ttl_max);
      worker.Set(batched ? key : MakeKey(key.bytes), kValue32, deadline);
    }
    worker.Quiescent();
    at = at + 2 * kBatch <= setup.keys.count() ? at + kBatch : 0;
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kBatch));
}

void BM_Overwrite(benchmark::State& state) { Overwrite(state, false, 0); }
void BM_OverwriteBatched(benchmark::State& state) { Overwrite(state, true, 0); }
void BM_OverwriteBatchedTtl(benchmark::State& state) { Overwrite(state, true, 3'600'000); }

BENCHMARK(BM_GetHit)->Arg(1'000'000)->Arg(10'000'000);
BENCHMARK(BM_GetMiss)->Arg(1'000'000)->Arg(10'000'000);
BENCHMARK(BM_GetHitBatched)->Arg(1'000'000)->Arg(10'000'000);
BENCHMARK(BM_GetMissBatched)->Arg(1'000'000)->Arg(10'000'000);
BENCHMARK(BM_Overwrite)->Arg(1'000'000)->Arg(10'000'000);
BENCHMARK(BM_OverwriteBatched)->Arg(1'000'000)->Arg(10'000'000);
BENCHMARK(BM_OverwriteBatchedTtl)->Arg(1'000'000);

}  // namespace
}  // namespace alai

BENCHMARK_MAIN();
