// Recorded histories of threads on one store are linearizable; planted bugs are caught.
#include <atomic>
#include <functional>
#include <thread>

#include "engine/base/number.h"
#include "engine/base/random.h"
#include "engine/store.h"
#include "engine/types/keys.h"
#include "engine/types/strings.h"
#include "tests/catch.h"
#include "tests/concurrency/linearizability.h"

namespace alai {
namespace {

constexpr int kThreads = 3;
constexpr int kOperations = 60;

// What is deliberately done wrong, to see that the checker notices.
enum class Bug { kNone, kNoValidation, kNoLock };

std::string KeyName(size_t key) { return "key" + std::to_string(key); }

// One thread's way to the store: what the dispatcher does for a command, reduced to its locking.
class Actor {
 public:
  Actor(Store& store, Bug bug) : store_(store), thread_(*store.RegisterThread()), bug_(bug) {}
  ~Actor() { store_.UnregisterThread(&thread_); }
  Actor(const Actor&) = delete;
  Actor& operator=(const Actor&) = delete;

  void Perform(Operation& op) {
    switch (op.kind) {
      case Operation::Kind::kGet:
      case Operation::Kind::kGetAll:
        ReadAll(op);
        break;
      case Operation::Kind::kSetAll:
        WriteAll(op);
        break;
      default:
        WriteOne(op);
    }
    thread_.Quiescent();
  }

 private:
  template <class F>
  void ForKeys(const Operation& op, F f) {
    for (size_t i = 0; i < kHistoryKeys; ++i) {
      if ((op.keys >> i & 1) != 0) f(i, KeyName(i));
    }
  }

  Db OpenDb(Access access) {
    tally_ = Tally{};
    return Db(store_, thread_, tally_, 0, access, SystemClock::Get()->WallMillis());
  }

  int64_t Value(Db& db, const std::string& name) {
    const Result<Record*> found = strings::Find(db, MakeKey(name), Lookup::kUse);
    if (!found.ok() || *found == nullptr) return 0;
    int64_t value = -1;
    ParseInt64(strings::Text(**found).view(), &value);
    return value;
  }

  void ReadAll(Operation& op) {
    const bool several = op.kind == Operation::Kind::kGetAll;
    for (;;) {
      std::array<uint64_t, kHistoryKeys> before{};
      bool valid = true;
      ForKeys(op, [&](size_t i, const std::string& name) {
        const ShardLock& lock = store_.LockOf(MakeKey(name).hash);
        before[i] = several ? lock.version() : lock.txn_seq();
        valid &= several ? !ShardLock::Locked(before[i]) : before[i] % 2 == 0;
      });
      if (!valid && bug_ != Bug::kNoValidation) continue;
      Db db = OpenDb(Access::kOptimistic);
      ForKeys(op, [&](size_t i, const std::string& name) {
        op.result[i] = Value(db, name);
        if (bug_ != Bug::kNone) std::this_thread::yield();
      });
      ForKeys(op, [&](size_t i, const std::string& name) {
        const ShardLock& lock = store_.LockOf(MakeKey(name).hash);
        valid &= before[i] == (several ? lock.version() : lock.txn_seq());
      });
      if (valid || bug_ == Bug::kNoValidation) return;
    }
  }

  void WriteOne(Operation& op) {
    ForKeys(op, [&](size_t i, const std::string& name) {
      const KeyView key = MakeKey(name);
      ShardLock& lock = store_.LockOf(key.hash);
      if (bug_ != Bug::kNoLock) lock.Lock();
      Db db = OpenDb(Access::kLocked);
      if (op.kind == Operation::Kind::kSet) {
        strings::Set(db, key, std::to_string(op.value));
      } else if (op.kind == Operation::Kind::kErase) {
        op.result[i] = keys::Delete(db, key) ? 1 : 0;
      } else if (bug_ == Bug::kNoLock) {
        // A lost update: read, let others in, write.
        const int64_t sum = Value(db, name) + op.value;
        std::this_thread::yield();
        lock.Lock();
        strings::Set(db, key, std::to_string(sum));
        lock.Unlock();
        op.result[i] = sum;
      } else {
        op.result[i] = *strings::Increment(db, key, op.value);
      }
      if (bug_ != Bug::kNoLock) lock.Unlock();
    });
  }

  void WriteAll(Operation& op) {
    std::atomic<bool> woken{false};
    LockRequest request(
        store_, [](void* flag) { static_cast<std::atomic<bool>*>(flag)->store(true); }, &woken);
    ForKeys(op, [&](size_t, const std::string& name) {
      request.shards().Add(store_.ShardIndex(MakeKey(name).hash));
    });
    while (!request.Acquire()) {
      while (!woken.exchange(false)) std::this_thread::yield();
    }
    Db db = OpenDb(Access::kLocked);
    ForKeys(op, [&](size_t, const std::string& name) {
      strings::Set(db, MakeKey(name), std::to_string(op.value));
      std::this_thread::yield();
    });
    request.Release();
  }

