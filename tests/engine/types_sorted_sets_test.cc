// Sorted sets against a model, in both forms and across the change from one to the other: scores, ranks, ranges, pops
// and what is stored, and a second store that the change log alone has filled.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/number.h"
#include "engine/base/random.h"
#include "engine/store.h"
#include "engine/types/keys.h"
#include "engine/types/sorted_set_algebra.h"
#include "engine/types/sorted_sets.h"
#include "engine/types/strings.h"
#include "tests/catch.h"
#include "tests/engine/recorder.h"

namespace alai {
namespace {

using sorted_sets::AddOptions;
using sorted_sets::AddOutcome;
using sorted_sets::End;
using sorted_sets::Members;
using sorted_sets::ScoredMember;

using Lines = std::vector<std::string>;
using Model = std::map<std::string, double>;
using Entries = std::vector<std::pair<std::string, double>>;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

Entries InOrder(const Model& model) {
  Entries entries(model.begin(), model.end());
  std::stable_sort(entries.begin(), entries.end(),
                   [](const auto& a, const auto& b) { return a.second < b.second; });
  return entries;
}

std::string TextOf(const PackedValue& value) {
  char digits[kInt64CharsMax];
  return std::string(value.View(digits));
}

void EraseEnd(Model& model, bool max, uint64_t count) {
  const Entries entries = InOrder(model);
  REQUIRE(count <= entries.size());
  const size_t first = max ? entries.size() - count : 0;
  for (size_t i = first; i < first + count; ++i) model.erase(entries[i].first);
}

// Does what a change log says to keys of its own.
class Replica final : public ChangeLog {
 public:
  void Append(int db, std::span<const std::string_view> command) override {
    words_max = std::max(words_max, command.size());
    const std::string key(command[1]);
    if (command[0] == "DEL") {
      REQUIRE(sets.erase(key) == 1);
    } else if (command[0] == "ZADD") {
      for (size_t i = 2; i < command.size(); i += 2) {
        double score;
        REQUIRE(ParseDouble(command[i], &score));
        sets[key][std::string(command[i + 1])] = score;
      }
    } else if (command[0] == "ZPOPMIN" || command[0] == "ZPOPMAX") {
      uint64_t count;
      REQUIRE(ParseUint64(command[2], &count));
      EraseEnd(sets[key], command[0] == "ZPOPMAX", count);
    } else if (command[0] == "ZREMRANGEBYRANK") {
      uint64_t first;
      uint64_t last;
      REQUIRE(ParseUint64(command[2], &first));
      REQUIRE(ParseUint64(command[3], &last));
      const Entries entries = InOrder(sets[key]);
      for (uint64_t i = first; i <= last; ++i) sets[key].erase(entries[i].first);
    } else {
      REQUIRE(command[0] == "ZREM");
      for (const std::string_view member : command.subspan(2)) {
        sets[key].erase(std::string(member));
      }
    }
  }
  bool Reserve(size_t bytes) override { return true; }

