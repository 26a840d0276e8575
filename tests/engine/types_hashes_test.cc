// Hashes against std::map, with deadlines on a fake clock: what changes do, in which form their results lie,
// what they log and tell, and that fields go when their time has come.
#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "engine/base/number.h"
#include "engine/types/hashes.h"
#include "engine/types/keys.h"
#include "tests/engine/recorder.h"
#include "tests/engine/store_audit.h"
#include "tests/engine/store_fixture.h"

namespace alai {
namespace {

using hashes::FieldChange;
using hashes::Fields;
using hashes::FieldsCondition;
using hashes::SetFieldsOptions;
using Changes = std::vector<FieldChange>;
using Lines = std::vector<std::string>;
using Texts = std::vector<std::string>;
using Words = std::vector<std::string_view>;

struct Field {
  std::string value;
  UnixMillis deadline = kNoDeadline;
  bool operator==(const Field&) const = default;
};
// By name. Those whose time has come are among them until they are removed.
using FieldMap = std::map<std::string, Field>;

std::string TextOf(const PackedValue& value) {
  char digits[kInt64CharsMax];
  return std::string(value.View(digits));
}

class HashesFixture : public StoreFixture {
 public:
  HashesFixture() : StoreFixture(2) {
    store_.set_change_log(&recorder_);
    store_.set_key_events(&recorder_);
    for (uint32_t i = 0; i < store_.shard_count(); ++i) store_.shard(i).lock.Lock();
  }
  ~HashesFixture() {
    for (uint32_t i = 0; i < store_.shard_count(); ++i) store_.shard(i).lock.Unlock();
  }

  UnixMillis now() const { return clock_.WallMillis(); }
  Record* Find(const std::string& key) { return db().Find(MakeKey(key), Lookup::kPeek); }
  std::string Encoding(const std::string& key) {
    const Record* record = Find(key);
    return record == nullptr ? "none" : std::string(keys::EncodingName(*record));
  }
  // Everything that a hash holds, whether or not it is over.
  FieldMap All(const std::string& key) {
    const Fields fields(Find(key), now());
    FieldMap all;
    if (fields.table() == nullptr) return Live(key);
    fields.table()->ForEach([&](const PackedMember& field) {
      CHECK(all.emplace(field.member, Field{std::string(field.value), field.deadline}).second);
      return true;
    });
    CHECK(all.size() == fields.size());
    return all;
  }
  // What readers see.
  FieldMap Live(const std::string& key) {
    const Fields fields(Find(key), now());
    FieldMap live;
    fields.ForEach([&](const PackedValue& field, const PackedValue& value) {
      const std::string name = TextOf(field);
      const std::optional<PackedValue> found = fields.Find(name);
      REQUIRE(found.has_value());
      CHECK(TextOf(*found) == TextOf(value));
      CHECK(live.emplace(name, Field{TextOf(value), fields.DeadlineOf(name).value()}).second);
    });
    return live;
  }

  int64_t Set(const std::string& key, const Words& pairs) {
    Db d = db();
    return *hashes::Set(d, MakeKey(key), pairs);
  }
  bool SetIfMissing(const std::string& key, std::string_view field, std::string_view value) {
    Db d = db();
    return *hashes::SetIfMissing(d, MakeKey(key), field, value);
  }
  int64_t Erase(const std::string& key, const Words& fields) {
    Db d = db();
    return *hashes::Erase(d, MakeKey(key), fields);
  }
  Result<int64_t> Increment(const std::string& key, std::string_view field, int64_t by) {
    Db d = db();
    return hashes::Increment(d, MakeKey(key), field, by);
  }
  std::string IncrementFloat(const std::string& key, std::string_view field, long double by) {
    Db d = db();
    char text[kLongDoubleCharsMax];
    return std::string(*hashes::IncrementFloat(d, MakeKey(key), field, by, text));
  }
  Changes Expire(const std::string& key, UnixMillis deadline, const Words& fields,
                 uint8_t conditions = keys::kExpireAlways) {
    Db d = db();
    Changes changes;
    const auto tell = [&](FieldChange change) { changes.push_back(change); };
    CHECK(hashes::ExpireFields(d, MakeKey(key), deadline, conditions, fields, tell) == Errc::kOk);
    return changes;
  }
  Changes Persist(const std::string& key, const Words& fields) {
    Db d = db();
    Changes changes;
    const auto tell = [&](FieldChange change) { changes.push_back(change); };
    CHECK(hashes::PersistFields(d, MakeKey(key), fields, tell) == Errc::kOk);
    return changes;
  }
  bool SetFields(const std::string& key, const Words& pairs, const SetFieldsOptions& options) {
    Db d = db();
    return *hashes::SetFields(d, MakeKey(key), pairs, options);
  }
  void Sweep() {
    for (uint32_t i = 0; i < store_.shard_count(); ++i) store_.shard(i).lock.Unlock();
    SweepAll();
    thread_.Quiescent();
    for (uint32_t i = 0; i < store_.shard_count(); ++i) store_.shard(i).lock.Lock();
  }
  uint64_t expired_fields() const { return thread_.expired_parts.Get(); }

