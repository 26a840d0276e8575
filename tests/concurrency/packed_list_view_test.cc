// A packed list that changes while other threads read views of it.
#include <atomic>
#include <cstdlib>
#include <string>
#include <thread>

#include "engine/base/random.h"
#include "engine/containers/packed_list.h"
#include "tests/catch.h"

namespace alai {
namespace {

// Sums what a view shows, from the front to the back and the other way round.
uint64_t SumOf(const PackedContents& view) {
  uint64_t sum = 0;
  PackedCursor cursor(view);
  for (bool more = cursor.Seek(0); more; more = cursor.Next()) {
    sum += static_cast<uint64_t>(cursor.value().integer);
  }
  uint64_t again = 0;
  for (bool more = cursor.SeekEnd(ListEnd::kBack); more; more = cursor.Previous()) {
    again += static_cast<uint64_t>(cursor.value().integer);
  }
  return sum == again ? sum : UINT64_MAX;
}

TEST_CASE("views of a packed list are read while it changes") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  PackedList list({-1, 1});
  uint64_t sum = 0;
  for (uint64_t i = 0; i < 20'000; ++i) {
    list.Push(ListEnd::kBack, std::to_string(i));
    sum += i;
  }
  for (int round = 0; round < 10; ++round) {
    const PackedContents view = list.Freeze();
    const uint64_t expected = sum;
    std::atomic<bool> done{false};
    std::thread reader([&] {
      for (int i = 0; i < 3; ++i) {
        if (SumOf(view) != expected) std::abort();
      }
      done = true;
    });
    while (!done || random.OneIn(2)) {
      const uint64_t number = random.Below(1'000'000);
      const ListEnd end = random.OneIn(2) ? ListEnd::kFront : ListEnd::kBack;
      sum += number;
      if (random.OneIn(4)) {
        list.Insert(random.Below(list.size()), std::to_string(number));
      } else {
        list.Push(end, std::to_string(number));
      }
      sum -= static_cast<uint64_t>(list.Peek(Opposite(end)).integer);
      list.Pop(Opposite(end));
    }
    reader.join();
    list.Release();
    list.FreeHeld(SIZE_MAX);
  }
  CHECK(list.size() == 20'000);
  CHECK(SumOf(list.contents()) == sum);
}

}  // namespace
}  // namespace alai
