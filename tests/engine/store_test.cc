// The store against a std::map: writing, deadlines, growth, scanning, flushing; one thread.
#include "engine/store.h"

#include <map>
#include <set>
#include <string>

#include "engine/base/random.h"
#include "tests/catch.h"
#include "tests/engine/all_shards.h"
#include "tests/engine/store_fixture.h"

namespace alai {
namespace {

TEST_CASE_METHOD(StoreFixture, "a store behaves as a map while it grows, shrinks and expires") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  std::map<std::string, std::pair<std::string, UnixMillis>> model;
  for (int i = 0; i < 200'000; ++i) {
    const std::string key = Key(random.Below(20'000));
    const UnixMillis now = clock_.WallMillis();
    switch (random.Below(8)) {
      case 0:
      case 1:
      case 2: {
        const bool expires = random.Below(2) == 0;
        const UnixMillis deadline =
            expires ? now + static_cast<int64_t>(random.Below(5'000)) + 1 : kNoDeadline;
        const std::string value(random.Below(300), static_cast<char>('a' + random.Below(26)));
        Put(key, value, deadline);
        model[key] = {value, deadline};
        break;
      }
      case 3: {
        const bool there = model.contains(key) && model[key].second > now;
        REQUIRE(Erase(key) == there);
        model.erase(key);
        break;
      }
      case 4:
        clock_.AdvanceMillis(static_cast<int64_t>(random.Below(20)));
        break;
      case 5:
        store_.Sweep(thread_, now, 100'000);
        break;
      default: {
        const auto it = model.find(key);
        const bool there = it != model.end() && it->second.second > now;
        REQUIRE(Get(key) == (there ? it->second.first : "(nil)"));
      }
    }
    if (i % 16 == 0) thread_.Quiescent();
  }
  clock_.AdvanceMillis(10'000);
  while (store_.Sweep(thread_, clock_.WallMillis(), 1'000'000'000).more) {
  }
  std::erase_if(model, [&](const auto& e) { return e.second.second <= clock_.WallMillis(); });
  CHECK(store_.KeyCount(0) == model.size());
  CHECK(store_.StatsOf(0, clock_.WallMillis()).expires == 0);
  std::multiset<std::string> expected;
  for (const auto& [key, value] : model) expected.insert(key);
  CHECK(ScanAll(10) == expected);
  CHECK(ScanAll(1'000'000) == expected);
}

TEST_CASE_METHOD(StoreFixture, "what falls due is swept within a tick, and only that") {
  const UnixMillis start = clock_.WallMillis();
  for (int i = 0; i < 10'000; ++i) Put(Key(static_cast<uint64_t>(i)), "v", start + 1 + i);
  for (const int after : {0, 1, 15, 16, 17, 500, 1'023, 1'024, 1'025, 5'000, 9'999, 10'020}) {
    clock_.AdvanceMillis(start + after - clock_.WallMillis());
    while (store_.Sweep(thread_, clock_.WallMillis(), 1'000'000'000).more) {
    }
    const auto left = static_cast<int64_t>(store_.KeyCount(0));
    INFO("after " << after);
    CHECK(left >= 10'000 - after);
    CHECK(left <= std::min(10'000, 10'000 - after + 2 * 16));
  }
  CHECK(store_.KeyCount(0) == 0);
  CHECK(store_.ExpiredKeys() == 10'000);
}

TEST_CASE_METHOD(StoreFixture, "deadlines far away, in the past and extended are kept exactly") {
  const UnixMillis start = clock_.WallMillis();
  const UnixMillis year = 365LL * 86'400'000;
  Put("century", "v", start + 100 * year);
  Put("three years", "v", start + 3 * year);
  Put("huge", "v", INT64_MAX - 1);
  Put("past", "v", start - 5);
  Put("extended", "v", start + 100);
  Put("extended", "v", start + 100'000);
  CHECK(Get("past") == "(nil)");
  clock_.AdvanceMillis(1'000);
  while (store_.Sweep(thread_, clock_.WallMillis(), 1'000'000'000).more) {
  }
  CHECK(store_.KeyCount(0) == 4);
  CHECK(Get("extended") == "v");
  for (int day = 0; day < 4 * 365; ++day) {
    clock_.AdvanceMillis(86'400'000);
    while (store_.Sweep(thread_, clock_.WallMillis(), 1'000'000'000).more) {
    }
  }
  CHECK(ScanAll(10) == std::multiset<std::string>{"century", "huge"});
  CHECK(store_.KeyCount(0) == 2);
}

TEST_CASE_METHOD(StoreFixture, "a clock that goes back rebases the wheel") {
  const UnixMillis start = clock_.WallMillis();
  for (uint64_t i = 0; i < 1'000; ++i) Put(Key(i), "v", start + 60'000);
  clock_.AdvanceMillis(50'000);
  store_.Sweep(thread_, clock_.WallMillis(), 1'000'000'000);
  clock_.SetWallMillis(start - 100'000);
  store_.Sweep(thread_, clock_.WallMillis(), 1'000'000'000);
  for (uint64_t i = 0; i < 1'000; ++i) Put("late" + Key(i), "v", start - 50'000);
  clock_.SetWallMillis(start - 49'900);
  while (store_.Sweep(thread_, clock_.WallMillis(), 1'000'000'000).more) {
  }
  CHECK(store_.KeyCount(0) == 1'000);
  clock_.SetWallMillis(start + 60'100);
  while (store_.Sweep(thread_, clock_.WallMillis(), 1'000'000'000).more) {
  }
  CHECK(store_.KeyCount(0) == 0);
}

TEST_CASE_METHOD(StoreFixture, "a scan returns every key that stays, across growth") {
  for (uint64_t i = 0; i < 2'000; ++i) Put(Key(i), "v");
  std::set<std::string> seen;
  uint64_t cursor = 0;
  uint64_t next = 1'000'000;
  do {
    cursor = store_.Scan(thread_, 0, cursor, 10, clock_.WallMillis(),
                         [&](const Record& r) { seen.insert(std::string(r.key())); });
    for (int j = 0; j < 200 && next < 1'050'000; ++j) Put(Key(next++), "v");
    thread_.Quiescent();
  } while (cursor != 0);
  for (uint64_t i = 0; i < 2'000; ++i) CHECK(seen.contains(Key(i)));
}

TEST_CASE_METHOD(StoreFixture, "a scan by whole segments meets no key twice, across growth") {
  for (uint64_t i = 0; i < 2'000; ++i) Put(Key(i), "v");
  std::multiset<std::string> seen;
  uint64_t cursor = 0;
  uint64_t next = 1'000'000;
  do {
    cursor = store_.Scan(
        thread_, 0, cursor, 10, clock_.WallMillis(),
        [&](const Record& r) { seen.insert(std::string(r.key())); }, ScanStop::kSegmentEnd);
    for (int j = 0; j < 2'000 && next < 1'050'000; ++j) Put(Key(next++), "v");
    thread_.Quiescent();
  } while (cursor != 0);
  for (uint64_t i = 0; i < 2'000; ++i) CHECK(seen.count(Key(i)) == 1);
  for (const std::string& key : seen) CHECK(seen.count(key) == 1);
}

TEST_CASE_METHOD(StoreFixture, "any cursor is accepted") {
  for (uint64_t i = 0; i < 500; ++i) Put(Key(i), "v");
  Random random(7);
  for (int i = 0; i < 10'000; ++i) {
    const uint64_t cursor = random.Next() >> random.Below(64);
    store_.Scan(thread_, 0, cursor, random.Below(1'000), clock_.WallMillis(), [](const Record&) {});
  }
}

// How far draws are from each of `keys` having been drawn equally often.
double ChiSquared(const std::map<std::string, int>& drawn, uint64_t keys, int draws) {
  double chi = 0;
  const double expected = static_cast<double>(draws) / static_cast<double>(keys);
  for (uint64_t i = 0; i < keys; ++i) {
    const auto it = drawn.find(Key(i));
    const double differ = (it == drawn.end() ? 0 : it->second) - expected;
    chi += differ * differ / expected;
  }
  return chi;
}

TEST_CASE_METHOD(StoreFixture, "every key has the same chance to be the random one") {
  constexpr uint64_t kKeys = 300;
  constexpr int kDraws = 60'000;
  for (uint64_t i = 0; i < kKeys; ++i) Put(Key(i), "v");
  std::map<std::string, int> drawn;
  for (int i = 0; i < kDraws; ++i) {
    ++drawn[std::string(store_.RandomRecord(thread_, 0, clock_.WallMillis())->key())];
  }
  // 299 degrees of freedom: beyond 420 once in a hundred thousand runs.
  CHECK(ChiSquared(drawn, kKeys, kDraws) < 420);
}

TEST_CASE_METHOD(StoreFixture, "keys with equal hashes are as random as others") {
  constexpr uint64_t kKeys = 300;
  constexpr int kDraws = 60'000;
  Db locked = db();
  for (uint64_t i = 0; i < kKeys; ++i) {
    const std::string key = Key(i);
    // A third of them share a hash, and most of these are in an overflow chain.
    const KeyView view = i % 3 == 0 ? KeyView{key, 0x1234'5678'9abc'def0} : MakeKey(key);
    locked.Put(view, {.key = key, .value = "v"});
  }
  std::map<std::string, int> drawn;
  for (int i = 0; i < kDraws; ++i) {
    ++drawn[std::string(store_.RandomRecord(thread_, 0, clock_.WallMillis())->key())];
  }
  CHECK(drawn.size() == kKeys);
  CHECK(ChiSquared(drawn, kKeys, kDraws) < 420);
}

TEST_CASE_METHOD(StoreFixture, "a random key is found among expired ones") {
  CHECK(store_.RandomRecord(thread_, 0, clock_.WallMillis()) == nullptr);
  for (uint64_t i = 0; i < 1'000; ++i) Put(Key(i), "v", clock_.WallMillis() + 10);
  Put("alive", "v");
  clock_.AdvanceMillis(20);
  const Record* record = store_.RandomRecord(thread_, 0, clock_.WallMillis());
  REQUIRE(record != nullptr);
  CHECK(record->key() == "alive");
}

TEST_CASE_METHOD(StoreFixture, "databases are apart, can be exchanged and emptied") {
  for (uint64_t i = 0; i < 5'000; ++i) Put(Key(i), "zero", kNoDeadline, 0);
  for (uint64_t i = 0; i < 3'000; ++i) Put(Key(i), "one", clock_.WallMillis() + 500, 1);
  {
    const AllShards all(store_);
    store_.SwapDatabases(0, 1);
  }
  CHECK(Get(Key(1), 0) == "one");
  CHECK(Get(Key(1), 1) == "zero");
  {
    const AllShards all(store_);
    store_.FlushDatabase(thread_, 1);
  }
  CHECK(store_.KeyCount(1) == 0);
  CHECK(Get(Key(1), 1) == "(nil)");
  CHECK(store_.Memory().detached_keys == 5'000);
  for (int i = 0; i < 10'000 && store_.FreeDetached(thread_, 1'000); ++i) thread_.Quiescent();
  CHECK(store_.Memory().detached_keys == 0);
  for (uint64_t i = 0; i < 1'000; ++i) Put(Key(i), "again", clock_.WallMillis() + 700, 1);
  clock_.AdvanceMillis(600);
  while (store_.Sweep(thread_, clock_.WallMillis(), 1'000'000'000).more) {
  }
  CHECK(store_.KeyCount(0) == 0);
  CHECK(store_.KeyCount(1) == 1'000);
  clock_.AdvanceMillis(200);
  while (store_.Sweep(thread_, clock_.WallMillis(), 1'000'000'000).more) {
  }
  CHECK(store_.KeyCount(1) == 0);
}

TEST_CASE_METHOD(StoreFixture,
                 "several keys of one shard change under an odd sequence, one does not") {
  const ShardLock& lock = store_.shard(1).lock;
  const uint32_t before = lock.txn_seq();
  LockRequest one(
      store_, [](void*) {}, nullptr);
  one.shards().Add(1);
  REQUIRE(one.Acquire());
  CHECK(lock.txn_seq() == before);
  one.Release();
  LockRequest two(
      store_, [](void*) {}, nullptr);
  two.shards().Add(1);
  two.shards().Add(1);
  REQUIRE(two.Acquire());
  CHECK(lock.txn_seq() == before + 1);
  two.Release();
  CHECK(lock.txn_seq() == before + 2);
  CHECK_FALSE(ShardLock::Locked(lock.version()));
}

TEST_CASE_METHOD(StoreFixture, "keys with equal hashes are kept, found, expired and erased") {
  constexpr uint64_t kKeys = 3'000;
  Db locked = db();
  const auto key_of = [](const std::string& bytes) {
    return KeyView{bytes, 0x1234'5678'9abc'def0};
  };
  for (uint64_t i = 0; i < kKeys; ++i) {
    const std::string key = Key(i);
    const UnixMillis deadline = i % 2 == 0 ? clock_.WallMillis() + 100 : kNoDeadline;
    locked.Put(key_of(key), {.key = key, .deadline = deadline, .value = key});
    if (i % 64 == 0) thread_.Quiescent();
  }
  for (uint64_t i = 0; i < kKeys; ++i) {
    const std::string key = Key(i);
    const Record* record = locked.Find(key_of(key));
    REQUIRE(record != nullptr);
    REQUIRE(record->inline_value() == key);
  }
  CHECK(ScanAll(10).size() == kKeys);
  clock_.AdvanceMillis(200);
  while (store_.Sweep(thread_, clock_.WallMillis(), 1'000'000'000).more) {
  }
  CHECK(store_.KeyCount(0) == kKeys / 2);
  Db later = db();
  for (uint64_t i = 1; i < kKeys; i += 2) REQUIRE(later.Erase(key_of(Key(i))));
  CHECK(store_.KeyCount(0) == 0);
}

TEST_CASE_METHOD(StoreFixture,
                 "a hundred thousand equal hashes neither end the table nor each other") {
  constexpr uint64_t kKeys = 100'000;
  constexpr uint64_t kHash = 0x1234'5678'9abc'def0;
  Shard& shard = store_.shard(store_.ShardIndex(kHash));
  Table& table = shard.MakeTable(0);
  // A Put would look each of them up among all that came before it.
  for (uint64_t i = 0; i < kKeys; ++i) {
    const std::string key = Key(i);
    const UnixMillis deadline = i % 2 == 0 ? clock_.WallMillis() + 100 : kNoDeadline;
    Record* record = Record::Create({.key = key, .deadline = deadline, .value = key});
    shard.Insert(thread_, table, {key, kHash}, record);
    if (i % 64 == 0) thread_.Quiescent();
  }
  Put("other", "v");
  CHECK(store_.KeyCount(0) == kKeys + 1);
  Db locked = db();
  for (uint64_t i = 0; i < kKeys; i += 997) {
    const std::string key = Key(i);
    const Record* record = locked.Find({key, kHash});
    REQUIRE(record != nullptr);
    REQUIRE(record->inline_value() == key);
  }
  CHECK(locked.Find({"missing", kHash}) == nullptr);
  CHECK(ScanAll(10).size() == kKeys + 1);
  clock_.AdvanceMillis(200);
  while (store_.Sweep(thread_, clock_.WallMillis(), 1'000'000'000).more) {
  }
  CHECK(store_.KeyCount(0) == kKeys / 2 + 1);
  CHECK(Get("other") == "v");
}

TEST_CASE_METHOD(StoreFixture, "a deadline can be set, moved and removed in place") {
  Put("k", "v");
  const KeyView key = MakeKey("k");
  Db locked = db();
  Record* record = locked.Find(key);
  record = locked.SetDeadline(key, record, clock_.WallMillis() + 1'000);
  CHECK(record->deadline() == clock_.WallMillis() + 1'000);
  Record* same = locked.SetDeadline(key, record, clock_.WallMillis() + 50);
  CHECK(same->deadline() == clock_.WallMillis() + 50);
  CHECK(store_.StatsOf(0, clock_.WallMillis()).avg_ttl_ms == 50);
  CHECK(same->inline_value() == "v");
  same = locked.SetDeadline(key, same, kNoDeadline);
  CHECK_FALSE(same->has_deadline());
  CHECK(store_.StatsOf(0, clock_.WallMillis()).expires == 0);
  locked.SetDeadline(key, same, clock_.WallMillis() + 50);
  clock_.AdvanceMillis(51);
  CHECK(Get("k") == "(nil)");
  CHECK(thread_.seen_expired().size() == 1);
  store_.RemoveSeenExpired(thread_, clock_.WallMillis());
  CHECK(store_.KeyCount(0) == 0);
}

}  // namespace
}  // namespace alai
