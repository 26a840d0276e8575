// Circuit breaker: after so many failures in a row the database is left alone for a while.
//
//   closed ── failures_max in a row ──> open for open_ms ── then one load may try ──> closed, or open for
//                                                                                      twice as long
//
// Threads     Any.
// Invariants  While it is open at most one load is admitted in each span of trial_ns, so that a trial that
//             never reports back does not keep it open for ever.
#pragma once

#include <atomic>
#include <cstdint>

namespace alai::origin {

class Breaker {
 public:
  static constexpr int64_t kOpenNanosMax = 30'000'000'000;

  // Whether a load may be asked for now, monotonic nanoseconds.
  bool Admits(int64_t now_ns, int64_t trial_ns) {
    int64_t until = open_until_ns_.load(std::memory_order_relaxed);
    if (until == 0) [[likely]]
      return true;
    return now_ns >= until && open_until_ns_.compare_exchange_strong(until, now_ns + trial_ns,
                                                                     std::memory_order_relaxed);
  }
  bool open() const { return open_until_ns_.load(std::memory_order_relaxed) != 0; }
  uint64_t opened() const { return opened_.load(std::memory_order_relaxed); }

  // The database answered. True: it has not before.
  bool Succeeded() {
    failures_.store(0, std::memory_order_relaxed);
    span_ns_.store(0, std::memory_order_relaxed);
    return open_until_ns_.exchange(0, std::memory_order_relaxed) != 0;
  }
  // It did not. True: that opens the breaker.
  bool Failed(int64_t now_ns, int failures_max, int64_t open_ns) {
    const bool was_open = open();
    if (failures_.fetch_add(1, std::memory_order_relaxed) + 1 < failures_max && !was_open) {
      return false;
    }
    int64_t span = span_ns_.load(std::memory_order_relaxed);
    span = span == 0 ? open_ns : span * 2 < kOpenNanosMax ? span * 2 : kOpenNanosMax;
    // Of several loads that were under way the first one decides.
    if (was_open && now_ns < open_until_ns_.load(std::memory_order_relaxed) - span) return false;
    span_ns_.store(span, std::memory_order_relaxed);
    open_until_ns_.store(now_ns + span, std::memory_order_relaxed);
    if (!was_open) opened_.fetch_add(1, std::memory_order_relaxed);
    return !was_open;
  }

 private:
  std::atomic<int64_t> open_until_ns_{0};  // 0: closed
  std::atomic<int> failures_{0};
  std::atomic<int64_t> span_ns_{0};
  std::atomic<uint64_t> opened_{0};
};

}  // namespace alai::origin
