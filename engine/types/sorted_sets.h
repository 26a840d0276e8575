// Sorted sets: what the commands of this type mean, apart from how they are spoken.
//
// A small sorted set is a listpack in its record. It is replaced as a whole, so reading it needs no lock. One
// that has become larger than PackingLimits allow is a SortedSetContainer, and stays one.
//
// Threads     As for Db. What is marked "read" works with optimistic access as well, the others need the
//             key's shard locked.
// Invariants  Each change appends its effect to the change log before it is made, and tells the key
//             events after. Effects are scores and members, not increments or ranks, each effect of a bounded
//             number of words; what pops from an end says how many. Scores are no NaN. A sorted set without members does not exist.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "engine/base/result.h"
#include "engine/containers/listpack.h"
#include "engine/db.h"
#include "engine/key_view.h"
#include "engine/packing_limits.h"
#include "engine/record.h"
#include "engine/types/sorted_set_members.h"

namespace alai::sorted_sets {

// The sorted set of a key. nullptr when there is none, kWrongType when it holds something else. Read.
Result<Record*> Find(Db& db, KeyView key, Lookup lookup);

struct ScoredMember {
  double score;
  std::string_view member;
};

struct AddOptions {
  bool only_new = false;       // NX
  bool only_existing = false;  // XX
  bool only_greater = false;   // GT: of members that are there
  bool only_less = false;      // LT
  bool increment = false;      // by the score, which the event tells; of a single member

  bool none() const {
    return !only_new && !only_existing && !only_greater && !only_less && !increment;
  }
};

struct AddOutcome {
  int64_t added = 0;
  int64_t updated = 0;
  std::optional<double> score;  // of the last member that the options let through
};

// kNanOrInfinity: an increment would give NaN; nothing has changed.
Result<AddOutcome> Add(Db& db, KeyView key, const AddOptions& options,
                       std::span<const ScoredMember> pairs);
// Removes members; gives how many there were.
Result<int64_t> Erase(Db& db, KeyView key, std::span<const std::string_view> members);
// Removes the members of these ranks, which are there, from the record that Find() returned.
void EraseRanks(Db& db, KeyView key, Record* record, RankRange ranks, std::string_view event);

enum class End : uint8_t { kMin, kMax };

// The `count` outermost of `size` members.
inline RankRange RanksAt(End end, uint64_t size, uint64_t count) {
  return end == End::kMax ? RankRange{size - count, size} : RankRange{0, count};
}

// Removes the `count` outermost members, of which there is one at least, and so many.
void EraseEnd(Db& db, KeyView key, Record* record, End end, uint64_t count);

// Removes members from one end of a set, `count` of those that are there, after
// visit(const PackedValue& member, double score) has been called for each, the outermost first.
template <class Visit>
void PopFrom(Db& db, KeyView key, Record* record, End end, uint64_t count, Visit visit) {
  const Members members(record);
  members.ForEach(RanksAt(end, members.size(), count), end == End::kMax, visit);
  EraseEnd(db, key, record, end, count);
}

// The same of a key, up to `count`. Gives how many they were; without any nothing happens.
template <class Visit>
Result<uint64_t> Pop(Db& db, KeyView key, End end, uint64_t count, Visit visit) {
  const Result<Record*> found = Find(db, key, Lookup::kWrite);
  if (!found.ok()) return found.error();
  const uint64_t popped = std::min(count, Members(*found).size());
  if (popped != 0) PopFrom(db, key, *found, end, popped, visit);
  return popped;
}

// A sorted set in the making, filled in order; what the STORE commands put in the place of a key.
class Builder {
 public:
  explicit Builder(const PackingLimits& limits);

  // Copies the member. It comes behind those that have been appended.
  void Append(const PackedValue& member, double score);
  uint64_t size() const { return size_; }
  uint64_t member_bytes() const { return member_bytes_; }

  // Before Store(), which logs all members: false as Db::ReserveLog().
  bool ReserveLog(Db& db, KeyView key) const;
  // Gives the value to a draft, which refers to the builder until the record is made. The builder is not to
  // be used any more.
  void MoveTo(Record::Draft* draft);
  // Replaces what the key holds; without members the key is removed.
  void Store(Db& db, KeyView key, std::string_view event);

 private:
  void MoveToContainer();

  const uint64_t entries_max_;
  const uint64_t value_bytes_max_;
  ListpackBuffer packed_;
  // Places of scores in it that are 0 there and become -0 in a container.
  std::vector<uint64_t> negative_zeros_;
  std::unique_ptr<SortedSetContainer> container_;
  uint64_t size_ = 0;
  uint64_t member_bytes_ = 0;
};

}  // namespace alai::sorted_sets
