// LOLWUT's picture: a sea of sine waves in braille dots.
#pragma once

#include <cstdint>
#include <string>

namespace alai {

constexpr int64_t kWaveColumnsDefault = 66;
constexpr int64_t kWaveRowsDefault = 12;

// Characters across and down, brought into a sensible range. The same seed draws the same sea.
std::string DrawWave(int64_t columns, int64_t rows, uint64_t seed);

}  // namespace alai
