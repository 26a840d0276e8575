// Strings and what can be done to any key, against simple models: values, forms, effects, events.
#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/access_clock.h"
#include "engine/base/random.h"
#include "engine/blob.h"
#include "engine/store.h"
#include "engine/types/keys.h"
#include "engine/types/strings.h"
#include "tests/catch.h"
#include "tests/engine/types_fixture.h"

namespace alai {
namespace {

using strings::SetCondition;

TEST_CASE_METHOD(TypesFixture, "a value's form follows from its bytes") {
  const std::string inline_max(kInlineValueBytesMax, 'x');
  struct Case {
    std::string value;
    alai::Encoding encoding;
    std::string name;
  };
  const Case cases[] = {
      {"0", Encoding::kInt, "int"},
      {"-1", Encoding::kInt, "int"},
      {"9223372036854775807", Encoding::kInt, "int"},
      {"-9223372036854775808", Encoding::kInt, "int"},
      {"9223372036854775808", Encoding::kEmbedded, "embstr"},
      {"-9223372036854775809", Encoding::kEmbedded, "embstr"},
      {"00", Encoding::kEmbedded, "embstr"},
      {"-0", Encoding::kEmbedded, "embstr"},
      {"-", Encoding::kEmbedded, "embstr"},
      {"+1", Encoding::kEmbedded, "embstr"},
      {"1 ", Encoding::kEmbedded, "embstr"},
      {"", Encoding::kEmbedded, "embstr"},
      {std::string(44, '1'), Encoding::kEmbedded, "embstr"},
      {std::string(45, '1'), Encoding::kEmbedded, "raw"},
      {inline_max, Encoding::kEmbedded, "raw"},
      {inline_max + "x", Encoding::kBlob, "raw"},
  };
  for (const Case& c : cases) {
    Db d = db();
    strings::Set(d, MakeKey("k"), c.value);
    INFO(c.value.substr(0, 50));
    REQUIRE(Get("k") == c.value);
    CHECK(Find("k")->encoding() == c.encoding);
    CHECK(Encoding("k") == c.name);
    CHECK(strings::Length(*Find("k")) == c.value.size());
  }
}

TEST_CASE_METHOD(TypesFixture, "SET logs what it means and tells new keys from old ones") {
  Db d = db();
  strings::Set(d, MakeKey("k"), "v");
  CHECK(recorder_.Take() == Lines{"log0: SET k v", "event0: new k", "event0: set k"});
  strings::Set(d, MakeKey("k"), "12");
  CHECK(recorder_.Take() == Lines{"log0: SET k 12", "event0: set k"});
  Set("k", "v", clock_.WallMillis() + 5);
  CHECK(recorder_.Take() ==
        Lines{"log0: SET k v PXAT 1700000000005", "event0: set k", "event0: expire k"});
  REQUIRE(strings::Set(d, MakeKey("k"), "w", {.keep_deadline = true})->done);
  CHECK(recorder_.Take() == Lines{"log0: SET k w KEEPTTL", "event0: set k"});
  CHECK(Find("k")->deadline() == clock_.WallMillis() + 5);
  CHECK(tally_.changes == 4);
  clock_.AdvanceMillis(5);
  Db later = db();
  strings::Set(later, MakeKey("k"), "x");
  CHECK(recorder_.Take() ==
        Lines{"log0: SET k x", "event0: expired k", "event0: new k", "event0: set k"});
  CHECK_FALSE(Find("k")->has_deadline());
}

TEST_CASE_METHOD(TypesFixture, "SET's conditions") {
  Db d = db();
  const KeyView k = MakeKey("k");
  const auto set = [&](std::string_view value, strings::SetOptions options) {
    return strings::Set(d, k, value, options);
  };
  CHECK_FALSE(set("v", {.condition = SetCondition::kPresent})->done);
  CHECK_FALSE(set("v", {.condition = SetCondition::kEqual, .comparison = ""})->done);
  CHECK(Get("k") == "(nil)");
  CHECK(set("1", {.condition = SetCondition::kMissing})->done);
  CHECK_FALSE(set("2", {.condition = SetCondition::kMissing})->done);
  CHECK_FALSE(set("2", {.condition = SetCondition::kEqual, .comparison = "01"})->done);
  CHECK(Get("k") == "1");
  CHECK(set("2", {.condition = SetCondition::kEqual, .comparison = "1"})->done);
  CHECK(set("3", {.condition = SetCondition::kPresent})->done);
  CHECK(tally_.changes == 3);

  const auto got = set("4", {.get = true});
  CHECK(strings::Text(*got->old).view() == "3");
  CHECK(Get("k") == "4");
  const auto refused = set("5", {.condition = SetCondition::kMissing, .get = true});
  CHECK_FALSE(refused->done);
  CHECK(strings::Text(*refused->old).view() == "4");

  SetList("k");
  CHECK(set("v", {.get = true}).error() == Errc::kWrongType);
  CHECK(set("v", {.condition = SetCondition::kMissing, .get = true}).error() == Errc::kWrongType);
  CHECK(set("v", {.condition = SetCondition::kEqual, .comparison = "v"}).error() ==
        Errc::kWrongType);
  CHECK(set("v", {.condition = SetCondition::kPresent})->done);
  CHECK(Get("k") == "v");
}

TEST_CASE_METHOD(TypesFixture, "several keys are set in one step or not at all") {
  Db d = db();
  const std::string_view pairs[] = {"a", "1", "b", "2", "a", "3"};
  CHECK_FALSE(strings::SetMany(d, pairs, {.condition = SetCondition::kPresent}));
  CHECK(recorder_.Take().empty());
  CHECK(strings::SetMany(d, pairs, {.condition = SetCondition::kMissing}));
  CHECK(recorder_.Take() == Lines{"log0: SET a 1", "event0: new a", "event0: set a",
                                  "log0: SET b 2", "event0: new b", "event0: set b",
                                  "log0: SET a 3", "event0: set a"});
  CHECK(tally_.changes == 3);
  CHECK(Get("a") == "3");
  const std::string_view more[] = {"c", "1", "b", "9"};
  CHECK_FALSE(strings::SetMany(d, more, {.condition = SetCondition::kMissing}));
  CHECK_FALSE(strings::SetMany(d, more, {.condition = SetCondition::kPresent}));
  CHECK(Get("c") == "(nil)");
  CHECK(strings::SetMany(d, more, {.deadline = clock_.WallMillis() + 10}));
  CHECK(strings::SetMany(d, more, {.condition = SetCondition::kPresent, .keep_deadline = true}));
  CHECK(Find("b")->deadline() == clock_.WallMillis() + 10);
  CHECK(strings::SetMany(d, more, {}));
  CHECK_FALSE(Find("b")->has_deadline());
}

TEST_CASE_METHOD(TypesFixture, "reading and removing, removing what is equal") {
  Db d = db();
  CHECK(*strings::GetAndDelete(d, MakeKey("k")) == nullptr);
  Set("k", "v");
  recorder_.Take();
  const Record* old = *strings::GetAndDelete(d, MakeKey("k"));
  CHECK(strings::Text(*old).view() == "v");
  CHECK(recorder_.Take() == Lines{"log0: DEL k", "event0: del k"});
  CHECK(Get("k") == "(nil)");
  CHECK_FALSE(*strings::DeleteIfEqual(d, MakeKey("k"), ""));
  Set("k", "7");
  CHECK_FALSE(*strings::DeleteIfEqual(d, MakeKey("k"), "07"));
  CHECK(*strings::DeleteIfEqual(d, MakeKey("k"), "7"));
  CHECK(Get("k") == "(nil)");
  SetList("l");
  CHECK(strings::GetAndDelete(d, MakeKey("l")).error() == Errc::kWrongType);
  CHECK(strings::DeleteIfEqual(d, MakeKey("l"), "").error() == Errc::kWrongType);
  CHECK(tally_.hits == 2);
  CHECK(tally_.misses == 1);
}

TEST_CASE_METHOD(TypesFixture, "appending and overwriting agree with a std::string") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  std::map<std::string, std::string> model;
  const size_t sizes[] = {0, 1, 7, 40, 300, 2'000, 4'096, 5'000, 30'000};
  for (int i = 0; i < 20'000; ++i) {
    const std::string key = "k" + std::to_string(random.Below(12));
    const std::string value(random.Below(sizes[random.Below(std::size(sizes))] + 1),
                            static_cast<char>('0' + random.Below(12)));
    std::string& expected = model[key];
    switch (random.Below(6)) {
      case 0:
        Set(key, value);
        expected = value;
        break;
      case 1:
      case 2:
        if (expected.size() + value.size() > 200'000) break;
        REQUIRE(Append(key, value) == expected.size() + value.size());
        expected += value;
        break;
      case 3:
      case 4: {
        const uint64_t offset = random.Below(expected.size() + 100);
        if (!value.empty()) {
          expected.resize(std::max(expected.size(), offset + value.size()));
          expected.replace(offset, value.size(), value);
        }
        REQUIRE(Overwrite(key, offset, value) == expected.size());
        break;
      }
      default: {
        const std::string other = "k" + std::to_string(random.Below(12));
        Db d = db();
        if (other == key || Find(key) == nullptr) break;
        if (random.Below(2) == 0) {
          REQUIRE(keys::Copy(d, MakeKey(key), d, MakeKey(other), true));
          model[other] = expected;
        } else {
          REQUIRE(keys::Rename(d, MakeKey(key), MakeKey(other), true) == Errc::kOk);
          model[other] = std::exchange(expected, "");
        }
      }
    }
    if (random.Below(8) == 0) thread_.Quiescent();
    const std::string& checked = model.begin()->first;
    for (const std::string& k : {key, checked}) {
      if (Find(k) == nullptr) {
        REQUIRE(model[k].empty());
      } else {
        REQUIRE(Get(k) == model[k]);
      }
    }
  }
}

TEST_CASE_METHOD(TypesFixture, "a blob that grows is appended to in place, with room to spare") {
  Set("k", std::string(5'000, 'x'));
  Append("k", "y");
  const Record* record = Find("k");
  Blob* blob = record->blob();
  CHECK(blob->capacity() == 2 * 5'001);
  const uint8_t generation = record->generation();
  for (int i = 0; i < 5'001; ++i) Append("k", "z");
  CHECK(Find("k") == record);
  CHECK(Find("k")->blob() == blob);
  CHECK(blob->length() == 2 * 5'001);
  CHECK(record->generation() == generation);
  CHECK_FALSE(record->read_under_lock());
  Append("k", "!");
  CHECK(Find("k")->blob() != blob);
  CHECK(Find("k")->blob()->capacity() == 2 * (2 * 5'001 + 1));
}

TEST_CASE_METHOD(TypesFixture, "who refers to a blob keeps its bytes") {
  Set("k", std::string(5'000, 'x'));
  Overwrite("k", 1, "ab");
  REQUIRE(Find("k")->read_under_lock());
  Blob* blob = Find("k")->blob();
  Overwrite("k", 3, "cd");
  CHECK(Find("k")->blob() == blob);  // nobody else refers to it

  blob->Acquire();
  const std::string_view sent = blob->view();
  Overwrite("k", 0, "ZZZZZ");
  Append("k", "tail");
  CHECK(Find("k")->blob() != blob);
  CHECK(sent.substr(0, 6) == "xabcdx");
  CHECK(sent.size() == 5'000);
  CHECK(Get("k").substr(0, 6) == "ZZZZZx");
  CHECK(Get("k").size() == 5'004);
  blob->Release();

  // The first overwrite of what is read without a lock never happens in place.
  Set("r", std::string(5'000, 'x'));
  const std::string_view read = Find("r")->blob()->view();
  Overwrite("r", 0, "new");
  CHECK(read.substr(0, 4) == "xxxx");
}

TEST_CASE_METHOD(TypesFixture, "an optimistic reader is sent to the lock where it must be") {
  Overwrite("k", 5'000, "x");
  Db reader = db(0, Access::kOptimistic);
  CHECK(strings::Find(reader, MakeKey("k"), Lookup::kUse).value() == nullptr);
  CHECK(tally_.needs_lock);
  Set("k", std::string(5'000, 'x'));
  Append("k", "x");
  tally_ = {};
  CHECK(strings::Find(reader, MakeKey("k"), Lookup::kUse).value() != nullptr);
  CHECK_FALSE(tally_.needs_lock);
}

TEST_CASE_METHOD(TypesFixture, "the limits of a string's length") {
  Db d = db();
  Set("k", "abc");
  CHECK(*strings::Append(d, MakeKey("k"), "de", 5) == 5);
  CHECK(strings::Append(d, MakeKey("k"), "f", 5).error() == Errc::kTooLong);
  CHECK(*strings::Append(d, MakeKey("fresh"), "123456", 5) == 6);  // as Redis: nothing to add to
  CHECK(*strings::Overwrite(d, MakeKey("k"), 4, "E", 5) == 5);
  CHECK(strings::Overwrite(d, MakeKey("k"), 5, "f", 5).error() == Errc::kTooLong);
  CHECK(strings::Overwrite(d, MakeKey("k"), INT64_MAX, "f", 5).error() == Errc::kTooLong);
  CHECK(*strings::Overwrite(d, MakeKey("k"), INT64_MAX, "", 5) == 5);
  CHECK(strings::Overwrite(d, MakeKey("none"), 5, "f", 5).error() == Errc::kTooLong);
  CHECK(*strings::Overwrite(d, MakeKey("none"), 3, "", 5) == 0);
  CHECK(Find("none") == nullptr);
  CHECK(Get("k") == "abcdE");
}

TEST_CASE_METHOD(TypesFixture, "effects and events of appending and overwriting") {
  Append("k", "12");
  CHECK(recorder_.Take() == Lines{"log0: APPEND k 12", "event0: new k", "event0: append k"});
  CHECK(Encoding("k") == "int");
  Append("k", "3");
  CHECK(recorder_.Take() == Lines{"log0: APPEND k 3", "event0: append k"});
  CHECK(Encoding("k") == "raw");
  Overwrite("k", 1, "99");
  CHECK(recorder_.Take() == Lines{"log0: SETRANGE k 1 99", "event0: setrange k"});
  Overwrite("k", 1, "");
  CHECK(recorder_.Take().empty());
  Overwrite("fresh", 2, "x");
  CHECK(recorder_.Take() ==
        Lines{"log0: SETRANGE fresh 2 x", "event0: new fresh", "event0: setrange fresh"});
  CHECK(Get("fresh") == std::string("\0\0x", 3));
  CHECK(tally_.changes == 4);
  SetList("l");
  Db d = db();
  CHECK(strings::Append(d, MakeKey("l"), "x", 5).error() == Errc::kWrongType);
  CHECK(strings::Overwrite(d, MakeKey("l"), 9, "x", 5).error() == Errc::kWrongType);
  CHECK(recorder_.Take().empty());
}

TEST_CASE_METHOD(TypesFixture, "slices agree with the rules of GETRANGE") {
  const std::string text = "Hello";
  for (int64_t first = -8; first <= 8; ++first) {
    for (int64_t last = -8; last <= 8; ++last) {
      std::string expected;
      const bool crossed = first < 0 && last < 0 && first > last;
      const int64_t from = std::max<int64_t>(first < 0 ? first + 5 : first, 0);
      const int64_t to = std::min<int64_t>(last < 0 ? std::max<int64_t>(last + 5, 0) : last, 4);
      for (int64_t i = from; i <= to && !crossed; ++i) expected += text[static_cast<size_t>(i)];
      INFO(first << " " << last);
      CHECK(strings::Slice(text, first, last) == expected);
    }
  }
  CHECK(strings::Slice(text, INT64_MIN, INT64_MAX) == text);
  CHECK(strings::Slice(text, INT64_MAX, INT64_MAX).empty());
  CHECK(strings::Slice("", 0, -1).empty());
}

TEST_CASE_METHOD(TypesFixture, "counting in place and anew") {
  CHECK(*Increment("k", 5) == 5);
  CHECK(recorder_.Take() == Lines{"log0: SET k 5 KEEPTTL", "event0: new k", "event0: incrby k"});
  const Record* record = Find("k");
  CHECK(*Increment("k", -7) == -2);
  CHECK(recorder_.Take() == Lines{"log0: SET k -2 KEEPTTL", "event0: incrby k"});
  CHECK(Find("k") == record);
  Set("k", "9223372036854775807");
  CHECK(Increment("k", 1).error() == Errc::kIntegerOverflow);
  CHECK(*Increment("k", INT64_MIN) == -1);
  CHECK(*Increment("k", INT64_MIN + 1) == INT64_MIN);
  CHECK(Increment("k", -1).error() == Errc::kIntegerOverflow);
  Set("k", "1", clock_.WallMillis() + 9);
  Append("k", "2");
  CHECK(*Increment("k", 1) == 13);
  CHECK(Find("k")->encoding() == Encoding::kInt);
  CHECK(Find("k")->deadline() == clock_.WallMillis() + 9);
  for (const std::string_view bad : {"", " 1", "1 ", "01", "-0", "1.0", "9223372036854775808"}) {
    Set("bad", bad);
    CHECK(Increment("bad", 1).error() == Errc::kNotInteger);
  }
  Set("bad", std::string(5'000, '1'));
  CHECK(Increment("bad", 1).error() == Errc::kNotInteger);
  SetList("l");
  CHECK(Increment("l", 1).error() == Errc::kWrongType);
}

TEST_CASE_METHOD(TypesFixture, "counting in decimals") {
  Db d = db();
  char out[kLongDoubleCharsMax];
  const auto add = [&](const std::string& key, long double by) {
    return strings::IncrementFloat(d, MakeKey(key), by, out);
  };
  CHECK(*add("k", 0.5L) == "0.5");
  CHECK(recorder_.Take() ==
        Lines{"log0: SET k 0.5 KEEPTTL", "event0: new k", "event0: incrbyfloat k"});
  CHECK(*add("k", 4.5L) == "5");
  CHECK(Find("k")->encoding() == Encoding::kEmbedded);
  CHECK(Encoding("k") == "embstr");
  CHECK(*Increment("k", 1) == 6);
  Set("k", "2", clock_.WallMillis() + 9);
  CHECK(*add("k", -2.0L) == "0");
  CHECK(Find("k")->deadline() == clock_.WallMillis() + 9);
  CHECK(add("k", __builtin_huge_vall()).error() == Errc::kNanOrInfinity);
  Set("k", "inf");
  CHECK(add("k", -__builtin_huge_vall()).error() == Errc::kNanOrInfinity);
  Set("k", "no number");
  CHECK(add("k", 1).error() == Errc::kNotFloat);
  SetList("l");
  CHECK(add("l", 1).error() == Errc::kWrongType);
  // Digits that no record holds inline.
  CHECK(add("huge", 1e4200L)->size() == 4'201);
  CHECK(Find("huge")->encoding() == Encoding::kBlob);
  CHECK(add("huge", 0)->size() == 4'201);
}

TEST_CASE_METHOD(TypesFixture, "expiry and its conditions") {
  Db d = db();
  const KeyView k = MakeKey("k");
  const UnixMillis now = clock_.WallMillis();
  const auto expire = [&](int64_t after, uint8_t conditions) {
    return keys::Expire(d, k, now + after, conditions);
  };
  CHECK_FALSE(expire(100, keys::kExpireAlways));
  Set("k", "v");
  recorder_.Take();
  CHECK_FALSE(expire(100, keys::kExpireIfPresent));
  CHECK_FALSE(expire(100, keys::kExpireIfLater));
  CHECK(recorder_.Take().empty());
  CHECK(expire(100, keys::kExpireIfMissing));
  CHECK(recorder_.Take() == Lines{"log0: PEXPIREAT k 1700000000100", "event0: expire k"});
  CHECK_FALSE(expire(100, keys::kExpireIfMissing));
  CHECK_FALSE(expire(100, keys::kExpireIfLater));
  CHECK_FALSE(expire(100, keys::kExpireIfEarlier));
  CHECK(expire(101, keys::kExpireIfLater));
  CHECK(expire(100, keys::kExpireIfPresent | keys::kExpireIfEarlier));
  CHECK_FALSE(expire(-1, keys::kExpireIfLater));
  recorder_.Take();
  CHECK(keys::Persist(d, k));
  CHECK(recorder_.Take() == Lines{"log0: PERSIST k", "event0: persist k"});
  CHECK_FALSE(keys::Persist(d, k));
  CHECK(expire(50, keys::kExpireIfEarlier));
  recorder_.Take();
  CHECK(expire(0, keys::kExpireIfEarlier));
  CHECK(recorder_.Take() == Lines{"log0: DEL k", "event0: del k"});
  CHECK_FALSE(keys::Persist(d, k));
  Set("k", "v");
  CHECK(keys::Expire(d, k, keys::kDeadlineMax, keys::kExpireAlways));
  CHECK(Find("k")->deadline() == keys::kDeadlineMax);
  CHECK(keys::Expire(d, k, INT64_MIN, keys::kExpireAlways));
  CHECK(Get("k") == "(nil)");
}

TEST_CASE_METHOD(TypesFixture, "renaming") {
  Db d = db();
  const KeyView a = MakeKey("a");
  const KeyView b = MakeKey("b");
  CHECK(keys::Rename(d, a, b, true) == Errc::kNoKey);
  CHECK(keys::Rename(d, a, a, true) == Errc::kNoKey);
  Set("a", "v", clock_.WallMillis() + 9);
  Set("b", "old");
  CHECK(keys::Rename(d, a, a, true) == Errc::kOk);
  CHECK(keys::Rename(d, a, a, false) == Errc::kKeyExists);
  CHECK(keys::Rename(d, a, b, false) == Errc::kKeyExists);
  recorder_.Take();
  CHECK(keys::Rename(d, a, b, true) == Errc::kOk);
  const Lines lines = recorder_.Take();
  CHECK(lines.front() == "log0: RENAME a b");
  CHECK(Lines(lines.end() - 3, lines.end()) ==
        Lines{"event0: new b", "event0: rename_from a", "event0: rename_to b"});
  CHECK(Get("a") == "(nil)");
  CHECK(Get("b") == "v");
  CHECK(Find("b")->deadline() == clock_.WallMillis() + 9);
  CHECK(keys::Rename(d, b, a, false) == Errc::kOk);
  CHECK(Get("a") == "v");
}

TEST_CASE_METHOD(TypesFixture, "copying and moving between databases") {
  Db d = db();
  Db other = d.Sibling(2);
  const KeyView k = MakeKey("k");
  CHECK_FALSE(keys::Copy(d, k, other, k, true));
  CHECK_FALSE(keys::Move(d, other, k));
  Set("k", "12", clock_.WallMillis() + 9);
  recorder_.Take();
  CHECK(keys::Copy(d, k, other, k, false));
  CHECK(recorder_.Take() ==
        Lines{"log0: COPY k k DB 2 REPLACE", "event2: new k", "event2: copy_to k"});
  CHECK(Get("k", 2) == "12");
  CHECK(Find("k", 2)->deadline() == clock_.WallMillis() + 9);
  CHECK(Find("k", 2)->encoding() == Encoding::kInt);
  CHECK_FALSE(keys::Copy(d, k, other, k, false));
  CHECK_FALSE(keys::Move(d, other, k));
  CHECK(*Increment("k", 1) == 13);
  CHECK(Get("k", 2) == "12");
  CHECK(keys::Copy(d, k, other, k, true));
  CHECK(Get("k", 2) == "13");
  CHECK(keys::Delete(other, k));
  CHECK_FALSE(keys::Delete(other, k));
  recorder_.Take();
  CHECK(keys::Move(d, other, k));
  const Lines lines = recorder_.Take();
  CHECK(lines.front() == "log0: MOVE k 2");
  CHECK(Lines(lines.end() - 3, lines.end()) ==
        Lines{"event2: new k", "event0: move_from k", "event2: move_to k"});
  CHECK(Get("k") == "(nil)");
  CHECK(Get("k", 2) == "13");
}

TEST_CASE_METHOD(TypesFixture, "a look is counted but is no use") {
  Set("k", "v");
  const uint32_t access = Find("k")->access();
  clock_.AdvanceMillis(60'000);
  Db d = db();
  tally_ = {};
  CHECK(keys::Inspect(d, MakeKey("k")) != nullptr);
  CHECK(keys::Inspect(d, MakeKey("none")) == nullptr);
  CHECK(tally_.hits == 1);
  CHECK(tally_.misses == 1);
  CHECK(Find("k")->access() == access);
  REQUIRE(strings::Find(d, MakeKey("k"), Lookup::kUse).ok());
  CHECK(Find("k")->access() == LruClock(clock_.WallMillis()));
}

TEST_CASE_METHOD(TypesFixture, "a restored value takes the age it is given") {
  Db d = db();
  const KeyView k = MakeKey("k");
  const uint32_t access = LruClock(clock_.WallMillis() - 5'000'000);
  keys::Restore(d, k, strings::DraftOf(k, "12"), &access);
  CHECK(recorder_.Take() == Lines{"event0: new k", "event0: restore k"});
  CHECK(Find("k")->access() == access);
  CHECK(Find("k")->encoding() == Encoding::kInt);
  keys::Restore(d, k, strings::DraftOf(k, "v"), nullptr);
  CHECK(Find("k")->access() == LruClock(clock_.WallMillis()));
  CHECK(tally_.changes == 2);
}

}  // namespace
}  // namespace alai
