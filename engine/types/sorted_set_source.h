// A key from which ZUNION, ZINTER and ZDIFF take members: a sorted set, or a set, all of whose members have the
// score 1.
//
// What a source is, its size, its members and the score of one are asked here and nowhere else.
//
// Threads     As Members.
// Invariants  As Members.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "engine/containers/packed_entry.h"
#include "engine/record.h"
#include "engine/types/sets.h"
#include "engine/types/sorted_set_members.h"

namespace alai::sorted_sets {

class Source {
 public:
  static bool Accepts(const Record& record) {
    return record.type() == Type::kSortedSet || record.type() == Type::kSet;
  }

  // Without a record it is empty.
  explicit Source(const Record* record)
      : record_(record),
        is_set_(record != nullptr && record->type() == Type::kSet),
        scored_(is_set_ ? nullptr : record),
        plain_(is_set_ ? record : nullptr) {}

  uint64_t size() const { return is_set_ ? plain_.size() : scored_.size(); }
  std::optional<double> Score(std::string_view member) const {
    if (!is_set_) return scored_.Score(member);
    if (!plain_.Contains(member)) return std::nullopt;
    return kScoreInSet;
  }
  // Calls visit(const PackedValue& member, double score) for each.
  template <class Visit>
  void ForEach(Visit visit) const {
    if (!is_set_) return scored_.ForEach(visit);
    plain_.ForEach([&](const PackedValue& member) {
      visit(member, kScoreInSet);
      return true;
    });
  }
  bool IsSameAs(const Source& other) const { return record_ == other.record_; }

 private:
  static constexpr double kScoreInSet = 1;

  const Record* record_;
  bool is_set_;
  Members scored_;
  sets::Members plain_;
};

}  // namespace alai::sorted_sets
