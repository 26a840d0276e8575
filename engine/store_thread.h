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
#include <string>
#include <vector>

#include "engine/base/counter.h"
#include "engine/base/random.h"
#include "engine/class_figures.h"
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
  void RetireRecord(Record* record, size_t bytes);
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

  // Room that the sweep and Scan() use again and again.
  std::vector<Shard::DueBucket>& due_scratch() { return due_scratch_; }
  std::vector<SlotWord>& scan_scratch() { return scan_scratch_; }

  // Keys of sliding classes that lookups met and whose deadlines are worth putting off, and how often
  // keys of classes were looked up; both of the present command, as many as its Tally says.
  struct SeenSliding {
    int db;
    uint64_t hash;
    std::string key;
  };
  struct ClassUse {
    uint8_t slot;
    bool hit;
  };
  std::vector<SeenSliding>& seen_sliding() { return seen_sliding_; }
  std::vector<ClassUse>& class_uses() { return class_uses_; }

  // Keys that this thread removed because their time had come.
  Counter expired;
  // What this thread has counted by class.
  ThreadClassFigures class_figures;

 private:
  friend class Reclaimer;

  void Retire(void* block, size_t size, RetiredKind kind);
  void CloseBatch();
  void Reclaim();

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
  std::vector<ClassUse> class_uses_;
  Random random_;
  std::vector<Shard::DueBucket> due_scratch_;
  std::vector<SlotWord> scan_scratch_;
};

}  // namespace alai
