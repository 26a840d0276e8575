// The epoch that all threads of a store agree on, which decides when retired memory can be freed.
//
// A thread announces at each quiescent point the epoch it sees. When all threads that are not
// offline have announced the present epoch it may advance. What was retired in epoch e is free in
// epoch e + 2: by then every thread has announced at least once after the retirement.
//
// Threads     Register and Unregister from any; the rest through StoreThread.
// Invariants  The epoch is read for a batch with a read-modify-write that orders after the
// unlinking
//             of everything in the batch and before any later advance.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

#include "engine/lazy_free.h"

namespace alai {

class Record;
class StoreThread;

// What must happen to retired memory when nobody can see it any more.
enum class RetiredKind : uint8_t {
  kRecord,         // a large container goes to LazyFree
  kRecordCounted,  // the same; LazyFree counts it as pending already
  kBlock,
  kSegment,
  kRecordAtOnce,  // with its container, however large
};

// Memory retired by one thread up to one epoch.
struct RetiredBatch {
  struct Item {
    void* block;
    uint64_t size_and_kind;  // bytes << kKindBits | RetiredKind
  };

  static constexpr int kKindBits = 3;

  // Frees everything; large containers wait in `lazy_free`, but for those of kRecordAtOnce.
  void FreeItems(LazyFree& lazy_free);

  uint64_t epoch = 0;
  uint64_t bytes = 0;
  std::vector<Item> items = {};
};

class Reclaimer {
 public:
  static constexpr uint64_t kOffline = UINT64_MAX;
  static constexpr uint64_t kRetiredBytesMax = 32 * 1024 * 1024;

  ~Reclaimer();

  StoreThread* Register();
  // `thread` holds no reference; what it had retired is freed by the others, or at the end.
  void Unregister(StoreThread* thread);

  // Calls f(thread) for every registered thread. `f` must not block.
  template <class F>
  void ForEachThread(F f) const {
    std::lock_guard guard(mutex_);
    for (const StoreThread* thread : threads_) f(*thread);
  }

  // Sums of all threads, for INFO.
  uint64_t retired_bytes() const;
  // Of the moment at which `ask` looked at how much the process has allocated. Asks again when something
  // was freed meanwhile, which that still holds and this not; after some tries gives the most.
  template <class Ask>
  uint64_t RetiredDuring(Ask ask) const {
    constexpr int kTries = 5;
    for (int i = 1;; ++i) {
      const uint64_t before = retired_bytes();
      ask();
      const uint64_t after = retired_bytes();
      if (before <= after || i == kTries) return std::max(before, after);
    }
  }
  uint64_t expired() const;
  uint64_t evicted() const;
  uint64_t expired_parts() const;
  // What metered threads have allocated since they were first metered, without what they have retired.
  int64_t metered_bytes() const;
  // In batches that are closed; a part of retired_bytes(), to be had without a lock.
  uint64_t waiting_bytes() const { return closed_bytes_.load(std::memory_order_relaxed); }

  // True while more than kRetiredBytesMax wait for some thread to announce itself: who is about to
  // write holds back then, or what is retired meanwhile could use up the memory. One load of a word
  // that hardly ever changes while it is false.
  bool congested() const { return congested_.load(std::memory_order_relaxed) && StillCongested(); }

  // Advances the epoch when every thread has announced the present one; gives the present epoch.
  uint64_t TryAdvance();
  uint64_t epoch() const { return epoch_.load(std::memory_order_acquire); }
  // The epoch in which what the caller has unlinked before this is retired.
  uint64_t EpochAfterUnlinking() { return epoch_.fetch_add(0, std::memory_order_acq_rel); }

  LazyFree& lazy_free() { return lazy_free_; }
  const LazyFree& lazy_free() const { return lazy_free_; }

 private:
  friend class StoreThread;

  uint64_t CloseBatch(uint64_t bytes) {
    NoteWaiting(closed_bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes);
    return EpochAfterUnlinking();
  }
  void NoteFreed(uint64_t bytes) {
    NoteWaiting(closed_bytes_.fetch_sub(bytes, std::memory_order_relaxed) - bytes);
  }
  void NoteWaiting(uint64_t bytes) {
    const bool congested = bytes > kRetiredBytesMax;
    if (congested != congested_.load(std::memory_order_relaxed)) {
      congested_.store(congested, std::memory_order_relaxed);
    }
  }
  bool StillCongested() const;

  LazyFree lazy_free_;
  std::atomic<uint64_t> epoch_{2};
  std::atomic<uint64_t> closed_bytes_{0};  // in batches that wait
  // A hint: two threads that cross the limit at once may leave it wrong until it is looked at.
  alignas(64) mutable std::atomic<bool> congested_{false};
  alignas(64) mutable std::mutex mutex_;  // guards the members below
  std::vector<StoreThread*> threads_;
  std::vector<RetiredBatch> orphans_;  // of threads that have gone
  uint64_t orphaned_bytes_ = 0;
  uint64_t expired_by_gone_ = 0;
  uint64_t evicted_by_gone_ = 0;
  uint64_t expired_parts_by_gone_ = 0;
  int64_t published_by_gone_ = 0;
};

}  // namespace alai
