// Intersection, union and difference of sets, member by member, without copies of the sets.
//
//   Intersect   every member of the smallest set is looked up in the others.
//   Unite       the largest set, then what the others have beyond it; only that is kept, to tell what has
//               been there already, and with two sets not even that.
//   Subtract    either every member of the first set is looked up in the others; or, when the others are
//               small or many, what they have of the first set is kept and left out of it. Redis copies
//               the first set instead.
//
// Threads     As for sets::Members: with the shards of all sets locked, or optimistically.
// Invariants  Each member of the result is visited once. visit(const PackedValue&) returns false to stop.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "engine/base/number.h"
#include "engine/base/result.h"
#include "engine/containers/packed_table.h"
#include "engine/db.h"
#include "engine/types/sets.h"

namespace alai::sets {

// The sets of all keys, which are empty where there is none. kWrongType when one holds something else; the keys
// after it are not looked up then.
Result<std::vector<Members>> FindAll(Db& db, std::span<const std::string_view> keys);

// Whether Subtract() had better look up the first set's members in the others.
bool LooksUpFirst(std::span<const Members> sets);

// There is at least one set. Changes their order.
template <class Visit>
void Intersect(std::span<Members> sets, Visit visit) {
  // Small sets are quick to look into, and are most likely to miss.
  std::sort(sets.begin(), sets.end(),
            [](const Members& a, const Members& b) { return a.size() < b.size(); });
  const std::span<const Members> others = sets.subspan(1);
  if (sets.front().size() == 0) return;
  sets.front().ForEach([&](const PackedValue& member) {
    for (const Members& other : others) {
      if (!other.Contains(member)) return true;
    }
    return static_cast<bool>(visit(member));
  });
}

template <class Visit>
void Unite(std::span<Members> sets, Visit visit) {
  const auto largest =
      std::max_element(sets.begin(), sets.end(),
                       [](const Members& a, const Members& b) { return a.size() < b.size(); });
  std::swap(*sets.begin(), *largest);
  const Members& first = sets.front();
  bool going = true;
  first.ForEach([&](const PackedValue& member) { return going = visit(member); });
  PackedTable seen(PackedTable::Kind::kSet);
  for (size_t i = 1; i < sets.size() && going; ++i) {
    const bool last = i == sets.size() - 1;
    sets[i].ForEach([&](const PackedValue& member) {
      if (first.Contains(member)) return true;
      char digits[kInt64CharsMax];
      const std::string_view text = member.View(digits);
      // Of the last set nothing comes again.
      if (last ? seen.Contains(text) : !seen.Insert(text)) return true;
      return going = visit(member);
    });
  }
}

// What the first set has and no other. Changes the order of the others.
template <class Visit>
void Subtract(std::span<Members> sets, Visit visit) {
  const Members& first = sets.front();
  const std::span<Members> others = sets.subspan(1);
  for (const Members& other : others) {
    if (other.SameAs(first)) return;
  }
  if (LooksUpFirst(sets)) {
    // Large sets are most likely to hit.
    std::sort(others.begin(), others.end(),
              [](const Members& a, const Members& b) { return a.size() > b.size(); });
    first.ForEach([&](const PackedValue& member) {
      for (const Members& other : others) {
        if (other.Contains(member)) return true;
      }
      return static_cast<bool>(visit(member));
    });
    return;
  }
  PackedTable left_out(PackedTable::Kind::kSet);
  for (const Members& other : others) {
    other.ForEach([&](const PackedValue& member) {
      char digits[kInt64CharsMax];
      if (first.Contains(member)) left_out.Insert(member.View(digits));
      return true;
    });
  }
  first.ForEach([&](const PackedValue& member) {
    char digits[kInt64CharsMax];
    if (left_out.Contains(member.View(digits))) return true;
    return static_cast<bool>(visit(member));
  });
}

}  // namespace alai::sets
