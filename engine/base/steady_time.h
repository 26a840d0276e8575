// Time that never jumps: it starts at the wall clock's time and then advances with the monotonic one.
//
// What is measured in it may be stored and read again by a later process, as wall time may, and is not
// changed by somebody who sets the system's clock.
//
// Threads     Every method may be called from any thread.
#pragma once

#include <cstdint>

#include "engine/base/clock.h"

namespace alai {

namespace nanos {
constexpr int64_t kPerMicro = 1'000;
constexpr int64_t kPerMilli = 1'000'000;
constexpr int64_t kPerSecond = 1'000'000'000;
}  // namespace nanos

class SteadyTime {
 public:
  // `clock` outlives it.
  explicit SteadyTime(const Clock& clock)
      : clock_(clock), start_ns_(clock.WallMicros() * nanos::kPerMicro - clock.MonotonicNanos()) {}

  // Nanoseconds since the Unix epoch.
  int64_t Nanos() const { return start_ns_ + clock_.MonotonicNanos(); }
  UnixMillis Millis() const { return Nanos() / nanos::kPerMilli; }
  // How far the wall clock has been set forward since the start; 0 when it was set back.
  int64_t StepMillis() const {
    const int64_t step = clock_.WallMillis() - Millis();
    return step > 0 ? step : 0;
  }

 private:
  const Clock& clock_;
  const int64_t start_ns_;
};

}  // namespace alai
