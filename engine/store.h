// The keyspace: shards, each with its lock, one table per logical database and an expiry wheel.
//
// Threads     A thread that uses the store registers first (RegisterThread) and announces quiescent
//             points (StoreThread). Lookups are lock-free; who changes a key holds its shard's
//             lock.
// Invariants  The shard of a key is the highest bits of its hash and never changes. The number of
//             shards is a power of two, fixed at construction.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "engine/base/clock.h"
#include "engine/base/steady_time.h"
#include "engine/db.h"
#include "engine/eviction.h"
#include "engine/free_cause.h"
#include "engine/key_classes.h"
#include "engine/key_purge.h"
#include "engine/lock_request.h"
#include "engine/memory_limit.h"
#include "engine/packing_limits.h"
#include "engine/reclaimer.h"
#include "engine/shard.h"
#include "engine/store_thread.h"

namespace alai {

class ChangeLog;
class FrequencySketch;
class KeyEventSink;
class MissSource;

// How OBJECT IDLETIME / FREQ read the access clock, and how lookups move it.
enum class AccessClock : uint8_t { kLru, kLfu };

// Where Store::Scan() may stop. Growth moves nothing across the ends of segments, so a walk that only
// stops there meets each key at most once.
enum class ScanStop : uint8_t { kAnywhere, kSegmentEnd };

struct StoreOptions {
  int databases = 16;
  int workers = 1;      // threads expected to use the store at once; decides the number of shards
  uint32_t shards = 0;  // a power of two up to kShardsMax; 0: chosen from `workers`
  const Clock* clock = SystemClock::Get();
};

struct DatabaseStats {
  uint64_t keys = 0;
  uint64_t expires = 0;    // keys with a deadline
  int64_t avg_ttl_ms = 0;  // mean remaining life of those
};

// What a sweep did and whether something is still due.
struct SweepResult {
  uint64_t removed = 0;
  bool more = false;
};

// Counters for INFO.
struct MemoryStats {
  uint64_t record_bytes = 0;   // held by the allocator for keys and values
  uint64_t segment_bytes = 0;  // for the tables
  uint64_t wheel_bytes = 0;
  uint64_t retired_bytes = 0;  // waiting until no reader can see them
  uint64_t detached_keys = 0;  // of flushed databases, not freed yet
  uint64_t detached_bytes = 0;
  uint64_t sketch_bytes = 0;  // for the frequencies that eviction goes by
};

class Store {
 public:
  explicit Store(const StoreOptions& options);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  int databases() const { return databases_; }
  uint32_t shard_count() const { return shard_count_; }
  uint32_t ShardIndex(uint64_t hash) const { return static_cast<uint32_t>(hash >> shard_shift_); }
  Shard& shard(uint32_t index) { return shards_[index]; }
  ShardLock& LockOf(uint64_t hash) { return shards_[ShardIndex(hash)].lock; }

  StoreThread* RegisterThread();
  void UnregisterThread(StoreThread* thread);
  Reclaimer& reclaimer() { return reclaimer_; }
  const Reclaimer& reclaimer() const { return reclaimer_; }
  Turn& turn() { return turn_; }
  const Clock& clock() const { return clock_; }

  // Whether a command may go on to lock shards and write, with effects of up to `effect_bytes` in the
  // change log. False: too much retired memory waits to be freed, or the log has no space. The
  // command then waits, holding nothing and with its thread announcing quiescent points, and asks
  // again after about kWriteRetryNanos.
  bool MayWrite(size_t effect_bytes) {
    if (change_log_ == nullptr && !reclaimer_.congested()) [[likely]]
      return true;
    return MayWriteLogged(effect_bytes);
  }
  static constexpr int64_t kWriteRetryNanos = 1'000'000;

  // How much memory there is for the data, and what goes when it is used up.
  MemoryLimit& memory_limit() { return memory_limit_; }
  Eviction& eviction() { return eviction_; }
  // nullptr while no policy asks how often keys are used.
  FrequencySketch* sketch() const { return sketch_.load(std::memory_order_acquire); }

