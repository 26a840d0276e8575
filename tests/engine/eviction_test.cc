// What goes when memory is short: which keys each policy takes, that nothing else changes, and that
// whoever listens is told.
#include "engine/eviction.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "engine/access_clock.h"
#include "engine/change_log.h"
#include "engine/frequency_sketch.h"
#include "engine/key_events.h"
#include "tests/engine/asked_waiter.h"
#include "tests/engine/store_audit.h"
#include "tests/engine/store_fixture.h"

namespace alai {
namespace {

constexpr int64_t kLongEnough = INT64_MAX;
constexpr UnixMillis kHour = 3'600'000;

class Recorder final : public ChangeLog, public KeyEventSink {
 public:
  void Append(int db, std::span<const std::string_view> command) override {
    std::string line = std::to_string(db);
    for (const std::string_view word : command) line.append(" ").append(word);
    effects.push_back(line);
  }
  bool Reserve(size_t) override { return has_space; }
  void OnKeyEvent(KeyEventClass event_class, std::string_view name, int db, KeyView key) override {
    if (event_class != KeyEventClass::kEvicted) return;
    events.push_back(std::to_string(db) + " " + std::string(name) + " " + std::string(key.bytes));
  }
  void OnDatabaseReplaced(int) override {}

  std::vector<std::string> effects;
  std::vector<std::string> events;
  bool has_space = true;
};

class Fixture : public StoreFixture {
 public:
  Fixture() : StoreFixture(4) {}

