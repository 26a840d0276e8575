#include "engine/types/keys.h"

#include "engine/base/assert.h"
#include "engine/base/number.h"
#include "engine/blob.h"
#include "engine/containers/container.h"

namespace alai::keys {
namespace {

// Redis embeds strings up to this length in their object and reports that.
constexpr size_t kEmbeddedBytesMax = 44;

enum class ValueUse : uint8_t { kShare, kCopy };

// A draft with another record's value and deadline.
Record::Draft Duplicate(const Record& record, KeyView key, ValueUse use) {
  Record::Draft draft;
  draft.key = key.bytes;
  draft.type = record.type();
  draft.encoding = record.encoding();
  draft.deadline = record.deadline();
  draft.pinned = record.pinned();
  switch (record.encoding()) {
    case Encoding::kInt:
      draft.integer = record.integer();
      break;
    case Encoding::kEmbedded:
    case Encoding::kRaw:
      draft.value = record.inline_value();
      break;
    case Encoding::kListpack:
    case Encoding::kIntset:
      draft.value = record.inline_value();
      break;
    case Encoding::kContainer:
      draft.container = use == ValueUse::kShare ? record.container() : record.container()->Copy();
      if (use == ValueUse::kShare) draft.container->Acquire();
      draft.read_under_lock = true;
      break;
    case Encoding::kBlob:
      draft.blob = record.blob();
      if (use == ValueUse::kShare) {
        draft.blob->Acquire();
        draft.read_under_lock = record.read_under_lock();
      } else {
        draft.blob = Blob::Copy(draft.blob->view());
      }
      break;
  }
  return draft;
}

// Moves a value to another place; it stays as old as it was.
void Transfer(Db& from_db, KeyView from, const Record& record, Db& to_db, KeyView to) {
  Record* moved = to_db.Put(to, Duplicate(record, to, ValueUse::kShare)).record;
  moved->set_access(record.access());
  from_db.Erase(from);
}

}  // namespace

std::string_view TypeName(Type type) {
  switch (type) {
    case Type::kString:
      return "string";
    case Type::kList:
      return "list";
    case Type::kSet:
      return "set";
    case Type::kSortedSet:
      return "zset";
    case Type::kHash:
      return "hash";
    case Type::kStream:
      return "stream";
    case Type::kTokenBucket:
      break;
  }
  return "tokenbucket";
}

std::string_view EncodingName(const Record& record) {
  if (record.type() == Type::kTokenBucket) return "gcra";
  switch (record.encoding()) {
    case Encoding::kInt:
      return "int";
    case Encoding::kEmbedded:
      return record.inline_value().size() <= kEmbeddedBytesMax ? "embstr" : "raw";
    case Encoding::kListpack:
      return "listpack";
    case Encoding::kIntset:
      return "intset";
    case Encoding::kContainer:
      return record.container()->encoding_name();
    case Encoding::kRaw:
    case Encoding::kBlob:
      break;
  }
  return "raw";
}

Record* Inspect(Db& db, KeyView key) {
  Record* record = db.Find(key, Lookup::kPeek);
  ++(record != nullptr ? db.tally().hits : db.tally().misses);
  if (record == nullptr && db.access() == Access::kLocked) {
    db.Notify(KeyEventClass::kMiss, "keymiss", key);
  }
  return record;
}

void ExpireRecord(Db& db, KeyView key, Record* record, UnixMillis deadline) {
  ++db.tally().changes;
  if (deadline > db.now()) {
    db.SetDeadline(key, record, deadline);
    db.Notify(KeyEventClass::kGeneric, "expire", key);
  } else {
    db.Erase(key, FreeCause::kExpired);
    db.Notify(KeyEventClass::kGeneric, "del", key);
  }
}

bool Expire(Db& db, KeyView key, UnixMillis deadline, uint8_t conditions) {
  Record* record = db.Find(key, Lookup::kWrite);
  if (record == nullptr) return false;
  const UnixMillis old = record->deadline();
  if ((conditions & kExpireIfMissing) != 0 && old != kNoDeadline) return false;
  if ((conditions & kExpireIfPresent) != 0 && old == kNoDeadline) return false;
  if ((conditions & kExpireIfLater) != 0 && deadline <= old) return false;
  if ((conditions & kExpireIfEarlier) != 0 && deadline >= old) return false;
  ExpireRecord(db, key, record, deadline);
  return true;
}

UnixMillis DeadlineOf(const Db& db, const Record& record) {
  const UnixMillis deadline = record.deadline();
  return deadline > db.now() ? deadline : 0;
}

bool PersistRecord(Db& db, KeyView key, Record* record) {
  if (!record->has_deadline()) return false;
  db.SetDeadline(key, record, kNoDeadline);
  ++db.tally().changes;
  db.Notify(KeyEventClass::kGeneric, "persist", key);
  return true;
}

bool Persist(Db& db, KeyView key) {
  Record* record = db.Find(key, Lookup::kWrite);
  return record != nullptr && PersistRecord(db, key, record);
}

bool Delete(Db& db, KeyView key, FreeCause cause) {
  if (!db.Erase(key, cause)) return false;
  ++db.tally().changes;
  db.Notify(KeyEventClass::kGeneric, "del", key);
  return true;
}

Errc Rename(Db& db, KeyView from, KeyView to, bool replace) {
  const Record* record = db.Find(from, Lookup::kWrite);
  if (record == nullptr) return Errc::kNoKey;
  if (from.bytes == to.bytes) return replace ? Errc::kOk : Errc::kKeyExists;
  if (db.Find(to, Lookup::kWrite) != nullptr && !replace) return Errc::kKeyExists;
  if (db.logs_changes()) db.LogEffect({"RENAME", from.bytes, to.bytes});
  Transfer(db, from, *record, db, to);
  ++db.tally().changes;
  db.Notify(KeyEventClass::kNew, "new", to);
  db.Notify(KeyEventClass::kGeneric, "rename_from", from);
  db.Notify(KeyEventClass::kGeneric, "rename_to", to);
  return Errc::kOk;
}

bool Copy(Db& from_db, KeyView from, Db& to_db, KeyView to, bool replace) {
  DASSERT(from_db.index() != to_db.index() || from.bytes != to.bytes);
  const Record* record = from_db.Find(from, Lookup::kUse);
  if (record == nullptr) return false;
  if (to_db.Find(to, Lookup::kWrite) != nullptr && !replace) return false;
  if (from_db.logs_changes()) {
    char digits[kInt64CharsMax];
    const std::string_view index(digits, FormatInt64(to_db.index(), digits));
    from_db.LogEffect({"COPY", from.bytes, to.bytes, "DB", index, "REPLACE"});
  }
  to_db.Put(to, Duplicate(*record, to, ValueUse::kCopy));
  ++to_db.tally().changes;
  to_db.Notify(KeyEventClass::kNew, "new", to);
  to_db.Notify(KeyEventClass::kGeneric, "copy_to", to);
  return true;
}

bool Move(Db& from_db, Db& to_db, KeyView key) {
  DASSERT(from_db.index() != to_db.index());
  const Record* record = from_db.Find(key, Lookup::kWrite);
  if (record == nullptr || to_db.Find(key, Lookup::kWrite) != nullptr) return false;
  if (from_db.logs_changes()) {
    char digits[kInt64CharsMax];
    const std::string_view index(digits, FormatInt64(to_db.index(), digits));
    from_db.LogEffect({"MOVE", key.bytes, index});
  }
  Transfer(from_db, key, *record, to_db, key);
  ++from_db.tally().changes;
  to_db.Notify(KeyEventClass::kNew, "new", key);
  from_db.Notify(KeyEventClass::kGeneric, "move_from", key);
  to_db.Notify(KeyEventClass::kGeneric, "move_to", key);
  return true;
}

void Restore(Db& db, KeyView key, const Record::Draft& draft, const uint32_t* access) {
  Record* record = db.Put(key, draft).record;
  if (access != nullptr) record->set_access(*access);
  ++db.tally().changes;
  db.Notify(KeyEventClass::kNew, "new", key);
  db.Notify(KeyEventClass::kGeneric, "restore", key);
}

}  // namespace alai::keys
