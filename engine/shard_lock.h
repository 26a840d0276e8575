// The lock of one shard: a writer bit for single-key writers, a transaction bit that lets a
// multi-shard transaction keep new writers out while it waits for the present one, and a FIFO of
// requests that sleep until the shard is free.
//
//   word   | version 48 | … | has sleepers | transaction | writer |
//
// The version counts releases of the writer bit, so a reader of several keys can see that nothing
// was written between two looks. txn_seq is odd while a transaction holds the shard; plain writers
// never touch it, so the readers of single keys keep it in their caches.
//
// Threads     Any. TryLock and Unlock are a handful of instructions; the FIFO is behind a mutex
// that
//             only requests that have to sleep, and those who wake them, take.
// Invariants  Who holds the lock does no I/O and does not block. A sleeper is woken once, after the
//             writer bit was released; it then competes again.
#pragma once

#include <atomic>
#include <cstdint>

namespace alai {

// Something that wants a shard and is told when it has become free. Wake() is called by the thread
// that released the shard, with no lock held but the FIFO's; it must only pass the message on.
class LockSleeper {
 public:
  virtual ~LockSleeper() = default;
  virtual void WakeForLock() = 0;

 private:
  friend class ShardLock;
  friend class LockRequest;
  LockSleeper* next_ = nullptr;
  class ShardLock* sleeping_on_ = nullptr;
  bool holds_claim_ = false;  // only the writer bit is in its way
};

class alignas(64) ShardLock {
 public:
  ShardLock() = default;
  ShardLock(const ShardLock&) = delete;
  ShardLock& operator=(const ShardLock&) = delete;

  // Takes the writer bit when it is free or becomes free within about 20 us.
  bool TryLock() {
    uint64_t word = word_.load(std::memory_order_relaxed);
    if ((word & (kWriter | kTransaction)) == 0 &&
        word_.compare_exchange_weak(word, word | kWriter, std::memory_order_acquire,
                                    std::memory_order_relaxed)) [[likely]] {
      return true;
    }
    return TryLockSpinning();
  }
  // One attempt, for work that may as well be done later: sweeping, removing what a reader saw
  // expired.
  bool TryLockOnce() {
    uint64_t word = word_.load(std::memory_order_relaxed);
    return (word & (kWriter | kTransaction)) == 0 &&
           word_.compare_exchange_strong(word, word | kWriter, std::memory_order_acquire,
                                         std::memory_order_relaxed);
  }
  // After nothing was changed, which readers of several keys need not be told.
  void UnlockUnchanged() {
    const uint64_t old = word_.fetch_sub(kWriter, std::memory_order_release);
    if ((old & kHasSleepers) != 0) [[unlikely]]
      WakeSleeper();
  }
  // Waits as long as it takes: for threads without an event loop.
  void Lock();

  void Unlock() {
    const uint64_t old = word_.fetch_add(kVersionStep - kWriter, std::memory_order_release);
    if ((old & kHasSleepers) != 0) [[unlikely]]
      WakeSleeper();
  }

  // A transaction: claims the shard against new writers, then takes the writer bit. False when
  // another transaction or (for the second) a writer is in the way.
  bool TryClaim();
  bool TryLockClaimed();
  void UnlockClaimed();  // releases the writer bit and the claim
  void Unclaim();        // gives up the claim without having had the writer bit

  // The transaction that holds the shard brackets its writes with these. Every store that publishes
  // a change is a release, so it cannot be seen before the odd sequence.
  void BeginTransaction() {
    txn_seq_.store(txn_seq_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  void EndTransaction() {
    txn_seq_.store(txn_seq_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }

  uint32_t txn_seq() const { return txn_seq_.load(std::memory_order_acquire); }
  uint32_t txn_seq_relaxed() const { return txn_seq_.load(std::memory_order_relaxed); }
  // Version and lock bits; two equal values without a writer bit mean that nothing was written
  // between.
  uint64_t version() const { return word_.load(std::memory_order_acquire) & ~kHasSleepers; }
  static bool Locked(uint64_t version) { return (version & kWriter) != 0; }

  // Puts `sleeper` into the FIFO, at its end or as the first, unless the shard is free now (false).
  // It sleeps on one shard only.
  bool Sleep(LockSleeper& sleeper, bool first);
  // Takes a sleeper out that no longer wants to be woken; returns after any wake-up in progress.
  void CancelSleep(LockSleeper& sleeper);

 private:
  static constexpr uint64_t kWriter = 1;
  static constexpr uint64_t kTransaction = 2;
  static constexpr uint64_t kHasSleepers = 4;
  static constexpr uint64_t kVersionStep = uint64_t{1} << 16;

  bool TryLockSpinning();
  void WakeSleeper();
  void LockFifo();
  void UnlockFifo();

  std::atomic<uint64_t> word_{0};
  std::atomic<uint32_t> fifo_lock_{0};
  LockSleeper* first_ = nullptr;
  LockSleeper* last_ = nullptr;
  alignas(64) std::atomic<uint32_t> txn_seq_{0};
};

}  // namespace alai
