// Trees by id against std::map, with views of earlier states.
#include "engine/containers/id_tree.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <memory>
#include <vector>

#include "engine/base/random.h"
#include "engine/containers/pending_entry.h"
#include "tests/catch.h"

namespace alai {
namespace {

using Tree = IdTree<PendingEntry>;
using Model = std::map<StreamId, int64_t>;

void CheckForwards(Tree::Root root, const Model& model) {
  REQUIRE(root.size == model.size());
  Tree::Cursor cursor(root);
  bool more = cursor.SeekAtOrAfter(StreamId::Min());
  for (const auto& [id, value] : model) {
    const bool same = more && cursor.id() == id && cursor.value().delivered_at == value;
    if (!same) FAIL("not as in the map at " << id.ms << "-" << id.seq);
    more = cursor.Next();
  }
  REQUIRE_FALSE(more);
  REQUIRE_FALSE(cursor.Next());
}

void CheckBackwards(Tree::Root root, const Model& model) {
  Tree::Cursor cursor(root);
  bool more = cursor.SeekAtOrBefore(StreamId::Max());
  for (auto it = model.rbegin(); it != model.rend(); ++it) {
    REQUIRE(more);
    REQUIRE(cursor.id() == it->first);
    more = cursor.Previous();
  }
  REQUIRE_FALSE(more);
}

void CheckSeeks(Tree::Root root, const Model& model, StreamId id) {
  Tree::Cursor cursor(root);
  const auto after = model.lower_bound(id);
  REQUIRE(cursor.SeekAtOrAfter(id) == (after != model.end()));
  if (after != model.end()) REQUIRE(cursor.id() == after->first);
  const auto above = model.upper_bound(id);
  REQUIRE(cursor.SeekAtOrBefore(id) == (above != model.begin()));
  if (above != model.begin()) REQUIRE(cursor.id() == std::prev(above)->first);
}

struct Frozen {
  Tree::Root root;
  Model model;
};

TEST_CASE("a tree by id holds what a map does, and its views what it held") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  for (const uint64_t span : {40u, 1'000u, 20'000u}) {
    VersionedBlocks blocks;
    Model model;
    std::vector<Frozen> views;
    {
      Tree tree(blocks);
      uint64_t next = span;
      for (int i = 0; i < 12'000; ++i) {
        // Long phases of growth and of shrinking, so that nodes split and merge.
        const bool grows = i / 2'000 % 2 == 0;
        const StreamId id{random.Below(span) / 4, random.Below(4)};
        const uint64_t choice = random.Below(10);
        if (choice < (grows ? 6 : 2)) {
          const StreamId fresh = random.OneIn(3) ? StreamId{next++, 0} : id;
          if (model.emplace(fresh, i).second) tree.Insert(fresh, {.delivered_at = i});
        } else if (choice < 8) {
          // What is there, from the lowest id or anywhere.
          auto it = model.lower_bound(random.OneIn(3) ? StreamId::Min() : id);
          const StreamId victim = it != model.end() ? it->first : id;
          REQUIRE(tree.Erase(victim) == (model.erase(victim) == 1));
        } else if (choice == 8) {
          PendingEntry* value = tree.Change(id);
          const auto it = model.find(id);
          REQUIRE((value != nullptr) == (it != model.end()));
          if (value != nullptr) value->delivered_at = it->second = -i;
        } else {
          const PendingEntry* value = tree.Find(id);
          const auto it = model.find(id);
          REQUIRE((value != nullptr) == (it != model.end()));
          if (value != nullptr) REQUIRE(value->delivered_at == it->second);
          CheckSeeks(tree.root(), model, id);
        }
        REQUIRE(tree.size() == model.size());
        if (i % 997 == 0) {
          CheckForwards(tree.root(), model);
          CheckBackwards(tree.root(), model);
        }
        if (random.OneIn(1'500)) {
          views.push_back({tree.root(), model});
          blocks.Freeze();
        }
        if (views.size() > 3 || (!views.empty() && random.OneIn(3'000))) {
          for (const Frozen& view : views) CheckForwards(view.root, view.model);
          for (size_t left = views.size(); left > 0; --left) blocks.Release();
          views.clear();
        }
      }
      for (const Frozen& view : views) {
        CheckForwards(view.root, view.model);
        CheckBackwards(view.root, view.model);
        blocks.Release();
      }
      CheckForwards(tree.root(), model);
      if (!model.empty()) {
        REQUIRE(tree.first_id() == model.begin()->first);
        REQUIRE(tree.last_id() == model.rbegin()->first);
      }
      while (!model.empty()) {
        REQUIRE(tree.Erase(model.begin()->first));
        model.erase(model.begin());
      }
      REQUIRE(tree.CountNodes() == 0);
    }
    blocks.FreeHeld(SIZE_MAX);
    CHECK(blocks.bytes() == 0);
  }
}

TEST_CASE("a tree of several levels survives that whole stretches of it come and go") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  VersionedBlocks blocks;
  Tree tree(blocks);
  Model model;
  constexpr uint64_t kSpan = 200'000;
  for (uint64_t i = 0; i < 40'000; ++i) {
    tree.Insert({i * 5, 0}, {.delivered_at = 1});
    model.emplace(StreamId{i * 5, 0}, 1);
  }
  for (int i = 0; i < 60; ++i) {
    const uint64_t start = random.Below(kSpan);
    auto it = model.lower_bound({start, 0});
    for (uint64_t left = random.Below(3'000); left > 0 && it != model.end(); --left) {
      REQUIRE(tree.Erase(it->first));
      it = model.erase(it);
    }
    for (uint64_t left = random.Below(300); left > 0; --left) {
      const StreamId id{start + random.Below(20'000), 1};
      if (model.emplace(id, i).second) tree.Insert(id, {.delivered_at = i});
    }
    CheckForwards(tree.root(), model);
    for (const auto& [id, value] : model) {
      const PendingEntry* found = tree.Find(id);
      if (found == nullptr || found->delivered_at != value) FAIL("lost " << id.ms);
    }
  }
}

TEST_CASE("inner nodes that merge keep what lies below the first id of the right one") {
  VersionedBlocks blocks;
  Tree tree(blocks);
  // Leaves of 25 and inner nodes of 41 children: the second one begins with the 1025th id.
  for (uint64_t i = 0; i < 4'000; ++i) tree.Insert({i * 10, 0}, {});
  for (uint64_t i = 1'025; i < 1'050; ++i) REQUIRE(tree.Erase({i * 10, 0}));
  tree.Insert({10'300, 0}, {.delivered_at = 7});
  const uint64_t nodes = tree.CountNodes();
  for (uint64_t i = 0; i < 900; ++i) REQUIRE(tree.Erase({i * 10, 0}));
  for (uint64_t i = 1'200; i < 2'050; ++i) REQUIRE(tree.Erase({i * 10, 0}));
  CHECK(tree.CountNodes() < nodes - 69);
  REQUIRE(tree.Find({10'300, 0}) != nullptr);
  CHECK(tree.Find({10'300, 0})->delivered_at == 7);
  CHECK(tree.Find({10'500, 0}) != nullptr);
  CHECK(tree.Find({10'240, 0}) != nullptr);
}

TEST_CASE("nodes that merge while a view shows them stay in the view as they were") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  VersionedBlocks blocks;
  Tree tree(blocks);
  Model model;
  std::vector<StreamId> ids;
  for (uint64_t i = 0; i < 5'000; ++i) {
    tree.Insert({i, 0}, {.delivered_at = 1});
    model.emplace(StreamId{i, 0}, 1);
    ids.push_back({i, 0});
  }
  const Tree::Root view = tree.root();
  blocks.Freeze();
  const Model frozen = model;
  std::shuffle(ids.begin(), ids.end(), random);
  for (const StreamId id : ids) {
    if (id.ms % 40 == 0) continue;
    REQUIRE(tree.Erase(id));
    model.erase(id);
  }
  CheckForwards(view, frozen);
  CheckBackwards(view, frozen);
  CheckForwards(tree.root(), model);

  // From one end, where each node that has become small meets a neighbour that nothing has touched.
  const Tree::Root second = tree.root();
  blocks.Freeze();
  const Model second_frozen = model;
  while (model.size() > 3) {
    const StreamId last = model.rbegin()->first;
    REQUIRE(tree.Erase(last));
    model.erase(last);
  }
  CheckForwards(second, second_frozen);
  CheckForwards(view, frozen);
  CheckForwards(tree.root(), model);
  blocks.Release();
  blocks.Release();
}

TEST_CASE("what is appended to a tree fills its nodes") {
  VersionedBlocks blocks;
  IdTree<NoValue> tree(blocks);
  constexpr uint64_t kIds = 100'000;
  for (uint64_t i = 0; i < kIds; ++i) tree.Insert({i, 0}, {});
  const double bytes_per_id = static_cast<double>(blocks.bytes()) / kIds;
  CHECK(bytes_per_id < 16.8);
  // 63 ids to a leaf, 42 children to an inner node.
  CHECK(tree.CountNodes() < kIds / 63 + kIds / 63 / 42 + 4);
}

TEST_CASE("a tree from which most is erased at random gives most of its memory back") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  VersionedBlocks blocks;
  Tree tree(blocks);
  constexpr uint64_t kIds = 20'000;
  for (uint64_t i = 0; i < kIds; ++i) tree.Insert({i, 0}, {});
  const size_t full = blocks.bytes();
  uint64_t left = 0;
  for (uint64_t i = 0; i < kIds; ++i) {
    if (random.OneIn(50)) {
      ++left;
    } else {
      REQUIRE(tree.Erase({i, 0}));
    }
  }
  CHECK(tree.size() == left);
  CHECK(blocks.bytes() < full / 10);
}

TEST_CASE("a tree is freed in slices, and then by its destructor") {
  for (const size_t slice : {size_t{1}, size_t{7}, size_t{1'000}}) {
    VersionedBlocks blocks;
    {
      Tree tree(blocks);
      for (uint64_t i = 0; i < 5'000; ++i) tree.Insert({i, 0}, {});
      const uint64_t nodes = tree.CountNodes();
      REQUIRE(tree.FreeSome(slice) == std::min<uint64_t>(slice, nodes));
      REQUIRE(tree.FreeSome(slice) == std::min<uint64_t>(slice, nodes - std::min(nodes, slice)));
    }
    CHECK(blocks.bytes() == 0);
  }
}

TEST_CASE("what a view has held is freed after it") {
  VersionedBlocks blocks;
  Tree tree(blocks);
  for (uint64_t i = 0; i < 5'000; ++i) tree.Insert({i, 0}, {});
  const size_t before = blocks.bytes();
  blocks.Freeze();
  for (uint64_t i = 0; i < 5'000; ++i) tree.Change({i, 0})->deliveries = i;
  CHECK(blocks.bytes() > before * 19 / 10);
  blocks.Release();
  CHECK(blocks.bytes() == before);
}

}  // namespace
}  // namespace alai
