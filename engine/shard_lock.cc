#include "engine/shard_lock.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <thread>

#include "engine/base/assert.h"

namespace alai {
namespace {

constexpr int kSpins = 100;

void Pause() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// A thread without a loop that sleeps until it is woken.
class BlockedThread final : public LockSleeper {
 public:
  void WakeForLock() override {
    woken_.store(true, std::memory_order_release);
    woken_.notify_one();
  }
  void Wait() {
    woken_.wait(false, std::memory_order_acquire);
    woken_.store(false, std::memory_order_relaxed);
  }

 private:
  std::atomic<bool> woken_{false};
};

}  // namespace

bool ShardLock::TryLockSpinning() {
  for (int i = 0; i < kSpins; ++i) {
    if (TryLockOnce()) return true;
    Pause();
  }
  return false;
}

void ShardLock::Lock() {
  if (TryLock()) return;
  BlockedThread me;
  do {
    if (Sleep(me, false)) me.Wait();
  } while (!TryLock());
  // The waker still holds the FIFO while it calls WakeForLock(); `me` must outlive that.
  LockFifo();
  UnlockFifo();
}

bool ShardLock::TryClaim() {
  for (int i = 0; i < kSpins; ++i) {
    uint64_t word = word_.load(std::memory_order_relaxed);
    if ((word & kTransaction) == 0 &&
        word_.compare_exchange_weak(word, word | kTransaction, std::memory_order_acquire,
                                    std::memory_order_relaxed)) {
      return true;
    }
    Pause();
  }
  return false;
}

bool ShardLock::TryLockClaimed() {
  for (int i = 0; i < kSpins; ++i) {
    uint64_t word = word_.load(std::memory_order_relaxed);
    DASSERT((word & kTransaction) != 0);
    if ((word & kWriter) == 0 &&
        word_.compare_exchange_weak(word, word | kWriter, std::memory_order_acquire,
                                    std::memory_order_relaxed)) {
      return true;
    }
    Pause();
  }
  return false;
}

void ShardLock::UnlockClaimed() {
  const uint64_t old =
      word_.fetch_add(kVersionStep - kWriter - kTransaction, std::memory_order_release);
  if ((old & kHasSleepers) != 0) WakeSleeper();
}

void ShardLock::Unclaim() {
  const uint64_t old = word_.fetch_and(~kTransaction, std::memory_order_release);
  if ((old & kHasSleepers) != 0) WakeSleeper();
}

bool ShardLock::Sleep(LockSleeper& sleeper, bool first) {
  LockFifo();
  DASSERT(sleeper.sleeping_on_ == nullptr);
  const uint64_t word = word_.fetch_or(kHasSleepers, std::memory_order_acq_rel);
  const uint64_t in_the_way = sleeper.holds_claim_ ? kWriter : kWriter | kTransaction;
  if ((word & in_the_way) == 0) {
    if (first_ == nullptr) word_.fetch_and(~kHasSleepers, std::memory_order_relaxed);
    UnlockFifo();
    return false;
  }
  sleeper.sleeping_on_ = this;
  if (first_ == nullptr) {
    sleeper.next_ = nullptr;
    first_ = last_ = &sleeper;
  } else if (first) {
    sleeper.next_ = first_;
    first_ = &sleeper;
  } else {
    sleeper.next_ = nullptr;
    last_->next_ = &sleeper;
    last_ = &sleeper;
  }
  UnlockFifo();
  return true;
}

void ShardLock::WakeSleeper() {
  LockFifo();
  LockSleeper* sleeper = first_;
  if (sleeper != nullptr) {
    first_ = sleeper->next_;
    if (first_ == nullptr) {
      last_ = nullptr;
      word_.fetch_and(~kHasSleepers, std::memory_order_relaxed);
    }
    sleeper->sleeping_on_ = nullptr;
    sleeper->WakeForLock();
  }
  UnlockFifo();
}

void ShardLock::CancelSleep(LockSleeper& sleeper) {
  LockFifo();
  const bool asleep = sleeper.sleeping_on_ == this;
  if (asleep) {
    LockSleeper** link = &first_;
    LockSleeper* before = nullptr;
    while (*link != &sleeper) {
      before = *link;
      link = &before->next_;
    }
    *link = sleeper.next_;
    if (last_ == &sleeper) last_ = before;
    if (first_ == nullptr) word_.fetch_and(~kHasSleepers, std::memory_order_relaxed);
    sleeper.sleeping_on_ = nullptr;
  }
  UnlockFifo();
  // Whoever was woken and does not want the shard any more passes the wake-up on.
  const uint64_t word = word_.load(std::memory_order_acquire);
  if (!asleep && (word & kHasSleepers) != 0 && (word & (kWriter | kTransaction)) == 0)
    WakeSleeper();
}

void ShardLock::LockFifo() {
  while (fifo_lock_.exchange(1, std::memory_order_acquire) != 0) {
    for (int i = 0; i < kSpins && fifo_lock_.load(std::memory_order_relaxed) != 0; ++i) Pause();
    if (fifo_lock_.load(std::memory_order_relaxed) != 0) std::this_thread::yield();
  }
}

void ShardLock::UnlockFifo() { fifo_lock_.store(0, std::memory_order_release); }

}  // namespace alai
