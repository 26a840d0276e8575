// What watches of keys are told, and by whom.
#include "engine/key_watches.h"

#include "engine/types/keys.h"
#include "engine/types/strings.h"
#include "tests/catch.h"
#include "tests/engine/types_fixture.h"

namespace alai {
namespace {

class WatchesFixture : public TypesFixture {
 public:
  KeyWatches& watches() { return store_.shard(store_.ShardIndex(key_.hash)).watches; }
  // Whether a watch, which begins now, is told that `change` has written to the key.
  template <class Change>
  bool Tells(Change change) {
    KeyWatch watch(watches(), 0, key_);
    change();
    return watch.written();
  }

  KeyView key_ = MakeKey("key");
};

TEST_CASE_METHOD(WatchesFixture, "Watches are told of every write to their key", "[key_watches]") {
  Db d = db();
  CHECK(Tells([&] { Set("key", "1"); }));
  CHECK(Tells([&] { Set("key", "1"); }));
  CHECK(Tells([&] { CHECK(*Increment("key", 1) == 2); }));
  CHECK(Tells([&] { Append("key", std::string(10'000, 'x')); }));
  CHECK(Tells([&] { Append("key", "in place"); }));
  CHECK(Tells([&] { d.SetDeadline(key_, Find("key"), clock_.WallMillis() + 1000); }));
  CHECK(Tells([&] { d.SetDeadline(key_, Find("key"), clock_.WallMillis() + 500); }));
  CHECK(Tells([&] { d.SetDeadline(key_, Find("key"), kNoDeadline); }));
  CHECK(Tells([&] { keys::Rename(d, key_, MakeKey("other"), true); }));
  CHECK(Tells([&] { keys::Rename(d, MakeKey("other"), key_, true); }));
  CHECK(Tells([&] { d.Erase(key_); }));
  CHECK(Tells([&] { store_.FlushDatabase(thread_, 0); }));
  CHECK(Tells([&] { store_.SwapDatabases(3, 0); }));
}

TEST_CASE_METHOD(WatchesFixture, "Watches are not told of what is no write to their key",
                 "[key_watches]") {
  Set("key", "1", clock_.WallMillis() + 1000);
  CHECK_FALSE(Tells([&] { Get("key"); }));
  CHECK_FALSE(Tells([&] { Set("other", "1"); }));
  CHECK_FALSE(Tells([&] { db(1).Erase(key_); }));
  CHECK_FALSE(Tells([&] { store_.FlushDatabase(thread_, 1); }));
  CHECK_FALSE(Tells([&] {
    clock_.AdvanceMillis(2000);
    CHECK(Get("key") == "(nil)");
  }));
}

TEST_CASE_METHOD(WatchesFixture, "Each watch of a key is told, until it is renewed or ends",
                 "[key_watches]") {
  CHECK(!watches().any());
  {
    KeyWatch first(watches(), 0, key_);
    KeyWatch elsewhere(watches(), 1, key_);
    {
      KeyWatch second(watches(), 0, key_);
      Set("key", "1");
      CHECK(first.written());
      CHECK(second.written());
      first.Renew();
    }
    CHECK(!first.written());
    CHECK(!elsewhere.written());
    CHECK(watches().any());
  }
  CHECK(!watches().any());
  Set("key", "2");
}

TEST_CASE_METHOD(WatchesFixture,
                 "Who waits for the end of a key's watches is woken once by the last",
                 "[key_watches]") {
  int woken = 0;
  const auto wake = [](void* count) { ++*static_cast<int*>(count); };
  KeyWatchWait wait(wake, &woken);
  CHECK(!watches().Await(key_, &wait));
  {
    KeyWatchWait leaves(wake, &woken);
    const KeyWatch elsewhere(watches(), 1, key_);
    {
      const KeyWatch first(watches(), 0, key_);
      CHECK(watches().Await(key_, &leaves));
      CHECK(watches().Await(key_, &wait));
      CHECK(watches().Await(key_, &wait));
      CHECK(!watches().Await(KeyView{"other", key_.hash + 1}, &leaves));
    }
    CHECK(woken == 0);
  }
  CHECK(woken == 1);
  CHECK(!watches().Await(key_, &wait));
  CHECK(woken == 1);
}

}  // namespace
}  // namespace alai
