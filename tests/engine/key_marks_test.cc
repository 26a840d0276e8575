// Marks on keys, what wipes them, and what lookups note for an origin.
#include "engine/key_marks.h"

#include <map>
#include <string>
#include <utility>

#include "engine/base/random.h"
#include "engine/miss_source.h"
#include "engine/types/keys.h"
#include "engine/types/strings.h"
#include "tests/catch.h"
#include "tests/engine/types_fixture.h"

namespace alai {
namespace {

TEST_CASE("Marks do what a map would", "[key_marks]") {
  struct Known {
    uint64_t load = 0;
    UnixMillis until = 0;
  };
  KeyMarks marks;
  std::map<std::pair<int, int>, Known> model;
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  UnixMillis now = 1000;
  for (int step = 0; step < 20'000; ++step) {
    const int db = static_cast<int>(random.Below(2));
    const int name = static_cast<int>(random.Below(20));
    const std::string text = "key" + std::to_string(name);
    const KeyView key = MakeKey(text);
    const std::pair place{db, name};
    switch (random.Below(8)) {
      case 0:
        marks.BeginLoad(db, key, static_cast<uint64_t>(step) + 1);
        model[place] = {static_cast<uint64_t>(step) + 1, 0};
        break;
      case 1:
      case 2:
        marks.SetAbsent(db, key, now + 50, 1000);
        model[place] = {0, now + 50};
        break;
      case 3:
        marks.Wipe(db, key);
        model.erase(place);
        break;
      case 4:
        if (random.OneIn(50)) {
          marks.WipeDatabase(db);
          std::erase_if(model, [db](const auto& entry) { return entry.first.first == db; });
        }
        break;
      default:
        ++now;
    }
    const auto at = model.find(place);
    const bool load = at != model.end() && at->second.load != 0;
    REQUIRE(marks.Owns(db, key, static_cast<uint64_t>(step) + 2) == false);
    if (load) REQUIRE(marks.Owns(db, key, at->second.load));
    const bool absent = at != model.end() && !load && at->second.until > now;
    REQUIRE(marks.Absent(db, key, now) == absent);
    if (at != model.end() && !load && !absent) model.erase(at);
    REQUIRE(marks.any() == !model.empty());
  }
}

TEST_CASE("Of too many absences the oldest are forgotten, and never a load", "[key_marks]") {
  KeyMarks marks;
  marks.BeginLoad(0, MakeKey("load"), 7);
  for (const char* key : {"a", "b", "c"}) marks.SetAbsent(0, MakeKey(key), 100, 2);
  CHECK(!marks.Absent(0, MakeKey("a"), 0));
  CHECK(marks.Absent(0, MakeKey("b"), 0));
  CHECK(marks.Absent(0, MakeKey("c"), 0));
  CHECK(marks.absent() == 2);
  CHECK(marks.Owns(0, MakeKey("load"), 7));
  marks.SetAbsent(0, MakeKey("d"), 100, 0);
  CHECK(!marks.Absent(0, MakeKey("d"), 0));
}

class MarksFixture : public TypesFixture {
 public:
  KeyMarks& marks() { return store_.shard(store_.ShardIndex(key_.hash)).marks; }
  void Begin() { marks().BeginLoad(0, key_, 1); }
  bool kept() { return marks().Owns(0, key_, 1); }

