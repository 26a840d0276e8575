// The ordered tree against a std::set, its nodes against all that must be true of them, and its views
// against what the tree held when they were made.
#include "engine/containers/ordered_tree.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/memory.h"
#include "engine/base/random.h"
#include "tests/catch.h"
#include "tests/engine/sorted_entries.h"

namespace alai {
namespace {

using Entry = std::pair<double, std::string>;
using Model = std::set<Entry>;

// Notes the leaf of each member, as the index of a sorted set does.
class Leaves final : public OrderedTree::Relocation {
 public:
  void Relocated(const TreeNode& leaf, uint32_t first, uint32_t end, uint32_t from,
                 uint32_t to) override {
    for (uint32_t i = first; i < end; ++i) {
      const auto it = of_.find(Entry(leaf.score(i), leaf.member(i)));
      REQUIRE(it != of_.end());
      REQUIRE(it->second == from);
      it->second = to;
      ++relocated_;
    }
  }
  void Note(const Entry& entry, uint32_t leaf) { of_[entry] = leaf; }
  void Forget(const Entry& entry) { of_.erase(entry); }
  uint32_t Of(const Entry& entry) const { return of_.at(entry); }
  uint64_t relocated() const { return relocated_; }

 private:
  std::map<Entry, uint32_t> of_;
  uint64_t relocated_ = 0;
};

class Fixture {
 public:
  void Insert(double score, const std::string& member) {
    const bool added = model.insert({score, member}).second;
    const uint32_t leaf = tree.Insert(score, member);
    REQUIRE((leaf != OrderedTree::kNoLeaf) == added);
    if (added) leaves.Note({score, member}, leaf);
  }
  void Erase(double score, const std::string& member) {
    leaves.Forget({score, member});
    REQUIRE(tree.Erase(score, member) == (model.erase({score, member}) != 0));
  }
  void Move(const Entry& entry, double score) {
    const Entry old = entry;
    if (score == old.first || model.count({score, old.second}) != 0) return;
    model.erase(old);
    model.insert({score, old.second});
    leaves.Note({score, old.second}, OrderedTree::kNoLeaf);
    const uint32_t leaf = tree.Move(old.first, old.second, score);
    leaves.Forget(old);
    leaves.Note({score, old.second}, leaf);
  }
  void EraseRanks(uint64_t first, uint64_t count) {
    auto it = model.begin();
    std::advance(it, std::min<uint64_t>(first, model.size()));
    tree.EraseRanks(first, count, [&](std::string_view member, double score, uint32_t leaf) {
      REQUIRE(it != model.end());
      REQUIRE(it->first == score);
      REQUIRE(it->second == member);
      REQUIRE(leaves.Of(*it) == leaf);
      leaves.Forget(*it);
      it = model.erase(it);
    });
    REQUIRE(tree.size() == model.size());
  }
  const Entry& AnyEntry(Random& random) const {
    auto it = model.begin();
    std::advance(it, random.Below(model.size()));
    return *it;
  }

