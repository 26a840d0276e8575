#include "engine/containers/packed_leaf.h"

#include <liblzf/lzf.h>

#include <cstring>

#include "engine/base/assert.h"
#include "engine/base/memory.h"

namespace alai {
namespace {

// Compressing what is smaller saves little, what is larger takes too long in one go.
constexpr size_t kFoldBlockMin = 128;
constexpr size_t kFoldBytesMax = 256 << 10;

size_t CapacityOf(const PackedLeaf& leaf) { return leaf.block_bytes - sizeof(PackedLeaf); }

void Unfold(const PackedLeaf& leaf, char* out) {
  const unsigned bytes = lzf_decompress(leaf.stored(), leaf.stored_bytes, out, leaf.unfolded_bytes);
  ASSERT(bytes == leaf.unfolded_bytes);
}

// A leaf with the same header values, but nothing in it yet.
PackedLeaf* NewLeafLike(VersionedBlocks& blocks, const PackedLeaf& leaf, size_t bytes) {
  PackedLeaf* fresh = NewLeaf(blocks, bytes, leaf.plain);
  fresh->count = leaf.count;
  return fresh;
}

// Moves both sides of the gap within the block so that the entries begin at `begin`.
void MoveSides(PackedLeaf* leaf, size_t begin, size_t at, size_t removed, size_t inserted) {
  char* const data = leaf->stored() - leaf->begin;
  const size_t tail = leaf->stored_bytes - at - removed;
  const char* const tail_from = data + leaf->begin + at + removed;
  char* const tail_to = data + begin + at + inserted;
  const char* const head_from = data + leaf->begin;
  // The order in which neither side is overwritten before it has moved.
  if (begin < leaf->begin) {
    std::memmove(data + begin, head_from, at);
    std::memmove(tail_to, tail_from, tail);
  } else {
    std::memmove(tail_to, tail_from, tail);
    if (begin > leaf->begin) std::memmove(data + begin, head_from, at);
  }
  leaf->begin = static_cast<uint32_t>(begin);
}

}  // namespace

PackedLeaf* NewLeaf(VersionedBlocks& blocks, size_t bytes, bool plain) {
  const size_t block_bytes = UsableSize(sizeof(PackedLeaf) + bytes);
  ASSERT(block_bytes <= UINT32_MAX);
  auto* leaf = static_cast<PackedLeaf*>(blocks.Allocate(block_bytes));
  *leaf = {.generation = blocks.generation(),
           .block_bytes = static_cast<uint32_t>(block_bytes),
           .begin = 0,
           .stored_bytes = 0,
           .unfolded_bytes = 0,
           .count = 0,
           .plain = plain};
  return leaf;
}

void RetireLeaf(VersionedBlocks& blocks, PackedLeaf* leaf) {
  blocks.Retire(leaf, leaf->block_bytes, leaf->generation);
}

PackedLeaf* OwnLeaf(VersionedBlocks& blocks, PackedLeaf* leaf) {
  if (leaf->folded()) {
    PackedLeaf* fresh = NewLeafLike(blocks, *leaf, leaf->unfolded_bytes);
    Unfold(*leaf, fresh->stored());
    fresh->stored_bytes = leaf->unfolded_bytes;
    RetireLeaf(blocks, leaf);
    return fresh;
  }
  if (!blocks.Shared(leaf->generation)) return leaf;
  return ResizeLeaf(blocks, leaf, CapacityOf(*leaf), leaf->begin);
}

PackedLeaf* ResizeLeaf(VersionedBlocks& blocks, PackedLeaf* leaf, size_t bytes, size_t begin) {
  PackedLeaf* fresh = NewLeafLike(blocks, *leaf, bytes);
  fresh->begin = static_cast<uint32_t>(begin);
  fresh->stored_bytes = leaf->stored_bytes;
  std::memcpy(fresh->stored(), leaf->stored(), leaf->stored_bytes);
  RetireLeaf(blocks, leaf);
  return fresh;
}

PackedLeaf* FitLeaf(VersionedBlocks& blocks, PackedLeaf* leaf, size_t eighths) {
  const size_t fitting = UsableSize(sizeof(PackedLeaf) + leaf->stored_bytes);
  if (fitting * 8 > leaf->block_bytes * eighths) return leaf;
  return ResizeLeaf(blocks, leaf, leaf->stored_bytes, 0);
}

PackedLeaf* SpliceLeaf(VersionedBlocks& blocks, PackedLeaf* leaf, size_t at, size_t removed,
                       size_t inserted) {
  const size_t tail = leaf->stored_bytes - at - removed;
  const size_t bytes = at + inserted + tail;
  const size_t capacity = CapacityOf(*leaf);
  const bool moves_head = at < tail;
  const size_t end = leaf->begin + leaf->stored_bytes;
  if (bytes > capacity) {
    // Room goes where it was wanted.
    const size_t room = UsableSize(sizeof(PackedLeaf) + bytes) - sizeof(PackedLeaf) - bytes;
    PackedLeaf* fresh = NewLeafLike(blocks, *leaf, bytes);
    fresh->begin = static_cast<uint32_t>(at == 0 ? room : tail == 0 ? 0 : room / 2);
    fresh->stored_bytes = static_cast<uint32_t>(bytes);
    std::memcpy(fresh->stored(), leaf->stored(), at);
    std::memcpy(fresh->stored() + at + inserted, leaf->stored() + at + removed, tail);
    RetireLeaf(blocks, leaf);
    return fresh;
  }
  if (moves_head && leaf->begin + removed >= inserted) {
    MoveSides(leaf, leaf->begin + removed - inserted, at, removed, inserted);
  } else if (!moves_head && end + inserted - removed <= capacity) {
    MoveSides(leaf, leaf->begin, at, removed, inserted);
  } else {
    MoveSides(leaf, (capacity - bytes) / 2, at, removed, inserted);
  }
  leaf->stored_bytes = static_cast<uint32_t>(bytes);
  return leaf;
}

PackedLeaf* SplitLeaf(VersionedBlocks& blocks, PackedLeaf* leaf, size_t at, size_t count) {
  const size_t moved = leaf->stored_bytes - at;
  PackedLeaf* right = NewLeaf(blocks, moved);
  std::memcpy(right->stored(), leaf->stored() + at, moved);
  right->stored_bytes = static_cast<uint32_t>(moved);
  right->count = static_cast<uint16_t>(leaf->count - count);
  leaf->stored_bytes = static_cast<uint32_t>(at);
  leaf->count = static_cast<uint16_t>(count);
  return right;
}

PackedLeaf* FoldLeaf(VersionedBlocks& blocks, PackedLeaf* leaf) {
  if (leaf->folded() || leaf->block_bytes < kFoldBlockMin || leaf->stored_bytes > kFoldBytesMax) {
    return leaf;
  }
  const size_t room = leaf->block_bytes / 8 * 7 - sizeof(PackedLeaf);
  char* const folded = static_cast<char*>(Allocate(room));
  const unsigned bytes =
      lzf_compress(leaf->stored(), leaf->stored_bytes, folded, static_cast<unsigned>(room));
  if (bytes > 0) {
    PackedLeaf* fresh = NewLeafLike(blocks, *leaf, bytes);
    std::memcpy(fresh->stored(), folded, bytes);
    fresh->stored_bytes = bytes;
    fresh->unfolded_bytes = leaf->stored_bytes;
    RetireLeaf(blocks, leaf);
    leaf = fresh;
  }
  Free(folded, room);
  return leaf;
}

LeafReader::~LeafReader() {
  if (buffer_ != nullptr) Free(buffer_, capacity_);
}

PackedRun LeafReader::Read(const PackedLeaf& leaf) {
  if (!leaf.folded()) return leaf.run();
  if (capacity_ < leaf.unfolded_bytes) {
    if (buffer_ != nullptr) Free(buffer_, capacity_);
    capacity_ = UsableSize(leaf.unfolded_bytes);
    buffer_ = static_cast<char*>(Allocate(capacity_));
  }
  Unfold(leaf, buffer_);
  return {buffer_, buffer_ + leaf.unfolded_bytes};
}

}  // namespace alai
