// The sorted set against a map of members and a set of entries, its index against a multimap, and what SCAN
// promises while the set changes.
#include "engine/containers/sorted_set.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/hash.h"
#include "engine/base/random.h"
#include "engine/containers/member_index.h"
#include "engine/containers/word_stack.h"
#include "tests/catch.h"
#include "tests/engine/sorted_entries.h"

namespace alai {
namespace {

using Entry = std::pair<double, std::string>;
using Outcome = SortedSet::SetOutcome;
using Kind = LexBound::Kind;

class Fixture {
 public:
  void Set(const std::string& member, double score) {
    const auto it = scores.find(member);
    const Outcome expected = it == scores.end()    ? Outcome::kAdded
                             : it->second == score ? Outcome::kSame
                                                   : Outcome::kChanged;
    REQUIRE(set.Set(member, score) == expected);
    if (expected == Outcome::kSame) return;
    if (it != scores.end()) entries.erase({it->second, member});
    scores[member] = score;
    entries.insert({score, member});
  }
  void Remove(const std::string& member) {
    const auto it = scores.find(member);
    REQUIRE(set.Remove(member) == (it != scores.end()));
    if (it == scores.end()) return;
    entries.erase({it->second, member});
    scores.erase(it);
  }
  // What a callback is told, against the entries from `it` on.
  SortedSet::Visit Removes(std::set<Entry>::iterator it) {
    return [this, it](std::string_view member, double score) mutable {
      REQUIRE(it != entries.end());
      REQUIRE(it->first == score);
      REQUIRE(it->second == member);
      scores.erase(it->second);
      it = entries.erase(it);
    };
  }
  std::set<Entry>::iterator ByRank(uint64_t rank) {
    auto it = entries.begin();
    std::advance(it, std::min<uint64_t>(rank, entries.size()));
    return it;
  }
  std::string AnyMember(Random& random) { return ByRank(random.Below(entries.size()))->second; }

  void CheckMember(const std::string& member) {
    const auto it = scores.find(member);
    const auto score = set.Score(member);
    REQUIRE(score.has_value() == (it != scores.end()));
    if (!score) {
      REQUIRE(!set.Rank(member).has_value());
      REQUIRE(!set.ReverseRank(member).has_value());
      return;
    }
    REQUIRE(*score == it->second);
    const auto rank =
        static_cast<uint64_t>(std::distance(entries.begin(), entries.find({it->second, member})));
    REQUIRE(set.Rank(member) == rank);
    REQUIRE(set.ReverseRank(member) == entries.size() - 1 - rank);
    const SortedSet::Cursor cursor = set.At(rank);
    REQUIRE(cursor.valid());
    REQUIRE(cursor.member() == member);
    REQUIRE(cursor.score() == *score);
  }
  void CheckAll() {
    REQUIRE(set.size() == entries.size());
    SortedSet::Cursor cursor = set.At(0);
    for (const auto& [score, member] : entries) {
      REQUIRE(cursor.valid());
      REQUIRE(cursor.score() == score);
      REQUIRE(cursor.member() == member);
      REQUIRE(set.Score(member) == score);
      cursor.Next();
    }
    REQUIRE(!cursor.valid());
  }
  void CheckRange(const RankRange& ranks, const std::vector<Entry>& expected) {
    REQUIRE(ranks.size() == expected.size());
    SortedSet::Cursor cursor = set.At(ranks.first);
    for (const auto& [score, member] : expected) {
      REQUIRE(cursor.valid());
      REQUIRE(cursor.member() == member);
      cursor.Next();
    }
  }

