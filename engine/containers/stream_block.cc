#include "engine/containers/stream_block.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "engine/base/assert.h"
#include "engine/base/memory.h"
#include "engine/containers/packed_text.h"

namespace alai {

namespace {

// The head of an entry: bytes of the delta of milliseconds, bytes of that of the number, of which seven
// count as eight, and whether fields follow.
constexpr uint8_t kMillisBytesMask = 0x0F;
constexpr int kSeqBytesShift = 4;
constexpr uint8_t kSeqBytesMask = 0x07;
constexpr uint8_t kOwnFieldsBit = 0x80;

// A count of fields takes a byte, or this one and four more.
constexpr uint8_t kLongCount = 0xFF;

size_t BytesOf(uint64_t value) { return (std::bit_width(value) + 7u) / 8; }
size_t SeqBytesOf(uint64_t value) {
  const size_t bytes = BytesOf(value);
  return bytes == 7 ? 8 : bytes;
}
size_t CountBytes(uint64_t count) { return count < kLongCount ? 1 : 1 + sizeof(uint32_t); }

struct IdDelta {
  uint64_t ms;
  uint64_t seq;
};

IdDelta DeltaTo(StreamId first, StreamId id) {
  const uint64_t ms = id.ms - first.ms;
  return {ms, ms == 0 ? id.seq - first.seq : id.seq};
}

uint64_t ReadNumber(const char** at, size_t bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < bytes; ++i) {
    value |= uint64_t{static_cast<uint8_t>((*at)[i])} << (8 * i);
  }
  *at += bytes;
  return value;
}

StreamId ReadId(StreamId first, uint8_t head, const char** at) {
  size_t seq_bytes = head >> kSeqBytesShift & kSeqBytesMask;
  if (seq_bytes == 7) seq_bytes = 8;
  const uint64_t ms = ReadNumber(at, head & kMillisBytesMask);
  const uint64_t seq = ReadNumber(at, seq_bytes);
  return ms == 0 ? StreamId{first.ms, first.seq + seq} : StreamId{first.ms + ms, seq};
}

}  // namespace

StreamBlock* StreamBlock::New(VersionedBlocks& blocks, size_t bytes, StreamId first_id) {
  auto* block = static_cast<StreamBlock*>(blocks.AllocateStamped(UsableSize(bytes)));
  block->first_id_ = first_id;
  block->entries_at_ = sizeof(StreamBlock);
  block->end_ = sizeof(StreamBlock);
  block->field_count_ = 0;
  block->slots_ = 0;
  block->live_ = 0;
  block->gone_ = 0;
  return block;
}

StreamBlock* StreamBlock::Open(VersionedBlocks& blocks, StreamId id, FieldValues pairs) {
  size_t field_bytes = 0;
  size_t value_bytes = 0;
  for (size_t i = 0; i < pairs.size(); i += 2) {
    field_bytes += PackedTextBytes(pairs[i]);
    value_bytes += PackedTextBytes(pairs[i + 1]);
  }
  const Plan plan = {.own_fields = false, .bytes = 1 + value_bytes};
  StreamBlock* block = New(blocks, sizeof(StreamBlock) + field_bytes + plan.bytes + kSlotBytes, id);
  char* at = block->data() + block->end_;
  for (size_t i = 0; i < pairs.size(); i += 2) at = WritePackedText(pairs[i], at);
  block->field_count_ = static_cast<uint32_t>(pairs.size() / 2);
  block->entries_at_ = block->end_ = static_cast<uint32_t>(at - block->data());
  block->Write(plan, id, pairs);
  return block;
}

bool StreamBlock::Append(VersionedBlocks& blocks, StreamBlock** block, StreamId id,
                         FieldValues pairs, const StreamLimits& limits) {
  StreamBlock* to = *block;
  if (limits.block_entries_max != 0 && to->gone_ + to->slots_ >= limits.block_entries_max) {
    return false;
  }
  const size_t bytes_max = limits.block_bytes_max == 0
                               ? kBlockBytesMax
                               : std::min<uint64_t>(limits.block_bytes_max, kBlockBytesMax);
  const Plan plan = to->PlanFor(id, pairs);
  const size_t needed = to->used() + plan.bytes + kSlotBytes;
  if (needed > bytes_max) return false;
  if (needed > to->stamp_.bytes) {
    const size_t roomy = std::min(to->stamp_.bytes + to->stamp_.bytes / size_t{2}, bytes_max);
    *block = to = CopyTo(blocks, to, UsableSize(std::max(needed, roomy)));
  } else {
    *block = to = Own(blocks, to);
  }
  to->Write(plan, id, pairs);
  return true;
}

