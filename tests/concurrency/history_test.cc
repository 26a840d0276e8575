// Recorded histories of threads on one store are linearizable; planted bugs are caught.
#include <atomic>
#include <chrono>
#include <string>
#include <thread>

#include "engine/base/number.h"
#include "engine/base/random.h"
#include "engine/change_log.h"
#include "engine/store.h"
#include "engine/types/keys.h"
#include "engine/types/strings.h"
#include "tests/catch.h"
#include "tests/concurrency/key_history.h"
#include "tests/concurrency/linearizability.h"

namespace alai {
namespace {

constexpr int kThreads = 3;
constexpr int kOperations = 60;
constexpr UnixMillis kStart = 1'700'000'000'000;

// What is deliberately done wrong, to see that the checker notices.
enum class Bug {
  kNone,
  kNoValidation,  // readers do not look whether something changed meanwhile
  kNoLock,        // an increment is read, then written
  kNoSequence,    // a change of several keys in one shard says that it is one of one key
  kOldClock,      // a thread's time stands still
};

// Which operations a history is made of.
enum class Mix { kSingle, kSeveral, kOneShard, kMoves, kDeadlines, kTransfers, kIncrements };

// The keys of a history: two in one shard, one in the other, and the first once more in another
// database.
struct Place {
  std::string name;
  int db;
};
using Places = std::array<Place, kHistoryKeys>;

Places ChoosePlaces(const Store& store) {
  std::array<std::vector<std::string>, 2> names;
  for (int i = 0; names[0].size() < 2 || names[1].empty(); ++i) {
    const std::string name = "key" + std::to_string(i);
    names[store.ShardIndex(Hash(name))].push_back(name);
  }
  return {{{names[0][0], 0}, {names[0][1], 0}, {names[1][0], 0}, {names[0][0], 1}}};
}

// Lets other threads run where a change has begun and is not done. With a planted bug it lingers where a
// key is there twice, in its old place and in its new one; not before that, or the others would all be
// waiting for the lock by then.
class YieldingLog final : public ChangeLog {
 public:
  explicit YieldingLog(Bug bug) : linger_(bug != Bug::kNone) {}
  void Append(int, std::span<const std::string_view> command) override {
    if (linger_ && command.front() == "DEL") {
      std::this_thread::sleep_for(std::chrono::microseconds(20));
    } else if (!linger_) {
      std::this_thread::yield();
    }
  }
  bool Reserve(size_t) override { return true; }

 private:
  const bool linger_;
};

// One thread's way to the store: what the dispatcher does for a command, reduced to its locking.
class Actor {
 public:
  Actor(Store& store, const Places& places, const Clock& clock, Bug bug)
      : store_(store),
        places_(places),
        clock_(clock),
        thread_(*store.RegisterThread()),
        bug_(bug),
        born_(clock.WallMillis()) {}
  ~Actor() { store_.UnregisterThread(&thread_); }
  Actor(const Actor&) = delete;
  Actor& operator=(const Actor&) = delete;

