#include "engine/types/sorted_sets.h"

#include <cmath>

#include "engine/base/assert.h"
#include "engine/base/number.h"
#include "engine/packing_limits.h"
#include "engine/store.h"
#include "engine/types/packed_record.h"

namespace alai::sorted_sets {
namespace {

// An effect on members, with or without scores, that is logged in as many parts as it takes.
class ScoreEffect {
 public:
  ScoreEffect(Db& db, std::string_view command, KeyView key) : db_(db) {
    if (!db.logs_changes()) return;
    words_ = std::make_unique<Words>();
    words_->words[0] = command;
    words_->words[1] = key.bytes;
  }
  void Add(double score, const PackedValue& member) {
    if (words_ == nullptr) return;
    char* text = words_->texts[used_];
    Push({text, FormatDouble(score, text)});
    Add(member);
  }
  void Add(double score, std::string_view member) { Add(score, PackedValue{false, 0, member}); }
  void Add(const PackedValue& member) {
    if (words_ == nullptr) return;
    Push(member.View(words_->texts[used_]));
    if (used_ >= kWords) Log();
  }
  // What has been added since the last time, if anything.
  void Log() {
    if (used_ != 0) db_.LogEffect({words_->words, 2 + used_});
    used_ = 0;
  }

 private:
  static constexpr size_t kWords = 128;
  static_assert(kWords % 2 == 0 && kDoubleCharsMax >= kInt64CharsMax);
  static_assert(kWords >= kPortionElementsMin);
  struct Words {
    std::string_view words[2 + kWords];
    char texts[kWords][kDoubleCharsMax];
  };

  void Push(std::string_view word) { words_->words[2 + used_++] = word; }

  Db& db_;
  std::unique_ptr<Words> words_;
  size_t used_ = 0;
};

bool HasContainer(const Record* record) {
  return record != nullptr && record->encoding() == Encoding::kContainer;
}

SortedSet& SetOf(Record& record) {
  return static_cast<SortedSetContainer*>(record.container())->set();
}

SortedSetContainer* NewContainer(Listpack listpack) {
  auto* container = new SortedSetContainer;
  Members(listpack).ForEach([container](const PackedValue& member, double score) {
    char digits[kInt64CharsMax];
    container->set().Set(member.View(digits), score);
  });
  return container;
}

// Whether a listpack may take in one more member.
bool StaysPacked(const Db& db, Listpack listpack, std::string_view member) {
  const PackingLimits& limits = db.store().packing;
  return listpack.count() / 2 < limits.sorted_set_entries.load(std::memory_order_relaxed) &&
         member.size() <= limits.sorted_set_value_bytes.load(std::memory_order_relaxed) &&
         listpack.bytes() + member.size() + kDoubleCharsMax + 2 * kPackedEntryExtraMax <=
             kPackedBytesMax;
}

// Where an entry belongs in a listpack.
size_t PlaceFor(Listpack listpack, double score, std::string_view member) {
  const size_t end = listpack.End();
  for (size_t at = listpack.Begin(); at < end;) {
    const size_t value = listpack.Next(at);
    const double other = ScoreOf(listpack.Read(value));
    char digits[kInt64CharsMax];
    if (other > score || (other == score && listpack.Read(at).View(digits) > member)) return at;
    at = listpack.Next(value);
  }
  return end;
}

// A change of a container: counts what it grows by, and tells of it.
class ContainerChange {
 public:
  ContainerChange(Db& db, KeyView key, Record* record)
      : db_(db), key_(key), record_(record), before_(record->container()->allocated_bytes()) {}
  SortedSet& set() { return SetOf(*record_); }
  void Done() { db_.ContainerChanged(key_, record_, before_); }

