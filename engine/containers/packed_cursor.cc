#include "engine/containers/packed_cursor.h"

#include "engine/base/assert.h"

namespace alai {

void PackedContents::Find(uint64_t index, PackedPlace* place) const {
  DASSERT(index < size);
  const uint64_t front = count_at(ListEnd::kFront);
  const uint64_t back = size - count_at(ListEnd::kBack);
  place->in_directory = false;
  if (index < front) {
    place->end = ListEnd::kFront;
    place->first = 0;
  } else if (index >= back) {
    place->end = ListEnd::kBack;
    place->first = back;
  } else {
    place->in_directory = true;
    place->path = directory.Find(index - front, &place->first);
    place->first += front;
    place->leaf = place->path.leaf();
    return;
  }
  place->leaf = end(place->end);
}

bool PackedContents::Step(PackedPlace* place, bool forward) const {
  const ListEnd ahead = forward ? ListEnd::kBack : ListEnd::kFront;
  const uint64_t left = place->leaf->count;
  if (!place->in_directory && place->end == ahead) return false;
  if (place->in_directory) {
    place->in_directory = place->path.Step(forward);
  } else if (!directory.empty()) {
    place->in_directory = true;
    place->path = forward ? directory.First() : directory.Last();
  }
  if (place->in_directory) {
    place->leaf = place->path.leaf();
  } else {
    place->end = ahead;
    place->leaf = end(ahead);
    if (place->leaf == nullptr) return false;
  }
  if (forward) {
    place->first += left;
  } else {
    place->first -= place->leaf->count;
  }
  return true;
}

bool PackedCursor::Seek(uint64_t index) {
  if (index >= contents_.size) {
    place_.leaf = nullptr;
    return false;
  }
  const PackedLeaf* const before = place_.leaf;
  contents_.Find(index, &place_);
  if (place_.leaf != before) run_ = reader_.Read(*place_.leaf);
  Read(static_cast<uint32_t>(index - place_.first));
  return true;
}

void PackedCursor::Read(uint32_t in_leaf) {
  in_leaf_ = in_leaf;
  entry_ = place_.leaf->plain ? run_.begin : run_.Seek(in_leaf, place_.leaf->count);
}

bool PackedCursor::StepLeaf(bool forward) {
  if (!contents_.Step(&place_, forward)) {
    place_.leaf = nullptr;
    return false;
  }
  run_ = reader_.Read(*place_.leaf);
  Read(forward ? 0 : place_.leaf->count - 1);
  return true;
}

bool PackedCursor::Next() {
  if (in_leaf_ + 1 == place_.leaf->count) return StepLeaf(true);
  ++in_leaf_;
  entry_ += PackedEntryBytes(entry_);
  return true;
}

bool PackedCursor::Previous() {
  if (in_leaf_ == 0) return StepLeaf(false);
  --in_leaf_;
  entry_ -= PackedEntryBytesBefore(entry_);
  return true;
}

}  // namespace alai
