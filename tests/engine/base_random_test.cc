// The generator's sequence is fixed for all time, its ranges are kept and even, and the operating
// system's source gives different numbers each time.

#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "engine/base/random.h"
#include "tests/catch.h"

namespace alai {
namespace {

// Pearson's chi-squared of counts that should all be equal.
double ChiSquared(const std::vector<int>& counts, int total) {
  const double expected = static_cast<double>(total) / static_cast<double>(counts.size());
  double sum = 0;
  for (const int count : counts) sum += (count - expected) * (count - expected) / expected;
  return sum;
}

TEST_CASE("the same seed gives the same numbers on every machine") {
  // From a separate implementation of SplitMix64 and xoshiro256++.
  Random random(42);
  CHECK(random.Next() == 0xd0764d4f4476689f);
  CHECK(random.Next() == 0x519e4174576f3791);
  CHECK(random.Next() == 0xfbe07cfb0c24ed8c);
  CHECK(Random(42).Next() != Random(43).Next());
}

TEST_CASE("Below keeps its bound and is even") {
  Random random(6);
  for (const uint64_t bound : {1, 2, 3, 7, 10, 64, 100}) {
    std::vector<int> counts(bound);
    constexpr int kDraws = 100'000;
    for (int i = 0; i < kDraws; ++i) ++counts.at(random.Below(bound));
    // Five standard deviations above the mean of the chi-squared distribution.
    const double freedom = static_cast<double>(bound) - 1;
    CAPTURE(bound);
    CHECK(ChiSquared(counts, kDraws) <= freedom + 5 * std::sqrt(2 * freedom) + 1e-9);
  }
}

TEST_CASE("Below has no bias where a remainder would have most") {
  // 2^64 modulo this bound is a third of it: taking the remainder would double the lower third.
  constexpr uint64_t kBound = UINT64_MAX / 4 * 3;
  Random random(7);
  int lower_half = 0;
  constexpr int kDraws = 40'000;
  for (int i = 0; i < kDraws; ++i) {
    const uint64_t value = random.Below(kBound);
    REQUIRE(value < kBound);
    lower_half += value < kBound / 2 ? 1 : 0;
  }
  CHECK(std::abs(lower_half - kDraws / 2) < 5 * std::sqrt(kDraws) / 2);
}

TEST_CASE("Between includes both ends, up to the whole range") {
  Random random(8);
  std::set<int64_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(random.Between(-2, 3));
  CHECK(seen == std::set<int64_t>{-2, -1, 0, 1, 2, 3});
  CHECK(random.Between(5, 5) == 5);
  bool negative = false;
  bool positive = false;
  for (int i = 0; i < 100; ++i) {
    const int64_t value = random.Between(INT64_MIN, INT64_MAX);
    negative |= value < 0;
    positive |= value > 0;
  }
  CHECK(negative);
  CHECK(positive);
}

TEST_CASE("NextDouble lies between 0 and 1 with mean one half") {
  Random random(9);
  double sum = 0;
  constexpr int kDraws = 100'000;
  for (int i = 0; i < kDraws; ++i) {
    const double value = random.NextDouble();
    REQUIRE(value >= 0);
    REQUIRE(value < 1);
    sum += value;
  }
  CHECK(std::abs(sum / kDraws - 0.5) < 5 * std::sqrt(1.0 / 12 / kDraws));
}

TEST_CASE("OneIn is true once in n") {
  Random random(10);
  int hits = 0;
  for (int i = 0; i < 100'000; ++i) hits += random.OneIn(10) ? 1 : 0;
  CHECK(std::abs(hits - 10'000) < 5 * std::sqrt(100'000 * 0.1 * 0.9));
}

TEST_CASE("RandomHex writes exactly what is asked, and never the same") {
  std::set<std::string> seen;
  for (size_t count = 0; count <= 40; ++count) {
    std::string text(count + 1, '!');
    RandomHex(text.data(), count);
    CHECK(text.back() == '!');
    text.pop_back();
    CHECK(text.find_first_not_of("0123456789abcdef") == std::string::npos);
  }
  std::vector<int> digits(16);
  for (int i = 0; i < 1000; ++i) {
    std::string id(40, '\0');
    RandomHex(id.data(), id.size());
    for (const char c : id) ++digits.at(std::string("0123456789abcdef").find(c));
    seen.insert(id);
  }
  CHECK(seen.size() == 1000);
  CHECK(ChiSquared(digits, 40'000) < 15 + 6 * std::sqrt(30.0));
}

}  // namespace
}  // namespace alai
