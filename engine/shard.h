// One shard of the keyspace: its lock, a table per logical database and the expiry wheel they
// share.
//
// Threads     table() from any. Everything else with the writer bit of `lock`, unless noted.
// Invariants  Every arrival of a record with a deadline in a bucket (insertion, displacement, step,
//             split) arms that bucket no later than the deadline.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "engine/base/steady_time.h"
#include "engine/free_cause.h"
#include "engine/key_marks.h"
#include "engine/key_watches.h"
#include "engine/shard_lock.h"
#include "engine/table.h"
#include "engine/waiters.h"
#include "engine/wheel.h"

namespace alai {

class StoreThread;

class Shard {
 public:
  Shard() = default;
  ~Shard();

  // `steady_time` outlives the shard.
  void Init(int databases, uint32_t shard_bits, UnixMillis now, const SteadyTime& steady_time);

  ShardLock lock;
  // Who waits for keys of this shard.
  Waiters waiters;
  // Which keys are being loaded from the origin, or are known not to be there.
  KeyMarks marks;
  // Who wants to know of writes to keys of this shard.
  KeyWatches watches;

  // nullptr while the database has never held a key here.
  Table* table(int db) const { return tables_[db].load(std::memory_order_acquire); }
  Table& MakeTable(int db);

  // Where a key's record is.
  SlotPlace Locate(Table& table, KeyView key) const {
    return LocateInSegment(table.SegmentOf(key.hash), key);
  }
  void Insert(StoreThread& thread, Table& table, KeyView key, Record* record);
  // The old record is retired.
  void Replace(StoreThread& thread, Table& table, KeyView key, SlotPlace place, Record* record);
  void Remove(StoreThread& thread, Table& table, SlotPlace place, FreeCause cause);
  // After records were removed that had this hash: rebuilds their segment with fewer buckets when it
  // has become sparse, which ends every SlotPlace in it. Worth calling when the removal has left its
  // bucket empty: that is rare in a segment that is not sparse.
  void ShrinkIfSparse(StoreThread& thread, Table& table, uint64_t hash);
  // Changes the deadline within the room that the record has for it.
  void ChangeDeadline(Table& table, KeyView key, SlotPlace place, UnixMillis deadline);
  // After parts of a record's value have got deadlines of their own, or other ones.
  void PartsChanged(Table& table, KeyView key, SlotPlace place);
  // ChangeDeadline() for one that is no earlier than the present one: the bucket is armed in time already, so
  // it need not be known.
  static void PutOffDeadline(Table& table, Record* record, UnixMillis deadline);

  // Lets every table count by these classes, nullptr for none, from nothing. They outlive the shard or
  // the next call.
  void SetClasses(StoreThread& thread, const KeyClasses* classes);
  // Counts the keys of one more segment by class. False: all of the table's have been counted.
  bool CountSegmentByClass(Table& table, uint32_t shard_index);

  // Takes a database out; nullptr when it has no table.
  std::unique_ptr<Table> Detach(int db);
  void SwapTables(int a, int b);

  // Up to kEntriesPerChunk buckets that are due, their wheel entries consumed; the caller removes
  // what has expired and calls Rearm for each, which is due again `at_once` when the caller has left some of
  // that, and not before the next tick otherwise. False when nothing is due.
  struct DueBucket {
    Table* table;
    SegmentRef segment;
    uint32_t segment_id;
    uint32_t index;
  };
  bool TakeDue(UnixMillis now, std::vector<DueBucket>* due);
  void Rearm(const DueBucket& bucket, bool at_once);
  bool StillDue(const DueBucket& bucket) const;

  // Drops stale wheel entries of one slot when there are too many; cheap when there are not.
  void PurgeWheelStep();
  bool wheel_is_bloated() const { return wheel_->entries() > 2 * armed_buckets_ + 512; }
  // The clock went back: everything is armed anew from `now` on. Also after very long uptime.
  void RebaseWheel(UnixMillis now);
  const Wheel* wheel() const { return wheel_.get(); }
  // Lock-free: whether a key here ever had a deadline.
  bool has_deadlines() const { return has_deadlines_.load(std::memory_order_acquire); }
  // When the sweep last finished here; for sharing the work between threads.
  std::atomic<UnixMillis> swept_at{0};
  // Bytes of the wheel, as the last sweep found them.
  Counter wheel_bytes;
  UnixMillis wheel_time = 0;  // the latest `now` the wheel was advanced to

  uint64_t armed_buckets() const { return armed_buckets_; }

 private:
  // What a segment id stands for.
  struct Registered {
    SegmentRef segment;
    Table* table = nullptr;
    uint8_t generation = 0;
  };

  uint32_t Register(SegmentRef segment, Table* table);
  void Grow(StoreThread& thread, Table& table, uint64_t hash);
  bool CollectForRebuild(SegmentRef old);
  void Rebuild(StoreThread& thread, Table& table, uint32_t entry, uint32_t buckets,
               bool has_deadlines);
  SlotPlace MakeRoomArmed(SegmentRef segment, uint32_t id, uint16_t tag);
  static bool SplitWouldHelp(SegmentRef segment);
  void Split(Table& table, uint32_t entry, SegmentRef old, uint32_t id, bool has_deadlines);
  void Publish(Table& table, uint32_t entry, uint32_t depth, SegmentRef segment, uint32_t id);
  void DoubleDirectory(StoreThread& thread, Table& table);
  void RetireSegment(StoreThread& thread, Table& table, SegmentRef segment);

  void Arm(uint32_t segment_id, SegmentRef segment, uint32_t index, UnixMillis deadline);
  void ArmAt(uint32_t segment_id, Bucket& bucket, uint32_t index, uint32_t tick);
  void ArmFromOld(uint32_t id, SegmentRef old, SegmentRef segment);
  void ArmExactly(uint32_t id, SegmentRef segment);
  void ForgetArmed(SegmentRef segment);
  static void NoteDue(Bucket& bucket, uint32_t tick);
  UnixMillis DueAt(const Record& record) const;
  Bucket* BucketOf(BucketRef ref);

  std::unique_ptr<std::atomic<Table*>[]> tables_;
  int databases_ = 0;
  uint32_t shard_bits_ = 0;
  const SteadyTime* steady_time_ = nullptr;
  const KeyClasses* classes_ = nullptr;
  std::vector<Registered> segments_;
  std::vector<uint32_t> free_ids_;
  std::unique_ptr<Wheel> wheel_;
  std::atomic<bool> has_deadlines_{false};
  uint64_t armed_buckets_ = 0;
  uint32_t purge_cursor_ = 0;
  std::vector<SlotWord> scratch_;
  std::vector<SlotWord> split_scratch_;
};

}  // namespace alai