  SortedSet set;
  std::map<std::string, double> scores;
  std::set<Entry> entries;
};

bool IsIn(const ScoreRange& range, double score) {
  return (range.min_exclusive ? score > range.min : score >= range.min) &&
         (range.max_exclusive ? score < range.max : score <= range.max);
}

bool IsIn(const LexRange& range, const std::string& member) {
  const auto order = [&](const LexBound& bound) {
    return bound.kind == Kind::kBeforeAll   ? 1
           : bound.kind == Kind::kBehindAll ? -1
                                            : std::string_view(member).compare(bound.member);
  };
  const int from_min = order(range.min);
  const int from_max = order(range.max);
  return (range.min.kind == Kind::kExclusive ? from_min > 0 : from_min >= 0) &&
         (range.max.kind == Kind::kExclusive ? from_max < 0 : from_max <= 0);
}

ScoreRange RangeOf(Scores scores, Random& random) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  ScoreRange range{ScoreOf(scores, random), ScoreOf(scores, random), random.OneIn(2),
                   random.OneIn(2)};
  if (range.min > range.max && !random.OneIn(4)) std::swap(range.min, range.max);
  if (random.OneIn(5)) range.min = -kInfinity;
  if (random.OneIn(5)) range.max = kInfinity;
  return range;
}

TEST_CASE("a sorted set does what a map and a set do, whatever the scores and members") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  for (const Scores scores : kAllScores) {
    for (const Members members : kAllMembers) {
      INFO("scores " << static_cast<int>(scores) << ", members " << static_cast<int>(members));
      Fixture fixture;
      const uint64_t kinds = members == Members::kLong ? 300 : 1'500;
      for (const uint64_t sets : {85, 50, 10, 60}) {
        for (int i = 0; i < 700; ++i) {
          const std::string member = MemberOf(members, kinds, random);
          if (random.Below(100) < sets) {
            fixture.Set(member, ScoreOf(scores, random));
          } else if (fixture.entries.empty() || random.OneIn(8)) {
            fixture.Remove(member);
          } else if (random.OneIn(3)) {
            fixture.Set(fixture.AnyMember(random), ScoreOf(scores, random));
          } else {
            fixture.Remove(fixture.AnyMember(random));
          }
          if (i % 30 == 0) fixture.CheckMember(member);
          if (i % 20 == 0) {
            const std::string hinted = MemberOf(members, kinds, random);
            const std::vector<std::string_view> views{member, hinted, member};
            fixture.set.Prefetch(views);
            fixture.set.Prefetch(std::vector<std::string_view>(40, hinted));
          }
          if (i % 30 != 7) continue;
          const ScoreRange range = RangeOf(scores, random);
          std::vector<Entry> expected;
          for (const Entry& entry : fixture.entries) {
            if (IsIn(range, entry.first)) expected.push_back(entry);
          }
          fixture.CheckRange(fixture.set.RanksOf(range), expected);
          REQUIRE(fixture.set.CountIn(range) == expected.size());
        }
        fixture.CheckAll();
      }
      while (!fixture.entries.empty()) {
        if (random.OneIn(2)) {
          const RankRange ranks = fixture.set.RanksOf(RangeOf(scores, random));
          fixture.set.RemoveRanks(ranks, fixture.Removes(fixture.ByRank(ranks.first)));
        } else {
          const uint64_t first = random.Below(fixture.entries.size());
          fixture.set.RemoveRanks({first, first + 1 + random.Below(50)},
                                  fixture.Removes(fixture.ByRank(first)));
        }
        fixture.CheckAll();
      }
    }
  }
}

