// Consumer groups of a key's stream: what is logged and told, and a model of maps, against which also what
// somebody who replays the effects gets is held.
#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "engine/base/random.h"
#include "engine/types/stream_groups.h"
#include "engine/types/streams.h"
#include "tests/engine/asked_waiter.h"
#include "tests/engine/store_audit.h"
#include "tests/engine/stream_fixture.h"
#include "tests/engine/types_fixture.h"

namespace alai {
namespace {

using streams::GroupAt;
using streams::GroupReader;

constexpr UnixMillis kStart = 1'700'000'000'000;

StreamId IdAt(uint64_t ms) { return {ms, 0}; }

class Fixture : public TypesFixture {
 public:
  void Add(uint64_t ms, const std::string& key = "s") {
    Db d = db();
    const std::string_view pair[] = {"f", "v"};
    REQUIRE(streams::Add(d, MakeKey(key),
                         {.id = {streams::NewId::Kind::kGiven, IdAt(ms)}, .pairs = pair})
                ->status == streams::AddStatus::kAdded);
  }
  void Delete(const std::vector<StreamId>& ids) {
    Db d = db();
    REQUIRE(streams::Delete(d, MakeKey("s"), ids).ok());
  }
  bool Create(StreamId last_id = {}, int64_t entries_read = ConsumerGroup::kReadUnknown) {
    Db d = db();
    return streams::CreateGroup(d, MakeKey("s"), Find("s"), "g", {last_id, entries_read});
  }
  GroupAt At() {
    Db d = db();
    return *streams::FindGroup(d, MakeKey("s"), "g", Lookup::kPeek);
  }
  // The ids of what is read.
  std::vector<StreamId> ReadNew(const GroupReader& reader) {
    Db d = db();
    std::vector<StreamId> ids;
    const uint64_t count =
        streams::ReadNew(d, MakeKey("s"), At(), reader,
                         [&](const StreamEntry& entry) { ids.push_back(entry.id()); });
    REQUIRE(count == ids.size());
    return ids;
  }
  // Ids as text; "-" before one that is not in the stream.
  std::string ReadPending(const GroupReader& reader, StreamId after = {}) {
    Db d = db();
    std::string text;
    streams::ReadPending(d, MakeKey("s"), At(), reader, after,
                         [&](StreamId id, const StreamEntry* entry) {
                           if (entry == nullptr) text += "-";
                           text += std::to_string(id.ms) + " ";
                         });
    return text;
  }
  std::vector<StreamId> Claim(const streams::ClaimRequest& request,
                              const std::vector<StreamId>& ids) {
    Db d = db();
    return streams::Claim(d, MakeKey("s"), At(), request, ids);
  }
  streams::AutoClaimed ClaimIdle(std::string_view consumer, const AutoClaim::Options& options) {
    Db d = db();
    return streams::ClaimIdle(d, MakeKey("s"), At(), consumer, options);
  }
  uint64_t Acknowledge(const std::vector<StreamId>& ids) {
    Db d = db();
    return streams::Acknowledge(d, MakeKey("s"), At(), ids);
  }
  uint64_t DeleteConsumer(std::string_view consumer) {
    Db d = db();
    return streams::DeleteConsumer(d, MakeKey("s"), At(), consumer);
  }
  bool CreateConsumer(std::string_view consumer) {
    Db d = db();
    return streams::CreateConsumer(d, MakeKey("s"), At(), consumer);
  }
  void SetPosition(StreamId last_id, int64_t entries_read) {
    Db d = db();
    streams::SetPosition(d, MakeKey("s"), At(), {last_id, entries_read});
  }
  void DestroyGroup() {
    Db d = db();
    streams::DestroyGroup(d, MakeKey("s"), At());
  }
  Errc ErrorOf(const std::string& key, std::string_view group) {
    Db d = db();
    return streams::FindGroup(d, MakeKey(key), group, Lookup::kPeek).error();
  }
};

TEST_CASE_METHOD(Fixture, "a group is found, or it is told what is missing") {
  CHECK(ErrorOf("s", "g") == Errc::kNoKey);
  CHECK(Create());
  CHECK(ErrorOf("s", "g") == Errc::kOk);
  CHECK(ErrorOf("s", "h") == Errc::kNoGroup);
  Set("string", "v");
  CHECK(ErrorOf("string", "g") == Errc::kWrongType);
  CHECK_FALSE(Create());
}

TEST_CASE_METHOD(Fixture, "groups and consumers are logged and told of as they come and go") {
  CHECK(Create(IdAt(5), 3));
  CHECK(recorder_.Take() == Lines{"log0: XGROUP CREATE s g 5-0 MKSTREAM ENTRIESREAD 3",
                                  "event0: new s", "event0: xgroup-create s"});
  Add(6);
  recorder_.Take();
  {
    Db d = db();
    CHECK(streams::CreateGroup(d, MakeKey("s"), Find("s"), "h", {IdAt(6)}));
  }
  SetPosition(IdAt(1), 7);
  CHECK(CreateConsumer("c"));
  CHECK_FALSE(CreateConsumer("c"));
  CHECK(DeleteConsumer("c") == 0);
  CHECK(DeleteConsumer("c") == 0);
  DestroyGroup();
  CHECK(recorder_.Take() ==
        Lines{"log0: XGROUP CREATE s h 6-0 ENTRIESREAD -1", "event0: xgroup-create s",
              "log0: XGROUP SETID s g 1-0 ENTRIESREAD 7", "event0: xgroup-setid s",
              "log0: XGROUP CREATECONSUMER s g c", "event0: xgroup-createconsumer s",
              "log0: XGROUP DELCONSUMER s g c", "event0: xgroup-delconsumer s",
              "log0: XGROUP DESTROY s g", "event0: xgroup-destroy s"});
  CHECK(recorder_.classes.back() == KeyEventClass::kStream);
  CHECK(tally_.changes == 7);
  CHECK(AuditStore(store_).empty());
}

TEST_CASE_METHOD(Fixture,
                 "what is delivered is logged as claimed, and how far the group has read") {
  Create();
  for (uint64_t ms = 1; ms <= 4; ++ms) Add(ms);
  recorder_.Take();
  CHECK(ReadNew({.consumer = "c", .count_max = 2}) == std::vector{IdAt(1), IdAt(2)});
  const std::string both =
      "log0: XCLAIM s g c 0 1-0 2-0 TIME 1700000000000 RETRYCOUNT 1 FORCE JUSTID LASTID 2-0";
  CHECK(recorder_.Take() == Lines{"log0: XGROUP CREATECONSUMER s g c", both,
                                  "log0: XGROUP SETID s g 2-0 ENTRIESREAD 2",
                                  "event0: xgroup-createconsumer s"});
  CHECK(ReadNew({.consumer = "c", .count_max = 1, .no_ack = true}) == std::vector{IdAt(3)});
  CHECK(recorder_.Take() == Lines{"log0: XGROUP SETID s g 3-0 ENTRIESREAD 3"});
  CHECK(ReadNew({.consumer = "c"}).size() == 1);
  recorder_.Take();
  // Nothing is left, but who asks is a consumer.
  CHECK(ReadNew({.consumer = "c"}).empty());
  CHECK(recorder_.Take().empty());
  CHECK(ReadNew({.consumer = "d"}).empty());
  CHECK(recorder_.Take() ==
        Lines{"log0: XGROUP CREATECONSUMER s g d", "event0: xgroup-createconsumer s"});
  CHECK(At().group->pending().size() == 3);
  CHECK(AuditStore(store_).empty());
}

TEST_CASE_METHOD(Fixture, "consumers are seen when they ask, and active when they are given") {
  Create();
  Add(1);
  Add(2);
  ReadNew({.consumer = "c", .count_max = 1});
  clock_.AdvanceMillis(10);
  ReadPending({.consumer = "c"});
  ReadNew({.consumer = "d", .no_ack = true});
  const auto times = [this](std::string_view name) {
    const Consumer* consumer = At().group->FindConsumer(name);
    return std::pair(consumer->seen_at() - kStart, consumer->active_at() == Consumer::kNever
                                                       ? -1
                                                       : consumer->active_at() - kStart);
  };
  CHECK(times("c") == std::pair<int64_t, int64_t>(10, 0));
  CHECK(times("d") == std::pair<int64_t, int64_t>(10, -1));
  clock_.AdvanceMillis(10);
  CHECK(Claim({.consumer = "d", .idle_ms_min = 1000}, {IdAt(1)}).empty());
  CHECK(ClaimIdle("e", {.idle_ms_min = 1000}).claimed.empty());
  CHECK(times("d") == std::pair<int64_t, int64_t>(20, -1));
  CHECK(times("e") == std::pair<int64_t, int64_t>(20, -1));
  CHECK(Claim({.consumer = "d", .terms = {.delivered_at = kStart}}, {IdAt(1)}).size() == 1);
  CHECK(ClaimIdle("e", {}).claimed.size() == 1);
  CHECK(times("d") == std::pair<int64_t, int64_t>(20, 20));
  CHECK(times("e") == std::pair<int64_t, int64_t>(20, 20));
}

TEST_CASE_METHOD(Fixture,
                 "a consumer's own entries count as delivered again, which is not logged") {
  Create();
  for (uint64_t ms = 1; ms <= 4; ++ms) Add(ms);
  ReadNew({.consumer = "c", .count_max = 3});
  ReadNew({.consumer = "d"});
  Delete({IdAt(2)});
  recorder_.Take();
  clock_.AdvanceMillis(5);
  CHECK(ReadPending({.consumer = "c"}) == "1 -2 3 ");
  CHECK(ReadPending({.consumer = "c", .count_max = 1}, IdAt(1)) == "-2 ");
  CHECK(ReadPending({.consumer = "c"}, IdAt(3)).empty());
  CHECK(ReadPending({.consumer = "c"}, StreamId::Max()).empty());
  CHECK(recorder_.Take().empty());
  CHECK(At().group->pending().Find(IdAt(1))->deliveries == 2);
  CHECK(At().group->pending().Find(IdAt(1))->delivered_at == kStart + 5);
  CHECK(At().group->pending().Find(IdAt(2))->deliveries == 1);
  CHECK(ReadPending({.consumer = "new"}).empty());
  CHECK(recorder_.Take() ==
        Lines{"log0: XGROUP CREATECONSUMER s g new", "event0: xgroup-createconsumer s"});
}

TEST_CASE_METHOD(Fixture, "claims are logged as they came out, and what is gone as acknowledged") {
  Create();
  for (uint64_t ms = 1; ms <= 5; ++ms) Add(ms);
  ReadNew({.consumer = "c", .count_max = 4});
  ReadPending({.consumer = "c"}, IdAt(2));
  Delete({IdAt(4)});
  recorder_.Take();
  const streams::ClaimRequest request = {.consumer = "d", .terms = {.delivered_at = kStart - 7}};
  CHECK(Claim(request, {IdAt(1), IdAt(2), IdAt(3), IdAt(4), IdAt(5)}) ==
        std::vector{IdAt(1), IdAt(2), IdAt(3)});
  const std::string alike =
      "log0: XCLAIM s g d 0 1-0 2-0 TIME 1699999999993 RETRYCOUNT 2 FORCE JUSTID LASTID 4-0";
  CHECK(recorder_.Take() ==
        Lines{"log0: XGROUP CREATECONSUMER s g d", alike,
              "log0: XCLAIM s g d 0 3-0 TIME 1699999999993 RETRYCOUNT 3 FORCE JUSTID LASTID 4-0",
              "log0: XACK s g 4-0", "event0: xgroup-createconsumer s"});
  CHECK(Claim({.consumer = "d", .last_id = IdAt(5)}, {}).empty());
  CHECK(Claim({.consumer = "d", .last_id = IdAt(3)}, {}).empty());
  CHECK(recorder_.Take() == Lines{"log0: XGROUP SETID s g 5-0 ENTRIESREAD 4"});
  Delete({IdAt(2)});
  recorder_.Take();
  const streams::AutoClaimed claimed = ClaimIdle("c", {.start = {}, .count = 2, .id_alone = true});
  CHECK(claimed.claimed == std::vector{IdAt(1)});
  CHECK(claimed.forgotten == std::vector{IdAt(2)});
  CHECK(claimed.next == IdAt(3));
  CHECK(recorder_.Take() ==
        Lines{"log0: XCLAIM s g c 0 1-0 TIME 1700000000000 RETRYCOUNT 2 FORCE JUSTID LASTID 5-0",
              "log0: XACK s g 2-0"});
  CHECK(Acknowledge({IdAt(1), IdAt(1), IdAt(9)}) == 1);
  CHECK(Acknowledge({IdAt(1)}) == 0);
  CHECK(recorder_.Take() == Lines{"log0: XACK s g 1-0"});
  CHECK(AuditStore(store_).empty());
}

TEST_CASE_METHOD(Fixture, "only the end of a group wakes those who wait for its stream") {
  Create();
  Add(1);
  Add(2);
  const auto watcher = std::make_shared<AskedWaiter>();
  store_.shard(store_.ShardIndex(Hash("s"))).waiters.Add(0, "s", watcher);
  ReadNew({.consumer = "c"});
  ReadPending({.consumer = "c"});
  CreateConsumer("d");
  Claim({.consumer = "d", .last_id = IdAt(9)}, {IdAt(1)});
  ClaimIdle("d", {});
  Acknowledge({IdAt(1)});
  SetPosition({}, 0);
  DeleteConsumer("d");
  CHECK(thread_.ready_keys().empty());
  DestroyGroup();
  CHECK(thread_.ready_keys().size() == 1);
}

// What a group is made of, as plain values.
struct Given {
  std::string consumer;
  UnixMillis delivered_at;
  uint64_t deliveries;
  bool operator==(const Given&) const = default;
};
struct GroupModel {
  StreamId last_id = {};
  std::set<std::string> consumers = {};
  std::map<StreamId, Given> pending = {};
  bool operator==(const GroupModel&) const = default;
};

GroupModel ModelOf(const ConsumerGroup& group) {
  GroupModel model = {.last_id = group.last_id()};
  for (const Consumer* consumer : group.consumers()) model.consumers.emplace(consumer->name());
  PendingRange range(group, nullptr, StreamId::Min(), StreamId::Max());
  while (range.Next()) {
    model.pending[range.id()] = {std::string(range.entry().consumer->name()),
                                 range.entry().delivered_at, range.entry().deliveries};
  }
  return model;
}

// Plays effects on consumer groups by what their commands are documented to do.
class Replica {
 public:
  void Play(const std::string& line) {
    std::istringstream stream(line);
    std::vector<std::string> words;
    for (std::string word; stream >> word;) words.push_back(word);
    if (words[0] != "log0:") return;
    words.erase(words.begin());
    if (words[0] == "XGROUP") return PlayGroup(words);
    if (words[0] == "XACK") {
      for (size_t i = 3; i < words.size(); ++i) group.pending.erase(Id(words[i]));
    } else if (words[0] == "XCLAIM") {
      PlayClaim(words);
    }
  }

