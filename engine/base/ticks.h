// A tick counter that costs a few nanoseconds to read, for measuring how long commands take.
//
// On x86-64 processors whose time stamp counter runs at one rate in every power state it is that
// counter; otherwise it is the operating system's monotonic clock in nanoseconds.
//
// Threads     Any. Calibrate() is called once before durations are converted, and waits about 5 ms.
// Invariants  Ticks of one process can be compared between threads; they never tell the time of
// day.
#pragma once

#include <cstdint>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace alai {

class Ticks {
 public:
  static uint64_t Now() {
#if defined(__x86_64__)
    if (use_counter_) [[likely]]
      return __rdtsc();
#endif
    return MonotonicNanos();
  }

  // Nanoseconds that `ticks`, the difference of two readings, stand for.
  static int64_t ToNanos(uint64_t ticks) {
    return static_cast<int64_t>(static_cast<unsigned __int128>(ticks) * nanos_per_tick_q32_ >> 32);
  }
  // The other way round, for thresholds that are compared with differences.
  static uint64_t FromNanos(int64_t nanos);

  // Finds out which counter to use and how fast it is; later calls do nothing.
  static void Calibrate();

  // "X86 TSC @ 2096.37 ticks/us" or "POSIX clock_gettime", as INFO's monotonic_clock says it.
  static const char* Description();

 private:
  static uint64_t MonotonicNanos();

  static bool use_counter_;
  static uint64_t nanos_per_tick_q32_;  // 32.32 fixed point
};

}  // namespace alai
