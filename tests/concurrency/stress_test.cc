// Threads on one store, doing everything at once: growth, overwriting, expiry, scans, transactions,
// flushes. Run under ThreadSanitizer and AddressSanitizer this is what shows races and early frees.
#include <atomic>
#include <chrono>
#include <set>
#include <thread>
#include <vector>

#include "engine/base/number.h"
#include "engine/base/random.h"
#include "engine/blob.h"
#include "engine/store.h"
#include "engine/types/hashes.h"
#include "engine/types/keys.h"
#include "engine/types/strings.h"
#include "tests/catch.h"

namespace alai {
namespace {

constexpr auto kDuration = std::chrono::milliseconds(800);

// A store, threads on it that run until time is over, and one that keeps sweeping.
class Stress {
 public:
  explicit Stress(uint32_t shards = 2) : store_({.databases = 2, .shards = shards}) {}

  template <class F>
  void Run(int threads, F body) {
    std::vector<std::thread> running;
    for (int t = 0; t < threads; ++t) {
      running.emplace_back([this, t, body] {
        StoreThread* thread = store_.RegisterThread();
        Random random(static_cast<uint64_t>(t) + 1);
        for (int i = 0; !stop_.load(std::memory_order_relaxed); ++i) {
          body(*thread, random, t);
          store_.RemoveSeenExpired(*thread, Now());
          if (i % 8 == 0) thread->Quiescent();
        }
        store_.UnregisterThread(thread);
      });
    }
    std::thread sweeper([this] {
      StoreThread* thread = store_.RegisterThread();
      while (!stop_.load(std::memory_order_relaxed)) {
        store_.Sweep(*thread, Now(), 200'000);
        store_.FreeDetached(*thread, 200'000);
        thread->Quiescent();
      }
      store_.UnregisterThread(thread);
    });
    std::this_thread::sleep_for(kDuration);
    stop_.store(true);
    for (std::thread& thread : running) thread.join();
    sweeper.join();
    stop_.store(false);
  }

  static UnixMillis Now() { return SystemClock::Get()->WallMillis(); }

  template <class F>
  void Locked(StoreThread& thread, const std::string& name, F f) {
    const KeyView key = MakeKey(name);
    store_.LockOf(key.hash).Lock();
    Tally tally;
    Db db(store_, thread, tally, 0, Access::kLocked, Now());
    f(db, key);
    store_.LockOf(key.hash).Unlock();
  }

  Store store_;
  std::atomic<bool> stop_{false};
};

// The value spells its key and a number that is the same twice, so torn or foreign bytes show.
std::string ValueOf(const std::string& key, uint64_t n) {
  return key + ":" + std::to_string(n) + ":" + std::string(n % 200, 'x') + std::to_string(n);
}

bool Belongs(std::string_view value, const std::string& key) {
  if (!value.starts_with(key + ":")) return false;
  value.remove_prefix(key.size() + 1);
  const size_t colon = value.find(':');
  return colon != std::string_view::npos && value.ends_with(value.substr(0, colon));
}

TEST_CASE_METHOD(Stress, "readers see whole values of their key while everything changes") {
  std::atomic<uint64_t> wrong{0};
  Run(4, [&](StoreThread& thread, Random& random, int) {
    const std::string name = "key" + std::to_string(random.Below(3'000));
    const uint64_t dice = random.Below(10);
    if (dice < 6) {
      Tally tally;
      Db db(store_, thread, tally, 0, Access::kOptimistic, Now());
      const Record* record = db.Find(MakeKey(name));
      if (record != nullptr && !Belongs(strings::Text(*record).view(), name)) ++wrong;
    } else if (dice < 9) {
      Locked(thread, name, [&](Db& db, KeyView key) {
        strings::SetOptions options;
        if (random.Below(2) == 0) {
          options.deadline = db.now() + static_cast<int64_t>(random.Below(50)) + 1;
        }
        static_cast<void>(strings::Set(db, key, ValueOf(name, random.Next() >> 20), options));
      });
    } else {
      Locked(thread, name, [](Db& db, KeyView key) { keys::Delete(db, key); });
    }
  });
  CHECK(wrong == 0);
}

TEST_CASE_METHOD(Stress, "a key that is there is found through steps, splits and displacements") {
  constexpr uint64_t kFixed = 500;
  StoreThread* setup = store_.RegisterThread();
  for (uint64_t i = 0; i < kFixed; ++i) {
    Locked(*setup, "fixed" + std::to_string(i),
           [](Db& db, KeyView key) { strings::Set(db, key, "v"); });
  }
  store_.UnregisterThread(setup);
  std::atomic<uint64_t> missed{0};
  std::atomic<uint64_t> next{0};
  Run(3, [&](StoreThread& thread, Random& random, int t) {
    if (t == 0) {
      const std::string name = "growing" + std::to_string(next.fetch_add(1));
      Locked(thread, name, [](Db& db, KeyView key) { strings::Set(db, key, "v"); });
      return;
    }
    Tally tally;
    Db db(store_, thread, tally, 0, Access::kOptimistic, Now());
    const std::string name = "fixed" + std::to_string(random.Below(kFixed));
    if (db.Find(MakeKey(name)) == nullptr) ++missed;
  });
  CHECK(missed == 0);
  CHECK(next > kFixed);
}

TEST_CASE_METHOD(Stress, "a scan beside growth misses nothing that stays") {
  constexpr uint64_t kFixed = 500;
  StoreThread* setup = store_.RegisterThread();
  for (uint64_t i = 0; i < kFixed; ++i) {
    Locked(*setup, "fixed" + std::to_string(i),
           [](Db& db, KeyView key) { strings::Set(db, key, "v"); });
  }
  store_.UnregisterThread(setup);
  std::atomic<uint64_t> incomplete{0};
  std::atomic<uint64_t> scans{0};
  std::atomic<uint64_t> next{0};
  Run(2, [&](StoreThread& thread, Random& random, int t) {
    if (t == 0) {
      if (next.load() > 20'000) return;
      const std::string name = "growing" + std::to_string(next.fetch_add(1));
      Locked(thread, name, [](Db& db, KeyView key) { strings::Set(db, key, "v"); });
      return;
    }
    std::set<std::string> seen;
    uint64_t cursor = 0;
    do {
      cursor = store_.Scan(thread, 0, cursor, 50, Now(), [&seen](const Record& record) {
        if (record.key().starts_with("fixed")) seen.emplace(record.key());
      });
      thread.Quiescent();
    } while (cursor != 0 && !stop_.load());
    if (cursor != 0) return;
    ++scans;
    if (seen.size() != kFixed) ++incomplete;
  });
  CHECK(scans > 0);
  CHECK(incomplete == 0);
}

TEST_CASE_METHOD(Stress, "flushes, swaps and transactions do not disturb each other") {
  Run(4, [&](StoreThread& thread, Random& random, int t) {
    std::atomic<bool> woken{false};
    LockRequest request(
        store_, [](void* flag) { static_cast<std::atomic<bool>*>(flag)->store(true); }, &woken);
    const bool all = t == 0 && random.Below(50) == 0;
    std::vector<std::string> names;
    if (all) {
      request.shards().AddAll(store_.shard_count());
    } else {
      for (int i = 0; i < 3; ++i) {
        names.push_back("key" + std::to_string(random.Below(100)));
        request.shards().Add(store_.ShardIndex(MakeKey(names.back()).hash));
      }
    }
    // A request that is given up while it waits must leave no trace.
    if (random.Below(10) == 0) {
      if (!request.Acquire()) return;
    } else {
      while (!request.Acquire()) {
        while (!woken.exchange(false)) std::this_thread::yield();
      }
    }
    if (all) {
      if (random.Below(2) == 0) {
        store_.FlushDatabase(thread, 0);
      } else {
        store_.SwapDatabases(0, 1);
      }
    } else {
      Tally tally;
      Db db(store_, thread, tally, 0, Access::kLocked, Now());
      for (const std::string& name : names) {
        strings::SetOptions options;
        options.deadline = db.now() + 20;
        static_cast<void>(strings::Set(db, MakeKey(name), ValueOf(name, 1), options));
      }
    }
    request.Release();
  });
  // Every lock has been given back.
  LockRequest request(
      store_, [](void*) {}, nullptr);
  request.shards().AddAll(store_.shard_count());
  CHECK(request.Acquire());
}

TEST_CASE_METHOD(Stress, "hints about parts of a value hold while it changes, moves and goes") {
  store_.packing.hash_entries.store(4);
  std::atomic<uint64_t> wrong{0};
  Run(4, [&](StoreThread& thread, Random& random, int t) {
    const std::string name = "hash" + std::to_string(random.Below(3));
    const std::string field = "field" + std::to_string(random.Below(200));
    if (t < 2) {
      const std::string other = "field" + std::to_string(random.Below(200));
      const std::string_view names[] = {field, other};
      store_.PrefetchParts(0, MakeKey(name), names);
      return;
    }
    Locked(thread, name, [&](Db& db, KeyView key) {
      const uint64_t dice = random.Below(400);
      const std::string_view pair[] = {field, field};
      if (dice == 0) {
        keys::Delete(db, key);
      } else if (dice == 1) {
        static_cast<void>(strings::Set(db, key, "text", {}));
      } else if (dice == 2) {
        const Record* record = db.Find(key);
        if (record != nullptr && record->type() == Type::kString) keys::Delete(db, key);
      } else if (dice < 250) {
        static_cast<void>(hashes::Set(db, key, pair));
      } else {
        const Result<Record*> found = hashes::Find(db, key, Lookup::kUse);
        if (!found.ok() || *found == nullptr) return;
        char digits[kInt64CharsMax];
        const auto value = hashes::Fields(*found, db.now()).Find(field);
        if (value.has_value() && value->View(digits) != field) ++wrong;
      }
    });
  });
  CHECK(wrong == 0);
}

TEST_CASE_METHOD(Stress, "large values are read whole while they are appended to and overwritten") {
  std::atomic<uint64_t> torn{0};
  Run(3, [&](StoreThread& thread, Random& random, int t) {
    const std::string name = "big" + std::to_string(random.Below(2));
    if (t == 0) {
      Locked(thread, name, [&](Db& db, KeyView key) {
        const Record* record = db.Find(key);
        if (record == nullptr || strings::Length(*record) > 200'000) {
          strings::Set(db, key, std::string(8'000, 'a'));
        } else if (random.Below(3) == 0) {
          static_cast<void>(
              strings::Overwrite(db, key, random.Below(4'000), std::string(2'000, 'a'), 1'000'000));
        } else {
          static_cast<void>(strings::Append(db, key, std::string(1'000, 'a'), 1'000'000));
        }
      });
      return;
    }
    const KeyView key = MakeKey(name);
    const auto look = [&](Access access, Tally* tally) {
      Db db(store_, thread, *tally, 0, access, Now());
      const Record* record = db.Find(key);
      if (record == nullptr) return;
      const strings::Text text(*record);
      if (text.view().find_first_not_of('a') != std::string_view::npos) ++torn;
    };
    Tally tally;
    look(Access::kOptimistic, &tally);
    if (tally.needs_lock) {
      store_.LockOf(key.hash).Lock();
      look(Access::kLocked, &tally);
      store_.LockOf(key.hash).Unlock();
    }
  });
  CHECK(torn == 0);
}

}  // namespace
}  // namespace alai
