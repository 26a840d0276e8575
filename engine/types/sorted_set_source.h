// A key from which ZUNION, ZINTER and ZDIFF take members: a sorted set.
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
#include "engine/types/sorted_set_members.h"

namespace alai::sorted_sets {

class Source {
 public:
  static bool Accepts(const Record& record) { return record.type() == Type::kSortedSet; }

  // Without a record it is empty.
  explicit Source(const Record* record) : record_(record), members_(record) {}

  uint64_t size() const { return members_.size(); }
  std::optional<double> Score(std::string_view member) const { return members_.Score(member); }
  // Calls visit(const PackedValue& member, double score) for each.
  template <class Visit>
  void ForEach(Visit visit) const {
    members_.ForEach(visit);
  }
  bool IsSameAs(const Source& other) const { return record_ == other.record_; }

 private:
  const Record* record_;
  Members members_;
};

}  // namespace alai::sorted_sets
