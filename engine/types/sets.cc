#include "engine/types/sets.h"

#include <algorithm>
#include <string>

#include "engine/base/assert.h"
#include "engine/base/number.h"
#include "engine/store.h"
#include "engine/types/packed_record.h"
#include "engine/types/set_builder.h"
#include "engine/types/table_change.h"

namespace alai::sets {
namespace {

PackedTable& TableOf(Record& record) {
  return static_cast<SetContainer*>(record.container())->table();
}

bool HasTable(const Record* record) {
  return record != nullptr && record->encoding() == Encoding::kContainer;
}

Intset IntsetOf(const Record* record) {
  return record == nullptr ? Intset() : Intset(record->inline_value().data());
}

void PutBuilt(Db& db, KeyView key, const Record* old, SetBuilder& set) {
  Record::Draft draft = SuccessorDraft(key, Type::kSet, old);
  set.MoveTo(&draft);
  PutCollection(db, key, draft);
}

// Publishes an intset that is written straight to its place.
void PutIntset(Db& db, KeyView key, const Record* old, const Record::Source& source) {
  Record::Draft draft = SuccessorDraft(key, Type::kSet, old);
  draft.encoding = Encoding::kIntset;
  draft.source = &source;
  PutCollection(db, key, draft);
}

void PutIntsetWith(Db& db, KeyView key, const Record* old, int64_t value) {
  struct With : Record::Source {
    Intset old;
    int64_t value;
  };
  const Intset intset = IntsetOf(old);
  const With with{{IntsetBytesWith(intset, value),
                   [](const Record::Source& self, char* out) {
                     const auto& that = static_cast<const With&>(self);
                     WriteIntsetWith(that.old, that.value, out);
                   }},
                  intset,
                  value};
  PutIntset(db, key, old, with);
}

void PutIntsetWithout(Db& db, KeyView key, const Record* old, uint32_t index) {
  struct Without : Record::Source {
    Intset old;
    uint32_t index;
  };
  const Intset intset = IntsetOf(old);
  const Without without{{IntsetBytesWithout(intset),
                         [](const Record::Source& self, char* out) {
                           const auto& that = static_cast<const Without&>(self);
                           WriteIntsetWithout(that.old, that.index, out);
                         }},
                        intset,
                        index};
  PutIntset(db, key, old, without);
}

// The one new member of a set that is packed, or not there, if it stays packed: false when it does not.
bool AddPacked(Db& db, KeyView key, const Record* old, std::string_view member) {
  const SetLimits limits(db.store().packing);
  const PackedValue value = PackedValue::Of(member);
  const bool is_intset = old != nullptr && old->encoding() == Encoding::kIntset;
  if (value.is_integer && (is_intset || old == nullptr) &&
      limits.IntsetTakes(IntsetOf(old), value.integer)) {
    PutIntsetWith(db, key, old, value.integer);
    return true;
  }
  if (is_intset) return false;
  const Listpack listpack = ListpackOf(old);
  if (!limits.ListpackTakes(listpack.count(), listpack.bytes(), member.size())) return false;
  PutEdited(db, key, Type::kSet, old, ListpackEdit::Append(listpack, {&value, 1}));
  return true;
}

void LogOne(Db& db, std::string_view command, KeyView key, std::string_view member) {
  if (db.logs_changes()) db.LogEffect({command, key.bytes, member});
}

bool AddOne(Db& db, KeyView key, Record* record, std::string_view member) {
  if (HasTable(record)) {
    TableChange change(db, key, record, TableOf(*record));
    if (!change.table().Insert(member)) return false;
    LogOne(db, "SADD", key, member);
    change.Done();
  } else {
    if (Members(record).Contains(member)) return false;
    LogOne(db, "SADD", key, member);
    if (!AddPacked(db, key, record, member)) {
      SetBuilder set(db.store().packing);
      if (record != nullptr) set.Assign(*record);
      set.Expect(member, 1);
      set.Add(member);
      PutBuilt(db, key, record, set);
    }
  }
  ++db.tally().changes;
  db.Notify(KeyEventClass::kSet, "sadd", key);
  return true;
}

int64_t RemoveFromTable(Db& db, KeyView key, Record* record,
                        std::span<const std::string_view> members, bool* empty) {
  int64_t removed = 0;
  PortionedEffect effect(db, "SREM", key);
  TableChange change(db, key, record, TableOf(*record));
  for (const std::string_view member : members) {
    if (!change.table().Erase(member)) continue;
    effect.Add(member);
    ++removed;
  }
  *empty = change.table().size() == 0;
  if (removed == 0) return 0;
  effect.Log();
  change.Done();
  return removed;
}

int64_t RemoveFromListpack(Db& db, KeyView key, const Record* record,
                           std::span<const std::string_view> members, bool* empty) {
  int64_t removed = 0;
  ListpackBuffer left;
  PortionedEffect effect(db, "SREM", key);
  for (const std::string_view member : members) {
    const Listpack listpack = removed == 0 ? ListpackOf(record) : left.get();
    const size_t at = listpack.Find(listpack.Begin(), PackedNeedle(member));
    if (at == listpack.End()) continue;
    effect.Add(member);
    ++removed;
    if (members.size() == 1 && listpack.count() > 1) {
      effect.Log();
      PutEdited(db, key, Type::kSet, record, ListpackEdit::Erase(listpack, at, 1));
      return 1;
    }
    if (removed == 1) left.Assign(listpack);
    left.Erase(at, 1);
  }
  if (removed == 0) return 0;
  effect.Log();
  *empty = left.get().empty();
  if (*empty) return removed;
  Record::Draft draft = SuccessorDraft(key, Type::kSet, record);
  draft.encoding = Encoding::kListpack;
  draft.value = left.get().view();
  PutCollection(db, key, draft);
  return removed;
}

void PutIntset(Db& db, KeyView key, const Record* old, Intset intset) {
  Record::Draft draft = SuccessorDraft(key, Type::kSet, old);
  draft.encoding = Encoding::kIntset;
  draft.value = intset.view();
  PutCollection(db, key, draft);
}

int64_t RemoveFromIntset(Db& db, KeyView key, const Record* record,
                         std::span<const std::string_view> members, bool* empty) {
  int64_t removed = 0;
  IntsetBuffer left;
  PortionedEffect effect(db, "SREM", key);
  for (const std::string_view member : members) {
    const Intset intset = removed == 0 ? IntsetOf(record) : left.get();
    int64_t value;
    uint32_t index;
    if (!ParseInt64(member, &value) || !intset.Find(value, &index)) continue;
    effect.Add(member);
    ++removed;
    if (members.size() == 1 && intset.count() > 1) {
      effect.Log();
      PutIntsetWithout(db, key, record, index);
      return 1;
    }
    if (removed == 1) left.Assign(intset);
    left.Remove(value);
  }
  if (removed == 0) return 0;
  effect.Log();
  *empty = left.get().empty();
  if (!*empty) PutIntset(db, key, record, left.get());
  return removed;
}

int64_t RemoveFrom(Db& db, KeyView key, Record* record, std::span<const std::string_view> members) {
  bool empty = false;
  const int64_t removed = HasTable(record) ? RemoveFromTable(db, key, record, members, &empty)
                          : record->encoding() == Encoding::kListpack
                              ? RemoveFromListpack(db, key, record, members, &empty)
                              : RemoveFromIntset(db, key, record, members, &empty);
  if (removed == 0) return 0;
  db.Notify(KeyEventClass::kSet, "srem", key);
  if (empty) EraseEmpty(db, key);
  return removed;
}

// Walks over a set and tells for each member whether it is among `count` chosen ones.
class Selection {
 public:
  Selection(Random& random, size_t size, size_t count)
      : random_(random), left_(size), wanted_(count) {}
  bool Takes() {
    if (random_.Below(left_--) >= wanted_) return false;
    --wanted_;
    return true;
  }

