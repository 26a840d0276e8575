// A command's wish to hold the shards of all its keys at once, without ever blocking the thread.
//
// Acquire() takes the shards in ascending order: first every claim (no new writer enters), then
// every writer bit, then the transaction sequence goes odd. Who cannot have them all gives back
// what it has and sleeps on the shard that was taken, holding nothing. After kTriesBeforeTurn
// failures it queues for the turn, of which the store has one: its owner keeps what it has while it
// waits, so it gets there in the end, and because there is only one owner nobody can wait in a
// circle.
//
// Threads     Used by one thread; WakeForLock() comes from others.
// Invariants  A request for one shard needs no claim: its writer bit alone is all or nothing. The
//             sequence goes odd for several keys even when one shard has them all, or the readers of
//             single keys would see half of the change. Destroying or cancelling a request releases
//             all it holds.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <deque>
#include <mutex>

#include "engine/shard_lock.h"
#include "engine/waiters.h"

namespace alai {

class Store;

constexpr uint32_t kShardsMax = 1024;

// The shards of a command's keys.
class ShardSet {
 public:
  // Adds the shard of one key.
  void Add(uint32_t shard) {
    words_[shard / 64] |= uint64_t{1} << (shard % 64);
    ++keys_;
  }
  // Adds every shard, for what concerns all keys.
  void AddAll(uint32_t shard_count);
  void Clear() { *this = ShardSet(); }
  bool Contains(uint32_t shard) const { return (words_[shard / 64] >> (shard % 64) & 1) != 0; }
  uint32_t size() const;
  // How many keys were added; all of them count as several.
  uint32_t keys() const { return keys_; }

  template <class F>
  void ForEach(F f) const {
    for (uint32_t w = 0; w < words_.size(); ++w) {
      for (uint64_t bits = words_[w]; bits != 0; bits &= bits - 1) {
        f(w * 64 + static_cast<uint32_t>(std::countr_zero(bits)));
      }
    }
  }

 private:
  std::array<uint64_t, kShardsMax / 64> words_{};
  uint32_t keys_ = 0;
};

class LockRequest;

// The store's one right to wait for shards while holding others: a FIFO whose owner keeps it until
// its request is released.
class Turn {
 public:
  // True when `request` owns the turn now; otherwise it is queued and woken when it does.
  bool Take(LockRequest& request);
  bool OwnedBy(const LockRequest& request);
  // Gives the turn to the next, or leaves the queue.
  void Leave(LockRequest& request);

 private:
  std::mutex mutex_;
  LockRequest* owner_ = nullptr;
  std::deque<LockRequest*> queue_;
};

class LockRequest final : public LockSleeper {
 public:
  // `wake` is called (from any thread) when Acquire() should be tried again.
  using WakeFunction = void (*)(void* context);

  LockRequest(Store& store, WakeFunction wake, void* context)
      : store_(store), wake_(wake), context_(context) {}
  LockRequest(const LockRequest&) = delete;
  LockRequest& operator=(const LockRequest&) = delete;
  ~LockRequest() override { Cancel(); }

  // Before the first Acquire().
  ShardSet& shards() { return shards_; }
  // Scripts take the turn before any shard.
  void WantTurn() { failed_tries_ = kTriesBeforeTurn; }

  // True: all shards are held. False: asleep, `wake` will be called.
  bool Acquire();
  // Gives everything back. The set of shards stays.
  void Release();
  // Leaves every queue and gives everything back, at any time.
  void Cancel();

  bool held() const { return held_; }

  void WakeForLock() override { wake_(context_); }

  static constexpr int kTriesBeforeTurn = 8;

 private:
  bool several_shards() const;
  bool transaction() const;
  ShardLock& LockOf(uint32_t shard);
  bool TryAll();
  bool WaitAsOwner();
  void SleepOn(ShardLock& lock, bool first);
  void StopSleeping();
  void GiveBack();

  Store& store_;
  const WakeFunction wake_;
  void* const context_;
  ShardSet shards_;
  ShardSet claimed_;
  ShardSet locked_;
  ShardLock* sleeping_on_ = nullptr;
  int failed_tries_ = 0;
  bool in_turn_ = false;  // owns the turn or waits for it
  bool held_ = false;
};

// What a request holds, for who serves waiters.
class HeldByRequest final : public HeldShards {
 public:
  explicit HeldByRequest(LockRequest& request) : shards_(request.shards()) {}
  bool Contains(uint32_t shard) const override { return shards_.Contains(shard); }

 private:
  const ShardSet& shards_;
};

}  // namespace alai
