#include "engine/types/geo_search.h"

#include <algorithm>
#include <optional>
#include <span>

#include "engine/base/assert.h"
#include "engine/geo/cover.h"

namespace alai::geo {
namespace {

using sorted_sets::Members;

// A cell with no more members is walked through: finding the bounds of its quarters costs as much.
constexpr uint64_t kWalkMax = 96;

class AreaSearch {
 public:
  AreaSearch(const Area& area, uint64_t limit) : area_(area), cover_(area), limit_(limit) {}

  void Run(const SortedSet& set) {
    for (const Cell& cell : cover_.cells()) {
      const uint64_t first = set.CountBelow(cell.first_score());
      if (first == set.size()) continue;
      if (!LookAt(set, cell, {first, set.CountBelow(cell.end_score())})) return;
    }
    if (!cover_.beyond_grid()) return;
    const uint64_t first = set.CountBelow(kGridEnd);
    if (first != set.size()) Walk(set, {first, set.CountBelow(kGeohashEnd)}, Filter::kNone);
  }

  // A listpack is gone through once, whatever the cells.
  void Run(Listpack listpack) {
    const std::span<const Cell> cells = cover_.cells();
    std::vector<Matches> by_cell(cells.size() + 1);
    Members(listpack).ForEach([&](const PackedValue& member, double score) {
      if (score < 0 || score >= kGeohashEnd) return;
      const uint64_t geohash = BitsOf(score);
      size_t which = cells.size();
      if (score < kGridEnd) {
        if (!cover_.bounds().Contains(Deinterleave(geohash))) return;
        which = 0;
        while (which < cells.size() && !cells[which].Contains(geohash)) ++which;
      } else if (!cover_.beyond_grid()) {
        return;
      }
      Take(member, score, &by_cell[which]);
    });
    for (const Matches& matches : by_cell) {
      for (const Match& match : matches) {
        if (matches_.size() == limit_) return;
        matches_.push_back(match);
      }
    }
  }

  Matches TakeMatches() { return std::move(matches_); }

 private:
  enum class Filter : uint8_t { kNone, kBounds };

  // False when the limit is reached.
  bool LookAt(const SortedSet& set, const Cell& cell, RankRange ranks) {
    if (ranks.size() == 0) return true;
    if (ranks.size() <= kWalkMax || cell.step == kStepMax || cover_.bounds().Contains(cell)) {
      return Walk(set, ranks, Filter::kBounds);
    }
    constexpr uint64_t kUnknown = UINT64_MAX;
    uint64_t from = ranks.first;
    for (unsigned which = 0; which < 4; ++which) {
      const Cell quarter = cell.Quarter(which);
      if (!cover_.bounds().Touches(quarter)) {
        from = kUnknown;
        continue;
      }
      if (from == kUnknown) from = set.CountBelow(quarter.first_score());
      const uint64_t end = which == 3 ? ranks.end : set.CountBelow(quarter.end_score());
      if (!LookAt(set, quarter, {from, end})) return false;
      from = end;
    }
    return true;
  }

  // The same; `ranks` are there.
  bool Walk(const SortedSet& set, RankRange ranks, Filter filter) {
    if (ranks.size() == 0) return true;
    SortedSet::Cursor cursor = set.At(ranks.first);
    for (uint64_t left = ranks.size();;) {
      const double score = cursor.score();
      if (filter == Filter::kNone || cover_.bounds().Contains(Deinterleave(BitsOf(score)))) {
        Take({.text = cursor.member()}, score, &matches_);
        if (matches_.size() == limit_) return false;
      }
      if (--left == 0) return true;
      cursor.Next();
    }
  }

  void Take(const PackedValue& member, double score, Matches* matches) const {
    const std::optional<double> meters = area_.Measure(PositionOf(score));
    if (meters.has_value()) matches->push_back({member, score, *meters});
  }

  const Area& area_;
  const Cover cover_;
  const uint64_t limit_;
  Matches matches_;
};

}  // namespace

Matches Search(const Members& members, const Area& area, uint64_t limit) {
  AreaSearch search(area, limit);
  if (limit == 0 || members.size() == 0) return {};
  if (members.set() != nullptr) {
    search.Run(*members.set());
  } else {
    search.Run(members.listpack());
  }
  return search.TakeMatches();
}

void Sort(Matches* matches, Order order, uint64_t count) {
  DASSERT(order != Order::kNone);
  struct Key {
    double meters;  // or less than 0
    size_t at;
  };
  std::vector<Key> keys;
  keys.reserve(matches->size());
  for (const Match& match : *matches) {
    keys.push_back({order == Order::kNearest ? match.meters : -match.meters, keys.size()});
  }
  const auto comes_first = [](const Key& a, const Key& b) {
    return a.meters != b.meters ? a.meters < b.meters : a.at < b.at;
  };
  if (count < keys.size()) {
    const auto end = keys.begin() + static_cast<ptrdiff_t>(count);
    std::nth_element(keys.begin(), end, keys.end(), comes_first);
    keys.erase(end, keys.end());
  }
  std::sort(keys.begin(), keys.end(), comes_first);
  Matches sorted;
  sorted.reserve(keys.size());
  for (const Key& key : keys) sorted.push_back((*matches)[key.at]);
  *matches = std::move(sorted);
}

}  // namespace alai::geo