  std::map<std::string, Model> sets;
  size_t words_max = 0;
};

class SortedSetFixture {
 public:
  SortedSetFixture() : store_({.shards = 2, .clock = &clock_}) {
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
  Result<AddOutcome> TryAdd(const std::string& key, const AddOptions& options,
                            const std::vector<ScoredMember>& pairs) {
    return With(key,
                [&](Db& db, KeyView view) { return sorted_sets::Add(db, view, options, pairs); });
  }
  AddOutcome Add(const std::string& key, const std::vector<ScoredMember>& pairs,
                 const AddOptions& options = {}) {
    const Result<AddOutcome> outcome = TryAdd(key, options, pairs);
    REQUIRE(outcome.ok());
    return *outcome;
  }
  int64_t Erase(const std::string& key, const std::vector<std::string_view>& members) {
    return *With(key, [&](Db& db, KeyView view) { return sorted_sets::Erase(db, view, members); });
  }
  Entries Pop(const std::string& key, End end, uint64_t count) {
    Entries popped;
    const Result<uint64_t> size = With(key, [&](Db& db, KeyView view) {
      return sorted_sets::Pop(db, view, end, count, [&](const PackedValue& member, double score) {
        popped.emplace_back(TextOf(member), score);
      });
    });
    REQUIRE(*size == popped.size());
    return popped;
  }
  void EraseRanks(const std::string& key, RankRange ranks) {
    With(key, [&](Db& db, KeyView view) {
      sorted_sets::EraseRanks(db, view, db.Find(view, Lookup::kWrite), ranks, "zremrangebyrank");
      return true;
    });
  }
  const Record* Find(const std::string& key) {
    return With(key, [](Db& db, KeyView view) { return db.Find(view, Lookup::kPeek); });
  }
  Entries All(const std::string& key) {
    Entries entries;
    Members(Find(key)).ForEach([&](const PackedValue& member, double score) {
      entries.emplace_back(TextOf(member), score);
    });
    return entries;
  }
  bool Packed(const std::string& key) { return Find(key)->encoding() == Encoding::kListpack; }

  FakeClock clock_{1'700'000'000'000};
  Recorder recorder_;
  Store store_;
  StoreThread& thread_ = *store_.RegisterThread();
  Tally tally_;
};

TEST_CASE_METHOD(SortedSetFixture, "changes log scores and members, and tell of themselves") {
  const bool packed = GENERATE(true, false);
  if (!packed) store_.packing.sorted_set_entries = 0;
  CHECK(Add("z", {{1, "a"}, {2.5, "b"}}).added == 2);
  CHECK(recorder_.Take() == Lines{"log0: ZADD z 1 a 2.5 b", "event0: new z", "event0: zadd z"});
  CHECK(Packed("z") == packed);
  CHECK(keys::EncodingName(*Find("z")) == (packed ? "listpack" : "skiplist"));
  CHECK(Add("z", {{0.5, "a"}}, {.increment = true}).score == 1.5);
  CHECK(recorder_.Take() == Lines{"log0: ZADD z 1.5 a", "event0: zincr z"});
  CHECK(Add("z", {{9, "a"}}, {.only_new = true}).score == std::nullopt);
  CHECK(Add("z", {{9, "c"}}, {.only_existing = true}).added == 0);
  CHECK(recorder_.Take().empty());
  CHECK(Add("z", {{1, "a"}, {3, "b"}, {4, "c"}}, {.only_greater = true}).updated == 1);
  recorder_.Take();
  CHECK(Erase("z", {"c", "nosuch"}) == 1);
  CHECK(recorder_.Take() == Lines{"log0: ZREM z c", "event0: zrem z"});
  Add("z", {{7, "d"}, {8, "10"}});
  recorder_.Take();
  CHECK(Pop("z", End::kMax, 1) == Entries{{"10", 8}});
  CHECK(recorder_.Take() == Lines{"log0: ZPOPMAX z 1", "event0: zpopmax z"});
  EraseRanks("z", {1, 3});
  CHECK(recorder_.Take() == Lines{"log0: ZREMRANGEBYRANK z 1 2", "event0: zremrangebyrank z"});
  CHECK(Pop("z", End::kMin, 5) == Entries{{"a", 1.5}});
  CHECK(recorder_.Take() ==
        Lines{"log0: ZPOPMIN z 1", "event0: zpopmin z", "log0: DEL z", "event0: del z"});
  CHECK(Pop("z", End::kMin, 5).empty());
  CHECK(recorder_.Take().empty());
  CHECK(Find("z") == nullptr);
}

TEST_CASE_METHOD(SortedSetFixture, "what would be no number changes nothing") {
  if (GENERATE(true, false)) store_.packing.sorted_set_entries = 0;
  Add("z", {{kInfinity, "a"}});
  recorder_.Take();
  CHECK(TryAdd("z", {.increment = true}, {{-kInfinity, "a"}}).error() == Errc::kNanOrInfinity);
  CHECK(recorder_.Take().empty());
  CHECK(All("z") == Entries{{"a", kInfinity}});
}

TEST_CASE_METHOD(SortedSetFixture, "what is no sorted set is left alone") {
  With("s", [](Db& db, KeyView key) {
    strings::Set(db, key, "text");
    return true;
  });
  CHECK(TryAdd("s", {}, {{1, "a"}}).error() == Errc::kWrongType);
  With("s", [](Db& db, KeyView key) {
    CHECK(sorted_sets::Find(db, key, Lookup::kPeek).error() == Errc::kWrongType);
    const std::string_view member = "a";
    CHECK(sorted_sets::Erase(db, key, {&member, 1}).error() == Errc::kWrongType);
    const auto visit = [](const PackedValue&, double) {};
    CHECK(sorted_sets::Pop(db, key, End::kMin, 1, visit).error() == Errc::kWrongType);
    return true;
  });
}

TEST_CASE("a score in a listpack reads back as the same number") {
  const uint64_t seed = RandomSeed();
  CAPTURE(seed);
  Random random(seed);
  std::vector<double> scores = {0,     1,      -1,     0.1,       1e17,
                                -1e18, 0x1p53, 0x1p62, 0x1p63,    -0x1p63,
                                1e300, 5e-324, 2.5e-7, kInfinity, -kInfinity};
  for (int i = 0; i < 2000; ++i) {
    const uint64_t bits = random.Next();
    double score;
    std::memcpy(&score, &bits, sizeof score);
    if (!std::isnan(score)) scores.push_back(score);
    scores.push_back(std::trunc(std::ldexp(random.NextDouble() - 0.5, i % 70)));
  }
  for (const double score : scores) {
    const sorted_sets::PackedScore packed(score);
    CHECK(sorted_sets::ScoreOf(packed.value()) == score);
  }
}

// A model of one set, and the changes and looks that both take.
class ModelRun {
 public:
  ModelRun(SortedSetFixture& fixture, Random& random, Replica& replica)
      : fixture_(fixture), random_(random), replica_(replica) {}

