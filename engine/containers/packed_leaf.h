// A node of a packed list: some entries in one block, with room before and behind them.
//
//   header (24)   room   entries, or one plain text, or their LZF form   room
//
// Taking and adding at either end moves nothing as long as there is room on that side. A leaf that is
// "plain" has one element that is larger than a node may be, as it is; a "folded" one is compressed and is
// unfolded to be read or changed. The listpack header and end that a snapshot wants are written when it is
// made.
//
// Threads     One at a time; leaves that a view shows are read by any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/containers/packed_entry.h"
#include "engine/containers/versioned_blocks.h"

namespace alai {

struct PackedLeaf {
  uint32_t generation;
  uint32_t block_bytes;  // of the whole block: a size class of the allocator
  uint32_t begin;        // where the stored bytes begin behind the header
  uint32_t stored_bytes;
  uint32_t unfolded_bytes;  // 0: not folded
  uint16_t count;           // entries
  bool plain;

  char* stored() { return reinterpret_cast<char*>(this + 1) + begin; }
  const char* stored() const { return reinterpret_cast<const char*>(this + 1) + begin; }
  bool folded() const { return unfolded_bytes != 0; }
  // Of the entries or the text, unfolded.
  size_t bytes() const { return folded() ? unfolded_bytes : stored_bytes; }
  // Of one that is not folded.
  PackedRun run() const { return {stored(), stored() + stored_bytes}; }
};
static_assert(sizeof(PackedLeaf) == 24);

// An empty leaf with room for at least so many bytes, beginning at 0.
PackedLeaf* NewLeaf(VersionedBlocks& blocks, size_t bytes, bool plain = false);
void RetireLeaf(VersionedBlocks& blocks, PackedLeaf* leaf);

// A leaf with the same elements that may be changed: not shown by a view, not folded. The old one is
// retired if it is another.
PackedLeaf* OwnLeaf(VersionedBlocks& blocks, PackedLeaf* leaf);

// Replaces `removed` bytes at `at` by `inserted` ones, which the caller writes there. `leaf` is owned. Moves
// the shorter side, or into a larger block.
PackedLeaf* SpliceLeaf(VersionedBlocks& blocks, PackedLeaf* leaf, size_t at, size_t removed,
                       size_t inserted);

// Moves the entries of an owned leaf to a block with room for `bytes`, beginning at `begin`.
PackedLeaf* ResizeLeaf(VersionedBlocks& blocks, PackedLeaf* leaf, size_t bytes, size_t begin);
// Moves them to the smallest block if that is at most `eighths` of the present one.
PackedLeaf* FitLeaf(VersionedBlocks& blocks, PackedLeaf* leaf, size_t eighths);

// Moves what begins at `at`, behind the first `count` entries, to a new leaf.
PackedLeaf* SplitLeaf(VersionedBlocks& blocks, PackedLeaf* leaf, size_t at, size_t count);

// The compressed form of a leaf if that saves an eighth of its block, otherwise the leaf itself.
PackedLeaf* FoldLeaf(VersionedBlocks& blocks, PackedLeaf* leaf);

// Reads leaves, into a buffer of its own if they are folded.
class LeafReader {
 public:
  LeafReader() = default;
  LeafReader(const LeafReader&) = delete;
  LeafReader& operator=(const LeafReader&) = delete;
  ~LeafReader();

  // Valid until the next call, or a change of the leaf.
  PackedRun Read(const PackedLeaf& leaf);

 private:
  char* buffer_ = nullptr;
  size_t capacity_ = 0;
};

}  // namespace alai
