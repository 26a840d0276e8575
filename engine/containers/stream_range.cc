#include "engine/containers/stream_range.h"

namespace alai {

StreamRange::StreamRange(IdTree<StreamBlock*>::Root blocks, StreamId from, StreamId to,
                         Direction direction)
    : cursor_(blocks), from_(from), to_(to), direction_(direction) {}

bool StreamRange::Next() {
  if (!started_ && !Start()) return false;
  return direction_ == kForwards ? NextForwards() : NextBackwards();
}

bool StreamRange::Start() {
  started_ = true;
  if (direction_ == kForwards) {
    // The block that begins at `from` or before may hold it; otherwise the first one behind does.
    if (!cursor_.SeekAtOrBefore(from_) && !cursor_.SeekAtOrAfter(from_)) return false;
    slot_ = block()->FirstNotBelow(from_);
    return true;
  }
  if (!cursor_.SeekAtOrBefore(to_)) return false;
  slot_ = block()->FirstNotBelow(to_);
  if (slot_ < block()->slots() && block()->IdOf(slot_) == to_) ++slot_;
  return true;
}

bool StreamRange::NextForwards() {
  if (!cursor_.valid()) return false;
  for (;; ++slot_) {
    while (slot_ == block()->slots()) {
      if (!cursor_.Next()) return false;
      slot_ = 0;
    }
    if (!block()->deleted(slot_)) break;
  }
  entry_ = block()->EntryOf(slot_++);
  return entry_.id() <= to_;
}

bool StreamRange::NextBackwards() {
  if (!cursor_.valid()) return false;
  do {
    while (slot_ == 0) {
      if (!cursor_.Previous()) return false;
      slot_ = block()->slots();
    }
    --slot_;
  } while (block()->deleted(slot_));
  entry_ = block()->EntryOf(slot_);
  return entry_.id() >= from_;
}

}  // namespace alai
