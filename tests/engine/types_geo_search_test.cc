// Searches of sorted sets in both forms, against looking at every member.
#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "engine/base/number.h"
#include "engine/containers/listpack.h"
#include "engine/containers/sorted_set.h"
#include "engine/geo/area.h"
#include "engine/geo/geohash.h"
#include "engine/types/geo_search.h"
#include "tests/catch.h"
#include "tests/engine/geo_draw.h"

namespace alai::geo {
namespace {

using sorted_sets::Members;
using sorted_sets::PackedScore;
using Names = std::vector<std::string>;

std::string NameOf(const PackedValue& member) {
  char digits[kInt64CharsMax];
  return std::string(member.View(digits));
}

Names NamesOf(const Matches& matches) {
  Names names;
  for (const Match& match : matches) names.push_back(NameOf(match.member));
  return names;
}

// The members in an area, found slowly, in the order of their scores.
Names Within(const Members& members, const Area& area) {
  Names names;
  members.ForEach([&](const PackedValue& member, double score) {
    if (score < 0 || score >= kGeohashEnd) return;
    if (area.Measure(PositionOf(score)).has_value()) names.push_back(NameOf(member));
  });
  return names;
}

Names Sorted(Names names) {
  std::sort(names.begin(), names.end());
  return names;
}

// Positions, some of them close together, and members whose scores are of no position.
struct Filled {
  Filled(Draw& draw, uint64_t count) {
    Position last = draw.Anywhere();
    for (uint64_t i = 0; i < count; ++i) {
      last = draw.random().Below(4) == 0 ? draw.Anywhere() : draw.Near(last);
      set.Set("member:" + std::to_string(i), ScoreOf(last));
    }
    set.Set("before", -1);
    set.Set("behind", 1e300);
    set.Set("12345", ScoreOf({0, 0}));
  }
  // The same as a listpack.
  void Pack() {
    Members(set).ForEach([&](const PackedValue& member, double score) {
      const PackedScore packed(score);
      const PackedValue values[] = {PackedValue::Of(member.text), packed.value()};
      buffer.Apply(ListpackEdit::Append(buffer.get(), values));
    });
  }

  SortedSet set;
  ListpackBuffer buffer;
};

// Searches once in each way that there is.
void CheckSearch(const Members& members, const Area& area, Draw& draw) {
  const Matches all = Search(members, area, UINT64_MAX);
  const Names names = NamesOf(all);
  REQUIRE(Sorted(names) == Sorted(Within(members, area)));
  for (const Match& match : all) {
    REQUIRE(match.meters == *area.Measure(PositionOf(match.score)));
    REQUIRE(members.Score(NameOf(match.member)) == match.score);
  }
  const uint64_t limit = draw.random().Below(names.size() + 3);
  Names first = names;
  first.resize(std::min<uint64_t>(limit, first.size()));
  REQUIRE(NamesOf(Search(members, area, limit)) == first);

  const bool nearest = draw.random().Below(2) == 0;
  Matches expected = all;
  std::stable_sort(expected.begin(), expected.end(), [&](const Match& a, const Match& b) {
    return nearest ? a.meters < b.meters : a.meters > b.meters;
  });
  expected.resize(std::min<uint64_t>(limit, expected.size()));
  Matches sorted = all;
  Sort(&sorted, nearest ? Order::kNearest : Order::kFarthest, limit);
  REQUIRE(NamesOf(sorted) == NamesOf(expected));
}

TEST_CASE("geo searches find what looking at every member finds") {
  const uint64_t seed = RandomSeed();
  CAPTURE(seed);
  Draw draw(seed);
  for (const uint64_t count : {0, 1, 30, 400, 5'000}) {
    Filled filled(draw, count);
    if (count <= 400) filled.Pack();
    for (int i = 0; i < 60; ++i) {
      const DrawnArea drawn = draw.AnyArea();
      INFO(drawn.Describe());
      const Area area = drawn.Make();
      CheckSearch(Members(filled.set), area, draw);
      if (count > 400) continue;
      CheckSearch(Members(filled.buffer.get()), area, draw);
      // Both forms give them in the same order.
      REQUIRE(NamesOf(Search(Members(filled.buffer.get()), area, UINT64_MAX)) ==
              NamesOf(Search(Members(filled.set), area, UINT64_MAX)));
    }
  }
}

TEST_CASE("geo searches of a dense set go by quarters of cells") {
  const uint64_t seed = RandomSeed();
  CAPTURE(seed);
  Draw draw(seed);
  SortedSet set;
  for (int i = 0; i < 20'000; ++i) {
    set.Set("member:" + std::to_string(i), ScoreOf({draw.Uniform(10, 11), draw.Uniform(45, 46)}));
  }
  for (int i = 0; i < 40; ++i) {
    const Position centre{draw.Uniform(10, 11), draw.Uniform(45, 46)};
    const double meters = draw.Magnitude(10, 100'000);
    CheckSearch(Members(set), Area::Circle(centre, meters), draw);
    CheckSearch(Members(set), Area::Box(centre, meters, draw.Magnitude(10, 100'000)), draw);
  }
}

TEST_CASE("geo searches find what is as far east as can be, and beyond a pole") {
  SortedSet set;
  set.Set("edge", ScoreOf({180, 10}));
  set.Set("corner", ScoreOf({180, kLatitudeMax}));
  set.Set("other side", ScoreOf({-90, 84}));
  const auto found = [&](Position centre, double radius) {
    return Sorted(NamesOf(Search(Members(set), Area::Circle(centre, radius), UINT64_MAX)));
  };
  CHECK(found({179.9, 10}, 20'000) == Names{"edge"});
  CHECK(found({-179.9, 10}, 20'000) == Names{"edge"});
  CHECK(found({90, 84}, 1'400'000) == Names{"corner", "other side"});
  CHECK(found({0, kLatitudeMax}, 1'200'000) == Names{"corner", "other side"});
}

}  // namespace
}  // namespace alai::geo
