// Queues of waiters: who is served, in which order, and by whom not.
#include "engine/waiters.h"

#include <string>
#include <vector>

#include "engine/lock_request.h"
#include "engine/types/strings.h"
#include "tests/engine/store_fixture.h"

namespace alai {
namespace {

class AllShards final : public HeldShards {
 public:
  bool Contains(uint32_t) const override { return true; }
};

std::vector<std::string> served;

// Waits for a string of a certain first letter, and takes the key away.
class Taker final : public Waiter {
 public:
  Taker(std::string name, char wanted, bool minds_absence)
      : name_(std::move(name)), wanted_(wanted), minds_absence_(minds_absence) {}

  Readiness Ready(Db& db, KeyView key, const HeldShards&) override {
    ++asked;
    if (elsewhere) return Readiness::kElsewhere;
    const Record* record = db.Find(key, Lookup::kPeek);
    return record != nullptr && record->inline_value()[0] == wanted_ ? Readiness::kYes
                                                                     : Readiness::kNo;
  }
  bool minds_absence() const override { return minds_absence_; }
  void Serve(Db& db, KeyView key) override {
    served.push_back(name_);
    db.Erase(key);
    // What one serves can make another key ready.
    if (!moves_to.empty()) {
      const KeyView to = MakeKey(moves_to);
      db.Put(to, {.key = to.bytes, .value = "moved"});
    }
  }

  std::string moves_to;
  bool elsewhere = false;
  int asked = 0;

 private:
  const std::string name_;
  const char wanted_;
  const bool minds_absence_;
};

class Fixture : public StoreFixture {
 public:
  Fixture() { served.clear(); }
  Waiters& WaitersOf(const std::string& key) {
    return store_.shard(store_.ShardIndex(Hash(key))).waiters;
  }
  std::shared_ptr<Taker> Wait(const std::string& name, const std::string& key, char wanted = 'v',
                              bool minds_absence = false) {
    auto taker = std::make_shared<Taker>(name, wanted, minds_absence);
    WaitersOf(key).Add(0, key, taker);
    return taker;
  }
  void Serve() { store_.ServeWaiters(thread_, tally_, clock_.WallMillis(), AllShards()); }
};

TEST_CASE_METHOD(Fixture, "the first who waits for a key gets it") {
  Wait("a", "k");
  Wait("b", "k");
  CHECK(WaitersOf("k").any());
  Put("k", "v1");
  Serve();
  CHECK(served == std::vector<std::string>{"a"});
  Serve();
  Put("k", "v2");
  Serve();
  CHECK(served == std::vector<std::string>{"a", "b"});
  CHECK_FALSE(WaitersOf("k").any());
  Put("k", "v3");
  CHECK(thread_.ready_keys().empty());
}

TEST_CASE_METHOD(Fixture, "writes of other keys and databases serve nobody") {
  Wait("a", "k");
  Put("other", "v");
  Put("k", "v", kNoDeadline, 1);
  CHECK(thread_.ready_keys().empty());
  Serve();
  CHECK(served.empty());
}

TEST_CASE_METHOD(Fixture, "who waits for something else is passed by, and keeps his place") {
  Wait("a", "k", 'x');
  Wait("b", "k");
  Wait("c", "k", 'x');
  Put("k", "v");
  Serve();
  CHECK(served == std::vector<std::string>{"b"});
  Put("k", "x");
  Serve();
  CHECK(served == std::vector<std::string>{"b", "a"});
}

TEST_CASE_METHOD(Fixture, "who has been claimed or has left is not served") {
  const auto a = Wait("a", "k");
  const auto b = Wait("b", "k");
  Wait("c", "k");
  CHECK(a->Claim());
  CHECK_FALSE(a->Claim());
  CHECK(WaitersOf("k").Remove(0, "k", b.get()));
  CHECK_FALSE(WaitersOf("k").Remove(0, "k", b.get()));
  Put("k", "v");
  Serve();
  CHECK(served == std::vector<std::string>{"c"});
  CHECK(a->asked == 0);
  CHECK_FALSE(WaitersOf("k").any());
}

TEST_CASE_METHOD(Fixture, "nobody is served past one who must lock more by himself") {
  const auto a = Wait("a", "k");
  Wait("b", "k");
  a->elsewhere = true;
  Put("k", "v");
  Serve();
  CHECK(served.empty());
  a->elsewhere = false;
  thread_.ready_keys().push_back({0, "k"});
  Serve();
  CHECK(served == std::vector<std::string>{"a"});
}

TEST_CASE_METHOD(Fixture, "serving one can make another key ready") {
  Wait("a", "k")->moves_to = "next";
  Wait("b", "next", 'm')->moves_to = "last";
  Wait("c", "last", 'm');
  Put("k", "v");
  Serve();
  CHECK(served == std::vector<std::string>{"a", "b", "c"});
}

TEST_CASE_METHOD(Fixture, "who minds hears of a removal, whoever removes the key") {
  const auto waiter = Wait("a", "k", 'x', true);
  Put("k", "v");
  Serve();
  CHECK(waiter->asked == 1);
  CHECK(Erase("k"));
  Serve();
  CHECK(waiter->asked == 2);
  // The sweep serves by itself.
  Put("k", "v", clock_.WallMillis() + 5);
  Serve();
  CHECK(waiter->asked == 3);
  clock_.AdvanceMillis(1000);
  SweepAll();
  CHECK(waiter->asked == 4);
  CHECK(thread_.ready_keys().empty());
  // So does who removes what a lookup without a lock has met.
  Put("k", "v", clock_.WallMillis() + 5);
  Serve();
  CHECK(waiter->asked == 5);
  clock_.AdvanceMillis(6);
  CHECK(Get("k") == "(nil)");
  store_.RemoveSeenExpired(thread_, clock_.WallMillis());
  CHECK(waiter->asked == 6);
  CHECK(thread_.ready_keys().empty());
  CHECK(served.empty());
}

TEST_CASE_METHOD(Fixture, "a removal is nothing to those who do not mind") {
  const auto waiter = Wait("a", "k", 'x');
  Waiters& waiters = WaitersOf("k");
  const auto minding = Wait("b", "k", 'x', true);
  CHECK(waiters.any_minds_absence());
  CHECK(waiters.Remove(0, "k", minding.get()));
  CHECK_FALSE(waiters.any_minds_absence());
  Put("k", "v");
  Serve();
  CHECK(Erase("k"));
  CHECK(thread_.ready_keys().empty());
  CHECK(waiter->asked == 1);
}

TEST_CASE_METHOD(Fixture, "an exchanged database may be ready as a whole") {
  Wait("a", "k");
  Put("k", "v", kNoDeadline, 1);
  store_.SwapDatabases(0, 1);
  store_.NoteAllReady(thread_, 0);
  store_.NoteAllReady(thread_, 1);
  Serve();
  CHECK(served == std::vector<std::string>{"a"});
}

}  // namespace
}  // namespace alai
