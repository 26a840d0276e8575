// The keys of one logical database in one shard: an extendible hash table (Fagin, Nievergelt,
// Pippenger and Strong, 1979) whose directory leads from a prefix of the hash to a segment.
//
//   directory   entries: SegmentRef x 2^depth | ids: segment id x 2^depth
//
// Threads     Find, SegmentAt and the counters from any, the former pinned by a StoreThread.
// Everything
//             else with the shard's writer bit; changes go through Shard, which also keeps the
//             wheel.
#pragma once

#include <atomic>
#include <cstdint>

#include "engine/base/counter.h"
#include "engine/class_census.h"
#include "engine/segment.h"

namespace alai {

class Directory {
 public:
  static Directory* Create(uint32_t depth);
  void Delete();

  uint32_t depth() const { return depth_; }
  uint32_t size() const { return 1u << depth_; }
  size_t block_size() const { return BlockSize(depth_); }
  std::atomic<uint64_t>& entry(uint32_t i) { return entries_[i]; }
  SegmentRef segment(uint32_t i) const {
    return SegmentRef(entries_[i].load(std::memory_order_acquire));
  }
  uint32_t& id(uint32_t i) { return reinterpret_cast<uint32_t*>(entries_ + size())[i]; }

 private:
  explicit Directory(uint32_t depth) : depth_(depth) {}
  static size_t BlockSize(uint32_t depth) {
    return sizeof(Directory) +
           (sizeof(std::atomic<uint64_t>) + sizeof(uint32_t)) * (size_t{1} << depth);
  }

  uint32_t depth_;
  alignas(8) std::atomic<uint64_t> entries_[];
};

class Table {
 public:
  // `shard_bits`: how many of the hash's highest bits chose the shard. The table starts with the
  // given segment under id `segment_id`.
  Table(int db, uint32_t shard_bits, SegmentRef first, uint32_t segment_id);
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;
  // Only the directory and the census; segments and records are freed by who detached the table.
  ~Table();

  Record* Find(KeyView key) const { return FindInSegment(SegmentOf(key.hash), key); }
  SegmentRef SegmentOf(uint64_t hash) const {
    const Directory* directory = directory_.load(std::memory_order_acquire);
    return directory->segment(IndexOf(hash, directory->depth()));
  }
  // The directory entry of a hash, for a directory of this depth.
  uint32_t IndexOf(uint64_t hash, uint32_t depth) const {
    return static_cast<uint32_t>(((hash << shard_bits_) >> 1) >> (63 - depth));
  }
  Directory* directory() const { return directory_.load(std::memory_order_acquire); }
  void set_directory(Directory* directory) {
    directory_.store(directory, std::memory_order_release);
  }

  // Which logical database this is; SWAPDB changes it.
  int db() const { return db_.load(std::memory_order_relaxed); }
  void set_db(int db) { db_.store(db, std::memory_order_relaxed); }

  // The count by class; nullptr when there are no classes. The old census is the caller's.
  ClassCensus* census() const { return census_.load(std::memory_order_acquire); }
  ClassCensus* ReplaceCensus(ClassCensus* census) {
    return census_.exchange(census, std::memory_order_acq_rel);
  }

  // What counts a record in and out; the latter two give the bytes that go with the old one.
  void CountIn(const Record& record);
  size_t CountOut(const Record& record);
  size_t CountReplaced(const Record& old, const Record& fresh);
  // A record whose container has grown, or shrunk, by `bytes`.
  void CountGrown(const Record& record, int64_t bytes);
  void CountDeadline(UnixMillis before, UnixMillis after);
  void CountSegmentIn(SegmentRef segment);
  void CountSegmentOut(SegmentRef segment);
  void CountOverflowGrowth();

  Counter keys;
  Counter expires;           // keys with a deadline
  Counter deadline_sum;      // of those, in ms, each capped at kDeadlineCap; modulo 2^64
  Counter record_bytes;      // held by the allocator for records
  Counter segment_bytes;     // and for segments and directory
  Counter overflow_buckets;  // in all overflow chains

  static constexpr UnixMillis kDeadlineCap = UnixMillis{1} << 44;

 private:
  std::atomic<Directory*> directory_;
  std::atomic<ClassCensus*> census_{nullptr};
  std::atomic<int> db_;
  const uint32_t shard_bits_;
};

}  // namespace alai