  // Hints before a batch is run: the directory and bucket, then the record of a key, then members of its
  // value.
  void PrefetchBucket(int db, uint64_t hash) const;
  void PrefetchRecord(int db, uint64_t hash) const;
  // Does nothing while the key's shard is locked.
  void PrefetchParts(int db, KeyView key, std::span<const std::string_view> names);

  // Removes the keys that optimistic lookups of this thread met past their deadline; those whose
  // shard is busy are left to the sweep. Call with nothing locked.
  void RemoveSeenExpired(StoreThread& thread, UnixMillis now);

  // Puts off the deadlines of records that this thread's command has read and whose classes are sliding,
  // `count` of StoreThread::seen_sliding(); those whose shard is busy are left to the next reader. Call
  // with nothing locked, before the thread's next quiescent point.
  void RenewSeenSliding(StoreThread& thread, uint32_t count, UnixMillis now);

  // The rules for keys by prefix; nullptr when there are none.
  const KeyClasses* key_classes() const { return key_classes_.load(std::memory_order_acquire); }
  // With every shard locked, or before threads start. A class that was there under its name keeps its
  // figures; keys and bytes are counted anew by ClassWork().
  void SetKeyClasses(StoreThread& thread, std::vector<KeyClass> classes);
  // Counts and purges keys by class for about `budget_ns`; true when there is more to do. Any thread,
  // nothing locked.
  bool ClassWork(StoreThread& thread, UnixMillis now, int64_t budget_ns);
  KeyPurge& purge() { return purge_; }
  // For counting on this thread.
  ClassFigures& FiguresOf(StoreThread& thread, uint32_t slot) {
    return thread.class_figures.Of(slot, class_eras_[slot].load(std::memory_order_relaxed));
  }
  // Counts one event of the key's class, if it has one.
  void CountClass(StoreThread& thread, std::string_view key, ClassFigures::Count count);
  void CountExpired(StoreThread& thread, std::string_view key) {
    thread.expired.Add();
    if (key_classes() != nullptr) [[unlikely]]
      CountClass(thread, key, ClassFigures::kExpired);
  }
  void SumClass(uint32_t slot, ClassTotals* totals) const;
  // Starts the figures of all classes from 0, but for keys and bytes.
  void ResetClassFigures();

  // Removes keys past their deadline for about `budget_ns`. Any thread, nothing locked.
  SweepResult Sweep(StoreThread& thread, UnixMillis now, int64_t budget_ns);
  // When off, nothing expires but on access (DEBUG SET-ACTIVE-EXPIRE 0).
  void set_active_expiry(bool on) { active_expiry_.store(on, std::memory_order_relaxed); }
  // When off, expired keys are hidden but not removed: replicas, CLIENT PAUSE.
  void set_may_remove_expired(bool on) { may_remove_expired_.store(on, std::memory_order_relaxed); }
  bool may_remove_expired() const { return may_remove_expired_.load(std::memory_order_relaxed); }
  // Whether a record's time has come. `now` is wall time; a token bucket's own deadline is looked at
  // in steady time once wall time has reached it.
  bool Expired(const Record& record, UnixMillis now) const {
    return record.expired(now) &&
           (record.type() != Type::kTokenBucket || TokenBucketExpired(record));
  }
  const SteadyTime& steady_time() const { return steady_time_; }

  // One step of an iteration over a database: calls `visit` for about `count` live records and
  // gives the next cursor, 0 at the end. A key that is there from the first call (cursor 0) to the
  // last is visited at least once. Cursors stay below 2^53 and hold nothing; any value is accepted.
  uint64_t Scan(StoreThread& thread, int db, uint64_t cursor, uint64_t count, UnixMillis now,
                const std::function<void(const Record&)>& visit,
                ScanStop stop = ScanStop::kAnywhere);

