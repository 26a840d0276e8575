// Who wants to know whether a key has been written to since it was last looked at, and who waits until nobody
// wants to know any more.
//
// Any write tells all watches of its key, also one that puts an equal value there, and so does an exchange of
// its database. That a key expires or is evicted does not: who finds it missing sees that.
//
// Threads     A watch is made, asked and renewed with its key's shard locked, and ends with or without.
//             Written() and the like with the shard locked. Await() from any thread.
// Invariants  A shard knows a watch for as long as the watch lives.
// Why         Values that are compared do not tell a key from one that was written anew with the same value,
//             and addresses do not tell a record from the one that got its memory. As with KeyMarks, keys
//             with the same 64 bits share what is told: somebody looks, or waits, once more than needed.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <utility>

#include "engine/key_view.h"

namespace alai {

class KeyWatch;
class KeyWatchWait;

// The watches of one shard.
class KeyWatches {
 public:
  KeyWatches() = default;
  KeyWatches(const KeyWatches&) = delete;
  KeyWatches& operator=(const KeyWatches&) = delete;

  // Whether there are any: all that most writers ask.
  bool any() const { return count_.load(std::memory_order_relaxed) != 0; }

  void Written(int db, KeyView key);
  void DatabaseWritten(int db);

  // Lets `wait` wait until nobody watches the key, in whatever database, as databases change places. False:
  // nobody does; with the key's shard locked nobody begins to.
  bool Await(KeyView key, KeyWatchWait* wait);

 private:
  friend class KeyWatch;
  friend class KeyWatchWait;
  using Place = std::pair<uint64_t, int>;  // hash and database

  void Add(const Place& place, KeyWatch* watch);
  void Remove(const Place& place, KeyWatch* watch);
  void Remove(uint64_t hash, KeyWatchWait* wait);
  // With mutex_ held.
  bool IsWatched(uint64_t hash) const;

  std::atomic<size_t> count_{0};  // of watches
  std::mutex mutex_;              // guards what follows
  std::multimap<Place, KeyWatch*> watches_;
  std::multimap<uint64_t, KeyWatchWait*> waits_;
};

class KeyWatch {
 public:
  // `watches` are those of the key's shard, and outlive the watch.
  KeyWatch(KeyWatches& watches, int db, KeyView key);
  KeyWatch(const KeyWatch&) = delete;
  KeyWatch& operator=(const KeyWatch&) = delete;
  ~KeyWatch();

  // Since the watch was made or renewed.
  bool written() const { return written_; }
  void Renew() { written_ = false; }

 private:
  friend class KeyWatches;

  KeyWatches& watches_;
  const KeyWatches::Place place_;
  bool written_ = false;
};

// Waits for one key at a time. Used by one thread; `wake` comes from others, and not after it has been destroyed.
class KeyWatchWait {
 public:
  // `wake` must not look at watches: it is called while they cannot be asked.
  using WakeFunction = void (*)(void* context);

  KeyWatchWait(WakeFunction wake, void* context) : wake_(wake), context_(context) {}
  KeyWatchWait(const KeyWatchWait&) = delete;
  KeyWatchWait& operator=(const KeyWatchWait&) = delete;
  ~KeyWatchWait() { End(); }

  // Whether or not it has been woken.
  void End();

 private:
  friend class KeyWatches;

  const WakeFunction wake_;
  void* const context_;
  KeyWatches* watches_ = nullptr;  // of what it waits for
  uint64_t hash_ = 0;
};

}  // namespace alai