  void Follow(EvictionPolicy policy, bool volatile_only = false, int samples = 5) {
    store_.set_access_clock(policy == EvictionPolicy::kLfu ? AccessClock::kLfu : AccessClock::kLru);
    store_.eviction().Follow(
        {.policy = policy, .volatile_only = volatile_only, .samples = samples});
  }
  // Sets a limit that leaves this share of what is used now, and evicts down to it.
  EvictionSlice ShrinkTo(double share) {
    const auto bytes = static_cast<double>(store_.UsedBytes()) * share;
    store_.memory_limit().Set(static_cast<uint64_t>(bytes));
    return Evict();
  }
  EvictionSlice Evict() {
    const EvictionSlice slice =
        store_.eviction().MakeRoom(thread_, clock_.WallMillis(), kLongEnough);
    CHECK(AuditStore(store_) == "");
    return slice;
  }
  void Use(const std::string& key) {
    Db optimistic(store_, thread_, tally_, 0, Access::kOptimistic, clock_.WallMillis());
    optimistic.Find(MakeKey(key));
  }
  bool Has(const std::string& key, int index = 0) { return Get(key, index) != "(nil)"; }
  // How many keys from `first` to before `end` are there.
  uint64_t Left(uint64_t first, uint64_t end) {
    uint64_t left = 0;
    for (uint64_t i = first; i < end; ++i) left += Has(Key(i)) ? 1 : 0;
    return left;
  }
};

TEST_CASE_METHOD(Fixture, "nothing is evicted without a limit or without a policy") {
  for (uint64_t i = 0; i < 1'000; ++i) Put(Key(i), "value");
  Follow(EvictionPolicy::kLru);
  CHECK(Evict().evicted == 0);
  CHECK(store_.sketch() == nullptr);
  Follow(EvictionPolicy::kNone);
  const EvictionSlice slice = ShrinkTo(0.5);
  CHECK(slice.room == Room::kNone);
  CHECK(slice.evicted == 0);
  CHECK_FALSE(slice.more);
  CHECK(store_.KeyCount(0) == 1'000);
  CHECK(store_.eviction().exceeded_now_ns() == 0);
  clock_.AdvanceMillis(5);
  CHECK(store_.eviction().exceeded_now_ns() == 5'000'000);
}

TEST_CASE_METHOD(Fixture, "every policy evicts down to the limit and no further") {
  const auto policy = GENERATE(EvictionPolicy::kLru, EvictionPolicy::kLfu, EvictionPolicy::kRandom,
                               EvictionPolicy::kTtl);
  const bool volatile_only = GENERATE(false, true);
  if (policy == EvictionPolicy::kTtl && !volatile_only) return;
  Follow(policy, volatile_only);
  for (uint64_t i = 0; i < 4'000; ++i) {
    Put(Key(i), "value", clock_.WallMillis() + kHour + static_cast<int64_t>(i));
  }
  const EvictionSlice slice = ShrinkTo(0.5);
  CHECK(slice.room == Room::kEnough);
  CHECK_FALSE(slice.more);
  CHECK(slice.evicted == store_.EvictedKeys());
  CHECK(store_.KeyCount(0) == 4'000 - slice.evicted);
  CHECK(store_.memory_limit().Excess(thread_) <= 0);
  // One key more than was needed at most: a record, and what its segment gives back.
  CHECK(store_.memory_limit().Excess(thread_) > -4'096);
  CHECK(store_.eviction().HasRoom(thread_));
}

TEST_CASE_METHOD(Fixture, "volatile policies leave keys without a deadline alone") {
  const auto policy = GENERATE(EvictionPolicy::kLru, EvictionPolicy::kLfu, EvictionPolicy::kRandom,
                               EvictionPolicy::kTtl);
  Follow(policy, true);
  for (uint64_t i = 0; i < 2'000; ++i) {
    Put(Key(i), "value", i % 10 == 0 ? clock_.WallMillis() + kHour : kNoDeadline);
  }
  const EvictionSlice slice = ShrinkTo(0.5);
  CHECK(slice.room == Room::kNone);
  CHECK(slice.evicted == 200);
  CHECK(store_.StatsOf(0, clock_.WallMillis()).expires == 0);
  CHECK(store_.KeyCount(0) == 1'800);
}

TEST_CASE_METHOD(Fixture, "one volatile key among very many is found") {
  Follow(EvictionPolicy::kLru, true);
  for (uint64_t i = 0; i < 20'000; ++i) Put(Key(i), "v");
  Put("volatile", "v", clock_.WallMillis() + kHour);
  store_.memory_limit().Set(store_.UsedBytes() - 1);
  for (int i = 0; i < 100 && store_.EvictedKeys() == 0; ++i) Evict();
  CHECK(store_.EvictedKeys() == 1);
  CHECK_FALSE(Has("volatile"));
}

TEST_CASE_METHOD(Fixture, "LRU evicts what was not used for the longest") {
  Follow(EvictionPolicy::kLru);
  for (uint64_t i = 0; i < 4'000; ++i) {
    Put(Key(i), "value");
    if (i % 40 == 39) clock_.AdvanceMillis(1000);
  }
  ShrinkTo(0.6);
  CHECK(Left(0, 1'000) < 50);
  CHECK(Left(3'000, 4'000) > 950);
}

// How many of 1,000 keys that are used all the time are left after 3,000 others went by.
uint64_t LeftAfterScan(EvictionPolicy policy) {
  Fixture f;
  f.store_.memory_limit().Set(UINT64_MAX / 4);
  f.Follow(policy);
  for (uint64_t i = 0; i < 1'000; ++i) f.Put(Key(i), "value");
  for (int round = 0; round < 5; ++round) {
    for (uint64_t i = 0; i < 1'000; ++i) f.Use(Key(i));
  }
  f.store_.memory_limit().Set(f.store_.UsedBytes() * 12 / 10);
  for (uint64_t i = 1'000; i < 4'000; ++i) {
    if (i % 100 == 0) f.clock_.AdvanceMillis(1000);
    f.Use(Key(i));
    f.Put(Key(i), "value");
    for (uint64_t use = 0; use < 5; ++use) f.Use(Key((i * 5 + use) % 1'000));
    f.store_.eviction().MakeRoom(f.thread_, f.clock_.WallMillis(), kLongEnough);
  }
  return f.Left(0, 1'000);
}

TEST_CASE("LRU keeps what is asked for again and again from a scan") {
  // It keeps 935 with a standard deviation of 12; who draws blindly keeps far fewer.
  CHECK(LeftAfterScan(EvictionPolicy::kLru) > 860);
  CHECK(LeftAfterScan(EvictionPolicy::kRandom) < 700);
}

TEST_CASE_METHOD(Fixture, "LRU goes by frequencies, too, once there is a limit") {
  store_.memory_limit().Set(UINT64_MAX / 4);
  Follow(EvictionPolicy::kLru);
  CHECK(store_.sketch() != nullptr);
}

TEST_CASE_METHOD(Fixture, "LFU evicts what was used least") {
  Follow(EvictionPolicy::kLfu);
  store_.lfu_log_factor.store(0);
  for (uint64_t i = 0; i < 4'000; ++i) Put(Key(i), "value");
  for (uint64_t i = 0; i < 4'000; ++i) {
    for (uint64_t use = 0; use < i / 200; ++use) Use(Key(i));
  }
  ShrinkTo(0.6);
  CHECK(Left(0, 1'000) < 50);
  CHECK(Left(3'000, 4'000) > 950);
}

// How many of 1,000 keys with the smaller value, and of as many with the larger one, are evicted when half of the memory
// has to go.
std::pair<uint64_t, uint64_t> EvictedOf(EvictionPolicy policy, size_t smaller, size_t larger) {
  Fixture f;
  f.Follow(policy);
  for (uint64_t i = 0; i < 1'000; ++i) {
    f.Put(Key(i), std::string(smaller, 's'));
    f.Put(Key(1'000 + i), std::string(larger, 'l'));
  }
  f.ShrinkTo(0.5);
  return {1'000 - f.Left(0, 1'000), 1'000 - f.Left(1'000, 2'000)};
}

TEST_CASE("of keys that are used alike the larger go first, up to half a kilobyte") {
  for (const EvictionPolicy policy : {EvictionPolicy::kLru, EvictionPolicy::kLfu}) {
    const auto [small, medium] = EvictedOf(policy, 10, 300);
    CHECK(medium > 500);
    CHECK(small < 50);
    const auto [large, huge] = EvictedOf(policy, 600, 3'000);
    CHECK(huge > 350);
    CHECK(large > 350);
  }
  const auto [small, medium] = EvictedOf(EvictionPolicy::kRandom, 10, 300);
  CHECK(medium > 350);
  CHECK(small > 350);
}

TEST_CASE_METHOD(Fixture, "TTL evicts what would expire next") {
  Follow(EvictionPolicy::kTtl, true);
  for (uint64_t i = 0; i < 4'000; ++i) {
    Put(Key(i), "value", clock_.WallMillis() + kHour + static_cast<int64_t>(i) * 1000);
  }
  ShrinkTo(0.6);
  CHECK(Left(0, 1'000) < 50);
  CHECK(Left(3'000, 4'000) > 950);
}

TEST_CASE_METHOD(Fixture, "random eviction takes from everywhere alike") {
  Follow(EvictionPolicy::kRandom);
  for (uint64_t i = 0; i < 8'000; ++i) Put(Key(i), "value", kNoDeadline, static_cast<int>(i % 2));
  ShrinkTo(0.5);
  const auto first = static_cast<double>(store_.KeyCount(0));
  const auto second = static_cast<double>(store_.KeyCount(1));
  CHECK(first / second > 0.85);
  CHECK(first / second < 1.18);
}

TEST_CASE_METHOD(Fixture, "more samples find worse keys") {
  const auto median_of_evicted = [](int samples) {
    Fixture fixture;
    fixture.Follow(EvictionPolicy::kTtl, true, samples);
    for (uint64_t i = 0; i < 4'000; ++i) {
      fixture.Put(Key(i), "v",
                  fixture.clock_.WallMillis() + kHour + static_cast<int64_t>(i) * 1000);
    }
    fixture.ShrinkTo(0.95);
    std::vector<uint64_t> gone;
    for (uint64_t i = 0; i < 4'000; ++i) {
      if (!fixture.Has(Key(i))) gone.push_back(i);
    }
    REQUIRE_FALSE(gone.empty());
    return gone[gone.size() / 2];
  };
  CHECK(median_of_evicted(10) < median_of_evicted(1));
}

TEST_CASE_METHOD(Fixture, "who waits for a key hears of its eviction") {
  const auto waiter = std::make_shared<AskedWaiter>();
  store_.shard(store_.ShardIndex(Hash("a"))).waiters.Add(0, "a", waiter);
  Put("a", "value");
  thread_.ready_keys().clear();
  Follow(EvictionPolicy::kLru);
  ShrinkTo(0.01);
  CHECK_FALSE(Has("a"));
  CHECK(waiter->asked == 1);
  CHECK(thread_.ready_keys().empty());
}

TEST_CASE_METHOD(Fixture, "an eviction is logged as DEL and told as evicted") {
  Recorder recorder;
  store_.set_change_log(&recorder);
  store_.set_key_events(&recorder);
  Put("a", "value", kNoDeadline, 2);
  Follow(EvictionPolicy::kLru);
  ShrinkTo(0.01);
  CHECK_FALSE(Has("a", 2));
  CHECK(recorder.effects == std::vector<std::string>{"2 DEL a"});
  CHECK(recorder.events == std::vector<std::string>{"2 evicted a"});
}

TEST_CASE_METHOD(Fixture, "nothing goes while the change log has no space") {
  Recorder recorder;
  store_.set_change_log(&recorder);
  Put("a", "value");
  Follow(EvictionPolicy::kLru);
  recorder.has_space = false;
  CHECK(ShrinkTo(0.5).more);
  CHECK(Has("a"));
  recorder.has_space = true;
  CHECK(Evict().evicted == 1);
  CHECK_FALSE(Has("a"));
}

// So few that all of them are looked at.
TEST_CASE_METHOD(Fixture, "an expired key goes first, as expired") {
  Follow(EvictionPolicy::kLru);
  for (uint64_t i = 0; i < 10; ++i) Put(Key(i), "value");
  Put("expired", "value", clock_.WallMillis() + 10);
  clock_.AdvanceMillis(20);
  store_.memory_limit().Set(store_.UsedBytes() - 1);
  Evict();
  CHECK(store_.ExpiredKeys() == 1);
  CHECK(store_.EvictedKeys() == 0);
  CHECK(store_.KeyCount(0) == 10);
}

TEST_CASE_METHOD(Fixture, "nothing is evicted while expired keys may not be removed") {
  for (uint64_t i = 0; i < 100; ++i) Put(Key(i), "value");
  Follow(EvictionPolicy::kRandom);
  store_.set_may_remove_expired(false);
  CHECK(ShrinkTo(0.5).room == Room::kEnough);
  CHECK(store_.KeyCount(0) == 100);
  store_.set_may_remove_expired(true);
  CHECK(Evict().evicted > 0);
}

TEST_CASE_METHOD(Fixture, "a locked shard is left to later") {
  Follow(EvictionPolicy::kRandom);
  for (uint64_t i = 0; i < 100; ++i) Put(Key(i), "value");
  for (uint32_t i = 0; i < store_.shard_count(); ++i) REQUIRE(store_.shard(i).lock.TryLock());
  const EvictionSlice slice = ShrinkTo(0.5);
  CHECK(slice.more);
  CHECK(slice.evicted == 0);
  for (uint32_t i = 0; i < store_.shard_count(); ++i) store_.shard(i).lock.Unlock();
  CHECK(Evict().evicted > 0);
}

TEST_CASE_METHOD(Fixture, "how long the limit was exceeded is counted") {
  Put("a", "value");
  ShrinkTo(0.5);
  clock_.AdvanceMillis(30);
  Evict();
  CHECK(store_.eviction().exceeded_now_ns() == 30'000'000);
  store_.memory_limit().Set(0);
  Evict();
  clock_.AdvanceMillis(30);
  CHECK(store_.eviction().exceeded_now_ns() == 0);
  CHECK(store_.eviction().exceeded_ns() == 30'000'000);
  store_.eviction().ResetExceeded();
  CHECK(store_.eviction().exceeded_ns() == 0);
}

TEST_CASE_METHOD(Fixture, "the sketch grows with the keys and goes with the limit") {
  store_.memory_limit().Set(UINT64_MAX / 4);
  Follow(EvictionPolicy::kLru);
  for (uint64_t i = 0; i < 40'000; ++i) Put(Key(i), "v");
  store_.eviction().Maintain(thread_);
  CHECK(store_.sketch()->words() == 16'384);
  store_.memory_limit().Set(0);
  store_.eviction().Maintain(thread_);
  CHECK(store_.sketch() == nullptr);
}

}  // namespace
}  // namespace alai
