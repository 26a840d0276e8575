// Token buckets as values of keys: a record of type kTokenBucket whose payload is the theoretical
// arrival time (engine/token_bucket.h) and whose deadline is when the bucket is full again, at which a
// bucket need not be kept any longer.
//
// A bucket's own deadline counts in steady time: setting the wall clock forward neither opens nor
// removes it (Store::Expired). A deadline that a client has given it with EXPIRE counts in wall time, as
// of every key, until the next tokens are taken.
//
// Threads     As for Db. Peek() works with optimistic access as well, the others need the key's shard
//             locked.
// Invariants  The effect of taking tokens is the bucket's new state ("RATE.STATE key nanoseconds"), never
//             a call that would be computed again. What is refused changes nothing.
#pragma once

#include <cstdint>

#include "engine/base/result.h"
#include "engine/db.h"
#include "engine/key_view.h"
#include "engine/token_bucket.h"

namespace alai::token_buckets {

// The command of the effect.
inline constexpr char kStateCommand[] = "RATE.STATE";

// Takes `quantity` tokens, at least 0; 0 changes nothing. kWrongType; kOutOfRange as TakeTokens().
Result<TokenDecision> Take(Db& db, KeyView key, const TokenQuota& quota, int64_t quantity);
// What taking nothing says.
Result<TokenDecision> Peek(Db& db, KeyView key, const TokenQuota& quota);
// Fills the bucket. False: there is none. kWrongType.
Result<bool> Reset(Db& db, KeyView key);
// Gives the bucket this state, whatever the key holds; one that is full already removes the key.
void SetState(Db& db, KeyView key, int64_t arrival_ns);

// A draft of a bucket's record, with its own deadline.
Record::Draft DraftOf(KeyView key, int64_t arrival_ns);

}  // namespace alai::token_buckets
