#include "engine/access_clock.h"

#include <algorithm>

namespace alai {

uint8_t LfuCounter(uint32_t access, UnixMillis now, int decay_minutes) {
  const uint32_t counter = access & 0xff;
  if (decay_minutes <= 0) return static_cast<uint8_t>(counter);
  const uint32_t elapsed = (LfuMinutes(now) - (access >> 8)) & 0xffff;
  const uint32_t periods = elapsed / static_cast<uint32_t>(decay_minutes);
  return static_cast<uint8_t>(counter - std::min(counter, periods));
}

uint32_t LfuTouched(uint32_t access, UnixMillis now, int log_factor, int decay_minutes,
                    Random& random) {
  uint32_t counter = LfuCounter(access, now, decay_minutes);
  if (counter < UINT8_MAX) {
    const uint64_t above = counter > kLfuNewKey ? counter - kLfuNewKey : 0;
    if (random.Below(above * static_cast<uint64_t>(std::max(log_factor, 0)) + 1) == 0) ++counter;
  }
  return LfuMinutes(now) << 8 | counter;
}

}  // namespace alai
