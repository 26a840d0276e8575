// Sets against std::set: what changes do, in which form their results lie, what they log and tell; and the
// algebra on sets of all forms.
#include <algorithm>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "engine/types/keys.h"
#include "engine/types/set_algebra.h"
#include "engine/types/set_builder.h"
#include "engine/types/sets.h"
#include "tests/engine/recorder.h"
#include "tests/engine/store_audit.h"
#include "tests/engine/store_fixture.h"

namespace alai {
namespace {

using sets::Members;
using Lines = std::vector<std::string>;
using Strings = std::set<std::string>;
using Words = std::vector<std::string_view>;

std::string TextOf(const PackedValue& value) {
  char digits[kInt64CharsMax];
  return std::string(value.View(digits));
}

Strings StringsOf(const Members& members) {
  Strings strings;
  members.ForEach([&](const PackedValue& value) {
    CHECK(strings.insert(TextOf(value)).second);
    return true;
  });
  return strings;
}

class SetsFixture : public StoreFixture {
 public:
  SetsFixture() : StoreFixture(2) {
    store_.set_change_log(&recorder_);
    store_.set_key_events(&recorder_);
    for (uint32_t i = 0; i < store_.shard_count(); ++i) store_.shard(i).lock.Lock();
  }
  ~SetsFixture() {
    for (uint32_t i = 0; i < store_.shard_count(); ++i) store_.shard(i).lock.Unlock();
  }

  Record* Find(const std::string& key) { return db().Find(MakeKey(key), Lookup::kPeek); }
  Strings Get(const std::string& key) { return StringsOf(Members(Find(key))); }
  std::string Encoding(const std::string& key) {
    const Record* record = Find(key);
    return record == nullptr ? "none" : std::string(keys::EncodingName(*record));
  }
  int64_t Add(const std::string& key, const Words& members) {
    Db d = db();
    return *sets::Add(d, MakeKey(key), members);
  }
  int64_t Remove(const std::string& key, const Words& members) {
    Db d = db();
    return *sets::Remove(d, MakeKey(key), members);
  }
  bool Move(const std::string& from, const std::string& to, std::string_view member) {
    Db d = db();
    return *sets::Move(d, MakeKey(from), MakeKey(to), member);
  }
  Strings Pop(const std::string& key, size_t count) {
    Strings popped;
    Db d = db();
    sets::Pop(d, MakeKey(key), Find(key), count,
              [&](const PackedValue& member) { CHECK(popped.insert(TextOf(member)).second); });
    return popped;
  }
  std::vector<Members> Look(const Words& names) {
    Db d = db();
    return sets::FindAll(d, names).value();
  }
  int64_t Store(const std::string& key, const Strings& members) {
    sets::SetBuilder set(store_.packing);
    for (const std::string& member : members) set.Add(member);
    Db d = db();
    return sets::Store(d, MakeKey(key), set, "sunionstore");
  }
  void SetLimits(uint64_t intset_entries, uint64_t listpack_entries, uint64_t value_bytes) {
    store_.packing.set_intset_entries = intset_entries;
    store_.packing.set_listpack_entries = listpack_entries;
    store_.packing.set_value_bytes = value_bytes;
  }
  // A set that is certainly a table.
  void MakeTable(const std::string& key, const Words& members) {
    SetLimits(0, 0, 0);
    Add(key, members);
    SetLimits(512, 128, 64);
    REQUIRE(Encoding(key) == "hashtable");
  }

