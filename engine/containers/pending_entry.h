// An entry that a group has given to a consumer and that was not acknowledged yet.
//
// Threads     Plain values.
#pragma once

#include <cstdint>

#include "engine/base/clock.h"

namespace alai {

class Consumer;

struct PendingEntry {
  UnixMillis delivered_at = 0;
  uint64_t deliveries = 0;
  Consumer* consumer = nullptr;
};

// A consumer's own list of pending entries holds their ids alone.
struct NoValue {};

}  // namespace alai
