// GCRA by its numbers: decisions worked out by hand, and a meter that leaks as the model.
#include "engine/token_bucket.h"

#include <algorithm>
#include <array>
#include <limits>

#include "engine/base/random.h"
#include "tests/catch.h"
#include "tests/protocol/seeded.h"

namespace alai {
namespace {

constexpr int64_t kStart = 1'700'000'000 * nanos::kPerSecond;
constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
constexpr int64_t kNever = -1000;

// One bucket whose clock is moved by hand; times in milliseconds.
class Bucket {
 public:
  Bucket(int64_t burst_max, int64_t count, int64_t period_s)
      : quota_(*TokenQuota::Make(burst_max, count, period_s)) {}

  TokenDecision Take(int64_t at_ms, int64_t quantity) {
    const int64_t now_ns = kStart + at_ms * nanos::kPerMilli;
    const Result<TokenDecision> decision = TakeTokens(quota_, arrival_ns_, now_ns, quantity);
    REQUIRE(decision.ok());
    if (!decision->limited && quantity != 0) arrival_ns_ = decision->arrival_ns;
    return *decision;
  }
  const TokenQuota& quota() const { return quota_; }

 private:
  const TokenQuota quota_;
  int64_t arrival_ns_ = 0;
};

struct Step {
  int64_t at_ms;
  int64_t quantity;
  bool limited;
  int64_t remaining;
  int64_t retry_after_ms;
  int64_t reset_after_ms;
};

template <size_t N>
void Play(Bucket bucket, const Step (&steps)[N]) {
  for (const Step& step : steps) {
    CAPTURE(step.at_ms, step.quantity);
    const TokenDecision decision = bucket.Take(step.at_ms, step.quantity);
    CHECK(decision.limited == step.limited);
    CHECK(decision.limit == bucket.quota().limit);
    CHECK(decision.remaining == step.remaining);
    CHECK(decision.retry_after_ns == step.retry_after_ms * nanos::kPerMilli);
    CHECK(decision.reset_after_ns == step.reset_after_ms * nanos::kPerMilli);
  }
}

TEST_CASE("a bucket of three that gets one token a second") {
  Play(Bucket(2, 1, 1), {{0, 4, true, 3, kNever, 0},  // more than it ever holds
                         {0, 0, false, 3, kNever, 0},
                         {0, 1, false, 2, kNever, 1000},
                         {0, 1, false, 1, kNever, 2000},
                         {0, 1, false, 0, kNever, 3000},
                         {0, 1, true, 0, 1000, 3000},
                         {250, 1, true, 0, 750, 2750},
                         {250, 3, true, 0, 2750, 2750},
                         {250, 0, false, 0, kNever, 2750},
                         {999, 1, true, 0, 1, 2001},
                         {1000, 1, false, 0, kNever, 3000},  // at the boundary it is refilled
                         {2500, 1, false, 0, kNever, 2500},
                         {5000, 1, false, 2, kNever, 1000},
                         {86'400'000, 3, false, 0, kNever, 3000}});  // idle for long: full, no more
}

TEST_CASE("fractions of a second") {
  // 7 a second: 142,857,142 ns each.
  const Result<TokenQuota> quota = TokenQuota::Make(0, 7, 1);
  REQUIRE(quota.ok());
  CHECK(quota->interval_ns == 142'857'142);
  CHECK(quota->tolerance_ns == 142'857'142);
  // 5 in 2 seconds: one every 400 ms.
  Play(Bucket(0, 5, 2), {{0, 1, false, 0, kNever, 400},
                         {399, 1, true, 0, 1, 1},
                         {400, 1, false, 0, kNever, 400},
                         {600, 2, true, 0, kNever, 200}});
}

TEST_CASE("seconds are rounded up from a millisecond on") {
  CHECK(RoundedUpSeconds(-nanos::kPerSecond) == -1);
  CHECK(RoundedUpSeconds(0) == 0);
  CHECK(RoundedUpSeconds(999'999) == 0);
  CHECK(RoundedUpSeconds(1'000'000) == 1);
  CHECK(RoundedUpSeconds(nanos::kPerSecond) == 1);
  CHECK(RoundedUpSeconds(nanos::kPerSecond + 999'999) == 1);
  CHECK(RoundedUpSeconds(nanos::kPerSecond + 1'000'000) == 2);
  CHECK(RoundedUpSeconds(59'999 * nanos::kPerMilli) == 60);
}

TEST_CASE("a bucket is kept until the millisecond in which it is full") {
  CHECK(FullAtMillis(1'000'000) == 1);
  CHECK(FullAtMillis(1'000'001) == 2);
  CHECK(FullAtMillis(0) == 0);
  CHECK(FullAtMillis(kMax) == kMax / nanos::kPerMilli + 1);
}

TEST_CASE("a smaller limit counts what was taken under a larger one") {
  const TokenQuota large = *TokenQuota::Make(99, 1, 1);
  const TokenQuota small = *TokenQuota::Make(1, 1, 1);
  const int64_t arrival = TakeTokens(large, 0, kStart, 50)->arrival_ns;
  const Result<TokenDecision> decision = TakeTokens(small, arrival, kStart, 1);
  REQUIRE(decision.ok());
  CHECK(decision->limited);
  CHECK(decision->remaining == 0);
  CHECK(decision->retry_after_ns == 49 * nanos::kPerSecond);
  CHECK(decision->reset_after_ns == 50 * nanos::kPerSecond);
}

TEST_CASE("limits that make no sense or do not fit") {
  for (const auto& [burst, count, period] : {std::array<int64_t, 3>{-1, 1, 1},
                                             {0, 0, 1},
                                             {0, -1, 1},
                                             {0, 1, 0},
                                             {0, 1, -1},
                                             {kMax, 1, 1},
                                             {0, 1, kMax},
                                             {0, 1, kMax / nanos::kPerSecond + 1},
                                             {0, 1'000'000'001, 1},
                                             {kMax / nanos::kPerSecond, 1, 1}}) {
    CAPTURE(burst, count, period);
    const Result<TokenQuota> quota = TokenQuota::Make(burst, count, period);
    REQUIRE_FALSE(quota.ok());
    CHECK(quota.error() == Errc::kOutOfRange);
  }
  CHECK(TokenQuota::Make(0, 1'000'000'000, 1).ok());
  CHECK(TokenQuota::Make(kMax - 1, 1'000'000'000, 1).ok());
  CHECK(TokenQuota::Make(0, 1, kMax / nanos::kPerSecond).ok());
  const TokenQuota quota = *TokenQuota::Make(0, 1, 3600);
  CHECK(TakeTokens(quota, 0, kStart, kMax).error() == Errc::kOutOfRange);
  CHECK(TakeTokens(quota, kMax, kStart, 1).error() == Errc::kOutOfRange);
  CHECK(TakeTokens(quota, kMax, kStart, 0)->limited);
}

// What is left is counted in whole microseconds, of which such an interval has none.
TEST_CASE("intervals under a microsecond are counted as redis-cell does") {
  const TokenQuota one = *TokenQuota::Make(0, 2'000'000, 1);
  CHECK(one.interval_ns == 500);
  CHECK(TakeTokens(one, 0, kStart, 0)->remaining == 0);
  CHECK_FALSE(TakeTokens(one, 0, kStart, 1)->limited);
  const TokenQuota many = *TokenQuota::Make(9, 2'000'000, 1);
  CHECK(TakeTokens(many, 0, kStart, 1)->remaining == kMax);
  CHECK(TakeTokens(many, 0, kStart, 10)->remaining == 0);
  CHECK(TakeTokens(many, 0, kStart, 11)->limited);
}

// How full a meter stands that leaks one nanosecond a nanosecond.
TEST_CASE("decisions agree with a leaking meter") {
  WITH_TEST_SEED(seed);
  Random random(seed);
  for (int round = 0; round < 200; ++round) {
    const auto burst = static_cast<int64_t>(random.Below(30));
    // Intervals of whole microseconds, of which the reply counts.
    const auto count = static_cast<int64_t>(uint64_t{1} << random.Below(7));
    const auto period = static_cast<int64_t>(1 + random.Below(100));
    const TokenQuota quota = *TokenQuota::Make(burst, count, period);
    int64_t now = kStart;
    int64_t level = 0;
    int64_t arrival = 0;
    for (int i = 0; i < 300; ++i) {
      const auto idle =
          static_cast<int64_t>(random.Below(static_cast<uint64_t>(random.Below(8) == 0 ? 40 : 2) *
                                            static_cast<uint64_t>(quota.interval_ns)));
      now += idle;
      level = std::max<int64_t>(level - idle, 0);
      const auto quantity = static_cast<int64_t>(random.Below(4));
      const Result<TokenDecision> decision = TakeTokens(quota, arrival, now, quantity);
      REQUIRE(decision.ok());
      const bool passes = level + quantity * quota.interval_ns <= quota.tolerance_ns;
      REQUIRE(decision->limited == !passes);
      if (passes) level += quantity * quota.interval_ns;
      if (passes && quantity != 0) arrival = decision->arrival_ns;
      REQUIRE(decision->reset_after_ns == level);
      REQUIRE(decision->remaining == (quota.tolerance_ns - level) / quota.interval_ns);
      const bool can_pass = quantity <= quota.limit;
      const int64_t wait = level + quantity * quota.interval_ns - quota.tolerance_ns;
      REQUIRE(decision->retry_after_ns == (passes || !can_pass ? -nanos::kPerSecond : wait));
    }
  }
}

}  // namespace
}  // namespace alai
