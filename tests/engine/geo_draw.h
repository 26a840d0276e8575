// Positions and areas drawn by lot, more often than not where geometry is difficult: at the ends of the map,
// beside the poles and the date line, on the rims of areas.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "engine/base/random.h"
#include "engine/geo/area.h"
#include "engine/geo/distance.h"
#include "engine/geo/geohash.h"

namespace alai::geo {

struct DrawnArea {
  enum class Kind : uint8_t { kCircle, kBox, kPolygon };

  Area Make() const {
    if (kind == Kind::kCircle) return Area::Circle(centre, width);
    if (kind == Kind::kBox) return Area::Box(centre, width, height);
    return Area::Polygon(corners);
  }
  std::string Describe() const {
    std::string text = "area " + std::to_string(static_cast<int>(kind)) + " around " +
                       std::to_string(centre.longitude) + " " + std::to_string(centre.latitude) +
                       ": " + std::to_string(width) + " " + std::to_string(height);
    for (const Position& corner : corners) {
      text += " (" + std::to_string(corner.longitude) + " " + std::to_string(corner.latitude) + ")";
    }
    return text;
  }

  Kind kind = Kind::kCircle;
  Position centre;
  double width = 0;  // or the radius
  double height = 0;
  std::vector<Position> corners;
};

class Draw {
 public:
  explicit Draw(uint64_t seed) : random_(seed) {}

  Random& random() { return random_; }

  double Uniform(double from, double to) {
    return from + (to - from) * static_cast<double>(random_.Next() >> 11) * 0x1p-53;
  }
  // Each power of ten as likely as another.
  double Magnitude(double from, double to) {
    return std::exp(Uniform(std::log(from), std::log(to)));
  }

  Position Anywhere() {
    Position position{Uniform(-kLongitudeMax, kLongitudeMax), Uniform(-kLatitudeMax, kLatitudeMax)};
    const double side = random_.Below(2) == 0 ? 1 : -1;
    switch (random_.Below(8)) {
      case 0:
        position.latitude = side * Uniform(75, kLatitudeMax);
        break;
      case 1:
        position.longitude = side * (kLongitudeMax - Magnitude(1e-9, 10));
        break;
      case 2:
        position.longitude = side * kLongitudeMax;
        break;
      case 3:
        position.latitude = side * kLatitudeMax;
        break;
      case 4:
        position = {0, 0};
        break;
      default:
        break;
    }
    return position;
  }

  // Somewhere around, at any distance.
  Position Near(Position position) {
    const double degrees = Magnitude(1e-7, 360);
    return OnMap({position.longitude + Uniform(-degrees, degrees),
                  position.latitude + Uniform(-degrees, degrees)});
  }

  DrawnArea AnyArea() {
    DrawnArea area;
    area.centre = Anywhere();
    area.width = Magnitude(0.1, 4e7);
    area.height = random_.Below(2) == 0 ? area.width : Magnitude(0.1, 4e7);
    if (random_.Below(20) == 0) area.width = 0;
    if (random_.Below(50) == 0) area.width = std::numeric_limits<double>::infinity();
    area.kind = static_cast<DrawnArea::Kind>(random_.Below(3));
    if (area.kind == DrawnArea::Kind::kPolygon) {
      const double degrees = Magnitude(1e-5, 360);
      for (uint64_t left = 3 + random_.Below(6); left > 0; --left) {
        const auto near = [&](double at, double max) {
          return std::clamp(at + Uniform(-degrees, degrees), -max, max);
        };
        area.corners.push_back(
            {near(area.centre.longitude, kLongitudeMax), near(area.centre.latitude, kLatitudeMax)});
      }
    }
    return area;
  }

  // Around the area's bounds, within or without.
  Position AboutRim(const Area& area) {
    const Bounds& bounds = area.bounds();
    const double wide = random_.Below(2) == 0 ? 0 : 0.2;
    const double width = bounds.east - bounds.west;
    const double height = bounds.north - bounds.south;
    Position position{Uniform(bounds.west - wide * width, bounds.east + wide * width),
                      Uniform(bounds.south - wide * height, bounds.north + wide * height)};
    switch (random_.Below(6)) {
      case 0:
        position.longitude = random_.Below(2) == 0 ? bounds.west : bounds.east;
        break;
      case 1:
        position.latitude = random_.Below(2) == 0 ? bounds.south : bounds.north;
        break;
      case 2:
        position.longitude = area.centre().longitude;
        break;
      default:
        break;
    }
    return OnMap(position);
  }

 private:
  static Position OnMap(Position position) {
    const double longitude = std::remainder(position.longitude, 2 * kLongitudeMax);
    return {std::clamp(longitude, -kLongitudeMax, kLongitudeMax),
            std::clamp(position.latitude, -kLatitudeMax, kLatitudeMax)};
  }

  Random random_;
};

}  // namespace alai::geo