TEST_CASE("ranges of members hold what a comparison says") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  for (const Members members : kAllMembers) {
    Fixture fixture;
    for (int i = 0; i < 2'000; ++i) fixture.Set(MemberOf(members, 1'000, random), 3);
    const auto bound = [&](std::string* member) {
      *member = MemberOf(members, 1'000, random);
      constexpr Kind kKinds[] = {Kind::kBeforeAll, Kind::kInclusive, Kind::kExclusive,
                                 Kind::kBehindAll};
      const Kind kind = random.OneIn(4) ? kKinds[random.Below(4)] : kKinds[1 + random.Below(2)];
      return LexBound{kind, *member};
    };
    for (int i = 0; i < 150; ++i) {
      std::string min;
      std::string max;
      const LexRange range{bound(&min), bound(&max)};
      std::vector<Entry> expected;
      for (const Entry& entry : fixture.entries) {
        if (IsIn(range, entry.second)) expected.push_back(entry);
      }
      fixture.CheckRange(fixture.set.RanksOf(range), expected);
      REQUIRE(fixture.set.CountIn(range) == expected.size());
    }
  }
  SortedSet empty;
  CHECK(empty.CountIn(LexRange{{Kind::kBeforeAll, ""}, {Kind::kBehindAll, ""}}) == 0);
  CHECK(empty.CountIn(ScoreRange{0, 1}) == 0);
  CHECK(!empty.At(0).valid());
  CHECK(empty.Scan(0, 10, [](std::string_view, double) {}) == 0);
}

TEST_CASE("the lowest and the highest are popped in their order") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  Fixture fixture;
  for (int i = 0; i < 2'000; ++i) {
    fixture.Set(std::to_string(i), ScoreOf(Scores::kIntegers, random));
  }
  while (!fixture.entries.empty()) {
    const uint64_t count = 1 + random.Below(80);
    fixture.set.PopMin(count, fixture.Removes(fixture.entries.begin()));
    uint64_t popped = 0;
    const uint64_t before = fixture.entries.size();
    fixture.set.PopMax(count, [&](std::string_view member, double score) {
      const auto last = std::prev(fixture.entries.end());
      REQUIRE(last->first == score);
      REQUIRE(last->second == member);
      fixture.scores.erase(last->second);
      fixture.entries.erase(last);
      ++popped;
    });
    REQUIRE(popped == std::min(count, before));
    fixture.CheckAll();
  }
}

TEST_CASE("zeros are equal whatever their sign, and keep it") {
  SortedSet set;
  for (int i = 0; i < 300; ++i) set.Set(std::to_string(i), i % 2 == 0 ? 0.0 : -0.0);
  CHECK(set.Set("0", -0.0) == Outcome::kSame);
  CHECK(set.Set("1", 0.0) == Outcome::kSame);
  std::string last;
  for (SortedSet::Cursor cursor = set.At(0); cursor.valid(); cursor.Next()) {
    CHECK(last < cursor.member());
    last = cursor.member();
    CHECK(std::signbit(cursor.score()) == (std::stoi(last) % 2 == 1));
  }
  CHECK(set.CountIn(ScoreRange{-0.0, -0.0}) == 300);
  CHECK(set.CountIn(ScoreRange{0.0, 0.0, true}) == 0);
}

// Members whose hashes agree in all the bits that a slot keeps.
std::vector<std::string> CollidingMembers() {
  std::vector<std::pair<uint32_t, uint32_t>> tags;
  for (uint32_t i = 0; i < 400'000; ++i) {
    tags.emplace_back(static_cast<uint32_t>(Hash("c" + std::to_string(i))), i);
  }
  std::sort(tags.begin(), tags.end());
  std::vector<std::string> members;
  for (size_t i = 1; i < tags.size(); ++i) {
    if (tags[i - 1].first != tags[i].first) continue;
    members.push_back("c" + std::to_string(tags[i - 1].second));
    members.push_back("c" + std::to_string(tags[i].second));
  }
  return members;
}

TEST_CASE("members with equal tags are told apart, in one leaf or two") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  SeedHash("sorted set");
  const std::vector<std::string> colliding = CollidingMembers();
  REQUIRE(colliding.size() >= 10);
  Fixture fixture;
  for (int i = 0; i < 6'000; ++i) {
    const std::string& member = colliding[random.Below(colliding.size())];
    const auto score = static_cast<double>(random.Below(6));
    switch (random.Below(4)) {
      case 0:
        fixture.Remove(member);
        break;
      case 1:
        fixture.Set(MemberOf(Members::kNumbered, 500, random), score);
        break;
      case 2:
        fixture.Remove(MemberOf(Members::kNumbered, 500, random));
        break;
      default:
        fixture.Set(member, score);
    }
    if (i % 50 != 0) continue;
    fixture.CheckAll();
    std::multiset<std::string> seen;
    uint64_t cursor = 0;
    do {
      cursor = fixture.set.Scan(cursor, 7,
                                [&](std::string_view m, double) { seen.insert(std::string(m)); });
    } while (cursor != 0);
    REQUIRE(seen.size() == fixture.scores.size());
    for (const auto& [m, unused] : fixture.scores) REQUIRE(seen.count(m) == 1);
  }
}

