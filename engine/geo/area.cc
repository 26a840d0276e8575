#include "engine/geo/area.h"

#include <algorithm>
#include <utility>

#include "engine/base/assert.h"

namespace alai::geo {
namespace {

// By how much bounds are wider than they have to be; a nanodegree is a tenth of a millimetre.
constexpr double kSlackDegrees = 1e-9;
constexpr double kSlackFactor = 1 + 1e-9;

double Degrees(double radians) { return radians / kRadiansPerDegree; }

// From the centre by so many radians to all sides; without a reach to the east all longitudes.
Bounds BoundsAround(Position centre, double rise, std::optional<double> reach) {
  Bounds bounds;
  const double height = Degrees(rise) * kSlackFactor + kSlackDegrees;
  bounds.south = std::max(centre.latitude - height, -kLatitudeMax);
  bounds.north = std::min(centre.latitude + height, kLatitudeMax);
  if (!reach.has_value()) return bounds;
  const double width = Degrees(*reach) * kSlackFactor + kSlackDegrees;
  if (width >= kLongitudeMax) return bounds;
  bounds.west = centre.longitude - width;
  bounds.east = centre.longitude + width;
  return bounds;
}

// The meridians that touch a circle on the sphere (Bronshtein and others, Handbook of Mathematics, 3.4), unless a
// pole is within.
Bounds BoundsOfCircle(Position centre, double radius) {
  const double angle = radius / kEarthRadiusMeters;
  if (!(angle < std::numbers::pi)) return {};
  const double latitude = std::fabs(centre.latitude) * kRadiansPerDegree;
  // Close to the pole the quotient is close to 1, where an arc's sine says little.
  constexpr double kSineMax = 1 - 1e-9;
  const double sine = std::sin(angle) / std::cos(latitude);
  if (latitude + angle >= std::numbers::pi / 2 || sine >= kSineMax) {
    return BoundsAround(centre, angle, std::nullopt);
  }
  return BoundsAround(centre, angle, std::asin(sine));
}

Bounds BoundsOfBox(Position centre, double half_width, double half_height) {
  const double rise = half_height / kEarthRadiusMeters;
  const Bounds all = BoundsAround(centre, std::min(rise, std::numbers::pi), std::nullopt);
  // A parallel is shortest where it is farthest from the equator.
  const double latitude = std::max(std::fabs(all.south), std::fabs(all.north));
  const double angle = half_width / kEarthRadiusMeters / 2;
  if (!(angle < std::numbers::pi / 2)) return all;
  const double sine = std::sin(angle) / std::cos(latitude * kRadiansPerDegree);
  constexpr double kSineMax = 1 - 1e-9;
  if (sine >= kSineMax) return all;
  return BoundsAround(centre, std::min(rise, std::numbers::pi), 2 * std::asin(sine));
}

Position MeanOf(const std::vector<Position>& corners) {
  double x = 0;
  double y = 0;
  double z = 0;
  for (const Position& corner : corners) {
    const double longitude = corner.longitude * kRadiansPerDegree;
    const double latitude = corner.latitude * kRadiansPerDegree;
    x += std::cos(latitude) * std::cos(longitude);
    y += std::cos(latitude) * std::sin(longitude);
    z += std::sin(latitude);
  }
  const auto count = static_cast<double>(corners.size());
  x /= count;
  y /= count;
  z /= count;
  return {Degrees(std::atan2(y, x)), Degrees(std::atan2(z, std::sqrt(x * x + y * y)))};
}

Bounds BoundsOfCorners(const std::vector<Position>& corners) {
  Bounds bounds{corners[0].longitude, corners[0].longitude, corners[0].latitude,
                corners[0].latitude};
  for (const Position& corner : corners) {
    bounds.west = std::min(bounds.west, corner.longitude);
    bounds.east = std::max(bounds.east, corner.longitude);
    bounds.south = std::min(bounds.south, corner.latitude);
    bounds.north = std::max(bounds.north, corner.latitude);
  }
  return bounds;
}

}  // namespace

Area Area::Circle(Position centre, double radius) {
  DASSERT(centre.valid() && radius >= 0);
  Area area(Shape::kCircle, centre);
  area.half_width_ = radius;
  const double half_angle = radius / kEarthRadiusMeters / 2;
  if (half_angle < std::numbers::pi / 2) {
    const double sine = std::sin(half_angle);
    area.haversine_max_ = sine * sine * kSlackFactor;
  }
  area.bounds_ = BoundsOfCircle(centre, radius);
  area.SetRoughBounds(radius, radius);
  area.rough_reach_ = radius;
  return area;
}

Area Area::Box(Position centre, double width, double height) {
  DASSERT(centre.valid() && width >= 0 && height >= 0);
  Area area(Shape::kBox, centre);
  area.half_width_ = width / 2;
  area.half_height_ = height / 2;
  area.bounds_ = BoundsOfBox(centre, width / 2, height / 2);
  area.SetRoughBounds(width / 2, height / 2);
  area.rough_reach_ = std::sqrt(width / 2 * (width / 2) + height / 2 * (height / 2));
  return area;
}

Area Area::Polygon(std::vector<Position> corners) {
  DASSERT(corners.size() >= 3);
  Area area(Shape::kPolygon, MeanOf(corners));
  area.rough_bounds_ = BoundsOfCorners(corners);
  const Bounds& rough = area.rough_bounds_;
  area.bounds_ = {rough.west - kSlackDegrees, rough.east + kSlackDegrees,
                  rough.south - kSlackDegrees, rough.north + kSlackDegrees};
  area.rough_reach_ = MetersBetween({rough.west, rough.south}, {rough.east, rough.north}) / 2;
  area.corners_ = std::move(corners);
  return area;
}

void Area::SetRoughBounds(double half_width, double half_height) {
  const double rise = Degrees(half_height / kEarthRadiusMeters);
  rough_bounds_.south = centre_.latitude - rise;
  rough_bounds_.north = centre_.latitude + rise;
  // The parallel that is nearer to the pole.
  const double parallel = centre_.latitude < 0 ? rough_bounds_.south : rough_bounds_.north;
  const double reach =
      Degrees(half_width / kEarthRadiusMeters / std::cos(parallel * kRadiansPerDegree));
  rough_bounds_.west = centre_.longitude - reach;
  rough_bounds_.east = centre_.longitude + reach;
}

// Counts the sides that a ray to the east crosses (Shimrat 1962).
bool Area::Encloses(Position position) const {
  bool inside = false;
  const Position* from = &corners_.back();
  for (const Position& to : corners_) {
    if ((to.latitude > position.latitude) != (from->latitude > position.latitude)) {
      const double crossing = (from->longitude - to.longitude) * (position.latitude - to.latitude) /
                                  (from->latitude - to.latitude) +
                              to.longitude;
      if (position.longitude < crossing) inside = !inside;
    }
    from = &to;
  }
  return inside;
}

std::optional<double> Area::Measure(Position position) const {
  if (shape_ == Shape::kPolygon && !Encloses(position)) return std::nullopt;
  const Way way = origin_.To(position);
  switch (shape_) {
    case Shape::kPolygon:
      return MetersOf(way);
    case Shape::kBox:
      if (way.RiseMeters() > half_height_) return std::nullopt;
      if (!way.is_vertical() && MetersOf(way.HaversineAlongParallel()) > half_width_) {
        return std::nullopt;
      }
      return MetersOf(way);
    case Shape::kCircle:
      break;
  }
  double meters;
  if (way.is_vertical()) {
    meters = way.RiseMeters();
  } else {
    const double haversine = way.Haversine();
    if (haversine > haversine_max_) return std::nullopt;
    meters = MetersOf(haversine);
  }
  if (meters > half_width_) return std::nullopt;
  return meters;
}

}  // namespace alai::geo
