#include "engine/containers/stream.h"

#include <algorithm>

#include "engine/base/assert.h"
#include "engine/base/memory.h"

namespace alai {

Stream::Stream() : directory_(blocks_) {}

Stream::~Stream() {
  ASSERT(blocks_.views() == 0);
  while (FreeSome(SIZE_MAX)) {
  }
}

void Stream::Append(StreamId id, FieldValues pairs, const StreamLimits& limits) {
  ASSERT(id > last_id_);
  StreamBlock* block = last_block_;
  if (block == nullptr || !StreamBlock::Append(blocks_, &block, id, pairs, limits)) {
    CloseLastBlock();
    last_block_ = StreamBlock::Open(blocks_, id, pairs);
    directory_.Insert(id, last_block_);
  } else if (block != last_block_) {
    *directory_.Change(block->first_id()) = block;
    last_block_ = block;
  }
  if (++length_ == 1) first_id_ = id;
  last_id_ = id;
  ++entries_added_;
}

// No entry will be added to it any more, as long as its successor stays.
void Stream::CloseLastBlock() {
  StreamBlock* block = last_block_;
  if (block == nullptr || blocks_.Shared(*block->stamp()) || !block->CanShrink()) return;
  StreamBlock** link = directory_.Change(block->first_id());
  *link = StreamBlock::Repack(blocks_, block);
}

bool Stream::Locate(StreamId id, const StreamBlock** block, uint32_t* slot) const {
  IdTree<StreamBlock*>::Cursor cursor(directory_.root());
  if (!cursor.SeekAtOrBefore(id)) return false;
  *block = cursor.value();
  *slot = (*block)->FirstNotBelow(id);
  return *slot < (*block)->slots() && (*block)->IdOf(*slot) == id && !(*block)->deleted(*slot);
}

bool Stream::Find(StreamId id, StreamEntry* entry) const {
  const StreamBlock* block;
  uint32_t slot;
  if (!Locate(id, &block, &slot)) return false;
  *entry = block->EntryOf(slot);
  return true;
}

bool Stream::Contains(StreamId id) const {
  const StreamBlock* block;
  uint32_t slot;
  return Locate(id, &block, &slot);
}

bool Stream::Delete(StreamId id) {
  const StreamBlock* block;
  uint32_t slot;
  if (!Locate(id, &block, &slot)) return false;
  if (block->live() == 1) {
    RemoveBlock(block->first_id());
  } else {
    DeleteSlots(block->first_id(), slot, 1);
  }
  max_deleted_id_ = std::max(max_deleted_id_, id);
  if (id == first_id_) FindFirstId();
  return true;
}

uint64_t Stream::Trim(const TrimRule& rule) {
  uint64_t removed = 0;
  while (length_ > rule.length_max.value_or(0)) {
    const StreamBlock& block = *FirstBlock();
    if (rule.removed_max != 0 && removed + block.live() > rule.removed_max) break;
    const bool whole = rule.length_max ? length_ - block.live() >= *rule.length_max
                                       : block.IdOf(block.slots() - 1) < rule.id_min;
    if (!whole && rule.whole_blocks) break;
    const uint64_t count = whole             ? block.live()
                           : rule.length_max ? length_ - *rule.length_max
                                             : block.LiveBefore(block.FirstNotBelow(rule.id_min));
    if (count == block.live()) {
      RemoveBlock(block.first_id());
    } else if (count > 0) {
      DeleteSlots(block.first_id(), 0, static_cast<uint32_t>(count));
    }
    removed += count;
    if (!whole) break;
  }
  if (removed > 0) FindFirstId();
  return removed;
}

void Stream::RemoveBlock(StreamId first) {
  StreamBlock* block = *directory_.Find(first);
  length_ -= block->live();
  directory_.Erase(first);
  if (block == last_block_) {
    last_block_ = directory_.size() == 0 ? nullptr : *directory_.Find(directory_.last_id());
  }
  blocks_.Retire(block->stamp());
}

// Deletes the next `count` live entries of a block from a slot on; some others are left.
void Stream::DeleteSlots(StreamId first, uint32_t slot, uint32_t count) {
  StreamBlock** link = directory_.Change(first);
  const bool is_last = *link == last_block_;
  *link = StreamBlock::Own(blocks_, *link);
  if (is_last) last_block_ = *link;
  length_ -= count;
  for (; count > 0; ++slot) {
    if ((*link)->deleted(slot)) continue;
    (*link)->MarkDeleted(slot);
    --count;
  }
  // The last block keeps what was deleted, which counts towards its being full.
  if (!is_last && (*link)->IsHalfEmpty()) {
    *link = StreamBlock::Repack(blocks_, *link);
  }
}

StreamBlock* Stream::FirstBlock() const { return *directory_.Find(directory_.first_id()); }

void Stream::FindFirstId() {
  first_id_ = {};
  if (length_ == 0) return;
  const StreamBlock& block = *FirstBlock();
  uint32_t slot = 0;
  while (block.deleted(slot)) ++slot;
  first_id_ = block.IdOf(slot);
}

void Stream::SetFigures(StreamId last_id, uint64_t entries_added, StreamId max_deleted_id) {
  last_id_ = last_id;
  entries_added_ = entries_added;
  max_deleted_id_ = max_deleted_id;
  // Entries that were deleted may lie behind the last id now, where the next one goes.
  if (last_block_ == nullptr || last_block_->IdOf(last_block_->slots() - 1) <= last_id) return;
  StreamBlock** link = directory_.Change(last_block_->first_id());
  *link = last_block_ = StreamBlock::Own(blocks_, *link);
  last_block_->DropDeletedTail();
}

StreamView Stream::Freeze() {
  StreamView view = {.blocks = directory_.root(),
                     .length = length_,
                     .first_id = first_id_,
                     .last_id = last_id_,
                     .max_deleted_id = max_deleted_id_,
                     .entries_added = entries_added_,
                     .groups = {}};
  view.groups.reserve(groups().size());
  for (const ConsumerGroup* group : groups()) {
    view.groups.push_back({.name = group->name(),
                           .last_id = group->last_id(),
                           .entries_read = group->entries_read(),
                           .pending = group->pending().root(),
                           .consumers = {}});
    auto& consumers = view.groups.back().consumers;
    consumers.reserve(group->consumers().size());
    for (const Consumer* consumer : group->consumers()) {
      consumers.push_back({.name = consumer->name(),
                           .seen_at = consumer->seen_at(),
                           .active_at = consumer->active_at(),
                           .pending = consumer->pending().root()});
    }
  }
  blocks_.Freeze();
  return view;
}

void Stream::Release(StreamView& view) {
  view = {};
  blocks_.Release();
}

bool Stream::FreeSome(size_t budget) {
  ASSERT(blocks_.views() == 0);
  if (FreeGarbage(budget)) return true;
  last_block_ = nullptr;
  while (budget > 0 && directory_.size() > 0) {
    const StreamId last = directory_.last_id();
    blocks_.Retire((*directory_.Find(last))->stamp());
    directory_.Erase(last);
    --budget;
  }
  while (budget > 0 && !groups().empty()) {
    ConsumerGroup* group = *groups_->begin();
    const size_t freed = group->FreeSome(budget);
    if (freed == budget) return true;
    budget -= freed;
    RemoveGroup(group);
  }
  return directory_.size() > 0 || !groups().empty();
}

size_t Stream::allocated_bytes() const { return UsableSize(sizeof(Stream)) + blocks_.bytes(); }

}  // namespace alai
