// Positions and distances as replies.
#pragma once

#include <cmath>
#include <cstdint>

#include "engine/base/number.h"
#include "engine/geo/geohash.h"
#include "protocol/reply_writer.h"

namespace alai {

inline void WritePosition(ReplyWriter& reply, geo::Position position) {
  reply.Array(2);
  reply.LongDouble(position.longitude);
  reply.LongDouble(position.latitude);
}

// Text with four decimals, in RESP3 as well. As in Redis, it is the distance times 10000 that is rounded, to an
// even number from half-way; no two positions are so far apart that this would not fit.
inline void WriteDistance(ReplyWriter& reply, double distance) {
  constexpr int64_t kScale = 10'000;
  constexpr size_t kDecimals = 4;
  const int64_t scaled = std::llrint(distance * kScale);
  char text[kInt64CharsMax + 1 + kDecimals];
  size_t size = FormatInt64(scaled / kScale, text);
  text[size++] = '.';
  int64_t rest = scaled % kScale;
  for (size_t i = kDecimals; i-- > 0; rest /= 10) {
    text[size + i] = static_cast<char>('0' + rest % 10);
  }
  reply.Bulk({text, size + kDecimals});
}

}  // namespace alai
