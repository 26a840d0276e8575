#include "engine/containers/consumer_group.h"

#include <cstring>

#include "engine/base/assert.h"
#include "engine/base/memory.h"

namespace alai {

HeldName::HeldName(VersionedBlocks& blocks, std::string_view name)
    : blocks_(&blocks), length_(name.size()) {
  node_ = static_cast<BlockStamp*>(
      blocks.AllocateStamped(UsableSize(sizeof(BlockStamp) + name.size())));
  if (!name.empty()) std::memcpy(node_ + 1, name.data(), name.size());
}

ConsumerGroup::ConsumerGroup(VersionedBlocks& blocks, std::string_view name, StreamId last_id,
                             int64_t entries_read)
    : blocks_(&blocks),
      name_(blocks, name),
      last_id_(last_id),
      entries_read_(entries_read),
      pending_(blocks) {
  blocks.AddOther(UsableSize(sizeof(ConsumerGroup)));
}

ConsumerGroup::~ConsumerGroup() {
  for (Consumer* consumer : consumers_) {
    delete consumer;
    blocks_->SubtractOther(UsableSize(sizeof(Consumer)) + kSetNodeBytes);
  }
  blocks_->SubtractOther(UsableSize(sizeof(ConsumerGroup)));
}

Consumer* ConsumerGroup::FindConsumer(std::string_view name) const {
  const auto it = consumers_.find(name);
  return it != consumers_.end() ? *it : nullptr;
}

Consumer* ConsumerGroup::AddConsumer(std::string_view name, UnixMillis now) {
  auto* consumer = new Consumer(*blocks_, name, now);
  blocks_->AddOther(UsableSize(sizeof(Consumer)) + kSetNodeBytes);
  const bool added = consumers_.insert(consumer).second;
  ASSERT(added);
  return consumer;
}

uint64_t ConsumerGroup::RemoveConsumer(Consumer* consumer) {
  const uint64_t count = consumer->pending_.size();
  IdTree<NoValue>::Cursor cursor(consumer->pending_.root());
  for (bool more = cursor.SeekAtOrAfter(StreamId::Min()); more; more = cursor.Next()) {
    pending_.Erase(cursor.id());
  }
  consumers_.erase(consumers_.find(consumer->name()));
  delete consumer;
  blocks_->SubtractOther(UsableSize(sizeof(Consumer)) + kSetNodeBytes);
  return count;
}

void ConsumerGroup::Assign(StreamId id, const PendingEntry& entry) {
  PendingEntry* known = pending_.Change(id);
  if (known == nullptr) {
    pending_.Insert(id, entry);
    entry.consumer->pending_.Insert(id, {});
    return;
  }
  Consumer* before = known->consumer;
  *known = entry;
  if (before == entry.consumer) return;
  before->pending_.Erase(id);
  entry.consumer->pending_.Insert(id, {});
}

bool ConsumerGroup::CountDelivery(StreamId id, UnixMillis now) {
  PendingEntry* entry = pending_.Change(id);
  if (entry == nullptr) return false;
  entry->delivered_at = now;
  ++entry->deliveries;
  return true;
}

bool ConsumerGroup::Acknowledge(StreamId id) {
  const PendingEntry* entry = pending_.Find(id);
  if (entry == nullptr) return false;
  entry->consumer->pending_.Erase(id);
  pending_.Erase(id);
  return true;
}

size_t ConsumerGroup::FreeSome(size_t budget) {
  size_t freed = pending_.FreeSome(budget);
  while (freed < budget && !consumers_.empty()) {
    Consumer* consumer = *consumers_.begin();
    freed += consumer->pending_.FreeSome(budget - freed);
    if (freed >= budget) break;
    consumers_.erase(consumers_.begin());
    delete consumer;
    blocks_->SubtractOther(UsableSize(sizeof(Consumer)) + kSetNodeBytes);
    ++freed;
  }
  return freed;
}

PendingRange::PendingRange(const ConsumerGroup& group, const Consumer* consumer, StreamId from,
                           StreamId to)
    : group_(&group),
      of_consumer_(consumer != nullptr),
      from_(from),
      to_(to),
      all_(group.pending().root()),
      own_(of_consumer_ ? consumer->pending().root() : IdTree<NoValue>::Root{}) {}

template <class Cursor>
bool PendingRange::Step(Cursor& cursor) {
  const bool more = started_ ? cursor.Next() : cursor.SeekAtOrAfter(from_);
  started_ = true;
  if (!more || cursor.id() > to_) return false;
  id_ = cursor.id();
  return true;
}

bool PendingRange::Next() {
  if (of_consumer_) {
    if (!Step(own_)) return false;
    entry_ = group_->pending().Find(id_);
    return true;
  }
  if (!Step(all_)) return false;
  entry_ = &all_.value();
  return true;
}

}  // namespace alai
