// Classes under threads: renewals beside EXPIRE and PERSIST, purges beside writers, and classes that
// change beside everything.
#include "engine/key_classes.h"

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "engine/base/random.h"
#include "engine/store.h"
#include "engine/types/keys.h"
#include "engine/types/strings.h"
#include "tests/catch.h"
#include "tests/engine/key_class_rule.h"
#include "tests/engine/store_audit.h"

namespace alai {
namespace {

constexpr auto kDuration = std::chrono::milliseconds(500);
constexpr int64_t kTtlMs = 640;

UnixMillis Now() { return SystemClock::Get()->WallMillis(); }

class ClassStress {
 public:
  ClassStress() : store_({.databases = 2, .shards = 2}) {
    StoreThread* thread = store_.RegisterThread();
    store_.SetKeyClasses(*thread, {Rule("s", kTtlMs, true), Rule("m", 0, false)});
    store_.UnregisterThread(thread);
  }

  // Runs each body again and again on a thread of its own, and one that does the background's work.
  void Run(std::vector<std::function<void(StoreThread&, Random&)>> bodies) {
    std::vector<std::thread> running;
    bodies.push_back([this](StoreThread& thread, Random&) {
      store_.Sweep(thread, Now(), 100'000);
      store_.ClassWork(thread, Now(), 100'000);
    });
    for (size_t i = 0; i < bodies.size(); ++i) {
      running.emplace_back([this, i, body = bodies[i]] {
        StoreThread* thread = store_.RegisterThread();
        Random random(i + 1);
        while (!stop_.load(std::memory_order_relaxed)) {
          body(*thread, random);
          thread->Quiescent();
        }
        store_.UnregisterThread(thread);
      });
    }
    std::this_thread::sleep_for(kDuration);
    stop_.store(true);
    for (std::thread& thread : running) thread.join();
  }

  template <class F>
  auto Locked(StoreThread& thread, const std::string& name, F f) {
    const KeyView key = MakeKey(name);
    store_.LockOf(key.hash).Lock();
    Tally tally;
    Db db(store_, thread, tally, 0, Access::kLocked, Now());
    auto result = f(db, key);
    store_.LockOf(key.hash).Unlock();
    return result;
  }
  void Set(StoreThread& thread, const std::string& key) {
    Locked(thread, key, [](Db& db, KeyView k) {
      strings::Set(db, k, "value");
      return true;
    });
  }
  void Read(StoreThread& thread, const std::string& key) {
    Tally tally;
    Db db(store_, thread, tally, 0, Access::kOptimistic, Now());
    db.Find(MakeKey(key));
    store_.RenewSeenSliding(thread, tally.sliding_seen, Now());
  }
  // nullptr: there is no class "m" now, or too many wait.
  std::shared_ptr<const KeyPurge::Job> Purge(std::string_view prefix) {
    const KeyClasses* classes = store_.key_classes();
    const KeyClass* key_class = classes->FindByName("m");
    return key_class == nullptr ? nullptr
                                : store_.purge().Add(*classes, *key_class, prefix, nullptr);
  }
  bool Exists(StoreThread& thread, const std::string& key) {
    return Locked(thread, key,
                  [](Db& db, KeyView k) { return db.Find(k, Lookup::kPeek) != nullptr; });
  }
  void Work(StoreThread& thread) {
    while (store_.ClassWork(thread, Now(), 1'000'000)) thread.Quiescent();
  }

  Store store_;
  std::atomic<bool> stop_{false};
};

TEST_CASE("readers undo neither EXPIRE nor PERSIST") {
  ClassStress stress;
  std::atomic<uint64_t> checks{0};
  std::atomic<uint64_t> wrong{0};
  const auto read = [&](StoreThread& thread, Random& random) {
    stress.Read(thread, "s:" + std::to_string(random.Below(4)));
  };
  const auto change = [&](StoreThread& thread, Random& random) {
    // This thread alone changes these keys, so what it has done must stand a moment later.
    const std::string key = "s:" + std::to_string(random.Below(4));
    stress.Set(thread, key);
    const bool persists = random.Below(2) == 0;
    const UnixMillis deadline = Now() + 300;
    stress.Locked(thread, key, [&](Db& db, KeyView k) {
      return persists ? keys::Persist(db, k) : keys::Expire(db, k, deadline, 0);
    });
    std::this_thread::yield();
    stress.Locked(thread, key, [&](Db& db, KeyView k) {
      const Record* record = db.Find(k, Lookup::kPeek);
      const UnixMillis found = record == nullptr ? 0 : record->deadline();
      if (found != (persists ? kNoDeadline : deadline)) ++wrong;
      return true;
    });
    ++checks;
  };
  stress.Run({read, read, change});
  CHECK(checks > 10);
  CHECK(wrong == 0);
}

TEST_CASE("a purge takes what was written before it and nothing that came after") {
  ClassStress stress;
  std::atomic<uint64_t> rounds{0};
  std::atomic<uint64_t> wrong{0};
  const auto user = [&](int number) {
    return [&, prefix = "m:" + std::to_string(number) + ":"](StoreThread& thread, Random& random) {
      const std::string old_key = prefix + "old" + std::to_string(random.Below(100));
      const std::string new_key = prefix + "new" + std::to_string(random.Below(100));
      stress.Set(thread, old_key);
      const auto job = stress.Purge(prefix);
      if (job == nullptr) return;
      while (!job->began.load(std::memory_order_acquire)) {
        if (stress.stop_.load(std::memory_order_relaxed)) return;
        thread.Quiescent();
        std::this_thread::yield();
      }
      stress.Set(thread, new_key);
      while (!job->done.load(std::memory_order_acquire)) {
        if (stress.stop_.load(std::memory_order_relaxed)) return;
        thread.Quiescent();
        std::this_thread::yield();
      }
      if (stress.Exists(thread, old_key) || !stress.Exists(thread, new_key)) ++wrong;
      ++rounds;
    };
  };
  const auto write_others = [&](StoreThread& thread, Random& random) {
    stress.Set(thread, "other" + std::to_string(random.Below(5000)));
  };
  stress.Run({user(1), user(2), write_others});
  CHECK(rounds > 5);
  CHECK(wrong == 0);
  CHECK(AuditStore(stress.store_).empty());
}

TEST_CASE("classes change under readers, writers, sweeps and purges") {
  ClassStress stress;
  const auto write = [&](StoreThread& thread, Random& random) {
    const std::string key =
        (random.Below(2) == 0 ? "s:" : "m:") + std::to_string(random.Below(2000));
    if (random.Below(3) == 0) {
      stress.Locked(thread, key, [](Db& db, KeyView k) { return keys::Delete(db, k); });
    } else {
      stress.Set(thread, key);
    }
  };
  const auto read = [&](StoreThread& thread, Random& random) {
    stress.Read(thread, "s:" + std::to_string(random.Below(2000)));
    ClassTotals totals;
    stress.store_.SumClass(static_cast<uint32_t>(random.Below(3)), &totals);
  };
  const auto change = [&](StoreThread& thread, Random& random) {
    std::vector<KeyClass> classes = {Rule("s", kTtlMs, random.Below(2) == 0)};
    if (random.Below(2) == 0) classes.push_back(Rule("m", 0, false));
    if (random.Below(2) == 0) classes.push_back(Rule("s:1", 50, false));
    Store& store = stress.store_;
    for (uint32_t i = 0; i < store.shard_count(); ++i) store.shard(i).lock.Lock();
    store.SetKeyClasses(thread, std::move(classes));
    for (uint32_t i = 0; i < store.shard_count(); ++i) store.shard(i).lock.Unlock();
    stress.Purge("m:1");
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  };
  stress.Run({write, write, read, change});
  StoreThread* thread = stress.store_.RegisterThread();
  stress.Work(*thread);
  CHECK(AuditStore(stress.store_).empty());
  stress.store_.UnregisterThread(thread);
}

}  // namespace
}  // namespace alai
