// A run of entries of a stream, packed.
//
//      ┌────────┬───────────────┬─────────┬─────────┬──────┬────────────────┐
//      │ header │ master fields │ entry 0 │ entry 1 │ free │ slot 1 │ slot 0 │
//      └────────┴───────────────┴─────────┴─────────┴──────┴────────────────┘
//      entry    ┌──────┬──────────┬───────────┬────────────┬─────────────────────────────┐
//               │ head │ ms delta │ seq delta │ [count]    │ values, or fields and values │
//               └──────┴──────────┴───────────┴────────────┴─────────────────────────────┘
//
// The master fields are the names of the first entry's fields; entries that have the same ones in the same
// order hold values only, which is the idea of the stream listpack published with Redis 5. Milliseconds are
// kept as the difference to those of the first id, and numbers within the same millisecond too; the head
// says how many bytes each takes, from none to eight, and whether the entry has fields of its own, whose
// count then follows. Strings are packed texts.
//
// A slot of two bytes holds where its entry begins, counted from entry 0, and whether it was deleted. So
// entries are found by bisection and walked both ways. Deleted entries stay until the block is repacked.
//
// Threads     As for nodes: see versioned_blocks.h.
// Invariants  Ids ascend. Only the first entry may reach beyond kBlockBytesMax.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "engine/base/number.h"
#include "engine/containers/stream_id.h"
#include "engine/containers/versioned_blocks.h"

namespace alai {

class StreamEntry;

// Fields and their values in turn.
using FieldValues = std::span<const std::string_view>;

// When a block is full; 0 means no limit.
struct StreamLimits {
  uint64_t block_bytes_max = 4096;
  uint64_t block_entries_max = 100;
};

class StreamBlock {
 public:
  // No block takes further entries beyond this, whatever its limits: blocks are copied as a whole.
  static constexpr size_t kBlockBytesMax = 32 * 1024;
  // Bytes of all fields and values of one entry, lest an entry exceed what a block can count.
  static constexpr uint64_t kEntryBytesMax = uint64_t{1} << 30;

  // A block with a first entry.
  static StreamBlock* Open(VersionedBlocks& blocks, StreamId id, FieldValues pairs);
  // Adds an entry whose id is higher than all others, unless the block is full. `*block` changes when it is
  // shared or has no room.
  static bool Append(VersionedBlocks& blocks, StreamBlock** block, StreamId id, FieldValues pairs,
                     const StreamLimits& limits);
  // The block without what was deleted, as small as it gets, instead of `block`. One entry must be live. The
  // last entry stays even if deleted, as its id decides which trimming takes the block away as a whole.
  static StreamBlock* Repack(VersionedBlocks& blocks, StreamBlock* block);
  // Whether repacking saves memory, and whether it saves about half.
  bool CanShrink() const;
  bool IsHalfEmpty() const { return slots_ > 2u * live_; }
  // A block that may be changed, instead of `block`.
  static StreamBlock* Own(VersionedBlocks& blocks, StreamBlock* block);

  StreamId first_id() const { return first_id_; }
  uint32_t slots() const { return slots_; }
  uint32_t live() const { return live_; }
  // Entries that were deleted, those that repacking took away included.
  uint64_t deleted() const { return gone_ + slots_ - live_; }
  size_t bytes() const { return stamp_.bytes; }
  BlockStamp* stamp() { return &stamp_; }

  bool deleted(uint32_t slot) const { return (SlotAt(slot) & kDeletedBit) != 0; }
  StreamId IdOf(uint32_t slot) const;
  StreamEntry EntryOf(uint32_t slot) const;
  // The first slot whose id is not below `id`; slots() when there is none.
  uint32_t FirstNotBelow(StreamId id) const;
  // How many entries are live before a slot.
  uint32_t LiveBefore(uint32_t slot) const;
  // The block must not be shared.
  void MarkDeleted(uint32_t slot);
  // Takes away deleted entries behind the last live one. The block must not be shared.
  void DropDeletedTail();

 private:
  friend class StreamEntry;
  static constexpr uint16_t kDeletedBit = 0x8000;
  static constexpr size_t kSlotBytes = sizeof(uint16_t);

  // How an entry would be written.
  struct Plan {
    bool own_fields;
    size_t bytes;
  };

  static StreamBlock* New(VersionedBlocks& blocks, size_t bytes, StreamId first_id);
  static StreamBlock* CopyTo(VersionedBlocks& blocks, StreamBlock* block, size_t bytes);
  Plan PlanFor(StreamId id, FieldValues pairs) const;
  bool HasFieldsOf(FieldValues pairs) const;
  void Write(const Plan& plan, StreamId id, FieldValues pairs);
  size_t used() const { return end_ + kSlotBytes * slots_; }

  char* data() { return reinterpret_cast<char*>(this); }
  const char* data() const { return reinterpret_cast<const char*>(this); }
  const char* master_fields() const { return data() + sizeof(StreamBlock); }
  const char* slots_end() const { return data() + stamp_.bytes; }
  uint16_t SlotAt(uint32_t slot) const {
    return reinterpret_cast<const uint16_t*>(slots_end())[-1 - static_cast<int64_t>(slot)];
  }
  void SetSlot(uint32_t slot, uint16_t bits) {
    reinterpret_cast<uint16_t*>(data() + stamp_.bytes)[-1 - static_cast<int64_t>(slot)] = bits;
  }
  const char* EntryAt(uint32_t slot) const {
    return data() + entries_at_ + (SlotAt(slot) & ~kDeletedBit);
  }

  BlockStamp stamp_;
  StreamId first_id_;
  uint32_t entries_at_;  // from the start of the block
  uint32_t end_;         // of the last entry
  uint32_t field_count_;
  uint16_t slots_;
  uint16_t live_;
  uint64_t gone_;  // entries that repacking took away: the block is full as if they were there
};
static_assert(sizeof(StreamBlock) == 48);

// One entry of a block. Valid until the stream changes.
class StreamEntry {
 public:
  // Walks over fields and values, which stay valid until the next step.
  class Fields {
   public:
    explicit Fields(const StreamEntry& entry);
    Fields(const Fields&) = delete;
    Fields& operator=(const Fields&) = delete;

    bool Next();
    std::string_view field() const { return field_; }
    std::string_view value() const { return value_; }

   private:
    const char* names_;  // nullptr: each is before its value
    const char* at_;
    uint32_t left_;
    std::string_view field_;
    std::string_view value_;
    char field_digits_[kInt64CharsMax];
    char value_digits_[kInt64CharsMax];
  };

  StreamEntry() = default;
  StreamEntry(const StreamBlock* block, const char* at);

  StreamId id() const { return id_; }
  uint32_t field_count() const { return field_count_; }
  // Whether its fields are others than its block's master fields.
  bool has_own_fields() const { return own_fields_; }

 private:
  StreamId id_;
  const StreamBlock* block_ = nullptr;
  const char* texts_ = nullptr;
  uint32_t field_count_ = 0;
  bool own_fields_ = false;
};

}  // namespace alai
