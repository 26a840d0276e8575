#include "engine/types/token_buckets.h"

#include "engine/base/number.h"
#include "engine/store.h"
#include "engine/types/keys.h"

namespace alai::token_buckets {
namespace {

Result<Record*> Find(Db& db, KeyView key, Lookup lookup) {
  Record* record = db.Find(key, lookup);
  if (record != nullptr && record->type() != Type::kTokenBucket) return Errc::kWrongType;
  return record;
}

// `old` is the bucket that the key holds, or nullptr.
void Write(Db& db, KeyView key, Record* old, int64_t arrival_ns) {
  if (db.logs_changes()) {
    char digits[kInt64CharsMax];
    db.LogEffect({kStateCommand, key.bytes, {digits, FormatInt64(arrival_ns, digits)}});
  }
  const Record::Draft draft = DraftOf(key, arrival_ns);
  bool was_there = true;
  if (old != nullptr && old->CanHoldDeadline(draft.deadline)) {
    old->set_integer(arrival_ns);
    db.MoveDeadline(key, old, draft.deadline);
  } else {
    was_there = db.Put(key, draft).replaced;
  }
  ++db.tally().changes;
  if (!was_there) db.Notify(KeyEventClass::kNew, "new", key);
  db.Notify(KeyEventClass::kGeneric, "throttle", key);
}

}  // namespace

Record::Draft DraftOf(KeyView key, int64_t arrival_ns) {
  Record::Draft draft;
  draft.key = key.bytes;
  draft.type = Type::kTokenBucket;
  draft.encoding = Encoding::kInt;
  draft.integer = arrival_ns;
  draft.deadline = FullAtMillis(arrival_ns);
  return draft;
}

Result<TokenDecision> Take(Db& db, KeyView key, const TokenQuota& quota, int64_t quantity) {
  const Result<Record*> found = Find(db, key, Lookup::kWrite);
  if (!found.ok()) return found.error();
  Record* const bucket = *found;
  const int64_t now_ns = db.store().steady_time().Nanos();
  const Result<TokenDecision> decision =
      TakeTokens(quota, bucket == nullptr ? now_ns : bucket->integer(), now_ns, quantity);
  if (decision.ok() && !decision->limited && quantity != 0) {
    Write(db, key, bucket, decision->arrival_ns);
  }
  return decision;
}

Result<TokenDecision> Peek(Db& db, KeyView key, const TokenQuota& quota) {
  const Result<Record*> found = Find(db, key, Lookup::kPeek);
  if (!found.ok()) return found.error();
  const int64_t now_ns = db.store().steady_time().Nanos();
  return TakeTokens(quota, *found == nullptr ? now_ns : (*found)->integer(), now_ns, 0);
}

Result<bool> Reset(Db& db, KeyView key) {
  const Result<Record*> found = Find(db, key, Lookup::kPeek);
  if (!found.ok()) return found.error();
  return keys::Delete(db, key);
}

void SetState(Db& db, KeyView key, int64_t arrival_ns) {
  if (arrival_ns <= db.store().steady_time().Nanos()) {
    keys::Delete(db, key);
    return;
  }
  Record* const old = db.Find(key, Lookup::kPeek);
  Write(db, key, old != nullptr && old->type() == Type::kTokenBucket ? old : nullptr, arrival_ns);
}

}  // namespace alai::token_buckets
