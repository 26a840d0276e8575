#include "engine/geo/geohash.h"

namespace alai::geo {
namespace {

uint32_t FieldOf(double degrees, double max) {
  return static_cast<uint32_t>((degrees + max) / (max + max) * kGridSize);
}

}  // namespace

GridPoint PointOf(Position position) {
  return {FieldOf(position.longitude, kLongitudeMax), FieldOf(position.latitude, kLatitudeMax)};
}

void WriteText(double score, char* out) {
  constexpr char kDigits[] = "0123456789bcdefghjkmnpqrstuvwxyz";
  constexpr double kWholeLatitudeMax = 90;
  constexpr int kBits = 2 * kStepMax;
  constexpr int kDigitBits = 5;
  const Position position = PositionOf(score);
  const uint64_t bits = Interleave(
      {FieldOf(position.longitude, kLongitudeMax), FieldOf(position.latitude, kWholeLatitudeMax)});
  for (size_t i = 0; i + 1 < kGeohashChars; ++i) {
    const int shift = kBits - kDigitBits * static_cast<int>(i + 1);
    out[i] = kDigits[bits >> shift & 31];
  }
  out[kGeohashChars - 1] = kDigits[0];
}

}  // namespace alai::geo
