// Streams of keys: what changes give, log and tell, and whether effects make the same stream elsewhere.
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/number.h"
#include "engine/base/random.h"
#include "engine/types/streams.h"
#include "tests/engine/key_class_rule.h"
#include "tests/engine/store_audit.h"
#include "tests/engine/stream_fixture.h"
#include "tests/engine/types_fixture.h"

namespace alai {
namespace {

using streams::AddStatus;
using streams::NewId;
using streams::SetFiguresStatus;

class Fixture : public TypesFixture {
 public:
  streams::AddOutcome Add(const std::string& key, NewId id, std::optional<TrimRule> trim = {},
                          std::vector<std::string_view> pairs = {"f", "v"}) {
    Db d = db();
    return *streams::Add(d, MakeKey(key), {.id = id, .pairs = pairs, .trim = trim});
  }
  StreamId AddAt(const std::string& key, StreamId id, std::optional<TrimRule> trim = {}) {
    const streams::AddOutcome outcome = Add(key, {NewId::Kind::kGiven, id}, trim);
    REQUIRE(outcome.status == AddStatus::kAdded);
    return outcome.id;
  }
  uint64_t Trim(const std::string& key, const TrimRule& rule) {
    Db d = db();
    return *streams::Trim(d, MakeKey(key), rule);
  }
  uint64_t Delete(const std::string& key, const std::vector<StreamId>& ids) {
    Db d = db();
    return *streams::Delete(d, MakeKey(key), ids);
  }
  Result<SetFiguresStatus> SetFigures(const std::string& key, const streams::Figures& figures) {
    Db d = db();
    return streams::SetFigures(d, MakeKey(key), figures);
  }
  const Stream& At(const std::string& key) { return streams::StreamOf(*Find(key)); }
  void Limit(uint64_t entries) { store_.packing.stream_entries = entries; }
};

TrimRule MaxLength(uint64_t length, bool whole_blocks = false) {
  return {.length_max = length, .whole_blocks = whole_blocks};
}
TrimRule MinId(StreamId id, bool whole_blocks = false) {
  return {.id_min = id, .whole_blocks = whole_blocks};
}

TEST_CASE_METHOD(Fixture, "an entry is logged with the id that it got") {
  CHECK(Add("s", {}).id == StreamId{1'700'000'000'000, 0});
  CHECK(Add("s", {}).id == StreamId{1'700'000'000'000, 1});
  CHECK(Add("s", {NewId::Kind::kNextOfMillis, {1'700'000'000'001, 0}}).id ==
        StreamId{1'700'000'000'001, 0});
  CHECK(recorder_.Take() == Lines{"log0: XADD s 1700000000000-0 f v", "event0: new s",
                                  "event0: xadd s", "log0: XADD s 1700000000000-1 f v",
                                  "event0: xadd s", "log0: XADD s 1700000000001-0 f v",
                                  "event0: xadd s"});
  CHECK(tally_.changes == 3);
  CHECK(recorder_.classes.back() == KeyEventClass::kStream);
}

TEST_CASE_METHOD(Fixture, "what is refused changes, logs and tells nothing") {
  AddAt("s", {5, 5});
  recorder_.Take();
  CHECK(Add("s", {NewId::Kind::kGiven, {5, 5}}).status == AddStatus::kIdNotAbove);
  CHECK(Add("s", {NewId::Kind::kGiven, {4, 9}}).status == AddStatus::kIdNotAbove);
  CHECK(Add("s", {NewId::Kind::kNextOfMillis, {4, 0}}).status == AddStatus::kIdNotAbove);
  AddAt("t", {7, UINT64_MAX});
  AddAt("u", StreamId::Max());
  recorder_.Take();
  CHECK(Add("t", {NewId::Kind::kNextOfMillis, {7, 0}}).status == AddStatus::kIdNotAbove);
  CHECK(Add("u", {}).status == AddStatus::kIdsExhausted);
  CHECK(Add("none", {NewId::Kind::kGiven, {0, 0}}).status == AddStatus::kIdNotAbove);
  Db d = db();
  const std::string_view pairs[] = {"f", "v"};
  CHECK(streams::Add(d, MakeKey("none"), {.pairs = pairs, .only_existing = true})->status ==
        AddStatus::kNoStream);
  CHECK(Trim("s", MaxLength(1)) == 0);
  CHECK(Trim("none", MaxLength(1)) == 0);
  CHECK(Delete("s", {{1, 1}}) == 0);
  CHECK(Delete("none", {{1, 1}}) == 0);
  CHECK(*SetFigures("s", {.last_id = {5, 4}}) == SetFiguresStatus::kBelowTop);
  CHECK(*SetFigures("s", {.last_id = {9, 9}, .entries_added = 0}) ==
        SetFiguresStatus::kTooFewAdded);
  CHECK(SetFigures("none", {.last_id = {5, 4}}).error() == Errc::kNoKey);
  CHECK(recorder_.Take().empty());
  CHECK(Find("none") == nullptr);
  CHECK(At("s").last_id() == StreamId{5, 5});
}

TEST_CASE_METHOD(Fixture, "another type is left alone") {
  Set("k", "v");
  recorder_.Take();
  Db d = db();
  const std::string_view pairs[] = {"f", "v"};
  CHECK(streams::Add(d, MakeKey("k"), {.pairs = pairs}).error() == Errc::kWrongType);
  CHECK(streams::Trim(d, MakeKey("k"), MaxLength(0)).error() == Errc::kWrongType);
  CHECK(streams::Delete(d, MakeKey("k"), {}).error() == Errc::kWrongType);
  CHECK(streams::SetFigures(d, MakeKey("k"), {}).error() == Errc::kWrongType);
  CHECK(streams::Read(d, MakeKey("k")).error() == Errc::kWrongType);
  CHECK(recorder_.Take().empty());
}

TEST_CASE_METHOD(Fixture, "a trim is logged as what it has left") {
  Limit(3);
  for (uint64_t ms = 1; ms <= 10; ++ms) AddAt("s", {ms, 0});
  recorder_.Take();
  CHECK(Trim("s", MaxLength(8, true)) == 0);
  CHECK(Trim("s", MaxLength(6, true)) == 3);
  CHECK(Trim("s", MaxLength(6)) == 1);
  CHECK(Trim("s", MinId({6, 9}, true)) == 2);
  CHECK(Trim("s", MinId({7, 1})) == 1);
  CHECK(recorder_.Take() == Lines{"log0: XTRIM s MAXLEN = 7", "event0: xtrim s",
                                  "log0: XTRIM s MAXLEN = 6", "event0: xtrim s",
                                  "log0: XTRIM s MINID = 7-0", "event0: xtrim s",
                                  "log0: XTRIM s MINID = 7-1", "event0: xtrim s"});
  AddAt("s", {11, 0}, MaxLength(3, true));
  AddAt("s", {12, 0}, MaxLength(2));
  AddAt("s", {13, 0}, MinId({14, 0}));
  AddAt("s", {14, 0}, MinId({99, 0}, true));
  CHECK(recorder_.Take() ==
        Lines{"log0: XADD s MAXLEN = 4 11-0 f v", "event0: xadd s",
              "log0: XADD s MAXLEN = 2 12-0 f v", "event0: xadd s", "event0: xtrim s",
              "log0: XADD s MINID = 14-0 13-0 f v", "event0: xadd s", "event0: xtrim s",
              "log0: XADD s MINID = 18446744073709551615-18446744073709551615 14-0 f v",
              "event0: xadd s", "event0: xtrim s"});
  CHECK(At("s").length() == 0);
  CHECK(Find("s") != nullptr);
}

TEST_CASE_METHOD(Fixture, "deletions are logged by id, and figures as a whole") {
  for (uint64_t ms = 1; ms <= 4; ++ms) AddAt("s", {ms, 0});
  recorder_.Take();
  CHECK(Delete("s", {{9, 9}, {3, 0}, {1, 0}, {3, 0}}) == 2);
  CHECK(*SetFigures("s", {.last_id = {4, 4}}) == SetFiguresStatus::kSet);
  CHECK(*SetFigures("s", {.last_id = {5, 0}, .entries_added = 9, .max_deleted_id = {3, 3}}) ==
        SetFiguresStatus::kSet);
  CHECK(*SetFigures("s", {.last_id = {4, 0}}) == SetFiguresStatus::kSet);
  CHECK(*SetFigures("s", {.last_id = {3, 2}}) == SetFiguresStatus::kBelowDeleted);
  CHECK(recorder_.Take() ==
        Lines{"log0: XDEL s 3-0 1-0", "event0: xdel s",
              "log0: XSETID s 4-4 ENTRIESADDED 4 MAXDELETEDID 3-0", "event0: xsetid s",
              "log0: XSETID s 5-0 ENTRIESADDED 9 MAXDELETEDID 3-3", "event0: xsetid s",
              "log0: XSETID s 4-0 ENTRIESADDED 9 MAXDELETEDID 3-3", "event0: xsetid s"});
}

TEST_CASE_METHOD(Fixture, "the default limit of a trim is a hundred blocks") {
  Db d = db();
  CHECK(streams::TrimLimitOf(d) == 10'000);
  Limit(7);
  CHECK(streams::TrimLimitOf(d) == 700);
  Limit(0);
  CHECK(streams::TrimLimitOf(d) == 10'000);
  Limit(UINT64_MAX);
  CHECK(streams::TrimLimitOf(d) == 1'000'000);
}

TEST_CASE_METHOD(Fixture, "a class gives a stream its time to live, once") {
  store_.SetKeyClasses(thread_, {Rule("session", 1000)});
  AddAt("session:1", {1, 0});
  CHECK(recorder_.Take() == Lines{"log0: XADD session:1 1-0 f v",
                                  "log0: PEXPIREAT session:1 1700000001000 NX",
                                  "event0: new session:1", "event0: xadd session:1"});
  AddAt("session:1", {2, 0});
  CHECK(recorder_.Take() == Lines{"log0: XADD session:1 2-0 f v", "event0: xadd session:1"});
  CHECK(Find("session:1")->deadline() == 1'700'000'001'000);
}

// Does to a store what is logged of another.
class Replay final : public ChangeLog {
 public:
  void Append(int, std::span<const std::string_view> command) override {
    Db db = copy.db();
    const KeyView key = MakeKey(command[1]);
    if (command[0] == "XADD") {
      Add(db, key, command.subspan(2));
    } else if (command[0] == "XTRIM") {
      CHECK(*streams::Trim(db, key, RuleOf(command.subspan(2))) > 0);
    } else if (command[0] == "XDEL") {
      std::vector<StreamId> ids;
      for (const std::string_view text : command.subspan(2)) ids.push_back(IdOf(text));
      CHECK(*streams::Delete(db, key, ids) == ids.size());
    } else {
      REQUIRE(command[0] == "XSETID");
      CHECK(*streams::SetFigures(db, key,
                                 {.last_id = IdOf(command[2]),
                                  .entries_added = NumberOf(command[4]),
                                  .max_deleted_id = IdOf(command[6])}) == SetFiguresStatus::kSet);
    }
  }
  bool Reserve(size_t) override { return true; }

  Fixture copy;

 private:
  static StreamId IdOf(std::string_view text) { return StreamId::Parse(text, 0).value(); }
  static uint64_t NumberOf(std::string_view text) {
    int64_t number = 0;
    REQUIRE(ParseInt64(text, &number));
    return static_cast<uint64_t>(number);
  }
  static TrimRule RuleOf(std::span<const std::string_view> words) {
    REQUIRE(words[1] == "=");
    return words[0] == "MAXLEN" ? MaxLength(NumberOf(words[2])) : MinId(IdOf(words[2]));
  }
  static void Add(Db& db, KeyView key, std::span<const std::string_view> words) {
    streams::AddRequest request;
    if (words[0] == "MAXLEN" || words[0] == "MINID") {
      request.trim = RuleOf(words);
      words = words.subspan(3);
    }
    request.id = {NewId::Kind::kGiven, IdOf(words[0])};
    request.pairs = words.subspan(1);
    CHECK(streams::Add(db, key, request)->status == AddStatus::kAdded);
  }
};

// Random changes of a stream, those that are refused included.
class Changer {
 public:
  Changer(Fixture& fixture, uint64_t seed) : fixture_(fixture), random_(seed) {}

  void Step() {
    fixture_.Limit(random_.Below(6));
    const std::string key = random_.Below(2) == 0 ? "a" : "b";
    switch (random_.Below(8)) {
      case 0:
        fixture_.Trim(key, Rule());
        break;
      case 1:
        fixture_.Delete(key, {SomeId(), SomeId(), SomeId()});
        break;
      case 2:
        if (fixture_.Find(key) != nullptr) SetSomeFigures(key);
        break;
      default:
        AddOne(key);
    }
  }

 private:
  StreamId SomeId() { return {random_.Below(top_ + 3), random_.Below(3)}; }
  TrimRule Rule() {
    TrimRule rule = random_.Below(2) == 0 ? MaxLength(random_.Below(12)) : MinId(SomeId());
    rule.whole_blocks = random_.Below(2) == 0;
    if (rule.whole_blocks) rule.removed_max = random_.Below(8);
    return rule;
  }
  void AddOne(const std::string& key) {
    NewId id{NewId::Kind::kGiven, {top_ + random_.Below(2), random_.Below(3)}};
    if (random_.Below(3) == 0) id.kind = NewId::Kind::kNextOfMillis;
    std::optional<TrimRule> trim;
    if (random_.Below(4) == 0) trim = Rule();
    const std::string value = std::to_string(random_.Below(1000));
    const bool added = fixture_.Add(key, id, trim, {"f", value}).status == AddStatus::kAdded;
    if (added && random_.Below(2) == 0) ++top_;
  }
  void SetSomeFigures(const std::string& key) {
    streams::Figures figures{.last_id = SomeId()};
    if (random_.Below(2) == 0) figures.entries_added = random_.Below(40);
    if (random_.Below(2) == 0) figures.max_deleted_id = std::min(SomeId(), figures.last_id);
    REQUIRE(fixture_.SetFigures(key, figures).ok());
  }

  Fixture& fixture_;
  Random random_;
  uint64_t top_ = 1;
};

TEST_CASE_METHOD(Fixture, "effects make the same streams elsewhere") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Replay replay;
  store_.set_change_log(&replay);
  Changer changer(*this, seed);
  for (int i = 0; i < 3000; ++i) {
    changer.Step();
    for (const std::string key : {"a", "b"}) {
      REQUIRE((Find(key) == nullptr) == (replay.copy.Find(key) == nullptr));
      if (Find(key) == nullptr) continue;
      const Stream& ours = At(key);
      const Stream& theirs = replay.copy.At(key);
      REQUIRE(EntriesOf(ours.Range(StreamId::Min(), StreamId::Max())) ==
              EntriesOf(theirs.Range(StreamId::Min(), StreamId::Max())));
      REQUIRE(ours.last_id() == theirs.last_id());
      REQUIRE(ours.entries_added() == theirs.entries_added());
      REQUIRE(ours.max_deleted_id() == theirs.max_deleted_id());
    }
  }
  CHECK(AuditStore(store_) == "");
  CHECK(AuditStore(replay.copy.store_) == "");
}

}  // namespace
}  // namespace alai