  Recorder recorder_;
};

TEST_CASE_METHOD(HashesFixture, "changes of hashes log what they did and tell of it") {
  const UnixMillis later = now() + 100;
  const std::string expires = "log0: HPEXPIREAT k " + std::to_string(later) + " FIELDS 1 ";
  const auto takes = [this](const Lines& lines) { CHECK(recorder_.Take() == lines); };

  Set("k", {"a", "1", "b", "2"});
  takes({"log0: HSET k a 1 b 2", "event0: new k", "event0: hset k"});
  Set("k", {"a", "3"});
  takes({"log0: HSET k a 3", "event0: hset k"});
  CHECK_FALSE(SetIfMissing("k", "a", "4"));
  takes({});
  CHECK(SetIfMissing("k", "c", "5"));
  takes({"log0: HSET k c 5", "event0: hset k"});
  CHECK(*Increment("k", "c", 2) == 7);
  takes({"log0: HSET k c 7", "event0: hincrby k"});
  CHECK(IncrementFloat("k", "c", 0.5) == "7.5");
  takes({"log0: HSET k c 7.5", "event0: hincrbyfloat k"});
  CHECK(Increment("k", "c", 2).error() == Errc::kNotInteger);
  CHECK(Erase("k", {"x"}) == 0);
  takes({});
  CHECK(Erase("k", {"a", "x", "b", "a"}) == 2);
  takes({"log0: HDEL k a b", "event0: hdel k"});
  CHECK(tally_.changes == 8);

  CHECK(Expire("k", later, {"c", "x"}) == Changes{FieldChange::kDone, FieldChange::kMissing});
  takes({expires + "c", "event0: hexpire k"});
  CHECK(Expire("k", later, {"c"}, keys::kExpireIfLater) == Changes{FieldChange::kRefused});
  takes({});
  CHECK(SetFields("k", {"d", "1"}, {.deadline = later}));
  takes({"log0: HSET k d 1", expires + "d", "event0: hset k", "event0: hexpire k"});
  CHECK(SetFields("k", {"d", "2"}, {.keep_deadlines = true}));
  takes({"log0: HSET k d 2", expires + "d", "event0: hset k"});
  Set("k", {"d", "3"});
  takes({"log0: HSET k d 3", "event0: hset k"});
  CHECK(Persist("k", {"c", "d", "x"}) ==
        Changes{FieldChange::kDone, FieldChange::kNoDeadline, FieldChange::kMissing});
  takes({"log0: HPERSIST k FIELDS 1 c", "event0: hpersist k"});
  CHECK(Expire("k", now(), {"d"}) == Changes{FieldChange::kErased});
  takes({"log0: HDEL k d", "event0: hexpired k"});
  CHECK(Expire("k", later, {"c"}) == Changes{FieldChange::kDone});
  takes({expires + "c", "event0: hexpire k"});
  clock_.AdvanceMillis(200);
  Sweep();
  takes({"log0: HDEL k c", "event0: hexpired k", "event0: del k"});
  CHECK(Encoding("k") == "none");

  Set("k", {"a", "1"});
  recorder_.Take();
  CHECK(Erase("k", {"a"}) == 1);
  takes({"log0: HDEL k a", "event0: hdel k", "log0: DEL k", "event0: del k"});
  CHECK(AuditStore(store_) == "");
}

TEST_CASE_METHOD(HashesFixture, "an increment keeps the field's deadline, and logs it") {
  const UnixMillis later = now() + 1000;
  const std::string expires = "log0: HPEXPIREAT k " + std::to_string(later) + " FIELDS 1 a";
  Set("k", {"a", "1", "b", "1"});
  Expire("k", later, {"a"});
  recorder_.Take();
  CHECK(*Increment("k", "a", 2) == 3);
  CHECK(recorder_.Take() == Lines{"log0: HSET k a 3", expires, "event0: hincrby k"});
  CHECK(IncrementFloat("k", "a", 0.5) == "3.5");
  CHECK(recorder_.Take() == Lines{"log0: HSET k a 3.5", expires, "event0: hincrbyfloat k"});
  CHECK(*Increment("k", "b", 2) == 3);
  CHECK(recorder_.Take() == Lines{"log0: HSET k b 3", "event0: hincrby k"});
  CHECK(Live("k") == FieldMap{{"a", {"3.5", later}}, {"b", {"3"}}});
  clock_.AdvanceMillis(1000);
  CHECK(*Increment("k", "a", 2) == 2);
  CHECK(recorder_.Take() == Lines{"log0: HSET k a 2", "event0: hincrby k"});
  CHECK(Live("k") == FieldMap{{"a", {"2"}}, {"b", {"3"}}});
}

TEST_CASE_METHOD(HashesFixture,
                 "a field whose time has come goes by the sweep, which tells of it") {
  Set("k", {"a", "1", "b", "2", "c", "3"});
  Expire("k", now() + 10, {"a"});
  clock_.AdvanceMillis(10);
  recorder_.Take();
  CHECK(Erase("k", {"a", "b"}) == 1);
  CHECK(recorder_.Take() == Lines{"log0: HDEL k b", "event0: hdel k"});
  CHECK(Erase("k", {"a"}) == 0);
  CHECK(Erase("k", {"c"}) == 1);
  CHECK(recorder_.Take() == Lines{"log0: HDEL k c", "event0: hdel k"});
  CHECK(Live("k").empty());
  CHECK(expired_fields() == 0);
  clock_.AdvanceMillis(100);
  Sweep();
  CHECK(recorder_.Take() == Lines{"log0: HDEL k a", "event0: hexpired k", "event0: del k"});
  CHECK(expired_fields() == 1);
}

TEST_CASE_METHOD(HashesFixture,
                 "all fields that are due at once go in one sweep, a portion at a time") {
  constexpr int kFields = 60'000;
  constexpr int kBatch = 1'000;
  const UnixMillis soon = now() + 50;
  for (int first = 0; first < kFields; first += kBatch) {
    Texts texts;
    for (int i = first; i < first + kBatch; ++i) {
      texts.push_back("field:" + std::to_string(i));
      texts.emplace_back("v");
    }
    REQUIRE(SetFields("k", Words(texts.begin(), texts.end()), {.deadline = soon}));
  }
  Set("k", {"stays", "v"});
  recorder_.Take();
  clock_.AdvanceMillis(100);
  Sweep();
  CHECK(expired_fields() == kFields);
  CHECK(All("k") == FieldMap{{"stays", {"v"}}});
  int logged = 0;
  for (const std::string& line : recorder_.Take()) {
    if (!line.starts_with("log0: HDEL k ")) continue;
    const auto fields = static_cast<int>(std::count(line.begin(), line.end(), ' ')) - 2;
    CHECK(fields <= 1'024);
    logged += fields;
  }
  CHECK(logged == kFields);
  CHECK(AuditStore(store_) == "");
}

TEST_CASE_METHOD(HashesFixture, "hash commands leave a key of another type alone") {
  db().Put(MakeKey("string"), {.key = "string", .value = "v"});
  recorder_.Take();
  Db d = db();
  const KeyView key = MakeKey("string");
  const Words pair = {"a", "1"};
  const Words field = {"a"};
  char text[kLongDoubleCharsMax];
  const auto ignore = [](FieldChange) {};
  CHECK(hashes::Set(d, key, pair).error() == Errc::kWrongType);
  CHECK(hashes::SetIfMissing(d, key, "a", "1").error() == Errc::kWrongType);
  CHECK(hashes::Erase(d, key, field).error() == Errc::kWrongType);
  CHECK(hashes::Increment(d, key, "a", 1).error() == Errc::kWrongType);
  CHECK(hashes::IncrementFloat(d, key, "a", 1, text).error() == Errc::kWrongType);
  CHECK(hashes::ExpireFields(d, key, now() + 1, keys::kExpireAlways, field, ignore) ==
        Errc::kWrongType);
  CHECK(hashes::PersistFields(d, key, field, ignore) == Errc::kWrongType);
  CHECK(hashes::SetFields(d, key, pair, {.deadline = now() + 1}).error() == Errc::kWrongType);
  CHECK(recorder_.Take().empty());
}

TEST_CASE_METHOD(HashesFixture, "a copy of a hash has deadlines of its own") {
  Set("k", {"a", "1", "b", "2"});
  Expire("k", now() + 1000, {"a", "b"});
  Db d = db();
  REQUIRE(keys::Copy(d, MakeKey("k"), d, MakeKey("copy"), false));
  Persist("copy", {"a"});
  clock_.AdvanceMillis(1100);
  Sweep();
  CHECK(Encoding("k") == "none");
  CHECK(All("copy") == FieldMap{{"a", {"1"}}});
  CHECK(AuditStore(store_) == "");
}

// What is expected of one hash.
struct Model {
  FieldMap fields;
  bool table = false;

  bool Live(const std::string& field, UnixMillis now) const {
    const auto at = fields.find(field);
    return at != fields.end() && at->second.deadline > now;
  }
};

constexpr uint64_t kEntries = 6;
constexpr uint64_t kValueBytes = 8;

int64_t SetIn(Model* model, const Texts& pairs, UnixMillis now) {
  int64_t added = 0;
  for (size_t i = 0; i < pairs.size(); i += 2) {
    if (!model->Live(pairs[i], now)) ++added;
    if (pairs[i + 1].size() > kValueBytes) model->table = true;
    model->fields[pairs[i]] = {pairs[i + 1]};
  }
  if (model->fields.size() > kEntries) model->table = true;
  return added;
}

int64_t EraseIn(Model* model, const Texts& fields, UnixMillis now) {
  int64_t erased = 0;
  for (const std::string& field : fields) {
    if (model->Live(field, now)) erased += static_cast<int64_t>(model->fields.erase(field));
  }
  return erased;
}

bool Allows(uint8_t conditions, UnixMillis old, UnixMillis deadline) {
  switch (conditions) {
    case keys::kExpireIfMissing:
      return old == kNoDeadline;
    case keys::kExpireIfPresent:
      return old != kNoDeadline;
    case keys::kExpireIfLater:
      return deadline > old;
    case keys::kExpireIfEarlier:
      return deadline < old;
    default:
      return true;
  }
}

Changes ExpireIn(Model* model, UnixMillis deadline, const Texts& fields, uint8_t conditions,
                 UnixMillis now) {
  Changes changes;
  for (const std::string& field : fields) {
    if (!model->Live(field, now)) {
      changes.push_back(FieldChange::kMissing);
    } else if (!Allows(conditions, model->fields[field].deadline, deadline)) {
      changes.push_back(FieldChange::kRefused);
    } else {
      model->table = true;
      model->fields[field].deadline = deadline;
      changes.push_back(deadline <= now ? FieldChange::kErased : FieldChange::kDone);
      if (deadline <= now) model->fields.erase(field);
    }
  }
  return changes;
}

Changes PersistIn(Model* model, const Texts& fields, UnixMillis now) {
  Changes changes;
  for (const std::string& field : fields) {
    if (!model->Live(field, now)) {
      changes.push_back(FieldChange::kMissing);
    } else if (model->fields[field].deadline == kNoDeadline) {
      changes.push_back(FieldChange::kNoDeadline);
    } else {
      model->fields[field].deadline = kNoDeadline;
      changes.push_back(FieldChange::kDone);
    }
  }
  return changes;
}

bool SetFieldsIn(Model* model, const Texts& pairs, const SetFieldsOptions& options,
                 UnixMillis now) {
  for (size_t i = 0; i < pairs.size(); i += 2) {
    const bool live = model->Live(pairs[i], now);
    if (options.condition == FieldsCondition::kAllMissing && live) return false;
    if (options.condition == FieldsCondition::kAllPresent && !live) return false;
  }
  for (size_t i = 0; i < pairs.size(); i += 2) {
    const UnixMillis old =
        model->Live(pairs[i], now) ? model->fields[pairs[i]].deadline : kNoDeadline;
    if (options.deadline <= now) {
      EraseIn(model, {pairs[i]}, now);
      continue;
    }
    SetIn(model, {pairs[i], pairs[i + 1]}, now);
    model->fields[pairs[i]].deadline = options.keep_deadlines ? old : options.deadline;
    if (options.deadline != kNoDeadline) model->table = true;
  }
  return true;
}

// Effects, applied to what is there.
void Replay(const Lines& lines, std::map<std::string, FieldMap>* replayed) {
  for (const std::string& line : lines) {
    if (!line.starts_with("log0: ")) continue;
    std::istringstream words(line.substr(6));
    std::string command;
    std::string key;
    words >> command >> key;
    const Texts rest{std::istream_iterator<std::string>(words), {}};
    FieldMap& fields = (*replayed)[key];
    if (command == "DEL") fields.clear();
    if (command == "HSET") {
      for (size_t i = 0; i < rest.size(); i += 2) fields[rest[i]] = {rest[i + 1]};
    }
    if (command == "HDEL") {
      for (const std::string& field : rest) fields.erase(field);
    }
    if (command == "HPEXPIREAT") {
      for (size_t i = 3; i < rest.size(); ++i) {
        CHECK(fields.contains(rest[i]));
        fields[rest[i]].deadline = std::stoll(rest[0]);
      }
    }
    if (command == "HPERSIST") {
      for (size_t i = 2; i < rest.size(); ++i) fields[rest[i]].deadline = kNoDeadline;
    }
    if (fields.empty()) replayed->erase(key);
  }
}

// Draws what is done to hashes.
class Draw {
 public:
  explicit Draw(uint64_t seed) : random_(seed) {}

  uint64_t Below(uint64_t bound) { return random_.Below(bound); }
  bool OneIn(uint64_t n) { return random_.OneIn(n); }
  std::string Key() { return "k" + std::to_string(random_.Below(4)); }
  Texts Names() {
    Texts names(1 + random_.Below(3));
    for (std::string& name : names) name = "f" + std::to_string(random_.Below(10));
    return names;
  }
  Texts Pairs() {
    Texts pairs;
    for (const std::string& name : Names()) {
      pairs.push_back(name);
      pairs.push_back(random_.OneIn(40)  ? std::string(2 * kValueBytes, 'v')
                      : random_.OneIn(4) ? "text"
                                         : std::to_string(random_.Below(1000)));
    }
    return pairs;
  }
  UnixMillis Deadline(UnixMillis now) {
    return random_.OneIn(8) ? now - static_cast<UnixMillis>(random_.Below(3))
                            : now + 1 + static_cast<UnixMillis>(random_.Below(200));
  }
  uint8_t Conditions() {
    constexpr uint8_t kAll[] = {keys::kExpireAlways, keys::kExpireIfMissing, keys::kExpireIfPresent,
                                keys::kExpireIfLater, keys::kExpireIfEarlier};
    return kAll[random_.Below(std::size(kAll))];
  }
  SetFieldsOptions Options(UnixMillis now) {
    SetFieldsOptions options;
    options.condition = static_cast<FieldsCondition>(random_.Below(3));
    if (random_.OneIn(3)) {
      options.keep_deadlines = true;
    } else if (!random_.OneIn(3)) {
      options.deadline = Deadline(now);
    }
    return options;
  }

 private:
  Random random_;
};

class HashModels : public HashesFixture {
 public:
  HashModels() {
    store_.packing.hash_entries = kEntries;
    store_.packing.hash_value_bytes = kValueBytes;
  }

  void Change(Draw& draw) {
    const std::string key = draw.Key();
    Model& model = models_[key];
    const Texts pairs = draw.Pairs();
    const Texts names = draw.Names();
    const Words pair_words(pairs.begin(), pairs.end());
    const Words name_words(names.begin(), names.end());
    switch (draw.Below(9)) {
      case 0:
      case 1:
        REQUIRE(Set(key, pair_words) == SetIn(&model, pairs, now()));
        break;
      case 2: {
        const bool missing = !model.Live(pairs[0], now());
        REQUIRE(SetIfMissing(key, pairs[0], pairs[1]) == missing);
        if (missing) SetIn(&model, {pairs[0], pairs[1]}, now());
        break;
      }
      case 3:
        REQUIRE(Erase(key, name_words) == EraseIn(&model, names, now()));
        break;
      case 4:
        IncrementBoth(key, model, names[0]);
        break;
      case 5: {
        const UnixMillis deadline = draw.Deadline(now());
        const uint8_t conditions = draw.Conditions();
        REQUIRE(Expire(key, deadline, name_words, conditions) ==
                ExpireIn(&model, deadline, names, conditions, now()));
        break;
      }
      case 6:
        REQUIRE(Persist(key, name_words) == PersistIn(&model, names, now()));
        break;
      case 7: {
        const SetFieldsOptions options = draw.Options(now());
        REQUIRE(SetFields(key, pair_words, options) == SetFieldsIn(&model, pairs, options, now()));
        break;
      }
      default:
        PassTime(draw);
    }
    if (model.fields.empty()) model = {};
    Compare(key);
    Replay(recorder_.Take(), &replayed_);
    REQUIRE(replayed_[key] == model.fields);
  }

  void CompareAll() {
    for (const auto& [key, model] : models_) Compare(key);
  }

 private:
  void IncrementBoth(const std::string& key, Model& model, const std::string& field) {
    int64_t value = 0;
    const bool live = model.Live(field, now());
    const bool number = !live || ParseInt64(model.fields[field].value, &value);
    const Result<int64_t> got = Increment(key, field, 7);
    REQUIRE(got.ok() == number);
    if (!number) return;
    REQUIRE(*got == value + 7);
    const UnixMillis deadline = live ? model.fields[field].deadline : kNoDeadline;
    SetIn(&model, {field, std::to_string(value + 7)}, now());
    model.fields[field].deadline = deadline;
  }

  // Whatever has been over for some ticks goes, what is younger may go, and nothing else.
  void PassTime(Draw& draw) {
    constexpr UnixMillis kSweptWithinMillis = 64;
    clock_.AdvanceMillis(static_cast<int64_t>(draw.Below(40)));
    if (!draw.OneIn(3)) return;
    Sweep();
    for (auto& [key, model] : models_) {
      const FieldMap all = All(key);
      std::erase_if(model.fields, [&](const auto& field) {
        if (field.second.deadline <= now() - kSweptWithinMillis) CHECK(!all.contains(field.first));
        return field.second.deadline <= now() && !all.contains(field.first);
      });
      if (model.fields.empty()) model = {};
    }
  }

  void Compare(const std::string& key) {
    const Model& model = models_[key];
    INFO(key);
    REQUIRE(Encoding(key) == (model.fields.empty() ? "none"
                              : model.table        ? "hashtable"
                                                   : "listpack"));
    REQUIRE(All(key) == model.fields);
    FieldMap live = model.fields;
    std::erase_if(live, [this](const auto& field) { return field.second.deadline <= now(); });
    REQUIRE(Live(key) == live);
  }

  std::map<std::string, Model> models_;
  std::map<std::string, FieldMap> replayed_;
};

TEST_CASE_METHOD(HashModels, "hashes agree with std::map, and their effects make the same again") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Draw draw(seed);
  for (int i = 0; i < 20'000; ++i) Change(draw);
  CompareAll();
  CHECK(AuditStore(store_) == "");
}

}  // namespace
}  // namespace alai
