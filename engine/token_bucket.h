// Token buckets: how many requests may pass, decided by one number a bucket.
//
// The algorithm is GCRA, the generic cell rate algorithm (ITU-T I.371, annex A, as virtual
// scheduling). A bucket holds its theoretical arrival time: when it will be full again if nobody takes
// anything. Each token taken moves that time on by the emission interval; what would move it further
// ahead of the present than the tolerance is refused and changes nothing.
//
//          now            arrival              now + tolerance
//   ────────┼────────────────┼─────────────────────────┼───────>
//           │<──  taken  ──> │<── remaining tokens ──> │
//
// Replies, their rounding included, are those of redis-cell's CL.THROTTLE (github.com/brandur/redis-cell,
// its README and the published algorithm of redis-cell-impl).
//
// Threads     Pure functions of their arguments.
// Units       Nanoseconds; times are those of SteadyTime.
#pragma once

#include <cstdint>

#include "engine/base/result.h"
#include "engine/base/steady_time.h"

namespace alai {

struct TokenQuota {
  int64_t interval_ns = 0;   // in which one token comes back; at least 1
  int64_t tolerance_ns = 0;  // interval times limit: what a full bucket is worth
  int64_t limit = 0;         // tokens of a full bucket

  // `count` tokens come back every `period_s` seconds, and one more than `burst_max` may be taken at
  // once. kOutOfRange: a count or period below 1, a burst below 0, more than a token a nanosecond, or
  // more time than 64 bits of nanoseconds hold.
  static Result<TokenQuota> Make(int64_t burst_max, int64_t count, int64_t period_s);
};

struct TokenDecision {
  bool limited = false;
  int64_t limit = 0;
  int64_t remaining = 0;
  int64_t retry_after_ns = -nanos::kPerSecond;  // negative: was not limited, or it can never pass
  int64_t reset_after_ns = 0;                   // until the bucket is full
  int64_t arrival_ns = 0;                       // the bucket's new theoretical arrival time
};

// Takes `quantity` tokens, at least 0, from a bucket with this theoretical arrival time; one that is past
// means a full bucket. kOutOfRange when the new arrival time exceeds 64 bits.
Result<TokenDecision> TakeTokens(const TokenQuota& quota, int64_t arrival_ns, int64_t now_ns,
                                 int64_t quantity);

constexpr int64_t RoundedUpMillis(int64_t ns) {
  return ns / nanos::kPerMilli + (ns % nanos::kPerMilli > 0 ? 1 : 0);
}

// When a bucket with this arrival time is full: the deadline of its key.
constexpr UnixMillis FullAtMillis(int64_t arrival_ns) { return RoundedUpMillis(arrival_ns); }

// Seconds for people and HTTP headers: a fraction of at least a millisecond counts as a whole second, lest
// somebody come back too early.
constexpr int64_t RoundedUpSeconds(int64_t ns) {
  return ns / nanos::kPerSecond + (ns % nanos::kPerSecond / nanos::kPerMilli > 0 ? 1 : 0);
}

}  // namespace alai
