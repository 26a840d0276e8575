// Areas on the map: what a search is about.
//
//   circle   what is not farther from the centre than the radius
//   box      what is not farther from the centre than half of the height along the meridian, and than half of
//            the width along its own parallel
//   polygon  what is within its sides, which are straight on the map and do not cross the date line; what lies
//            on a side is within if that is a western or southern one. The centre is the mean of the
//            corners as points of the sphere.
//
// Bounds are what a search may look at alone. They are wide by a little, so that no rounding loses what
// Measure() finds within.
//
// Threads     Not changed after it is made: any.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "engine/geo/distance.h"
#include "engine/geo/geohash.h"

namespace alai::geo {

// Degrees. East is at least west, and less than west + 360 unless that is all longitudes; either may be beyond the
// date line.
struct Bounds {
  double west = -kLongitudeMax;
  double east = kLongitudeMax;
  double south = -kLatitudeMax;
  double north = kLatitudeMax;
};

class Area {
 public:
  // Lengths are in metres, not negative and no NaN, but may be infinite. Positions are on the map.
  static Area Circle(Position centre, double radius);
  static Area Box(Position centre, double width, double height);
  // Of three corners or more.
  static Area Polygon(std::vector<Position> corners);

  // The distance from the centre in metres if the position is within the area.
  std::optional<double> Measure(Position position) const;

  Position centre() const { return centre_; }
  const Bounds& bounds() const { return bounds_; }
  // The bounds and the distance to the farthest corner by which Redis chooses the size of its cells. They are no
  // bounds where the area goes around a pole. May be infinite or NaN.
  const Bounds& rough_bounds() const { return rough_bounds_; }
  double rough_reach() const { return rough_reach_; }

 private:
  enum class Shape : uint8_t { kCircle, kBox, kPolygon };

  Area(Shape shape, Position centre) : shape_(shape), centre_(centre), origin_(centre) {}
  // Around the centre.
  void SetRoughBounds(double half_width, double half_height);
  bool Encloses(Position position) const;

  Shape shape_;
  Position centre_;
  Origin origin_;
  double half_width_ = 0;   // of a box; the radius of a circle
  double half_height_ = 0;  // of a box
  double haversine_max_ =
      std::numeric_limits<double>::infinity();  // what has more is not in the circle
  std::vector<Position> corners_;
  Bounds bounds_;
  Bounds rough_bounds_;
  double rough_reach_ = 0;
};

}  // namespace alai::geo
