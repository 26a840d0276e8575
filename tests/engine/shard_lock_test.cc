// The lock of a shard, requests for several shards, and the turn: step by step on one thread.
#include "engine/shard_lock.h"

#include <memory>
#include <string>
#include <vector>

#include "engine/lock_request.h"
#include "engine/store.h"
#include "tests/catch.h"

namespace alai {
namespace {

// Writes its name down when it is woken.
class Sleeper final : public LockSleeper {
 public:
  Sleeper(std::string& log, char name) : log_(log), name_(name) {}
  void WakeForLock() override { log_ += name_; }

 private:
  std::string& log_;
  const char name_;
};

TEST_CASE("the writer bit is taken once, and every release is a new version") {
  ShardLock lock;
  const uint64_t free = lock.version();
  CHECK_FALSE(ShardLock::Locked(free));
  REQUIRE(lock.TryLock());
  CHECK(ShardLock::Locked(lock.version()));
  CHECK_FALSE(lock.TryLock());
  CHECK_FALSE(lock.TryLockOnce());
  lock.Unlock();
  CHECK_FALSE(ShardLock::Locked(lock.version()));
  CHECK(lock.version() != free);
  REQUIRE(lock.TryLockOnce());
  lock.Unlock();
}

TEST_CASE("a release after no change is no new version, and wakes who sleeps") {
  ShardLock lock;
  const uint64_t free = lock.version();
  REQUIRE(lock.TryLockOnce());
  lock.UnlockUnchanged();
  CHECK(lock.version() == free);
  std::string log;
  Sleeper sleeper(log, 'a');
  REQUIRE(lock.TryLockOnce());
  REQUIRE(lock.Sleep(sleeper, false));
  lock.UnlockUnchanged();
  CHECK(log == "a");
  CHECK(lock.version() == free);
}

TEST_CASE("a claim keeps new writers out and lets the present one finish") {
  ShardLock lock;
  REQUIRE(lock.TryLock());
  REQUIRE(lock.TryClaim());
  CHECK_FALSE(lock.TryClaim());
  CHECK_FALSE(lock.TryLockClaimed());
  lock.Unlock();
  CHECK_FALSE(lock.TryLock());
  CHECK_FALSE(lock.TryLockOnce());
  REQUIRE(lock.TryLockClaimed());
  CHECK(ShardLock::Locked(lock.version()));
  const uint64_t held = lock.version();
  lock.UnlockClaimed();
  CHECK(lock.version() != held);
  REQUIRE(lock.TryClaim());
  lock.Unclaim();
  REQUIRE(lock.TryLock());
  lock.Unlock();
}

TEST_CASE("sleepers are woken one a release, in the order in which they came") {
  ShardLock lock;
  std::string log;
  Sleeper a(log, 'a');
  Sleeper b(log, 'b');
  Sleeper c(log, 'c');
  Sleeper urgent(log, 'U');
  CHECK_FALSE(lock.Sleep(a, false));
  REQUIRE(lock.TryLock());
  REQUIRE(lock.Sleep(a, false));
  REQUIRE(lock.Sleep(b, false));
  REQUIRE(lock.Sleep(c, false));
  REQUIRE(lock.Sleep(urgent, true));
  CHECK(log.empty());
  for (const char* expected : {"U", "Ua", "Uab", "Uabc", "Uabc"}) {
    lock.Unlock();
    CHECK(log == expected);
    REQUIRE(lock.TryLock());
  }
  // Nobody is left behind, so the lock says nothing of sleepers.
  lock.Unlock();
  CHECK_FALSE(lock.Sleep(a, false));
}

TEST_CASE("who takes itself out of the queue is not woken, and the others are") {
  for (int leaves = 0; leaves < 3; ++leaves) {
    ShardLock lock;
    std::string log;
    std::vector<std::unique_ptr<Sleeper>> sleepers;
    REQUIRE(lock.TryLock());
    for (const char name : {'a', 'b', 'c'}) {
      sleepers.push_back(std::make_unique<Sleeper>(log, name));
      REQUIRE(lock.Sleep(*sleepers.back(), false));
    }
    lock.CancelSleep(*sleepers[static_cast<size_t>(leaves)]);
    // The end of the queue is known again.
    Sleeper d(log, 'd');
    REQUIRE(lock.Sleep(d, false));
    for (int i = 0; i < 4; ++i) {
      lock.Unlock();
      REQUIRE(lock.TryLock());
    }
    CHECK(log == (leaves == 0 ? "bcd" : leaves == 1 ? "acd" : "abd"));
  }
}

TEST_CASE("who was woken and wants no more passes the wake-up on") {
  ShardLock lock;
  std::string log;
  Sleeper a(log, 'a');
  Sleeper b(log, 'b');
  REQUIRE(lock.TryLock());
  REQUIRE(lock.Sleep(a, false));
  REQUIRE(lock.Sleep(b, false));
  lock.Unlock();
  REQUIRE(log == "a");
  lock.CancelSleep(a);
  CHECK(log == "ab");
}

TEST_CASE("giving up a claim wakes who slept because of it") {
  ShardLock lock;
  std::string log;
  Sleeper a(log, 'a');
  REQUIRE(lock.TryClaim());
  REQUIRE(lock.Sleep(a, false));
  lock.Unclaim();
  CHECK(log == "a");
}

TEST_CASE("the sequence is odd while a transaction holds the shard") {
  ShardLock lock;
  CHECK(lock.txn_seq() == 0);
  lock.BeginTransaction();
  CHECK(lock.txn_seq() == 1);
  lock.EndTransaction();
  CHECK(lock.txn_seq_relaxed() == 2);
}

// Requests on a store whose shards can be held one by one.
class RequestFixture {
 public:
  struct Request {
    Request(Store& store, std::initializer_list<uint32_t> shards)
        : lock(
              store, [](void* count) { ++*static_cast<int*>(count); }, &woken) {
      for (const uint32_t shard : shards) lock.shards().Add(shard);
    }
    int woken = 0;
    LockRequest lock;
  };