 private:
  Random& random_;
  size_t left_;
  size_t wanted_;
};

using PopVisit = std::function<void(const PackedValue&)>;

// Before an effect that names members of a set, at most all of them: false as Db::ReserveLog().
bool ReserveMembers(Db& db, KeyView key, const Members& members) {
  if (!db.logs_changes()) return true;
  uint64_t bytes = 0;
  members.ForEach([&bytes](const PackedValue& member) {
    bytes += member.length();
    return true;
  });
  return ReserveElements(db, key, members.size(), bytes);
}

// Splits a packed set in those that are popped and those that stay.
void PopPacked(Db& db, KeyView key, const Record* record, size_t count, const PopVisit& visit) {
  const Members members(record);
  Selection selection(db.thread().random(), members.size(), count);
  IntsetBuffer integers;
  ListpackBuffer others;
  const bool is_intset = record->encoding() == Encoding::kIntset;
  PortionedEffect effect(db, "SREM", key);
  members.ForEach([&](const PackedValue& member) {
    if (selection.Takes()) {
      visit(member);
      effect.AddCopy(member);
    } else if (is_intset) {
      integers.Add(member.integer);
    } else {
      others.Append(member);
    }
    return true;
  });
  effect.Log();
  if (is_intset) return PutIntset(db, key, record, integers.get());
  Record::Draft draft = SuccessorDraft(key, Type::kSet, record);
  draft.encoding = Encoding::kListpack;
  draft.value = others.get().view();
  PutCollection(db, key, draft);
}

// Where changes are logged, all are chosen before the first goes, as space for them must be there.
bool PopLoggedFromTable(Db& db, KeyView key, Record* record, size_t count, const PopVisit& visit) {
  TableChange change(db, key, record, TableOf(*record));
  std::vector<std::string> chosen;
  uint64_t bytes = 0;
  change.table().RandomDistinct(db.thread().random(), count, [&](const PackedMember& member) {
    chosen.emplace_back(member.member);
    bytes += member.member.size();
  });
  if (!ReserveElements(db, key, chosen.size(), bytes)) return false;
  PortionedEffect effect(db, "SREM", key);
  for (const std::string& member : chosen) {
    visit({false, 0, member});
    effect.Add(member);
    change.table().Erase(member);
  }
  effect.Log();
  change.Done();
  return true;
}

bool PopFromTable(Db& db, KeyView key, Record* record, size_t count, const PopVisit& visit) {
  if (db.logs_changes()) return PopLoggedFromTable(db, key, record, count, visit);
  TableChange change(db, key, record, TableOf(*record));
  for (; count != 0; --count) {
    change.table().TakeRandom(db.thread().random(), [&](const PackedMember& member) {
      visit({false, 0, member.member});
    });
  }
  change.Done();
  return true;
}

// Makes a new set of the few members of a table that stay.
void PopMost(Db& db, KeyView key, const Record* record, size_t count, const PopVisit& visit) {
  const Members members(record);
  Selection selection(db.thread().random(), members.size(), count);
  SetBuilder left(db.store().packing);
  PortionedEffect effect(db, "SREM", key);
  members.ForEach([&](const PackedValue& member) {
    if (selection.Takes()) {
      visit(member);
      effect.AddCopy(member);
    } else {
      left.Add(member);
    }
    return true;
  });
  effect.Log();
  PutBuilt(db, key, record, left);
}

}  // namespace

size_t SetContainer::allocated_bytes() const {
  return sizeof(*this) - sizeof(table_) + table_.allocated_bytes();
}

Container* SetContainer::Copy() const {
  auto* copy = new SetContainer;
  table_.ForEach([copy](const PackedMember& member) {
    copy->table_.Insert(member.member);
    return true;
  });
  return copy;
}

Result<Record*> Find(Db& db, KeyView key, Lookup lookup) {
  Record* record = db.Find(key, lookup);
  if (record != nullptr && record->type() != Type::kSet) return Errc::kWrongType;
  return record;
}

Members::Members(const Record* record) {
  if (record == nullptr) return;
  if (HasTable(record)) {
    *this = Members(static_cast<const SetContainer*>(record->container())->table());
  } else if (record->encoding() == Encoding::kIntset) {
    *this = Members(IntsetOf(record));
  } else {
    *this = Members(ListpackOf(record));
  }
}

bool Members::Contains(std::string_view member) const {
  if (form_ == Form::kTable) return table_->Contains(member);
  if (form_ == Form::kListpack) {
    return listpack().Find(listpack().Begin(), PackedNeedle(member)) != listpack().End();
  }
  int64_t integer;
  return ParseInt64(member, &integer) && intset().Contains(integer);
}

bool Members::Contains(const PackedValue& member) const {
  if (member.is_integer && form_ == Form::kIntset) return intset().Contains(member.integer);
  char digits[kInt64CharsMax];
  return Contains(member.View(digits));
}

Result<int64_t> Add(Db& db, KeyView key, std::span<const std::string_view> members) {
  DASSERT(!members.empty());
  const Result<Record*> found = Find(db, key, Lookup::kWrite);
  if (!found.ok()) return found.error();
  Record* record = *found;
  if (members.size() == 1) return AddOne(db, key, record, members[0]) ? 1 : 0;
  int64_t added = 0;
  PortionedEffect effect(db, "SADD", key);
  if (HasTable(record)) {
    TableChange change(db, key, record, TableOf(*record));
    for (const std::string_view member : members) {
      if (!change.table().Insert(member)) continue;
      effect.Add(member);
      ++added;
    }
    if (added == 0) return 0;
    effect.Log();
    change.Done();
  } else {
    SetBuilder set(db.store().packing);
    if (record != nullptr) set.Assign(*record);
    set.Expect(members[0], members.size());
    for (const std::string_view member : members) {
      if (!set.Add(member)) continue;
      effect.Add(member);
      ++added;
    }
    if (added == 0) return 0;
    effect.Log();
    PutBuilt(db, key, record, set);
  }
  db.tally().changes += static_cast<uint32_t>(added);
  db.Notify(KeyEventClass::kSet, "sadd", key);
  return added;
}

Result<int64_t> Remove(Db& db, KeyView key, std::span<const std::string_view> members) {
  const Result<Record*> found = Find(db, key, Lookup::kWrite);
  if (!found.ok()) return found.error();
  if (*found == nullptr) return 0;
  const int64_t removed = RemoveFrom(db, key, *found, members);
  db.tally().changes += static_cast<uint32_t>(removed);
  return removed;
}

Result<bool> Move(Db& db, KeyView from, KeyView to, std::string_view member, uint64_t bytes_max) {
  Record* source = db.Find(from, Lookup::kWrite);
  Record* target = db.Find(to, Lookup::kWrite);
  if (source == nullptr) return false;
  if (source->type() != Type::kSet || (target != nullptr && target->type() != Type::kSet)) {
    return Errc::kWrongType;
  }
  if (from.bytes == to.bytes) return Members(source).Contains(member);
  if (member.size() > bytes_max && Members(source).Contains(member) &&
      !Members(target).Contains(member)) {
    return Errc::kTooLong;
  }
  if (RemoveFrom(db, from, source, {&member, 1}) == 0) return false;
  ++db.tally().changes;
  AddOne(db, to, target, member);
  return true;
}

bool Pop(Db& db, KeyView key, Record* record, size_t count, const PopVisit& visit) {
  DASSERT(count != 0);
  const Members members(record);
  const size_t size = members.size();
  const bool all = count >= size;
  // Redis begins a new set when four fifths or more go; so this can be seen.
  constexpr size_t kMostRatio = 5;
  if (all) {
    members.ForEach([&](const PackedValue& member) {
      visit(member);
      return true;
    });
  } else if (HasTable(record) && (size - count) * kMostRatio > count) {
    if (!PopFromTable(db, key, record, count, visit)) return false;
  } else if (!ReserveMembers(db, key, members)) {
    return false;
  } else if (HasTable(record)) {
    PopMost(db, key, record, count, visit);
  } else {
    PopPacked(db, key, record, count, visit);
  }
  db.tally().changes += static_cast<uint32_t>(std::min(count, size));
  db.Notify(KeyEventClass::kSet, "spop", key);
  if (all) EraseEmpty(db, key);
  return true;
}

int64_t Store(Db& db, KeyView key, SetBuilder& set, std::string_view event) {
  const Members members = set.members();
  const auto size = static_cast<int64_t>(members.size());
  if (size == 0) {
    if (db.Erase(key)) {
      ++db.tally().changes;
      db.Notify(KeyEventClass::kGeneric, "del", key);
    }
    return 0;
  }
  const bool was_there = db.Find(key, Lookup::kPeek) != nullptr;
  if (was_there && db.logs_changes()) db.LogEffect({"DEL", key.bytes});
  PortionedEffect effect(db, "SADD", key);
  if (db.logs_changes()) {
    members.ForEach([&](const PackedValue& member) {
      effect.AddCopy(member);
      return true;
    });
    effect.Log();
  }
  PutBuilt(db, key, nullptr, set);
  ++db.tally().changes;
  db.Notify(KeyEventClass::kSet, event, key);
  return size;
}

}  // namespace alai::sets
