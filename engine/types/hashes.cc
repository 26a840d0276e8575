#include "engine/types/hashes.h"

#include <cmath>
#include <string>

#include "engine/base/assert.h"
#include "engine/base/number.h"
#include "engine/packing_limits.h"
#include "engine/store.h"
#include "engine/types/keys.h"
#include "engine/types/packed_record.h"
#include "engine/types/table_change.h"

namespace alai::hashes {
namespace {

PackedTable& TableOf(Record& record) {
  return static_cast<HashContainer*>(record.container())->table();
}

bool HasTable(const Record* record) {
  return record != nullptr && record->encoding() == Encoding::kContainer;
}

// Publishes a table with the same fields in the place of a listpack.
Record* MoveToTable(Db& db, KeyView key, const Record* old) {
  auto* container = new HashContainer;
  FillTable(ListpackOf(old), &container->table());
  return PutContainer(db, key, Type::kHash, old, container);
}

// Whether a hash may be a listpack after these texts, fields and values in turn, have been set.
bool StaysPacked(const Db& db, Listpack listpack, std::span<const std::string_view> pairs) {
  const PackingLimits& limits = db.store().packing;
  const uint64_t text_max = limits.hash_value_bytes.load(std::memory_order_relaxed);
  uint64_t bytes = listpack.bytes();
  for (const std::string_view text : pairs) {
    if (text.size() > text_max) return false;
    bytes += text.size() + kPackedEntryExtraMax;
  }
  return bytes <= kPackedBytesMax;
}

bool TooManyEntries(const Db& db, size_t fields) {
  return fields > db.store().packing.hash_entries.load(std::memory_order_relaxed);
}

// A field of a table, but not one that is over.
std::optional<PackedMember> FindLive(const PackedTable& table, std::string_view field,
                                     UnixMillis now) {
  std::optional<PackedMember> member = table.Find(field);
  if (member.has_value() && member->deadline <= now) member.reset();
  return member;
}

// The value of a field, as `digits` or the hash has it; nullopt when it is not there.
std::optional<std::string_view> ValueOf(const Record* record, std::string_view field,
                                        UnixMillis now, char* digits) {
  const std::optional<PackedValue> value = Fields(record, now).Find(field);
  if (!value.has_value()) return std::nullopt;
  return value->View(digits);
}

// Whether the field was not there.
bool SetOne(Db& db, KeyView key, Record* record, std::string_view field, std::string_view value,
            std::string_view event) {
  const std::string_view pair[] = {field, value};
  if (!HasTable(record)) {
    const Listpack listpack = ListpackOf(record);
    const size_t at = listpack.Find(listpack.Begin(), PackedNeedle(field), 1);
    const bool fresh = at == listpack.End();
    if (StaysPacked(db, listpack, pair) &&
        !(fresh && TooManyEntries(db, listpack.count() / 2 + 1))) {
      const PackedValue values[] = {PackedValue::Of(field), PackedValue::Of(value)};
      PutEdited(db, key, Type::kHash, record,
                fresh ? ListpackEdit::Append(listpack, values)
                      : ListpackEdit::Replace(listpack, listpack.Next(at), {&values[1], 1}));
      ++db.tally().changes;
      db.Notify(KeyEventClass::kHash, event, key);
      return fresh;
    }
    record = MoveToTable(db, key, record);
  }
  TableChange change(db, key, record, TableOf(*record));
  const PackedTable::Upserted upserted = change.table().Upsert(field, value);
  change.Done();
  ++db.tally().changes;
  db.Notify(KeyEventClass::kHash, event, key);
  return upserted.added || upserted.old_deadline <= db.now();
}

void LogFields(Db& db, std::initializer_list<std::string_view> head,
               const std::vector<std::string_view>& fields, bool counted) {
  if (!db.logs_changes() || fields.empty()) return;
  std::vector<std::string_view> words(head);
  char digits[kInt64CharsMax];
  if (counted) {
    words.push_back("FIELDS");
    words.emplace_back(digits, FormatUint64(fields.size(), digits));
  }
  words.insert(words.end(), fields.begin(), fields.end());
  db.LogEffect(words);
}

void LogDeadline(Db& db, KeyView key, UnixMillis deadline,
                 const std::vector<std::string_view>& fields) {
  char digits[kInt64CharsMax];
  const std::string_view text(digits, FormatInt64(deadline, digits));
  LogFields(db, {"HPEXPIREAT", key.bytes, text}, fields, true);
}

// A field's new value that an increment gave: keeps the field's deadline, which HSET takes away.
void SetIncremented(Db& db, KeyView key, Record* record, std::string_view field,
                    std::string_view value, std::string_view event) {
  Effect effect(db, "HSET", key);
  effect.Add(field);
  effect.Add(value);
  effect.Log();
  std::optional<PackedMember> old;
  if (HasTable(record)) old = FindLive(TableOf(*record), field, db.now());
  if (old.has_value()) {
    if (old->deadline != kNoDeadline) LogDeadline(db, key, old->deadline, {field});
    TableChange change(db, key, record, TableOf(*record));
    change.table().SetValue(field, value);
    change.Done();
    ++db.tally().changes;
    db.Notify(KeyEventClass::kHash, event, key);
    return;
  }
  SetOne(db, key, record, field, value, event);
}

// A field whose time has come is left to the sweep, which tells of it.
int64_t EraseFromTable(Db& db, KeyView key, Record* record,
                       std::span<const std::string_view> fields) {
  int64_t erased = 0;
  Effect effect(db, "HDEL", key);
  for (const std::string_view field : fields) {
    if (!FindLive(TableOf(*record), field, db.now()).has_value()) continue;
    effect.Add(field);
    ++erased;
  }
  if (erased == 0) return 0;
  effect.Log();
  TableChange change(db, key, record, TableOf(*record));
  erased = 0;
  for (const std::string_view field : fields) {
    if (!FindLive(change.table(), field, db.now()).has_value()) continue;
    change.table().Erase(field);
    ++erased;
  }
  change.Done();
  return erased;
}

}  // namespace

bool FillTable(Listpack listpack, PackedTable* table) {
  char field_digits[kInt64CharsMax];
  char value_digits[kInt64CharsMax];
  const size_t end = listpack.End();
  for (size_t at = listpack.Begin(); at < end;) {
    const size_t value = listpack.Next(at);
    if (!table->Insert(listpack.Read(at).View(field_digits),
                       listpack.Read(value).View(value_digits))) {
      return false;
    }
    at = listpack.Next(value);
  }
  return true;
}

size_t HashContainer::allocated_bytes() const {
  return sizeof(*this) - sizeof(table_) + table_.allocated_bytes();
}

Container* HashContainer::Copy() const {
  auto* copy = new HashContainer;
  table_.ForEach([copy](const PackedMember& member) {
    copy->table_.Insert(member.member, member.value, member.deadline);
    return true;
  });
  return copy;
}

Result<Record*> Find(Db& db, KeyView key, Lookup lookup) {
  Record* record = db.Find(key, lookup);
  if (record != nullptr && record->type() != Type::kHash) return Errc::kWrongType;
  return record;
}

Fields::Fields(const Record* record, UnixMillis now) : now_(now) {
  if (HasTable(record)) {
    table_ = &static_cast<const HashContainer*>(record->container())->table();
  } else {
    listpack_ = ListpackOf(record);
  }
}

size_t Fields::size() const { return table_ != nullptr ? table_->size() : listpack_.count() / 2; }

std::optional<PackedValue> Fields::Find(std::string_view field) const {
  if (table_ != nullptr) {
    const std::optional<PackedMember> member = FindLive(*table_, field, now_);
    if (!member.has_value()) return std::nullopt;
    return Text(member->value);
  }
  const size_t at = listpack_.Find(listpack_.Begin(), PackedNeedle(field), 1);
  if (at == listpack_.End()) return std::nullopt;
  return listpack_.Read(listpack_.Next(at));
}

std::optional<UnixMillis> Fields::DeadlineOf(std::string_view field) const {
  if (table_ != nullptr) {
    const std::optional<PackedMember> member = FindLive(*table_, field, now_);
    if (!member.has_value()) return std::nullopt;
    return member->deadline;
  }
  if (!Find(field).has_value()) return std::nullopt;
  return kNoDeadline;
}

PackedMember Fields::RandomLive(Random& random) const {
  PackedMember member = table_->RandomMember(random);
  for (int i = 0; !Live(member) && i < 100; ++i) member = table_->RandomMember(random);
  if (Live(member)) return member;
  // Nearly all are over: looked for among all.
  uint64_t seen = 0;
  table_->ForEach([&](const PackedMember& other) {
    if (Live(other) && random.Below(++seen) == 0) member = other;
    return true;
  });
  return member;
}

Result<int64_t> Set(Db& db, KeyView key, std::span<const std::string_view> pairs) {
  DASSERT(pairs.size() >= 2 && pairs.size() % 2 == 0);
  const Result<Record*> found = Find(db, key, Lookup::kWrite);
  if (!found.ok()) return found.error();
  Record* record = *found;
  Effect effect(db, "HSET", key);
  for (const std::string_view text : pairs) effect.Add(text);
  effect.Log();
  if (pairs.size() == 2) return SetOne(db, key, record, pairs[0], pairs[1], "hset") ? 1 : 0;
  int64_t added = 0;
  if (!HasTable(record) && StaysPacked(db, ListpackOf(record), pairs)) {
    ListpackBuffer buffer(ListpackOf(record));
    for (size_t i = 0; i < pairs.size(); i += 2) {
      const Listpack listpack = buffer.get();
      const size_t at = listpack.Find(listpack.Begin(), PackedNeedle(pairs[i]), 1);
      if (at != listpack.End()) {
        buffer.Replace(listpack.Next(at), PackedValue::Of(pairs[i + 1]));
        continue;
      }
      buffer.Append(pairs[i]);
      buffer.Append(pairs[i + 1]);
      ++added;
    }
    if (!TooManyEntries(db, buffer.get().count() / 2)) {
      PutListpack(db, key, Type::kHash, record, buffer.get());
      db.tally().changes += static_cast<uint32_t>(pairs.size() / 2);
      db.Notify(KeyEventClass::kHash, "hset", key);
      return added;
    }
    added = 0;
  }
  if (!HasTable(record)) record = MoveToTable(db, key, record);
  TableChange change(db, key, record, TableOf(*record));
  for (size_t i = 0; i < pairs.size(); i += 2) {
    const PackedTable::Upserted upserted = change.table().Upsert(pairs[i], pairs[i + 1]);
    if (upserted.added || upserted.old_deadline <= db.now()) ++added;
  }
  change.Done();
  db.tally().changes += static_cast<uint32_t>(pairs.size() / 2);
  db.Notify(KeyEventClass::kHash, "hset", key);
  return added;
}

Result<bool> SetIfMissing(Db& db, KeyView key, std::string_view field, std::string_view value) {
  const Result<Record*> found = Find(db, key, Lookup::kWrite);
  if (!found.ok()) return found.error();
  if (Fields(*found, db.now()).Find(field).has_value()) return false;
  Effect effect(db, "HSET", key);
  effect.Add(field);
  effect.Add(value);
  effect.Log();
  SetOne(db, key, *found, field, value, "hset");
  return true;
}

Result<int64_t> Erase(Db& db, KeyView key, std::span<const std::string_view> fields) {
  const Result<Record*> found = Find(db, key, Lookup::kWrite);
  if (!found.ok()) return found.error();
  Record* record = *found;
  if (record == nullptr) return 0;
  int64_t erased = 0;
  bool empty = false;
  if (HasTable(record)) {
    erased = EraseFromTable(db, key, record, fields);
    empty = TableOf(*db.Find(key, Lookup::kPeek)).size() == 0;
  } else {
    ListpackBuffer buffer;
    Effect effect(db, "HDEL", key);
    for (const std::string_view field : fields) {
      const Listpack listpack = erased == 0 ? ListpackOf(record) : buffer.get();
      const size_t at = listpack.Find(listpack.Begin(), PackedNeedle(field), 1);
      if (at == listpack.End()) continue;
      if (erased == 0) buffer.Assign(listpack);
      buffer.Erase(at, 2);
      effect.Add(field);
      ++erased;
    }
    if (erased == 0) return 0;
    effect.Log();
    empty = buffer.get().empty();
    if (!empty) PutListpack(db, key, Type::kHash, record, buffer.get());
  }
  if (erased == 0) return 0;
  db.tally().changes += static_cast<uint32_t>(erased);
  db.Notify(KeyEventClass::kHash, "hdel", key);
  if (empty) EraseEmpty(db, key);
  return erased;
}

Result<int64_t> Increment(Db& db, KeyView key, std::string_view field, int64_t by,
                          uint64_t bytes_max) {
  const Result<Record*> found = Find(db, key, Lookup::kWrite);
  if (!found.ok()) return found.error();
  int64_t value = 0;
  char digits[kInt64CharsMax];
  if (const auto old = ValueOf(*found, field, db.now(), digits)) {
    if (!ParseInt64(*old, &value)) return Errc::kNotInteger;
  }
  if (__builtin_add_overflow(value, by, &value)) return Errc::kIntegerOverflow;
  const std::string_view text(digits, FormatInt64(value, digits));
  if (field.size() + text.size() > bytes_max) return Errc::kTooLong;
  SetIncremented(db, key, *found, field, text, "hincrby");
  return value;
}

Result<std::string_view> IncrementFloat(Db& db, KeyView key, std::string_view field, long double by,
                                        char* out, uint64_t bytes_max) {
  const Result<Record*> found = Find(db, key, Lookup::kWrite);
  if (!found.ok()) return found.error();
  long double value = 0;
  char digits[kInt64CharsMax];
  if (const auto old = ValueOf(*found, field, db.now(), digits)) {
    if (!ParseLongDouble(*old, &value)) return Errc::kNotFloat;
  }
  value += by;
  if (!std::isfinite(value)) return Errc::kNanOrInfinity;
  const std::string_view text(out, FormatLongDouble(value, out));
  if (field.size() + text.size() > bytes_max) return Errc::kTooLong;
  SetIncremented(db, key, *found, field, text, "hincrbyfloat");
  return text;
}

namespace {

// Fields of a table that a command has gone through: those whose deadline it has changed, and those that it
// has erased because their time had come.
struct Gone {
  std::vector<std::string_view> changed;
  std::vector<std::string_view> erased;
};

// Tells of what was changed, and removes a hash that has no fields any more.
void Announce(Db& db, KeyView key, const Gone& gone, std::string_view event, bool empty) {
  db.tally().changes += static_cast<uint32_t>(gone.changed.size() + gone.erased.size());
  if (!gone.changed.empty()) db.Notify(KeyEventClass::kHash, event, key);
  if (!gone.erased.empty()) db.Notify(KeyEventClass::kHash, "hexpired", key);
  if (empty) EraseEmpty(db, key);
}

bool Allows(uint8_t conditions, UnixMillis old, UnixMillis deadline) {
  if ((conditions & keys::kExpireIfMissing) != 0 && old != kNoDeadline) return false;
  if ((conditions & keys::kExpireIfPresent) != 0 && old == kNoDeadline) return false;
  if ((conditions & keys::kExpireIfLater) != 0 && deadline <= old) return false;
  if ((conditions & keys::kExpireIfEarlier) != 0 && deadline >= old) return false;
  return true;
}

bool Fulfils(const Fields& there, std::span<const std::string_view> pairs,
             FieldsCondition condition) {
  if (condition == FieldsCondition::kNone) return true;
  const bool wanted = condition == FieldsCondition::kAllPresent;
  for (size_t i = 0; i < pairs.size(); i += 2) {
    if (there.Find(pairs[i]).has_value() != wanted) return false;
  }
  return true;
}

}  // namespace

Errc ExpireFields(Db& db, KeyView key, UnixMillis deadline, uint8_t conditions,
                  std::span<const std::string_view> fields, const TellChange& tell) {
  const Result<Record*> found = Find(db, key, Lookup::kWrite);
  if (!found.ok()) return found.error();
  Record* record = *found;
  const bool over = deadline <= db.now();
  Gone gone;
  for (const std::string_view field : fields) {
    const std::optional<UnixMillis> old = Fields(record, db.now()).DeadlineOf(field);
    if (!old.has_value()) {
      tell(FieldChange::kMissing);
    } else if (!Allows(conditions, *old, deadline)) {
      tell(FieldChange::kRefused);
    } else {
      if (!HasTable(record)) record = MoveToTable(db, key, record);
      TableChange change(db, key, record, TableOf(*record));
      if (over) {
        change.table().Erase(field);
        gone.erased.push_back(field);
      } else {
        change.table().SetDeadline(field, deadline);
        gone.changed.push_back(field);
      }
      change.Done();
      record = db.Find(key, Lookup::kPeek);
      tell(over ? FieldChange::kErased : FieldChange::kDone);
    }
  }
  if (gone.changed.empty() && gone.erased.empty()) return Errc::kOk;
  LogDeadline(db, key, deadline, gone.changed);
  LogFields(db, {"HDEL", key.bytes}, gone.erased, false);
  Announce(db, key, gone, "hexpire", TableOf(*record).size() == 0);
  return Errc::kOk;
}

Errc PersistFields(Db& db, KeyView key, std::span<const std::string_view> fields,
                   const TellChange& tell) {
  const Result<Record*> found = Find(db, key, Lookup::kWrite);
  if (!found.ok()) return found.error();
  Gone gone;
  std::optional<TableChange> change;
  if (HasTable(*found)) change.emplace(db, key, *found, TableOf(**found));
  for (const std::string_view field : fields) {
    const std::optional<UnixMillis> old = Fields(*found, db.now()).DeadlineOf(field);
    if (!old.has_value()) {
      tell(FieldChange::kMissing);
    } else if (*old == kNoDeadline) {
      tell(FieldChange::kNoDeadline);
    } else {
      change->table().SetDeadline(field, kNoDeadline);
      gone.changed.push_back(field);
      tell(FieldChange::kDone);
    }
  }
  if (gone.changed.empty()) return Errc::kOk;
  LogFields(db, {"HPERSIST", key.bytes}, gone.changed, true);
  change->Done();
  Announce(db, key, gone, "hpersist", false);
  return Errc::kOk;
}

Result<bool> SetFields(Db& db, KeyView key, std::span<const std::string_view> pairs,
                       const SetFieldsOptions& options) {
  const Result<Record*> found = Find(db, key, Lookup::kWrite);
  if (!found.ok()) return found.error();
  Record* record = *found;
  if (!Fulfils(Fields(record, db.now()), pairs, options.condition)) return false;
  std::vector<std::string_view> fields;
  for (size_t i = 0; i < pairs.size(); i += 2) fields.push_back(pairs[i]);
  if (options.deadline <= db.now()) {
    // Set and over at once.
    const Result<int64_t> erased = Erase(db, key, fields);
    if (!erased.ok()) return erased.error();
    return true;
  }
  if (options.deadline == kNoDeadline && !HasTable(record)) {
    const Result<int64_t> set = Set(db, key, pairs);
    if (!set.ok()) return set.error();
    return true;
  }
  if (!HasTable(record)) record = MoveToTable(db, key, record);
  Effect effect(db, "HSET", key);
  for (const std::string_view text : pairs) effect.Add(text);
  effect.Log();
  TableChange change(db, key, record, TableOf(*record));
  for (size_t i = 0; i < pairs.size(); i += 2) {
    UnixMillis deadline = options.deadline;
    if (options.keep_deadlines) {
      const std::optional<PackedMember> old = FindLive(change.table(), pairs[i], db.now());
      if (old.has_value()) deadline = old->deadline;
    }
    if (options.keep_deadlines && deadline != kNoDeadline)
      LogDeadline(db, key, deadline, {pairs[i]});
    change.table().Upsert(pairs[i], pairs[i + 1], deadline);
  }
  change.Done();
  if (options.deadline != kNoDeadline) LogDeadline(db, key, options.deadline, fields);
  db.tally().changes += static_cast<uint32_t>(fields.size());
  db.Notify(KeyEventClass::kHash, "hset", key);
  if (options.deadline != kNoDeadline) db.Notify(KeyEventClass::kHash, "hexpire", key);
  return true;
}

}  // namespace alai::hashes
