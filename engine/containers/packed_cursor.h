// Reading a packed list: where its nodes are, and a cursor that walks over elements or nodes.
//
// Threads     A list's own contents: as the list. Those that Freeze() gave: any, until they are released.
#pragma once

#include <cstdint>

#include "engine/containers/packed_directory.h"
#include "engine/containers/packed_entry.h"
#include "engine/containers/packed_leaf.h"

namespace alai {

enum class ListEnd : uint8_t { kFront, kBack };

constexpr ListEnd Opposite(ListEnd end) {
  return end == ListEnd::kFront ? ListEnd::kBack : ListEnd::kFront;
}

// Where a leaf is: at an end of the list, or in the directory.
struct PackedPlace {
  PackedLeaf* leaf = nullptr;
  uint64_t first = 0;  // the index of its first element
  bool in_directory = false;
  ListEnd end = ListEnd::kFront;  // unless in the directory
  PackedPath path = {};           // in the directory
};

// The elements of a list: those of the leaf at the front, those in the directory, those of the leaf at the
// back. Either leaf, or both, may be missing. Pushing and popping need not touch the directory that way.
struct PackedContents {
  PackedLeaf* ends[2] = {};
  PackedDirectory directory;
  uint64_t size = 0;

  PackedLeaf*& end(ListEnd which) { return ends[static_cast<int>(which)]; }
  PackedLeaf* end(ListEnd which) const { return ends[static_cast<int>(which)]; }
  uint64_t count_at(ListEnd which) const { return end(which) != nullptr ? end(which)->count : 0; }
  uint64_t nodes() const {
    return directory.leaves() + (ends[0] != nullptr ? 1 : 0) + (ends[1] != nullptr ? 1 : 0);
  }

  // The leaf with an element that exists.
  void Find(uint64_t index, PackedPlace* place) const;
  // To the neighbouring leaf; false, and no longer valid, when there is none.
  bool Step(PackedPlace* place, bool forward) const;
};

// A whole node, as snapshots write it: the entries of a listpack, or one plain text.
struct ListNode {
  bool plain = false;
  uint32_t count = 0;
  PackedRun run;

  std::string_view text() const { return {run.begin, run.bytes()}; }
};

// Stands at an element or, with valid() false, at none. Any change of the list invalidates it and what it
// gave.
class PackedCursor {
 public:
  explicit PackedCursor(const PackedContents& contents) : contents_(contents) {}

  // To the element at an index; false when there is none.
  bool Seek(uint64_t index);
  bool SeekEnd(ListEnd end) {
    return Seek(end == ListEnd::kFront || contents_.size == 0 ? 0 : contents_.size - 1);
  }
  bool Next();
  bool Previous();

  bool valid() const { return place_.leaf != nullptr; }
  uint64_t index() const { return place_.first + in_leaf_; }
  // Its text is valid until the cursor moves.
  PackedValue value() const {
    if (place_.leaf->plain) return {false, 0, {run_.begin, run_.bytes()}};
    return ReadPackedEntry(entry_);
  }

  // The node of the present element, and to the first element of the next.
  ListNode node() const { return {place_.leaf->plain, place_.leaf->count, run_}; }
  bool NextNode() { return StepLeaf(true); }

 private:
  bool StepLeaf(bool forward);
  void Read(uint32_t in_leaf);

  const PackedContents contents_;
  PackedPlace place_;
  LeafReader reader_;
  PackedRun run_;
  const char* entry_ = nullptr;
  uint32_t in_leaf_ = 0;
};

}  // namespace alai
