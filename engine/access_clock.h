// The 24-bit access clock of a record: when it was used last (LRU), or how often of late (LFU).
//
//   LRU   seconds since the epoch, modulo 2^24
//   LFU   | minutes since the epoch, modulo 2^16 | logarithmic counter 8 |
//
// The counter grows with probability 1 / ((counter - 5) * lfu-log-factor + 1) and shrinks by one
// every lfu-decay-time minutes: the approximation that Redis's eviction policies and OBJECT FREQ
// define.
//
// Threads     Any.
#pragma once

#include <cstdint>

#include "engine/base/clock.h"
#include "engine/base/random.h"

namespace alai {

constexpr uint32_t kAccessClockMask = (1u << 24) - 1;
constexpr uint8_t kLfuNewKey = 5;

inline uint32_t LruClock(UnixMillis now) {
  return static_cast<uint32_t>(now / 1000) & kAccessClockMask;
}

// Milliseconds since a record with this LRU clock was used.
inline int64_t LruIdleMillis(uint32_t access, UnixMillis now) {
  return static_cast<int64_t>((LruClock(now) - access) & kAccessClockMask) * 1000;
}

inline uint32_t LfuMinutes(UnixMillis now) { return static_cast<uint32_t>(now / 60000) & 0xffff; }

// The access clock of a key that has just been written for the first time.
inline uint32_t LfuNew(UnixMillis now) { return LfuMinutes(now) << 8 | kLfuNewKey; }

// The counter as it is after the decay up to now. `decay_minutes` 0: no decay.
uint8_t LfuCounter(uint32_t access, UnixMillis now, int decay_minutes);

// The access clock after one more use.
uint32_t LfuTouched(uint32_t access, UnixMillis now, int log_factor, int decay_minutes,
                    Random& random);

}  // namespace alai