 private:
  Db& db_;
  KeyView key_;
  Record* record_;
  size_t before_;
};

// What the options make of a member and a score.
struct Decision {
  bool passes = false;   // the options let it through
  bool changes = false;  // and the score is another than before
  double score = 0;
};

Decision Decide(const AddOptions& options, const std::optional<double>& old, double score) {
  if (!old.has_value()) {
    if (options.only_existing) return {};
    return {true, true, score};
  }
  if (options.only_new) return {};
  if (options.increment) score += *old;
  if (options.only_less && score >= *old) return {};
  if (options.only_greater && score <= *old) return {};
  return {true, score != *old, score};
}

void Count(const std::optional<double>& old, AddOutcome* outcome) {
  ++(old.has_value() ? outcome->updated : outcome->added);
}

// Adds to a large set, logging each change before it is made. kNanOrInfinity as for Add().
Errc AddToSet(SortedSet& set, const AddOptions& options, std::span<const ScoredMember> pairs,
              ScoreEffect& effect, AddOutcome* outcome) {
  if (options.none()) {
    for (const ScoredMember& pair : pairs) effect.Add(pair.score, pair.member);
    effect.Log();
    for (const ScoredMember& pair : pairs) {
      const SortedSet::SetOutcome done = set.Set(pair.member, pair.score);
      if (done == SortedSet::SetOutcome::kAdded) ++outcome->added;
      if (done == SortedSet::SetOutcome::kChanged) ++outcome->updated;
    }
    return Errc::kOk;
  }
  for (const ScoredMember& pair : pairs) {
    const std::optional<double> old = set.Score(pair.member);
    const Decision decision = Decide(options, old, pair.score);
    if (std::isnan(decision.score)) return Errc::kNanOrInfinity;
    if (decision.passes) outcome->score = decision.score;
    if (!decision.changes) continue;
    effect.Add(decision.score, pair.member);
    effect.Log();
    set.Set(pair.member, decision.score);
    Count(old, outcome);
  }
  return Errc::kOk;
}

Errc AddToContainer(Db& db, KeyView key, Record* record, const AddOptions& options,
                    std::span<const ScoredMember> pairs, AddOutcome* outcome) {
  ContainerChange change(db, key, record);
  ScoreEffect effect(db, "ZADD", key);
  const Errc error = AddToSet(change.set(), options, pairs, effect, outcome);
  if (outcome->added + outcome->updated != 0) change.Done();
  return error;
}

// Adds to a set that is a listpack, or is not there, and becomes a container by that.
void AddBeyondPacked(Db& db, KeyView key, const AddOptions& options,
                     std::span<const ScoredMember> pairs, AddOutcome* outcome) {
  const Record* old = db.Find(key, Lookup::kPeek);
  SortedSetContainer* container = NewContainer(ListpackOf(old));
  ScoreEffect effect(db, "ZADD", key);
  [[maybe_unused]] const Errc error = AddToSet(container->set(), options, pairs, effect, outcome);
  // The first pair is new.
  DASSERT(error == Errc::kOk);
  PutContainer(db, key, Type::kSortedSet, old, container);
}

// Adds to a set that is a listpack, or is not there, as long as it may stay one: gives how many of the
// pairs that were. What they have made of the listpack is published.
Result<size_t> AddPacked(Db& db, KeyView key, Record* record, const AddOptions& options,
                         std::span<const ScoredMember> pairs, AddOutcome* outcome) {
  ListpackBuffer buffer;
  ScoreEffect effect(db, "ZADD", key);
  bool changed = false;
  size_t done = 0;
  for (; done < pairs.size(); ++done) {
    const ScoredMember& pair = pairs[done];
    const Listpack listpack = changed ? buffer.get() : ListpackOf(record);
    const size_t at = listpack.Find(listpack.Begin(), PackedNeedle(pair.member), 1);
    std::optional<double> old;
    if (at != listpack.End()) old = ScoreOf(listpack.Read(listpack.Next(at)));
    const Decision decision = Decide(options, old, pair.score);
    if (std::isnan(decision.score)) return Errc::kNanOrInfinity;
    if (decision.changes && !old.has_value() && !StaysPacked(db, listpack, pair.member)) break;
    if (decision.passes) outcome->score = decision.score;
    if (!decision.changes) continue;
    effect.Add(decision.score, pair.member);
    Count(old, outcome);
    const PackedScore score(decision.score);
    const PackedValue values[] = {PackedValue::Of(pair.member), score.value()};
    if (pairs.size() == 1 && !old.has_value()) {
      effect.Log();
      PutEdited(
          db, key, Type::kSortedSet, record,
          ListpackEdit::InsertBefore(PlaceFor(listpack, decision.score, pair.member), values));
      return size_t{1};
    }
    if (!changed) buffer.Assign(listpack);
    changed = true;
    if (old.has_value()) buffer.Erase(at, 2);
    buffer.Apply(
        ListpackEdit::InsertBefore(PlaceFor(buffer.get(), decision.score, pair.member), values));
  }
  effect.Log();
  if (changed) PutListpack(db, key, Type::kSortedSet, record, buffer.get());
  return done;
}

int64_t EraseFromContainer(Db& db, KeyView key, Record* record,
                           std::span<const std::string_view> members) {
  ScoreEffect effect(db, "ZREM", key);
  bool any = false;
  for (const std::string_view member : members) {
    if (!SetOf(*record).Score(member).has_value()) continue;
    effect.Add(PackedValue{false, 0, member});
    any = true;
  }
  if (!any) return 0;
  effect.Log();
  ContainerChange change(db, key, record);
  int64_t erased = 0;
  for (const std::string_view member : members) {
    if (change.set().Remove(member)) ++erased;
  }
  change.Done();
  return erased;
}

// Removes members whose removal has been logged, and the key with its last one.
void EraseLogged(Db& db, KeyView key, Record* record, RankRange ranks, std::string_view event) {
  const Members members(record);
  DASSERT(ranks.end <= members.size());
  const bool all = ranks.size() == members.size();
  if (!all && HasContainer(record)) {
    ContainerChange change(db, key, record);
    change.set().RemoveRanks(ranks, [](std::string_view, double) {});
    change.Done();
  } else if (!all) {
    const Listpack listpack = members.listpack();
    const size_t first = listpack.At(static_cast<int64_t>(2 * ranks.first));
    PutEdited(db, key, Type::kSortedSet, record,
              ListpackEdit::Erase(listpack, first, 2 * ranks.size()));
  }
  db.tally().changes += static_cast<uint32_t>(ranks.size());
  db.Notify(KeyEventClass::kSortedSet, event, key);
  if (all) EraseEmpty(db, key);
}

}  // namespace

Result<Record*> Find(Db& db, KeyView key, Lookup lookup) {
  Record* record = db.Find(key, lookup);
  if (record != nullptr && record->type() != Type::kSortedSet) return Errc::kWrongType;
  return record;
}

Result<AddOutcome> Add(Db& db, KeyView key, const AddOptions& options,
                       std::span<const ScoredMember> pairs) {
  DASSERT(!options.increment || pairs.size() == 1);
  const Result<Record*> found = Find(db, key, Lookup::kWrite);
  if (!found.ok()) return found.error();
  Record* record = *found;
  AddOutcome outcome;
  if (HasContainer(record)) {
    const Errc error = AddToContainer(db, key, record, options, pairs, &outcome);
    if (error != Errc::kOk) return error;
  } else {
    const Result<size_t> packed = AddPacked(db, key, record, options, pairs, &outcome);
    if (!packed.ok()) return packed.error();
    if (*packed < pairs.size()) {
      AddBeyondPacked(db, key, options, pairs.subspan(*packed), &outcome);
    }
  }
  if (outcome.added + outcome.updated != 0) {
    db.tally().changes += static_cast<uint32_t>(outcome.added + outcome.updated);
    db.Notify(KeyEventClass::kSortedSet, options.increment ? "zincr" : "zadd", key);
  }
  return outcome;
}

Result<int64_t> Erase(Db& db, KeyView key, std::span<const std::string_view> members) {
  const Result<Record*> found = Find(db, key, Lookup::kWrite);
  if (!found.ok()) return found.error();
  Record* record = *found;
  if (record == nullptr) return 0;
  int64_t erased = 0;
  bool empty = false;
  if (HasContainer(record)) {
    SortedSet& set = SetOf(*record);
    erased = EraseFromContainer(db, key, record, members);
    empty = set.size() == 0;
  } else {
    ListpackBuffer buffer;
    ScoreEffect effect(db, "ZREM", key);
    for (const std::string_view member : members) {
      const Listpack listpack = erased == 0 ? ListpackOf(record) : buffer.get();
      const size_t at = listpack.Find(listpack.Begin(), PackedNeedle(member), 1);
      if (at == listpack.End()) continue;
      if (erased == 0) buffer.Assign(listpack);
      buffer.Erase(at, 2);
      effect.Add(PackedValue{false, 0, member});
      ++erased;
    }
    if (erased == 0) return 0;
    effect.Log();
    empty = buffer.get().empty();
    if (!empty) PutListpack(db, key, Type::kSortedSet, record, buffer.get());
  }
  if (erased == 0) return 0;
  db.tally().changes += static_cast<uint32_t>(erased);
  db.Notify(KeyEventClass::kSortedSet, "zrem", key);
  if (empty) EraseEmpty(db, key);
  return erased;
}

void EraseRanks(Db& db, KeyView key, Record* record, RankRange ranks, std::string_view event) {
  if (ranks.size() == 0) return;
  if (ranks.size() != Members(record).size() && db.logs_changes()) {
    char first[kInt64CharsMax];
    char last[kInt64CharsMax];
    db.LogEffect({"ZREMRANGEBYRANK",
                  key.bytes,
                  {first, FormatUint64(ranks.first, first)},
                  {last, FormatUint64(ranks.end - 1, last)}});
  }
  EraseLogged(db, key, record, ranks, event);
}

void EraseEnd(Db& db, KeyView key, Record* record, End end, uint64_t count) {
  const bool max = end == End::kMax;
  if (db.logs_changes()) {
    char digits[kInt64CharsMax];
    db.LogEffect({max ? "ZPOPMAX" : "ZPOPMIN", key.bytes, {digits, FormatUint64(count, digits)}});
  }
  EraseLogged(db, key, record, RanksAt(end, Members(record).size(), count),
              max ? "zpopmax" : "zpopmin");
}

Builder::Builder(const PackingLimits& limits)
    : entries_max_(limits.sorted_set_entries.load(std::memory_order_relaxed)),
      value_bytes_max_(limits.sorted_set_value_bytes.load(std::memory_order_relaxed)) {}

void Builder::Append(const PackedValue& member, double score) {
  const size_t length = member.length();
  ++size_;
  member_bytes_ += length;
  if (container_ == nullptr) {
    const bool fits = size_ <= entries_max_ && length <= value_bytes_max_ &&
                      packed_.get().bytes() + length + kDoubleCharsMax + 2 * kPackedEntryExtraMax <=
                          kPackedBytesMax;
    if (fits) {
      const PackedScore packed_score(score);
      const PackedValue values[] = {member.is_integer ? member : PackedValue::Of(member.text),
                                    packed_score.value()};
      packed_.Apply(ListpackEdit::Append(packed_.get(), values));
      if (score == 0 && std::signbit(score)) negative_zeros_.push_back(size_ - 1);
      return;
    }
    MoveToContainer();
  }
  char digits[kInt64CharsMax];
  container_->set().Set(member.View(digits), score);
}

void Builder::MoveToContainer() {
  container_ = std::make_unique<SortedSetContainer>();
  auto negative_zero = negative_zeros_.begin();
  uint64_t place = 0;
  Members(packed_.get()).ForEach([&](const PackedValue& member, double score) {
    if (negative_zero != negative_zeros_.end() && *negative_zero == place) {
      score = -0.0;
      ++negative_zero;
    }
    ++place;
    char digits[kInt64CharsMax];
    container_->set().Set(member.View(digits), score);
  });
  packed_.Release();
}

bool Builder::ReserveLog(Db& db, KeyView key) const {
  return ReserveElements(db, key, 2 * size_, member_bytes_ + size_ * kDoubleCharsMax);
}

void Builder::MoveTo(Record::Draft* draft) {
  draft->type = Type::kSortedSet;
  if (container_ == nullptr) {
    draft->encoding = Encoding::kListpack;
    draft->value = packed_.get().view();
    return;
  }
  draft->encoding = Encoding::kContainer;
  draft->container = container_.release();
  draft->read_under_lock = true;
}

void Builder::Store(Db& db, KeyView key, std::string_view event) {
  const bool there = db.Find(key, Lookup::kPeek) != nullptr;
  if (size_ == 0) {
    if (!there) return;
    ++db.tally().changes;
    return EraseEmpty(db, key);
  }
  if (there) db.LogEffect({"DEL", key.bytes});
  if (db.logs_changes()) {
    ScoreEffect effect(db, "ZADD", key);
    const Members members =
        container_ != nullptr ? Members(container_->set()) : Members(packed_.get());
    members.ForEach([&](const PackedValue& member, double score) { effect.Add(score, member); });
    effect.Log();
  }
  if (container_ != nullptr) {
    PutContainer(db, key, Type::kSortedSet, nullptr, container_.release());
  } else {
    PutListpack(db, key, Type::kSortedSet, nullptr, packed_.get());
  }
  ++db.tally().changes;
  db.Notify(KeyEventClass::kSortedSet, event, key);
}

}  // namespace alai::sorted_sets
