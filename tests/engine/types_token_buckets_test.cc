// Token buckets as keys: effects, events, lives, and a wall clock that is set.
#include <string>
#include <vector>

#include "engine/store.h"
#include "engine/types/keys.h"
#include "engine/types/strings.h"
#include "engine/types/token_buckets.h"
#include "tests/catch.h"
#include "tests/engine/recorder.h"
#include "tests/engine/store_audit.h"
#include "tests/engine/store_fixture.h"

namespace alai {
namespace {

using Lines = std::vector<std::string>;

constexpr UnixMillis kStartMs = 1'700'000'000'000;

// Ten tokens, one a second.
class BucketFixture {
 public:
  BucketFixture() : store_({.shards = 2, .clock = &clock_}) {
    store_.set_change_log(&recorder_);
    store_.set_key_events(&recorder_);
  }

  template <class F>
  auto With(const std::string& name, F f) {
    const KeyView key = MakeKey(name);
    store_.LockOf(key.hash).Lock();
    Db db(store_, thread_, tally_, 0, Access::kLocked, clock_.WallMillis());
    auto result = f(db, key);
    store_.LockOf(key.hash).Unlock();
    return result;
  }
  Result<TokenDecision> TryTake(const std::string& key, int64_t quantity = 1) {
    return With(
        key, [&](Db& db, KeyView view) { return token_buckets::Take(db, view, quota_, quantity); });
  }
  TokenDecision Take(const std::string& key, int64_t quantity = 1) {
    const Result<TokenDecision> decision = TryTake(key, quantity);
    REQUIRE(decision.ok());
    return *decision;
  }
  TokenDecision Peek(const std::string& name) {
    Db db(store_, thread_, tally_, 0, Access::kOptimistic, clock_.WallMillis());
    const Result<TokenDecision> decision = token_buckets::Peek(db, MakeKey(name), quota_);
    REQUIRE(decision.ok());
    return *decision;
  }
  const Record* Find(const std::string& key) {
    return With(key, [](Db& db, KeyView view) { return db.Find(view, Lookup::kPeek); });
  }
  bool Expire(const std::string& key, UnixMillis deadline) {
    return With(key, [&](Db& db, KeyView view) { return keys::Expire(db, view, deadline, 0); });
  }
  void SetText(const std::string& key) {
    With(key, [](Db& db, KeyView view) {
      strings::Set(db, view, "text");
      return true;
    });
  }
  void Sweep() {
    while (store_.Sweep(thread_, clock_.WallMillis(), 1'000'000'000).more) {
    }
  }

  FakeClock clock_{kStartMs};
  Recorder recorder_;
  Store store_;
  StoreThread& thread_ = *store_.RegisterThread();
  Tally tally_;
  const TokenQuota quota_ = *TokenQuota::Make(9, 1, 1);
};

TEST_CASE_METHOD(BucketFixture, "taking tokens logs the new state and tells of it") {
  CHECK(Take("b").remaining == 9);
  CHECK(recorder_.Take() ==
        Lines{"log0: RATE.STATE b 1700000001000000000", "event0: new b", "event0: throttle b"});
  clock_.AdvanceMillis(500);
  CHECK(Take("b", 2).remaining == 7);
  CHECK(recorder_.Take() == Lines{"log0: RATE.STATE b 1700000003000000000", "event0: throttle b"});
  CHECK(tally_.changes == 2);
  CHECK(keys::TypeName(Find("b")->type()) == "tokenbucket");
  CHECK(keys::EncodingName(*Find("b")) == "gcra");
}

TEST_CASE_METHOD(BucketFixture, "what is refused, or takes nothing, changes nothing") {
  CHECK_FALSE(Take("b", 0).limited);
  CHECK(Take("b", 11).limited);
  CHECK(Find("b") == nullptr);
  Take("b", 10);
  recorder_.Take();
  const int64_t state = Find("b")->integer();
  CHECK(Take("b").limited);
  CHECK_FALSE(Take("b", 0).limited);
  CHECK(TryTake("b", INT64_MAX).error() == Errc::kOutOfRange);
  CHECK(Find("b")->integer() == state);
  CHECK(recorder_.Take().empty());
  CHECK(tally_.changes == 1);
}

TEST_CASE_METHOD(BucketFixture, "a bucket goes when it is full again") {
  Take("b", 3);
  CHECK(Find("b")->deadline() == kStartMs + 3000);
  Take("b", 2);
  CHECK(Find("b")->deadline() == kStartMs + 5000);
  clock_.AdvanceMillis(4999);
  Sweep();
  REQUIRE(Find("b") != nullptr);
  CHECK(Peek("b").remaining == 9);
  recorder_.Take();
  clock_.AdvanceMillis(1);
  CHECK(Find("b") == nullptr);
  CHECK(recorder_.Take() == Lines{"log0: DEL b", "event0: expired b"});
  CHECK(store_.KeyCount(0) == 0);
}

TEST_CASE_METHOD(BucketFixture, "a bucket that is full again but not swept yet serves once more") {
  Take("b", 3);
  const Record* const record = Find("b");
  clock_.AdvanceMillis(3000);
  recorder_.Take();
  CHECK(Take("b", 0).remaining == 10);
  CHECK(recorder_.Take().empty());
  CHECK(Take("b", 4).remaining == 6);
  CHECK(recorder_.Take() == Lines{"log0: RATE.STATE b 1700000007000000000", "event0: expired b",
                                  "event0: new b", "event0: throttle b"});
  CHECK(Find("b") == record);
  CHECK(store_.ExpiredKeys() == 1);
  CHECK(store_.KeyCount(0) == 1);
  Sweep();
  CHECK(Peek("b").remaining == 6);
  // One that a client has ended before it was full is as good as new, and so is another type's key.
  REQUIRE(Expire("b", clock_.WallMillis() + 1000));
  SetText("text");
  REQUIRE(Expire("text", clock_.WallMillis() + 1000));
  clock_.AdvanceMillis(1000);
  CHECK(Take("b").remaining == 9);
  CHECK(Take("text").remaining == 9);
  clock_.AdvanceMillis(1000);
  Sweep();
  CHECK(store_.KeyCount(0) == 0);
  CHECK(AuditStore(store_).empty());
}

TEST_CASE_METHOD(BucketFixture, "other types are not buckets, and buckets are no strings") {
  SetText("text");
  recorder_.Take();
  CHECK(TryTake("text").error() == Errc::kWrongType);
  CHECK(TryTake("text", 0).error() == Errc::kWrongType);
  const auto reset = [](Db& db, KeyView key) { return token_buckets::Reset(db, key); };
  CHECK(With("text", reset).error() == Errc::kWrongType);
  CHECK(recorder_.Take().empty());
  Take("b");
  const auto append = [](Db& db, KeyView key) { return strings::Append(db, key, "x", 100); };
  CHECK(With("b", append).error() == Errc::kWrongType);
  CHECK(*With("b", reset));
  CHECK_FALSE(*With("b", reset));
  CHECK(Take("b").remaining == 9);
}

TEST_CASE_METHOD(BucketFixture, "a state is set as the log says, over whatever is there") {
  const auto set = [](int64_t arrival_ns) {
    return [arrival_ns](Db& db, KeyView key) {
      token_buckets::SetState(db, key, arrival_ns);
      return true;
    };
  };
  SetText("b");
  With("b", set((kStartMs + 2000) * nanos::kPerMilli));
  CHECK(Peek("b").remaining == 8);
  With("b", set((kStartMs + 7000) * nanos::kPerMilli));
  CHECK(Peek("b").remaining == 3);
  CHECK(Find("b")->deadline() == kStartMs + 7000);
  With("b", set(kStartMs * nanos::kPerMilli));
  CHECK(Find("b") == nullptr);
}

TEST_CASE_METHOD(BucketFixture, "a client's deadline holds until tokens are taken") {
  Take("b", 5);
  REQUIRE(Expire("b", kStartMs + 1000));
  clock_.AdvanceMillis(999);
  CHECK(Peek("b").remaining == 5);
  clock_.AdvanceMillis(1);
  CHECK(Peek("b").remaining == 10);  // removed before it was full
  Take("b", 5);
  const auto persist = [](Db& db, KeyView key) { return keys::Persist(db, key); };
  REQUIRE(With("b", persist));
  clock_.AdvanceMillis(60'000);
  REQUIRE(Find("b") != nullptr);
  CHECK(Take("b").remaining == 9);
  CHECK(Find("b")->deadline() == clock_.WallMillis() + 1000);
}

TEST_CASE_METHOD(BucketFixture, "setting the wall clock neither opens nor freezes a bucket") {
  Take("b", 10);
  SECTION("forward") {
    clock_.SetWallMillis(kStartMs + 3'600'000);
    Sweep();
    CHECK(Take("b").limited);
    CHECK(Peek("b").remaining == 0);
    clock_.AdvanceMillis(1000);
    Sweep();
    CHECK(Take("b").remaining == 0);
    clock_.AdvanceMillis(9999);
    Sweep();
    CHECK(Find("b") != nullptr);
    clock_.AdvanceMillis(1);
    CHECK(Find("b") == nullptr);
    // By the sweep, too.
    Take("b", 2);
    clock_.AdvanceMillis(2000 + 2 * Wheel::kTickMillis);
    recorder_.Take();
    Sweep();
    CHECK(recorder_.Take() == Lines{"log0: DEL b", "event0: expired b"});
  }
  SECTION("back") {
    clock_.SetWallMillis(kStartMs - 3'600'000);
    Sweep();
    CHECK(Take("b").limited);
    clock_.AdvanceMillis(1000);
    CHECK_FALSE(Take("b").limited);
    clock_.AdvanceMillis(60'000);
    CHECK(Take("b", 10).remaining == 0);
  }
  SECTION("forward, with a deadline of the client's") {
    REQUIRE(Expire("b", kStartMs + 5000));
    clock_.SetWallMillis(kStartMs + 5000);
    CHECK(Find("b") == nullptr);
  }
}

TEST_CASE_METHOD(BucketFixture, "a forward step does not keep the sweep busy") {
  for (int i = 0; i < 200; ++i) Take("b" + std::to_string(i), 10);
  clock_.SetWallMillis(kStartMs + 3'600'000);
  Sweep();
  // All have been looked at and armed for when they are due.
  clock_.AdvanceMillis(2 * Wheel::kTickMillis);
  std::vector<Shard::DueBucket> due;
  for (uint32_t i = 0; i < store_.shard_count(); ++i) {
    Shard& shard = store_.shard(i);
    shard.lock.Lock();
    CHECK_FALSE(shard.TakeDue(clock_.WallMillis(), &due));
    shard.lock.Unlock();
  }
  CHECK(store_.KeyCount(0) == 200);
  clock_.AdvanceMillis(10'000);
  Sweep();
  CHECK(store_.KeyCount(0) == 0);
}

}  // namespace
}  // namespace alai
