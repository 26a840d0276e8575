// The latency histogram against sorted lists of the same values, its carry beyond 32 bits, and
// readers beside the one writer.

#include <algorithm>
#include <atomic>
#include <cmath>
#include <memory>
#include <thread>
#include <vector>

#include "engine/base/histogram.h"
#include "engine/base/random.h"
#include "tests/catch.h"

namespace alai {
namespace {

constexpr double kPrecision = 1.0 / 32;

// Values whose logarithm is even between 1 and `max`, as latencies tend to spread.
int64_t RandomLatency(Random& random, double max) {
  return static_cast<int64_t>(std::exp(random.NextDouble() * std::log(max)));
}

// Never too low, and at most a slot too high.
bool Near(uint64_t value, int64_t exact) {
  return static_cast<double>(value) >= static_cast<double>(exact) &&
         static_cast<double>(value) <= static_cast<double>(exact) * (1 + kPrecision);
}

TEST_CASE("an empty histogram is all zero") {
  const auto histogram = std::make_unique<Histogram>();
  CHECK(histogram->count() == 0);
  CHECK(histogram->max() == 0);
  CHECK(histogram->ValueAtPercentile(0) == 0);
  CHECK(histogram->ValueAtPercentile(50) == 0);
  CHECK(histogram->ValueAtPercentile(100) == 0);
  for (const uint64_t count : histogram->CountsBelowPowersOfTwo()) CHECK(count == 0);
}

TEST_CASE("one value is every percentile") {
  for (int bit = 0; bit < Histogram::kOctaves; ++bit) {
    for (const int64_t delta : {-1, 0, 1}) {
      const int64_t value = (int64_t{1} << bit) + delta;
      const auto histogram = std::make_unique<Histogram>();
      histogram->Record(value);
      CAPTURE(value);
      CHECK(histogram->max() == static_cast<uint64_t>(value));
      CHECK(histogram->ValueAtPercentile(100) == static_cast<uint64_t>(value));
      for (const double percentile : {0.0, 50.0, 99.9}) {
        CHECK(Near(histogram->ValueAtPercentile(percentile), value));
      }
    }
  }
}

TEST_CASE("small values are exact") {
  const auto histogram = std::make_unique<Histogram>();
  for (int value = 0; value < 64; ++value) histogram->Record(value);
  for (int value = 0; value < 64; ++value) {
    CHECK(histogram->ValueAtPercentile((value + 1) * 100.0 / 64) == static_cast<uint64_t>(value));
  }
}

TEST_CASE("values out of range are counted at its ends") {
  const auto histogram = std::make_unique<Histogram>();
  histogram->Record(-5);
  histogram->Record(INT64_MIN);
  CHECK(histogram->ValueAtPercentile(50) == 0);
  histogram->Record(INT64_MAX);
  CHECK(histogram->count() == 3);
  CHECK(histogram->max() == INT64_MAX);
  const auto counts = histogram->CountsBelowPowersOfTwo();
  CHECK(counts[0] == 2);
  CHECK(counts[Histogram::kOctaves - 1] == 2);
  CHECK(counts[Histogram::kOctaves] == 3);
}

TEST_CASE("percentiles and powers of two agree with a sorted list") {
  const uint64_t seed = RandomSeed();
  CAPTURE(seed);
  Random random(seed);
  for (const double max : {50.0, 5e3, 1e6, 1e12}) {
    const auto histogram = std::make_unique<Histogram>();
    std::vector<int64_t> values(20'000);
    for (int64_t& value : values) {
      value = RandomLatency(random, max);
      histogram->Record(value);
    }
    std::sort(values.begin(), values.end());
    CHECK(histogram->count() == values.size());
    CHECK(histogram->max() == static_cast<uint64_t>(values.back()));
    for (const double percentile : {0.1, 1.0, 10.0, 50.0, 90.0, 99.0, 99.9, 99.99}) {
      const auto rank = static_cast<size_t>(percentile / 100 * 20'000 + 0.5);
      CAPTURE(max, percentile, values[rank - 1]);
      CHECK(Near(histogram->ValueAtPercentile(percentile), values[rank - 1]));
    }
    const auto counts = histogram->CountsBelowPowersOfTwo();
    for (int exponent = 0; exponent < Histogram::kOctaves; ++exponent) {
      const auto below =
          std::lower_bound(values.begin(), values.end(), int64_t{1} << exponent) - values.begin();
      REQUIRE(counts[exponent] == static_cast<uint64_t>(below));
    }
    CHECK(counts[Histogram::kOctaves] == values.size());
  }
}

TEST_CASE("merging is recording in one") {
  Random random(11);
  const auto a = std::make_unique<Histogram>();
  const auto b = std::make_unique<Histogram>();
  const auto both = std::make_unique<Histogram>();
  for (int i = 0; i < 10'000; ++i) {
    const int64_t value = RandomLatency(random, random.OneIn(2) ? 1e4 : 1e9);
    (random.OneIn(3) ? a : b)->Record(value);
    both->Record(value);
  }
  const auto sum = std::make_unique<Histogram>();
  sum->Merge(*a);
  sum->Merge(*b);
  CHECK(sum->count() == both->count());
  CHECK(sum->max() == both->max());
  CHECK(sum->CountsBelowPowersOfTwo() == both->CountsBelowPowersOfTwo());
  for (double percentile = 0; percentile <= 100; percentile += 0.5) {
    CHECK(sum->ValueAtPercentile(percentile) == both->ValueAtPercentile(percentile));
  }
  sum->Reset();
  CHECK(sum->count() == 0);
  CHECK(sum->max() == 0);
  sum->Record(7);
  CHECK(sum->ValueAtPercentile(50) == 7);
}

// Counts `value` so often without taking as long: merging a histogram into itself doubles it.
void RecordMany(Histogram* histogram, int64_t value, uint64_t count) {
  const auto power = std::make_unique<Histogram>();
  power->Record(value);
  for (; count != 0; count >>= 1) {
    if ((count & 1) != 0) histogram->Merge(*power);
    power->Merge(*power);
  }
}

TEST_CASE("a slot counts on beyond 32 bits") {
  constexpr uint64_t kEdge = uint64_t{1} << 32;
  const auto histogram = std::make_unique<Histogram>();
  uint64_t count = kEdge - 5;
  RecordMany(histogram.get(), 1000, count);
  histogram->Record(3);
  for (int i = 0; i < 10; ++i) {
    REQUIRE(histogram->count() == count + 1);
    histogram->Record(1000);
    ++count;
  }
  RecordMany(histogram.get(), 1000, (uint64_t{1} << 46) - count);
  CHECK(histogram->count() == (uint64_t{1} << 46) + 1);
  CHECK(histogram->CountsBelowPowersOfTwo()[9] == 1);
  CHECK(histogram->CountsBelowPowersOfTwo()[10] == (uint64_t{1} << 46) + 1);
  histogram->Reset();
  CHECK(histogram->count() == 0);
}

TEST_CASE("a reader never sees half a carry") {
  constexpr uint64_t kStep = (uint64_t{1} << 31) + 1;
  constexpr uint64_t kSteps = 50'000;
  const auto histogram = std::make_unique<Histogram>();
  const auto step = std::make_unique<Histogram>();
  RecordMany(step.get(), 7, kStep);
  std::atomic<uint64_t> faults{0};
  std::atomic<bool> done{false};
  std::thread reader([&] {
    for (uint64_t last = 0; !done.load();) {
      const uint64_t now = histogram->count();
      if (now < last || now % kStep != 0) ++faults;
      last = now;
    }
  });
  for (uint64_t i = 0; i < kSteps; ++i) histogram->Merge(*step);
  done = true;
  reader.join();
  CHECK(faults == 0);
  CHECK(histogram->count() == kStep * kSteps);
}

TEST_CASE("readers beside the writer see every count, and never fewer than before") {
  const auto histogram = std::make_unique<Histogram>();
  std::atomic<bool> done{false};
  constexpr uint64_t kRecords = 2'000'000;
  std::vector<std::thread> readers;
  std::atomic<int> backwards{0};
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&] {
      uint64_t last = 0;
      while (!done.load()) {
        const uint64_t now = histogram->count();
        if (now < last || now > kRecords) ++backwards;
        last = now;
      }
    });
  }
  Random random(12);
  for (uint64_t i = 0; i < kRecords; ++i) {
    histogram->Record(static_cast<int64_t>(random.Below(10'000)));
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
  CHECK(backwards == 0);
  CHECK(histogram->count() == kRecords);
}

}  // namespace
}  // namespace alai
