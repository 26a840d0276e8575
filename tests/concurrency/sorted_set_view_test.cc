// A sorted set that changes while another thread reads views of it.
#include <cstdlib>
#include <string>
#include <thread>

#include "engine/base/random.h"
#include "engine/containers/sorted_set.h"
#include "tests/catch.h"

namespace alai {
namespace {

constexpr uint64_t kMembers = 5'000;

// Some are too long for a node, and have blocks of their own.
std::string Member(uint64_t i) {
  return std::to_string(i) + std::string(i % 100 == 0 ? 300 : 0, 'x');
}

// The scores of all that a view shows, each weighed by its member, from the lowest to the highest.
double SumOf(const SortedSet::View& view) {
  double sum = 0;
  for (SortedSet::Cursor cursor(view, 0); cursor.valid(); cursor.Next()) {
    sum += cursor.score() * static_cast<double>(1 + cursor.member()[0] % 7);
  }
  return sum;
}

TEST_CASE("views of a sorted set are read while it changes") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  SortedSet set;
  for (uint64_t i = 0; i < kMembers; ++i) set.Set(Member(i), static_cast<double>(i));
  for (int round = 0; round < 10; ++round) {
    const SortedSet::View view = set.Freeze();
    const double expected = SumOf(view);
    const SortedSet::View later = set.Freeze();  // the same, in a generation of its own
    std::thread reader([&] {
      for (int i = 0; i < 3; ++i) {
        if (SumOf(view) != expected || SumOf(later) != expected) std::abort();
      }
    });
    for (uint64_t i = 0; i < 4 * kMembers; ++i) {
      const std::string member = Member(random.Below(kMembers));
      if (random.OneIn(4)) {
        set.Remove(member);
      } else {
        set.Set(member, static_cast<double>(random.Below(1'000'000)));
      }
    }
    reader.join();
    set.Release(view);
    CHECK(SumOf(later) == expected);
    set.Release(later);
    while (set.FreeGarbage(SIZE_MAX)) {
    }
  }
}

}  // namespace
}  // namespace alai