bool StreamBlock::HasFieldsOf(FieldValues pairs) const {
  if (pairs.size() / 2 != field_count_) return false;
  const char* at = master_fields();
  char digits[kInt64CharsMax];
  for (size_t i = 0; i < pairs.size(); i += 2) {
    if (ReadPackedText(&at, digits) != pairs[i]) return false;
  }
  return true;
}

StreamBlock::Plan StreamBlock::PlanFor(StreamId id, FieldValues pairs) const {
  const IdDelta delta = DeltaTo(first_id_, id);
  Plan plan = {.own_fields = !HasFieldsOf(pairs),
               .bytes = 1 + BytesOf(delta.ms) + SeqBytesOf(delta.seq)};
  if (plan.own_fields) plan.bytes += CountBytes(pairs.size() / 2);
  for (size_t i = plan.own_fields ? 0 : 1; i < pairs.size(); i += plan.own_fields ? 1 : 2) {
    plan.bytes += PackedTextBytes(pairs[i]);
  }
  return plan;
}

// Adds an entry for which there is room.
void StreamBlock::Write(const Plan& plan, StreamId id, FieldValues pairs) {
  const IdDelta delta = DeltaTo(first_id_, id);
  const size_t ms_bytes = BytesOf(delta.ms);
  const size_t seq_bytes = SeqBytesOf(delta.seq);
  char* const start = data() + end_;
  char* at = start;
  *at++ = static_cast<char>(ms_bytes | std::min<size_t>(seq_bytes, 7) << kSeqBytesShift |
                            (plan.own_fields ? kOwnFieldsBit : 0));
  std::memcpy(at, &delta.ms, ms_bytes);
  std::memcpy(at + ms_bytes, &delta.seq, seq_bytes);
  at += ms_bytes + seq_bytes;
  if (plan.own_fields) {
    const auto count = static_cast<uint32_t>(pairs.size() / 2);
    *at++ = static_cast<char>(std::min<uint32_t>(count, kLongCount));
    if (count >= kLongCount) {
      std::memcpy(at, &count, sizeof count);
      at += sizeof count;
    }
  }
  for (size_t i = plan.own_fields ? 0 : 1; i < pairs.size(); i += plan.own_fields ? 1 : 2) {
    at = WritePackedText(pairs[i], at);
  }
  ASSERT(at == start + plan.bytes);
  SetSlot(slots_, static_cast<uint16_t>(end_ - entries_at_));
  end_ += static_cast<uint32_t>(plan.bytes);
  ++slots_;
  ++live_;
}

StreamBlock* StreamBlock::CopyTo(VersionedBlocks& blocks, StreamBlock* block, size_t bytes) {
  StreamBlock* copy = New(blocks, bytes, block->first_id_);
  const BlockStamp stamp = copy->stamp_;
  std::memcpy(copy->data(), block->data(), block->end_);
  copy->stamp_ = stamp;
  const size_t slot_bytes = kSlotBytes * block->slots_;
  std::memcpy(copy->data() + copy->stamp_.bytes - slot_bytes,
              block->data() + block->stamp_.bytes - slot_bytes, slot_bytes);
  blocks.Retire(&block->stamp_);
  return copy;
}

StreamBlock* StreamBlock::Own(VersionedBlocks& blocks, StreamBlock* block) {
  return blocks.Shared(block->stamp_) ? CopyTo(blocks, block, block->stamp_.bytes) : block;
}

bool StreamBlock::CanShrink() const { return slots_ != live_ || UsableSize(used()) < stamp_.bytes; }

