#include "engine/containers/member_index.h"

#include <algorithm>
#include <bit>

#include "engine/base/assert.h"
#include "engine/base/memory.h"

namespace alai {

namespace {

constexpr uint32_t kCountShift = 48;
constexpr uint32_t kSlotBytes = 2 * sizeof(uint32_t);

uint32_t Reversed(uint32_t bits) {
  bits = (bits >> 1 & 0x55555555) | (bits & 0x55555555) << 1;
  bits = (bits >> 2 & 0x33333333) | (bits & 0x33333333) << 2;
  bits = (bits >> 4 & 0x0f0f0f0f) | (bits & 0x0f0f0f0f) << 4;
  return __builtin_bswap32(bits);
}

}  // namespace

MemberIndex::Bucket::Bucket(uint64_t word)
    : tags(reinterpret_cast<uint32_t*>(word & ((uint64_t{1} << kCountShift) - 1))),
      count(static_cast<uint32_t>(word >> kCountShift)),
      capacity(CapacityFor(count)) {}

uint64_t MemberIndex::Bucket::word() const {
  ASSERT(count <= UINT16_MAX);
  return reinterpret_cast<uint64_t>(tags) | uint64_t{count} << kCountShift;
}

MemberIndex::MemberIndex() { buckets_.Push(0); }

MemberIndex::~MemberIndex() { FreeSome(SIZE_MAX); }

uint32_t MemberIndex::CapacityFor(uint32_t count) {
  return count == 0 ? 0 : static_cast<uint32_t>(UsableSize(count * kSlotBytes) / kSlotBytes);
}

// 2^L.
uint32_t MemberIndex::HighBit() const { return std::bit_floor(buckets_.size()); }

uint32_t MemberIndex::BucketOf(uint32_t tag) const {
  const uint32_t high = HighBit();
  const uint32_t b = tag & (high * 2 - 1);
  return b < buckets_.size() ? b : b - high;
}

void MemberIndex::Insert(uint32_t tag, uint32_t leaf) {
  Append(BucketOf(tag), tag, leaf);
  ++size_;
  if (size_ > uint64_t{buckets_.size()} * kSlotsPerBucket) SplitNext();
}

void MemberIndex::Append(uint32_t b, uint32_t tag, uint32_t leaf) {
  Bucket bucket = Bucket(buckets_[b]);
  if (bucket.count == bucket.capacity) bucket = Resized(bucket, bucket.count + 1);
  bucket.tags[bucket.count] = tag;
  bucket.leaves()[bucket.count] = leaf;
  ++bucket.count;
  buckets_[b] = bucket.word();
}

void MemberIndex::Replace(uint32_t tag, uint32_t from, uint32_t to) {
  const Bucket bucket(buckets_[BucketOf(tag)]);
  bucket.leaves()[FindSlot(bucket, tag, from)] = to;
}

void MemberIndex::Remove(uint32_t tag, uint32_t leaf) {
  const uint32_t b = BucketOf(tag);
  Bucket bucket(buckets_[b]);
  const uint32_t slot = FindSlot(bucket, tag, leaf);
  const uint32_t last = bucket.count - 1;
  bucket.tags[slot] = bucket.tags[last];
  bucket.leaves()[slot] = bucket.leaves()[last];
  bucket.count = last;
  if (CapacityFor(last) != bucket.capacity) bucket = Resized(bucket, last);
  buckets_[b] = bucket.word();
  --size_;
  if (buckets_.size() > 1 && size_ < uint64_t{buckets_.size()} * kSlotsPerBucket / 2) MergeLast();
}

uint32_t MemberIndex::FindSlot(const Bucket& bucket, uint32_t tag, uint32_t leaf) const {
  uint32_t slot = 0;
  while (slot < bucket.count && (bucket.tags[slot] != tag || bucket.leaves()[slot] != leaf)) ++slot;
  ASSERT(slot < bucket.count);
  return slot;
}

MemberIndex::Bucket MemberIndex::Resized(const Bucket& bucket, uint32_t count) {
  Bucket resized = bucket;
  resized.capacity = CapacityFor(count);
  resized.tags = nullptr;
  if (resized.capacity != 0) {
    const size_t bytes = resized.capacity * kSlotBytes;
    resized.tags = static_cast<uint32_t*>(Allocate(bytes));
    bucket_bytes_ += bytes;
    std::copy_n(bucket.tags, bucket.count, resized.tags);
    std::copy_n(bucket.leaves(), bucket.count, resized.leaves());
  }
  FreeBucket(bucket);
  return resized;
}

void MemberIndex::FreeBucket(const Bucket& bucket) {
  if (bucket.capacity == 0) return;
  bucket_bytes_ -= bucket.capacity * kSlotBytes;
  Free(bucket.tags, bucket.capacity * kSlotBytes);
}

void MemberIndex::SplitNext() {
  const uint32_t high = HighBit();
  const uint32_t fresh = buckets_.size();
  const uint32_t b = fresh - high;
  const Bucket old(buckets_[b]);
  const auto moves = static_cast<uint32_t>(std::count_if(
      old.tags, old.tags + old.count, [high](uint32_t tag) { return (tag & high) != 0; }));
  Bucket stay = Resized(Bucket(0), old.count - moves);
  Bucket move = Resized(Bucket(0), moves);
  for (uint32_t i = 0; i < old.count; ++i) {
    Bucket& to = (old.tags[i] & high) != 0 ? move : stay;
    to.tags[to.count] = old.tags[i];
    to.leaves()[to.count] = old.leaves()[i];
    ++to.count;
  }
  FreeBucket(old);
  buckets_[b] = stay.word();
  buckets_.Push(move.word());
}

void MemberIndex::MergeLast() {
  const uint32_t last = buckets_.size() - 1;
  const Bucket from(buckets_[last]);
  buckets_.Pop();
  const uint32_t b = last - HighBit();
  const Bucket old(buckets_[b]);
  Bucket to = Resized(old, old.count + from.count);
  std::copy_n(from.tags, from.count, to.tags + to.count);
  std::copy_n(from.leaves(), from.count, to.leaves() + to.count);
  to.count += from.count;
  buckets_[b] = to.word();
  FreeBucket(from);
}

void MemberIndex::PrefetchBucket(uint32_t tag) const {
  const Bucket bucket(buckets_[BucketOf(tag)]);
  __builtin_prefetch(bucket.tags);
  __builtin_prefetch(bucket.tags + 16);
  __builtin_prefetch(bucket.leaves() + 8);
}

MemberIndex::Matches::Matches(const MemberIndex& index, uint32_t tag) : tag_(tag) {
  const Bucket bucket(index.buckets_[index.BucketOf(tag)]);
  tags_ = bucket.tags;
  count_ = bucket.count;
  capacity_ = bucket.capacity;
}

bool MemberIndex::Matches::Next(uint32_t* leaf) {
  while (at_ < count_ && tags_[at_] != tag_) ++at_;
  if (at_ == count_) return false;
  *leaf = tags_[capacity_ + at_];
  ++at_;
  return true;
}

uint32_t MemberIndex::PositionOf(uint32_t tag) { return Reversed(tag); }

uint64_t MemberIndex::Collect(uint32_t position, std::vector<Slot>* slots) const {
  const uint32_t b = BucketOf(Reversed(position));
  const uint32_t high = HighBit();
  // Buckets that have split, or come from a split, are half as wide.
  const bool is_half = b >= high || b < buckets_.size() - high;
  const uint64_t width = kPositions / (is_half ? uint64_t{high} * 2 : high);
  const Bucket bucket(buckets_[b]);
  slots->clear();
  for (uint32_t i = 0; i < bucket.count; ++i) {
    const Slot slot{Reversed(bucket.tags[i]), bucket.leaves()[i]};
    if (slot.position >= position) slots->push_back(slot);
  }
  std::sort(slots->begin(), slots->end(), [](const Slot& a, const Slot& b2) {
    return a.position != b2.position ? a.position < b2.position : a.leaf < b2.leaf;
  });
  return Reversed(b) + width;
}

bool MemberIndex::FreeSome(size_t budget) {
  for (; budget != 0 && buckets_.size() != 0; --budget) {
    FreeBucket(Bucket(buckets_[buckets_.size() - 1]));
    buckets_.Pop();
  }
  return buckets_.size() != 0;
}

}  // namespace alai
