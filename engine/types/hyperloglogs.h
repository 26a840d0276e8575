// HyperLogLogs: strings that count different elements; what PFADD, PFCOUNT, PFMERGE and PFDEBUG mean.
//
// Threads     As for Db. What is marked "read" works with optimistic access as well, the others need the
//             shards of all keys locked.
// Invariants  Each change appends its effect to the change log before it can be seen, and tells the key
//             events after. A command that meets a corrupt sketch changes nothing.
// Errors      kWrongType, kNotHyperLogLog, kBadHyperLogLog of any key; kTooLong when the sketch would grow
//             beyond Limits::bytes_max.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "engine/base/result.h"
#include "engine/db.h"
#include "engine/hyperloglog.h"
#include "engine/key_view.h"

namespace alai::hyperloglogs {

struct Limits {
  uint64_t sparse_bytes_max;  // a longer sketch is dense
  uint64_t bytes_max;         // of any sketch
};

// Adds elements, perhaps none, to a sketch that is made if missing; whether that changed anything.
Result<bool> Add(Db& db, KeyView key, std::span<const std::string_view> elements,
                 const Limits& limits);

// The estimate for one key, which is then kept in its sketch. Read, unless a new estimate is to be kept:
// then the command is run again with its shard locked (Tally::needs_lock).
Result<uint64_t> Count(Db& db, KeyView key);

// The estimate for all elements of several keys together. Read.
Result<uint64_t> CountUnion(Db& db, std::span<const std::string_view> keys);

// Adds the elements of all keys to the first one.
Errc Merge(Db& db, std::span<const std::string_view> keys, const Limits& limits);

// The sketch of a key that is there, a copy; kNoKey.
Result<std::string> Copy(Db& db, KeyView key);

// Makes the sketch of a key dense; false when it was, kNoKey when there is none.
Result<bool> MakeDense(Db& db, KeyView key, const Limits& limits);

}  // namespace alai::hyperloglogs
