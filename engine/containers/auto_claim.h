// XAUTOCLAIM: a walk over a group's pending entries that claims those idle for long enough, and forgets
// those that the stream no longer holds.
//
// Threads     The stream's.
#pragma once

#include <cstdint>

#include "engine/base/clock.h"
#include "engine/containers/consumer_group.h"
#include "engine/containers/stream.h"
#include "engine/containers/stream_id.h"

namespace alai {

class AutoClaim {
 public:
  struct Options {
    StreamId start = {};      // the first id to look at
    int64_t idle_ms_min = 0;  // 0: any
    uint64_t count = 100;     // of entries claimed or forgotten
    bool id_alone = false;    // JUSTID: not counted as a delivery
  };
  // Looks at this many pending entries for each that may be claimed.
  static constexpr uint64_t kLooksPerClaim = 10;

  enum class Step : uint8_t { kClaimed, kForgotten, kDone };

  // The consumer counts as active once something is claimed for it.
  AutoClaim(const Stream& stream, ConsumerGroup& group, Consumer* consumer, const Options& options,
            UnixMillis now);

  Step Next();
  // What was claimed or forgotten. After kDone, where the next walk starts: zero when this one has reached
  // the end.
  StreamId id() const { return id_; }

 private:
  const Stream* stream_;
  ConsumerGroup* group_;
  Consumer* consumer_;
  const Options options_;
  const UnixMillis now_;
  uint64_t looks_left_;
  uint64_t count_left_;
  bool changed_ = false;  // since the cursor's last step
  IdTree<PendingEntry>::Cursor cursor_;
  StreamId id_;
};

}  // namespace alai
