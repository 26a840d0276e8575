#include "engine/containers/packed_directory.h"

#include <cstring>

#include "engine/base/assert.h"

namespace alai {
namespace {

// Neighbours are merged up to here, so that the next insertion does not split again what was merged.
constexpr uint32_t kMergedChildrenMax = PackedPart::kChildrenMax * 3 / 4;

// Room for how many children a part is made with: sizes that the allocator has.
uint32_t CapacityFor(uint32_t count) {
  for (const uint32_t capacity : {4u, 10u, 20u, 42u}) {
    if (count <= capacity) return capacity;
  }
  return PackedPart::kChildrenMax;
}

size_t BytesOf(uint32_t capacity) {
  return sizeof(PackedPart) + capacity * sizeof(PackedPart::Child);
}

PackedPart* NewPart(VersionedBlocks& blocks, uint32_t level, uint32_t count) {
  ASSERT(level <= PackedPath::kLevelsMax);
  const uint32_t capacity = CapacityFor(count);
  auto* part = static_cast<PackedPart*>(blocks.Allocate(BytesOf(capacity)));
  part->generation = blocks.generation();
  part->count = 0;
  part->capacity = static_cast<uint16_t>(capacity);
  part->level = level;
  return part;
}

void RetirePart(VersionedBlocks& blocks, PackedPart* part) {
  blocks.Retire(part, BytesOf(part->capacity), part->generation);
}

void InsertSlot(PackedPart* part, uint32_t slot, const PackedPart::Child& child) {
  DASSERT(part->count < part->capacity);
  PackedPart::Child* const at = part->children + slot;
  std::memmove(at + 1, at, (part->count - slot) * sizeof *at);
  *at = child;
  ++part->count;
}

void EraseSlot(PackedPart* part, uint32_t slot) {
  PackedPart::Child* const at = part->children + slot;
  --part->count;
  std::memmove(at, at + 1, (part->count - slot) * sizeof *at);
}

// Copies the slots from `first` on to the end of another part.
void AppendSlots(const PackedPart* from, uint32_t first, PackedPart* to) {
  const uint32_t added = from->count - first;
  DASSERT(to->count + added <= to->capacity);
  std::memcpy(to->children + to->count, from->children + first, added * sizeof(PackedPart::Child));
  to->count = static_cast<uint16_t>(to->count + added);
}

}  // namespace

bool PackedPath::Step(bool forward) {
  uint32_t level = levels;
  for (; level > 0; --level) {
    uint32_t& slot = slots[level - 1];
    if (forward ? slot + 1 < parts[level - 1]->count : slot > 0) {
      slot += forward ? 1 : -1;
      break;
    }
  }
  if (level == 0) return false;
  for (; level < levels; ++level) {
    parts[level] = parts[level - 1]->part(slots[level - 1]);
    slots[level] = forward ? 0 : parts[level]->count - 1;
  }
  return true;
}

uint64_t PackedPath::Rank() const {
  uint64_t rank = 0;
  for (uint32_t level = 0; level < levels; ++level) {
    for (uint32_t slot = 0; slot < slots[level]; ++slot)
      rank += parts[level]->children[slot].leaves;
  }
  return rank;
}

uint64_t PackedDirectory::leaves() const { return root_ != nullptr ? SumOf(root_).leaves : 0; }

PackedPath PackedDirectory::Find(uint64_t index, uint64_t* first) const {
  PackedPath path;
  uint64_t rest = index;
  for (PackedPart* part = root_;;) {
    uint32_t slot = 0;
    while (rest >= part->children[slot].elements) {
      rest -= part->children[slot++].elements;
      DASSERT(slot < part->count);
    }
    path.parts[path.levels] = part;
    path.slots[path.levels++] = slot;
    if (part->level == 1) break;
    part = part->part(slot);
  }
  *first = index - rest;
  return path;
}

PackedPath PackedDirectory::FindRank(uint64_t rank) const {
  PackedPath path;
  for (PackedPart* part = root_;;) {
    uint32_t slot = 0;
    while (rank >= part->children[slot].leaves) {
      rank -= part->children[slot++].leaves;
      DASSERT(slot < part->count);
    }
    path.parts[path.levels] = part;
    path.slots[path.levels++] = slot;
    if (part->level == 1) return path;
    part = part->part(slot);
  }
}

PackedDirectory::Child PackedDirectory::SumOf(PackedPart* part) {
  Child sum{part, 0, 0};
  for (uint32_t slot = 0; slot < part->count; ++slot) {
    sum.elements += part->children[slot].elements;
    sum.leaves += part->children[slot].leaves;
  }
  return sum;
}

// Exchanges a part on the path, whose parts above are owned, for one with room for `count` children.
void PackedDirectory::Resize(VersionedBlocks& blocks, PackedPath* path, uint32_t level,
                             uint32_t count) {
  PackedPart* const part = path->parts[level];
  PackedPart* const fresh = NewPart(blocks, part->level, count);
  AppendSlots(part, 0, fresh);
  RetirePart(blocks, part);
  path->parts[level] = fresh;
  if (level == 0) {
    root_ = fresh;
  } else {
    path->parts[level - 1]->children[path->slots[level - 1]].node = fresh;
  }
}

// Makes every part on the path one that may be changed.
void PackedDirectory::Own(VersionedBlocks& blocks, PackedPath* path) {
  for (uint32_t level = 0; level < path->levels; ++level) {
    PackedPart* const part = path->parts[level];
    if (blocks.Shared(part->generation)) Resize(blocks, path, level, part->capacity);
  }
}

void PackedDirectory::Replace(VersionedBlocks& blocks, PackedPath* path, PackedLeaf* leaf) {
  Own(blocks, path);
  const uint32_t last = path->levels - 1;
  Child& child = path->parts[last]->children[path->slots[last]];
  const uint64_t before = child.elements;
  child.node = leaf;
  if (before == leaf->count) return;
  for (uint32_t level = 0; level < path->levels; ++level) {
    path->parts[level]->children[path->slots[level]].elements += leaf->count - before;
  }
}

void PackedDirectory::Start(VersionedBlocks& blocks, PackedLeaf* leaf) {
  root_ = NewPart(blocks, 1, 1);
  InsertSlot(root_, 0, {leaf, leaf->count, 1});
}

// Makes room in a full part, the upper half of which goes to a new one, and inserts the child. At either
// end nothing moves to the part that begins there: it will be filled by what follows.
PackedPart* PackedDirectory::Split(VersionedBlocks& blocks, PackedPart* part, uint32_t slot,
                                   const Child& child) {
  uint32_t kept = PackedPart::kChildrenMax / 2;
  if (slot == 0) kept = 0;
  if (slot == PackedPart::kChildrenMax) kept = slot;
  PackedPart* right = NewPart(blocks, part->level, PackedPart::kChildrenMax - kept + 1);
  AppendSlots(part, kept, right);
  part->count = static_cast<uint16_t>(kept);
  if (slot <= kept && kept < PackedPart::kChildrenMax) {
    InsertSlot(part, slot, child);
  } else {
    InsertSlot(right, slot - kept, child);
  }
  return right;
}

void PackedDirectory::Insert(VersionedBlocks& blocks, PackedPath* path, bool after,
                             PackedLeaf* leaf) {
  Own(blocks, path);
  Child child{leaf, leaf->count, 1};
  uint32_t level = path->levels - 1;
  uint32_t slot = path->slots[level] + (after ? 1 : 0);
  while (path->parts[level]->count == PackedPart::kChildrenMax) {
    PackedPart* const left = path->parts[level];
    PackedPart* const right = Split(blocks, left, slot, child);
    if (level == 0) {
      root_ = NewPart(blocks, left->level + 1, 2);
      InsertSlot(root_, 0, SumOf(left));
      InsertSlot(root_, 1, SumOf(right));
      return;
    }
    --level;
    path->parts[level]->children[path->slots[level]] = SumOf(left);
    child = SumOf(right);
    slot = path->slots[level] + 1;
  }
  const PackedPart& part = *path->parts[level];
  if (part.count == part.capacity) Resize(blocks, path, level, part.count + 1u);
  InsertSlot(path->parts[level], slot, child);
  while (level-- > 0) {
    path->parts[level]->children[path->slots[level]].elements += leaf->count;
    path->parts[level]->children[path->slots[level]].leaves += 1;
  }
}

void PackedDirectory::InsertFirst(VersionedBlocks& blocks, PackedLeaf* leaf) {
  if (empty()) return Start(blocks, leaf);
  PackedPath path = First();
  Insert(blocks, &path, false, leaf);
}

void PackedDirectory::InsertLast(VersionedBlocks& blocks, PackedLeaf* leaf) {
  if (empty()) return Start(blocks, leaf);
  PackedPath path = Last();
  Insert(blocks, &path, true, leaf);
}

void PackedDirectory::Remove(VersionedBlocks& blocks, PackedPath* path) {
  Own(blocks, path);
  uint32_t level = path->levels - 1;
  const uint64_t elements = path->parts[level]->children[path->slots[level]].elements;
  EraseSlot(path->parts[level], path->slots[level]);
  while (level > 0 && path->parts[level]->count == 0) {
    RetirePart(blocks, path->parts[level]);
    --level;
    EraseSlot(path->parts[level], path->slots[level]);
  }
  for (uint32_t above = level; above-- > 0;) {
    path->parts[above]->children[path->slots[above]].elements -= elements;
    path->parts[above]->children[path->slots[above]].leaves -= 1;
  }
  const PackedPart& part = *path->parts[level];
  if (part.count > 0 && CapacityFor(part.count * 2u) < part.capacity) {
    Resize(blocks, path, level, part.count * 2u);
  }
  for (; level > 0; --level) MergeSlot(blocks, path->parts[level - 1], path->slots[level - 1]);
  DropUselessRoots(blocks);
}

// Merges the part at `slot` with a neighbour if both fit into one.
void PackedDirectory::MergeSlot(VersionedBlocks& blocks, PackedPart* parent, uint32_t slot) {
  const uint32_t count = parent->part(slot)->count;
  uint32_t left = slot;
  if (slot + 1u == parent->count || count + parent->part(slot + 1)->count > kMergedChildrenMax) {
    if (slot == 0 || count + parent->part(slot - 1)->count > kMergedChildrenMax) return;
    left = slot - 1;
  }
  PackedPart* const merged =
      NewPart(blocks, parent->level - 1, parent->part(left)->count + parent->part(left + 1)->count);
  for (const uint32_t from : {left, left + 1}) {
    PackedPart* const part = parent->part(from);
    AppendSlots(part, 0, merged);
    RetirePart(blocks, part);
  }
  parent->children[left] = SumOf(merged);
  EraseSlot(parent, left + 1);
}

void PackedDirectory::DropUselessRoots(VersionedBlocks& blocks) {
  while (root_->count == 1 && root_->level > 1) {
    PackedPart* const child = root_->part(0);
    RetirePart(blocks, root_);
    root_ = child;
  }
  if (root_->count > 0) return;
  RetirePart(blocks, root_);
  root_ = nullptr;
}

}  // namespace alai