  GroupModel group;
  std::string entries_read;

 private:
  static StreamId Id(const std::string& text) { return StreamId::Parse(text, 0).value(); }

  void PlayGroup(const std::vector<std::string>& words) {
    if (words[1] == "SETID" || words[1] == "CREATE") {
      group.last_id = Id(words[4]);
      entries_read = words.back();
    } else if (words[1] == "CREATECONSUMER") {
      REQUIRE(group.consumers.insert(words[4]).second);
    } else if (words[1] == "DELCONSUMER") {
      REQUIRE(group.consumers.erase(words[4]) == 1);
      std::erase_if(group.pending, [&](const auto& p) { return p.second.consumer == words[4]; });
    }
  }
  void PlayClaim(const std::vector<std::string>& words) {
    const auto time = std::find(words.begin(), words.end(), "TIME");
    const Given given = {words[3], std::stoll(time[1]), std::stoull(time[3])};
    REQUIRE(group.consumers.count(given.consumer) == 1);
    for (auto id = words.begin() + 5; id != time; ++id) group.pending[Id(*id)] = given;
    group.last_id = std::max(group.last_id, Id(words.back()));
  }
};

// Random calls, to the store and to the model.
class RandomCalls : public Fixture {
 public:
  explicit RandomCalls(uint64_t seed) : random_(seed) { Create({}, 0); }

