// The memory of one container that can be looked at as it was while it goes on changing.
//
// A container is made of blocks, each stamped with the generation in which it was made. Freezing counts
// the generation up: what is older may be seen by a view from then on, so whoever wants to change such a
// block copies it, and the old one is held until the last view is released. Without a view a block's
// generation is not even read.
//
// Threads     Called by who owns the container, one at a time. A view's reader only reads blocks that
//             are older than the view; nobody writes to those.
// Invariants  A held block is in the list exactly once and nowhere else in the container.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "engine/base/assert.h"
#include "engine/base/memory.h"

namespace alai {

class VersionedBlocks {
 public:
  VersionedBlocks() = default;
  VersionedBlocks(const VersionedBlocks&) = delete;
  VersionedBlocks& operator=(const VersionedBlocks&) = delete;
  ~VersionedBlocks();

  void* Allocate(size_t size) {
    bytes_ += UsableSize(size);
    return alai::Allocate(size);
  }
  // For what no view can have seen.
  void Free(void* block, size_t size) {
    bytes_ -= UsableSize(size);
    alai::Free(block, size);
  }
  // For what has left the container: frees it now or, if a view may show it, when that is gone.
  void Retire(void* block, size_t size, uint32_t generation) {
    if (Shared(generation)) {
      Hold(block, size);
      return;
    }
    Free(block, size);
    if (held_ != nullptr && views_ == 0) FreeHeld(kFreedBesides);
  }

  // Whether a block of this generation must be copied before it is changed.
  bool Shared(uint32_t generation) const { return views_ != 0 && generation != generation_; }
  // The stamp of what is made now.
  uint32_t generation() const { return generation_; }

  void Freeze() {
    ++generation_;
    ++views_;
  }
  // After the last view, a bounded number of held blocks is freed at once; what is left goes with later
  // calls of Retire() and FreeHeld().
  void Release();
  // Frees up to `budget` blocks that nobody sees any more; gives how many it freed.
  size_t FreeHeld(size_t budget);

  uint32_t views() const { return views_; }
  // Of all blocks, held ones included, and of the list of those.
  size_t bytes() const { return bytes_; }

 private:
  static constexpr size_t kFreedBesides = 4;
  static constexpr size_t kFreedAtRelease = 2'000;
  static constexpr uint32_t kHeldPerChunk = 127;
  struct Held {
    void* block;
    size_t size;
  };
  struct HeldChunk {
    HeldChunk* next;
    uint64_t count;
    Held held[kHeldPerChunk];
  };

  void Hold(void* block, size_t size);

  size_t bytes_ = 0;
  HeldChunk* held_ = nullptr;
  uint32_t generation_ = 0;
  uint32_t views_ = 0;
};

}  // namespace alai
