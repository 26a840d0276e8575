// A run of 1 to 64 buckets that covers one prefix of the hash: the unit in which the table grows.
//
// A full segment is rebuilt with a few buckets more (a step; the order of keys by tag stays), and
// at 64 buckets it is split in two by the next bit of the hash. Steps keep segments of different
// ages at different sizes, so the table's memory has no sawtooth.
//
// Keys whose hashes are so much alike that splitting cannot part them go to a chain of overflow
// buckets behind the segment; that takes colliding hashes, so only an attacker who knew the secret,
// or a test, ever sees it.
//
//   | bucket 0 | bucket 1 | … | bucket n-1 |  overflow bucket, if any: control is the next one's
//   address |
//
// Threads     Find from any. Everything else with the shard's writer bit, or on a segment that is
// not
//             published yet.
// Why         See the comparison of growth schemes in engine/README.md.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/bucket.h"
#include "engine/key_view.h"

namespace alai {

constexpr uint32_t kBucketsMax = 64;
constexpr uint32_t kSegmentSlotsMax = kBucketsMax * kSlots;

// A segment's address, size and depth in one word, as the directory holds it:
//   | 9 spare | has overflow 1 | depth 6 | address 42, 64-aligned | buckets - 1, 6 |
class SegmentRef {
 public:
  SegmentRef() = default;
  explicit SegmentRef(uint64_t bits) : bits_(bits) {}
  SegmentRef(Bucket* buckets, uint32_t count, uint32_t depth, bool overflow)
      : bits_(reinterpret_cast<uint64_t>(buckets) | (count - 1) | uint64_t{depth} << 48 |
              uint64_t{overflow} << 54) {}

  uint64_t bits() const { return bits_; }
  explicit operator bool() const { return bits_ != 0; }
  Bucket* buckets() const { return reinterpret_cast<Bucket*>(bits_ & 0x0000'ffff'ffff'ffc0); }
  uint32_t count() const { return static_cast<uint32_t>(bits_ & 63) + 1; }
  // How many bits of the hash after the shard's its keys share.
  uint32_t depth() const { return static_cast<uint32_t>(bits_ >> 48 & 63); }
  bool has_overflow() const { return (bits_ >> 54 & 1) != 0; }
  Bucket& home(uint16_t tag) const { return buckets()[HomeOf(tag, count())]; }
  size_t block_size() const { return (count() + (has_overflow() ? 1 : 0)) * sizeof(Bucket); }
  // The first overflow bucket and the one after; nullptr at the end.
  Bucket* overflow() const { return has_overflow() ? buckets() + count() : nullptr; }
  static Bucket* NextOverflow(const Bucket& bucket) {
    return reinterpret_cast<Bucket*>(bucket.control.load(std::memory_order_acquire));
  }

 private:
  uint64_t bits_ = 0;
};

// Where a record is.
struct SlotPlace {
  Bucket* bucket = nullptr;
  uint32_t slot = 0;
  uint32_t index =
      0;  // of the bucket whose wheel entry covers the slot: the home for overflow slots

  explicit operator bool() const { return bucket != nullptr; }
  SlotWord word() const { return bucket->Load(slot); }
};

// The record of a key, lock-free.
Record* FindInSegment(SegmentRef segment, KeyView key);

// Where the key's record is; with the writer bit held.
SlotPlace LocateInSegment(SegmentRef segment, KeyView key);

// A slot that was freed by moving its record to that record's other bucket, whose deadline must be
// armed there.
struct Displacement {
  SlotPlace room = {};  // empty when no record could be moved
  SlotWord moved = {};
  uint32_t moved_to = 0;
};

// A free slot for a record with this tag, at home or in its alternate bucket. The caller stores the
// record.
inline SlotPlace FindRoom(SegmentRef segment, uint16_t tag) {
  Bucket* buckets = segment.buckets();
  const uint32_t home = HomeOf(tag, segment.count());
  int slot = buckets[home].FreeSlot();
  if (slot >= 0) return {&buckets[home], static_cast<uint32_t>(slot), home};
  if (segment.count() == 1) return {};
  const uint32_t other = AlternateOf(tag, segment.count(), home);
  slot = buckets[other].FreeSlot();
  if (slot < 0) return {};
  buckets[home].NoteOverflow(tag);
  return {&buckets[other], static_cast<uint32_t>(slot), other};
}

// The same when both buckets are full: moves one of their records. It is stored at its new place before
// the old is reused, so readers always find it.
Displacement MakeRoom(SegmentRef segment, uint16_t tag);

// A new, unpublished segment with these records in at least `buckets` buckets, with an overflow
// chain when not even kBucketsMax have room for all, or when more than kBucketsMax are asked for.
SegmentRef BuildSegment(std::span<const SlotWord> words, uint32_t buckets, uint32_t depth);

// Frees the memory of a segment's own buckets; `size` is its block_size().
void FreeSegmentBlock(void* block, size_t size);

// Frees a segment and every record in it at once: nobody can see it any more.
void DeleteSegmentAndRecords(SegmentRef segment);

// Calls `visit(bucket index, word)` for each record that comes due. The index is that of the
// bucket which is armed for it: an overflow record's home.
template <class F>
void ForEachArmedWord(SegmentRef segment, F visit) {
  for (uint32_t i = 0; i < segment.count(); ++i) {
    for (uint32_t j = 0; j < kSlots; ++j) {
      const SlotWord word = segment.buckets()[i].Load(j);
      if (word.comes_due()) visit(i, word);
    }
  }
  for (Bucket* b = segment.overflow(); b != nullptr; b = SegmentRef::NextOverflow(*b)) {
    for (uint32_t j = 0; j < kSlots; ++j) {
      const SlotWord word = b->Load(j);
      if (word.comes_due()) visit(HomeOf(word.tag(), segment.count()), word);
    }
  }
}

// Room in the overflow chain; `grew` when a bucket was added for that.
SlotPlace AddOverflowRoom(SegmentRef segment, uint16_t tag, bool* grew);

// Buckets of the overflow chain.
uint64_t CountOverflowBuckets(SegmentRef segment);

// How many records there are, as far as that is no more than `limit`; else any larger number.
uint32_t CountWords(SegmentRef segment, uint32_t limit);

// The next size of a segment that is full.
uint32_t NextBucketCount(uint32_t buckets);

// The size that suits this many records when a segment is built anew because it is sparse: they fill
// it to 60% at most, so that it neither grows nor is sparse again soon.
uint32_t BucketCountFor(uint32_t records);

// Appends all records of a segment, overflow included.
void CollectWords(SegmentRef segment, std::vector<SlotWord>* words);

}  // namespace alai
