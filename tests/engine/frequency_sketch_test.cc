// The sketch against exact counts: never too low, rarely too high, halved in time, kept when it grows.
#include "engine/frequency_sketch.h"

#include <algorithm>
#include <memory>
#include <unordered_map>
#include <vector>

#include "engine/base/random.h"
#include "tests/catch.h"

namespace alai {
namespace {

struct Deleter {
  void operator()(FrequencySketch* sketch) const { sketch->Delete(); }
};
using Owned = std::unique_ptr<FrequencySketch, Deleter>;

constexpr uint32_t kNeverAge = 1 << 20;

Owned Make(uint64_t words, uint32_t uses_per_word = kNeverAge) {
  return Owned(FrequencySketch::Create(words, uses_per_word));
}

TEST_CASE("an estimate is never below the count, and seldom above it") {
  const Owned sketch = Make(4096);
  Random random(7);
  std::unordered_map<uint64_t, uint32_t> counts;
  std::vector<uint64_t> hashes(8'000);
  for (uint64_t& hash : hashes) hash = random.Next();
  uint32_t uses = 0;
  for (int i = 0; i < 24'000; ++i) {
    const uint64_t hash = hashes[random.Below(hashes.size())];
    sketch->Count(hash, &uses);
    ++counts[hash];
  }
  uint64_t too_high = 0;
  for (const uint64_t hash : hashes) {
    const uint32_t count = std::min(counts[hash], FrequencySketch::kEstimateMax);
    const uint32_t estimate = sketch->Estimate(hash);
    CHECK(estimate >= count);
    too_high += estimate > count ? 1 : 0;
  }
  // Two keys in every word on average.
  CHECK(too_high < hashes.size() / 3);
}

TEST_CASE("counters stop at their maximum") {
  const Owned sketch = Make(4096);
  uint32_t uses = 0;
  for (int i = 0; i < 100; ++i) sketch->Count(12345, &uses);
  CHECK(sketch->Estimate(12345) == FrequencySketch::kEstimateMax);
  CHECK(sketch->Estimate(12345 + (1 << 20)) == 0);
}

TEST_CASE("every counter is halved once in so many uses a word") {
  constexpr uint64_t kWords = 4096;
  constexpr uint32_t kUsesPerWord = 10;
  const Owned sketch = Make(kWords, kUsesPerWord);
  Random random(11);
  std::vector<uint64_t> hashes(500);
  uint32_t uses = 0;
  for (uint64_t& hash : hashes) {
    hash = random.Next();
    for (int i = 0; i < 8; ++i) sketch->Count(hash, &uses);
  }
  // One key over and over fills its own counters and ages the others'.
  for (uint64_t i = 0; i < kWords * kUsesPerWord; ++i) sketch->Count(hashes[0], &uses);
  uint64_t sum = 0;
  for (size_t i = 1; i < hashes.size(); ++i) sum += sketch->Estimate(hashes[i]);
  CHECK(sum / (hashes.size() - 1) <= 5);
  CHECK(sum / (hashes.size() - 1) >= 3);
}

TEST_CASE("a sketch that grows keeps what it knows") {
  const Owned sketch = Make(4096);
  Random random(13);
  std::vector<uint64_t> hashes(1'000);
  uint32_t uses = 0;
  for (uint64_t& hash : hashes) {
    hash = random.Next();
    for (uint64_t i = random.Below(10); i > 0; --i) sketch->Count(hash, &uses);
  }
  const Owned larger(sketch->Resized(16'384));
  CHECK(larger->words() == 16'384);
  for (const uint64_t hash : hashes) CHECK(larger->Estimate(hash) == sketch->Estimate(hash));
}

}  // namespace
}  // namespace alai