  void Step() {
    switch (random_.Below(8)) {
      case 0:
      case 1:
      case 2:
        return AddSome();
      case 3:
        return Increment();
      case 4:
        return EraseSome();
      case 5:
        return PopSome();
      case 6:
        return EraseRanks();
      case 7:
        return Compare();
    }
  }
  void Compare() {
    const Entries expected = InOrder(model_);
    REQUIRE(fixture_.All("z") == expected);
    REQUIRE(replica_.sets["z"] == model_);
    const Members members(fixture_.Find("z"));
    REQUIRE(members.size() == expected.size());
    CompareRanges(members, expected);
    for (int i = 0; i < 5; ++i) {
      const std::string member = Member();
      const auto place = members.Find(member);
      REQUIRE(place.has_value() == model_.contains(member));
      REQUIRE(members.Score(member).has_value() == place.has_value());
      if (place.has_value()) {
        REQUIRE(expected[place->rank] == std::pair(member, place->score));
        REQUIRE(members.Score(member) == place->score);
      }
    }
    if (expected.empty()) REQUIRE(fixture_.Find("z") == nullptr);
  }

 private:
  // Some spell integers, which listpacks store as such.
  std::string Member() {
    const uint64_t i = random_.Below(60);
    return i % 3 == 0 ? std::to_string(i) : "member" + std::to_string(i);
  }
  double Score() {
    if (random_.OneIn(20)) return random_.OneIn(2) ? kInfinity : -kInfinity;
    const auto whole = static_cast<double>(random_.Between(-5, 5));
    return random_.OneIn(3) ? whole + 0.1 : whole;
  }

  void AddSome() {
    AddOptions options;
    options.only_new = random_.OneIn(6);
    options.only_existing = !options.only_new && random_.OneIn(6);
    options.only_greater = !options.only_new && random_.OneIn(6);
    options.only_less = !options.only_new && !options.only_greater && random_.OneIn(6);
    std::vector<std::string> names(1 + random_.Below(6));
    std::vector<ScoredMember> pairs;
    AddOutcome expected;
    for (std::string& name : names) {
      name = Member();
      const double score = Score();
      pairs.push_back({score, name});
      const auto old = model_.find(name);
      if (old == model_.end()) {
        if (options.only_existing) continue;
        ++expected.added;
        model_[name] = score;
      } else if (!options.only_new && !(options.only_greater && score <= old->second) &&
                 !(options.only_less && score >= old->second) && score != old->second) {
        ++expected.updated;
        old->second = score;
      }
    }
    const AddOutcome outcome = fixture_.Add("z", pairs, options);
    REQUIRE(outcome.added == expected.added);
    REQUIRE(outcome.updated == expected.updated);
  }
  void Increment() {
    const std::string member = Member();
    const double by = Score();
    const auto old = model_.find(member);
    const double score = old == model_.end() ? by : old->second + by;
    const std::vector<ScoredMember> pair = {{by, member}};
    const auto outcome = fixture_.TryAdd("z", {.increment = true}, pair);
    REQUIRE(outcome.ok() == !std::isnan(score));
    if (!outcome.ok()) return;
    REQUIRE(outcome->score == score);
    model_[member] = score;
  }
  void EraseSome() {
    std::vector<std::string> names(1 + random_.Below(4));
    std::vector<std::string_view> members;
    int64_t erased = 0;
    for (std::string& name : names) {
      name = Member();
      erased += static_cast<int64_t>(model_.erase(name));
      members.push_back(name);
    }
    REQUIRE(fixture_.Erase("z", members) == erased);
  }
  void PopSome() {
    const End end = random_.OneIn(2) ? End::kMin : End::kMax;
    const uint64_t count = random_.OneIn(30) ? 1000 : random_.Below(4);
    Entries expected = InOrder(model_);
    if (end == End::kMax) std::reverse(expected.begin(), expected.end());
    expected.resize(std::min<size_t>(expected.size(), count));
    for (const auto& entry : expected) model_.erase(entry.first);
    REQUIRE(fixture_.Pop("z", end, count) == expected);
  }
  void EraseRanks() {
    const Entries entries = InOrder(model_);
    const uint64_t first = random_.Below(entries.size() + 1);
    const uint64_t size = std::min<uint64_t>(random_.Below(5), entries.size() - first);
    for (uint64_t i = first; i < first + size; ++i) model_.erase(entries[i].first);
    fixture_.EraseRanks("z", {first, first + size});
  }
  void CompareRanges(const Members& members, const Entries& entries) {
    ScoreRange range{.min = Score(),
                     .max = Score(),
                     .min_exclusive = random_.OneIn(2),
                     .max_exclusive = random_.OneIn(2)};
    Entries expected;
    for (const auto& [member, score] : entries) {
      if (range.min_exclusive ? score <= range.min : score < range.min) continue;
      if (range.max_exclusive ? score >= range.max : score > range.max) continue;
      expected.emplace_back(member, score);
    }
    Entries found;
    const bool reverse = random_.OneIn(2);
    if (reverse) std::reverse(expected.begin(), expected.end());
    members.ForEach(members.RanksOf(range), reverse, [&](const PackedValue& member, double score) {
      found.emplace_back(TextOf(member), score);
    });
    REQUIRE(found == expected);
  }

