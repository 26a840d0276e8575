#include "storage/stream_writer.h"

#include <string>

#include "engine/containers/listpack.h"
#include "storage/stream_format.h"

namespace alai {
namespace {

using namespace stream_format;

void WriteId(RdbWriter& writer, StreamId id) {
  writer.Length(id.ms);
  writer.Length(id.seq);
}

std::string IdBytes(StreamId id) {
  std::string bytes;
  for (const uint64_t word : {id.ms, id.seq}) {
    for (int shift = 56; shift >= 0; shift -= 8) bytes += static_cast<char>(word >> shift);
  }
  return bytes;
}

// A block as a listpack.
class Node {
 public:
  // Deleted entries beyond `id_max` are left out.
  Node(const StreamBlock& block, StreamId id_max) : block_(block), slots_(block.slots()) {
    while (block.deleted(slots_ - 1) && block.IdOf(slots_ - 1) > id_max) --slots_;
    FindMaster();
    bytes_.assign(kListpackHeaderBytes, '\0');
    PutMaster();
    for (uint32_t slot = 0; slot < slots_; ++slot) PutEntry(slot);
    bytes_ += static_cast<char>(kListpackEnd);
    WriteListpackHeader(bytes_.size(), words_, bytes_.data());
  }

  std::string_view bytes() const { return bytes_; }

 private:
  // An entry that has the names of the block's first one, which may be gone; or else the first that is left.
  void FindMaster() {
    for (uint32_t slot = 0; slot < slots_; ++slot) {
      if (block_.EntryOf(slot).has_own_fields()) continue;
      master_ = slot;
      return;
    }
  }

  bool HasMasterFields(uint32_t slot) const {
    return slot == master_ || !block_.EntryOf(slot).has_own_fields();
  }

  template <class Word>
  void Put(Word word) {
    const PackedEntry entry(PackedValue::Of(word));
    const size_t at = bytes_.size();
    bytes_.resize(at + entry.bytes());
    entry.Write(bytes_.data() + at);
    ++words_;
  }

  void PutMaster() {
    const StreamEntry master = block_.EntryOf(master_);
    Put(int64_t{block_.live()});
    Put(int64_t{slots_} - int64_t{block_.live()});
    Put(int64_t{master.field_count()});
    StreamEntry::Fields fields(master);
    while (fields.Next()) Put(fields.field());
    Put(int64_t{0});
  }

  void PutEntry(uint32_t slot) {
    const StreamEntry entry = block_.EntryOf(slot);
    const bool same = HasMasterFields(slot);
    const size_t words_before = words_;
    Put((block_.deleted(slot) ? kDeleted : 0) | (same ? kSameFields : 0));
    Put(static_cast<int64_t>(entry.id().ms - block_.first_id().ms));
    Put(static_cast<int64_t>(entry.id().seq - block_.first_id().seq));
    if (!same) Put(int64_t{entry.field_count()});
    StreamEntry::Fields fields(entry);
    while (fields.Next()) {
      if (!same) Put(fields.field());
      Put(fields.value());
    }
    Put(static_cast<int64_t>(words_ - words_before));
  }

  const StreamBlock& block_;
  uint32_t slots_;
  uint32_t master_ = 0;
  std::string bytes_;
  size_t words_ = 0;
};

void WritePending(RdbWriter& writer, const ConsumerGroup& group) {
  writer.Length(group.pending().size());
  PendingRange pending(group, nullptr, StreamId::Min(), StreamId::Max());
  while (pending.Next()) {
    writer.Bytes(IdBytes(pending.id()));
    writer.Millis(pending.entry().delivered_at);
    writer.Length(pending.entry().deliveries);
  }
}

void WriteConsumer(RdbWriter& writer, const Consumer& consumer) {
  writer.String(RdbString::Of(consumer.name()));
  writer.Millis(consumer.seen_at());
  writer.Length(consumer.pending().size());
  IdTree<NoValue>::Cursor cursor(consumer.pending().root());
  for (bool more = cursor.SeekAtOrAfter(StreamId::Min()); more; more = cursor.Next()) {
    writer.Bytes(IdBytes(cursor.id()));
  }
}

void WriteGroup(RdbWriter& writer, const ConsumerGroup& group) {
  writer.String(RdbString::Of(group.name()));
  WriteId(writer, group.last_id());
  writer.Length(static_cast<uint64_t>(group.entries_read()));
  WritePending(writer, group);
  writer.Length(group.consumers().size());
  for (const Consumer* consumer : group.consumers()) WriteConsumer(writer, *consumer);
}

}  // namespace

void WriteStream(RdbWriter& writer, const Stream& stream, const std::function<void()>& written) {
  writer.Length(stream.block_count());
  IdTree<StreamBlock*>::Cursor cursor(stream.blocks());
  for (bool more = cursor.SeekAtOrAfter(StreamId::Min()); more; more = cursor.Next()) {
    writer.String(RdbString::Of(IdBytes(cursor.value()->first_id())));
    writer.String(RdbString::Of(Node(*cursor.value(), stream.last_id()).bytes()));
    if (written) written();
  }
  writer.Length(stream.length());
  WriteId(writer, stream.last_id());
  WriteId(writer, stream.first_id());
  WriteId(writer, stream.max_deleted_id());
  writer.Length(stream.entries_added());
  writer.Length(stream.groups().size());
  for (const ConsumerGroup* group : stream.groups()) {
    WriteGroup(writer, *group);
    if (written) written();
  }
}

}  // namespace alai
