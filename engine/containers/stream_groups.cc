// What a stream and its consumer groups mean to each other.
//
// Redis counts what a group has read since the stream began. The count goes on with each delivery unless an
// entry between what was read and the end may have been deleted one by one: then it is worked out anew
// where the stream's figures allow, which is at its first entry, before it, and at its end.
#include "engine/base/assert.h"
#include "engine/base/memory.h"
#include "engine/containers/stream.h"

namespace alai {

const std::set<ConsumerGroup*, ByName>& Stream::groups() const {
  static const GroupSet kNone;
  return groups_ != nullptr ? *groups_ : kNone;
}

ConsumerGroup* Stream::FindGroup(std::string_view name) const {
  const auto it = groups().find(name);
  return it != groups().end() ? *it : nullptr;
}

ConsumerGroup* Stream::AddGroup(std::string_view name, StreamId last_id, int64_t entries_read) {
  if (groups_ == nullptr) {
    groups_ = std::make_unique<GroupSet>();
    blocks_.AddOther(UsableSize(sizeof(GroupSet)));
  }
  auto* group = new ConsumerGroup(blocks_, name, last_id, entries_read);
  const bool added = groups_->insert(group).second;
  ASSERT(added);
  blocks_.AddOther(kSetNodeBytes);
  return group;
}

void Stream::RemoveGroup(ConsumerGroup* group) {
  groups_->erase(groups_->find(group->name()));
  blocks_.SubtractOther(kSetNodeBytes);
  delete group;
  if (!groups_->empty()) return;
  groups_ = nullptr;
  blocks_.SubtractOther(UsableSize(sizeof(GroupSet)));
}

// Whether what is left was never deleted from by ids, so that ids are missing only before the first entry.
bool Stream::IsWhole() const {
  return length_ == 0 || max_deleted_id_.IsZero() || max_deleted_id_ < first_id_;
}

// Whether entries at `id` or behind it may have been deleted by their ids.
bool Stream::MayHaveDeletedFrom(StreamId id) const { return !IsWhole() && id <= max_deleted_id_; }

int64_t Stream::CountUpTo(StreamId id) const {
  const auto added = static_cast<int64_t>(entries_added_);
  if (added == 0) return 0;
  if (length_ == 0 && id <= last_id_) return added;
  if (id == last_id_) return added;
  if (id > last_id_) return ConsumerGroup::kReadUnknown;
  if (IsWhole()) {
    if (id < first_id_) return added - static_cast<int64_t>(length_);
    if (id == first_id_) return added - static_cast<int64_t>(length_) + 1;
  }
  return ConsumerGroup::kReadUnknown;
}

std::optional<int64_t> Stream::Lag(const ConsumerGroup& group) const {
  const auto added = static_cast<int64_t>(entries_added_);
  if (added == 0) return 0;
  int64_t read = group.entries_read();
  if (read == ConsumerGroup::kReadUnknown || MayHaveDeletedFrom(group.last_id())) {
    read = CountUpTo(group.last_id());
    if (read == ConsumerGroup::kReadUnknown) return std::nullopt;
  }
  return added - read;
}

void Stream::Deliver(ConsumerGroup& group, StreamId id, Consumer* consumer, UnixMillis now) const {
  if (id > group.last_id()) {
    int64_t read = group.entries_read();
    if (read != ConsumerGroup::kReadUnknown && !MayHaveDeletedFrom(id)) {
      ++read;
    } else if (entries_added_ > 0) {
      read = CountUpTo(id);
    }
    group.SetPosition(id, read);
  }
  if (consumer == nullptr) return;
  group.Assign(id, {.delivered_at = now, .deliveries = 1, .consumer = consumer});
}

Stream::Claimable Stream::CheckClaim(ConsumerGroup& group, StreamId id, int64_t idle_ms_min,
                                     bool force, UnixMillis now) const {
  if (!Contains(id)) return group.Acknowledge(id) ? Claimable::kGone : Claimable::kNotPending;
  const PendingEntry* entry = group.pending().Find(id);
  if (entry == nullptr) return force ? Claimable::kYes : Claimable::kNotPending;
  const bool recent = idle_ms_min != 0 && now - entry->delivered_at < idle_ms_min;
  return recent ? Claimable::kTooRecent : Claimable::kYes;
}

void Stream::Claim(ConsumerGroup& group, StreamId id, Consumer* consumer, const ClaimTerms& terms) {
  const PendingEntry* known = group.pending().Find(id);
  // What is claimed without having been pending counts as delivered once before.
  uint64_t deliveries = known != nullptr ? known->deliveries : 1;
  if (terms.deliveries) {
    deliveries = *terms.deliveries;
  } else if (!terms.id_alone) {
    ++deliveries;
  }
  group.Assign(
      id, {.delivered_at = terms.delivered_at, .deliveries = deliveries, .consumer = consumer});
}

}  // namespace alai
