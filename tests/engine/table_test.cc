// Tables through their shards: splits, directories, what readers hold on to, shrinking, and figures
// that stay exact through all of it.
#include "engine/table.h"

#include <map>
#include <string>

#include "engine/base/memory.h"
#include "engine/base/random.h"
#include "engine/blob.h"
#include "engine/types/keys.h"
#include "engine/types/strings.h"
#include "tests/catch.h"
#include "tests/engine/store_audit.h"
#include "tests/engine/store_fixture.h"

namespace alai {
namespace {

class TableFixture : public StoreFixture {
 public:
  TableFixture() : StoreFixture(2) {}

  Table& table(uint32_t shard = 0) { return *store_.shard(shard).table(0); }
  uint64_t segment_bytes() { return store_.Memory().segment_bytes; }
};

TEST_CASE_METHOD(TableFixture, "splits and doubled directories lead every key to its segment") {
  uint32_t depth = 0;
  uint64_t doublings = 0;
  for (uint64_t i = 0; i < 30'000; ++i) {
    Put(Key(i), "v", i % 3 == 0 ? clock_.WallMillis() + 1'000 : kNoDeadline);
    if (i == 0) continue;
    if (store_.shard(0).table(0) != nullptr && table().directory()->depth() != depth) {
      depth = table().directory()->depth();
      ++doublings;
      CHECK(AuditStore(store_) == "");
    }
    if (i % 32 == 0) thread_.Quiescent();
  }
  CHECK(doublings >= 4);
  CHECK(AuditStore(store_) == "");
  for (uint64_t i = 0; i < 30'000; ++i) REQUIRE(Get(Key(i)) == "v");
}

TEST_CASE_METHOD(TableFixture,
                 "a segment that was replaced stays as it was until nobody can see it") {
  std::map<std::string, Record*> there;
  for (uint64_t i = 0; i < 400; ++i) Put(Key(i), "v");
  for (uint64_t i = 0; i < 400; ++i) {
    const std::string name = Key(i);
    const KeyView key = MakeKey(name);
    if (store_.ShardIndex(key.hash) == 0) there[name] = table().Find(key);
  }
  const SegmentRef old = table().SegmentOf(0);
  std::map<std::string, Record*> in_old;
  for (const auto& [name, record] : there) {
    if (table().SegmentOf(MakeKey(name).hash).bits() == old.bits()) in_old[name] = record;
  }
  REQUIRE(in_old.size() > 10);
  // This thread announces nothing meanwhile, as a reader in the middle of its walk.
  for (uint64_t i = 1'000; i < 20'000; ++i) Put(Key(i), "v");
  REQUIRE(table().SegmentOf(0).bits() != old.bits());
  for (const auto& [name, record] : in_old) {
    REQUIRE(FindInSegment(old, MakeKey(name)) == record);
    REQUIRE(table().Find(MakeKey(name)) == record);
  }
  CHECK(store_.Memory().retired_bytes > 0);
  for (int i = 0; i < 200; ++i) thread_.Quiescent();
  CHECK(store_.Memory().retired_bytes == 0);
}

TEST_CASE_METHOD(TableFixture, "tables shrink when their keys go, and grow again") {
  constexpr uint64_t kKeys = 60'000;
  for (const bool by_expiry : {false, true}) {
    for (uint64_t i = 0; i < kKeys; ++i) {
      Put(Key(i), "v", by_expiry && i % 100 != 0 ? clock_.WallMillis() + 10'000 : kNoDeadline);
      if (i % 64 == 0) thread_.Quiescent();
    }
    const uint64_t full = segment_bytes();
    CHECK(full > kKeys * 8);
    if (by_expiry) {
      clock_.AdvanceMillis(20'000);
      SweepAll();
    } else {
      for (uint64_t i = 0; i < kKeys; ++i) {
        if (i % 100 != 0) REQUIRE(Erase(Key(i)));
      }
    }
    INFO("by expiry: " << by_expiry << ", full " << full << ", now " << segment_bytes());
    CHECK(store_.KeyCount(0) == kKeys / 100);
    CHECK(segment_bytes() < full / 8);
    CHECK(AuditStore(store_) == "");
    for (uint64_t i = 0; i < kKeys; i += 100) REQUIRE(Get(Key(i)) == "v");
    CHECK(ScanAll(10).size() == kKeys / 100);
  }
}

TEST_CASE_METHOD(TableFixture, "a segment that wavers in size is not rebuilt at every step") {
  for (uint64_t i = 0; i < 20'000; ++i) Put(Key(i), "v");
  for (int i = 0; i < 100; ++i) thread_.Quiescent();
  REQUIRE(store_.Memory().retired_bytes == 0);
  // A tenth goes and comes back, again and again.
  for (int round = 0; round < 5; ++round) {
    for (uint64_t i = 0; i < 2'000; ++i) REQUIRE(Erase(Key(i)));
    for (uint64_t i = 0; i < 2'000; ++i) Put(Key(i), "v");
  }
  const uint64_t records = 5 * 2'000 * UsableSize(8 + 8 + 1);
  CHECK(store_.Memory().retired_bytes <= records);
}

TEST_CASE_METHOD(TableFixture, "an overflow chain is given back when its keys have gone") {
  Db locked = db();
  const auto view = [](const std::string& bytes) { return KeyView{bytes, 0x42}; };
  for (uint64_t i = 0; i < 2'000; ++i) {
    const std::string key = Key(i);
    locked.Put(view(key), {.key = key, .value = "v"});
  }
  CHECK(table().overflow_buckets.Get() > 200);
  CHECK(AuditStore(store_) == "");
  for (uint64_t i = 0; i < 2'000; ++i) REQUIRE(locked.Erase(view(Key(i))));
  CHECK(table().overflow_buckets.Get() == 0);
  CHECK(segment_bytes() < 1'000);
  CHECK(AuditStore(store_) == "");
}

TEST_CASE_METHOD(StoreFixture, "every figure is exact after any work, and nothing is left of it") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  for (int round = 0; round < 4; ++round) {
    // Rounds that mostly fill, and rounds that mostly empty.
    const uint64_t erasing = round % 2 == 0 ? 1 : 6;
    for (int i = 0; i < 15'000; ++i) {
      const std::string name = Key(random.Below(6'000));
      const KeyView key = MakeKey(name);
      Db locked = db(static_cast<int>(random.Below(2)));
      const UnixMillis soon = clock_.WallMillis() + static_cast<int64_t>(random.Below(3'000));
      const uint64_t dice = random.Below(9 + erasing);
      if (dice < 2) {
        strings::Set(locked, key, std::string(random.Below(700), 'x'));
      } else if (dice == 2) {
        strings::Set(locked, key, std::to_string(random.Next() >> random.Below(64)), soon + 1);
      } else if (dice == 3) {
        static_cast<void>(
            strings::Append(locked, key, std::string(random.Below(3'000), 'y'), 1 << 20));
      } else if (dice == 4) {
        static_cast<void>(strings::Overwrite(locked, key, random.Below(9'000), "over", 1 << 20));
      } else if (dice == 5) {
        keys::Expire(locked, key, soon, keys::kExpireAlways);
      } else if (dice == 6) {
        keys::Persist(locked, key);
      } else if (dice == 7) {
        Db other = locked.Sibling(1 - locked.index());
        keys::Move(locked, other, key);
      } else if (dice == 8) {
        const std::string to = Key(random.Below(6'000));
        keys::Rename(locked, key, MakeKey(to), true);
      } else {
        keys::Delete(locked, key);
      }
      if (random.Below(50) == 0) clock_.AdvanceMillis(static_cast<int64_t>(random.Below(60)));
      if (random.Below(20) == 0) store_.Sweep(thread_, clock_.WallMillis(), 50'000);
      if (i % 16 == 0) thread_.Quiescent();
      if (i % 3'000 == 0) REQUIRE(AuditStore(store_) == "");
    }
    REQUIRE(AuditStore(store_) == "");
  }
  CHECK(store_.KeyCount(0) + store_.KeyCount(1) > 0);
  Flush(0);
  Flush(1);
  for (int i = 0; i < 200; ++i) thread_.Quiescent();
  const MemoryStats left = store_.Memory();
  CHECK(left.record_bytes == 0);
  CHECK(left.segment_bytes == 0);
  CHECK(left.retired_bytes == 0);
  CHECK(left.detached_keys == 0);
  CHECK(AuditStore(store_) == "");
}

TEST_CASE_METHOD(StoreFixture,
                 "a scan returns every key that stays, while others go and tables shrink") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  for (const ScanStop stop : {ScanStop::kAnywhere, ScanStop::kSegmentEnd}) {
    for (uint64_t i = 0; i < 20'000; ++i) Put(Key(i), "v");
    std::multiset<std::string> seen;
    uint64_t cursor = 0;
    uint64_t next = 0;
    do {
      cursor = store_.Scan(
          thread_, 0, cursor, 20, clock_.WallMillis(),
          [&](const Record& r) { seen.insert(std::string(r.key())); }, stop);
      // Bursts of erasing and of new keys, so that segments shrink, grow and split behind and ahead.
      for (int j = 0; j < 100 && next < 20'000; ++j, ++next) {
        if (next % 20 != 0) Erase(Key(next));
      }
      if (random.Below(4) == 0) {
        for (int j = 0; j < 200; ++j) Put("new" + Key(random.Below(30'000)), "v");
      }
      thread_.Quiescent();
    } while (cursor != 0);
    for (uint64_t i = 0; i < 20'000; i += 20) {
      REQUIRE(seen.count(Key(i)) >= 1);
      if (stop == ScanStop::kSegmentEnd) REQUIRE(seen.count(Key(i)) == 1);
    }
    Flush(0);
  }
}

}  // namespace
}  // namespace alai
