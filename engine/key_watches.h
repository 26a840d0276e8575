// Who wants to know whether a key has been written to since it was last looked at.
//
// Any write tells all watches of its key, also one that puts an equal value there, and so does an exchange of
// its database. That a key expires or is evicted does not: who finds it missing sees that.
//
// Threads     A watch is made, asked and renewed with its key's shard locked, and ends with or without.
//             Written(), Taken() and the like with the shard locked.
// Invariants  A shard knows a watch for as long as the watch lives.
// Why         Values that are compared do not tell a key from one that was written anew with the same value,
//             and addresses do not tell a record from the one that got its memory. As with KeyMarks, keys
//             with the same 64 bits share what is told: somebody looks once more than needed.
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
  // The key is gone because it lives on another server now.
  void Taken(int db, KeyView key);

 private:
  friend class KeyWatch;
  using Place = std::pair<int, uint64_t>;  // database and hash

  void Add(const Place& place, KeyWatch* watch);
  void Remove(const Place& place, const KeyWatch* watch);

  std::atomic<size_t> count_{0};
  std::mutex mutex_;  // guards watches_
  std::multimap<Place, KeyWatch*> watches_;
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
  bool taken() const { return taken_; }
  void Renew() { written_ = taken_ = false; }

 private:
  friend class KeyWatches;

  KeyWatches& watches_;
  const KeyWatches::Place place_;
  bool written_ = false;
  bool taken_ = false;
};

}  // namespace alai
