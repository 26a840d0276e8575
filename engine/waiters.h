// Who waits for keys to hold something: the clients of BLPOP, BZPOPMIN, XREAD BLOCK and their like.
//
// A waiter stands in a queue for each of its keys. A command that makes a key ready serves the waiters that
// need nothing but what it has locked before it releases that, in the order in which they came. One that
// needs other shards as well (BLMOVE) is served next, in a transaction of its own, and nobody behind it before;
// should its shards be busy, it is woken to lock them by itself.
//
//   waiting ──Claim()── claimed ──Serve()── served
//
// Service competes with time-out, CLIENT UNBLOCK and the end of the client by the one step from waiting to
// claimed; who loses does nothing.
//
// Threads     Add() and Serve() with the key's shard locked, Remove() and any() without. A waiter's
//             Readiness() and Serve() run on the thread of whoever made the key ready.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "engine/key_view.h"

namespace alai {

class Db;
class ShardSet;
class Store;

// The shards that the caller holds.
class HeldShards {
 public:
  virtual bool Contains(uint32_t shard) const = 0;

 protected:
  ~HeldShards() = default;
};

class OneShard final : public HeldShards {
 public:
  explicit OneShard(uint32_t shard) : shard_(shard) {}
  bool Contains(uint32_t shard) const override { return shard == shard_; }

 private:
  const uint32_t shard_;
};

class Waiter {
 public:
  enum class Readiness : uint8_t {
    kNo,         // the key holds nothing for this waiter
    kYes,        // Serve() can be called
    kElsewhere,  // it must lock more than is held, what AddShards() says; it has been told
  };

  virtual ~Waiter() = default;

  virtual Readiness Ready(Db& db, KeyView key, const HeldShards& held) = 0;
  // What it must lock besides the shard of its key.
  virtual void AddShards(const Store&, ShardSet&) const {}
  // Whether it is asked as well when a key has gone: who reads for a consumer group is told that there is
  // none any more.
  virtual bool minds_absence() const { return false; }
  // Only after Claim(): takes what it waits for.
  virtual void Serve(Db& db, KeyView key) = 0;

  // True for one caller only.
  bool Claim() { return !claimed_.exchange(true, std::memory_order_acq_rel); }
  bool claimed() const { return claimed_.load(std::memory_order_acquire); }

 private:
  std::atomic<bool> claimed_{false};
};

// The queues of one shard.
class Waiters {
 public:
  // Whether anybody waits here: all that most writers ask.
  bool any() const { return count_.load(std::memory_order_relaxed) != 0; }
  // Whether anybody does who minds that a key has gone.
  bool any_minds_absence() const { return minding_.load(std::memory_order_relaxed) != 0; }

  void Add(int db, std::string_view key, std::shared_ptr<Waiter> waiter);
  // Whether it was there.
  bool Remove(int db, std::string_view key, const Waiter* waiter);
  bool HasQueue(int db, std::string_view key) const;
  // Serves who can be served, as long as the key is ready for somebody. Also after its removal, which
  // ends the waits of some (XREADGROUP). Who needs more shards is noted in the thread's served_next().
  void Serve(Db& db, KeyView key, const HeldShards& held);
  // Calls visit(key) for each key of a database for which somebody waits.
  template <class Visit>
  void ForEachKey(int db, Visit visit) const;

 private:
  using Name = std::pair<int, std::string>;
  using Queue = std::map<uint64_t, std::shared_ptr<Waiter>>;  // by number, in the order of Add()

  // The next one behind number `*after`, which becomes its number.
  std::shared_ptr<Waiter> Next(const Name& name, uint64_t* after) const;

  std::atomic<uint64_t> count_{0};
  std::atomic<uint64_t> minding_{0};
  mutable std::mutex mutex_;  // guards the members below
  std::map<Name, Queue> queues_;
  uint64_t last_number_ = 0;
};

template <class Visit>
void Waiters::ForEachKey(int db, Visit visit) const {
  std::lock_guard guard(mutex_);
  for (auto it = queues_.lower_bound(Name(db, "")); it != queues_.end() && it->first.first == db;
       ++it) {
    visit(it->first.second);
  }
}

}  // namespace alai
