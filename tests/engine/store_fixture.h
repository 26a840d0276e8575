// A small store on a fake clock, used from one thread.
#pragma once

#include <set>
#include <string>

#include "engine/store.h"
#include "tests/catch.h"
#include "tests/engine/all_shards.h"

namespace alai {

class StoreFixture {
 public:
  explicit StoreFixture(uint32_t shards = 4)
      : store_({.databases = 4, .shards = shards, .clock = &clock_}),
        thread_(*store_.RegisterThread()) {}

  Db db(int index = 0) {
    return Db(store_, thread_, tally_, index, Access::kLocked, clock_.WallMillis());
  }
  void Put(const std::string& key, const std::string& value, UnixMillis deadline = kNoDeadline,
           int index = 0) {
    const KeyView view = MakeKey(key);
    store_.LockOf(view.hash).Lock();
    db(index).Put(view, {.key = key, .deadline = deadline, .value = value});
    store_.LockOf(view.hash).Unlock();
  }
  bool Erase(const std::string& key, int index = 0) {
    const KeyView view = MakeKey(key);
    store_.LockOf(view.hash).Lock();
    const bool erased = db(index).Erase(view);
    store_.LockOf(view.hash).Unlock();
    return erased;
  }
  std::string Get(const std::string& key, int index = 0) {
    Db optimistic(store_, thread_, tally_, index, Access::kOptimistic, clock_.WallMillis());
    const Record* record = optimistic.Find(MakeKey(key));
    return record == nullptr ? "(nil)" : std::string(record->inline_value());
  }
  std::multiset<std::string> ScanAll(uint64_t count, int index = 0) {
    std::multiset<std::string> keys;
    uint64_t cursor = 0;
    do {
      cursor = store_.Scan(thread_, index, cursor, count, clock_.WallMillis(),
                           [&](const Record& r) { keys.insert(std::string(r.key())); });
      CHECK(cursor < uint64_t{1} << 53);
    } while (cursor != 0);
    return keys;
  }

  // Everything that is due at the clock's time is gone afterwards.
  void SweepAll() {
    while (store_.Sweep(thread_, clock_.WallMillis(), 1'000'000'000).more) {
    }
  }
  void Flush(int index) {
    {
      const AllShards all(store_);
      store_.FlushDatabase(thread_, index);
    }
    while (store_.FreeDetached(thread_, 1'000'000)) thread_.Quiescent();
  }

  FakeClock clock_{1'700'000'000'000};
  Store store_;
  StoreThread& thread_;
  Tally tally_;
};

inline std::string Key(uint64_t i) { return "key:" + std::to_string(i); }

}  // namespace alai
