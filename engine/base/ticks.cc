#include "engine/base/ticks.h"

#include <cstdio>
#include <ctime>
#include <mutex>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "engine/base/clock.h"

namespace alai {
namespace {

constexpr uint64_t kOneQ32 = uint64_t{1} << 32;
constexpr uint64_t kCalibrationNanos = 5'000'000;

char description[64] = "POSIX clock_gettime";

#if defined(__x86_64__)
// CPUID leaf 0x80000007, EDX bit 8: the counter neither stops nor changes its rate.
bool CounterIsInvariant() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(0x80000007, &a, &b, &c, &d) != 0 && (d & (1u << 8)) != 0;
}
#endif

}  // namespace

bool Ticks::use_counter_ = false;
uint64_t Ticks::nanos_per_tick_q32_ = kOneQ32;

uint64_t Ticks::MonotonicNanos() {
  return static_cast<uint64_t>(SystemClock::Get()->MonotonicNanos());
}

uint64_t Ticks::FromNanos(int64_t nanos) {
  return static_cast<uint64_t>((static_cast<unsigned __int128>(nanos) << 32) / nanos_per_tick_q32_);
}

void Ticks::Calibrate() {
#if defined(__x86_64__)
  static std::once_flag once;
  std::call_once(once, [] {
    if (!CounterIsInvariant()) return;
    const uint64_t start_ns = MonotonicNanos();
    const uint64_t start_ticks = __rdtsc();
    uint64_t elapsed_ns = 0;
    while (elapsed_ns < kCalibrationNanos) {
      const timespec rest = {0, static_cast<long>(kCalibrationNanos - elapsed_ns)};
      nanosleep(&rest, nullptr);
      elapsed_ns = MonotonicNanos() - start_ns;
    }
    const uint64_t ticks = __rdtsc() - start_ticks;
    if (ticks == 0) return;
    nanos_per_tick_q32_ =
        static_cast<uint64_t>((static_cast<unsigned __int128>(elapsed_ns) << 32) / ticks);
    use_counter_ = true;
    std::snprintf(description, sizeof description, "X86 TSC @ %.2f ticks/us",
                  static_cast<double>(ticks) * 1000.0 / static_cast<double>(elapsed_ns));
  });
#endif
}

const char* Ticks::Description() { return description; }

}  // namespace alai
