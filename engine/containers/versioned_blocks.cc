#include "engine/containers/versioned_blocks.h"

#include <utility>

namespace alai {

VersionedBlocks::~VersionedBlocks() {
  ASSERT(views_ == 0);
  FreeHeld(SIZE_MAX);
  DASSERT(bytes_ == 0);
}

void VersionedBlocks::Hold(void* block, size_t size) {
  if (held_ == nullptr || held_->count == kHeldPerChunk) {
    auto* chunk = static_cast<HeldChunk*>(Allocate(sizeof(HeldChunk)));
    chunk->next = held_;
    chunk->count = 0;
    held_ = chunk;
  }
  held_->held[held_->count++] = {block, size};
}

void VersionedBlocks::Release() {
  ASSERT(views_ != 0);
  if (--views_ == 0) FreeHeld(kFreedAtRelease);
}

size_t VersionedBlocks::FreeSomeHeld(size_t budget) {
  size_t freed = 0;
  while (held_ != nullptr) {
    for (; held_->count != 0; ++freed) {
      if (freed == budget) return freed;
      const Held last = held_->held[--held_->count];
      Free(last.block, last.size);
    }
    Free(std::exchange(held_, held_->next), sizeof(HeldChunk));
  }
  return freed;
}

}  // namespace alai
