#include "engine/types/stream_container.h"

#include <string>
#include <vector>

namespace alai {
namespace {

constexpr StreamLimits kNewBlock = {.block_bytes_max = 1, .block_entries_max = 1};
constexpr StreamLimits kSameBlock = {.block_bytes_max = 0, .block_entries_max = 0};

// Names and values of an entry. Those that are spelt out while walking are kept.
class PairsOf {
 public:
  explicit PairsOf(const StreamEntry& entry) {
    texts_.reserve(2 * size_t{entry.field_count()});
    StreamEntry::Fields fields(entry);
    while (fields.Next()) {
      texts_.emplace_back(fields.field());
      texts_.emplace_back(fields.value());
    }
    views_.assign(texts_.begin(), texts_.end());
  }
  FieldValues views() const { return views_; }

 private:
  std::vector<std::string> texts_;
  std::vector<std::string_view> views_;
};

void CopyBlock(const StreamBlock& block, Stream& to) {
  std::vector<StreamId> deleted;
  for (uint32_t slot = 0; slot < block.slots(); ++slot) {
    const StreamEntry entry = block.EntryOf(slot);
    to.Append(entry.id(), PairsOf(entry).views(), slot == 0 ? kNewBlock : kSameBlock);
    if (block.deleted(slot)) deleted.push_back(entry.id());
  }
  // From the last one on, as the first live entry is sought anew whenever it is deleted.
  for (auto id = deleted.rbegin(); id != deleted.rend(); ++id) to.Delete(*id);
}

void CopyGroup(const ConsumerGroup& group, Stream& to) {
  ConsumerGroup* copy = to.AddGroup(group.name(), group.last_id(), group.entries_read());
  for (const Consumer* consumer : group.consumers()) {
    copy->AddConsumer(consumer->name(), consumer->seen_at())->SetActive(consumer->active_at());
  }
  PendingRange pending(group, nullptr, StreamId::Min(), StreamId::Max());
  while (pending.Next()) {
    PendingEntry entry = pending.entry();
    entry.consumer = copy->FindConsumer(entry.consumer->name());
    copy->Assign(pending.id(), entry);
  }
}

}  // namespace

Container* StreamContainer::Copy() const {
  auto* copy = new StreamContainer;
  Stream& to = copy->stream_;
  IdTree<StreamBlock*>::Cursor cursor(stream_.blocks());
  for (bool more = cursor.SeekAtOrAfter(StreamId::Min()); more; more = cursor.Next()) {
    CopyBlock(*cursor.value(), to);
  }
  to.SetFigures(stream_.last_id(), stream_.entries_added(), stream_.max_deleted_id());
  for (const ConsumerGroup* group : stream_.groups()) CopyGroup(*group, to);
  return copy;
}

}  // namespace alai
