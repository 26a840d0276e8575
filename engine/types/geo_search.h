// Searching a sorted set whose scores are geohashes for the members that lie in an area.
//
// The area's cover gives cells, each a range of scores. Of a large set, a cell with many members of which only
// some can be within the bounds is looked at by quarters, so that the members that are passed over are few, or next
// to each other. What is within the bounds by its bits is measured.
//
// Threads     As Members.
// Invariants  Every member whose position is in the area is found, once; a score that is no geohash counts as the
//             position that GEOPOS gives it if it is from 0 to kGeohashEnd. Redis finds fewer: none east of
//             the last column or north of the last row, nor beyond a pole.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/geo/area.h"
#include "engine/types/sorted_set_members.h"

namespace alai::geo {

struct Match {
  PackedValue member;
  double score = 0;
  double meters = 0;  // from the area's centre
};
using Matches = std::vector<Match>;

// In the order of the cover's cells, in each by score; the first `limit` of them.
Matches Search(const sorted_sets::Members& members, const Area& area, uint64_t limit);

enum class Order : uint8_t { kNone, kNearest, kFarthest };
// Leaves the first `count` in an order, which is not kNone. What is as far away stays as it was.
void Sort(Matches* matches, Order order, uint64_t count);

}  // namespace alai::geo
