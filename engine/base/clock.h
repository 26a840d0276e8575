// The one source of time. Nobody else asks the operating system, so tests can advance a fake clock.
//
// Threads     Every method may be called from any thread.
// Units       Wall time in milliseconds and microseconds since the Unix epoch, monotonic time in
//             nanoseconds since an arbitrary start.
#pragma once

#include <atomic>
#include <cstdint>

namespace alai {

using UnixMillis = int64_t;

// "Never expires"; larger than every deadline a client can set.
constexpr UnixMillis kNoDeadline = INT64_MAX;

constexpr int64_t kNanosPerMilli = 1'000'000;

class Clock {
 public:
  Clock() = default;
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;
  virtual ~Clock() = default;

  virtual int64_t WallMicros() const = 0;
  virtual int64_t MonotonicNanos() const = 0;
  UnixMillis WallMillis() const { return WallMicros() / 1000; }
};

class SystemClock final : public Clock {
 public:
  static const SystemClock* Get();
  int64_t WallMicros() const override;
  int64_t MonotonicNanos() const override;
};

// Stands still until told to move. Set() steps the wall clock alone, backwards too.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(UnixMillis start_ms) : wall_us_(start_ms * 1000) {}
  int64_t WallMicros() const override { return wall_us_.load(std::memory_order_relaxed); }
  int64_t MonotonicNanos() const override { return mono_ns_.load(std::memory_order_relaxed); }
  void AdvanceMillis(int64_t ms) {
    wall_us_.fetch_add(ms * 1000, std::memory_order_relaxed);
    mono_ns_.fetch_add(ms * 1000000, std::memory_order_relaxed);
  }
  void SetWallMillis(UnixMillis ms) { wall_us_.store(ms * 1000, std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> wall_us_;
  std::atomic<int64_t> mono_ns_{1'000'000'000};
};

}  // namespace alai
