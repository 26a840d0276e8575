// Distances on a sphere of the earth's size, by the haversine formula (Sinnott 1984).
//
//   a = sin^2((lat2 - lat1) / 2) + cos(lat1) cos(lat2) sin^2((lon2 - lon1) / 2)
//   distance = 2 R asin(sqrt(a))
//
// R and the order of the operations are Redis's, so that distances agree with its own to the last bit.
//
// Threads     Pure functions.
#pragma once

#include <algorithm>
#include <cmath>
#include <numbers>

#include "engine/geo/geohash.h"

namespace alai::geo {

constexpr double kEarthRadiusMeters = 6372797.560856;
constexpr double kRadiansPerDegree = std::numbers::pi / 180;

// The way from one position to another.
struct Way {
  double rise;     // of latitude, in radians
  double sine;     // of half the difference of longitudes
  double cosine;   // of the second latitude
  double cosines;  // of both, multiplied

  // a of the formula.
  double Haversine() const {
    const double half = std::sin(rise / 2);
    return half * half + cosines * sine * sine;
  }
  // The same of two places at the second latitude.
  double HaversineAlongParallel() const { return cosine * cosine * sine * sine; }
  // Both on the same meridian: their distance is that of their latitudes.
  bool is_vertical() const { return sine == 0; }
  double RiseMeters() const { return kEarthRadiusMeters * std::fabs(rise); }
};

inline double MetersOf(double haversine) {
  return 2.0 * kEarthRadiusMeters * std::asin(std::sqrt(std::min(haversine, 1.0)));
}
inline double MetersOf(const Way& way) {
  return way.is_vertical() ? way.RiseMeters() : MetersOf(way.Haversine());
}

// Where ways begin.
class Origin {
 public:
  explicit Origin(Position position)
      : longitude_(position.longitude * kRadiansPerDegree),
        latitude_(position.latitude * kRadiansPerDegree),
        cosine_(std::cos(latitude_)) {}

  Way To(Position position) const {
    const double latitude = position.latitude * kRadiansPerDegree;
    const double cosine = std::cos(latitude);
    return {latitude - latitude_,
            std::sin((position.longitude * kRadiansPerDegree - longitude_) / 2), cosine,
            cosine_ * cosine};
  }

 private:
  double longitude_;  // radians
  double latitude_;
  double cosine_;  // of the latitude
};

inline double MetersBetween(Position from, Position to) { return MetersOf(Origin(from).To(to)); }

}  // namespace alai::geo
