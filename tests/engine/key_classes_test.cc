// What the rules of a key's class do to its deadline, and what is counted of it.
#include "engine/key_classes.h"

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/random.h"
#include "engine/store.h"
#include "engine/types/keys.h"
#include "engine/types/strings.h"
#include "tests/catch.h"
#include "tests/engine/all_shards.h"
#include "tests/engine/class_fixture.h"
#include "tests/engine/key_class_rule.h"
#include "tests/engine/store_audit.h"
#include "tests/protocol/seeded.h"

namespace alai {
namespace {

using Lines = std::vector<std::string>;

// Calls a function when it is asked for the time once more than `calls_before` times.
class CallingClock final : public Clock {
 public:
  int64_t WallMicros() const override { return ClassFixture::kStartMs * 1000; }
  int64_t MonotonicNanos() const override {
    if (call != nullptr && calls_before-- == 0) std::exchange(call, nullptr)();
    return 0;
  }

  mutable int calls_before = 0;
  mutable std::function<void()> call;
};

TEST_CASE_METHOD(ClassFixture,
                 "a write that leaves a key without a deadline gives it its class's") {
  Set("m:set");
  CHECK(Ttl("m:set") == kTtlMs);
  Set("m:own", "v", kStartMs + 5000);
  CHECK(Ttl("m:own") == 5000);
  Set("other");
  CHECK(Ttl("other") == -1);
  const auto increment = [](Db& db, KeyView k) { return strings::Increment(db, k, 1).ok(); };
  const auto append = [](Db& db, KeyView k) { return strings::Append(db, k, "x", 9999).ok(); };
  const auto overwrite = [](Db& db, KeyView k) {
    return strings::Overwrite(db, k, 2, "x", 9999).ok();
  };
  REQUIRE(With("m:n", increment));
  CHECK(Ttl("m:n") == kTtlMs);
  REQUIRE(With("m:a", append));
  CHECK(Ttl("m:a") == kTtlMs);
  REQUIRE(With("m:o", overwrite));
  CHECK(Ttl("m:o") == kTtlMs);
  clock_.AdvanceMillis(1000);
  // One that has a deadline keeps it.
  REQUIRE(With("m:n", increment));
  REQUIRE(With("m:a", append));
  CHECK(Ttl("m:n") == kTtlMs - 1000);
  CHECK(Ttl("m:a") == kTtlMs - 1000);
  // PERSIST holds until the next such write, whether it makes a new record or not.
  for (const char* key : {"m:n", "m:a", "m:o", "m:set"}) REQUIRE(Persist(key));
  clock_.AdvanceMillis(1'000'000);
  for (const char* key : {"m:n", "m:a", "m:o", "m:set"}) CHECK(Ttl(key) == -1);
  REQUIRE(With("m:n", increment));
  REQUIRE(With("m:a", append));
  REQUIRE(With("m:o", overwrite));
  Set("m:set");
  for (const char* key : {"m:n", "m:a", "m:o", "m:set"}) CHECK(Ttl(key) == kTtlMs);
  CHECK(AuditStore(store_).empty());
}

TEST_CASE_METHOD(ClassFixture, "a big value changed in place gets its deadline, too") {
  Set("m:big", std::string(10'000, 'x'));
  const auto overwrite = [](Db& db, KeyView k) {
    return strings::Overwrite(db, k, 5, "y", 99'999).ok();
  };
  REQUIRE(With("m:big", overwrite));
  REQUIRE(Persist("m:big"));
  REQUIRE(With("m:big", overwrite));
  CHECK(Ttl("m:big") == kTtlMs);
}

TEST_CASE_METHOD(ClassFixture, "keys that move into a class are given its deadline") {
  Set("other");
  const auto rename = [](Db& db, KeyView k) {
    return keys::Rename(db, MakeKey("other"), k, true) == Errc::kOk;
  };
  {
    const AllShards all(store_);
    Tally tally;
    Db db(store_, thread_, tally, 0, Access::kLocked, clock_.WallMillis());
    REQUIRE(rename(db, MakeKey("m:renamed")));
    Db there = db.Sibling(1);
    REQUIRE(keys::Copy(db, MakeKey("m:renamed"), there, MakeKey("m:copied"), false));
  }
  CHECK(Ttl("m:renamed") == kTtlMs);
  CHECK(Ttl("m:copied", 1) == kTtlMs);
}

TEST_CASE_METHOD(ClassFixture, "effects say what the class has done in words of clients") {
  StartRecording();
  Set("m:1");
  CHECK(recorder_.Take() == Lines{"log0: SET m:1 v PXAT 1700000064000", "event0: new m:1",
                                  "event0: set m:1", "event0: expire m:1"});
  With("m:n", [](Db& db, KeyView k) { return strings::Increment(db, k, 1).ok(); });
  CHECK(recorder_.Take() == Lines{"log0: SET m:n 1 KEEPTTL", "log0: PEXPIREAT m:n 1700000064000 NX",
                                  "event0: new m:n", "event0: incrby m:n"});
  Set("s:1");
  recorder_.Take();
  CHECK(Read("s:1"));
  CHECK(recorder_.Take() == Lines{"log0: PEXPIREAT s:1 1700000065000 GT"});
  CHECK(Read("s:1"));
  CHECK(recorder_.Take().empty());
}

TEST_CASE_METHOD(ClassFixture, "reading puts off the end of a sliding key") {
  Set("s:1");
  Set("m:1");
  CHECK(Read("s:1"));
  CHECK(Ttl("s:1") == kTtlMs + kGainMs);
  // Not again until it gains a sixty-fourth of a life.
  clock_.AdvanceMillis(kGainMs - 1);
  CHECK(Read("s:1"));
  CHECK(Ttl("s:1") == kTtlMs + 1);
  clock_.AdvanceMillis(1);
  CHECK(Read("s:1"));
  CHECK(Ttl("s:1") == kTtlMs + kGainMs);
  CHECK(Totals("s").counts[ClassFigures::kRenewed] == 2);
  // Read often enough it never ends; another class's key does.
  for (int i = 0; i < 100; ++i) {
    clock_.AdvanceMillis(kTtlMs - 1);
    REQUIRE(Read("s:1"));
  }
  CHECK_FALSE(Read("m:1"));
  clock_.AdvanceMillis(kTtlMs + kGainMs);
  CHECK_FALSE(Read("s:1"));
}

TEST_CASE_METHOD(ClassFixture, "a deadline from SET slides, one from EXPIRE does not") {
  Set("s:set", "v", kStartMs + 1000);
  CHECK(Read("s:set"));
  CHECK(Ttl("s:set") == kTtlMs + kGainMs);
  Set("s:1");
  REQUIRE(Expire("s:1", 5000));
  CHECK(Read("s:1"));
  CHECK(Ttl("s:1") == 5000);
  // A change in place leaves it as it is, a new value does not.
  With("s:1", [](Db& db, KeyView k) { return strings::Append(db, k, "x", 99).ok(); });
  CHECK(Read("s:1"));
  CHECK(Ttl("s:1") == 5000);
  REQUIRE(Expire("s:1", 7000));
  CHECK(Read("s:1"));
  CHECK(Ttl("s:1") == 7000);
  Set("s:1");
  CHECK(Read("s:1"));
  CHECK(Ttl("s:1") == kTtlMs + kGainMs);
  // A longer one is not made shorter.
  Set("s:long", "v", kStartMs + 10 * kTtlMs);
  CHECK(Read("s:long"));
  CHECK(Ttl("s:long") == 10 * kTtlMs);
}

TEST_CASE_METHOD(ClassFixture, "a deadline from EXPIRE stands when its key comes to slide") {
  SECTION("by a new name") {
    Set("other", "v", kStartMs + 9000);
    Set("m:1");
    REQUIRE(Expire("other", 5000));
    REQUIRE(Expire("m:1", 5000));
    const AllShards all(store_);
    Tally tally;
    Db db(store_, thread_, tally, 0, Access::kLocked, clock_.WallMillis());
    REQUIRE(keys::Rename(db, MakeKey("other"), MakeKey("s:1"), true) == Errc::kOk);
    REQUIRE(keys::Rename(db, MakeKey("m:1"), MakeKey("s:2"), true) == Errc::kOk);
  }
  SECTION("as its class does") {
    SetClasses({Rule("s", kTtlMs)});
    Set("s:1");
    Set("s:2", "v", kStartMs + 9000);
    REQUIRE(Expire("s:1", 5000));
    REQUIRE(Expire("s:2", 5000));
    SetClasses({Rule("s", kTtlMs, true)});
  }
  CHECK(Read("s:1"));
  CHECK(Read("s:2"));
  CHECK(Ttl("s:1") == 5000);
  CHECK(Ttl("s:2") == 5000);
}

TEST_CASE_METHOD(ClassFixture, "one command renews all that it reads") {
  constexpr int kKeys = 1000;
  for (int i = 0; i < kKeys; ++i) Set("s:" + std::to_string(i));
  Tally tally;
  Db db(store_, thread_, tally, 0, Access::kOptimistic, clock_.WallMillis());
  for (int i = 0; i < kKeys; ++i) REQUIRE(db.Find(MakeKey("s:" + std::to_string(i))) != nullptr);
  store_.RenewSeenSliding(thread_, tally.sliding_seen, clock_.WallMillis());
  CHECK(Totals("s").counts[ClassFigures::kRenewed] == kKeys);
  CHECK(Ttl("s:999") == kTtlMs + kGainMs);
}

TEST_CASE_METHOD(ClassFixture, "what a client did between a read and its renewal stands") {
  Set("s:1");
  Tally tally;
  Db db(store_, thread_, tally, 0, Access::kOptimistic, clock_.WallMillis());
  const auto read = [&] {
    tally = Tally();
    REQUIRE(db.Find(MakeKey("s:1")) != nullptr);
    REQUIRE(tally.sliding_seen == 1);
  };
  const auto renew = [&] {
    store_.RenewSeenSliding(thread_, tally.sliding_seen, clock_.WallMillis());
  };
  SECTION("EXPIRE") {
    read();
    Expire("s:1", 5000);
    renew();
    CHECK(Ttl("s:1") == 5000);
  }
  SECTION("PERSIST") {
    read();
    Persist("s:1");
    renew();
    CHECK(Ttl("s:1") == -1);
  }
  SECTION("DEL") {
    read();
    With("s:1", [](Db& d, KeyView k) { return keys::Delete(d, k); });
    renew();
    CHECK(Ttl("s:1") == -2);
  }
  SECTION("SET with a deadline of its own") {
    read();
    Set("s:1", "v", kStartMs + 5000);
    renew();
    CHECK(Ttl("s:1") == 5000);
  }
  SECTION("SET with the very deadline that was read") {
    read();
    Set("s:1", "v", kStartMs + kTtlMs);
    renew();
    CHECK(Ttl("s:1") == kTtlMs);
  }
  SECTION("a change of the classes") {
    read();
    SetClasses({Rule("m", kTtlMs)});
    renew();
    CHECK(Ttl("s:1") == kTtlMs);
  }
  SECTION("a busy shard") {
    read();
    ShardLock& lock = store_.LockOf(MakeKey("s:1").hash);
    lock.Lock();
    renew();
    lock.Unlock();
    CHECK(Ttl("s:1") == kTtlMs);
  }
  SECTION("paused writes") {
    read();
    store_.set_may_remove_expired(false);
    renew();
    CHECK(Ttl("s:1") == kTtlMs);
  }
}

TEST_CASE_METHOD(ClassFixture, "looking without using neither counts nor renews") {
  Set("s:1");
  Tally tally;
  Db db(store_, thread_, tally, 0, Access::kOptimistic, clock_.WallMillis());
  REQUIRE(db.Find(MakeKey("s:1"), Lookup::kPeek) != nullptr);
  CHECK(tally.class_uses == 0);
  CHECK(tally.sliding_seen == 0);
}

TEST_CASE_METHOD(ClassFixture, "keys and bytes are counted while classes and keys change") {
  WITH_TEST_SEED(seed);
  Random random(seed);
  const std::string names[] = {"m:", "s:", "x:", "m:deep:"};
  const auto change = [&](int times) {
    for (int i = 0; i < times; ++i) {
      const std::string key = names[random.Below(4)] + std::to_string(random.Below(3000));
      const int index = static_cast<int>(random.Below(2));
      if (random.Below(4) == 0) {
        With(
            key, [](Db& db, KeyView k) { return keys::Delete(db, k); }, index);
      } else {
        Set(key, std::string(random.Below(200), 'v'), kNoDeadline, index);
      }
    }
  };
  const auto check = [&] {
    Work();
    REQUIRE(AuditStore(store_).empty());
    for (const KeyClass& key_class : store_.key_classes()->all()) {
      CHECK_FALSE(Totals(key_class.name).counting);
    }
  };
  change(6000);
  check();
  for (int round = 0; round < 20; ++round) {
    std::vector<KeyClass> classes = {Rule("m"), Rule("s", 0, false)};
    if (random.Below(2) == 0) classes.push_back(Rule("m:deep"));
    if (random.Below(2) == 0) classes.push_back(Rule("x"));
    SetClasses(classes);
    // A little counting, a little change, a flush now and then, so that all meet half-way.
    for (int i = 0; i < 10; ++i) {
      store_.ClassWork(thread_, clock_.WallMillis(), 0);
      change(50);
      if (random.Below(40) == 0) {
        const AllShards all(store_);
        random.Below(2) == 0 ? store_.FlushDatabase(thread_, 0) : store_.SwapDatabases(0, 1);
      }
    }
    check();
  }
  SetClasses({});
  CHECK(store_.key_classes() == nullptr);
  CHECK(AuditStore(store_).empty());
}

// A store whose clock does something to it in the middle of a count.
struct InterruptedCount {
  InterruptedCount() = default;
  InterruptedCount(const InterruptedCount&) = delete;
  InterruptedCount& operator=(const InterruptedCount&) = delete;
  ~InterruptedCount() {
    clock.call = nullptr;
    store.UnregisterThread(&thread);
  }

  void SetClasses(std::vector<KeyClass> classes) {
    const AllShards all(store);
    store.SetKeyClasses(thread, std::move(classes));
  }

  CallingClock clock;
  Store store{{.databases = 1, .shards = 2, .clock = &clock}};
  StoreThread& thread = *store.RegisterThread();
};

TEST_CASE("Keys are counted anew when classes change at any moment of a count") {
  bool changed = true;
  for (int calls = 0; changed; ++calls) {
    InterruptedCount f;
    for (int i = 0; i < 100; ++i) {
      const std::string name = "m:" + std::to_string(i);
      const KeyView key = MakeKey(name);
      f.store.LockOf(key.hash).Lock();
      Tally tally;
      Db db(f.store, f.thread, tally, 0, Access::kLocked, f.clock.WallMillis());
      strings::Set(db, key, "v", kNoDeadline);
      f.store.LockOf(key.hash).Unlock();
    }
    f.SetClasses({Rule("m")});
    changed = false;
    f.clock.calls_before = calls;
    f.clock.call = [&] {
      changed = true;
      f.SetClasses({Rule("x"), Rule("m")});
    };
    for (int i = 0; i < 100; ++i) f.store.ClassWork(f.thread, f.clock.WallMillis(), 1);
    CAPTURE(calls);
    ClassTotals totals;
    f.store.SumClass(f.store.key_classes()->FindByName("m")->slot, &totals);
    CHECK(totals.keys == 100);
    CHECK_FALSE(totals.counting);
  }
}

TEST_CASE_METHOD(ClassFixture, "without classes nobody waits for shards in order to count") {
  SetClasses({});
  Set("m:1");
  ShardLock& lock = store_.LockOf(Hash("m:1"));
  lock.Lock();
  CHECK_FALSE(store_.ClassWork(thread_, clock_.WallMillis(), 1));
  lock.Unlock();
}

TEST_CASE("Nothing is left to count when the last class goes at any moment of a count") {
  bool changed = true;
  for (int calls = 0; changed; ++calls) {
    InterruptedCount f;
    f.SetClasses({Rule("m")});
    changed = false;
    f.clock.calls_before = calls;
    f.clock.call = [&] {
      changed = true;
      f.SetClasses({});
    };
    f.store.ClassWork(f.thread, f.clock.WallMillis(), 1);
    CAPTURE(calls);
    if (changed) {
      const AllShards all(f.store);
      CHECK_FALSE(f.store.ClassWork(f.thread, f.clock.WallMillis(), 0));
    }
  }
}

TEST_CASE_METHOD(ClassFixture, "a class keeps its figures while others come and go") {
  Set("m:1");
  CHECK(Totals("m").keys == 1);
  store_.CountClass(thread_, "m:1", ClassFigures::kHits);
  SetClasses({Rule("x"), Rule("m"), Rule("m:deep")});
  Work();
  CHECK(Totals("m").counts[ClassFigures::kHits] == 1);
  CHECK(Totals("m").keys == 1);
  // One that takes a slot over starts from nothing, and so does one that comes back.
  store_.CountClass(thread_, "x:1", ClassFigures::kHits);
  SetClasses({Rule("y")});
  store_.CountClass(thread_, "y:1", ClassFigures::kMisses);
  CHECK(Totals("y").counts[ClassFigures::kHits] == 0);
  SetClasses({Rule("m"), Rule("y")});
  CHECK(Totals("m").counts[ClassFigures::kHits] == 0);
  CHECK(Totals("y").counts[ClassFigures::kMisses] == 1);
  store_.ResetClassFigures();
  CHECK(Totals("y").counts[ClassFigures::kMisses] == 0);
  clock_.AdvanceMillis(kTtlMs);
  CHECK_FALSE(Read("m:1"));
  store_.RemoveSeenExpired(thread_, clock_.WallMillis());
  CHECK(Totals("m").counts[ClassFigures::kExpired] == 1);
}

}  // namespace
}  // namespace alai