  KeyView key_ = MakeKey("key");
};

TEST_CASE_METHOD(MarksFixture, "Any write to a key wipes its mark, and nothing else does",
                 "[key_marks]") {
  Db d = db();
  SECTION("A value that is put") {
    Begin();
    Set("key", "value");
    CHECK(!kept());
  }
  SECTION("Removal, of a key that is there and of one that is not") {
    Begin();
    CHECK(!d.Erase(key_));
    CHECK(!kept());
    Set("key", "value");
    Begin();
    CHECK(d.Erase(key_));
    CHECK(!kept());
  }
  SECTION("A change in place") {
    Set("key", "1");
    Begin();
    CHECK(*Increment("key", 1) == 2);
    CHECK(!kept());
  }
  SECTION("A deadline") {
    Set("key", "1", clock_.WallMillis() + 1000);
    Begin();
    d.SetDeadline(key_, Find("key"), clock_.WallMillis() + 2000);
    CHECK(!kept());
    Begin();
    d.SetDeadline(key_, Find("key"), kNoDeadline);
    CHECK(!kept());
  }
  SECTION("A lookup in order to write") {
    Begin();
    CHECK(!keys::Expire(d, key_, clock_.WallMillis() + 1000, 0));
    CHECK(!kept());
  }
  SECTION("GETDEL of a key that is not there") {
    Begin();
    CHECK(*strings::GetAndDelete(d, key_) == nullptr);
    CHECK(!kept());
  }
  SECTION("Renaming, to and from") {
    Set("other", "1");
    Begin();
    CHECK(keys::Rename(d, MakeKey("other"), key_, true) == Errc::kOk);
    CHECK(!kept());
    Begin();
    CHECK(keys::Rename(d, key_, MakeKey("other"), true) == Errc::kOk);
    CHECK(!kept());
  }
  SECTION("Emptying and exchanging databases") {
    Begin();
    store_.FlushDatabase(thread_, 1);
    CHECK(kept());
    store_.FlushDatabase(thread_, 0);
    CHECK(!kept());
    Begin();
    store_.SwapDatabases(2, 0);
    CHECK(!kept());
  }
  SECTION("Reading and expiry leave it") {
    Set("key", "1", clock_.WallMillis() + 1000);
    Begin();
    CHECK(Get("key") == "1");
    clock_.AdvanceMillis(2000);
    CHECK(Get("key") == "(nil)");
    CHECK(kept());
    Db other = db(1);
    CHECK(!other.Erase(key_));
    CHECK(kept());
  }
}

TEST_CASE_METHOD(TypesFixture, "A client's change of a loaded value makes it the client's",
                 "[key_marks]") {
  const KeyView key = MakeKey("key");
  Db d = db();
  const auto load = [&](std::string_view value) {
    Record::Draft draft = strings::DraftOf(key, value);
    draft.from_origin = true;
    draft.deadline = clock_.WallMillis() + 1000;
    d.Put(key, draft);
    REQUIRE(Find("key")->from_origin());
  };
  SECTION("In place") {
    load("1");
    CHECK(*Increment("key", 1) == 2);
    CHECK(Get("key") == "2");
  }
  SECTION("Of bytes") {
    load(std::string(kInlineValueBytesMax * 2, 'x'));
    CHECK(Append("key", "y") == kInlineValueBytesMax * 2 + 1);
  }
  SECTION("By a name") {
    load("1");
    CHECK(keys::Rename(d, key, MakeKey("other"), true) == Errc::kOk);
    CHECK(keys::Rename(d, MakeKey("other"), key, true) == Errc::kOk);
  }
  CHECK(!Find("key")->from_origin());
}

TEST_CASE_METHOD(TypesFixture,
                 "A client's deadline of a loaded value is pinned until the origin hastens it",
                 "[key_marks]") {
  const KeyView key = MakeKey("key");
  const UnixMillis now = clock_.WallMillis();
  Db d = db();
  Record::Draft draft = strings::DraftOf(key, "1");
  draft.from_origin = true;
  draft.deadline = now + 1000;
  d.Put(key, draft);
  const auto is = [&](UnixMillis deadline, bool pinned) {
    const Record* record = Find("key");
    return record->from_origin() && record->deadline() == deadline && record->pinned() == pinned;
  };
  CHECK(is(now + 1000, false));
  CHECK(keys::Expire(d, key, now + 2000, 0));
  CHECK(is(now + 2000, true));
  CHECK(keys::Expire(d, key, now + 3000, 0));
  CHECK(is(now + 3000, true));
  d.Hasten(key, d.Find(key, Lookup::kPeek), now + 5000);
  CHECK(is(now + 3000, false));
  CHECK(keys::Persist(d, key));
  CHECK(is(kNoDeadline, true));
  d.Hasten(key, d.Find(key, Lookup::kPeek), now + 500);
  CHECK(is(now + 500, false));
}

// A source that has every key, and thinks of all that it has loaded as it is told.
class ToldSource final : public MissSource {
 public:
  OriginUse::Met Judge(int, KeyView, const Record* record, UnixMillis) override {
    if (record == nullptr) return {&rule_, OriginUse::Kind::kMissed};
    return {&rule_, kind};
  }
  OriginUse::Kind kind = OriginUse::Kind::kHit;

 private:
  OriginRule rule_;
};

TEST_CASE_METHOD(TypesFixture, "Lookups note what an origin may have, if they are to",
                 "[key_marks]") {
  ToldSource source;
  store_.set_miss_source(&source);
  const KeyView key = MakeKey("key");
  Record::Draft draft = strings::DraftOf(key, "1");
  draft.from_origin = true;
  db().Put(key, draft);
  Set("mine", "1");
  const auto look = [&](const char* name, bool settled) {
    tally_ = Tally{};
    tally_.read_through = true;
    tally_.origin_settled = settled;
    return db().Find(MakeKey(name)) != nullptr;
  };
  tally_ = Tally{};
  CHECK(Find("missing") == nullptr);
  CHECK(tally_.origin_uses == 0);
  CHECK(!look("missing", false));
  CHECK(tally_.origin_wants == 1);
  CHECK(thread_.origin_uses()[0].key == "missing");
  CHECK(!look("missing", true));
  CHECK(tally_.origin_wants == 0);
  // What a client has written counts, too.
  CHECK(look("mine", false));
  CHECK(tally_.origin_uses == 1);
  CHECK(tally_.origin_wants == 0);
  CHECK(look("key", false));
  CHECK(tally_.origin_uses == 1);
  CHECK(tally_.origin_wants == 0);
  source.kind = OriginUse::Kind::kLate;
  CHECK(look("key", false));
  CHECK(tally_.origin_wants == 0);
  source.kind = OriginUse::Kind::kOver;
  CHECK(!look("key", false));
  CHECK(tally_.origin_wants == 1);
  CHECK(look("key", true));
  store_.set_miss_source(nullptr);
}

}  // namespace
}  // namespace alai