  // A live record, each with the same probability; nullptr when the database is empty.
  Record* RandomRecord(StoreThread& thread, int db, UnixMillis now);

  // With every shard locked by the caller. What was there is freed in the background by
  // FreeDetached().
  void FlushDatabase(StoreThread& thread, int db);
  void SwapDatabases(int a, int b);
  // Serves those who wait for the keys that the thread's present command has made ready, and for those that
  // are made ready by that, until there are none. With the shards of `held` locked.
  void ServeWaiters(StoreThread& thread, Tally& tally, UnixMillis now, const HeldShards& held);
  // Then, with nothing locked, those who need more shards than the command had, each in a transaction of its own.
  // Whoever cannot have them soon has been told to see to it himself.
  void ServeNext(StoreThread& thread, Tally& tally, UnixMillis now);
  // ServeWaiters() after removals that no command has asked for, with this shard locked.
  void ServeWaiters(StoreThread& thread, UnixMillis now, uint32_t shard);
  // Somebody may wait for a key, which has been written or removed; its shard is locked.
  void NoteReady(StoreThread& thread, Shard& shard, int db, std::string_view key);
  // After a database has been exchanged or emptied: whatever somebody waits for there may be ready, or
  // gone. With every shard locked.
  void NoteAllReady(StoreThread& thread, int db);

  // Frees what FlushDatabase() detached, and large values that are gone, for about `budget_ns`; true when
  // there is more. The calling thread announces quiescent points between calls.
  bool FreeDetached(StoreThread& thread, int64_t budget_ns);
  // Keys of flushed databases that have not been freed yet.
  uint64_t detached_keys() const { return detached_keys_.load(std::memory_order_acquire); }
  uint64_t detached_bytes() const { return memory_limit_.detached_bytes(); }

  DatabaseStats StatsOf(int db, UnixMillis now) const;
  uint64_t KeyCount(int db) const;
  MemoryStats Memory() const;
  // Bytes that the allocator holds for records and tables.
  uint64_t UsedBytes() const;
  // Keys removed because their time had come, since the start or the last reset.
  uint64_t ExpiredKeys() const { return reclaimer_.expired(); }
  // Fields of hashes removed because their time had come, since the start.
  uint64_t ExpiredFields() const { return reclaimer_.expired_parts(); }
  // Keys removed because memory was short.
  uint64_t EvictedKeys() const { return reclaimer_.evicted(); }

  // Up to which sizes collections stay packed.
  PackingLimits packing;

  // The generation with which every write stamps its record.
  uint8_t generation() const { return generation_.load(std::memory_order_relaxed); }
  // What is written from now on is of another generation, which it gives.
  uint8_t NextGeneration() { return static_cast<uint8_t>(generation_.fetch_add(1) + 1); }

  void set_access_clock(AccessClock clock) {
    access_clock_.store(clock, std::memory_order_relaxed);
  }
  AccessClock access_clock() const { return access_clock_.load(std::memory_order_relaxed); }
  // lfu-log-factor and lfu-decay-time (minutes).
  std::atomic<int> lfu_log_factor{10};
  std::atomic<int> lfu_decay_time{1};

  // Set before threads start, or with every shard locked.
  void set_change_log(ChangeLog* log) { change_log_ = log; }
  ChangeLog* change_log() const { return change_log_; }
  void set_key_events(KeyEventSink* sink) { key_events_ = sink; }
  KeyEventSink* key_events() const { return key_events_; }
  void set_miss_source(MissSource* source) { miss_source_ = source; }
  MissSource* miss_source() const { return miss_source_; }

 private:
  friend class Db;
  friend class Eviction;

  // A table that FlushDatabase() took out, invisible once the reclaimer is two epochs further.
  struct Detached {
    std::unique_ptr<Table> table;
    uint64_t epoch;
    uint64_t bytes;    // all of it
    uint64_t waiting;  // what the memory limit knows to be left
    uint32_t next_entry;

