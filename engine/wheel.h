// Expiry wheel of one shard: which buckets hold a key whose time is coming, without an entry per
// key.
//
// A hierarchical timing wheel (Varghese and Lauck, 1987) of six levels with 64 slots each and a
// bitmap of occupied slots per level. One tick is 16 ms; level 0 holds the next 64 ticks, level n
// the next 64^(n+1). An entry names a bucket, not a key: 22 bits of segment id, 4 of the id's
// generation, 6 of the bucket's index. Entries of a slot are kept in chunks of 15, one cache line
// each.
//
// The tick for which a bucket is armed is kept in the bucket. An entry found in another slot than
// its bucket's tick belongs to is stale and dropped when it is met.
//
// Threads     Called with the shard's writer bit held.
// Invariants  A bucket that is armed has exactly one live entry, at its armed tick. Arming earlier
//             leaves a stale entry behind; when stale ones outnumber live ones the owner purges.
// Why         An entry per key costs 16 to 24 bytes a key; sampling leaves dead keys in memory.
#pragma once

#include <bit>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "engine/base/clock.h"

namespace alai {

// Which bucket: segment id, generation of the id, index in the segment.
class BucketRef {
 public:
  BucketRef() = default;
  explicit BucketRef(uint32_t bits) : bits_(bits) {}
  BucketRef(uint32_t segment_id, uint8_t generation, uint32_t bucket)
      : bits_(segment_id << 10 | uint32_t{generation & 15u} << 6 | bucket) {}

  uint32_t bits() const { return bits_; }
  uint32_t segment_id() const { return bits_ >> 10; }
  uint8_t generation() const { return bits_ >> 6 & 15; }
  uint32_t bucket() const { return bits_ & 63; }

 private:
  uint32_t bits_ = 0;
};

constexpr uint32_t kSegmentIdMax = (1u << 22) - 1;

class Wheel {
 public:
  static constexpr int64_t kTickMillis = 16;
  static constexpr int kLevels = 6;
  static constexpr uint32_t kSlotsPerLevel = 64;
  // Armed tick of a bucket whose earliest deadline is beyond the wheel (2.18 years).
  static constexpr uint32_t kFarTick = UINT32_MAX;
  static constexpr uint32_t kEntriesPerChunk = 15;

  explicit Wheel(UnixMillis now) : base_(now) {}

  // The first tick at which a key with this deadline is due; 1 for one that is past.
  uint32_t TickOf(UnixMillis deadline) const {
    if (deadline <= base_) return 1;
    const uint64_t tick =
        (static_cast<uint64_t>(deadline - base_) + kTickMillis - 1) / kTickMillis + 1;
    return tick < kFarTick ? static_cast<uint32_t>(tick) : kFarTick;
  }
  uint32_t current() const { return current_; }

  // Adds an entry; a tick that has passed becomes the current one. Far entries are only counted:
  // the next rebase finds their buckets.
  void Add(BucketRef ref, uint32_t tick);
  // Whether entries for both ticks would be in the same slot, so that one serves for the other.
  bool SameSlot(uint32_t a, uint32_t b) const;

  // The next slot that is due at `now`, advancing the current tick to its time: level and index.
  // False when nothing is due; the current tick is then that of `now`.
  struct Slot {
    int level;
    uint32_t index;
  };
  bool NextDue(UnixMillis now, Slot* slot);
  // Takes up to kEntriesPerChunk entries out of a slot; gives their number, 0 when it is empty.
  uint32_t Take(Slot slot, BucketRef* refs);
  // Whether an entry in `slot` is live for a bucket armed at `tick`.
  bool BelongsTo(Slot slot, uint32_t tick) const;
  // Drops the entries of a slot for which `keep` (BucketRef -> bool) is false. Needs no memory: the
  // chunks that it empties are used for what stays.
  template <class Keep>
  void Sift(Slot slot, Keep keep);
  // Whether `tick` lies in the time that `slot`, which has just become current, covers.
  bool InReachOf(Slot slot, uint32_t tick) const {
    return tick >> (6 * slot.level) == current_ >> (6 * slot.level);
  }

  uint64_t entries() const { return entries_; }
  uint64_t far_entries() const { return far_entries_; }

  // Half the ticks have passed (1.09 years): time to rebase, which also brings far entries into
  // reach.
  bool NearsItsEnd() const { return current_ > UINT32_MAX / 2; }

  // Empties the wheel and lets `now` be its start.
  void Reset(UnixMillis now);

  // Milliseconds until something may be due, 0 if it is already, INT64_MAX when the wheel is empty.
  int64_t MillisUntilDue(UnixMillis now) const;

  size_t allocated_bytes() const;

 private:
  struct alignas(64) Chunk {
    uint32_t next;
    uint32_t entries[kEntriesPerChunk];
  };
  static constexpr uint32_t kChunksPerPage = 8;
  static constexpr size_t kPagesKept = 8;  // by an empty wheel

  static int LevelOf(uint32_t tick, uint32_t current) {
    const uint32_t differ = tick ^ current;
    return differ == 0 ? 0 : (31 - std::countl_zero(differ)) / 6;
  }
  Chunk& chunk(uint32_t number) { return pages_[number / kChunksPerPage][number % kChunksPerPage]; }
  uint32_t NewChunk();
  void FreeChunk(uint32_t number) {
    chunk(number).next = free_chunk_;
    free_chunk_ = number;
  }
  void ReleaseChunks();
  void ReleaseIfEmpty() {
    if (entries_ == 0 && pages_.size() > kPagesKept) ReleaseChunks();
  }
  void AddTo(Slot slot, BucketRef ref);

  UnixMillis base_;
  uint32_t current_ = 1;
  uint64_t occupied_[kLevels] = {};
  uint32_t first_chunk_[kLevels][kSlotsPerLevel] = {};  // 0: none
  uint8_t used_[kLevels][kSlotsPerLevel] = {};          // entries in the first chunk
  std::vector<std::unique_ptr<Chunk[]>> pages_;
  uint32_t free_chunk_ = 0;
  uint32_t chunk_count_ = 1;  // number 0 means none
  uint64_t entries_ = 0;
  uint64_t far_entries_ = 0;
};

template <class Keep>
void Wheel::Sift(Slot slot, Keep keep) {
  uint32_t& first = first_chunk_[slot.level][slot.index];
  uint32_t number = std::exchange(first, 0);
  uint32_t used = used_[slot.level][slot.index];
  occupied_[slot.level] &= ~(uint64_t{1} << slot.index);
  while (number != 0) {
    const Chunk taken = chunk(number);
    FreeChunk(number);
    entries_ -= used;
    for (uint32_t i = 0; i < used; ++i) {
      const BucketRef ref(taken.entries[i]);
      if (keep(ref)) AddTo(slot, ref);
    }
    number = taken.next;
    used = kEntriesPerChunk;
  }
  ReleaseIfEmpty();
}

}  // namespace alai
