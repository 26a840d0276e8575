// What is counted of a key class by each thread of a store, summed when somebody asks.
//
// Threads     A ClassFigures is written by the thread that owns it and read by any.
// Invariants  An era ends when a slot is given to another class or the figures are reset: each thread
//             clears its figures of the slot when it next counts there, and until then readers take them
//             for 0.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include "engine/base/counter.h"
#include "engine/base/histogram.h"
#include "engine/key_classes.h"

namespace alai {

struct ClassFigures {
  enum Count : uint8_t {
    kHits,
    kMisses,
    kRenewed,  // deadlines that reads have put off
    kExpired,
    kEvicted,
    kPurged,
    kRefused,  // writes of too large a value
    kAllowed,
    kLimited,
    kLoads,  // from the origin
    kCounts,
  };

  std::atomic<uint32_t> era{0};
  std::array<Counter, kCounts> counts;
  Histogram read_nanos;

  void Clear();
};

// The figures of all slots on one thread; a slot's are made when they are first counted.
class ThreadClassFigures {
 public:
  ThreadClassFigures() = default;
  ThreadClassFigures(const ThreadClassFigures&) = delete;
  ThreadClassFigures& operator=(const ThreadClassFigures&) = delete;
  ~ThreadClassFigures();

  // For counting, in this era of the slot. The owner only.
  ClassFigures& Of(uint32_t slot, uint32_t era) {
    ClassFigures* figures = slots_[slot].load(std::memory_order_relaxed);
    if (figures == nullptr || figures->era.load(std::memory_order_relaxed) != era) [[unlikely]]
      return StartEra(slot, era);
    return *figures;
  }
  // nullptr when nothing was counted in this era. Any thread.
  const ClassFigures* Find(uint32_t slot, uint32_t era) const;

 private:
  ClassFigures& StartEra(uint32_t slot, uint32_t era);

  std::array<std::atomic<ClassFigures*>, KeyClasses::kClassesMax> slots_{};
};

// Sums of one class over all threads and tables.
struct ClassTotals {
  uint64_t keys = 0;
  uint64_t bytes = 0;
  bool counting = false;  // keys and bytes are being counted anew
  std::array<uint64_t, ClassFigures::kCounts> counts{};
  Histogram read_nanos;
};

}  // namespace alai
