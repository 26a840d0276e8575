#include "engine/containers/packed_list.h"

#include <algorithm>
#include <cstring>

#include "engine/base/assert.h"

namespace alai {
namespace {

constexpr uint32_t kSmallestNodeBytes = 4096;
constexpr int32_t kNodeSizesMin = -5;
// However many entries a node may have.
constexpr uint32_t kCountedNodeBytesMax = 8192;

}  // namespace

PackedList::~PackedList() {
  ASSERT(blocks_.views() == 0);
  FreeSome(SIZE_MAX);
}

void PackedList::SetLimits(PackedListLimits limits) {
  plain_depth_ = limits.plain_depth;
  if (limits.node < 0) {
    leaf_bytes_max_ = kSmallestNodeBytes << (-std::max(limits.node, kNodeSizesMin) - 1);
    leaf_count_max_ = UINT16_MAX;
  } else {
    leaf_bytes_max_ = kCountedNodeBytesMax;
    leaf_count_max_ = static_cast<uint32_t>(std::clamp(limits.node, 1, int32_t{UINT16_MAX}));
  }
}

bool PackedList::IsPlain(size_t entry_bytes) const {
  return sizeof(PackedLeaf) + entry_bytes > leaf_bytes_max_;
}

// Whether a leaf may take so many bytes and entries more.
bool PackedList::Fits(const PackedLeaf& leaf, size_t bytes, uint32_t count) const {
  return !leaf.plain && sizeof(PackedLeaf) + leaf.bytes() + bytes <= leaf_bytes_max_ &&
         leaf.count + count <= leaf_count_max_;
}

// A leaf with one entry, with room for more: a sixteenth of what the list has, so that a small list grows
// in small steps and a large one copies nothing.
PackedLeaf* PackedList::NewEndLeaf(ListEnd end, const PackedEntry& entry) {
  const size_t room = std::min({leaf_bytes_max_ - sizeof(PackedLeaf), blocks_.bytes() / 16,
                                entry.bytes() * leaf_count_max_});
  PackedLeaf* leaf = NewLeaf(blocks_, std::max(room, entry.bytes()));
  if (end == ListEnd::kFront) {
    leaf->begin = static_cast<uint32_t>(leaf->block_bytes - sizeof(PackedLeaf) - entry.bytes());
  }
  leaf->stored_bytes = static_cast<uint32_t>(entry.bytes());
  leaf->count = 1;
  entry.Write(leaf->stored());
  return leaf;
}

// A leaf with one element and no room, plain if it must be.
PackedLeaf* PackedList::NewSingleLeaf(std::string_view text, const PackedEntry& entry) {
  const bool plain = IsPlain(entry.bytes());
  const size_t bytes = plain ? text.size() : entry.bytes();
  PackedLeaf* leaf = NewLeaf(blocks_, bytes, plain);
  leaf->stored_bytes = static_cast<uint32_t>(bytes);
  leaf->count = 1;
  if (plain) {
    std::memcpy(leaf->stored(), text.data(), text.size());
  } else {
    entry.Write(leaf->stored());
  }
  return leaf;
}

// Moves the leaf at an end into the directory.
void PackedList::CloseEnd(ListEnd end) {
  PackedLeaf*& slot = contents_.end(end);
  if (slot == nullptr) return;
  PackedLeaf* leaf = FitLeaf(blocks_, slot, 7);
  slot = nullptr;
  if (end == ListEnd::kFront) {
    contents_.directory.InsertFirst(blocks_, leaf);
  } else {
    contents_.directory.InsertLast(blocks_, leaf);
  }
}

void PackedList::AddEndLeaf(ListEnd end, PackedLeaf* leaf) {
  CloseEnd(end);
  contents_.end(end) = leaf;
  contents_.size += leaf->count;
  FoldInside(end);
}

void PackedList::Push(ListEnd end, std::string_view text) {
  const PackedEntry entry(text);
  // A list of one leaf has it at either end.
  PackedLeaf** slot = &contents_.end(end);
  if (*slot == nullptr && contents_.directory.empty()) slot = &contents_.end(Opposite(end));
  if (*slot == nullptr || !Fits(**slot, entry.bytes(), 1)) {
    const bool plain = IsPlain(entry.bytes());
    return AddEndLeaf(end, plain ? NewSingleLeaf(text, entry) : NewEndLeaf(end, entry));
  }
  PackedLeaf* leaf = OwnLeaf(blocks_, *slot);
  const size_t at = end == ListEnd::kFront ? 0 : leaf->stored_bytes;
  leaf = SpliceLeaf(blocks_, leaf, at, 0, entry.bytes());
  entry.Write(leaf->stored() + at);
  ++leaf->count;
  *slot = leaf;
  ++contents_.size;
}

// The leaf with the element at an end, owned and outside of the directory.
PackedLeaf*& PackedList::LeafToPop(ListEnd end) {
  DASSERT(!empty());
  PackedLeaf** slot = &contents_.end(end);
  if (*slot == nullptr) {
    if (contents_.directory.empty()) {
      slot = &contents_.end(Opposite(end));
    } else {
      PackedPath path =
          end == ListEnd::kFront ? contents_.directory.First() : contents_.directory.Last();
      *slot = path.leaf();
      contents_.directory.Remove(blocks_, &path);
    }
  }
  if ((*slot)->folded()) *slot = OwnLeaf(blocks_, *slot);
  return *slot;
}

PackedValue PackedList::Peek(ListEnd end) {
  const PackedLeaf& leaf = *LeafToPop(end);
  const PackedRun run = leaf.run();
  if (leaf.plain) return {false, 0, {run.begin, run.bytes()}};
  if (end == ListEnd::kFront) return ReadPackedEntry(run.begin);
  return ReadPackedEntry(run.end - PackedEntryBytesBefore(run.end));
}

void PackedList::Pop(ListEnd end) {
  PackedLeaf*& slot = LeafToPop(end);
  --contents_.size;
  if (slot->count == 1) {
    RetireLeaf(blocks_, slot);
    slot = nullptr;
    return;
  }
  PackedLeaf* leaf = OwnLeaf(blocks_, slot);
  const PackedRun run = leaf->run();
  const bool front = end == ListEnd::kFront;
  const size_t bytes = front ? PackedEntryBytes(run.begin) : PackedEntryBytesBefore(run.end);
  if (front) leaf->begin += static_cast<uint32_t>(bytes);
  leaf->stored_bytes -= static_cast<uint32_t>(bytes);
  --leaf->count;
  // A quarter full, and the room is more than a sixteenth of the list: half of it goes.
  const size_t used = sizeof(PackedLeaf) + leaf->stored_bytes;
  if (used * 4 <= leaf->block_bytes && leaf->block_bytes * 16ul > blocks_.bytes()) {
    leaf = ResizeLeaf(blocks_, leaf, leaf->stored_bytes * 2ul, front ? leaf->stored_bytes : 0);
  }
  slot = leaf;
}

// Whether enough leaves lie on either side of the one of that rank in the directory for it to be folded.
bool PackedList::MayFold(uint64_t rank) const {
  if (plain_depth_ == 0) return false;
  const uint64_t before = rank + (contents_.end(ListEnd::kFront) != nullptr ? 1 : 0);
  const uint64_t behind =
      contents_.directory.leaves() - 1 - rank + (contents_.end(ListEnd::kBack) != nullptr ? 1 : 0);
  return before >= plain_depth_ && behind >= plain_depth_;
}

// Folds the leaf that has just got far enough inside because one was added at an end.
void PackedList::FoldInside(ListEnd end) {
  const uint64_t leaves = contents_.directory.leaves();
  if (plain_depth_ == 0 || leaves < plain_depth_) return;
  const uint64_t rank = end == ListEnd::kFront ? plain_depth_ - 1 : leaves - plain_depth_;
  if (!MayFold(rank)) return;
  PackedPath path = contents_.directory.FindRank(rank);
  PackedLeaf* const leaf = path.leaf();
  PackedLeaf* const folded = FoldLeaf(blocks_, leaf);
  if (folded != leaf) contents_.directory.Replace(blocks_, &path, folded);
}

// Folds what a change has left unfolded, between two elements.
void PackedList::FoldAround(uint64_t first, uint64_t last) {
  if (plain_depth_ == 0 || empty()) return;
  PackedPlace place;
  for (uint64_t index = first; index <= std::min(last, size() - 1);) {
    contents_.Find(index, &place);
    index = place.first + place.leaf->count;
    if (!place.in_directory || place.leaf->folded() || !MayFold(place.path.Rank())) continue;
    PackedLeaf* const folded = FoldLeaf(blocks_, place.leaf);
    if (folded != place.leaf) Put(&place, folded);
  }
}

bool PackedList::Find(std::string_view text, uint64_t* index) const {
  const PackedNeedle needle(text);
  PackedCursor cursor(contents_);
  for (bool more = cursor.Seek(0); more; more = cursor.Next()) {
    if (!needle.Equals(cursor.value())) continue;
    *index = cursor.index();
    return true;
  }
  return false;
}

void PackedList::Find(std::string_view text, const Search& search,
                      std::vector<uint64_t>* indices) const {
  const PackedNeedle needle(text);
  const bool forward = search.from == ListEnd::kFront;
  PackedCursor cursor(contents_);
  uint64_t skipped = 0;
  uint64_t found = 0;
  bool more = cursor.SeekEnd(search.from);
  for (uint64_t compared = 0; more && compared < search.compared_max; ++compared) {
    if (needle.Equals(cursor.value()) && skipped++ >= search.skipped) {
      if (found++ == search.found_max) return;
      indices->push_back(cursor.index());
    }
    more = forward ? cursor.Next() : cursor.Previous();
  }
}

void PackedList::Append(Listpack listpack) {
  const PackedRun run = listpack.run();
  const size_t count = listpack.count();
  Append(ListNode{false, static_cast<uint32_t>(count), run});
}

void PackedList::Append(const ListNode& node) {
  if (node.count == 0) return;
  if (node.plain) return Push(ListEnd::kBack, node.text());
  const size_t bytes = node.run.bytes();
  PackedLeaf*& back = contents_.end(ListEnd::kBack);
  const bool joins = back != nullptr && Fits(*back, bytes, node.count);
  if (!joins && (IsPlain(bytes) || node.count > leaf_count_max_)) {
    char digits[kInt64CharsMax];
    for (const char* at = node.run.begin; at < node.run.end; at += PackedEntryBytes(at)) {
      Push(ListEnd::kBack, ReadPackedEntry(at).View(digits));
    }
    return;
  }
  if (!joins) AddEndLeaf(ListEnd::kBack, NewLeaf(blocks_, bytes));
  PackedLeaf* leaf = OwnLeaf(blocks_, back);
  const size_t at = leaf->stored_bytes;
  leaf = SpliceLeaf(blocks_, leaf, at, 0, bytes);
  std::memcpy(leaf->stored() + at, node.run.begin, bytes);
  leaf->count = static_cast<uint16_t>(leaf->count + node.count);
  back = leaf;
  contents_.size += node.count;
}

PackedContents PackedList::Freeze() {
  blocks_.Freeze();
  return contents_;
}

void PackedList::Release() { blocks_.Release(); }

bool PackedList::FreeSome(size_t budget) {
  for (budget -= blocks_.FreeHeld(budget); budget > 0 && !empty(); --budget) {
    PackedPlace place;
    contents_.Find(size() - 1, &place);
    TakeOut(&place);
    RetireLeaf(blocks_, place.leaf);
  }
  return !empty() || blocks_.has_garbage();
}

}  // namespace alai
