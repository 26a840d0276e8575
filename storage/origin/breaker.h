// Circuit breaker: after so many failures in a row the database is left alone for a while.
//
//   closed ── failures_max in a row ──> open for open_ms ──> half-open: one load may try ──> closed, or open for
//                                                                                            twice as long
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

  enum class State : uint8_t {
    kClosed,
    kOpen,
    kHalfOpen,  // one load tries, or may
  };
  // All times are monotonic nanoseconds.
  struct Report {
    State state = State::kClosed;
    int64_t since_ns = 0;  // when it was closed or opened; negative: there was no database yet
    int64_t probe_ns = 0;  // from when on a load may try, unless it is closed
  };

  // Whether a load may be asked for now.
  bool Admits(int64_t now_ns, int64_t trial_ns) {
    int64_t until = open_until_ns_.load(std::memory_order_relaxed);
    if (until == 0) [[likely]]
      return true;
    if (now_ns < until || !open_until_ns_.compare_exchange_strong(until, now_ns + trial_ns,
                                                                  std::memory_order_relaxed)) {
      return false;
    }
    trying_.store(true, std::memory_order_relaxed);
    return true;
  }
  bool open() const { return open_until_ns_.load(std::memory_order_relaxed) != 0; }
  uint64_t opened() const { return opened_.load(std::memory_order_relaxed); }
  Report report(int64_t now_ns) const {
    const int64_t until = open_until_ns_.load(std::memory_order_relaxed);
    const int64_t since = since_ns_.load(std::memory_order_relaxed);
    if (until == 0) return {State::kClosed, since, 0};
    const bool half = now_ns >= until || trying_.load(std::memory_order_relaxed);
    return {half ? State::kHalfOpen : State::kOpen, since, until};
  }

  // For another database, of which nothing is known.
  void Begin(int64_t now_ns) {
    Succeeded(now_ns);
    since_ns_.store(now_ns, std::memory_order_relaxed);
  }
  // The database answered. True: it has not before.
  bool Succeeded(int64_t now_ns) {
    failures_.store(0, std::memory_order_relaxed);
    span_ns_.store(0, std::memory_order_relaxed);
    trying_.store(false, std::memory_order_relaxed);
    if (open_until_ns_.exchange(0, std::memory_order_relaxed) == 0) return false;
    since_ns_.store(now_ns, std::memory_order_relaxed);
    return true;
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
    trying_.store(false, std::memory_order_relaxed);
    if (was_open) return false;
    since_ns_.store(now_ns, std::memory_order_relaxed);
    opened_.fetch_add(1, std::memory_order_relaxed);
    return true;
  }

 private:
  std::atomic<int64_t> open_until_ns_{0};  // 0: closed
  std::atomic<int64_t> since_ns_{-1};
  std::atomic<bool> trying_{false};
  std::atomic<int> failures_{0};
  std::atomic<int64_t> span_ns_{0};
  std::atomic<uint64_t> opened_{0};
};

}  // namespace alai::origin