StreamBlock* StreamBlock::Repack(VersionedBlocks& blocks, StreamBlock* block) {
  DASSERT(block->live_ > 0);
  const uint32_t slots = block->slots_;
  const auto stays = [&](uint32_t slot) { return !block->deleted(slot) || slot + 1 == slots; };
  const auto bytes_of = [&](uint32_t slot) {
    const char* end = slot + 1 < slots ? block->EntryAt(slot + 1) : block->data() + block->end_;
    return static_cast<size_t>(end - block->EntryAt(slot));
  };
  size_t bytes = block->entries_at_;
  for (uint32_t slot = 0; slot < slots; ++slot) {
    if (stays(slot)) bytes += bytes_of(slot) + kSlotBytes;
  }
  StreamBlock* packed = New(blocks, bytes, block->first_id_);
  std::memcpy(packed + 1, block + 1, block->entries_at_ - sizeof(StreamBlock));
  packed->field_count_ = block->field_count_;
  packed->entries_at_ = packed->end_ = block->entries_at_;
  packed->live_ = block->live_;
  packed->gone_ = block->gone_;
  for (uint32_t slot = 0; slot < slots; ++slot) {
    if (!stays(slot)) {
      ++packed->gone_;
      continue;
    }
    std::memcpy(packed->data() + packed->end_, block->EntryAt(slot), bytes_of(slot));
    const auto at = static_cast<uint16_t>(packed->end_ - packed->entries_at_);
    packed->SetSlot(packed->slots_++, at | (block->SlotAt(slot) & kDeletedBit));
    packed->end_ += static_cast<uint32_t>(bytes_of(slot));
  }
  blocks.Retire(&block->stamp_);
  return packed;
}

StreamId StreamBlock::IdOf(uint32_t slot) const {
  const char* at = EntryAt(slot);
  const auto head = static_cast<uint8_t>(*at++);
  return ReadId(first_id_, head, &at);
}

StreamEntry StreamBlock::EntryOf(uint32_t slot) const { return {this, EntryAt(slot)}; }

uint32_t StreamBlock::FirstNotBelow(StreamId id) const {
  uint32_t first = 0;
  for (uint32_t count = slots_; count > 0;) {
    const uint32_t half = count / 2;
    if (IdOf(first + half) < id) {
      first += half + 1;
      count -= half + 1;
    } else {
      count = half;
    }
  }
  return first;
}

uint32_t StreamBlock::LiveBefore(uint32_t slot) const {
  uint32_t count = 0;
  for (uint32_t i = 0; i < slot; ++i) count += deleted(i) ? 0 : 1;
  return count;
}

void StreamBlock::MarkDeleted(uint32_t slot) {
  DASSERT(!deleted(slot));
  SetSlot(slot, SlotAt(slot) | kDeletedBit);
  --live_;
}

void StreamBlock::DropDeletedTail() {
  DASSERT(live_ > 0);
  for (; deleted(slots_ - 1u); --slots_) {
    end_ = static_cast<uint32_t>(EntryAt(slots_ - 1u) - data());
    ++gone_;
  }
}

StreamEntry::StreamEntry(const StreamBlock* block, const char* at) : block_(block) {
  const auto head = static_cast<uint8_t>(*at++);
  id_ = ReadId(block->first_id_, head, &at);
  own_fields_ = (head & kOwnFieldsBit) != 0;
  field_count_ = block->field_count_;
  if (own_fields_) {
    field_count_ = static_cast<uint8_t>(*at++);
    if (field_count_ == kLongCount) {
      std::memcpy(&field_count_, at, sizeof field_count_);
      at += sizeof field_count_;
    }
  }
  texts_ = at;
}

StreamEntry::Fields::Fields(const StreamEntry& entry)
    : names_(entry.own_fields_ ? nullptr : entry.block_->master_fields()),
      at_(entry.texts_),
      left_(entry.field_count_) {}

bool StreamEntry::Fields::Next() {
  if (left_ == 0) return false;
  --left_;
  field_ = ReadPackedText(names_ != nullptr ? &names_ : &at_, field_digits_);
  value_ = ReadPackedText(&at_, value_digits_);
  return true;
}

}  // namespace alai
