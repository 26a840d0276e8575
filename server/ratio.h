// The ratios among the figures that are reported.
#pragma once

#include <cstdint>

namespace alai {

// `part` of a `whole`; 0 of nothing.
inline double Ratio(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace alai
