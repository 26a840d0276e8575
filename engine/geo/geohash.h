// Geohashes of 52 bits: a position as one number, so that what is near each other mostly has numbers near
// each other. A sorted set of positions has them as its scores.
//
// The map of the web (EPSG:3857), 360 degrees of longitude and 2 x 85.05112878 of latitude, is a grid of
// 2^26 columns and as many rows, counted from the south-west. The bits of column and row take turns, which
// is the Z-order curve (Morton 1966):
//
//   bit    51    50    49    48   ...    1     0
//         col25 row25 col24 row24  ... col0  row0
//
// A cell of step s is what has the first s bits of both: 4^s cells make up the map, and the positions of a
// cell are one range of geohashes.
//
// The easternmost longitude and the northernmost latitude are a column and a row of their own, 2^26, beyond
// the grid: their geohashes have up to 54 bits, of which a score keeps 53. Redis has it so, and scores go over the
// wire.
//
// Threads     Pure functions.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace alai::geo {

// Degrees.
constexpr double kLongitudeMax = 180;
constexpr double kLatitudeMax = 85.05112878;

constexpr int kStepMax = 26;
constexpr uint32_t kGridSize = uint32_t{1} << kStepMax;
// The first geohash beyond those of the grid, and the first beyond all.
constexpr double kGridEnd = 0x1p52;
constexpr double kGeohashEnd = 0x1p54;

struct Position {
  double longitude = 0;
  double latitude = 0;

  bool valid() const {
    return longitude >= -kLongitudeMax && longitude <= kLongitudeMax && latitude >= -kLatitudeMax &&
           latitude <= kLatitudeMax;
  }
};

struct GridPoint {
  uint32_t column = 0;
  uint32_t row = 0;
};

// Bits of two numbers taking turns, by shifts and masks.
inline uint64_t SpreadBits(uint32_t bits) {
  uint64_t spread = bits;
  spread = (spread | spread << 16) & 0x0000ffff0000ffff;
  spread = (spread | spread << 8) & 0x00ff00ff00ff00ff;
  spread = (spread | spread << 4) & 0x0f0f0f0f0f0f0f0f;
  spread = (spread | spread << 2) & 0x3333333333333333;
  return (spread | spread << 1) & 0x5555555555555555;
}
inline uint32_t GatherBits(uint64_t spread) {
  spread &= 0x5555555555555555;
  spread = (spread | spread >> 1) & 0x3333333333333333;
  spread = (spread | spread >> 2) & 0x0f0f0f0f0f0f0f0f;
  spread = (spread | spread >> 4) & 0x00ff00ff00ff00ff;
  spread = (spread | spread >> 8) & 0x0000ffff0000ffff;
  return static_cast<uint32_t>(spread | spread >> 16);
}
inline uint64_t Interleave(GridPoint point) {
  return SpreadBits(point.column) << 1 | SpreadBits(point.row);
}
inline GridPoint Deinterleave(uint64_t bits) { return {GatherBits(bits >> 1), GatherBits(bits)}; }

// A score as a geohash: its whole part, modulo 2^64 if it is negative, 0 if there is no such number.
inline uint64_t BitsOf(double score) {
  if (score >= 0 && score < 0x1p63) return static_cast<uint64_t>(static_cast<int64_t>(score));
  if (score < 0 && score >= -0x1p63) return static_cast<uint64_t>(static_cast<int64_t>(score));
  if (score >= 0x1p63 && score < 0x1p64) return static_cast<uint64_t>(score);
  return score < 0 ? uint64_t{1} << 63 : 0;
}

// Where a line of the grid lies, in degrees; `lines` is how many there are from one end of the axis, which goes
// from -max to max, to the other.
inline double LineAt(double line, double lines, double max) {
  return -max + line / lines * (max + max);
}

GridPoint PointOf(Position position);
// The middle of a grid's field, within the map.
inline Position MiddleOf(GridPoint point) {
  const auto middle = [](uint32_t field, double max) {
    const double from = LineAt(field, kGridSize, max);
    const double to = LineAt(field + 1.0, kGridSize, max);
    return std::clamp((from + to) / 2, -max, max);
  };
  return {middle(point.column, kLongitudeMax), middle(point.row, kLatitudeMax)};
}

inline double ScoreOf(Position position) {
  return static_cast<double>(Interleave(PointOf(position)));
}
inline Position PositionOf(double score) { return MiddleOf(Deinterleave(BitsOf(score))); }

constexpr size_t kGeohashChars = 11;
// A score's position as a geohash.org text: base 32, latitudes from -90 to 90. Of its 55 bits only 52 are known: the
// last digit is 0. `out` has room for kGeohashChars.
void WriteText(double score, char* out);

}  // namespace alai::geo
