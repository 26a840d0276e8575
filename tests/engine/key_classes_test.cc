// What the rules of a key's class do to its deadline, what is counted of it, and purges.
#include "engine/key_classes.h"

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "engine/base/random.h"
#include "engine/store.h"
#include "engine/types/keys.h"
#include "engine/types/strings.h"
#include "engine/types/token_buckets.h"
#include "tests/catch.h"
#include "tests/engine/asked_waiter.h"
#include "tests/engine/key_class_rule.h"
#include "tests/engine/recorder.h"
#include "tests/engine/store_audit.h"
#include "tests/protocol/seeded.h"

namespace alai {
namespace {

using Lines = std::vector<std::string>;

constexpr UnixMillis kStartMs = 1'700'000'000'000;
constexpr int64_t kTtlMs = 64'000;
constexpr int64_t kGainMs = kTtlMs / 64;

class ClassFixture {
 public:
  ClassFixture() : store_({.databases = 2, .shards = 2, .clock = &clock_}) {
    SetClasses({Rule("m", kTtlMs), Rule("s", kTtlMs, true)});
  }

  void SetClasses(std::vector<KeyClass> classes) {
    LockRequest all(
        store_, [](void*) {}, nullptr);
    all.shards().AddAll(store_.shard_count());
    REQUIRE(all.Acquire());
    store_.SetKeyClasses(thread_, std::move(classes));
  }
  void StartRecording() {
    store_.set_change_log(&recorder_);
    store_.set_key_events(&recorder_);
  }
  template <class F>
  auto With(const std::string& name, F f, int index = 0) {
    const KeyView key = MakeKey(name);
    store_.LockOf(key.hash).Lock();
    Tally tally;
    Db db(store_, thread_, tally, index, Access::kLocked, clock_.WallMillis());
    auto result = f(db, key);
    store_.LockOf(key.hash).Unlock();
    return result;
  }
  void Set(const std::string& key, std::string_view value = "v", UnixMillis deadline = kNoDeadline,
           int index = 0) {
    With(
        key,
        [&](Db& db, KeyView k) {
          strings::Set(db, k, value, deadline);
          return true;
        },
        index);
  }
  bool Expire(const std::string& key, int64_t ms) {
    return With(key, [&](Db& db, KeyView k) { return keys::Expire(db, k, db.now() + ms, 0); });
  }
  bool Persist(const std::string& key) {
    return With(key, [](Db& db, KeyView k) { return keys::Persist(db, k); });
  }
  // As the dispatcher does it: an optimistic lookup, and after it what it has noted.
  bool Read(const std::string& key) {
    Tally tally;
    Db db(store_, thread_, tally, 0, Access::kOptimistic, clock_.WallMillis());
    const bool hit = db.Find(MakeKey(key)) != nullptr;
    store_.RenewSeenSliding(thread_, tally.sliding_seen, clock_.WallMillis());
    return hit;
  }
  // What is left of a key's life, -1 for ever, -2 for none.
  int64_t Ttl(const std::string& key, int index = 0) {
    return With(
        key,
        [](Db& db, KeyView k) -> int64_t {
          const Record* record = db.Find(k, Lookup::kPeek);
          if (record == nullptr) return -2;
          return record->has_deadline() ? record->deadline() - db.now() : -1;
        },
        index);
  }
  ClassTotals& Totals(const std::string& name) {
    totals_ = std::make_unique<ClassTotals>();
    store_.SumClass(store_.key_classes()->FindByName(name)->slot, totals_.get());
    return *totals_;
  }
  void Work() {
    while (store_.ClassWork(thread_, clock_.WallMillis(), 1'000'000'000)) {
    }
    thread_.Quiescent();
  }

  FakeClock clock_{kStartMs};
  Recorder recorder_;
  Store store_;
  StoreThread& thread_ = *store_.RegisterThread();
  std::unique_ptr<ClassTotals> totals_;
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
  LockRequest all(
      store_, [](void*) {}, nullptr);
  all.shards().AddAll(store_.shard_count());
  REQUIRE(all.Acquire());
  Tally tally;
  Db db(store_, thread_, tally, 0, Access::kLocked, clock_.WallMillis());
  REQUIRE(rename(db, MakeKey("m:renamed")));
  Db there = db.Sibling(1);
  REQUIRE(keys::Copy(db, MakeKey("m:renamed"), there, MakeKey("m:copied"), false));
  all.Release();
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
        LockRequest all(
            store_, [](void*) {}, nullptr);
        all.shards().AddAll(store_.shard_count());
        REQUIRE(all.Acquire());
        random.Below(2) == 0 ? store_.FlushDatabase(thread_, 0) : store_.SwapDatabases(0, 1);
      }
    }
    check();
  }
  SetClasses({});
  CHECK(store_.key_classes() == nullptr);
  CHECK(AuditStore(store_).empty());
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

TEST_CASE_METHOD(ClassFixture, "a purge removes what was there and leaves what is written later") {
  for (int i = 0; i < 2000; ++i) {
    Set("m:" + std::to_string(i % 2) + ":" + std::to_string(i));
    Set("s:" + std::to_string(i), "v", kNoDeadline, 1);
  }
  StartRecording();
  const auto job = store_.purge().Add("m", "m:1:", nullptr);
  REQUIRE(job != nullptr);
  CHECK(job->began);
  CHECK(store_.purge().Pending("m") == 1);
  CHECK(store_.purge().Pending("s") == 0);
  Set("m:1:1", "late");
  With("m:1:3", [](Db& db, KeyView k) { return strings::Append(db, k, "late", 99).ok(); });
  Read("s:1");
  recorder_.Take();
  Work();
  CHECK(job->done);
  CHECK(job->removed == 998);
  CHECK(recorder_.Take().size() == 2 * 998);
  CHECK(Ttl("m:1:1") > 0);
  CHECK(Ttl("m:1:3") > 0);
  CHECK(Ttl("m:1:5") == -2);
  CHECK(Ttl("m:0:4") > 0);
  CHECK(store_.KeyCount(1) == 2000);
  CHECK(Totals("m").counts[ClassFigures::kPurged] == 998);
  CHECK(Totals("m").keys == 1002);
  CHECK(store_.purge().Pending("m") == 0);
  CHECK(AuditStore(store_).empty());
}

TEST_CASE_METHOD(ClassFixture, "who waits for a key hears of its purge") {
  const auto waiter = std::make_shared<AskedWaiter>();
  store_.shard(store_.ShardIndex(Hash("m:1"))).waiters.Add(0, "m:1", waiter);
  Set("m:1");
  Set("m:2");
  thread_.ready_keys().clear();
  REQUIRE(store_.purge().Add("m", "m:", nullptr) != nullptr);
  Work();
  CHECK(Ttl("m:1") == -2);
  CHECK(waiter->asked == 1);
  CHECK(thread_.ready_keys().empty());
}

TEST_CASE_METHOD(ClassFixture, "a purge does not touch another class with a longer prefix") {
  SetClasses({Rule("m"), Rule("m:deep")});
  Set("m:1");
  Set("m:deep:1");
  REQUIRE(store_.purge().Add("m", "m:", nullptr) != nullptr);
  Work();
  CHECK(Ttl("m:1") == -2);
  CHECK(Ttl("m:deep:1") == -1);
}

TEST_CASE_METHOD(ClassFixture, "renewing a deadline does not save a key from a purge") {
  Set("s:1");
  const auto job = store_.purge().Add("s", "s:", nullptr);
  CHECK(Read("s:1"));
  CHECK(Ttl("s:1") == kTtlMs + kGainMs);
  Work();
  CHECK(job->removed == 1);
}

TEST_CASE_METHOD(ClassFixture, "more purges than there are generations, against a model") {
  WITH_TEST_SEED(seed);
  Random random(seed);
  std::set<std::string> model;
  std::vector<std::shared_ptr<const KeyPurge::Job>> waiting;
  uint64_t begun_late = 0;
  const auto apply = [&](const std::string& prefix) {
    std::erase_if(model, [&](const std::string& key) { return key.starts_with(prefix); });
  };
  for (int step = 0; step < 4000; ++step) {
    const uint64_t dice = random.Below(100);
    const std::string user = "m:" + std::to_string(random.Below(20)) + ":";
    if (dice < 55) {
      const std::string key = user + std::to_string(random.Below(10));
      Set(key, "v", kStartMs + 1'000'000'000);
      model.insert(key);
    } else if (dice < 97) {
      auto job = store_.purge().Add("m", user, nullptr);
      REQUIRE(job != nullptr);
      if (job->began) {
        apply(user);
      } else {
        waiting.push_back(std::move(job));
      }
    } else {
      // Those without a generation begin with a pass; nothing is written while it works, so the moment
      // does not matter.
      Work();
      for (const auto& job : waiting) {
        REQUIRE(job->done);
        apply(job->prefix);
        ++begun_late;
      }
      waiting.clear();
      std::set<std::string> there;
      store_.Scan(thread_, 0, 0, 100'000, clock_.WallMillis(),
                  [&](const Record& record) { there.insert(std::string(record.key())); });
      REQUIRE(there == model);
    }
  }
  CAPTURE(begun_late);
  CHECK(AuditStore(store_).empty());
}

TEST_CASE_METHOD(ClassFixture, "a purge without a generation begins when a pass has ended") {
  Set("m:1");
  std::vector<std::shared_ptr<const KeyPurge::Job>> jobs;
  std::vector<std::string> calls;
  for (int i = 0; i < 200; ++i) {
    jobs.push_back(store_.purge().Add("m", "m:" + std::to_string(i), [&, i] {
      calls.push_back(std::to_string(i) +
                      (jobs[static_cast<size_t>(i)]->done ? " done" : " began"));
    }));
  }
  CHECK(jobs[0]->began);
  CHECK_FALSE(jobs[199]->began);
  Set("m:199x", "before it began");
  Work();
  for (const auto& job : jobs) CHECK(job->done);
  CHECK(Ttl("m:1") == -2);
  CHECK(Ttl("m:199x") == -2);
  // Those that began at once were told of the end only.
  CHECK(std::count(calls.begin(), calls.end(), "0 began") == 0);
  CHECK(std::count(calls.begin(), calls.end(), "0 done") == 1);
  CHECK(std::count(calls.begin(), calls.end(), "199 began") == 1);
  CHECK(std::count(calls.begin(), calls.end(), "199 done") == 1);
}

TEST_CASE_METHOD(ClassFixture, "keys written once survive thousands of purges of others") {
  Set("m:old", "v", kStartMs + 1'000'000'000);
  Set("other");
  for (int i = 0; i < 3000; ++i) {
    REQUIRE(store_.purge().Add("m", "m:gone:", nullptr) != nullptr);
    if (i % 10 == 9) Work();
  }
  CHECK(Ttl("m:old") > 0);
  CHECK(Ttl("other") == -1);
  REQUIRE(store_.purge().Add("m", "m:", nullptr) != nullptr);
  Work();
  CHECK(Ttl("m:old") == -2);
  CHECK(Ttl("other") == -1);
}

TEST_CASE_METHOD(ClassFixture, "the queue of purges is bounded") {
  for (size_t i = 0; i < KeyPurge::kWaitingMax; ++i) {
    REQUIRE(store_.purge().Add("m", "m:" + std::to_string(i), nullptr) != nullptr);
  }
  CHECK(store_.purge().Add("m", "m:one-too-many", nullptr) == nullptr);
  Work();
  CHECK(store_.purge().Add("m", "m:", nullptr) != nullptr);
}

TEST_CASE_METHOD(ClassFixture, "databases that change places are purged all the same") {
  for (int i = 0; i < 2000; ++i) Set("m:" + std::to_string(i), "v", kNoDeadline, 1);
  Set("m:x");
  const auto job = store_.purge().Add("m", "m:", nullptr);
  // Into the second database, then what is left of it becomes the first.
  for (int i = 0; i < 3; ++i) store_.ClassWork(thread_, clock_.WallMillis(), 0);
  LockRequest all(
      store_, [](void*) {}, nullptr);
  all.shards().AddAll(store_.shard_count());
  REQUIRE(all.Acquire());
  store_.SwapDatabases(0, 1);
  all.Release();
  Work();
  CHECK(store_.KeyCount(0) == 0);
  CHECK(store_.KeyCount(1) == 0);
  CHECK(job->removed == 2001);
}

}  // namespace
}  // namespace alai
