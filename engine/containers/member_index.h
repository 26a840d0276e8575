// Member index of a sorted set: in which leaf of its tree each member is, without the members.
//
// A hash table of slots of a tag, which is 32 bits of the member's hash, and a leaf's number. A slot only says
// where to look, so members with equal tags are nobody's concern here; slots with equal tag and leaf are
// interchangeable.
//
// Linear hashing (Litwin 1980): with n buckets, 2^L <= n, a tag's bucket is its lowest L+1 bits, or L if
// there is no such bucket yet. When slots become more than kSlotsPerBucket for each bucket, the one that is
// next in turn gives those with the higher bit set to a new bucket at the end; when they become half as
// many, the last bucket goes back. So growth costs one bucket at a time, and there is no directory but the
// buckets' addresses. A bucket is a block of just the size of what is in it, however much that is:
//
//   word    48 bits of address │ 16 of count
//   bucket  tags  capacity x 4 │ leaves  capacity x 4
//
// The tag read backwards is its position: buckets are intervals of positions, and remain so when they
// split and merge, so that a scan goes on at the position that it has reached.
//
// Threads     One at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/containers/word_stack.h"

namespace alai {

class MemberIndex {
 public:
  static constexpr uint32_t kSlotsPerBucket = 24;
  static constexpr uint64_t kPositions = uint64_t{1} << 32;

  MemberIndex();
  ~MemberIndex();
  MemberIndex(const MemberIndex&) = delete;
  MemberIndex& operator=(const MemberIndex&) = delete;

  uint64_t size() const { return size_; }

  void Insert(uint32_t tag, uint32_t leaf);
  // Both of a slot that is there.
  void Replace(uint32_t tag, uint32_t from, uint32_t to);
  void Remove(uint32_t tag, uint32_t leaf);

  // Bring the bucket of a tag closer: its word, and then the bucket, whose address the word tells, so let
  // other work go between.
  void PrefetchWord(uint32_t tag) const { buckets_.Prefetch(BucketOf(tag)); }
  void PrefetchBucket(uint32_t tag) const;

  // The leaves that are noted for a tag, one after the other.
  class Matches {
   public:
    Matches(const MemberIndex& index, uint32_t tag);
    bool Next(uint32_t* leaf);

   private:
    const uint32_t* tags_;
    uint32_t count_;
    uint32_t capacity_;
    uint32_t at_ = 0;
    uint32_t tag_;
  };

  // The slots from `position` to the end of its bucket, by position and leaf; gives where the bucket ends.
  struct Slot {
    uint32_t position;
    uint32_t leaf;
  };
  uint64_t Collect(uint32_t position, std::vector<Slot>* slots) const;
  static uint32_t PositionOf(uint32_t tag);

  // Frees about `budget` blocks and says whether some are left; nothing else can be done afterwards.
  bool FreeSome(size_t budget);

  // What the allocator holds besides the object itself.
  size_t allocated_bytes() const { return bucket_bytes_ + buckets_.allocated_bytes(); }

 private:
  struct Bucket {
    explicit Bucket(uint64_t word);
    uint64_t word() const;

    uint32_t* tags;
    uint32_t count;
    uint32_t capacity;
    uint32_t* leaves() const { return tags + capacity; }
  };

  static uint32_t CapacityFor(uint32_t count);
  uint32_t BucketOf(uint32_t tag) const;
  uint32_t HighBit() const;
  uint32_t FindSlot(const Bucket& bucket, uint32_t tag, uint32_t leaf) const;
  // The bucket with the same slots and room for `count`.
  Bucket Resized(const Bucket& bucket, uint32_t count);
  void Append(uint32_t b, uint32_t tag, uint32_t leaf);
  void SplitNext();
  void MergeLast();
  void FreeBucket(const Bucket& bucket);

  WordStack buckets_;
  uint64_t size_ = 0;
  size_t bucket_bytes_ = 0;
};

}  // namespace alai
