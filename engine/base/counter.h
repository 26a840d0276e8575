// A counter with one writer at a time and any number of readers, for figures that are summed on read.
//
// Threads     Add, Sub and Set by the one thread that owns the counter or holds the lock that guards
//             it; Get from any.
#pragma once

#include <atomic>
#include <cstdint>

namespace alai {

class Counter {
 public:
  void Add(uint64_t n = 1) { Set(Get() + n); }
  void Sub(uint64_t n = 1) { Set(Get() - n); }
  uint64_t Get() const { return value_.load(std::memory_order_relaxed); }
  void Set(uint64_t n) { value_.store(n, std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

}  // namespace alai
