#include "engine/token_bucket.h"

#include <algorithm>
#include <limits>

namespace alai {
namespace {

// To an integer as Rust's `as` converts: towards zero, what is too large becomes the largest, and
// no number becomes 0.
int64_t Saturated(double value) {
  constexpr double kEnd = 9223372036854775808.0;
  if (value != value) return 0;
  if (value >= kEnd) return std::numeric_limits<int64_t>::max();
  if (value < -kEnd) return std::numeric_limits<int64_t>::min();
  return static_cast<int64_t>(value);
}

// How many tokens fit into `room_ns`, counted in whole microseconds.
int64_t TokensIn(int64_t room_ns, const TokenQuota& quota) {
  if (room_ns <= -quota.interval_ns) return 0;
  const int64_t room_us = room_ns / nanos::kPerMicro;
  const int64_t interval_us = quota.interval_ns / nanos::kPerMicro;
  return Saturated(static_cast<double>(room_us) / static_cast<double>(interval_us));
}

}  // namespace

Result<TokenQuota> TokenQuota::Make(int64_t burst_max, int64_t count, int64_t period_s) {
  if (burst_max < 0 || count < 1 || period_s < 1) return Errc::kOutOfRange;
  TokenQuota quota;
  int64_t period_ns;
  if (__builtin_mul_overflow(period_s, nanos::kPerSecond, &period_ns)) return Errc::kOutOfRange;
  quota.interval_ns = Saturated(static_cast<double>(period_ns) / static_cast<double>(count));
  if (quota.interval_ns < 1 || __builtin_add_overflow(burst_max, 1, &quota.limit) ||
      __builtin_mul_overflow(quota.interval_ns, quota.limit, &quota.tolerance_ns)) {
    return Errc::kOutOfRange;
  }
  return quota;
}

Result<TokenDecision> TakeTokens(const TokenQuota& quota, int64_t arrival_ns, int64_t now_ns,
                                 int64_t quantity) {
  const int64_t arrival = std::max(arrival_ns, now_ns);
  int64_t increment;
  int64_t next;
  if (__builtin_mul_overflow(quota.interval_ns, quantity, &increment) ||
      __builtin_add_overflow(arrival, increment, &next)) {
    return Errc::kOutOfRange;
  }
  TokenDecision decision;
  decision.limit = quota.limit;
  const int64_t allowed_at = next - quota.tolerance_ns;
  decision.limited = now_ns < allowed_at;
  if (decision.limited && increment <= quota.tolerance_ns) {
    decision.retry_after_ns = allowed_at - now_ns;
  }
  decision.arrival_ns = decision.limited ? arrival : next;
  decision.reset_after_ns = decision.arrival_ns - now_ns;
  decision.remaining = TokensIn(quota.tolerance_ns - decision.reset_after_ns, quota);
  return decision;
}

}  // namespace alai