  void Step() {
    clock_.AdvanceMillis(static_cast<int64_t>(random_.Below(3)));
    now_ = clock_.WallMillis();
    switch (random_.Below(10)) {
      case 0:
      case 1:
      case 2:
        Add(++last_ms_);
        entries_.insert(IdAt(last_ms_));
        return;
      case 3:
        return DeleteEntry();
      case 4:
      case 5:
        return Read();
      case 6:
        return AcknowledgeSome();
      case 7:
        return ClaimSome();
      case 8:
        return ClaimAll();
      default:
        return Rare();
    }
  }

  void Check(Replica& replica) {
    const ConsumerGroup& group = *At().group;
    REQUIRE(ModelOf(group) == model_);
    for (const std::string& line : recorder_.Take()) replica.Play(line);
    REQUIRE(replica.group == model_);
    REQUIRE(replica.entries_read == std::to_string(group.entries_read()));
  }

 private:
  std::string Someone() { return "c" + std::to_string(random_.Below(4)); }
  StreamId Any() { return IdAt(random_.Below(last_ms_ + 3)); }

  void DeleteEntry() {
    const StreamId id = Any();
    Delete({id});
    entries_.erase(id);
  }
  void Read() {
    const std::string name = Someone();
    const uint64_t count = random_.Below(4);
    const bool no_ack = random_.OneIn(4);
    model_.consumers.insert(name);
    std::vector<StreamId> expected;
    for (auto it = entries_.upper_bound(model_.last_id);
         it != entries_.end() && (count == 0 || expected.size() < count); ++it) {
      expected.push_back(*it);
      if (!no_ack) model_.pending[*it] = {name, now_, 1};
    }
    if (!expected.empty()) model_.last_id = expected.back();
    REQUIRE(ReadNew({.consumer = name, .count_max = count, .no_ack = no_ack}) == expected);
  }
  void AcknowledgeSome() {
    const std::vector<StreamId> ids = {Any(), Any()};
    uint64_t expected = 0;
    for (const StreamId id : ids) expected += model_.pending.erase(id);
    REQUIRE(Acknowledge(ids) == expected);
  }
  void ClaimSome() {
    const std::vector<StreamId> ids = {Any(), Any(), Any()};
    const std::string name = Someone();
    streams::ClaimRequest request = {.consumer = name};
    request.idle_ms_min = static_cast<int64_t>(random_.Below(10));
    request.force = random_.OneIn(2);
    request.terms = {.delivered_at = now_ - static_cast<int64_t>(random_.Below(20)),
                     .id_alone = random_.OneIn(2)};
    if (random_.OneIn(2)) request.terms.deliveries = random_.Below(5);
    if (random_.OneIn(8)) request.last_id = Any();
    model_.consumers.insert(name);
    if (request.last_id.has_value()) model_.last_id = std::max(model_.last_id, *request.last_id);
    std::vector<StreamId> expected;
    for (const StreamId id : ids) {
      if (Takes(id, request.idle_ms_min, request.force, name, request.terms)) {
        expected.push_back(id);
      }
    }
    REQUIRE(Claim(request, ids) == expected);
  }
  void ClaimAll() {
    const std::string name = Someone();
    const AutoClaim::Options options = {.start = Any(),
                                        .idle_ms_min = static_cast<int64_t>(random_.Below(10)),
                                        .count = UINT64_MAX,
                                        .id_alone = random_.OneIn(2)};
    model_.consumers.insert(name);
    std::vector<StreamId> ids;
    for (auto it = model_.pending.lower_bound(options.start); it != model_.pending.end(); ++it) {
      ids.push_back(it->first);
    }
    streams::AutoClaimed expected;
    for (const StreamId id : ids) {
      if (entries_.count(id) == 0) expected.forgotten.push_back(id);
      if (Takes(id, options.idle_ms_min, false, name,
                {.delivered_at = now_, .id_alone = options.id_alone})) {
        expected.claimed.push_back(id);
      }
    }
    const streams::AutoClaimed claimed = ClaimIdle(name, options);
    REQUIRE(claimed.claimed == expected.claimed);
    REQUIRE(claimed.forgotten == expected.forgotten);
    REQUIRE(claimed.next.IsZero());
  }
  void Rare() {
    if (!random_.OneIn(4)) return;
    if (random_.OneIn(2)) {
      model_.last_id = Any();
      return SetPosition(model_.last_id, ConsumerGroup::kReadUnknown);
    }
    const std::string name = Someone();
    const uint64_t lost = std::erase_if(
        model_.pending, [&](const auto& entry) { return entry.second.consumer == name; });
    model_.consumers.erase(name);
    REQUIRE(DeleteConsumer(name) == lost);
  }

  // XCLAIM of one id in the model.
  bool Takes(StreamId id, int64_t idle_ms_min, bool force, const std::string& name,
             const Stream::ClaimTerms& terms) {
    const auto it = model_.pending.find(id);
    const bool pending = it != model_.pending.end();
    if (entries_.count(id) == 0) {
      model_.pending.erase(id);
      return false;
    }
    if (!pending && !force) return false;
    if (pending && now_ - it->second.delivered_at < idle_ms_min) return false;
    const uint64_t before = pending ? it->second.deliveries : 1;
    model_.pending[id] = {name, terms.delivered_at,
                          terms.deliveries.value_or(before + (terms.id_alone ? 0 : 1))};
    return true;
  }

  Random random_;
  UnixMillis now_ = kStart;
  uint64_t last_ms_ = 0;
  std::set<StreamId> entries_;
  GroupModel model_;
};

TEST_CASE("a group does what a model of maps does, and who replays its effects has the same") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  RandomCalls calls(seed);
  Replica replica;
  for (int i = 0; i < 4'000; ++i) {
    calls.Step();
    if (i % 7 == 0) calls.Check(replica);
  }
  calls.Check(replica);
  CHECK(AuditStore(calls.store_).empty());
}

}  // namespace
}  // namespace alai
