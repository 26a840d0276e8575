// Question: what do elements of a large list cost, in time for each use and in memory?
// Trap: a list that has only been pushed to has full nodes everywhere, so insertions in the middle are
// measured on one in which they have already happened a hundred thousand times.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <string>

#include "engine/base/random.h"
#include "engine/containers/packed_list.h"

namespace alai {
namespace {

constexpr uint64_t kItems = 1'000'000;

std::string Item(uint64_t number) {
  char text[32];
  const int length = std::snprintf(text, sizeof text, "item:%09lu", number);
  return {text, static_cast<size_t>(length)};
}

void Fill(PackedList& list, ListEnd end) {
  for (uint64_t i = 0; i < kItems; ++i) list.Push(end, Item(i));
}

void BM_Push(benchmark::State& state) {
  const auto end = static_cast<ListEnd>(state.range(0));
  const std::string item = Item(123'456'789);
  PackedList list;
  for (auto _ : state) list.Push(end, item);
  state.counters["bytes"] =
      static_cast<double>(list.allocated_bytes()) / static_cast<double>(list.size());
}
BENCHMARK(BM_Push)->Arg(0)->Arg(1);

// LPUSH and RPOP, with so many in between.
void BM_Queue(benchmark::State& state) {
  const std::string item = Item(123'456'789);
  PackedList list;
  for (int64_t i = 0; i < state.range(0); ++i) list.Push(ListEnd::kFront, item);
  for (auto _ : state) {
    list.Push(ListEnd::kFront, item);
    benchmark::DoNotOptimize(list.Peek(ListEnd::kBack));
    list.Pop(ListEnd::kBack);
  }
}
BENCHMARK(BM_Queue)->Arg(1)->Arg(100)->Arg(100'000);

void BM_Index(benchmark::State& state) {
  PackedList list({-2, static_cast<uint32_t>(state.range(0))});
  Fill(list, ListEnd::kBack);
  Random random(1);
  for (auto _ : state) {
    PackedCursor cursor(list.contents());
    cursor.Seek(random.Below(kItems));
    benchmark::DoNotOptimize(cursor.value());
  }
  state.counters["bytes"] = static_cast<double>(list.allocated_bytes()) / kItems;
}
BENCHMARK(BM_Index)->Arg(0)->Arg(1);

void BM_Walk(benchmark::State& state) {
  PackedList list;
  Fill(list, ListEnd::kBack);
  for (auto _ : state) {
    PackedCursor cursor(list.contents());
    for (bool more = cursor.Seek(0); more; more = cursor.Next()) {
      benchmark::DoNotOptimize(cursor.value());
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kItems));
}
BENCHMARK(BM_Walk);

void BM_Find(benchmark::State& state) {
  PackedList list;
  Fill(list, ListEnd::kBack);
  const std::string last = Item(kItems - 1);
  uint64_t index = 0;
  for (auto _ : state) benchmark::DoNotOptimize(list.Find(last, &index));
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kItems));
}
BENCHMARK(BM_Find);

// An insertion and a removal, anywhere.
void BM_InsertErase(benchmark::State& state) {
  PackedList list;
  Fill(list, ListEnd::kBack);
  Random random(1);
  const std::string item = Item(123'456'789);
  for (int i = 0; i < 100'000; ++i) list.Insert(random.Below(list.size()), item);
  const double bytes =
      static_cast<double>(list.allocated_bytes()) / static_cast<double>(list.size());
  for (auto _ : state) {
    list.Insert(random.Below(list.size()), item);
    list.Erase(random.Below(list.size()), 1);
  }
  state.counters["bytes"] = bytes;
}
BENCHMARK(BM_InsertErase);

}  // namespace
}  // namespace alai

BENCHMARK_MAIN();
