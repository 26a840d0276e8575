// What the engine's benchmarks share: a filled store, shuffled keys, and the operations as the
// server's dispatcher performs them.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/hash.h"
#include "engine/base/random.h"
#include "engine/db.h"
#include "engine/store.h"
#include "engine/types/strings.h"

namespace alai {

constexpr size_t kBatch = 16;
constexpr size_t kKeyBytes = 16;

// Keys of 16 bytes that have nothing in common, in shuffled order: sequential ones would flatter the
// hardware's prefetcher.
class Keys {
 public:
  explicit Keys(size_t count, uint64_t first = 0) : bytes_(count * kKeyBytes), count_(count) {
    std::vector<uint32_t> order(count);
    for (uint32_t i = 0; i < count; ++i) order[i] = i;
    Random random(7);
    for (size_t i = count; i > 1; --i) std::swap(order[i - 1], order[random.Below(i)]);
    for (size_t i = 0; i < count; ++i) Spell(first + order[i], &bytes_[i * kKeyBytes]);
  }

  size_t count() const { return count_; }
  std::string_view at(size_t i) const { return {&bytes_[i * kKeyBytes], kKeyBytes}; }

 private:
  static void Spell(uint64_t n, char* out) {
    static constexpr char kHex[] = "0123456789abcdef";
    uint64_t mixed = Random(n + 1).Next();
    out[0] = 'k';
    out[1] = ':';
    for (size_t i = 2; i < kKeyBytes; ++i, mixed >>= 4) out[i] = kHex[mixed & 15];
  }

  std::vector<char> bytes_;
  size_t count_;
};

// One thread's use of a store.
class Worker {
 public:
  explicit Worker(Store& store) : store_(store), thread_(*store.RegisterThread()) {}
  ~Worker() { store_.UnregisterThread(&thread_); }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Length of the value, which is copied to `out`; 0 for a missing key.
  size_t Get(KeyView key, char* out) {
    const ShardLock& lock = store_.LockOf(key.hash);
    for (;;) {
      const uint32_t before = lock.txn_seq();
      Tally tally;
      Db db(store_, thread_, tally, 0, Access::kOptimistic, now_);
      const Record* record = db.Find(key);
      size_t size = 0;
      if (record != nullptr) {
        const std::string_view value = record->inline_value();
        std::memcpy(out, value.data(), value.size());
        size = value.size();
      }
      if (before % 2 == 0 && lock.txn_seq() == before) return size;
    }
  }

  void Set(KeyView key, std::string_view value, UnixMillis deadline = kNoDeadline) {
    ShardLock& lock = store_.LockOf(key.hash);
    lock.Lock();
    Tally tally;
    Db db(store_, thread_, tally, 0, Access::kLocked, now_);
    if (deadline == kNoDeadline) {
      strings::Set(db, key, value);
    } else {
      db.Put(key, {.key = key.bytes, .deadline = deadline, .value = value});
    }
    lock.Unlock();
  }

  // Hashes a batch of keys from `first` on and fetches their buckets, then their records.
  using Batch = std::array<KeyView, kBatch>;
  void Prefetch(const Keys& keys, size_t first, Batch* batch) {
    for (size_t i = 0; i < kBatch; ++i) {
      (*batch)[i] = MakeKey(keys.at(first + i));
      store_.PrefetchBucket(0, (*batch)[i].hash);
    }
    for (const KeyView& key : *batch) store_.PrefetchRecord(0, key.hash);
  }

  void Quiescent() { thread_.Quiescent(); }
  void GoOffline() { thread_.GoOffline(); }
  void GoOnline() { thread_.GoOnline(); }
  StoreThread& thread() { return thread_; }
  void set_now(UnixMillis now) { now_ = now; }

 private:
  Store& store_;
  StoreThread& thread_;
  UnixMillis now_ = SystemClock::Get()->WallMillis();
};

inline constexpr std::string_view kValue32 = "0123456789abcdef0123456789abcdef";

inline std::unique_ptr<Store> FilledStore(const Keys& keys) {
  auto store = std::make_unique<Store>(StoreOptions{.databases = 1, .workers = 2});
  Worker worker(*store);
  for (size_t i = 0; i < keys.count(); ++i) {
    worker.Set(MakeKey(keys.at(i)), kValue32);
    if (i % kBatch == 0) worker.Quiescent();
  }
  return store;
}

}  // namespace alai