TEST_CASE("a scan meets whoever is there throughout, however the set changes") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  for (const Scores scores : {Scores::kSame, Scores::kIntegers}) {
    for (int round = 0; round < 6; ++round) {
      Fixture fixture;
      std::set<std::string> lasting;
      for (int i = 0; i < 1'500; ++i) {
        const std::string member = "lasting:" + std::to_string(i);
        fixture.Set(member, ScoreOf(scores, random));
        lasting.insert(member);
      }
      for (int i = 0; i < 3'000; ++i) {
        fixture.Set("passing:" + std::to_string(i), ScoreOf(scores, random));
      }
      std::set<std::string> seen;
      uint64_t cursor = 0;
      const uint64_t drift = random.Below(3);
      do {
        const uint64_t count = 1 + random.Below(60);
        uint64_t visited = 0;
        cursor = fixture.set.Scan(cursor, count, [&](std::string_view member, double score) {
          ++visited;
          REQUIRE(fixture.scores.at(std::string(member)) == score);
          if (lasting.count(std::string(member)) != 0) {
            // One that stays is met once.
            REQUIRE(seen.insert(std::string(member)).second);
          }
        });
        REQUIRE(cursor < uint64_t{1} << 53);
        REQUIRE((visited >= count || cursor == 0));
        REQUIRE(visited < count + 4);
        // The set grows, shrinks or stays as large, so that buckets split and merge.
        for (int i = 0; i < 60; ++i) {
          const std::string member = "passing:" + std::to_string(random.Below(6'000));
          if (random.Below(10) < 1 + 4 * drift) {
            fixture.Set(member, ScoreOf(scores, random));
          } else {
            fixture.Remove(member);
          }
          fixture.Set("lasting:" + std::to_string(random.Below(1'500)), ScoreOf(scores, random));
        }
      } while (cursor != 0);
      CHECK(seen == lasting);
    }
  }
}

TEST_CASE("a random member is any of them") {
  Random random(5);
  SortedSet set;
  for (int i = 0; i < 200; ++i) set.Set(std::to_string(i), std::floor(i / 50.0));
  std::map<std::string, int> times;
  for (int i = 0; i < 20'000; ++i) ++times[std::string(set.At(random).member())];
  CHECK(times.size() == 200);
  for (const auto& [member, n] : times) CHECK((n > 50 && n < 160));
}

TEST_CASE("views of a set show it as it was") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  Fixture fixture;
  for (int i = 0; i < 3'000; ++i) {
    fixture.Set(MemberOf(Members::kNumbered, 4'000, random), ScoreOf(Scores::kReal, random));
  }
  const std::set<Entry> before = fixture.entries;
  const SortedSet::View view = fixture.set.Freeze();
  for (int i = 0; i < 6'000; ++i) {
    fixture.Set(MemberOf(Members::kNumbered, 4'000, random), ScoreOf(Scores::kReal, random));
    fixture.Remove(MemberOf(Members::kNumbered, 4'000, random));
  }
  fixture.set.RemoveRanks({0, 500}, fixture.Removes(fixture.entries.begin()));
  fixture.CheckAll();
  REQUIRE(view.size == before.size());
  SortedSet::Cursor cursor(view, 0);
  for (const auto& [score, member] : before) {
    REQUIRE(cursor.valid());
    REQUIRE(cursor.score() == score);
    REQUIRE(cursor.member() == member);
    cursor.Next();
  }
  CHECK(!cursor.valid());
  fixture.set.Release(view);
  while (fixture.set.FreeGarbage(100)) {
  }
  fixture.CheckAll();
}

TEST_CASE("a set takes little, and is freed in slices") {
  SortedSet set;
  const size_t empty = set.allocated_bytes();
  CHECK(empty < 200);
  constexpr int kMembers = 20'000;
  for (int i = 0; i < kMembers; ++i) {
    set.Set("member:" + std::to_string(100'000'000 + i), i * 7'919 % kMembers);
  }
  CHECK(set.allocated_bytes() < kMembers * 36);
  size_t left = set.allocated_bytes();
  while (set.FreeSome(100)) {
    REQUIRE(set.allocated_bytes() < left);
    left = set.allocated_bytes();
  }
  CHECK(set.allocated_bytes() == 0);
}

TEST_CASE("an index gives the leaves that a multimap holds, and collects each slot once") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  MemberIndex index;
  std::multimap<uint32_t, uint32_t> model;
  const auto tag_of = [&] { return static_cast<uint32_t>(Random(random.Below(5'000)).Next()); };
  for (const uint64_t inserts : {80, 50, 10, 70}) {
    for (int i = 0; i < 6'000; ++i) {
      const auto leaf = static_cast<uint32_t>(random.Below(50));
      if (random.Below(100) < inserts) {
        const uint32_t tag = tag_of();
        index.Insert(tag, leaf);
        model.emplace(tag, leaf);
      } else if (const auto it = model.lower_bound(tag_of()); it != model.end()) {
        if (random.OneIn(3)) {
          index.Replace(it->first, it->second, leaf);
          it->second = leaf;
        } else {
          index.Remove(it->first, it->second);
          model.erase(it);
        }
      }
    }
    REQUIRE(index.size() == model.size());
    std::multimap<uint32_t, uint32_t> collected;
    std::vector<MemberIndex::Slot> slots;
    for (uint64_t position = 0; position < MemberIndex::kPositions;) {
      const uint64_t end = index.Collect(static_cast<uint32_t>(position), &slots);
      REQUIRE(end > position);
      for (const MemberIndex::Slot& slot : slots) {
        REQUIRE(slot.position >= position);
        REQUIRE(slot.position < end);
        collected.emplace(MemberIndex::PositionOf(slot.position), slot.leaf);
      }
      position = end;
    }
    const auto sorted = [](const std::multimap<uint32_t, uint32_t>& all) {
      std::vector<std::pair<uint32_t, uint32_t>> pairs(all.begin(), all.end());
      std::sort(pairs.begin(), pairs.end());
      return pairs;
    };
    REQUIRE(sorted(collected) == sorted(model));
    for (auto it = model.begin(); it != model.end(); it = model.upper_bound(it->first)) {
      MemberIndex::Matches matches(index, it->first);
      uint32_t leaf;
      size_t found = 0;
      while (matches.Next(&leaf)) ++found;
      REQUIRE(found == model.count(it->first));
    }
  }
}

TEST_CASE("paged words are what was pushed, over many pages and back") {
  WordStack words;
  CHECK(words.allocated_bytes() == 0);
  for (uint64_t i = 0; i < 5'000; ++i) {
    words.Push(i * i);
    if (i == 20) CHECK(words.allocated_bytes() <= 32 * 8 + 8);
  }
  for (uint32_t i = 0; i < 5'000; ++i) REQUIRE(words[i] == uint64_t{i} * i);
  CHECK(words.allocated_bytes() < 6'000 * 8);
  for (uint32_t i = 5'000; i > 0; --i) {
    REQUIRE(words.size() == i);
    REQUIRE(words[i - 1] == uint64_t{i - 1} * (i - 1));
    words.Pop();
  }
  CHECK(words.allocated_bytes() == 0);
  words.Push(7);
  CHECK(words[0] == 7);
}

}  // namespace
}  // namespace alai
