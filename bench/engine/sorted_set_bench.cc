// Question: what do the operations of a sorted set of a million members and more cost, and its bytes?
// Trap: members that come in the order of their scores make every cache look good, so they are shuffled; a
// structure that doubles looks good at one size, so bytes are shown at several.
#include <benchmark/benchmark.h>
#include <jemalloc/jemalloc.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/hash.h"
#include "engine/base/random.h"
#include "engine/containers/sorted_set.h"

namespace alai {
namespace {

// member:000000000 and so on.
class Name {
 public:
  explicit Name(uint64_t number) {
    std::snprintf(text_, sizeof text_, "member:%09u", Number(number));
  }
  operator std::string_view() const { return {text_, 16}; }

 private:
  static unsigned Number(uint64_t number) { return static_cast<unsigned>(number % 1'000'000'000); }

  char text_[20];
};

std::vector<uint32_t> Shuffled(size_t count, uint64_t seed) {
  std::vector<uint32_t> order(count);
  for (uint32_t i = 0; i < count; ++i) order[i] = i;
  Random random(seed);
  for (size_t i = count; i > 1; --i) std::swap(order[i - 1], order[random.Below(i)]);
  return order;
}

// Names are formed beforehand: printing one costs as much as looking it up.
struct Setup {
  explicit Setup(size_t count) {
    const std::vector<uint32_t> order = Shuffled(count, 1);
    const std::vector<uint32_t> score_order = Shuffled(count, 2);
    names.reserve(count);
    for (size_t i = 0; i < count; ++i) {
      names.emplace_back(order[i]);
      scores.push_back(score_order[i]);
    }
    for (size_t i = 0; i < count; ++i) set.Set(names[i], scores[i]);
  }

  std::vector<Name> names;
  std::vector<double> scores;
  SortedSet set;
};

Setup& SetupOf(const benchmark::State& state, bool fresh = false) {
  static std::unique_ptr<Setup> setup;
  const auto count = static_cast<size_t>(state.range(0));
  if (fresh || setup == nullptr || setup->names.size() != count) {
    setup.reset();
    setup = std::make_unique<Setup>(count);
  }
  return *setup;
}

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

enum class Order { kShuffled, kAscending };
enum class Kind { kIntegers, kReals, kSame };

// Fills a set; the counters are bytes a member, as the process has them and as the set counts them.
void Fill(benchmark::State& state, Order order, Kind kind) {
  const auto count = static_cast<size_t>(state.range(0));
  std::vector<uint32_t> numbers = Shuffled(count, 3);
  std::vector<uint32_t> scores = Shuffled(count, 4);
  for (uint32_t i = 0; order == Order::kAscending && i < count; ++i) numbers[i] = scores[i] = i;
  std::vector<Name> names(numbers.begin(), numbers.end());
  double resident = 0;
  double counted = 0;
  for (auto _ : state) {
    Purge();
    const double before = ResidentBytes();
    const auto set = std::make_unique<SortedSet>();
    for (size_t i = 0; i < count; ++i) {
      const double score = kind == Kind::kSame       ? 1
                           : kind == Kind::kIntegers ? scores[i]
                                                     : scores[i] * 0.001;
      set->Set(names[i], score);
    }
    state.PauseTiming();
    Purge();
    resident = (ResidentBytes() - before) / static_cast<double>(count);
    counted = static_cast<double>(set->allocated_bytes()) / static_cast<double>(count);
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.counters["resident"] = resident;
  state.counters["counted"] = counted;
}

void BM_Fill(benchmark::State& state) { Fill(state, Order::kShuffled, Kind::kIntegers); }
void BM_FillReals(benchmark::State& state) { Fill(state, Order::kShuffled, Kind::kReals); }
void BM_FillSame(benchmark::State& state) { Fill(state, Order::kShuffled, Kind::kSame); }
void BM_FillAscending(benchmark::State& state) { Fill(state, Order::kAscending, Kind::kIntegers); }

// New members into a large set; each is removed again outside of the measured time.
void BM_AddNew(benchmark::State& state) {
  Setup& setup = SetupOf(state);
  constexpr size_t kTurn = 4'096;
  std::vector<Name> names;
  Random random(6);
  for (size_t i = 0; i < kTurn; ++i) names.emplace_back(500'000'000 + i * 7'919);
  size_t at = 0;
  for (auto _ : state) {
    setup.set.Set(names[at], static_cast<double>(random.Below(setup.names.size())));
    if (++at < kTurn) continue;
    state.PauseTiming();
    for (const Name& name : names) setup.set.Remove(name);
    at = 0;
    state.ResumeTiming();
  }
  for (size_t i = 0; i < at; ++i) setup.set.Remove(names[i]);
}

void BM_Remove(benchmark::State& state) {
  Setup& setup = SetupOf(state);
  constexpr size_t kTurn = 4'096;
  size_t at = 0;
  for (auto _ : state) {
    setup.set.Remove(setup.names[at]);
    if (++at < kTurn) continue;
    state.PauseTiming();
    for (size_t i = 0; i < at; ++i) setup.set.Set(setup.names[i], setup.scores[i]);
    at = 0;
    state.ResumeTiming();
  }
  for (size_t i = 0; i < at; ++i) setup.set.Set(setup.names[i], setup.scores[i]);
}

// Calls `run` with one member after the other, in shuffled order.
template <class Run>
void ForMembers(benchmark::State& state, Run run) {
  Setup& setup = SetupOf(state);
  size_t at = 0;
  for (auto _ : state) {
    run(setup, at);
    if (++at == setup.names.size()) at = 0;
  }
}

void BM_Score(benchmark::State& state) {
  ForMembers(state, [](Setup& setup, size_t i) {
    benchmark::DoNotOptimize(setup.set.Score(setup.names[i]));
  });
}

void BM_ScoreMiss(benchmark::State& state) {
  SortedSet& set = SetupOf(state).set;
  std::vector<Name> names;
  for (size_t i = 0; i < 65'536; ++i) names.emplace_back(700'000'000 + i);
  size_t at = 0;
  for (auto _ : state) benchmark::DoNotOptimize(set.Score(names[at++ % names.size()]));
}

void BM_Rank(benchmark::State& state) {
  ForMembers(state, [](Setup& setup, size_t i) {
    benchmark::DoNotOptimize(setup.set.Rank(setup.names[i]));
  });
}

void BM_CountInScoreRange(benchmark::State& state) {
  ForMembers(state, [](Setup& setup, size_t i) {
    const double score = setup.scores[i];
    benchmark::DoNotOptimize(setup.set.CountIn(ScoreRange{score, score + 1'000}));
  });
}

void BM_RangeOf100(benchmark::State& state) {
  ForMembers(state, [](Setup& setup, size_t i) {
    size_t bytes = 0;
    SortedSet::Cursor cursor = setup.set.At(static_cast<uint64_t>(setup.scores[i]));
    for (int n = 0; n < 100 && cursor.valid(); ++n, cursor.Next()) {
      bytes += cursor.member().size() + static_cast<size_t>(cursor.score() >= 0);
    }
    benchmark::DoNotOptimize(bytes);
  });
}

void BM_ScanOf10(benchmark::State& state) {
  SortedSet& set = SetupOf(state).set;
  uint64_t cursor = 0;
  size_t bytes = 0;
  const SortedSet::Visit visit = [&](std::string_view member, double) { bytes += member.size(); };
  for (auto _ : state) cursor = set.Scan(cursor, 10, visit);
  benchmark::DoNotOptimize(bytes);
}

void BM_ChangeScoreALittle(benchmark::State& state) {
  ForMembers(state, [](Setup& setup, size_t i) {
    setup.scores[i] += 1;
    setup.set.Set(setup.names[i], setup.scores[i]);
  });
  SetupOf(state, true);
}

void BM_ChangeScore(benchmark::State& state) {
  Random random(5);
  ForMembers(state, [&](Setup& setup, size_t i) {
    setup.scores[i] = static_cast<double>(random.Below(setup.names.size()));
    setup.set.Set(setup.names[i], setup.scores[i]);
  });
  SetupOf(state, true);
}

void BM_PopMin(benchmark::State& state) {
  Setup& setup = SetupOf(state, true);
  const SortedSet::Visit gone = [](std::string_view, double) {};
  for (auto _ : state) {
    if (setup.set.size() == 0) state.SkipWithError("all popped");
    setup.set.PopMin(1, gone);
  }
}

BENCHMARK(BM_Fill)
    ->Arg(200)
    ->Arg(1'000)
    ->Arg(1'000'000)
    ->Arg(1'300'000)
    ->Arg(1'700'000)
    ->Arg(2'000'000)
    ->Unit(benchmark::kMillisecond);
BENCHMARK(BM_FillReals)->Arg(1'000'000)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_FillSame)->Arg(1'000'000)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_FillAscending)->Arg(1'000'000)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_AddNew)->Arg(1'000'000);
BENCHMARK(BM_Remove)->Arg(1'000'000);
BENCHMARK(BM_Score)->Arg(1'000'000);
BENCHMARK(BM_ScoreMiss)->Arg(1'000'000);
BENCHMARK(BM_Rank)->Arg(1'000'000);
BENCHMARK(BM_CountInScoreRange)->Arg(1'000'000);
BENCHMARK(BM_RangeOf100)->Arg(1'000'000);
BENCHMARK(BM_ScanOf10)->Arg(1'000'000);
BENCHMARK(BM_ChangeScoreALittle)->Arg(1'000'000);
BENCHMARK(BM_ChangeScore)->Arg(1'000'000);
BENCHMARK(BM_PopMin)->Arg(1'000'000)->Iterations(500'000);

}  // namespace
}  // namespace alai

BENCHMARK_MAIN();
