// How long a worker evicts at a time, by maxmemory-eviction-tenacity.
//
// Threads     Pure functions.
#pragma once

#include <cstdint>

namespace alai {

// Nothing at 0, half a millisecond at the default of 10 and in proportion below, then twice as long for each 10
// more, and without an end (INT64_MAX) at 100.
constexpr int64_t EvictionBudgetNanos(int64_t tenacity) {
  constexpr int64_t kDefault = 10;
  constexpr int64_t kDefaultNanos = 500'000;
  constexpr int64_t kWithoutEnd = 100;
  if (tenacity <= kDefault) return kDefaultNanos / kDefault * tenacity;
  if (tenacity >= kWithoutEnd) return INT64_MAX;
  return kDefaultNanos << ((tenacity - kDefault) / kDefault);
}

}  // namespace alai