  Store& store_;
  StoreThread& thread_;
  const Bug bug_;
  Tally tally_;
};

Operation RandomOperation(Random& random, bool several_keys, bool only_counting) {
  Operation op;
  const auto one_key = static_cast<uint8_t>(1u << random.Below(kHistoryKeys));
  op.value = static_cast<int64_t>(random.Below(1'000'000)) + 1;
  op.keys = one_key;
  const uint64_t dice = random.Below(10);
  if (only_counting) {
    op.kind = Operation::Kind::kIncrement;
    op.keys = 1;
  } else if (several_keys && dice < 3) {
    op.kind = Operation::Kind::kSetAll;
    op.keys = static_cast<uint8_t>(random.Below(15) + 1);
  } else if (several_keys && dice < 6) {
    op.kind = Operation::Kind::kGetAll;
    op.keys = static_cast<uint8_t>(random.Below(15) + 1);
  } else if (dice < 7) {
    op.kind = Operation::Kind::kGet;
  } else if (dice < 8) {
    op.kind = Operation::Kind::kSet;
  } else if (dice < 9) {
    op.kind = Operation::Kind::kErase;
  } else {
    op.kind = Operation::Kind::kIncrement;
  }
  return op;
}

std::vector<Operation> Record(uint64_t seed, Bug bug, bool several_keys) {
  Store store({.databases = 1, .shards = 2});
  std::atomic<uint64_t> order{0};
  std::atomic<int> ready{0};
  std::vector<std::vector<Operation>> parts(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      Actor actor(store, bug);
      Random random(seed * kThreads + static_cast<uint64_t>(t));
      ready.fetch_add(1);
      while (ready.load() < kThreads) std::this_thread::yield();
      for (int i = 0; i < kOperations; ++i) {
        Operation op = RandomOperation(random, several_keys, bug == Bug::kNoLock);
        op.invoked = order.fetch_add(1);
        actor.Perform(op);
        op.returned = order.fetch_add(1);
        parts[static_cast<size_t>(t)].push_back(op);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<Operation> history;
  for (const auto& part : parts) history.insert(history.end(), part.begin(), part.end());
  return history;
}

TEST_CASE("the checker tells right histories from wrong ones") {
  using Kind = Operation::Kind;
  const auto op = [](Kind kind, uint8_t keys, int64_t value, HistoryState result, uint64_t invoked,
                     uint64_t returned) {
    return Operation{kind, keys, value, result, invoked, returned};
  };
  // A read that overlaps a write may see it or not; one that follows must.
  CHECK(IsLinearizable({op(Kind::kSet, 1, 7, {}, 0, 3), op(Kind::kGet, 1, 0, {7}, 1, 2)}));
  CHECK(IsLinearizable({op(Kind::kSet, 1, 7, {}, 0, 3), op(Kind::kGet, 1, 0, {0}, 1, 2)}));
  CHECK_FALSE(IsLinearizable({op(Kind::kSet, 1, 7, {}, 0, 1), op(Kind::kGet, 1, 0, {0}, 2, 3)}));
  // New, then old again, within one overlapping write.
  CHECK_FALSE(IsLinearizable({op(Kind::kSet, 1, 7, {}, 0, 9), op(Kind::kGet, 1, 0, {7}, 1, 2),
                              op(Kind::kGet, 1, 0, {0}, 3, 4)}));
  // Half of a transaction.
  CHECK_FALSE(
      IsLinearizable({op(Kind::kSetAll, 3, 7, {}, 0, 9), op(Kind::kGetAll, 3, 0, {7, 0}, 1, 2)}));
  CHECK_FALSE(IsLinearizable({op(Kind::kSetAll, 3, 7, {}, 0, 9), op(Kind::kGet, 1, 0, {7}, 1, 2),
                              op(Kind::kGet, 2, 0, {0, 0}, 3, 4)}));
  // A lost update.
  CHECK_FALSE(IsLinearizable(
      {op(Kind::kIncrement, 1, 1, {1}, 0, 5), op(Kind::kIncrement, 1, 1, {1}, 1, 6)}));
}

TEST_CASE("single-key histories are linearizable") {
  const uint64_t seed = RandomSeed() >> 16;
  INFO("seed " << seed);
  for (uint64_t round = 0; round < 60; ++round) {
    const std::vector<Operation> history = Record(seed + round, Bug::kNone, false);
    INFO(Describe(history));
    REQUIRE(IsLinearizable(history));
  }
}

TEST_CASE("histories with transactions and multi-key reads are linearizable") {
  const uint64_t seed = RandomSeed() >> 16;
  INFO("seed " << seed);
  for (uint64_t round = 0; round < 60; ++round) {
    const std::vector<Operation> history = Record(seed + round, Bug::kNone, true);
    INFO(Describe(history));
    REQUIRE(IsLinearizable(history));
  }
}

// The planted bugs are races that ThreadSanitizer would rightly report as such were they not between
// atomics, so they run everywhere.
TEST_CASE("reads that are not validated are caught") {
  bool caught = false;
  for (uint64_t round = 0; round < 500 && !caught; ++round) {
    caught = !IsLinearizable(Record(round, Bug::kNoValidation, true));
  }
  CHECK(caught);
}

TEST_CASE("increments that are not locked are caught") {
  bool caught = false;
  for (uint64_t round = 0; round < 500 && !caught; ++round) {
    caught = !IsLinearizable(Record(round, Bug::kNoLock, false));
  }
  CHECK(caught);
}

}  // namespace
}  // namespace alai