    // Segments hold about the same each.
    uint64_t BytesLeft() const {
      const uint32_t entries = table->directory()->size();
      return bytes / entries * (entries - next_entry);
    }
  };

  // A set of classes that readers may still see until the reclaimer is two epochs further.
  struct OldClasses {
    std::unique_ptr<const KeyClasses> classes;
    uint64_t epoch;
  };

  bool MayWriteLogged(size_t effect_bytes);
  void GiveSlots(std::vector<KeyClass>& classes);
  bool counting_classes() const {
    return class_changes_counted_.load(std::memory_order_acquire) !=
           class_changes_.load(std::memory_order_acquire);
  }
  bool CountByClass(int64_t until_ns);
  void RenewOne(StoreThread& thread, const StoreThread::SeenSliding& seen, UnixMillis now);
  bool TokenBucketExpired(const Record& record) const;
  // Logs, notifies and removes a record that no client asked to remove; its shard is locked.
  void Drop(StoreThread& thread, Shard& shard, Table& table, SlotPlace place,
            KeyEventClass event_class, std::string_view event, FreeCause cause);
  // Because its time has come.
  void Expire(StoreThread& thread, Shard& shard, Table& table, SlotPlace place);
  // Because memory is short.
  void Evict(StoreThread& thread, Shard& shard, Table& table, SlotPlace place);
  uint64_t SweepShard(StoreThread& thread, Shard& shard, UnixMillis now, int64_t until_ns,
                      bool* more);
  // Of the buckets that a sweep has emptied: where each was, by the hash of a key that was there.
  struct Emptied {
    uint32_t count = 0;
    std::array<Table*, Wheel::kEntriesPerChunk> tables;
    std::array<uint64_t, Wheel::kEntriesPerChunk> hashes;
  };
  bool ExpireParts(StoreThread& thread, Shard& shard, Table& table, SlotPlace place, UnixMillis now,
                   bool* more);
  uint64_t ExpireDue(StoreThread& thread, Shard& shard, const Shard::DueBucket& due, UnixMillis now,
                     Emptied* emptied);
  bool FreeDetachedTable(int64_t until_ns);
  bool FreeSome(Detached& detached, int64_t until_ns);
  Table* PickTable(StoreThread& thread, int db);

  int databases_;
  uint32_t shard_count_;
  uint32_t shard_shift_;
  std::unique_ptr<Shard[]> shards_;
  Reclaimer reclaimer_;
  Turn turn_;
  const Clock& clock_;
  const SteadyTime steady_time_;
  std::atomic<uint8_t> generation_{0};
  std::atomic<const KeyClasses*> key_classes_{nullptr};
  std::unique_ptr<const KeyClasses> owned_classes_;
  std::vector<OldClasses> old_classes_;
  std::array<std::atomic<uint32_t>, KeyClasses::kClassesMax> class_eras_{};
  KeyPurge purge_{*this};
  std::mutex counting_mutex_;  // guards counting_shard_
  uint32_t counting_shard_ = 0;
  std::atomic<uint64_t> class_changes_{0};
  std::atomic<uint64_t> class_changes_counted_{0};  // keys are counted as of so many changes
  std::mutex detached_mutex_;
  std::vector<Detached> detached_;
  std::atomic<uint64_t> detached_keys_{0};
  std::atomic<uint32_t> sweep_cursor_{0};
  std::atomic<bool> active_expiry_{true};
  std::atomic<bool> may_remove_expired_{true};
  std::atomic<AccessClock> access_clock_{AccessClock::kLru};
  std::atomic<FrequencySketch*> sketch_{nullptr};
  MemoryLimit memory_limit_{*this};
  Eviction eviction_{*this};
  ChangeLog* change_log_ = nullptr;
  KeyEventSink* key_events_ = nullptr;
  MissSource* miss_source_ = nullptr;
};

}  // namespace alai
