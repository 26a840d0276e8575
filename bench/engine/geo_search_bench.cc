// Question: what does a search for the members in a circle cost, by how many it finds?
// Trap: positions spread evenly over the map leave cells empty, so they lie in one city; a circle that is always the
// same is in the cache, so centres are drawn.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>

#include "engine/base/random.h"
#include "engine/containers/sorted_set.h"
#include "engine/geo/area.h"
#include "engine/geo/geohash.h"
#include "engine/types/geo_search.h"

namespace alai {
namespace {

constexpr uint64_t kMembers = 200'000;

double Uniform(Random& random, double from, double to) {
  return from + (to - from) * static_cast<double>(random.Next() >> 11) * 0x1p-53;
}

geo::Position InCity(Random& random) { return {Uniform(random, 10, 11), Uniform(random, 45, 46)}; }

const SortedSet& City() {
  static const std::unique_ptr<SortedSet> city = [] {
    auto set = std::make_unique<SortedSet>();
    Random random(1);
    for (uint64_t i = 0; i < kMembers; ++i) {
      set->Set("member:" + std::to_string(i), geo::ScoreOf(InCity(random)));
    }
    return set;
  }();
  return *city;
}

// The argument is the radius in metres.
void Search(benchmark::State& state, geo::Order order, uint64_t count, uint64_t limit) {
  const sorted_sets::Members members(City());
  Random random(2);
  uint64_t found = 0;
  for (auto _ : state) {
    const geo::Area area = geo::Area::Circle(InCity(random), static_cast<double>(state.range(0)));
    geo::Matches matches = geo::Search(members, area, limit);
    found += matches.size();
    if (order != geo::Order::kNone) geo::Sort(&matches, order, count);
    benchmark::DoNotOptimize(matches.data());
  }
  state.counters["found"] = static_cast<double>(found) / static_cast<double>(state.iterations());
}

void BM_All(benchmark::State& state) { Search(state, geo::Order::kNone, 0, UINT64_MAX); }
void BM_AllByDistance(benchmark::State& state) {
  Search(state, geo::Order::kNearest, UINT64_MAX, UINT64_MAX);
}
void BM_NearestTen(benchmark::State& state) { Search(state, geo::Order::kNearest, 10, UINT64_MAX); }
void BM_AnyTen(benchmark::State& state) { Search(state, geo::Order::kNone, 0, 10); }

BENCHMARK(BM_All)->Arg(100)->Arg(1'000)->Arg(10'000);
BENCHMARK(BM_AllByDistance)->Arg(100)->Arg(1'000)->Arg(10'000);
BENCHMARK(BM_NearestTen)->Arg(100)->Arg(1'000)->Arg(10'000);
BENCHMARK(BM_AnyTen)->Arg(1'000)->Arg(10'000);

}  // namespace
}  // namespace alai

BENCHMARK_MAIN();
