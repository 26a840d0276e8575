#include "engine/containers/packed_memory.h"

#include "engine/base/assert.h"
#include "engine/base/memory.h"

namespace alai {

PackedMemory::~PackedMemory() {
  ASSERT(views_ == 0);
  FreeHeld(SIZE_MAX);
  DASSERT(allocated_ == 0);
}

void* PackedMemory::New(size_t bytes) {
  allocated_ += UsableSize(bytes);
  return Allocate(bytes);
}

void PackedMemory::Free(void* block, size_t bytes) {
  allocated_ -= UsableSize(bytes);
  alai::Free(block, bytes);
}

void PackedMemory::Hold(void* node, size_t bytes) {
  if (held_ == nullptr || held_->count == kHeldPerChunk) {
    auto* chunk = static_cast<HeldChunk*>(New(sizeof(HeldChunk)));
    chunk->next = held_;
    chunk->count = 0;
    held_ = chunk;
  }
  held_->held[held_->count++] = {node, bytes};
}

void PackedMemory::ReleaseView() {
  DASSERT(views_ > 0);
  --views_;
}

bool PackedMemory::FreeHeld(size_t budget) {
  if (views_ > 0) return false;
  for (; held_ != nullptr && budget > 0; --budget) {
    const Held& last = held_->held[--held_->count];
    Free(last.node, last.bytes);
    if (held_->count > 0) continue;
    HeldChunk* const next = held_->next;
    Free(held_, sizeof(HeldChunk));
    held_ = next;
  }
  return held_ != nullptr;
}

}  // namespace alai