  Model model;
  Leaves leaves;
  OrderedTree tree{&leaves};
};

// What is below a node; checks it on the way. `low` and `high` are the separators on both sides.
struct Below {
  uint64_t count = 0;
  size_t bytes = 0;
};

Below AuditNode(const Fixture& fixture, const TreeNode& node, const Entry* low, const Entry* high) {
  Below below;
  below.bytes = UsableSize(node.bytes());
  Entry last;
  std::vector<Entry> keys;
  uint32_t longs = 0;
  for (uint32_t i = 0; i < node.key_count(); ++i) {
    keys.emplace_back(node.score(i), node.member(i));
    REQUIRE(node.IsLong(i) == (keys[i].second.size() > kShortMemberBytesMax));
    if (node.IsLong(i)) {
      ++longs;
      below.bytes += UsableSize(LongMember::BytesFor(keys[i].second.size()));
    }
    if (i != 0) REQUIRE(keys[i - 1] < keys[i]);
    if (low != nullptr) REQUIRE(keys[i] >= *low);
    if (high != nullptr) REQUIRE(keys[i] < *high);
    bool equal;
    REQUIRE(node.Find(keys[i].first, keys[i].second, &equal) == i);
    REQUIRE(equal);
    if (node.is_leaf()) REQUIRE(fixture.leaves.Of(keys[i]) == node.leaf_id);
  }
  REQUIRE(node.HasLong() == (longs != 0));
  if (node.is_leaf()) {
    REQUIRE(&fixture.tree.leaf(node.leaf_id) == &node);
    REQUIRE(node.key_count() != 0);
    below.count = node.key_count();
    return below;
  }
  for (uint32_t i = 0; i < node.child_count(); ++i) {
    REQUIRE(node.child(i)->level() + 1 == node.level());
    const Below child = AuditNode(fixture, *node.child(i), i == 0 ? low : &keys[i - 1],
                                  i == node.key_count() ? high : &keys[i]);
    REQUIRE(node.counts()[i] == child.count);
    below.count += child.count;
    below.bytes += child.bytes;
  }
  return below;
}

void CheckWalk(const OrderedTree::View& view, const Model& model) {
  REQUIRE(view.size == model.size());
  OrderedTree::Cursor cursor(view, 0);
  for (const auto& [score, member] : model) {
    REQUIRE(cursor.valid());
    REQUIRE(cursor.score() == score);
    REQUIRE(std::signbit(cursor.score()) == std::signbit(score));
    REQUIRE(cursor.member() == member);
    cursor.Next();
  }
  REQUIRE(!cursor.valid());
  if (model.empty()) return;
  cursor = OrderedTree::Cursor(view, view.size - 1);
  for (auto it = model.rbegin(); it != model.rend(); ++it) {
    REQUIRE(cursor.valid());
    REQUIRE(cursor.score() == it->first);
    REQUIRE(cursor.member() == it->second);
    cursor.Previous();
  }
  REQUIRE(!cursor.valid());
}

void Audit(Fixture& fixture) {
  const OrderedTree::View view = fixture.tree.Freeze();
  CheckWalk(view, fixture.model);
  if (view.root != nullptr) {
    const Below all = AuditNode(fixture, *view.root, nullptr, nullptr);
    REQUIRE(all.count == fixture.model.size());
    REQUIRE(all.bytes < fixture.tree.allocated_bytes());
  } else {
    REQUIRE(fixture.model.empty());
  }
  fixture.tree.Release(view);
}

void CheckBounds(const Fixture& fixture, double score, const std::string& member) {
  const Model& model = fixture.model;
  const OrderedTree& tree = fixture.tree;
  using Side = TreeBound::Side;
  const auto rank = [&](Model::const_iterator it) {
    return static_cast<uint64_t>(std::distance(model.begin(), it));
  };
  const Entry entry(score, member);
  REQUIRE(tree.CountBefore({score, member, Side::kBefore}) == rank(model.lower_bound(entry)));
  REQUIRE(tree.CountBefore({score, member, Side::kAfter}) == rank(model.upper_bound(entry)));
  REQUIRE(tree.CountBefore({score, {}, Side::kBefore}) == rank(model.lower_bound({score, ""})));
  const auto beyond = std::partition_point(model.begin(), model.end(),
                                           [&](const Entry& e) { return e.first <= score; });
  REQUIRE(tree.CountBefore({score, {}, Side::kBeyond}) == rank(beyond));
  const auto there = model.find(entry);
  const auto found = tree.Rank(score, member);
  REQUIRE(found.has_value() == (there != model.end()));
  if (found) REQUIRE(*found == rank(there));
}

TEST_CASE("an ordered tree does what a set does, whatever the scores and members") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  for (const Scores scores : kAllScores) {
    for (const Members members : kAllMembers) {
      INFO("scores " << static_cast<int>(scores) << ", members " << static_cast<int>(members));
      Fixture fixture;
      const uint64_t kinds = members == Members::kLong ? 300 : 1'500;
      // It grows, stays, shrinks and grows again.
      for (const uint64_t inserts : {80, 45, 10, 60}) {
        for (int i = 0; i < 800; ++i) {
          const double score = ScoreOf(scores, random);
          const std::string member = MemberOf(members, kinds, random);
          if (random.Below(100) < inserts) {
            fixture.Insert(score, member);
          } else if (fixture.model.empty() || random.OneIn(8)) {
            fixture.Erase(score, member);
          } else if (random.OneIn(3)) {
            fixture.Move(fixture.AnyEntry(random), score);
          } else {
            const Entry gone = fixture.AnyEntry(random);
            fixture.Erase(gone.first, gone.second);
          }
          if (i % 40 == 0) CheckBounds(fixture, score, member);
        }
        Audit(fixture);
      }
      while (!fixture.model.empty()) {
        fixture.EraseRanks(random.Below(fixture.model.size()), 1 + random.Below(60));
        if (random.OneIn(8)) Audit(fixture);
      }
      CHECK(fixture.tree.size() == 0);
    }
  }
}

TEST_CASE("entries that come in order, either way, fill the leaves") {
  for (const int step : {1, -1}) {
    Fixture fixture;
    for (int i = 0; i < 20'000; ++i) {
      fixture.Insert(i * step, "member:" + std::to_string(10'000'000 + i));
    }
    Audit(fixture);
    CHECK(fixture.leaves.relocated() == 0);
    CHECK(fixture.tree.allocated_bytes() < 20'000 * 23);
  }
}

TEST_CASE("ranges of ranks go, small and large, until nothing is left") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  Fixture fixture;
  for (int i = 0; i < 12'000; ++i) {
    fixture.Insert(ScoreOf(Scores::kFew, random), MemberOf(Members::kNumbered, 1u << 20, random));
  }
  fixture.EraseRanks(fixture.model.size(), 5);
  fixture.EraseRanks(10, 0);
  fixture.EraseRanks(3'000, 5'000);
  Audit(fixture);
  fixture.EraseRanks(fixture.model.size() - 1'500, UINT64_MAX);
  Audit(fixture);
  fixture.EraseRanks(1, 2'000);
  Audit(fixture);
  fixture.EraseRanks(0, UINT64_MAX);
  Audit(fixture);
  fixture.Insert(1, "again");
  Audit(fixture);
}

TEST_CASE("a small change of a score stays in its leaf") {
  Fixture fixture;
  for (int i = 0; i < 5'000; ++i) fixture.Insert(i * 10, std::to_string(i));
  const uint64_t relocated = fixture.leaves.relocated();
  const size_t bytes = fixture.tree.allocated_bytes();
  for (int i = 0; i < 5'000; ++i) fixture.Move({i * 10, std::to_string(i)}, i * 10 + 3);
  Audit(fixture);
  CHECK(fixture.leaves.relocated() == relocated);
  CHECK(fixture.tree.allocated_bytes() == bytes);
}

TEST_CASE("views show what the tree held when they were made") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  for (const Members members : kAllMembers) {
    for (const Scores scores : {Scores::kFew, Scores::kIntegers}) {
      INFO("scores " << static_cast<int>(scores) << ", members " << static_cast<int>(members));
      Fixture fixture;
      struct Frozen {
        OrderedTree::View view;
        Model model;
      };
      std::deque<Frozen> frozen;
      for (int i = 0; i < 4'000; ++i) {
        const double score = ScoreOf(scores, random);
        const std::string member = MemberOf(members, 400, random);
        if (fixture.model.empty() || random.Below(100) < 45) {
          fixture.Insert(score, member);
        } else if (random.OneIn(40)) {
          fixture.EraseRanks(random.Below(fixture.model.size()), random.Below(50));
        } else if (random.OneIn(2)) {
          fixture.Move(fixture.AnyEntry(random), score);
        } else {
          const Entry gone = fixture.AnyEntry(random);
          fixture.Erase(gone.first, gone.second);
        }
        if (i % 250 == 0) frozen.push_back({fixture.tree.Freeze(), fixture.model});
        if (frozen.size() > 3 || (!frozen.empty() && i % 1'900 == 0)) {
          const size_t at = random.Below(frozen.size());
          CheckWalk(frozen[at].view, frozen[at].model);
          fixture.tree.Release(frozen[at].view);
          frozen.erase(frozen.begin() + static_cast<std::ptrdiff_t>(at));
        }
      }
      for (const Frozen& one : frozen) {
        CheckWalk(one.view, one.model);
        fixture.tree.Release(one.view);
      }
      Audit(fixture);
    }
  }
}

TEST_CASE("blocks that a view has held are freed after it") {
  constexpr int kEntries = 5'000;
  Fixture fixture;
  for (int i = 0; i < kEntries; ++i) fixture.Insert(i, std::to_string(i));
  const size_t before = fixture.tree.allocated_bytes();
  const OrderedTree::View view = fixture.tree.Freeze();
  CHECK(fixture.tree.allocated_bytes() == before);
  for (int i = 0; i < kEntries; i += 10) fixture.Move({i, std::to_string(i)}, i + 1);
  CHECK(fixture.tree.allocated_bytes() > before * 3 / 2);
  fixture.tree.Release(view);
  CHECK(fixture.tree.allocated_bytes() == before);
  CHECK(!fixture.tree.FreeGarbage(1));
  Audit(fixture);
}

TEST_CASE("a tree is freed in slices") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  for (const Members members : kAllMembers) {
    OrderedTree tree;
    for (int i = 0; i < 3'000; ++i) {
      tree.Insert(ScoreOf(Scores::kFew, random), MemberOf(members, 3'000, random));
    }
    size_t left = tree.allocated_bytes();
    uint32_t slices = 0;
    while (tree.FreeSome(5)) {
      REQUIRE(tree.allocated_bytes() < left);
      left = tree.allocated_bytes();
      ++slices;
    }
    CHECK(slices > 5);
    CHECK(tree.allocated_bytes() == 0);
    CHECK(!tree.FreeSome(5));
  }
}

}  // namespace
}  // namespace alai
