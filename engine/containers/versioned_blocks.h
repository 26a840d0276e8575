// The memory of one container that can be looked at as it was while it goes on changing.
//
// A container is made of blocks, each stamped with the generation in which it was made. Freezing counts
// the generation up: what is older may be seen by a view from then on, so whoever wants to change such a
// block copies it, and the old one is held until the last view is released. Without a view a block's
// generation is not even read.
//
//           Freeze           Freeze          Release, Release
//   ──────────┼────────────────┼───────────────────┼──────────>
//     gen. 0  │     gen. 1     │      gen. 2       │  nothing is shared
//             └─ 0 is shared   └─ 0, 1 are shared  └─ held blocks become garbage
//
// Garbage is freed a bounded number of blocks at a time: by Release(), by what is retired later, or by
// FreeHeld().
//
// Threads     Called by who owns the container, one at a time. A view's reader only reads blocks that
//             are older than the view; nobody writes to those.
// Invariants  A held block is in the list exactly once and nowhere else in the container.
// Why         Held blocks are listed apart from themselves, so that a block needs four bytes for this and
//             readers may look at all of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>

#include "engine/base/assert.h"
#include "engine/base/memory.h"

namespace alai {

// What a block that says its size begins with.
struct BlockStamp {
  uint32_t generation;
  uint32_t bytes;  // of the whole block, as allocated
};

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
  // A block of exactly `bytes`, its stamp filled and nothing else.
  void* AllocateStamped(size_t bytes) {
    ASSERT(bytes >= sizeof(BlockStamp) && bytes <= UINT32_MAX);
    return new (Allocate(bytes)) BlockStamp{generation_, static_cast<uint32_t>(bytes)};
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
    FreeHeld(kFreedBesides);
  }
  void Retire(BlockStamp* block) { Retire(block, block->bytes, block->generation); }

  // Whether a block of this generation must be copied before it is changed.
  bool Shared(uint32_t generation) const { return views_ != 0 && generation != generation_; }
  bool Shared(const BlockStamp& block) const { return Shared(block.generation); }
  // The stamp of what is made now.
  uint32_t generation() const { return generation_; }

  void Freeze() {
    ++generation_;
    ++views_;
  }
  void Release();
  // Frees up to `budget` blocks that no view shows any more; gives how many it freed.
  size_t FreeHeld(size_t budget) { return has_garbage() ? FreeSomeHeld(budget) : 0; }
  // Whether there are such blocks.
  bool has_garbage() const { return held_ != nullptr && views_ == 0; }

  uint32_t views() const { return views_; }
  // What the allocator holds for all blocks, held ones included, for the list of those, and what was added for
  // memory that is no block.
  size_t bytes() const { return bytes_; }
  void AddOther(size_t bytes) { bytes_ += bytes; }
  void SubtractOther(size_t bytes) { bytes_ -= bytes; }

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
  size_t FreeSomeHeld(size_t budget);

  size_t bytes_ = 0;
  HeldChunk* held_ = nullptr;
  uint32_t generation_ = 0;
  uint32_t views_ = 0;
};

}  // namespace alai
