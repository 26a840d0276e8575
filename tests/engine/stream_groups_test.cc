// Consumer groups: against a model of maps, and what a stock redis-server 7.0.15 answered.
#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/base/random.h"
#include "engine/containers/auto_claim.h"
#include "engine/containers/stream.h"
#include "tests/catch.h"
#include "tests/engine/stream_fixture.h"

namespace alai {
namespace {

constexpr UnixMillis kNow = 1'700'000'000'000;

struct PendingModel {
  UnixMillis delivered_at;
  uint64_t deliveries;
  std::string consumer;
  bool operator==(const PendingModel&) const = default;
};
using Model = std::map<StreamId, PendingModel>;

Model PendingOf(const ConsumerGroup& group, const Consumer* consumer) {
  Model pending;
  PendingRange range(group, consumer, StreamId::Min(), StreamId::Max());
  while (range.Next()) {
    const PendingEntry& entry = range.entry();
    pending[range.id()] = {entry.delivered_at, entry.deliveries,
                           std::string(entry.consumer->name())};
  }
  return pending;
}

Model PartOf(const Model& model, const std::string& consumer) {
  Model part;
  for (const auto& [id, entry] : model) {
    if (entry.consumer == consumer) part.emplace(id, entry);
  }
  return part;
}

void CheckGroup(const ConsumerGroup& group, const Model& model) {
  REQUIRE(group.pending().size() == model.size());
  REQUIRE(PendingOf(group, nullptr) == model);
  for (const Consumer* consumer : group.consumers()) {
    const Model part = PartOf(model, std::string(consumer->name()));
    REQUIRE(consumer->pending().size() == part.size());
    REQUIRE(PendingOf(group, consumer) == part);
  }
}

void CheckView(const StreamView::GroupView& view, const Model& model) {
  REQUIRE(view.pending.size == model.size());
  IdTree<PendingEntry>::Cursor cursor(view.pending);
  bool more = cursor.SeekAtOrAfter(StreamId::Min());
  for (const auto& [id, entry] : model) {
    REQUIRE(more);
    REQUIRE(cursor.id() == id);
    REQUIRE(cursor.value().delivered_at == entry.delivered_at);
    REQUIRE(cursor.value().deliveries == entry.deliveries);
    more = cursor.Next();
  }
  REQUIRE_FALSE(more);
  for (const auto& consumer : view.consumers) {
    IdTree<NoValue>::Cursor own(consumer.pending);
    bool own_more = own.SeekAtOrAfter(StreamId::Min());
    for (const auto& [id, entry] : PartOf(model, std::string(consumer.name))) {
      REQUIRE(own_more);
      REQUIRE(own.id() == id);
      own_more = own.Next();
    }
    REQUIRE_FALSE(own_more);
  }
}

TEST_CASE("a group's pending entries are those of a map, and so are its views'") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  struct Frozen {
    StreamView view;
    Model model;
  };
  Stream stream;
  const size_t empty = stream.allocated_bytes();
  ConsumerGroup* group = stream.AddGroup("group", {}, 0);
  Model model;
  std::vector<Frozen> views;
  const auto consumer_named = [&](const std::string& name) {
    Consumer* consumer = group->FindConsumer(name);
    return consumer != nullptr ? consumer : group->AddConsumer(name, kNow);
  };
  for (int i = 0; i < 15'000; ++i) {
    const std::string name = "consumer" + std::to_string(random.Below(5));
    const StreamId id{random.Below(3'000), random.Below(2)};
    const UnixMillis now = kNow + i;
    const uint64_t choice = random.Below(100);
    if (choice < (i / 5'000 % 2 == 0 ? 60u : 25u)) {
      model[id] = {now, 3, name};
      group->Assign(id, {.delivered_at = now, .deliveries = 3, .consumer = consumer_named(name)});
    } else if (choice < 85) {
      REQUIRE(group->Acknowledge(id) == (model.erase(id) == 1));
    } else if (choice < 95) {
      const auto it = model.find(id);
      REQUIRE(group->CountDelivery(id, now) == (it != model.end()));
      if (it != model.end()) {
        it->second.delivered_at = now;
        ++it->second.deliveries;
      }
    } else if (random.OneIn(40)) {
      Consumer* consumer = group->FindConsumer(name);
      const Model part = PartOf(model, name);
      if (consumer != nullptr) REQUIRE(group->RemoveConsumer(consumer) == part.size());
      for (const auto& [gone, entry] : part) model.erase(gone);
    }
    if (i == 2'000 || i == 9'000) views.push_back({stream.Freeze(), model});
    if (i % 1'500 == 0) CheckGroup(*group, model);
  }
  CheckGroup(*group, model);
  stream.RemoveGroup(group);
  for (Frozen& frozen : views) {
    REQUIRE(frozen.view.groups.size() == 1);
    REQUIRE(frozen.view.groups[0].name == "group");
    CheckView(frozen.view.groups[0], frozen.model);
    stream.Release(frozen.view);
  }
  stream.FreeGarbage(SIZE_MAX);
  CHECK(stream.allocated_bytes() == empty);
}

TEST_CASE("consumers and groups are found and listed by name") {
  Stream stream;
  CHECK(stream.groups().empty());
  CHECK(stream.FindGroup("a") == nullptr);
  ConsumerGroup* b = stream.AddGroup("b", {1, 2}, ConsumerGroup::kReadUnknown);
  ConsumerGroup* a = stream.AddGroup("a", {}, 0);
  CHECK(stream.FindGroup("b") == b);
  CHECK(*stream.groups().begin() == a);
  CHECK(b->last_id() == StreamId{1, 2});
  const std::string binary("\xff\0x", 3);
  for (const std::string& name : {std::string("z"), binary, std::string(), std::string("m")}) {
    b->AddConsumer(name, kNow);
  }
  std::vector<std::string> names;
  for (const Consumer* consumer : b->consumers()) names.emplace_back(consumer->name());
  CHECK(names == std::vector<std::string>{"", "m", "z", binary});
  CHECK(b->FindConsumer(binary)->seen_at() == kNow);
  CHECK(b->FindConsumer(binary)->active_at() == Consumer::kNever);
  CHECK(b->FindConsumer("n") == nullptr);
}

// A stream of entries 1-0 to n-0, and a group that reads it.
struct Reader {
  explicit Reader(uint64_t entries, int64_t read = 0, StreamId last = {}) {
    for (uint64_t i = 1; i <= entries; ++i) Add(i);
    group = stream.AddGroup("g", last, read);
    consumer = group->AddConsumer("c", kNow);
  }
  void Add(uint64_t ms) { AppendPairs(stream, {ms, 0}, {{"a", "b"}}); }
  void Read(uint64_t count) {
    StreamRange range = stream.Range(*group->last_id().Next(), StreamId::Max());
    while (count-- > 0 && range.Next()) stream.Deliver(*group, range.id(), consumer, kNow);
  }
  // "entries-read lag", as XINFO GROUPS shows them.
  std::string Position() const {
    const auto lag = stream.Lag(*group);
    return (group->entries_read() < 0 ? "nil" : std::to_string(group->entries_read())) + " " +
           (lag ? std::to_string(*lag) : "nil");
  }

  Stream stream;
  ConsumerGroup* group;
  Consumer* consumer;
};

TEST_CASE("lag and entries read, without deletions") {
  Reader reader(5);
  CHECK(reader.Position() == "0 5");
  reader.Read(2);
  CHECK(reader.Position() == "2 3");
  reader.Read(9);
  CHECK(reader.Position() == "5 0");
  reader.Add(6);
  CHECK(reader.Position() == "5 1");
  // Trimming deletes nothing by id.
  reader.stream.Trim({.length_max = 1});
  CHECK(reader.Position() == "5 1");
  CHECK(reader.stream.max_deleted_id().IsZero());
  reader.stream.Trim({.length_max = 0});
  CHECK(reader.Position() == "5 1");
}

TEST_CASE("a group whose count is not known finds it at the ends of the stream") {
  // As after XGROUP CREATE without ENTRIESREAD.
  Reader start(5, ConsumerGroup::kReadUnknown);
  CHECK(start.Position() == "nil 5");
  Reader first(5, ConsumerGroup::kReadUnknown, {1, 0});
  CHECK(first.Position() == "nil 4");
  Reader middle(5, ConsumerGroup::kReadUnknown, {3, 0});
  CHECK(middle.Position() == "nil nil");
  middle.Read(1);
  CHECK(middle.Position() == "nil nil");
  middle.Read(1);
  CHECK(middle.Position() == "5 0");
  Reader last(5, ConsumerGroup::kReadUnknown, {5, 0});
  CHECK(last.Position() == "nil 0");
  Reader beyond(5, ConsumerGroup::kReadUnknown, {9, 0});
  CHECK(beyond.Position() == "nil nil");
  Reader empty(0, ConsumerGroup::kReadUnknown, {9, 0});
  CHECK(empty.Position() == "nil 0");
  // What a client claims is believed.
  Reader claimed(5, 42, {3, 0});
  CHECK(claimed.Position() == "42 -37");
}

TEST_CASE("a deletion ahead of a group hides its lag until it has passed it") {
  Reader reader(5);
  reader.Read(1);
  reader.stream.Delete({3, 0});
  CHECK(reader.Position() == "1 nil");
  reader.Read(1);
  CHECK(reader.Position() == "nil nil");
  reader.Read(1);
  CHECK(reader.Position() == "nil nil");
  reader.Read(1);
  CHECK(reader.Position() == "5 0");
  // What was deleted behind the group does not matter.
  reader.stream.Delete({4, 0});
  reader.Add(6);
  CHECK(reader.Position() == "5 1");
}

TEST_CASE("a deletion before the first entry is none") {
  Reader reader(5);
  reader.Read(2);
  reader.stream.Delete({1, 0});
  CHECK(reader.Position() == "2 3");
  // The group's last entry is deleted, and the first of the stream is behind it.
  reader.stream.Delete({2, 0});
  CHECK(reader.Position() == "2 3");
  reader.stream.Delete({3, 0});
  CHECK(reader.Position() == "2 3");
  reader.Read(1);
  CHECK(reader.Position() == "3 2");
}

TEST_CASE("an entry that is delivered again changes hands, and its count starts anew") {
  Reader reader(3);
  reader.Read(3);
  REQUIRE(reader.group->CountDelivery({2, 0}, kNow + 1));
  CHECK(reader.group->pending().Find({2, 0})->deliveries == 2);
  // XGROUP SETID back to the start, and another consumer reads.
  reader.group->SetPosition({}, ConsumerGroup::kReadUnknown);
  Consumer* other = reader.group->AddConsumer("d", kNow);
  reader.stream.Deliver(*reader.group, {1, 0}, other, kNow + 2);
  reader.stream.Deliver(*reader.group, {2, 0}, other, kNow + 2);
  CHECK(reader.consumer->pending().size() == 1);
  CHECK(other->pending().size() == 2);
  CHECK(reader.group->pending().Find({2, 0})->deliveries == 1);
  // NOACK leaves nothing pending.
  reader.group->Acknowledge({3, 0});
  reader.stream.Deliver(*reader.group, {3, 0}, nullptr, kNow);
  CHECK(reader.group->pending().size() == 2);
  CHECK(reader.group->last_id() == StreamId{3, 0});
}

TEST_CASE("claims ask for idle time, entries that exist, and pending ones") {
  using Claimable = Stream::Claimable;
  Reader reader(4);
  reader.Read(3);
  const auto check = [&](uint64_t ms, int64_t idle_ms_min, bool force) {
    return reader.stream.CheckClaim(*reader.group, {ms, 0}, idle_ms_min, force, kNow + 100);
  };
  CHECK(check(1, 0, false) == Claimable::kYes);
  CHECK(check(1, 100, false) == Claimable::kYes);
  CHECK(check(1, 101, false) == Claimable::kTooRecent);
  CHECK(check(4, 0, false) == Claimable::kNotPending);
  CHECK(check(4, 1'000'000, true) == Claimable::kYes);
  CHECK(check(9, 0, true) == Claimable::kNotPending);
  reader.stream.Delete({2, 0});
  CHECK(check(2, 1'000'000, false) == Claimable::kGone);
  CHECK(check(2, 0, false) == Claimable::kNotPending);
  CHECK(reader.group->pending().size() == 2);

  Consumer* other = reader.group->AddConsumer("d", kNow);
  const auto deliveries = [&](uint64_t ms, const Stream::ClaimTerms& terms) {
    Stream::Claim(*reader.group, {ms, 0}, other, terms);
    return reader.group->pending().Find({ms, 0})->deliveries;
  };
  CHECK(deliveries(1, {}) == 2);
  CHECK(deliveries(1, {.id_alone = true}) == 2);
  CHECK(deliveries(1, {.deliveries = 7, .id_alone = true}) == 7);
  CHECK(deliveries(1, {.deliveries = 0}) == 0);
  // By force: as if it had been delivered once before.
  CHECK(deliveries(4, {}) == 2);
  reader.group->Acknowledge({4, 0});
  CHECK(deliveries(4, {.id_alone = true}) == 1);
  CHECK(other->pending().size() == 2);
}

// The steps of a walk: "+id" claimed, "-id" forgotten, then where to go on.
std::string Walk(Reader& reader, std::string_view name, const AutoClaim::Options& options,
                 UnixMillis now = kNow) {
  Consumer* consumer = reader.group->FindConsumer(name);
  if (consumer == nullptr) consumer = reader.group->AddConsumer(name, now);
  AutoClaim walk(reader.stream, *reader.group, consumer, options, now);
  std::string steps;
  for (;;) {
    const AutoClaim::Step step = walk.Next();
    const std::string id = std::to_string(walk.id().ms);
    if (step == AutoClaim::Step::kDone) return steps.append("next ").append(id);
    steps += step == AutoClaim::Step::kClaimed ? "+" : "-";
    steps.append(id).append(" ");
  }
}

TEST_CASE(
    "an automatic claim takes what is idle, forgets what is gone, and says where it stopped") {
  Reader reader(6);
  reader.Read(6);
  reader.stream.Delete({2, 0});
  reader.stream.Delete({5, 0});
  CHECK(Walk(reader, "d", {.start = {}, .count = 3}) == "+1 -2 +3 next 4");
  CHECK(reader.group->FindConsumer("d")->pending().size() == 2);
  CHECK(reader.group->FindConsumer("d")->active_at() == kNow);
  CHECK(Walk(reader, "d", {.start = {4, 0}, .count = 3}) == "+4 -5 +6 next 0");
  CHECK(Walk(reader, "d", {.start = {5, 0}, .count = 100, .id_alone = true}) == "+6 next 0");
  CHECK(reader.group->pending().Find({6, 0})->deliveries == 2);
  CHECK(reader.group->pending().Find({4, 0})->deliveries == 2);
  CHECK(reader.consumer->pending().size() == 0);
  // A walk that claims nothing is no activity.
  CHECK(Walk(reader, "e", {.start = {}, .idle_ms_min = 1}) == "next 0");
  CHECK(reader.group->FindConsumer("e")->active_at() == Consumer::kNever);
  CHECK(Walk(reader, "e", {.start = {}, .idle_ms_min = 1}, kNow + 1) == "+1 +3 +4 +6 next 0");
}

TEST_CASE("an automatic claim looks at ten entries for each that it may take") {
  Reader reader(40);
  reader.Read(40);
  reader.group->CountDelivery({25, 0}, kNow - 1'000);
  CHECK(Walk(reader, "d", {.start = {}, .idle_ms_min = 500, .count = 2}) == "next 21");
  CHECK(Walk(reader, "d", {.start = {21, 0}, .idle_ms_min = 500, .count = 2}) == "+25 next 0");
}

TEST_CASE("ranges of pending entries, of all and of one consumer") {
  Reader reader(10);
  Consumer* other = reader.group->AddConsumer("d", kNow);
  for (uint64_t i = 1; i <= 10; ++i) {
    reader.stream.Deliver(*reader.group, {i, 0}, i % 3 == 0 ? other : reader.consumer, kNow);
  }
  const auto ids = [&](const Consumer* consumer, uint64_t from, uint64_t to) {
    std::string found;
    PendingRange range(*reader.group, consumer, {from, 0}, {to, 0});
    while (range.Next()) found += std::to_string(range.id().ms) + " ";
    return found;
  };
  CHECK(ids(nullptr, 3, 6) == "3 4 5 6 ");
  CHECK(ids(nullptr, 11, 20).empty());
  CHECK(ids(nullptr, 6, 3).empty());
  CHECK(ids(other, 0, 8) == "3 6 ");
  CHECK(ids(other, 7, 20) == "9 ");
  // Redelivery while walking, as reading a consumer's history does.
  PendingRange range(*reader.group, other, StreamId::Min(), StreamId::Max());
  uint64_t walked = 0;
  for (; range.Next(); ++walked) REQUIRE(reader.group->CountDelivery(range.id(), kNow + 5));
  CHECK(walked == 3);
  CHECK(reader.group->pending().Find({9, 0})->deliveries == 2);
  CHECK(reader.group->pending().Find({8, 0})->deliveries == 1);
}

}  // namespace
}  // namespace alai
