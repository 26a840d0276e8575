// A large list: a row of nodes, each a block of entries as listpacks have them, with a directory over
// them.
//
//   front leaf   [ directory: leaf leaf ... leaf ]   back leaf
//
// Pushing and popping touch the leaf at that end; once in a few hundred times a full one moves into the
// directory, or one comes out. An element is found by its index in O(log n) steps over nodes and a walk
// within one, whichever end is nearer. A node is as large as `list-max-listpack-size` allows, its block
// included, and has a block of the smallest size class as soon as another follows it. What does not fit into a
// node by itself becomes a plain one.
//
// With `list-compress-depth`, nodes are compressed (LZF) when so many others lie on either side, and
// unfolded when they are changed or come to an end. Reading leaves them folded.
//
// Elements that spell an integer are stored as one.
//
// Snapshots   Freeze() gives the contents as they are, for another thread to read with a PackedCursor while
//             the list goes on changing: versioned_blocks.h says how.
// Threads     One at a time.
// Why         A list node of Redis's quicklist has a header, a listpack and their two blocks; one block with
//             the entries alone needs less, and has room where the next push or pop is.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "engine/containers/listpack.h"
#include "engine/containers/packed_cursor.h"
#include "engine/containers/versioned_blocks.h"

namespace alai {

struct PackedListLimits {
  // list-max-listpack-size: -1 to -5 for 4, 8, 16, 32 or 64 KB a node, or how many entries, in 8 KB at
  // most.
  int32_t node = -2;
  // list-compress-depth: how many nodes at either end stay as they are; 0: all.
  uint32_t plain_depth = 0;
};

class PackedList {
 public:
  // What to look for: LPOS's arguments.
  struct Search {
    ListEnd from = ListEnd::kFront;
    uint64_t skipped = 0;  // so many equal ones are passed over first
    uint64_t found_max = 1;
    uint64_t compared_max = UINT64_MAX;
  };

  explicit PackedList(PackedListLimits limits = {}) { SetLimits(limits); }
  PackedList(const PackedList&) = delete;
  PackedList& operator=(const PackedList&) = delete;
  // Every view has been released.
  ~PackedList();

  // For what comes; nodes that are there stay as they are.
  void SetLimits(PackedListLimits limits);

  uint64_t size() const { return contents_.size; }
  bool empty() const { return contents_.size == 0; }
  uint64_t nodes() const { return contents_.nodes(); }
  // All blocks, but not this object itself.
  size_t allocated_bytes() const { return blocks_.bytes(); }
  // What a PackedCursor reads.
  const PackedContents& contents() const { return contents_; }

  // Texts that are given must not lie in the list itself and have at most kPackedTextBytesMax bytes.
  // Indices count from the front.

  void Push(ListEnd end, std::string_view text);
  // The element at an end of a list that is not empty; valid until the next change.
  PackedValue Peek(ListEnd end);
  void Pop(ListEnd end);

  // index < size().
  void Set(uint64_t index, std::string_view text);
  // Before the element that is at `index` now; index <= size().
  void Insert(uint64_t index, std::string_view text);
  // index + count <= size().
  void Erase(uint64_t index, uint64_t count);
  // Keeps `count` elements from `first` on.
  void Trim(uint64_t first, uint64_t count);

  // Removes up to `count_max` elements equal to `text`, the nearest to an end first. Gives their number.
  uint64_t Remove(std::string_view text, uint64_t count_max, ListEnd from);

  // The index of the first element equal to `text`; false when there is none. LINSERT's pivot.
  bool Find(std::string_view text, uint64_t* index) const;
  // Appends the indices of those that a search finds.
  void Find(std::string_view text, const Search& search, std::vector<uint64_t>* indices) const;

  // Appends what a listpack holds, or a node of another list: as a node where the limits allow.
  void Append(Listpack listpack);
  void Append(const ListNode& node);

  // The contents as they are now, to be read by any thread until Release(), which the list's own thread
  // calls. Costs nothing; while there are views, the first change of each node copies it.
  PackedContents Freeze();
  // What was held for the last view is freed little by little, or by FreeHeld().
  void Release();
  // Frees up to `budget` nodes that no view shows any more; false when none are left.
  bool FreeHeld(size_t budget) {
    blocks_.FreeHeld(budget);
    return blocks_.has_garbage();
  }

  // Frees about so many nodes, first those that no view shows any more, then from the ends; whether some are
  // left.
  bool FreeSome(size_t budget);

 private:
  bool IsPlain(size_t entry_bytes) const;
  bool Fits(const PackedLeaf& leaf, size_t bytes, uint32_t count) const;

  PackedLeaf* NewEndLeaf(ListEnd end, const PackedEntry& entry);
  PackedLeaf* NewSingleLeaf(std::string_view text, const PackedEntry& entry);
  void CloseEnd(ListEnd end);
  void AddEndLeaf(ListEnd end, PackedLeaf* leaf);
  PackedLeaf*& LeafToPop(ListEnd end);

  void Put(PackedPlace* place, PackedLeaf* leaf);
  void TakeOut(PackedPlace* place);
  void InsertLeaf(PackedPlace* place, bool after, PackedLeaf* leaf);
  void InsertLeafAt(PackedPlace* place, uint32_t in_leaf, PackedLeaf* leaf);
  void InsertEntry(PackedPlace* place, uint32_t in_leaf, const PackedEntry& entry);
  void SplitAt(PackedPlace* place, uint32_t in_leaf);
  void EraseInLeaf(PackedPlace* place, uint32_t in_leaf, uint32_t count);
  uint32_t RemoveInLeaf(PackedPlace* place, const PackedNeedle& needle, uint64_t count_max,
                        ListEnd from);
  void MergeAt(uint64_t boundary);
  void MergeAround(uint64_t index);
  void DrawOutLast();

  bool MayFold(uint64_t rank) const;
  void FoldInside(ListEnd end);
  void FoldAround(uint64_t first, uint64_t last);

  PackedContents contents_;
  VersionedBlocks blocks_;
  uint32_t leaf_bytes_max_;  // its header included
  uint32_t leaf_count_max_;
  uint32_t plain_depth_;
};

}  // namespace alai
