// Taking members from an end of a sorted set, as ZMPOP and the commands that wait for sorted sets do: the
// reply names the key.
#pragma once

#include <algorithm>
#include <cstdint>

#include "engine/types/sorted_sets.h"
#include "protocol/arg_reader.h"
#include "protocol/error_text.h"
#include "protocol/reply_writer.h"
#include "server/commands/collection_reply.h"

namespace alai {

// MIN or MAX, as the next argument.
inline sorted_sets::End TakeSortedSetEnd(ArgReader& args) {
  if (args.TakeWord("MIN")) return sorted_sets::End::kMin;
  if (!args.TakeWord("MAX")) args.Fail(error_text::kSyntax);
  return sorted_sets::End::kMax;
}

// How many: COUNT with a positive number, which may be missing for 1.
inline uint64_t TakePopCount(ArgReader& args) {
  if (!args.TakeWord("COUNT")) return 1;
  return static_cast<uint64_t>(
      args.Int64(1, INT64_MAX, error_text::kCountNotPositive, error_text::kCountNotPositive));
}

// The reply is flat: key, member, score. kNoKey, kWrongType: nothing is replied.
inline Errc PopWithKey(Db& db, KeyView key, sorted_sets::End end, ReplyWriter& reply) {
  const Result<Record*> found = sorted_sets::Find(db, key, Lookup::kWrite);
  if (!found.ok()) return found.error();
  if (*found == nullptr) return Errc::kNoKey;
  reply.Array(3);
  reply.Bulk(key.bytes);
  sorted_sets::PopFrom(db, key, *found, end, 1, [&](const PackedValue& member, double score) {
    WriteValue(reply, member);
    reply.Double(score);
  });
  return Errc::kOk;
}

// Takes up to `count` and replies with their key and an array of pairs. Errors as above.
inline Errc PopManyWithKey(Db& db, KeyView key, sorted_sets::End end, uint64_t count,
                           ReplyWriter& reply) {
  const Result<Record*> found = sorted_sets::Find(db, key, Lookup::kWrite);
  if (!found.ok()) return found.error();
  if (*found == nullptr) return Errc::kNoKey;
  const uint64_t popped = std::min(count, sorted_sets::Members(*found).size());
  reply.Array(2);
  reply.Bulk(key.bytes);
  reply.Array(popped);
  sorted_sets::PopFrom(db, key, *found, end, popped, [&](const PackedValue& member, double score) {
    reply.Array(2);
    WriteValue(reply, member);
    reply.Double(score);
  });
  return Errc::kOk;
}

}  // namespace alai
