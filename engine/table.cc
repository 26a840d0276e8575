#include "engine/table.h"

#include <algorithm>

#include "engine/base/memory.h"

namespace alai {
namespace {

// What the allocator holds for a segment with so many overflow buckets, the first of which lies in the
// segment's own block.
size_t BytesOf(SegmentRef segment, uint64_t overflow) {
  const size_t block = UsableSize(segment.block_size());
  return overflow == 0 ? block : block + (overflow - 1) * UsableSize(sizeof(Bucket));
}

// Of a record that holds `bytes`, those that nothing else refers to.
size_t OwnedBytes(const Record& record, size_t bytes) {
  return record.encoding() == Encoding::kContainer ? record.owned_bytes() : bytes;
}

}  // namespace

Directory* Directory::Create(uint32_t depth) {
  auto* directory = new (Allocate(BlockSize(depth))) Directory(depth);
  for (uint32_t i = 0; i < directory->size(); ++i) {
    new (&directory->entries_[i]) std::atomic<uint64_t>(0);
    directory->id(i) = 0;
  }
  return directory;
}

void Directory::Delete() { Free(this, block_size()); }

Table::Table(int db, uint32_t shard_bits, SegmentRef first, uint32_t segment_id)
    : directory_(Directory::Create(0)), db_(db), shard_bits_(shard_bits) {
  Directory* directory = directory_.load(std::memory_order_relaxed);
  directory->entry(0).store(first.bits(), std::memory_order_relaxed);
  directory->id(0) = segment_id;
  segment_bytes.Set(UsableSize(first.block_size()) + UsableSize(directory->block_size()));
}

Table::~Table() {
  directory()->Delete();
  if (ClassCensus* census = this->census()) census->Delete();
}

void Table::CountIn(const Record& record) {
  keys.Add();
  record_bytes.Add(record.allocated_bytes());
  if (record.has_deadline()) CountDeadline(kNoDeadline, record.deadline());
  if (ClassCensus* census = this->census()) [[unlikely]]
    census->CountIn(record);
}

size_t Table::CountOut(const Record& record) {
  const size_t bytes = record.allocated_bytes();
  keys.Sub();
  record_bytes.Sub(bytes);
  if (record.has_deadline()) CountDeadline(record.deadline(), kNoDeadline);
  if (ClassCensus* census = this->census()) [[unlikely]]
    census->CountOut(record, bytes);
  return OwnedBytes(record, bytes);
}

size_t Table::CountReplaced(const Record& old, const Record& fresh) {
  const size_t bytes = old.allocated_bytes();
  record_bytes.Add(fresh.allocated_bytes() - bytes);
  if (old.has_deadline() || fresh.has_deadline()) CountDeadline(old.deadline(), fresh.deadline());
  if (ClassCensus* census = this->census()) [[unlikely]]
    census->CountReplaced(bytes, fresh);
  return OwnedBytes(old, bytes);
}

void Table::CountGrown(const Record& record, int64_t bytes) {
  record_bytes.Add(static_cast<uint64_t>(bytes));
  if (ClassCensus* census = this->census()) [[unlikely]]
    census->CountReplaced(record.allocated_bytes() - static_cast<size_t>(bytes), record);
}

void Table::CountSegmentIn(SegmentRef segment) {
  const uint64_t overflow = CountOverflowBuckets(segment);
  overflow_buckets.Add(overflow);
  segment_bytes.Add(BytesOf(segment, overflow));
}

void Table::CountSegmentOut(SegmentRef segment) {
  const uint64_t overflow = CountOverflowBuckets(segment);
  overflow_buckets.Sub(overflow);
  segment_bytes.Sub(BytesOf(segment, overflow));
}

void Table::CountOverflowGrowth() {
  overflow_buckets.Add();
  segment_bytes.Add(UsableSize(sizeof(Bucket)));
}

void Table::CountDeadline(UnixMillis before, UnixMillis after) {
  if (before != kNoDeadline) {
    expires.Sub();
    deadline_sum.Sub(static_cast<uint64_t>(std::min(before, kDeadlineCap)));
  }
  if (after != kNoDeadline) {
    expires.Add();
    deadline_sum.Add(static_cast<uint64_t>(std::min(after, kDeadlineCap)));
  }
}

}  // namespace alai