  bool Free(uint32_t shard) {
    if (!store_.shard(shard).lock.TryLockOnce()) return false;
    store_.shard(shard).lock.Unlock();
    return true;
  }
  ShardLock& LockOf(uint32_t shard) { return store_.shard(shard).lock; }

  Store store_{{.databases = 1, .shards = 8}};
};

TEST_CASE("a set of shards counts shards and keys") {
  ShardSet set;
  CHECK(set.size() == 0);
  set.Add(3);
  set.Add(3);
  set.Add(1'023);
  CHECK(set.size() == 2);
  CHECK(set.keys() == 3);
  CHECK(set.Contains(1'023));
  CHECK_FALSE(set.Contains(4));
  std::vector<uint32_t> order;
  set.ForEach([&](uint32_t shard) { order.push_back(shard); });
  CHECK(order == std::vector<uint32_t>{3, 1'023});
  set.Clear();
  CHECK(set.keys() == 0);
  set.AddAll(64);
  CHECK(set.size() == 64);
  CHECK(set.keys() > 1);
}

TEST_CASE_METHOD(RequestFixture, "a request has all its shards or none") {
  for (const uint32_t busy : {1u, 4u, 7u}) {
    Request request(store_, {1, 4, 7});
    REQUIRE(LockOf(busy).TryLock());
    CHECK_FALSE(request.lock.Acquire());
    CHECK_FALSE(request.lock.held());
    for (const uint32_t shard : {1u, 4u, 7u}) CHECK(Free(shard) == (shard != busy));
    CHECK(request.woken == 0);
    LockOf(busy).Unlock();
    CHECK(request.woken == 1);
    REQUIRE(request.lock.Acquire());
    for (const uint32_t shard : {1u, 4u, 7u}) {
      CHECK_FALSE(Free(shard));
      CHECK(LockOf(shard).txn_seq() % 2 == 1);
    }
    CHECK(Free(2));
    request.lock.Release();
    for (const uint32_t shard : {1u, 4u, 7u}) {
      CHECK(Free(shard));
      CHECK(LockOf(shard).txn_seq() % 2 == 0);
    }
  }
}

TEST_CASE_METHOD(RequestFixture, "a request can be given up wherever it is") {
  REQUIRE(LockOf(4).TryLock());
  {
    Request asleep(store_, {1, 4});
    CHECK_FALSE(asleep.lock.Acquire());
    asleep.lock.Cancel();
    LockOf(4).Unlock();
    CHECK(asleep.woken == 0);
  }
  {
    Request held(store_, {1, 4});
    REQUIRE(held.lock.Acquire());
    held.lock.Cancel();
    CHECK_FALSE(held.lock.held());
  }
  {
    Request destroyed(store_, {1, 4});
    REQUIRE(destroyed.lock.Acquire());
  }
  CHECK(Free(1));
  CHECK(Free(4));
  CHECK(LockOf(4).txn_seq() % 2 == 0);
}

TEST_CASE_METHOD(RequestFixture, "the turn's owner keeps what it has while it waits") {
  Request owner(store_, {1, 4, 7});
  REQUIRE(LockOf(4).TryLock());
  owner.lock.WantTurn();
  CHECK_FALSE(owner.lock.Acquire());
  // It has claimed all three, so no new writer and no other transaction gets in.
  CHECK_FALSE(Free(1));
  CHECK_FALSE(Free(7));
  Request other(store_, {7});
  CHECK_FALSE(other.lock.Acquire());
  LockOf(4).Unlock();
  REQUIRE(owner.woken == 1);
  REQUIRE(owner.lock.Acquire());
  owner.lock.Release();
  CHECK(other.woken == 1);
  REQUIRE(other.lock.Acquire());
}

TEST_CASE_METHOD(RequestFixture, "the turn goes from one to the next in the order of asking") {
  Request first(store_, {1});
  Request second(store_, {2});
  Request third(store_, {3});
  Request fourth(store_, {4});
  for (Request* request : {&first, &second, &third, &fourth}) request->lock.WantTurn();
  REQUIRE(first.lock.Acquire());
  // Their shards are free, and yet they wait: there is one turn.
  CHECK_FALSE(second.lock.Acquire());
  CHECK_FALSE(third.lock.Acquire());
  CHECK_FALSE(fourth.lock.Acquire());
  CHECK(Free(2));
  third.lock.Cancel();
  first.lock.Release();
  CHECK(second.woken == 1);
  CHECK(fourth.woken == 0);
  CHECK_FALSE(fourth.lock.Acquire());
  REQUIRE(second.lock.Acquire());
  second.lock.Release();
  CHECK(third.woken == 0);
  REQUIRE(fourth.woken == 1);
  REQUIRE(fourth.lock.Acquire());
}

TEST_CASE_METHOD(RequestFixture,
                 "who fails eight times takes the turn and is no longer overtaken") {
  Request big(store_, {0, 1, 2, 3, 4, 5, 6, 7});
  // A stream of small transactions: whenever one is released another one has begun elsewhere.
  std::vector<std::unique_ptr<Request>> small;
  small.push_back(std::make_unique<Request>(store_, std::initializer_list<uint32_t>{0, 1}));
  REQUIRE(small.back()->lock.Acquire());
  bool got_it = false;
  int tries = 0;
  for (; tries < 50 && !got_it; ++tries) {
    got_it = big.lock.Acquire();
    if (got_it) break;
    const uint32_t at = static_cast<uint32_t>(tries % 2 == 0 ? 4 : 0);
    auto next = std::make_unique<Request>(store_, std::initializer_list<uint32_t>{at, at + 1});
    next->lock.Acquire();
    small.back()->lock.Cancel();
    small.push_back(std::move(next));
  }
  CHECK(got_it);
  CHECK(tries > LockRequest::kTriesBeforeTurn);
  CHECK(tries <= LockRequest::kTriesBeforeTurn + 3);
}

}  // namespace
}  // namespace alai
