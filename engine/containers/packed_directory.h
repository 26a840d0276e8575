// The directory of a packed list: which nodes come in which order, found by the index of an element.
//
// A counted B-tree whose leaves are the list's nodes. A part has up to 63 children, with the number of elements
// and of leaves below each; a million elements in nodes of 8 KB need 33 parts, 0.05 bytes an element. The
// last part at an end, and the only one of a small list, has room for fewer.
// Parts know neither parent nor neighbour: a path holds the way down. That makes them copyable one by
// one (versioned_blocks.h), and a view of the whole is its root.
//
// Threads     One at a time; parts that a view shows are read by any.
// Invariants  All leaves are equally deep. A part is never empty. Two neighbours below one parent are merged
//             when a removal finds that they fit into one.
#pragma once

#include <cstdint>

#include "engine/containers/packed_leaf.h"
#include "engine/containers/versioned_blocks.h"

namespace alai {

struct PackedPart {
  static constexpr uint32_t kChildrenMax = 63;

  struct Child {
    void* node;
    uint64_t elements;
    uint32_t leaves;
  };

  uint32_t generation;
  uint16_t count;
  uint16_t capacity;
  uint32_t level;  // 1: the children are leaves
  Child children[];

  PackedPart* part(uint32_t slot) const { return static_cast<PackedPart*>(children[slot].node); }
};

// The way from the root to a leaf. Valid until the directory changes its shape.
struct PackedPath {
  // 2^32 leaves need seven levels if all parts are a third full.
  static constexpr uint32_t kLevelsMax = 12;

  uint32_t levels = 0;
  uint32_t slots[kLevelsMax];
  PackedPart* parts[kLevelsMax];

  PackedLeaf* leaf() const {
    return static_cast<PackedLeaf*>(parts[levels - 1]->children[slots[levels - 1]].node);
  }
  // To the neighbour; false, and no longer valid, when there is none.
  bool Step(bool forward);
  // How many leaves are before it.
  uint64_t Rank() const;
};

// Copied by views; only the list's own is changed.
class PackedDirectory {
 public:
  bool empty() const { return root_ == nullptr; }
  uint64_t leaves() const;

  // The leaf with the element at an index, which exists; `first` becomes the index of the leaf's first.
  PackedPath Find(uint64_t index, uint64_t* first) const;
  PackedPath FindRank(uint64_t rank) const;
  PackedPath First() const { return FindRank(0); }
  PackedPath Last() const { return FindRank(leaves() - 1); }

  // Puts another leaf in a leaf's place, or the same with another number of elements. The path stays
  // valid.
  void Replace(VersionedBlocks& blocks, PackedPath* path, PackedLeaf* leaf);
  void Insert(VersionedBlocks& blocks, PackedPath* path, bool after, PackedLeaf* leaf);
  void InsertFirst(VersionedBlocks& blocks, PackedLeaf* leaf);
  void InsertLast(VersionedBlocks& blocks, PackedLeaf* leaf);
  // Takes a leaf out; it stays the caller's.
  void Remove(VersionedBlocks& blocks, PackedPath* path);

 private:
  using Child = PackedPart::Child;

  static Child SumOf(PackedPart* part);
  static PackedPart* Split(VersionedBlocks& blocks, PackedPart* part, uint32_t slot,
                           const Child& child);
  static void MergeSlot(VersionedBlocks& blocks, PackedPart* parent, uint32_t slot);
  void Start(VersionedBlocks& blocks, PackedLeaf* leaf);
  void Own(VersionedBlocks& blocks, PackedPath* path);
  void Resize(VersionedBlocks& blocks, PackedPath* path, uint32_t level, uint32_t count);
  void DropUselessRoots(VersionedBlocks& blocks);

  PackedPart* root_ = nullptr;
};

}  // namespace alai