  void Perform(Operation& op) {
    op.now = clock_.WallMillis();
    now_ = bug_ == Bug::kOldClock ? born_ : op.now;
    switch (op.kind) {
      case Operation::Kind::kGet:
      case Operation::Kind::kGetAll:
      case Operation::Kind::kGetDeadline:
        Read(op);
        break;
      case Operation::Kind::kSetAll:
      case Operation::Kind::kRename:
      case Operation::Kind::kMove:
        Transact(op);
        break;
      case Operation::Kind::kSweep:
        store_.Sweep(thread_, now_, 1'000'000'000);
        break;
      default:
        WriteOne(op);
    }
    store_.RemoveSeenExpired(thread_, now_);
    thread_.Quiescent();
  }

 private:
  template <class F>
  void ForKeys(const Operation& op, F f) {
    for (size_t i = 0; i < kHistoryKeys; ++i) {
      if ((op.keys >> i & 1) != 0) f(i, MakeKey(places_[i].name));
    }
  }

  Db OpenDb(Access access, int index) {
    tally_ = Tally{};
    return Db(store_, thread_, tally_, index, access, now_);
  }

  int64_t Value(Db& db, KeyView key) {
    const Result<Record*> found = strings::Find(db, key, Lookup::kUse);
    if (!found.ok() || *found == nullptr) return 0;
    int64_t value = -1;
    ParseInt64(strings::Text(**found).view(), &value);
    return value;
  }

  int64_t Deadline(Db& db, KeyView key) {
    const auto* record = db.Find(key, Lookup::kPeek);
    if (record == nullptr) return -1;
    const UnixMillis deadline = keys::DeadlineOf(db, *record);
    if (deadline == 0) return -1;
    return deadline == kNoDeadline ? 0 : deadline;
  }

  void Read(Operation& op) {
    const bool several = op.kind == Operation::Kind::kGetAll;
    for (;;) {
      std::array<uint64_t, kHistoryKeys> before{};
      bool valid = true;
      ForKeys(op, [&](size_t i, KeyView key) {
        const ShardLock& lock = store_.LockOf(key.hash);
        before[i] = several ? lock.version() : lock.txn_seq();
        valid &= several ? !ShardLock::Locked(before[i]) : before[i] % 2 == 0;
      });
      if (!valid && bug_ != Bug::kNoValidation) continue;
      ForKeys(op, [&](size_t i, KeyView key) {
        Db db = OpenDb(Access::kOptimistic, places_[i].db);
        const bool deadline = op.kind == Operation::Kind::kGetDeadline;
        op.result[i] = deadline ? Deadline(db, key) : Value(db, key);
        if (bug_ != Bug::kNone) std::this_thread::yield();
      });
      ForKeys(op, [&](size_t i, KeyView key) {
        const ShardLock& lock = store_.LockOf(key.hash);
        valid &= before[i] == (several ? lock.version() : lock.txn_seq());
      });
      if (valid || bug_ == Bug::kNoValidation) return;
    }
  }

  void WriteOne(Operation& op) {
    ForKeys(op, [&](size_t i, KeyView key) {
      ShardLock& lock = store_.LockOf(key.hash);
      if (bug_ == Bug::kNoLock) return IncrementUnlocked(op, i, key);
      lock.Lock();
      Db db = OpenDb(Access::kLocked, places_[i].db);
      switch (op.kind) {
        case Operation::Kind::kSet:
          strings::Set(db, key, std::to_string(op.value));
          break;
        case Operation::Kind::kErase:
          op.result[i] = keys::Delete(db, key) ? 1 : 0;
          break;
        case Operation::Kind::kIncrement:
          op.result[i] = *strings::Increment(db, key, op.value);
          break;
        case Operation::Kind::kExpire:
          op.result[i] = keys::Expire(db, key, op.value, keys::kExpireAlways) ? 1 : 0;
          break;
        default:
          op.result[i] = keys::Persist(db, key) ? 1 : 0;
      }
      lock.Unlock();
    });
  }

  // A lost update: read, let others in, write.
  void IncrementUnlocked(Operation& op, size_t i, KeyView key) {
    Db db = OpenDb(Access::kLocked, places_[i].db);
    const int64_t sum = Value(db, key) + op.value;
    std::this_thread::yield();
    ShardLock& lock = store_.LockOf(key.hash);
    lock.Lock();
    strings::Set(db, key, std::to_string(sum));
    lock.Unlock();
    op.result[i] = sum;
  }

  void Transact(Operation& op) {
    std::atomic<bool> woken{false};
    LockRequest request(
        store_, [](void* flag) { static_cast<std::atomic<bool>*>(flag)->store(true); }, &woken);
    ForKeys(op, [&](size_t, KeyView key) {
      const uint32_t shard = store_.ShardIndex(key.hash);
      if (bug_ == Bug::kNoSequence && request.shards().Contains(shard)) return;
      request.shards().Add(shard);
    });
    while (!request.Acquire()) {
      while (!woken.exchange(false)) std::this_thread::yield();
    }
    if (op.kind == Operation::Kind::kSetAll) {
      ForKeys(op, [&](size_t i, KeyView key) {
        Db db = OpenDb(Access::kLocked, places_[i].db);
        strings::Set(db, key, std::to_string(op.value));
        std::this_thread::yield();
      });
    } else {
      op.result[op.from] = Transfer(op) ? 1 : 0;
    }
    request.Release();
  }

  bool Transfer(const Operation& op) {
    Db from_db = OpenDb(Access::kLocked, places_[op.from].db);
    Db to_db = from_db.Sibling(places_[op.to].db);
    const KeyView from = MakeKey(places_[op.from].name);
    if (op.kind == Operation::Kind::kMove) return keys::Move(from_db, to_db, from);
    return keys::Rename(from_db, from, MakeKey(places_[op.to].name), true) == Errc::kOk;
  }

  Store& store_;
  const Places& places_;
  const Clock& clock_;
  StoreThread& thread_;
  const Bug bug_;
  const UnixMillis born_;
  UnixMillis now_ = 0;
  Tally tally_;
};

using Kind = Operation::Kind;

Kind RandomKind(Random& random, Mix mix) {
  const auto one_of = [&](std::initializer_list<Kind> kinds) {
    return kinds.begin()[random.Below(kinds.size())];
  };
  switch (mix) {
    case Mix::kIncrements:
      return Kind::kIncrement;
    case Mix::kSingle:
      return one_of({Kind::kGet, Kind::kGet, Kind::kSet, Kind::kErase, Kind::kIncrement});
    case Mix::kSeveral:
      return one_of({Kind::kSetAll, Kind::kSetAll, Kind::kGetAll, Kind::kGetAll, Kind::kGet,
                     Kind::kGet, Kind::kSet, Kind::kErase, Kind::kIncrement});
    case Mix::kOneShard:
      return one_of({Kind::kSetAll, Kind::kGet, Kind::kGet, Kind::kGet});
    case Mix::kMoves:
      return one_of({Kind::kSet, Kind::kErase, Kind::kMove, Kind::kMove, Kind::kMove, Kind::kGet,
                     Kind::kGet, Kind::kGet, Kind::kGet, Kind::kGet, Kind::kGet});
    case Mix::kDeadlines:
      return one_of({Kind::kGet, Kind::kGet, Kind::kGetDeadline, Kind::kExpire, Kind::kExpire,
                     Kind::kPersist, Kind::kSet, Kind::kIncrement, Kind::kErase, Kind::kSweep});
    case Mix::kTransfers:
      return one_of({Kind::kGet, Kind::kGet, Kind::kGet, Kind::kGetAll, Kind::kSet, Kind::kRename,
                     Kind::kRename, Kind::kMove, Kind::kMove, Kind::kExpire, Kind::kGetDeadline});
  }
  return Kind::kGet;
}

Operation RandomOperation(Random& random, Mix mix, UnixMillis now) {
  constexpr uint8_t kAll = (1u << kHistoryKeys) - 1;
  Operation op;
  op.kind = RandomKind(random, mix);
  op.value = static_cast<int64_t>(random.Below(1'000'000)) + 1;
  op.keys = static_cast<uint8_t>(1u << random.Below(kHistoryKeys));
  switch (op.kind) {
    case Kind::kSetAll:
    case Kind::kGetAll:
      op.keys = static_cast<uint8_t>(random.Below(kAll) + 1);
      break;
    case Kind::kExpire:
      op.value = now + 1 + static_cast<int64_t>(random.Below(8));
      break;
    case Kind::kRename:
      op.from = static_cast<uint8_t>(random.Below(3));
      op.to = static_cast<uint8_t>((op.from + 1 + random.Below(2)) % 3);
      break;
    case Kind::kMove:
      op.from = random.Below(2) == 0 ? 0 : 3;
      op.to = static_cast<uint8_t>(3 - op.from);
      break;
    case Kind::kSweep:
      op.keys = kAll;
      break;
    case Kind::kIncrement:
      if (mix == Mix::kIncrements) op.keys = 1;
      break;
    default:
      break;
  }
  // Only the first, in its two databases.
  if (mix == Mix::kMoves) op.keys = random.Below(2) == 0 ? 1 : 8;
  // All but the third.
  if (mix == Mix::kOneShard) {
    op.keys =
        op.kind == Kind::kSetAll ? 0b1011 : static_cast<uint8_t>(random.Below(2) == 0 ? 1 : 2);
  }
  if (op.from != op.to) op.keys = static_cast<uint8_t>(1u << op.from | 1u << op.to);
  return op;
}

std::vector<Operation> Record(uint64_t seed, Mix mix, Bug bug = Bug::kNone) {
  FakeClock clock(kStart);
  Store store({.databases = 2, .shards = 2, .clock = &clock});
  YieldingLog log(bug);
  store.set_change_log(&log);
  const Places places = ChoosePlaces(store);
  std::atomic<uint64_t> order{0};
  std::atomic<int> ready{0};
  std::vector<std::vector<Operation>> parts(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      Actor actor(store, places, clock, bug);
      Random random(seed * kThreads + static_cast<uint64_t>(t));
      ready.fetch_add(1);
      while (ready.load() < kThreads) std::this_thread::yield();
      for (int i = 0; i < kOperations; ++i) {
        if (random.Below(4) == 0) clock.AdvanceMillis(1);
        Operation op = RandomOperation(random, mix, clock.WallMillis());
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

bool Linearizable(const std::vector<Operation>& history) {
  return IsLinearizable<HistoryState>(history);
}

TEST_CASE("the checker tells right histories from wrong ones") {
  const auto op = [](Kind kind, uint8_t keys, int64_t value, HistoryResult result, uint64_t invoked,
                     uint64_t returned) {
    return Operation{kind, keys, value, result, invoked, returned};
  };
  // A read that overlaps a write may see it or not; one that follows must.
  CHECK(Linearizable({op(Kind::kSet, 1, 7, {}, 0, 3), op(Kind::kGet, 1, 0, {7}, 1, 2)}));
  CHECK(Linearizable({op(Kind::kSet, 1, 7, {}, 0, 3), op(Kind::kGet, 1, 0, {0}, 1, 2)}));
  CHECK_FALSE(Linearizable({op(Kind::kSet, 1, 7, {}, 0, 1), op(Kind::kGet, 1, 0, {0}, 2, 3)}));
  // New, then old again, within one overlapping write.
  CHECK_FALSE(Linearizable({op(Kind::kSet, 1, 7, {}, 0, 9), op(Kind::kGet, 1, 0, {7}, 1, 2),
                            op(Kind::kGet, 1, 0, {0}, 3, 4)}));
  // Half of a transaction.
  CHECK_FALSE(
      Linearizable({op(Kind::kSetAll, 3, 7, {}, 0, 9), op(Kind::kGetAll, 3, 0, {7, 0}, 1, 2)}));
  CHECK_FALSE(Linearizable({op(Kind::kSetAll, 3, 7, {}, 0, 9), op(Kind::kGet, 1, 0, {7}, 1, 2),
                            op(Kind::kGet, 2, 0, {0, 0}, 3, 4)}));
  // A lost update.
  CHECK_FALSE(
      Linearizable({op(Kind::kIncrement, 1, 1, {1}, 0, 5), op(Kind::kIncrement, 1, 1, {1}, 1, 6)}));
}

TEST_CASE("the checker knows deadlines and keys that change places") {
  const auto op = [](Kind kind, uint8_t keys, int64_t value, HistoryResult result, uint64_t at,
                     int64_t now, uint8_t from = 0, uint8_t to = 0) {
    return Operation{kind, keys, value, result, at, at + 1, now, from, to};
  };
  const Operation set = op(Kind::kSet, 1, 7, {}, 0, 10);
  const Operation expire = op(Kind::kExpire, 1, 20, {1}, 2, 11);
  CHECK(Linearizable({set, expire, op(Kind::kGet, 1, 0, {7}, 4, 19)}));
  CHECK_FALSE(Linearizable({set, expire, op(Kind::kGet, 1, 0, {0}, 4, 19)}));
  CHECK(Linearizable({set, expire, op(Kind::kGet, 1, 0, {0}, 4, 20)}));
  CHECK_FALSE(Linearizable({set, expire, op(Kind::kGet, 1, 0, {7}, 4, 20)}));
  const Operation persist = op(Kind::kPersist, 1, 0, {1}, 4, 12);
  CHECK(Linearizable({set, expire, persist, op(Kind::kGet, 1, 0, {7}, 6, 20)}));
  CHECK_FALSE(Linearizable({set, persist}));
  // Seen as gone it may have been removed, which who is behind finds or does not; not back and forth.
  const Operation gone = op(Kind::kGet, 1, 0, {0}, 4, 20);
  CHECK(Linearizable({set, expire, gone, op(Kind::kGet, 1, 0, {7}, 6, 19)}));
  CHECK(Linearizable(
      {set, expire, gone, op(Kind::kPersist, 1, 0, {1}, 6, 19), op(Kind::kGet, 1, 0, {7}, 8, 25)}));
  CHECK_FALSE(Linearizable(
      {set, expire, gone, op(Kind::kGet, 1, 0, {0}, 6, 19), op(Kind::kGet, 1, 0, {7}, 8, 19)}));
  // The deadline goes with the key; moving does not replace.
  const Operation rename = op(Kind::kRename, 3, 0, {1}, 4, 12, 0, 1);
  CHECK(Linearizable({set, expire, rename, op(Kind::kGetAll, 3, 0, {0, 7}, 6, 19)}));
  CHECK(Linearizable({set, expire, rename, op(Kind::kGetDeadline, 2, 0, {0, 20}, 6, 19)}));
  CHECK_FALSE(Linearizable({set, expire, rename, op(Kind::kGet, 2, 0, {0, 7}, 6, 20)}));
  CHECK_FALSE(Linearizable({set, rename, op(Kind::kGet, 1, 0, {7}, 6, 19)}));
  const Operation occupied = op(Kind::kSet, 8, 9, {}, 2, 11);
  CHECK(Linearizable({set, occupied, op(Kind::kMove, 9, 0, {0}, 4, 12, 0, 3)}));
  CHECK_FALSE(Linearizable({set, occupied, op(Kind::kMove, 9, 0, {1}, 4, 12, 0, 3)}));
}

void CheckHistories(Mix mix) {
  const uint64_t seed = RandomSeed() >> 16;
  INFO("seed " << seed);
  for (uint64_t round = 0; round < 60; ++round) {
    const std::vector<Operation> history = Record(seed + round, mix);
    INFO(Describe(history));
    REQUIRE(Linearizable(history));
  }
}

TEST_CASE("single-key histories are linearizable") { CheckHistories(Mix::kSingle); }

TEST_CASE("histories with transactions and multi-key reads are linearizable") {
  CheckHistories(Mix::kSeveral);
}

TEST_CASE("histories of transactions in one shard are linearizable") {
  CheckHistories(Mix::kOneShard);
}

TEST_CASE("histories with deadlines are linearizable") { CheckHistories(Mix::kDeadlines); }

TEST_CASE("histories of keys that change names and databases are linearizable") {
  CheckHistories(Mix::kTransfers);
}

bool Caught(Mix mix, Bug bug) {
  for (uint64_t round = 0; round < 500; ++round) {
    if (!Linearizable(Record(round, mix, bug))) return true;
  }
  return false;
}

// The planted bugs are races that ThreadSanitizer would rightly report as such were they not between
// atomics, so they run everywhere.
TEST_CASE("reads that are not validated are caught") {
  CHECK(Caught(Mix::kSeveral, Bug::kNoValidation));
}

TEST_CASE("increments that are not locked are caught") {
  CHECK(Caught(Mix::kIncrements, Bug::kNoLock));
}

TEST_CASE("a transaction in one shard that readers cannot see is caught") {
  CHECK(Caught(Mix::kOneShard, Bug::kNoSequence));
}

TEST_CASE("a move between databases that readers cannot see is caught") {
  CHECK(Caught(Mix::kMoves, Bug::kNoSequence));
}

TEST_CASE("a thread with an old clock is caught") {
  CHECK(Caught(Mix::kDeadlines, Bug::kOldClock));
}

}  // namespace
}  // namespace alai
