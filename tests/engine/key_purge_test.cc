// Purges: what they remove, what they leave, and what they are when there are many.
#include "engine/key_purge.h"

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "engine/base/random.h"
#include "engine/store.h"
#include "engine/types/hashes.h"
#include "engine/types/strings.h"
#include "tests/catch.h"
#include "tests/engine/all_shards.h"
#include "tests/engine/asked_waiter.h"
#include "tests/engine/class_fixture.h"
#include "tests/engine/key_class_rule.h"
#include "tests/engine/store_audit.h"
#include "tests/protocol/seeded.h"

namespace alai {
namespace {

TEST_CASE_METHOD(ClassFixture, "a purge removes what was there and leaves what is written later") {
  for (int i = 0; i < 2000; ++i) {
    Set("m:" + std::to_string(i % 2) + ":" + std::to_string(i));
    Set("s:" + std::to_string(i), "v", kNoDeadline, 1);
  }
  StartRecording();
  const auto job = Purge("m", "m:1:");
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

TEST_CASE_METHOD(ClassFixture,
                 "a purge takes a hash of which fields have expired since it was asked for") {
  const std::vector<std::string_view> pairs = {"a", "1", "b", "2"};
  With("m:h", [&](Db& db, KeyView k) { return hashes::Set(db, k, pairs).ok(); });
  With("m:h", [&](Db& db, KeyView k) {
    const std::vector<std::string_view> field = {"a"};
    const auto ignore = [](hashes::FieldChange) {};
    return hashes::ExpireFields(db, k, db.now() + 100, keys::kExpireAlways, field, ignore);
  });
  REQUIRE(Purge("m", "m:") != nullptr);
  clock_.AdvanceMillis(1000);
  store_.Sweep(thread_, clock_.WallMillis(), 1'000'000'000);
  REQUIRE(Ttl("m:h") > 0);
  Work();
  CHECK(Ttl("m:h") == -2);
}

TEST_CASE_METHOD(ClassFixture, "who waits for a key hears of its purge") {
  const auto waiter = std::make_shared<AskedWaiter>();
  store_.shard(store_.ShardIndex(Hash("m:1"))).waiters.Add(0, "m:1", waiter);
  Set("m:1");
  Set("m:2");
  thread_.ready_keys().clear();
  REQUIRE(Purge("m", "m:") != nullptr);
  Work();
  CHECK(Ttl("m:1") == -2);
  CHECK(waiter->asked == 1);
  CHECK(thread_.ready_keys().empty());
}

TEST_CASE_METHOD(ClassFixture, "a purge does not touch another class with a longer prefix") {
  SetClasses({Rule("m"), Rule("m:deep")});
  Set("m:1");
  Set("m:deep:1");
  REQUIRE(Purge("m", "m:") != nullptr);
  Work();
  CHECK(Ttl("m:1") == -2);
  CHECK(Ttl("m:deep:1") == -1);
}

TEST_CASE_METHOD(ClassFixture, "a purge outlives its class") {
  const auto rule = [](const std::string& name, const std::string& prefix) {
    KeyClass key_class = Rule(name);
    key_class.prefix = prefix;
    return key_class;
  };
  SetClasses({Rule("m"), Rule("m:deep"), Rule("s")});
  Set("m:1");
  Set("m:deep:1");
  Work();
  const auto job = Purge("m", "m:");
  SECTION("that has gone") { SetClasses({Rule("s")}); }
  SECTION("that has gone with all others") { SetClasses({}); }
  SECTION("that has another prefix now") { SetClasses({rule("m", "q:"), Rule("s")}); }
  SECTION("that has lost its keys to another") { SetClasses({Rule("m"), rule("n", "m:1")}); }
  SECTION("whose prefix is another's now") { SetClasses({rule("n", "m:")}); }
  SECTION("that has gained those of another") { SetClasses({Rule("m")}); }
  SECTION("that goes half-way") {
    for (int i = 0; i < 100 && store_.purge().ProgressPercent() == 0; ++i) {
      store_.ClassWork(thread_, clock_.WallMillis(), 0);
    }
    CHECK(store_.purge().ProgressPercent() > 0);
    SetClasses({});
  }
  Set("m:2");
  Work();
  CHECK(job->done);
  CHECK(job->removed == 1);
  CHECK(Ttl("m:1") == -2);
  CHECK(Ttl("m:2") == -1);
  CHECK(Ttl("m:deep:1") == -1);
  CHECK(AuditStore(store_).empty());
}

TEST_CASE_METHOD(ClassFixture, "a purge of another class's prefix removes nothing") {
  SetClasses({Rule("m"), Rule("m:deep")});
  Set("m:deep:1");
  Set("m:deep:under:1");
  const auto exact = Purge("m", "m:deep:");
  const auto below = Purge("m", "m:deep:under:");
  SetClasses({Rule("m")});
  Work();
  CHECK(exact->done);
  CHECK(below->done);
  CHECK(exact->removed == 0);
  CHECK(below->removed == 0);
  CHECK(store_.KeyCount(0) == 2);
}

TEST_CASE_METHOD(ClassFixture, "renewing a deadline does not save a key from a purge") {
  Set("s:1");
  const auto job = Purge("s", "s:");
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
      auto job = Purge("m", user);
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
    jobs.push_back(Purge("m", "m:" + std::to_string(i), [&, i] {
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

TEST_CASE_METHOD(ClassFixture, "one pass serves all purges that have waited for a generation") {
  constexpr int kPurges = 1000;
  constexpr int kUsers = 50;
  SetClasses({Rule("m"), Rule("m:7")});
  for (int i = 0; i < 2000; ++i) Set("m:" + std::to_string(i % kUsers) + ":" + std::to_string(i));
  Work();
  std::vector<std::shared_ptr<const KeyPurge::Job>> jobs;
  for (int i = 0; i < kPurges; ++i) jobs.push_back(Purge("m", "m:" + std::to_string(i % kUsers)));
  CHECK_FALSE(jobs[kPurges - 1]->began);
  Set("m:8:new");
  Set("m:49:late");
  // With a clock that stands still each call makes a pass: for those that began at once, then for the others.
  CHECK(store_.ClassWork(thread_, clock_.WallMillis(), 1'000'000'000));
  CHECK(jobs[kPurges - 1]->began);
  CHECK_FALSE(jobs[kPurges - 1]->done);
  Set("m:9:later");
  CHECK_FALSE(store_.ClassWork(thread_, clock_.WallMillis(), 1'000'000'000));
  for (int i = 0; i < kPurges; ++i) {
    CAPTURE(i);
    CHECK(jobs[static_cast<size_t>(i)]->done);
  }
  CHECK(jobs[8]->removed == 40);
  CHECK(jobs[8 + kUsers]->removed == 40);
  // The single digits begin the names of ten more users each.
  CHECK(jobs[4]->removed == 11 * 40);
  CHECK(jobs[7]->removed == 0);
  CHECK(Ttl("m:8:new") == -2);
  CHECK(Ttl("m:49:late") == -2);
  CHECK(Ttl("m:9:later") == -1);
  CHECK(store_.KeyCount(0) == 40 + 1);
  CHECK(AuditStore(store_).empty());
}

TEST_CASE_METHOD(ClassFixture, "keys written once survive thousands of purges of others") {
  Set("m:old", "v", kStartMs + 1'000'000'000);
  Set("other");
  for (int i = 0; i < 3000; ++i) {
    REQUIRE(Purge("m", "m:gone:") != nullptr);
    if (i % 10 == 9) Work();
  }
  CHECK(Ttl("m:old") > 0);
  CHECK(Ttl("other") == -1);
  REQUIRE(Purge("m", "m:") != nullptr);
  Work();
  CHECK(Ttl("m:old") == -2);
  CHECK(Ttl("other") == -1);
}

TEST_CASE_METHOD(ClassFixture, "the queue of purges is bounded") {
  for (size_t i = 0; i < KeyPurge::kWaitingMax; ++i) {
    REQUIRE(Purge("m", "m:" + std::to_string(i)) != nullptr);
  }
  CHECK(Purge("m", "m:one-too-many") == nullptr);
  Work();
  CHECK(Purge("m", "m:") != nullptr);
}

TEST_CASE_METHOD(ClassFixture, "databases that change places are purged all the same") {
  for (int i = 0; i < 2000; ++i) Set("m:" + std::to_string(i), "v", kNoDeadline, 1);
  Set("m:x");
  Work();
  const auto job = Purge("m", "m:");
  // Into the second database, then what is left of it becomes the first.
  for (int i = 0; i < 3; ++i) store_.ClassWork(thread_, clock_.WallMillis(), 0);
  {
    const AllShards all(store_);
    store_.SwapDatabases(0, 1);
  }
  Work();
  CHECK(store_.KeyCount(0) == 0);
  CHECK(store_.KeyCount(1) == 0);
  CHECK(job->removed == 2001);
}

}  // namespace
}  // namespace alai
