#include "engine/base/clock.h"

#include <ctime>

namespace alai {
namespace {

int64_t ReadNanos(clockid_t id) {
  timespec t;
  clock_gettime(id, &t);
  return static_cast<int64_t>(t.tv_sec) * 1'000'000'000 + t.tv_nsec;
}

}  // namespace

const SystemClock* SystemClock::Get() {
  static const SystemClock clock;
  return &clock;
}

int64_t SystemClock::WallMicros() const { return ReadNanos(CLOCK_REALTIME) / 1000; }

int64_t SystemClock::MonotonicNanos() const { return ReadNanos(CLOCK_MONOTONIC); }

}  // namespace alai
