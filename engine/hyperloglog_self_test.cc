#include "engine/hyperloglog_self_test.h"

#include <algorithm>
#include <cmath>

#include "engine/base/number.h"

namespace alai::hyperloglog {
namespace {

constexpr uint32_t kRounds = 64;
constexpr uint64_t kElements = 1'000'000;
constexpr uint64_t kElementsPerStep = 100;
// Redis's default.
constexpr uint64_t kSparseBytesMax = 3000;
// Of the estimates of so many registers; six of them are exceeded by none of 500 million sketches.
const double kStandardError = 1.04 / std::sqrt(kRegisters);

std::string NewDense() {
  std::string sketch = NewSketch();
  MakeDense(&sketch);
  return sketch;
}

}  // namespace

SelfTest::SelfTest() : dense_(NewDense()), sparse_(NewSketch()) {}

bool SelfTest::Step() {
  if (rounds_ < kRounds) {
    CheckRegisters();
    ++rounds_;
  } else {
    AddElements();
  }
  return failure_.empty() && elements_ < kElements;
}

// Registers raised in a scattered order hold their ranks, whatever their neighbours do.
void SelfTest::CheckRegisters() {
  constexpr uint32_t kStride = 6151;  // prime, so that it visits all
  std::string sketch = NewDense();
  Registers expected{};
  for (uint32_t i = 0; i < kRegisters; ++i) {
    const uint32_t index = (i * kStride + rounds_) % kRegisters;
    const auto rank = static_cast<uint8_t>((index * 7 + rounds_) % 64);
    expected[index] = rank;
    RaiseDense(sketch.data(), {index, rank});
  }
  Registers found{};
  MergeInto(sketch, &found);
  if (found != expected) failure_ = "TESTFAILED Registers do not hold what was written";
}

void SelfTest::AddElements() {
  for (uint64_t i = 0; i < kElementsPerStep; ++i) {
    char digits[kInt64CharsMax];
    const Place place = PlaceOf({digits, FormatUint64(elements_, digits)});
    RaiseDense(dense_.data(), place);
    Raise(&sparse_, place, kSparseBytesMax);
    if (++elements_ != next_check_) continue;
    CheckEstimate();
    next_check_ *= 10;
  }
}

void SelfTest::CheckEstimate() {
  const uint64_t estimate = Estimate(dense_).value_or(0);
  const std::string numbers = std::to_string(elements_) + ", estimated " + std::to_string(estimate);
  if (Estimate(sparse_) != estimate) {
    failure_ = "TESTFAILED sparse encoding differs from dense, elements: " + numbers;
  }
  const double error_max = std::max(1.0, 6 * kStandardError * static_cast<double>(elements_));
  if (std::abs(static_cast<double>(estimate) - static_cast<double>(elements_)) > error_max) {
    failure_ = "TESTFAILED Too big error, elements: " + numbers;
  }
}

}  // namespace alai::hyperloglog
