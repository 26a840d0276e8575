// Entries of a stream or of a view of one, from one id to another, forwards or backwards.
//
// Threads     Any for a view, the stream's for a stream, whose entries must not change meanwhile.
#pragma once

#include <cstdint>

#include "engine/containers/id_tree.h"
#include "engine/containers/stream_block.h"
#include "engine/containers/stream_id.h"

namespace alai {

class StreamRange {
 public:
  enum Direction : uint8_t { kForwards, kBackwards };

  // Both ends are included; `from` is the lower one in either direction.
  StreamRange(IdTree<StreamBlock*>::Root blocks, StreamId from, StreamId to,
              Direction direction = kForwards);

  // Moves on to an entry, to the first one when called first; false at the end.
  bool Next();
  const StreamEntry& entry() const { return entry_; }
  StreamId id() const { return entry_.id(); }

 private:
  bool Start();
  bool NextForwards();
  bool NextBackwards();

  const StreamBlock* block() const { return cursor_.value(); }

  IdTree<StreamBlock*>::Cursor cursor_;
  StreamId from_;
  StreamId to_;
  Direction direction_;
  bool started_ = false;
  uint32_t slot_ = 0;  // the next one forwards; behind the next one backwards
  StreamEntry entry_;
};

}  // namespace alai
