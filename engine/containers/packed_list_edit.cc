// Changes in the middle of a packed list. Each finds the leaf, changes it and puts it back; splits and
// merges go by the index of an element, because a path does not survive a change of the directory's shape.
#include <algorithm>
#include <cstring>

#include "engine/base/assert.h"
#include "engine/containers/packed_list.h"

namespace alai {
namespace {

// Blocks of leaves that have lost elements are exchanged when a smaller one saves a quarter.
constexpr size_t kFitEighths = 6;

// Neighbours are merged up to three quarters of the limits, so that the next insertion does not split
// again what was merged.
constexpr uint32_t MergedMax(uint32_t limit) { return limit - limit / 4; }

}  // namespace

void PackedList::Put(PackedPlace* place, PackedLeaf* leaf) {
  place->leaf = leaf;
  if (place->in_directory) {
    contents_.directory.Replace(blocks_, &place->path, leaf);
  } else {
    contents_.end(place->end) = leaf;
  }
}

// Takes a leaf and its elements out of the list; it stays the caller's.
void PackedList::TakeOut(PackedPlace* place) {
  contents_.size -= place->leaf->count;
  if (place->in_directory) {
    contents_.directory.Remove(blocks_, &place->path);
  } else {
    contents_.end(place->end) = nullptr;
  }
}

// Puts a leaf beside another. Its elements are not counted here.
void PackedList::InsertLeaf(PackedPlace* place, bool after, PackedLeaf* leaf) {
  if (place->in_directory) {
    return contents_.directory.Insert(blocks_, &place->path, after, leaf);
  }
  const ListEnd end = place->end;
  const bool inwards = after == (end == ListEnd::kFront);
  PackedLeaf*& here = contents_.end(end);
  PackedLeaf*& there = contents_.end(Opposite(end));
  if (!inwards) std::swap(here, leaf);
  if (contents_.directory.empty() && there == nullptr) {
    there = leaf;
  } else if (end == ListEnd::kFront) {
    contents_.directory.InsertFirst(blocks_, leaf);
  } else {
    contents_.directory.InsertLast(blocks_, leaf);
  }
}

// Divides a leaf before the element `in_leaf`, which is not its first.
void PackedList::SplitAt(PackedPlace* place, uint32_t in_leaf) {
  PackedLeaf* leaf = OwnLeaf(blocks_, place->leaf);
  const PackedRun run = leaf->run();
  const auto at = static_cast<size_t>(run.Seek(in_leaf, leaf->count) - run.begin);
  PackedLeaf* const right = SplitLeaf(blocks_, leaf, at, in_leaf);
  Put(place, FitLeaf(blocks_, leaf, kFitEighths));
  InsertLeaf(place, true, right);
}

void PackedList::InsertLeafAt(PackedPlace* place, uint32_t in_leaf, PackedLeaf* leaf) {
  if (in_leaf > 0) {
    const uint64_t index = place->first + in_leaf;
    SplitAt(place, in_leaf);
    contents_.Find(index, place);
  }
  InsertLeaf(place, false, leaf);
  contents_.size += leaf->count;
}

void PackedList::InsertEntry(PackedPlace* place, uint32_t in_leaf, const PackedEntry& entry) {
  PackedLeaf* leaf = OwnLeaf(blocks_, place->leaf);
  const PackedRun run = leaf->run();
  const auto at = static_cast<size_t>(run.Seek(in_leaf, leaf->count) - run.begin);
  leaf = SpliceLeaf(blocks_, leaf, at, 0, entry.bytes());
  entry.Write(leaf->stored() + at);
  ++leaf->count;
  Put(place, leaf);
  ++contents_.size;
}

void PackedList::Insert(uint64_t index, std::string_view text) {
  DASSERT(index <= size());
  if (index == 0) return Push(ListEnd::kFront, text);
  if (index == size()) return Push(ListEnd::kBack, text);
  const PackedEntry entry(text);
  PackedPlace place;
  contents_.Find(index, &place);
  auto in_leaf = static_cast<uint32_t>(index - place.first);
  if (in_leaf == 0 && !Fits(*place.leaf, entry.bytes(), 1)) {
    PackedPlace before = place;
    if (contents_.Step(&before, false) && Fits(*before.leaf, entry.bytes(), 1)) {
      place = before;
      in_leaf = before.leaf->count;
    }
  }
  if (Fits(*place.leaf, entry.bytes(), 1)) {
    InsertEntry(&place, in_leaf, entry);
  } else if (place.leaf->count >= 2 && entry.bytes() <= leaf_bytes_max_ / 4) {
    // Half of a full leaf has room for it, unless large entries are unevenly distributed: then half of
    // that.
    const uint64_t first = place.first;
    const uint64_t last = first + place.leaf->count;
    SplitAt(&place, place.leaf->count / 2u);
    Insert(index, text);
    return FoldAround(first, last);
  } else {
    InsertLeafAt(&place, in_leaf, NewSingleLeaf(text, entry));
  }
  FoldAround(index - 1, index + 1);
}

void PackedList::Set(uint64_t index, std::string_view text) {
  DASSERT(index < size());
  const PackedEntry entry(text);
  PackedPlace place;
  contents_.Find(index, &place);
  if (place.leaf->plain || IsPlain(entry.bytes())) {
    Erase(index, 1);
    return Insert(index, text);
  }
  PackedLeaf* leaf = OwnLeaf(blocks_, place.leaf);
  const PackedRun run = leaf->run();
  const char* const old = run.Seek(index - place.first, leaf->count);
  const auto at = static_cast<size_t>(old - run.begin);
  const size_t old_bytes = PackedEntryBytes(old);
  if (sizeof(PackedLeaf) + leaf->stored_bytes - old_bytes + entry.bytes() > leaf_bytes_max_) {
    Put(&place, leaf);
    Erase(index, 1);
    return Insert(index, text);
  }
  leaf = SpliceLeaf(blocks_, leaf, at, old_bytes, entry.bytes());
  entry.Write(leaf->stored() + at);
  Put(&place, FitLeaf(blocks_, leaf, kFitEighths));
  FoldAround(index, index);
}

void PackedList::EraseInLeaf(PackedPlace* place, uint32_t in_leaf, uint32_t count) {
  PackedLeaf* leaf = OwnLeaf(blocks_, place->leaf);
  const PackedRun run = leaf->run();
  const char* const from = run.Seek(in_leaf, leaf->count);
  const char* to = from;
  if (in_leaf + count == leaf->count) {
    to = run.end;
  } else {
    for (uint32_t i = 0; i < count; ++i) to += PackedEntryBytes(to);
  }
  leaf = SpliceLeaf(blocks_, leaf, static_cast<size_t>(from - run.begin),
                    static_cast<size_t>(to - from), 0);
  leaf->count = static_cast<uint16_t>(leaf->count - count);
  Put(place, FitLeaf(blocks_, leaf, kFitEighths));
  contents_.size -= count;
}

void PackedList::Erase(uint64_t index, uint64_t count) {
  DASSERT(count <= size() && index <= size() - count);
  PackedPlace place;
  while (count > 0) {
    contents_.Find(index, &place);
    const auto in_leaf = static_cast<uint32_t>(index - place.first);
    const auto erased =
        static_cast<uint32_t>(std::min<uint64_t>(count, place.leaf->count - in_leaf));
    if (erased == place.leaf->count) {
      TakeOut(&place);
      RetireLeaf(blocks_, place.leaf);
    } else {
      EraseInLeaf(&place, in_leaf, erased);
    }
    count -= erased;
  }
  MergeAround(index);
  FoldAround(index > 0 ? index - 1 : 0, index);
}

void PackedList::Trim(uint64_t first, uint64_t count) {
  Erase(first + count, size() - first - count);
  Erase(0, first);
}

// Removes up to `count_max` equal elements of one leaf. Its place does not survive.
uint32_t PackedList::RemoveInLeaf(PackedPlace* place, const PackedNeedle& needle,
                                  uint64_t count_max, ListEnd from) {
  LeafReader reader;
  PackedRun run = reader.Read(*place->leaf);
  uint32_t equal = 0;
  if (place->leaf->plain) {
    equal = needle.Equals({false, 0, {run.begin, run.bytes()}}) ? 1 : 0;
  } else {
    for (const char* at = run.Find(run.begin, needle); at < run.end; ++equal) {
      at = run.Find(at + PackedEntryBytes(at), needle);
    }
  }
  const auto removed = static_cast<uint32_t>(std::min<uint64_t>(equal, count_max));
  if (removed == 0) return 0;
  if (removed == place->leaf->count) {
    TakeOut(place);
    RetireLeaf(blocks_, place->leaf);
    return removed;
  }
  PackedLeaf* leaf = OwnLeaf(blocks_, place->leaf);
  run = leaf->run();
  // Those with this many equal ones before them, and up to `removed` more, go.
  const uint32_t spared = from == ListEnd::kFront ? 0 : equal - removed;
  char* out = leaf->stored();
  const char* kept_from = run.begin;
  const auto keep_until = [&](const char* end) {
    const auto bytes = static_cast<size_t>(end - kept_from);
    std::memmove(out, kept_from, bytes);
    out += bytes;
  };
  const char* at = run.Find(run.begin, needle);
  for (uint32_t seen = 0; seen < spared + removed; ++seen) {
    const char* const next = at + PackedEntryBytes(at);
    if (seen >= spared) {
      keep_until(at);
      kept_from = next;
    }
    at = run.Find(next, needle);
  }
  keep_until(run.end);
  leaf->stored_bytes = static_cast<uint32_t>(out - leaf->stored());
  leaf->count = static_cast<uint16_t>(leaf->count - removed);
  Put(place, FitLeaf(blocks_, leaf, kFitEighths));
  contents_.size -= removed;
  return removed;
}

uint64_t PackedList::Remove(std::string_view text, uint64_t count_max, ListEnd from) {
  const PackedNeedle needle(text);
  const bool forward = from == ListEnd::kFront;
  uint64_t removed = 0;
  PackedPlace place;
  // What has been looked at, counted from the end at which it began.
  for (uint64_t passed = 0; passed < size() && removed < count_max;) {
    contents_.Find(forward ? passed : size() - 1 - passed, &place);
    const uint64_t first = place.first;
    const uint64_t behind = size() - first - place.leaf->count;
    const uint32_t here = RemoveInLeaf(&place, needle, count_max - removed, from);
    removed += here;
    passed = forward ? size() - behind : size() - first;
    if (here == 0) continue;
    MergeAround(std::min(first, size()));
    FoldAround(first > 0 ? first - 1 : 0, first);
  }
  return removed;
}

// Merges the leaves on either side of a boundary, if there is one and they are small.
void PackedList::MergeAt(uint64_t boundary) {
  if (boundary == 0 || boundary >= size()) return;
  PackedPlace right;
  contents_.Find(boundary, &right);
  if (right.first != boundary) return;
  PackedPlace left = right;
  contents_.Step(&left, false);
  const size_t bytes = left.leaf->bytes() + right.leaf->bytes();
  const uint32_t count = left.leaf->count + right.leaf->count;
  if (left.leaf->plain || right.leaf->plain ||
      sizeof(PackedLeaf) + bytes > MergedMax(leaf_bytes_max_) ||
      count > MergedMax(leaf_count_max_)) {
    return;
  }
  TakeOut(&right);
  contents_.Find(boundary - 1, &left);
  LeafReader reader;
  const PackedRun run = reader.Read(*right.leaf);
  PackedLeaf* leaf = OwnLeaf(blocks_, left.leaf);
  const size_t at = leaf->stored_bytes;
  leaf = SpliceLeaf(blocks_, leaf, at, 0, run.bytes());
  std::memcpy(leaf->stored() + at, run.begin, run.bytes());
  leaf->count = static_cast<uint16_t>(count);
  Put(&left, leaf);
  contents_.size += right.leaf->count;
  RetireLeaf(blocks_, right.leaf);
}

// Merges the leaf with the element at an index, or the last one, with its neighbours.
void PackedList::MergeAround(uint64_t index) {
  if (empty()) return;
  PackedPlace place;
  contents_.Find(std::min(index, size() - 1), &place);
  const uint64_t first = place.first;
  MergeAt(first + place.leaf->count);
  MergeAt(first);
  DrawOutLast();
}

// Lets an end that has no leaf have the only one of the directory, which then needs no memory.
void PackedList::DrawOutLast() {
  if (contents_.directory.leaves() != 1) return;
  const bool front = contents_.end(ListEnd::kFront) == nullptr;
  if (!front && contents_.end(ListEnd::kBack) != nullptr) return;
  PackedPath path = contents_.directory.First();
  PackedLeaf* const leaf = path.leaf();
  contents_.directory.Remove(blocks_, &path);
  contents_.end(front ? ListEnd::kFront : ListEnd::kBack) = OwnLeaf(blocks_, leaf);
}

}  // namespace alai