  Recorder recorder_;
};

TEST_CASE_METHOD(SetsFixture, "a set's form follows from its members") {
  std::vector<std::string> numbers;
  for (int i = 0; i < 513; ++i) numbers.push_back(std::to_string(i - 200));
  const Words many(numbers.begin(), numbers.end());
  Add("k", {many.begin(), many.end() - 1});
  CHECK(Encoding("k") == "intset");
  Add("k", {numbers[0]});
  CHECK(Encoding("k") == "intset");
  Add("k", {numbers[512]});
  CHECK(Encoding("k") == "hashtable");
  CHECK(Get("k") == Strings(numbers.begin(), numbers.end()));
  Remove("k", {many.begin(), many.end() - 1});
  CHECK(Encoding("k") == "hashtable");

  Add("at once", many);
  CHECK(Encoding("at once") == "hashtable");
  Add("packed", {many.begin(), many.begin() + 127});
  Add("packed", {"x"});
  CHECK(Encoding("packed") == "listpack");
  CHECK(Get("packed").size() == 128);
  Add("packed", {"y"});
  CHECK(Encoding("packed") == "hashtable");
  Add("large", {many.begin(), many.begin() + 128});
  Add("large", {"x"});
  CHECK(Encoding("large") == "hashtable");
  const std::string longest(64, 'x');
  Add("long", {longest});
  CHECK(Encoding("long") == "listpack");
  Add("long", {longest + "x"});
  CHECK(Encoding("long") == "hashtable");
  CHECK(Get("long") == Strings{longest, longest + "x"});
  CHECK(AuditStore(store_).empty());
}

TEST_CASE_METHOD(SetsFixture, "whatever the limits say, what is packed stays small") {
  SetLimits(UINT64_MAX, UINT64_MAX, UINT64_MAX);
  std::vector<std::string> members;
  for (uint64_t i = 0; i < 9'000; ++i) members.push_back(std::to_string(i * 1'000'000'007));
  const Words words(members.begin(), members.end());
  Add("k", {words.begin(), words.begin() + 8'000});
  CHECK(Encoding("k") == "intset");
  Add("k", words);
  CHECK(Encoding("k") == "hashtable");
  CHECK(Get("k") == Strings(members.begin(), members.end()));
  const std::string half(kPackedBytesMax / 2, 'x');
  Add("long", {half});
  CHECK(Encoding("long") == "listpack");
  Add("long", {half + "x"});
  CHECK(Encoding("long") == "hashtable");
}

TEST_CASE_METHOD(SetsFixture, "changes log what they did and tell of it") {
  Add("k", {"1", "2", "1"});
  CHECK(recorder_.Take() == Lines{"log0: SADD k 1 2", "event0: new k", "event0: sadd k"});
  Add("k", {"2", "3"});
  CHECK(recorder_.Take() == Lines{"log0: SADD k 3", "event0: sadd k"});
  Add("k", {"3"});
  Remove("k", {"9", "x"});
  CHECK(recorder_.Take().empty());
  Add("k", {"x"});
  CHECK(recorder_.Take() == Lines{"log0: SADD k x", "event0: sadd k"});
  Remove("k", {"9", "x", "x"});
  CHECK(recorder_.Take() == Lines{"log0: SREM k x", "event0: srem k"});
  CHECK(tally_.changes == 5);
  CHECK(Move("k", "to", "2"));
  CHECK(recorder_.Take() == Lines{"log0: SREM k 2", "event0: srem k", "log0: SADD to 2",
                                  "event0: new to", "event0: sadd to"});
  CHECK(tally_.changes == 7);
  CHECK(Move("k", "k", "1"));
  CHECK_FALSE(Move("k", "k", "2"));
  CHECK_FALSE(Move("k", "to", "2"));
  CHECK(recorder_.Take().empty());
  Remove("k", {"1", "3"});
  CHECK(recorder_.Take() ==
        Lines{"log0: SREM k 1 3", "event0: srem k", "log0: DEL k", "event0: del k"});

  Add("to", {"3", "4"});
  recorder_.Take();
  tally_.changes = 0;
  const std::string popped = *Pop("to", 1).begin();
  CHECK(recorder_.Take() == Lines{"log0: SREM to " + popped, "event0: spop to"});
  CHECK(Pop("to", 100).size() == 2);
  CHECK(recorder_.Take() == Lines{"event0: spop to", "log0: DEL to", "event0: del to"});
  CHECK(tally_.changes == 3);

  CHECK(Store("d", {"1", "a"}) == 2);
  CHECK(recorder_.Take() == Lines{"log0: SADD d 1 a", "event0: new d", "event0: sunionstore d"});
  CHECK(Store("d", {"b"}) == 1);
  CHECK(recorder_.Take() == Lines{"log0: DEL d", "log0: SADD d b", "event0: sunionstore d"});
  CHECK(Store("d", {}) == 0);
  CHECK(recorder_.Take() == Lines{"log0: DEL d", "event0: del d"});
  CHECK(Store("d", {}) == 0);
  CHECK(recorder_.Take().empty());
}

TEST_CASE_METHOD(SetsFixture, "a deadline outlives all changes but being stored anew") {
  const UnixMillis deadline = clock_.WallMillis() + 1'000;
  const auto keeps = [&] { return Find("k")->deadline() == deadline; };
  Add("k", {"1", "2", "3"});
  db().SetDeadline(MakeKey("k"), Find("k"), deadline);
  Add("k", {"4"});
  CHECK(keeps());
  Add("k", {"5", "6"});
  CHECK(keeps());
  Remove("k", {"5"});
  CHECK(keeps());
  Pop("k", 2);
  CHECK(keeps());
  Add("k", {"x"});
  CHECK(keeps());
  CHECK(Encoding("k") == "listpack");
  Remove("k", {"x"});
  Pop("k", 1);
  CHECK(keeps());
  Add("k", {std::string(100, 'x')});
  CHECK(keeps());
  CHECK(Encoding("k") == "hashtable");
  Add("k", {"a", "b", "c", "d", "e", "f", "g"});
  Remove("k", {std::string(100, 'x')});
  Pop("k", Get("k").size() - 1);
  CHECK(keeps());
  CHECK(Encoding("k") != "hashtable");
  Store("k", {"1"});
  CHECK_FALSE(Find("k")->has_deadline());
  CHECK(AuditStore(store_).empty());
}

TEST_CASE_METHOD(SetsFixture, "a key of another type is left alone") {
  db().Put(MakeKey("string"), {.key = "string", .value = "v"});
  Add("set", {"a"});
  recorder_.Take();
  Db d = db();
  const Words members = {"a"};
  CHECK(sets::Add(d, MakeKey("string"), members).error() == Errc::kWrongType);
  CHECK(sets::Remove(d, MakeKey("string"), members).error() == Errc::kWrongType);
  CHECK(sets::Move(d, MakeKey("string"), MakeKey("set"), "a").error() == Errc::kWrongType);
  CHECK(sets::Move(d, MakeKey("set"), MakeKey("string"), "a").error() == Errc::kWrongType);
  CHECK(*sets::Move(d, MakeKey("none"), MakeKey("string"), "a") == false);
  const Words names = {"none", "string"};
  CHECK(sets::FindAll(d, names).error() == Errc::kWrongType);
  const Lines lines = recorder_.Take();
  CHECK(std::none_of(lines.begin(), lines.end(),
                     [](const std::string& line) { return line.starts_with("log"); }));
  CHECK(Get("set") == Strings{"a"});
}

// What is expected of one set.
struct Model {
  Strings members;
  std::string form = "none";
};

constexpr size_t kIntsetEntries = 12;
constexpr size_t kListpackEntries = 8;
constexpr size_t kValueBytes = 5;

bool IsInteger(const std::string& text) {
  int64_t value;
  return ParseInt64(text, &value);
}

std::string FormAfter(const Model& model, const std::string& added) {
  const size_t size = model.members.size();
  if (model.form == "hashtable") return "hashtable";
  if (model.form == "intset" && IsInteger(added)) {
    return size < kIntsetEntries ? "intset" : "hashtable";
  }
  // Before a listpack is made of an intset its extremes are looked at.
  const bool short_enough =
      std::all_of(model.members.begin(), model.members.end(),
                  [](const std::string& member) { return member.size() <= kValueBytes; });
  return size < kListpackEntries && added.size() <= kValueBytes && short_enough ? "listpack"
                                                                                : "hashtable";
}

void AddTo(Model* model, const std::vector<std::string>& members) {
  const size_t count = members.size();
  if (std::all_of(members.begin(), members.end(),
                  [&](const std::string& member) { return model->members.contains(member); })) {
    return;
  }
  if (model->form == "none") {
    model->form = IsInteger(members[0]) && count <= kIntsetEntries ? "intset" : "listpack";
  }
  if (count > (model->form == "intset" ? kIntsetEntries : kListpackEntries)) {
    model->form = "hashtable";
  }
  for (const std::string& member : members) {
    if (model->members.contains(member)) continue;
    model->form = FormAfter(*model, member);
    model->members.insert(member);
  }
}

Model Fresh(const Strings& members) {
  Model model;
  if (members.empty()) return model;
  model.form = "intset";
  for (const std::string& member : members) {
    model.form = FormAfter(model, member);
    model.members.insert(member);
  }
  return model;
}

std::string AnyMember(Random& random) {
  switch (random.Below(8)) {
    case 0:
      return "x" + std::to_string(random.Below(8));
    case 1:
      return std::string(random.Below(8), 'y');
    case 2:
      return std::to_string(100'000 * random.Below(3));
    default:
      return std::to_string(random.Between(-8, 8));
  }
}

// Effects, applied to what is there.
void Replay(const Lines& lines, std::map<std::string, Strings>* replayed) {
  for (const std::string& line : lines) {
    if (!line.starts_with("log0: ")) continue;
    std::istringstream words(line.substr(6));
    std::string command;
    std::string key;
    words >> command;
    words.ignore();
    std::getline(words, key, ' ');
    Strings& members = (*replayed)[key];
    std::string member;
    while (std::getline(words, member, ' ')) {
      if (command == "SADD") CHECK(members.insert(member).second);
      if (command == "SREM") CHECK(members.erase(member) == 1);
    }
    // An empty last word has no end of its own.
    if (line.ends_with(' ')) {
      if (command == "SADD") CHECK(members.insert("").second);
      if (command == "SREM") CHECK(members.erase("") == 1);
    }
    if (command == "DEL") replayed->erase(key);
  }
}

TEST_CASE_METHOD(SetsFixture, "sets agree with std::set, and their effects make the same again") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  SetLimits(kIntsetEntries, kListpackEntries, kValueBytes);
  std::map<std::string, Model> models;
  std::map<std::string, Strings> replayed;
  for (int i = 0; i < 15'000; ++i) {
    const std::string key = "k" + std::to_string(random.Below(5));
    const std::string other = "k" + std::to_string(random.Below(5));
    Model& model = models[key];
    std::vector<std::string> members(random.OneIn(20) ? 10 + random.Below(6) : 1 + random.Below(3));
    for (std::string& member : members) member = AnyMember(random);
    const Words words(members.begin(), members.end());
    const size_t size = model.members.size();
    switch (random.Below(8)) {
      case 0:
      case 1:
      case 2:
        AddTo(&model, members);
        REQUIRE(Add(key, words) == static_cast<int64_t>(model.members.size() - size));
        break;
      case 3:
        for (const std::string& member : members) model.members.erase(member);
        REQUIRE(Remove(key, words) == static_cast<int64_t>(size - model.members.size()));
        break;
      case 4: {
        const bool there = model.members.contains(members[0]);
        REQUIRE(Move(key, other, members[0]) == there);
        if (!there || key == other) break;
        model.members.erase(members[0]);
        AddTo(&models[other], {members[0]});
        break;
      }
      case 5: {
        if (size == 0) break;
        const size_t count = random.OneIn(10) ? random.Below(size + 2) + 1 : 1;
        const Strings popped = Pop(key, count);
        REQUIRE(popped.size() == std::min(count, size));
        for (const std::string& member : popped) REQUIRE(model.members.erase(member) == 1);
        const size_t left = model.members.size();
        // The order in which those that stay are met decides what is made of them.
        if (left * 5 <= count && model.form == "hashtable") model.form = Encoding(key);
        break;
      }
      case 6:
        if (!random.OneIn(10)) break;
        model = Fresh(Strings(members.begin(), members.end()));
        REQUIRE(Store(key, model.members) == static_cast<int64_t>(model.members.size()));
        break;
      default: {
        const Members look(Find(key));
        REQUIRE(look.Contains(members[0]) == model.members.contains(members[0]));
        REQUIRE(look.Contains(PackedValue::Of(members[0])) == model.members.contains(members[0]));
        break;
      }
    }
    for (const std::string& changed : {key, other}) {
      Model& expected = models[changed];
      if (expected.members.empty()) expected.form = "none";
      REQUIRE(Encoding(changed) == expected.form);
      REQUIRE(Get(changed) == expected.members);
    }
    Replay(recorder_.Take(), &replayed);
  }
  for (const auto& [key, model] : models) {
    INFO(key);
    CHECK(replayed[key] == model.members);
  }
  CHECK(AuditStore(store_).empty());
}

TEST_CASE_METHOD(SetsFixture, "many effects are logged in portions") {
  SetLimits(512, 0, 0);
  std::vector<std::string> members;
  for (int i = 0; i < 5'000; ++i) members.push_back("member:" + std::to_string(i));
  members.push_back(std::string(40'000, 'x'));
  Add("k", Words(members.begin(), members.end()));
  Lines lines = recorder_.Take();
  CHECK(lines.size() == 7);
  std::map<std::string, Strings> replayed;
  Replay(lines, &replayed);
  CHECK(replayed["k"] == Strings(members.begin(), members.end()));
  Strings left = replayed["k"];
  for (const size_t count : {size_t{3'000}, size_t{1'900}}) {
    for (const std::string& member : Pop("k", count)) CHECK(left.erase(member) == 1);
    Replay(recorder_.Take(), &replayed);
    CHECK(replayed["k"] == left);
    CHECK(Get("k") == left);
  }
  Store("k", Strings(members.begin(), members.end()));
  Replay(recorder_.Take(), &replayed);
  CHECK(replayed["k"] == Strings(members.begin(), members.end()));
}

TEST_CASE_METHOD(SetsFixture, "a copy of a table is a set of its own") {
  MakeTable("k", {"1", "a"});
  Db d = db();
  REQUIRE(keys::Copy(d, MakeKey("k"), d, MakeKey("copy"), false));
  Add("k", {"b"});
  Remove("copy", {"1"});
  CHECK(Get("k") == Strings{"1", "a", "b"});
  CHECK(Get("copy") == Strings{"a"});
  CHECK(AuditStore(store_).empty());
}

TEST_CASE_METHOD(SetsFixture, "an optimistic reader of a table is sent to the lock") {
  Add("packed", {"1"});
  MakeTable("table", {"1"});
  tally_ = {};
  Db reader(store_, thread_, tally_, 0, Access::kOptimistic, clock_.WallMillis());
  CHECK(sets::Find(reader, MakeKey("packed"), Lookup::kUse).value() != nullptr);
  CHECK_FALSE(tally_.needs_lock);
  CHECK(sets::Find(reader, MakeKey("table"), Lookup::kUse).value() == nullptr);
  CHECK(tally_.needs_lock);
}

TEST_CASE_METHOD(SetsFixture, "members are drawn and popped with equal chances from every form") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  Add("intset", {"1", "2", "3", "4"});
  Add("listpack", {"1", "2", "3", "x"});
  MakeTable("table", {"1", "2", "3", "4"});
  constexpr int kRounds = 4'000;
  // Seven standard deviations of a count of half of them.
  constexpr int kSlack = 7 * 32;
  for (const std::string key : {"intset", "listpack", "table"}) {
    INFO(key);
    const Strings all = Get(key);
    std::map<std::string, int> repeated;
    std::map<std::string, int> distinct;
    std::map<std::string, int> popped;
    for (int i = 0; i < kRounds; ++i) {
      const Members members(Find(key));
      members.RandomRepeated(random, 2, [&](const PackedValue& v) { ++repeated[TextOf(v)]; });
      Strings pair;
      members.RandomDistinct(random, 2, [&](const PackedValue& v) { pair.insert(TextOf(v)); });
      REQUIRE(pair.size() == 2);
      for (const std::string& member : pair) ++distinct[member];
      const Strings gone = Pop(key, 2);
      for (const std::string& member : gone) ++popped[member];
      Add(key, Words(gone.begin(), gone.end()));
    }
    REQUIRE(Get(key) == all);
    for (const std::string& member : all) {
      INFO(member);
      CHECK(std::abs(repeated[member] - kRounds / 2) < kSlack);
      CHECK(std::abs(distinct[member] - kRounds / 2) < kSlack);
      CHECK(std::abs(popped[member] - kRounds / 2) < kSlack);
    }
    size_t drawn = 0;
    Members(Find(key)).RandomDistinct(random, SIZE_MAX, [&](const PackedValue&) { ++drawn; });
    CHECK(drawn == 4);
  }
}

TEST_CASE_METHOD(SetsFixture, "scans visit everything") {
  std::vector<std::string> numbers;
  for (int i = 0; i < 2'000; ++i) numbers.push_back(std::to_string(i));
  Add("table", Words(numbers.begin(), numbers.end()));
  Add("intset", {"1", "2"});
  for (const std::string key : {"table", "intset"}) {
    Strings seen;
    uint64_t cursor = 0;
    do {
      cursor = Members(Find(key)).Scan(
          cursor, 10, [&](const PackedValue& member) { seen.insert(TextOf(member)); });
    } while (cursor != 0);
    CHECK(seen == Get(key));
  }
}

TEST_CASE_METHOD(SetsFixture, "intersections, unions and differences agree with a model") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  int lookups = 0;
  int collections = 0;
  for (int round = 0; round < 600; ++round) {
    std::vector<std::string> names;
    std::vector<Strings> models;
    const size_t count = 1 + random.Below(6);
    for (size_t i = 0; i < count; ++i) {
      // Now and then a set comes twice.
      names.push_back("s" + std::to_string(random.OneIn(8) ? 0 : i));
      Strings members;
      const size_t size = random.Below(random.OneIn(3) ? 300 : 12);
      for (size_t j = 0; j < size; ++j) {
        members.insert((random.OneIn(9) ? "x" : "") + std::to_string(random.Below(size * 2)));
      }
      const uint64_t limit = random.OneIn(2) ? 512 : 0;
      SetLimits(limit, limit, limit);
      Store("s" + std::to_string(i), members);
    }
    for (const std::string& name : names) models.push_back(Get(name));
    const Words words(names.begin(), names.end());
    const auto collect = [&](auto operation) {
      std::vector<Members> operands = Look(words);
      Strings result;
      operation(std::span<Members>(operands), [&](const PackedValue& member) {
        CHECK(result.insert(TextOf(member)).second);
        return true;
      });
      size_t visited = 0;
      const size_t stop = 1 + random.Below(4);
      operands = Look(words);
      operation(std::span<Members>(operands),
                [&](const PackedValue&) { return ++visited != stop; });
      CHECK(visited == std::min(stop, result.size()));
      return result;
    };
    const auto in = [](const std::string& member) {
      return [&member](const Strings& model) { return model.contains(member); };
    };
    Strings common;
    Strings any;
    Strings rest;
    for (const Strings& model : models) any.insert(model.begin(), model.end());
    for (const std::string& member : any) {
      if (std::all_of(models.begin(), models.end(), in(member))) common.insert(member);
      if (models[0].contains(member) && std::none_of(models.begin() + 1, models.end(), in(member)))
        rest.insert(member);
    }
    REQUIRE(collect([](auto operands, auto visit) { sets::Intersect(operands, visit); }) == common);
    REQUIRE(collect([](auto operands, auto visit) { sets::Unite(operands, visit); }) == any);
    REQUIRE(collect([](auto operands, auto visit) { sets::Subtract(operands, visit); }) == rest);
    ++(sets::LooksUpFirst(Look(words)) ? lookups : collections);
    recorder_.Take();
  }
  // Both ways to subtract were taken.
  CHECK(lookups > 50);
  CHECK(collections > 20);
}

}  // namespace
}  // namespace alai
