// Geometry of positions: geohashes, distances, areas and their covers, against slow formulas and against points
// drawn everywhere on the map, at its ends and on the rims of the areas.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/random.h"
#include "engine/geo/area.h"
#include "engine/geo/cover.h"
#include "engine/geo/distance.h"
#include "engine/geo/geohash.h"
#include "tests/catch.h"
#include "tests/engine/geo_draw.h"

namespace alai::geo {
namespace {

std::string TextOf(Position position) {
  std::string text(kGeohashChars, ' ');
  WriteText(ScoreOf(position), text.data());
  return text;
}

// The same distance from unit vectors, by their cross and scalar products.
long double MetersByVectors(Position a, Position b) {
  struct Vector {
    explicit Vector(Position position) {
      const long double degree = std::numbers::pi_v<long double> / 180;
      const long double longitude = position.longitude * degree;
      const long double latitude = position.latitude * degree;
      x = std::cos(latitude) * std::cos(longitude);
      y = std::cos(latitude) * std::sin(longitude);
      z = std::sin(latitude);
    }
    long double x, y, z;
  };
  const Vector p(a);
  const Vector q(b);
  const long double x = p.y * q.z - p.z * q.y;
  const long double y = p.z * q.x - p.x * q.z;
  const long double z = p.x * q.y - p.y * q.x;
  const long double angle =
      std::atan2(std::sqrt(x * x + y * y + z * z), p.x * q.x + p.y * q.y + p.z * q.z);
  return angle * kEarthRadiusMeters;
}

// How many of a cover's parts a score is in.
int PartsWith(const Cover& cover, double score) {
  int parts = cover.beyond_grid() && score >= kGridEnd && score < kGeohashEnd ? 1 : 0;
  for (const Cell& cell : cover.cells()) {
    if (score >= cell.first_score() && score < cell.end_score()) ++parts;
  }
  return parts;
}

TEST_CASE("geohash bits take turns") {
  CHECK(Interleave({0, 1}) == 1);
  CHECK(Interleave({1, 0}) == 2);
  CHECK(Interleave({2, 3}) == 0b1101);
  CHECK(Interleave({UINT32_MAX, 0}) == 0xaaaaaaaaaaaaaaaa);
  Random random(1);
  for (int i = 0; i < 1000; ++i) {
    const GridPoint point{static_cast<uint32_t>(random.Next()),
                          static_cast<uint32_t>(random.Next())};
    const GridPoint back = Deinterleave(Interleave(point));
    REQUIRE(back.column == point.column);
    REQUIRE(back.row == point.row);
  }
}

TEST_CASE("geohash scores and positions of known places") {
  CHECK(ScoreOf({13.361389, 38.115556}) == 3479099956230698);
  CHECK(ScoreOf({15.087269, 37.502669}) == 3479447370796909);
  CHECK(ScoreOf({-180, -85.05112878}) == 0);
  CHECK(ScoreOf({180, 85.05112878}) == 0x3p52);
  CHECK(ScoreOf({180, -85.05112878}) == 0x1p53);
  CHECK(ScoreOf({-180, 85.05112878}) == 0x1p52);
  CHECK(PositionOf(0x3p52).longitude == 180);
  CHECK(PositionOf(0x3p52).latitude == kLatitudeMax);
  CHECK(TextOf({13.361389, 38.115556}) == "sqc8b49rny0");
  CHECK(TextOf({15.087269, 37.502669}) == "sqdtr74hyu0");
}

TEST_CASE("geohash scores that no position has are of some position") {
  for (const double score : {-1.0, -1e300, 1e300, std::numeric_limits<double>::infinity(),
                             -std::numeric_limits<double>::infinity(), 0x1p63, 1.5}) {
    CHECK(PositionOf(score).valid());
  }
}

TEST_CASE("geohash positions come back within half a field") {
  const uint64_t seed = RandomSeed();
  CAPTURE(seed);
  Draw draw(seed);
  for (int i = 0; i < 20'000; ++i) {
    const Position position = draw.Anywhere();
    const Position back = PositionOf(ScoreOf(position));
    REQUIRE(std::fabs(back.longitude - position.longitude) <= 180.000001 / kGridSize);
    // A score of 54 bits has lost the lowest of the latitude.
    const double fields = ScoreOf(position) < 0x1p53 ? 0.5 : 1.5;
    REQUIRE(std::fabs(back.latitude - position.latitude) <= fields * 170.11 / kGridSize);
    // A position that has come back stays where it is, but for what is beyond the grid.
    if (ScoreOf(position) < kGridEnd) REQUIRE(ScoreOf(back) == ScoreOf(position));
  }
}

TEST_CASE("geo distances are those of unit vectors") {
  const uint64_t seed = RandomSeed();
  CAPTURE(seed);
  Draw draw(seed);
  for (int i = 0; i < 20'000; ++i) {
    const Position from = draw.Anywhere();
    const Position to = draw.Near(from);
    const auto expected = static_cast<double>(MetersByVectors(from, to));
    const double meters = MetersBetween(from, to);
    // What doubles of degrees can say is a nanometre; half around the world the sine says less.
    const double tolerance = expected > 1.9e7 ? 2.0 : 1e-6 + 1e-9 * expected;
    REQUIRE(std::fabs(meters - expected) <= tolerance);
  }
  CHECK(std::fabs(MetersBetween({0, 0}, {180, 0}) - std::numbers::pi * kEarthRadiusMeters) < 1);
  CHECK(MetersBetween({10, 20}, {10, 20}) == 0);
}

TEST_CASE("geo areas hold what a slow formula says") {
  const uint64_t seed = RandomSeed();
  CAPTURE(seed);
  Draw draw(seed);
  for (int i = 0; i < 3'000; ++i) {
    const DrawnArea drawn = draw.AnyArea();
    const Area area = drawn.Make();
    INFO(drawn.Describe());
    for (int j = 0; j < 10; ++j) {
      const Position position = draw.Near(area.centre());
      const std::optional<double> meters = area.Measure(position);
      const auto expected = static_cast<double>(MetersByVectors(area.centre(), position));
      const double tolerance = expected > 1.9e7 ? 2.0 : 1e-6 + 1e-9 * expected;
      if (meters.has_value()) REQUIRE(std::fabs(*meters - expected) <= tolerance);
      if (drawn.kind == DrawnArea::Kind::kCircle &&
          std::fabs(expected - drawn.width) > 2 * tolerance) {
        REQUIRE(meters.has_value() == (expected < drawn.width));
      }
      if (drawn.kind == DrawnArea::Kind::kBox) {
        const Position corner{area.centre().longitude, position.latitude};
        const auto along = static_cast<double>(MetersByVectors(corner, position));
        const auto up = static_cast<double>(MetersByVectors(area.centre(), corner));
        const double slack = along > 1.9e7 ? 4.0 : 1e-5 + 1e-8 * (along + up);
        if (std::fabs(along - drawn.width / 2) > slack &&
            std::fabs(up - drawn.height / 2) > slack) {
          REQUIRE(meters.has_value() == (along < drawn.width / 2 && up < drawn.height / 2));
        }
      }
    }
  }
}

TEST_CASE("geo polygons have western and southern sides") {
  const Area square = Area::Polygon({{0, 0}, {2, 0}, {2, 2}, {0, 2}});
  CHECK(square.Measure({1, 1}).has_value());
  CHECK(square.Measure({0, 1}).has_value());
  CHECK(square.Measure({1, 0}).has_value());
  CHECK_FALSE(square.Measure({2, 1}).has_value());
  CHECK_FALSE(square.Measure({1, 2}).has_value());
  // One that is not convex.
  const Area notched = Area::Polygon({{0, 0}, {4, 0}, {4, 4}, {2, 1}, {0, 4}});
  CHECK(notched.Measure({0.5, 2}).has_value());
  CHECK(notched.Measure({3.5, 2}).has_value());
  CHECK_FALSE(notched.Measure({2, 2}).has_value());
}

TEST_CASE("geo covers have every position of an area once") {
  const uint64_t seed = RandomSeed();
  CAPTURE(seed);
  Draw draw(seed);
  for (int i = 0; i < 10'000; ++i) {
    const DrawnArea drawn = draw.AnyArea();
    const Area area = drawn.Make();
    const Cover cover(area);
    INFO(drawn.Describe());
    REQUIRE(cover.cells().size() <= 128);
    for (int j = 0; j < 20; ++j) {
      const double score = ScoreOf(draw.AboutRim(area));
      const int parts = PartsWith(cover, score);
      REQUIRE(parts <= 1);
      if (!area.Measure(PositionOf(score)).has_value()) continue;
      REQUIRE(parts == 1);
      if (score < kGridEnd) REQUIRE(cover.bounds().Contains(Deinterleave(BitsOf(score))));
    }
  }
}

TEST_CASE("geo bounds and cells agree on what they share") {
  const uint64_t seed = RandomSeed();
  CAPTURE(seed);
  Draw draw(seed);
  for (int i = 0; i < 10'000; ++i) {
    const Area area = draw.AnyArea().Make();
    const GridBounds bounds(area.bounds());
    const int step = static_cast<int>(draw.random().Between(1, kStepMax - 2));
    const Position around = draw.AboutRim(area);
    const uint64_t geohash = std::min(BitsOf(ScoreOf(around)), BitsOf(kGridEnd) - 1);
    const Cell cell{geohash >> 2 * (kStepMax - step), step};
    const bool touches = bounds.Touches(cell);
    const bool contains = bounds.Contains(cell);
    if (contains) REQUIRE(touches);
    bool quarters_touch = false;
    bool quarters_contain = true;
    for (unsigned which = 0; which < 4; ++which) {
      quarters_touch = quarters_touch || bounds.Touches(cell.Quarter(which));
      quarters_contain = quarters_contain && bounds.Contains(cell.Quarter(which));
    }
    REQUIRE(quarters_touch == touches);
    REQUIRE(quarters_contain == contains);
    if (bounds.Contains(Deinterleave(geohash))) {
      REQUIRE(touches);
    } else {
      REQUIRE_FALSE(contains);
    }
  }
}

TEST_CASE("geo covers go from the centre outwards") {
  // The middle of a cell of step 6, and just more than half of its width.
  const Cover cover(Area::Circle({-2.8125, 1.329}, 313'000));
  REQUIRE(cover.cells().size() == 9);
  const GridPoint centre = Deinterleave(cover.cells()[0].hash);
  const int expected[][2] = {{0, 0}, {0, 1},  {0, -1}, {1, 0},  {-1, 0},
                             {1, 1}, {-1, 1}, {1, -1}, {-1, -1}};
  for (size_t i = 0; i < 9; ++i) {
    const GridPoint point = Deinterleave(cover.cells()[i].hash);
    CHECK(static_cast<int>(point.column - centre.column) == expected[i][0]);
    CHECK(static_cast<int>(point.row - centre.row) == expected[i][1]);
  }
}

}  // namespace
}  // namespace alai::geo
