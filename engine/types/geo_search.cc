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

  // A listpack is gone through once, whatever the cells, and what is found is put in their order.
  void Run(Listpack listpack) {
    const ScoreRange scores = Scores();
    std::vector<Place> places;
    for (size_t at = listpack.Begin(); at != listpack.End();) {
      const size_t value = listpack.Next(at);
      const double score = sorted_sets::ScoreOf(listpack.Read(value));
      if (score >= scores.max) break;
      if (score >= scores.min) {
        const std::optional<size_t> cell = CellOf(score);
        if (cell.has_value() && Take(listpack.Read(at), score)) {
          places.push_back({*cell, places.size()});
        }
      }
      at = listpack.Next(value);
    }
    const auto is_before = [](const Place& a, const Place& b) {
      return a.cell != b.cell ? a.cell < b.cell : a.match < b.match;
    };
    if (!std::is_sorted(places.begin(), places.end(), is_before)) {
      std::sort(places.begin(), places.end(), is_before);
      Matches ordered;
      ordered.reserve(places.size());
      for (const Place& place : places) ordered.push_back(matches_[place.match]);
      matches_ = std::move(ordered);
    }
    if (matches_.size() > limit_) matches_.resize(limit_);
  }

  Matches TakeMatches() { return std::move(matches_); }

 private:
  enum class Filter : uint8_t { kNone, kBounds };

  struct Place {
    size_t cell;
    size_t match;
  };

  // From the first score of the cover to the first behind it.
  ScoreRange Scores() const {
    ScoreRange scores{.min = kGridEnd, .max = 0, .max_exclusive = true};
    for (const Cell& cell : cover_.cells()) {
      scores.min = std::min(scores.min, cell.first_score());
      scores.max = std::max(scores.max, cell.end_score());
    }
    if (cover_.beyond_grid()) scores.max = kGeohashEnd;
    return scores;
  }

  // Which of the cover's cells has a score of its range, the number of cells if it is beyond the grid, or none.
  std::optional<size_t> CellOf(double score) const {
    const std::span<const Cell> cells = cover_.cells();
    if (score >= kGridEnd) return cells.size();
    const uint64_t geohash = BitsOf(score);
    if (!cover_.bounds().Contains(Deinterleave(geohash))) return std::nullopt;
    size_t cell = 0;
    while (cell < cells.size() && !cells[cell].Contains(geohash)) ++cell;
    return cell;
  }

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
        if (Take({.text = cursor.member()}, score) && matches_.size() == limit_) return false;
      }
      if (--left == 0) return true;
      cursor.Next();
    }
  }

  // Whether the member is in the area.
  bool Take(const PackedValue& member, double score) {
    const std::optional<double> meters = area_.Measure(PositionOf(score));
    if (!meters.has_value()) return false;
    matches_.push_back({member, score, *meters});
    return true;
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
