// PackedTable against std:: containers: changes of every size, scans while it grows and shrinks,
// fairness, deadlines, equal hashes, snapshots and memory.
#include "engine/containers/packed_table.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "engine/base/random.h"
#include "tests/catch.h"

namespace alai {
namespace {

using Kind = PackedTable::Kind;

struct Expected {
  std::string value;
  UnixMillis deadline = kNoDeadline;
  bool operator==(const Expected&) const = default;
};
using Model = std::unordered_map<std::string, Expected>;

std::string Name(uint64_t number) { return "member:" + std::to_string(number); }

size_t AnySize(Random& random) {
  switch (random.Below(40)) {
    case 0:
      return random.Below(2'000) == 0 ? 100'000 : 300;
    case 1:
      return random.Below(5'000);
    case 2:
    case 3:
      return 230 + random.Below(40);
    case 4:
      return 0;
    default:
      return random.Below(40);
  }
}

std::string AnyBytes(Random& random, size_t size) {
  std::string bytes(size, '\0');
  for (size_t i = 0; i < size; i += 61) bytes[i] = static_cast<char>(random.Next());
  return bytes;
}

// A member with this number: the same bytes each time, its length any.
std::string AnyName(uint64_t number) {
  Random random(number);
  std::string name = AnyBytes(random, AnySize(random) % 5'000);
  if (number % 3 != 0) name += Name(number);
  return name;
}

template <class Source>
Model ContentsOf(const Source& source) {
  Model contents;
  size_t visited = 0;
  source.ForEach([&](const PackedMember& member) {
    contents[std::string(member.member)] = {std::string(member.value), member.deadline};
    ++visited;
    return true;
  });
  REQUIRE(visited == contents.size());
  REQUIRE(source.size() == contents.size());
  return contents;
}

void CheckDeadlines(const PackedTable& table, const Model& model) {
  UnixMillis earliest = kNoDeadline;
  size_t count = 0;
  for (const auto& [name, expected] : model) {
    earliest = std::min(earliest, expected.deadline);
    count += expected.deadline != kNoDeadline;
  }
  REQUIRE(table.EarliestDeadline() == earliest);
  REQUIRE(table.deadline_count() == count);
}

void CheckSame(const PackedTable& table, const Model& model) {
  REQUIRE(ContentsOf(table) == model);
  CheckDeadlines(table, model);
}

UnixMillis AnyDeadline(Random& random) {
  return random.Below(3) == 0 ? kNoDeadline : static_cast<UnixMillis>(random.Below(100'000));
}

// Names some members, there or not, more than are asked for at once. A hint changes nothing.
void Hint(Random& random, const PackedTable& table, uint64_t names) {
  std::vector<std::string> members(random.Below(60));
  for (std::string& member : members) member = AnyName(random.Below(names));
  const std::vector<std::string_view> views(members.begin(), members.end());
  table.Prefetch(views);
}

// One random change to a map, made to the model, too.
void Change(Random& random, PackedTable& table, Model& model, uint64_t names, bool growing) {
  const std::string name = AnyName(random.Below(names));
  const auto it = model.find(name);
  const bool there = it != model.end();
  if (random.Below(4) == 0) Hint(random, table, names);
  switch (random.Below(10)) {
    case 0: {
      const std::string value = AnyBytes(random, AnySize(random));
      REQUIRE(table.SetValue(name, value) == there);
      if (there) it->second.value = value;
      break;
    }
    case 1: {
      const UnixMillis deadline = AnyDeadline(random);
      REQUIRE(table.SetDeadline(name, deadline) == there);
      if (there) it->second.deadline = deadline;
      break;
    }
    case 2: {
      const Expected added{AnyBytes(random, AnySize(random)), AnyDeadline(random)};
      REQUIRE(table.Insert(name, added.value, added.deadline) == !there);
      if (!there) model[name] = added;
      break;
    }
    case 3: {
      const auto found = table.Find(name);
      REQUIRE(found.has_value() == there);
      REQUIRE(table.Contains(name) == there);
      if (!there) break;
      REQUIRE(found->member == name);
      REQUIRE(Expected{std::string(found->value), found->deadline} == it->second);
      break;
    }
    default:
      if (growing == (random.Below(4) != 0)) {
        const Expected put{AnyBytes(random, AnySize(random)), AnyDeadline(random)};
        const auto upserted = table.Upsert(name, put.value, put.deadline);
        REQUIRE(upserted.added == !there);
        if (there) REQUIRE(upserted.old_deadline == it->second.deadline);
        model[name] = put;
      } else {
        REQUIRE(table.Erase(name) == there);
        model.erase(name);
      }
  }
}

TEST_CASE("a packed map is what a map of strings is, while it grows and shrinks") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  PackedTable table(Kind::kMap);
  const size_t empty_bytes = table.allocated_bytes();
  Model model;
  for (int phase = 0; phase < 4; ++phase) {
    const size_t before = model.size();
    for (int i = 0; i < 12'000; ++i) Change(random, table, model, 6'000, phase % 2 == 0);
    CheckSame(table, model);
    CHECK((phase % 2 == 0) == (model.size() > before));
  }
  for (const auto& [name, expected] : Model(model)) REQUIRE(table.Erase(name));
  CHECK(table.size() == 0);
  CHECK(table.deadline_count() == 0);
  CHECK(table.EarliestDeadline() == kNoDeadline);
  CHECK(table.allocated_bytes() <= empty_bytes + 64);
}

TEST_CASE("a packed set is what a set of strings is") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  PackedTable table(Kind::kSet);
  std::unordered_set<std::string> model;
  for (int i = 0; i < 60'000; ++i) {
    const std::string name = AnyName(random.Below(i < 30'000 ? 10'000 : 3'000));
    if (i % 100 == 0) Hint(random, table, 10'000);
    if (random.Below(3) == 0) {
      REQUIRE(table.Erase(name) == (model.erase(name) != 0));
    } else {
      REQUIRE(table.Insert(name) == model.insert(name).second);
    }
  }
  size_t visited = 0;
  table.ForEach([&](const PackedMember& member) {
    REQUIRE(model.count(std::string(member.member)) == 1);
    REQUIRE(member.value.empty());
    REQUIRE(member.deadline == kNoDeadline);
    ++visited;
    return true;
  });
  CHECK(visited == model.size());
  CHECK(table.size() == model.size());
  table.Clear();
  CHECK(table.size() == 0);
  CHECK(!table.Contains(*model.begin()));
  CHECK(table.Insert(*model.begin()));
  CHECK(table.size() == 1);
}

TEST_CASE("lengths at the limits of how an entry lies are kept") {
  PackedTable map(Kind::kMap);
  PackedTable set(Kind::kSet);
  const std::vector<size_t> sizes = {0,   1,   62,  63,  64,  65,  127, 128, 246, 247,
                                     248, 249, 250, 251, 252, 253, 254, 255, 256, 1 << 20};
  Model model;
  for (const size_t member : sizes) {
    const std::string name(member, 'm');
    REQUIRE(set.Insert(name));
    for (const size_t size : sizes) {
      const Expected put{std::string(size, 'v'), static_cast<UnixMillis>(size)};
      map.Upsert(name, put.value);
      for (const UnixMillis deadline : {put.deadline, kNoDeadline, put.deadline}) {
        REQUIRE(map.SetDeadline(name, deadline));
        REQUIRE(map.Find(name)->deadline == deadline);
        REQUIRE(map.Find(name)->value == put.value);
      }
      model[name] = put;
    }
  }
  CheckSame(map, model);
  for (const size_t member : sizes)
    REQUIRE(set.Find(std::string(member, 'm'))->member.size() == member);
}

TEST_CASE("deadlines that do not fit six bytes are moved to where they do") {
  PackedTable table(Kind::kMap);
  table.Insert("a", "1", -5);
  CHECK(table.Find("a")->deadline == 0);
  table.SetDeadline("a", kMemberDeadlineMax + 1);
  CHECK(table.Find("a")->deadline == kMemberDeadlineMax);
  CHECK(table.EarliestDeadline() == kMemberDeadlineMax);
}

TEST_CASE("a value of the same length is written where the old one was") {
  PackedTable table(Kind::kMap);
  for (uint64_t i = 0; i < 1'000; ++i)
    table.Insert(Name(i), "00000", i % 2 == 0 ? 500 : kNoDeadline);
  const size_t bytes = table.allocated_bytes();
  for (uint64_t i = 0; i < 1'000; ++i) {
    const char* const before = table.Find(Name(i))->value.data();
    REQUIRE(table.SetValue(Name(i), "12345"));
    REQUIRE(table.Find(Name(i))->value.data() == before);
    REQUIRE(table.Find(Name(i))->value == "12345");
    REQUIRE(table.Find(Name(i))->deadline == (i % 2 == 0 ? 500 : kNoDeadline));
  }
  CHECK(table.allocated_bytes() == bytes);
}

TEST_CASE("a scan returns whatever is there all the time, while the table grows and shrinks") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  for (const size_t others : {0, 50, 20'000}) {
    for (const bool growing : {true, false}) {
      PackedTable table(Kind::kSet);
      std::set<std::string> stay;
      for (uint64_t i = 0; i < 300; ++i) stay.insert("stays:" + std::to_string(i));
      for (const std::string& name : stay) table.Insert(name);
      size_t next = growing ? 0 : others;
      for (size_t i = 0; i < next; ++i) table.Insert(Name(i));
      std::set<std::string> seen;
      uint64_t cursor = 0;
      size_t calls = 0;
      do {
        cursor = table.Scan(cursor, 1 + random.Below(30),
                            [&](const PackedMember& member) { seen.emplace(member.member); });
        REQUIRE(cursor < uint64_t{1} << 53);
        ++calls;
        for (size_t steps = random.Below(400); steps != 0; --steps) {
          if (growing && next < others) table.Insert(Name(next++));
          if (!growing && next > 0) table.Erase(Name(--next));
        }
      } while (cursor != 0);
      REQUIRE(std::includes(seen.begin(), seen.end(), stay.begin(), stay.end()));
      CHECK(calls > 5);
    }
  }
}

TEST_CASE("a scan of a table at rest returns each member once, from any cursor on") {
  PackedTable table(Kind::kSet);
  for (uint64_t i = 0; i < 3'000; ++i) table.Insert(Name(i));
  for (const size_t count : {0, 1, 10, 100'000}) {
    std::map<std::string, int> seen;
    uint64_t cursor = 0;
    do {
      cursor =
          table.Scan(cursor, count, [&](const PackedMember& m) { ++seen[std::string(m.member)]; });
    } while (cursor != 0);
    CHECK(seen.size() == 3'000);
    CHECK(std::all_of(seen.begin(), seen.end(), [](const auto& s) { return s.second == 1; }));
  }
  for (const uint64_t cursor :
       {uint64_t{1}, (uint64_t{1} << 53) - 1, uint64_t{1} << 53, UINT64_MAX}) {
    size_t visited = 0;
    const uint64_t next = table.Scan(cursor, 10, [&](const PackedMember&) { ++visited; });
    CHECK((next == 0 || next > cursor));
    CHECK(visited < 100);
  }
}

TEST_CASE("a walk stops where it is told to") {
  PackedTable table(Kind::kSet);
  for (uint64_t i = 0; i < 500; ++i) table.Insert(Name(i));
  size_t visited = 0;
  CHECK(!table.ForEach([&](const PackedMember&) { return ++visited < 100; }));
  CHECK(visited == 100);
}

// Chi-square of `drawn` against the same expectation for all, in standard deviations from its mean.
double Deviation(const std::unordered_map<std::string, size_t>& drawn, size_t members,
                 size_t draws) {
  const double expected = static_cast<double>(draws) / static_cast<double>(members);
  double sum = static_cast<double>(members - drawn.size()) * expected;
  for (const auto& [name, count] : drawn) {
    const double off = static_cast<double>(count) - expected;
    sum += off * off / expected;
  }
  const auto freedom = static_cast<double>(members - 1);
  return (sum - freedom) / std::sqrt(2 * freedom);
}

TEST_CASE("random members are drawn fairly, whatever the sizes of nodes and members") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  // In the middle of a round of splits, with nodes half as full as others.
  constexpr size_t kMembers = 930;
  PackedTable table(Kind::kSet);
  for (uint64_t i = 0; i < kMembers; ++i) {
    table.Insert(i % 10 == 0 ? Name(i) + std::string(1'000, 'x') : Name(i));
  }
  constexpr size_t kDraws = 40 * kMembers;
  std::unordered_map<std::string, size_t> one;
  std::unordered_map<std::string, size_t> many;
  const auto count = [](auto& drawn) {
    return [&drawn](const PackedMember& member) { ++drawn[std::string(member.member)]; };
  };
  for (size_t i = 0; i < kDraws; ++i) count(one)(table.RandomMember(random));
  table.RandomRepeated(random, kDraws, count(many));
  CHECK(std::abs(Deviation(one, kMembers, kDraws)) < 7);
  CHECK(std::abs(Deviation(many, kMembers, kDraws)) < 7);
  // Few of many, and many, which are selected in different ways. A draw without repetition varies less.
  for (const size_t few : {1, 7, 40, 400, 929}) {
    std::unordered_map<std::string, size_t> drawn;
    const size_t rounds = kDraws / few;
    for (size_t i = 0; i < rounds; ++i) {
      std::set<std::string> selected;
      table.RandomDistinct(random, few, [&](const PackedMember& member) {
        REQUIRE(selected.emplace(member.member).second);
        ++drawn[std::string(member.member)];
      });
      REQUIRE(selected.size() == few);
    }
    INFO("distinct " << few);
    CHECK(Deviation(drawn, kMembers, rounds * few) < 7);
  }
  size_t all = 0;
  table.RandomDistinct(random, 2'000, [&](const PackedMember&) { ++all; });
  CHECK(all == kMembers);
}

TEST_CASE("taking random members takes each once, in no order") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  constexpr size_t kMembers = 60;
  std::unordered_map<std::string, size_t> first;
  for (int round = 0; round < 1'200; ++round) {
    PackedTable table(Kind::kMap);
    for (uint64_t i = 0; i < kMembers; ++i) table.Insert(Name(i), std::to_string(i));
    std::set<std::string> taken;
    while (table.size() != 0) {
      table.TakeRandom(random, [&](const PackedMember& member) {
        REQUIRE(member.member == "member:" + std::string(member.value));
        if (taken.empty()) ++first[std::string(member.member)];
        taken.emplace(member.member);
      });
    }
    REQUIRE(taken.size() == kMembers);
  }
  CHECK(std::abs(Deviation(first, kMembers, 1'200)) < 7);
}

uint64_t SameForAll(std::string_view) { return 0x1234'5678'9abc'def0; }
uint64_t OneOfThree(std::string_view bytes) { return bytes.size() % 3; }
uint64_t SameTag(std::string_view bytes) { return bytes.empty() ? 0 : bytes.back() * 0x10001ULL; }

TEST_CASE("equal hashes make nothing endless") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  for (const PackedTable::HashFunction hash : {SameForAll, OneOfThree, SameTag}) {
    Random random(seed);
    PackedTable table(Kind::kMap, hash);
    const size_t empty_bytes = table.allocated_bytes();
    Model model;
    for (uint64_t i = 0; i < 2'500; ++i) {
      const Expected put{std::to_string(i), AnyDeadline(random)};
      REQUIRE(table.Insert(Name(i), put.value, put.deadline));
      model[Name(i)] = put;
    }
    CheckSame(table, model);
    CHECK(table.allocated_bytes() < 2'500 * 60);
    std::set<std::string> seen;
    uint64_t cursor = 0;
    size_t calls = 0;
    do {
      cursor = table.Scan(cursor, 10, [&](const PackedMember& m) { seen.emplace(m.member); });
      ++calls;
    } while (cursor != 0);
    CHECK(seen.size() == 2'500);
    CHECK(calls >= 8);
    for (int i = 0; i < 50; ++i)
      REQUIRE(model.count(std::string(table.RandomMember(random).member)) == 1);
    for (const auto& [name, expected] : model) REQUIRE(table.Erase(name));
    CHECK(table.size() == 0);
    CHECK(table.allocated_bytes() <= empty_bytes + 64);
  }
}

TEST_CASE("what is due is taken, earliest nodes first, and nothing else") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  PackedTable table(Kind::kMap);
  Model model;
  UnixMillis now = 0;
  size_t taken_in_all = 0;
  for (int round = 0; round < 120; ++round) {
    for (int i = 0; i < 200; ++i) {
      const std::string name = Name(random.Below(8'000));
      const UnixMillis deadline = random.Below(4) == 0
                                      ? kNoDeadline
                                      : now + 1 + static_cast<UnixMillis>(random.Below(3'000));
      if (random.Below(3) == 0) {
        const bool there = model.count(name) != 0;
        REQUIRE(table.SetDeadline(name, deadline) == there);
        if (there) model[name].deadline = deadline;
      } else if (random.Below(10) == 0) {
        REQUIRE(table.Erase(name) == (model.erase(name) != 0));
      } else {
        table.Upsert(name, "value", deadline);
        model[name] = {"value", deadline};
      }
    }
    CheckDeadlines(table, model);
    now += static_cast<UnixMillis>(random.Below(300));
    const size_t limit = random.Below(3) == 0 ? random.Below(20) : SIZE_MAX;
    size_t due = 0;
    for (const auto& [name, expected] : model) due += expected.deadline <= now;
    const size_t taken = table.TakeDue(now, limit, [&](const PackedMember& member) {
      const auto it = model.find(std::string(member.member));
      REQUIRE(it != model.end());
      REQUIRE(it->second.deadline == member.deadline);
      REQUIRE(member.deadline <= now);
      model.erase(it);
    });
    REQUIRE(taken == std::min(due, limit));
    taken_in_all += taken;
  }
  CheckSame(table, model);
  CHECK(taken_in_all > 3'000);
  // Members without a deadline outlive every time.
  table.TakeDue(INT64_MAX, SIZE_MAX,
                [&](const PackedMember& m) { model.erase(std::string(m.member)); });
  CheckSame(table, model);
  CHECK(table.deadline_count() == 0);
  CHECK(table.size() > 100);
}

TEST_CASE("a table without deadlines pays nothing for them") {
  PackedTable plain(Kind::kMap);
  PackedTable table(Kind::kMap);
  for (uint64_t i = 0; i < 5'000; ++i) {
    plain.Insert(Name(i), "value");
    table.Insert(Name(i), "value");
  }
  table.SetDeadline(Name(7), 1'000);
  CHECK(table.allocated_bytes() > plain.allocated_bytes());
  table.SetDeadline(Name(7), kNoDeadline);
  CHECK(table.allocated_bytes() <= plain.allocated_bytes() + 256);
}

TEST_CASE("a snapshot shows what was, whatever changes") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  PackedTable table(Kind::kMap);
  Model model;
  for (int i = 0; i < 6'000; ++i) Change(random, table, model, 4'000, true);
  struct Frozen {
    PackedTable::Snapshot snapshot;
    Model model;
  };
  std::vector<Frozen> frozen;
  for (int round = 0; round < 8; ++round) {
    frozen.push_back({table.Freeze(), model});
    for (int i = 0; i < 1'500; ++i) Change(random, table, model, 4'000, round < 2);
    if (round == 5) {
      table.Clear();
      model.clear();
    }
    if (round % 3 == 2) {
      // Not the last that is left.
      table.Release(frozen.front().snapshot);
      frozen.erase(frozen.begin());
    }
    for (const Frozen& f : frozen) REQUIRE(ContentsOf(f.snapshot) == f.model);
    CheckSame(table, model);
  }
  const size_t with_views = table.allocated_bytes();
  for (const Frozen& f : frozen) table.Release(f.snapshot);
  CheckSame(table, model);
  CHECK(table.allocated_bytes() < with_views);
  for (int i = 0; i < 3'000; ++i) Change(random, table, model, 4'000, true);
  CheckSame(table, model);
}

TEST_CASE("another thread reads a snapshot while the table changes") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  PackedTable table(Kind::kMap);
  Model model;
  for (int i = 0; i < 6'000; ++i) Change(random, table, model, 3'000, true);
  for (int round = 0; round < 4; ++round) {
    const PackedTable::Snapshot snapshot = table.Freeze();
    const Model frozen = model;
    Model read;
    std::thread reader([&] {
      for (int i = 0; i < 5; ++i) {
        read.clear();
        snapshot.ForEach([&](const PackedMember& member) {
          read[std::string(member.member)] = {std::string(member.value), member.deadline};
          return true;
        });
      }
    });
    for (int i = 0; i < 3'000; ++i) Change(random, table, model, 3'000, round % 2 != 0);
    reader.join();
    CHECK((read == frozen));
    table.Release(snapshot);
  }
  CheckSame(table, model);
}

TEST_CASE("what snapshots held is freed, at once or bit by bit") {
  PackedTable table(Kind::kMap);
  for (uint64_t i = 0; i < 100'000; ++i) table.Insert(Name(i), "value");
  const size_t before = table.allocated_bytes();
  const auto snapshot = table.Freeze();
  for (uint64_t i = 0; i < 100'000; ++i) table.SetValue(Name(i), "VALUE");
  CHECK(table.allocated_bytes() > before + before * 9 / 10);
  table.Release(snapshot);
  const size_t after = table.allocated_bytes();
  for (uint64_t i = 0; i < 100'000; ++i) table.Erase(Name(i));
  for (uint64_t i = 0; i < 100'000; ++i) table.Insert(Name(i), "value");
  CHECK(after > before);
  CHECK(table.allocated_bytes() < before + before / 10);
}

TEST_CASE("a large table is freed in slices") {
  PackedTable table(Kind::kMap);
  for (uint64_t i = 0; i < 20'000; ++i)
    table.Insert(Name(i), std::string(i % 10 == 0 ? 400 : 10, 'v'));
  size_t slices = 0;
  size_t bytes = table.allocated_bytes();
  while (table.FreeSome(100)) {
    ++slices;
    REQUIRE(table.allocated_bytes() < bytes);
    bytes = table.allocated_bytes();
  }
  CHECK(slices > 15);
  CHECK(slices < 100);
  CHECK(table.allocated_bytes() < 1'000);
}

TEST_CASE("a million members would cost what was promised") {
  // The averages over a doubling, at a size that a unit test can afford.
  PackedTable set(Kind::kSet);
  PackedTable map(Kind::kMap);
  for (uint64_t i = 0; i < 60'000; ++i) {
    char name[32];
    char value[32];
    std::snprintf(name, sizeof name, "member:%09u", static_cast<unsigned>(i));
    set.Insert(name);
    std::snprintf(name, sizeof name, "field:%09u", static_cast<unsigned>(i));
    std::snprintf(value, sizeof value, "value:%09u", static_cast<unsigned>(i));
    map.Insert(name, value);
    if (i < 30'000 || i % 5'000 != 0) continue;
    INFO(i << " members");
    CHECK(set.allocated_bytes() < 24 * i);
    CHECK(map.allocated_bytes() < 40 * i);
  }
}

}  // namespace
}  // namespace alai