  SortedSetFixture& fixture_;
  Random& random_;
  Replica& replica_;
  Model model_;
};

TEST_CASE_METHOD(SortedSetFixture, "a sorted set does what a model does, and its log replays") {
  const uint64_t seed = RandomSeed();
  CAPTURE(seed);
  Random random(seed);
  Replica replica;
  store_.set_change_log(&replica);
  for (const uint64_t entries_max : {128, 20, 0}) {
    store_.packing.sorted_set_entries = entries_max;
    replica.sets.clear();
    ModelRun run(*this, random, replica);
    for (int i = 0; i < 1500; ++i) run.Step();
    run.Compare();
    Pop("z", End::kMin, UINT64_MAX);
    REQUIRE(Find("z") == nullptr);
  }
  thread_.Quiescent();
}

TEST_CASE_METHOD(SortedSetFixture, "random members are members, distinct ones each once") {
  const uint64_t seed = RandomSeed();
  CAPTURE(seed);
  Random random(seed);
  if (GENERATE(true, false)) store_.packing.sorted_set_entries = 0;
  for (int i = 0; i < 40; ++i) Add("z", {{i * 0.5, "m" + std::to_string(i)}});
  const Entries all = All("z");
  const std::set<std::pair<std::string, double>> known(all.begin(), all.end());
  const Members members(Find("z"));
  for (const uint64_t count : {1, 5, 9, 10, 39, 40, 100}) {
    std::set<std::pair<std::string, double>> drawn;
    size_t visits = 0;
    members.RandomDistinct(random, count, [&](const PackedValue& member, double score) {
      ++visits;
      drawn.emplace(TextOf(member), score);
    });
    CHECK(visits == std::min<uint64_t>(count, 40));
    CHECK(drawn.size() == visits);
    CHECK(std::includes(known.begin(), known.end(), drawn.begin(), drawn.end()));
  }
  std::set<std::string> repeated;
  members.RandomRepeated(
      random, 2000, [&](const PackedValue& member, double) { repeated.insert(TextOf(member)); });
  CHECK(repeated.size() == 40);
}

TEST_CASE_METHOD(SortedSetFixture,
                 "what is stored replaces the key, in effects of bounded length") {
  Replica replica;
  store_.set_change_log(&replica);
  const uint64_t size = GENERATE(5, 1000);
  for (int round = 0; round < 2; ++round) {
    With("out", [&](Db& db, KeyView key) {
      sorted_sets::Builder builder(db.store().packing);
      for (uint64_t i = 0; i < size; ++i) {
        builder.Append(PackedValue::Of(std::to_string(i)), static_cast<double>(i) + round);
      }
      CHECK(builder.size() == size);
      builder.Store(db, key, "zunionstore");
      return true;
    });
    CHECK(Packed("out") == (size == 5));
    CHECK(replica.sets["out"].size() == size);
    CHECK(InOrder(replica.sets["out"]) == All("out"));
  }
  CHECK(replica.words_max <= 130);
  With("out", [&](Db& db, KeyView key) {
    sorted_sets::Builder(db.store().packing).Store(db, key, "zunionstore");
    return true;
  });
  CHECK(Find("out") == nullptr);
  CHECK_FALSE(replica.sets.contains("out"));
}

TEST_CASE_METHOD(SortedSetFixture, "what is stored keeps -0 where scores are not packed") {
  const bool packed = GENERATE(true, false);
  if (!packed) store_.packing.sorted_set_entries = 2;
  With("out", [&](Db& db, KeyView key) {
    sorted_sets::Builder builder(db.store().packing);
    builder.Append(PackedValue::Of("a"), -1);
    builder.Append(PackedValue::Of("b"), -0.0);
    builder.Append(PackedValue::Of("c"), 0.0);
    builder.Append(PackedValue::Of("d"), -0.0);
    builder.Store(db, key, "zunionstore");
    return true;
  });
  REQUIRE(Packed("out") == packed);
  const Members members(Find("out"));
  CHECK(std::signbit(*members.Score("b")) == !packed);
  CHECK_FALSE(std::signbit(*members.Score("c")));
  CHECK(std::signbit(*members.Score("d")) == !packed);
}

// Sets of up to 300 members that share many.
Model RandomSet(Random& random) {
  Model model;
  for (uint64_t i = random.Below(300); i != 0; --i) {
    const uint64_t member = random.Below(400);
    model[member % 2 == 0 ? std::to_string(member) : "m" + std::to_string(member)] =
        static_cast<double>(random.Between(-4, 4));
  }
  return model;
}

TEST_CASE_METHOD(SortedSetFixture, "unions, intersections and differences are those of a model") {
  using sorted_sets::Aggregate;
  using sorted_sets::Combination;
  using sorted_sets::Operation;
  const uint64_t seed = RandomSeed();
  CAPTURE(seed);
  Random random(seed);
  for (int round = 0; round < 30; ++round) {
    Model models[3];
    std::vector<sorted_sets::Operand> operands;
    for (int i = 0; i < 3; ++i) {
      models[i] = RandomSet(random);
      const std::string key = "z" + std::to_string(i);
      Pop(key, End::kMin, UINT64_MAX);
      std::vector<ScoredMember> pairs;
      for (const auto& [member, score] : models[i]) pairs.push_back({score, member});
      if (!pairs.empty()) Add(key, pairs);
      operands.push_back({Find(key), static_cast<double>(random.Between(-2, 2))});
    }
    const auto aggregate = static_cast<Aggregate>(random.Below(3));
    Model united;
    for (int i = 0; i < 3; ++i) {
      for (const auto& [member, plain] : models[i]) {
        const double score = plain * operands[static_cast<size_t>(i)].weight;
        const auto [at, fresh] = united.emplace(member, score);
        if (fresh) continue;
        if (aggregate == Aggregate::kSum) at->second += score;
        if (aggregate == Aggregate::kMin) at->second = std::min(at->second, score);
        if (aggregate == Aggregate::kMax) at->second = std::max(at->second, score);
      }
    }
    Model common;
    for (const auto& [member, score] : united) {
      if (models[0].contains(member) && models[1].contains(member) && models[2].contains(member)) {
        common[member] = score;
      }
    }
    Model rest;
    for (const auto& [member, score] : models[0]) {
      if (!models[1].contains(member) && !models[2].contains(member)) rest[member] = score;
    }
    const auto result = [&](Operation operation) {
      Entries entries;
      const Combination combination(operation, aggregate, operands);
      for (const ScoredMember& each : combination.members()) {
        entries.emplace_back(each.member, each.score);
      }
      return entries;
    };
    REQUIRE(result(Operation::kUnion) == InOrder(united));
    REQUIRE(result(Operation::kIntersection) == InOrder(common));
    REQUIRE(result(Operation::kDifference) == InOrder(rest));
    REQUIRE(sorted_sets::CountIntersection(operands, 0) == common.size());
    REQUIRE(sorted_sets::CountIntersection(operands, 2) == std::min<size_t>(2, common.size()));
    thread_.Quiescent();
  }
}

}  // namespace
}  // namespace alai
