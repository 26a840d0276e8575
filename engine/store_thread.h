// What the store keeps for each thread that uses it: the quiescent-state announcement, memory
// waiting to be freed, and counters.
//
// Reclamation: memory that readers may still see is retired, not freed. It is freed once every
// registered thread has announced, after the retirement, that it holds no reference any more. A
// thread with a loop announces it once a turn; a parked one is offline and counts as having
// announced. The scheme is quiescent-state based reclamation as described by Hart, McKenney, Brown
// and Walpole, "Performance of memory reclamation for lockless synchronization" (2007).
//
// Threads     A StoreThread belongs to the thread that registered it; other threads read its
// counters
//             and its announcement only.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/counter.h"
#include "engine/base/random.h"
#include "engine/base/steady_time.h"
#include "engine/class_figures.h"
#include "engine/free_cause.h"
#include "engine/miss_source.h"
#include "engine/reclaimer.h"
#include "engine/shard.h"

namespace alai {

class StoreThread {
 public:
  // Online from the start. Made by Store::RegisterThread().
  explicit StoreThread(Reclaimer& reclaimer);
  StoreThread(const StoreThread&) = delete;
  StoreThread& operator=(const StoreThread&) = delete;

  // Says that this thread holds no reference into the store, and frees what has become free.
  void Quiescent();
  // Before parking (waiting for sockets): others need not wait for this thread.
  void GoOffline();
  void GoOnline();

  // `bytes`: what the allocator holds for it, blob included.
  void RetireRecord(Record* record, size_t bytes, FreeCause cause);
  void RetireBlock(void* block, size_t size);
  // Buckets of a segment or of its overflow chain.
  void RetireSegment(void* block, size_t size);
  uint64_t retired_bytes() const { return retired_bytes_.Get(); }

  // Keys that optimistic lookups met past their deadline; Store::RemoveSeenExpired() empties it.
  struct SeenExpired {
    int db;
    uint64_t hash;
    std::string key;
  };
  std::vector<SeenExpired>& seen_expired() { return seen_expired_; }
  Random& random() { return random_; }

  // The allocator's counters of the bytes that this thread has allocated and freed since it began,
  // which it keeps itself: given by the thread they belong to, for MemoryLimit.
  void MeterAllocations(const uint64_t* allocated, const uint64_t* freed) {
    freed_ = freed;
    metered_before_ = BytesBetween(*allocated, *freed);
    allocated_.store(allocated, std::memory_order_release);
  }
  bool metered() const { return allocated_.load(std::memory_order_acquire) != nullptr; }
  // What it has allocated since it was first metered, without what it has retired. Any thread.
  int64_t metered_bytes() const { return metered() ? MeteredBytes() - metered_before_ : 0; }
  // What it has allocated since it last said so.
  int64_t unpublished_bytes() const { return metered_bytes() - published_bytes_; }
  int64_t TakeUnpublishedBytes() {
    const int64_t bytes = metered_bytes();
    return bytes - std::exchange(published_bytes_, bytes);
  }
  int64_t published_bytes() const { return published_bytes_; }
  // Uses counted since FrequencySketch::Count() last aged.
  uint32_t* sketch_uses() { return &sketch_uses_; }

  // For threads that run commands in batches: the steady time of a batch is read when it is first asked for,
  // and stands until the next one begins. Other threads read it whenever they ask.
  void BeginBatch() {
    in_batches_ = true;
    batch_steady_ns_ = 0;
  }
  int64_t SteadyNanos(const SteadyTime& time) {
    if (!in_batches_) return time.Nanos();
    if (batch_steady_ns_ == 0) batch_steady_ns_ = time.Nanos();
    return batch_steady_ns_;
  }

  // Room that the sweep and Scan() use again and again.
  std::vector<Shard::DueBucket>& due_scratch() { return due_scratch_; }
  std::vector<SlotWord>& scan_scratch() { return scan_scratch_; }

  // Keys of sliding classes that lookups met and whose deadlines are worth putting off, and how often
  // keys of classes were looked up; both of the present command, as many as its Tally says.
  struct SeenSliding {
    int db;
    uint64_t hash;
    const Record* record;
  };
  struct ClassUse {
    uint8_t slot;
    bool hit;
  };
  // Keys for which somebody waits and which the present command has written or removed: served, and
  // emptied, by Store::ServeWaiters() before their shards are released.
  struct ReadyKey {
    int db;
    std::string key;
  };
  std::vector<ReadyKey>& ready_keys() { return ready_keys_; }
  // Who waits for such a key and needs shards that the command has not locked: for Store::ServeNext().
  struct NextWaiter {
    int db;
    std::string key;
    std::shared_ptr<Waiter> waiter;
  };
  std::vector<NextWaiter>& served_next() { return served_next_; }
  std::vector<SeenSliding>& seen_sliding() { return seen_sliding_; }
  std::vector<ClassUse>& class_uses() { return class_uses_; }
  // What lookups of the present command met of keys that an origin may have, as many as its Tally says.
  std::vector<OriginUse>& origin_uses() { return origin_uses_; }

  // Keys that this thread removed because their time had come, and because memory was short.
  Counter expired;
  Counter evicted;
  Counter expired_parts;  // fields of hashes, whose time had come
  // What this thread has counted by class.
  ThreadClassFigures class_figures;

 private:
  friend class Reclaimer;

  void Retire(void* block, size_t size, RetiredKind kind);
  void CloseBatch();
  void Reclaim();
  // The allocator knows nothing of atomics, but the counters are whole words.
  int64_t MeteredBytes() const {
    const uint64_t allocated =
        __atomic_load_n(allocated_.load(std::memory_order_relaxed), __ATOMIC_RELAXED);
    const uint64_t freed = __atomic_load_n(freed_, __ATOMIC_RELAXED);
    return BytesBetween(allocated, freed);
  }
  int64_t BytesBetween(uint64_t allocated, uint64_t freed) const {
    return static_cast<int64_t>(allocated - freed - retired_bytes_.Get());
  }

  Reclaimer& reclaimer_;
  // The epoch this thread has seen; kOffline while it cannot hold references.
  alignas(64) std::atomic<uint64_t> seen_epoch_{0};
  alignas(64) std::vector<RetiredBatch::Item> current_;
  uint64_t current_bytes_ = 0;
  uint32_t quiet_turns_ = 0;
  std::deque<RetiredBatch> waiting_;
  std::vector<RetiredBatch::Item> spare_;  // keeps its capacity for the next batch
  Counter retired_bytes_;
  std::vector<SeenExpired> seen_expired_;
  std::vector<SeenSliding> seen_sliding_;
  std::vector<ReadyKey> ready_keys_;
  std::vector<NextWaiter> served_next_;
  std::vector<ClassUse> class_uses_;
  std::vector<OriginUse> origin_uses_;
  Random random_;
  std::atomic<const uint64_t*> allocated_{nullptr};
  const uint64_t* freed_ = nullptr;
  int64_t metered_before_ = 0;
  int64_t published_bytes_ = 0;
  uint32_t sketch_uses_ = 0;
  bool in_batches_ = false;
  int64_t batch_steady_ns_ = 0;
  std::vector<Shard::DueBucket> due_scratch_;
  std::vector<SlotWord> scan_scratch_;
};

}  // namespace alai
