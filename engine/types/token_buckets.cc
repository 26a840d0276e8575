#include "engine/types/token_buckets.h"

#include "engine/base/number.h"
#include "engine/store.h"
#include "engine/types/keys.h"

namespace alai::token_buckets {
namespace {

int64_t NowNanos(Db& db) { return db.thread().SteadyNanos(db.store().steady_time()); }

Result<Record*> Find(Db& db, KeyView key, Lookup lookup) {
  Record* record = db.Find(key, lookup);
  if (record != nullptr && record->type() != Type::kTokenBucket) return Errc::kWrongType;
  return record;
}

// `old` is the bucket that the key holds, or nullptr; `over`: it has been full since.
void Write(Db& db, KeyView key, Record* old, bool over, int64_t arrival_ns) {
  if (db.logs_changes()) {
    char digits[kInt64CharsMax];
    db.LogEffect({kStateCommand, key.bytes, {digits, FormatInt64(arrival_ns, digits)}});
  }
  const Record::Draft draft = DraftOf(key, arrival_ns);
  bool was_there = !over;
  if (old != nullptr && old->CanHoldDeadline(draft.deadline)) {
    if (over) db.Revive(key);
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

// Who asks now and then meets a bucket that is full and has not been swept yet: its record serves again.
Result<TokenDecision> Take(Db& db, KeyView key, const TokenQuota& quota, int64_t quantity) {
  bool over = false;
  Record* bucket = db.FindEvenOver(key, &over);
  if (bucket != nullptr && bucket->type() != Type::kTokenBucket) {
    if (!over) return Errc::kWrongType;
    bucket = nullptr;
  }
  const int64_t now_ns = NowNanos(db);
  const int64_t arrival_ns = bucket == nullptr || over ? now_ns : bucket->integer();
  const Result<TokenDecision> decision = TakeTokens(quota, arrival_ns, now_ns, quantity);
  if (decision.ok() && !decision->limited && quantity != 0) {
    Write(db, key, bucket, over, decision->arrival_ns);
  }
  return decision;
}

Result<TokenDecision> Peek(Db& db, KeyView key, const TokenQuota& quota) {
  const Result<Record*> found = Find(db, key, Lookup::kPeek);
  if (!found.ok()) return found.error();
  const int64_t now_ns = NowNanos(db);
  return TakeTokens(quota, *found == nullptr ? now_ns : (*found)->integer(), now_ns, 0);
}

Result<bool> Reset(Db& db, KeyView key) {
  const Result<Record*> found = Find(db, key, Lookup::kPeek);
  if (!found.ok()) return found.error();
  return keys::Delete(db, key);
}

void SetState(Db& db, KeyView key, int64_t arrival_ns) {
  if (arrival_ns <= NowNanos(db)) {
    keys::Delete(db, key);
    return;
  }
  Record* const old = db.Find(key, Lookup::kPeek);
  const bool is_bucket = old != nullptr && old->type() == Type::kTokenBucket;
  Write(db, key, is_bucket ? old : nullptr, false, arrival_ns);
}

}  // namespace alai::token_buckets
