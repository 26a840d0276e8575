// A large sorted set: members with scores, in the order of the scores.
//
//   tree   OrderedTree: (score, member) in order; every leaf has a number
//   index  MemberIndex: hash of a member -> number of its leaf
//
// A member's score is found by its hash: the index names the leaf, or seldom a second one, and the leaf is
// searched for the member. Rank, ranges and bounds are the tree's. When a leaf splits or merges, the members that
// change leaf are noted anew: one for each insertion on average.
//
// Why         Members are kept once, in the tree, next to each other in their order: ranges, which are what
//             sorted sets are for, read them without a jump for each, and comparing among equal scores
//             needs no jump either. An index of scores instead of leaves would be as large, would
//             cost a descent of the tree for each lookup, and SCAN could not go by hash: among a million
//             members of the same score there would be no way to the one that a slot stands for. Members
//             in the index and references in the tree would mean one cache miss for every member of a
//             range, and for every comparison of members.
//
// Bytes       A member of 16 bytes with an integer score takes 16 + 1 + 2 (or 4; 8 for any other number) in a
//             leaf, 8 in the index, and a tenth or so for size classes, heads and inner nodes: 30 to 34 in all.
//
// SCAN goes by the position of the member's hash (member_index.h), which does not depend on its score nor on what else
// is in the set. What is there throughout is visited; nothing is visited twice but what goes and comes back,
// or whose hash bits fall together with another's.
//
// Threads     One at a time; a cursor over a view may be used by another thread meanwhile.
// Invariants  (1) Scores are no NaN: the caller's to check. -0.0 equals 0.0, so that it does not replace it.
//             (2) Any change invalidates cursors, and members that were given out, except those of a view.
//             (3) No member that is passed in is one that was given out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>

#include "engine/base/random.h"
#include "engine/containers/member_index.h"
#include "engine/containers/ordered_tree.h"

namespace alai {

struct ScoreRange {
  double min = 0;
  double max = 0;
  bool min_exclusive = false;
  bool max_exclusive = false;
};

struct LexBound {
  enum class Kind : uint8_t { kBeforeAll, kInclusive, kExclusive, kBehindAll };

  Kind kind = Kind::kInclusive;
  std::string_view member = {};
};

struct LexRange {
  LexBound min;
  LexBound max;
};

// Entries [first, end) in the order of the set.
struct RankRange {
  uint64_t first = 0;
  uint64_t end = 0;

  uint64_t size() const { return end - first; }
};

class SortedSet final : private OrderedTree::Relocation {
 public:
  using Cursor = OrderedTree::Cursor;
  using View = OrderedTree::View;
  using Visit = std::function<void(std::string_view member, double score)>;

  SortedSet() : tree_(this) {}

  uint64_t size() const { return tree_.size(); }

  std::optional<double> Score(std::string_view member) const;

  // A hint that these members are about to be looked for. Their cache misses overlap.
  void Prefetch(std::span<const std::string_view> members) const;

  enum class SetOutcome : uint8_t { kAdded, kChanged, kSame };
  SetOutcome Set(std::string_view member, double score);
  // Whether it was there.
  bool Remove(std::string_view member);

  std::optional<uint64_t> Rank(std::string_view member) const;
  std::optional<uint64_t> ReverseRank(std::string_view member) const;

  // At a rank, nowhere if there are not so many; from there both ways.
  Cursor At(uint64_t rank) const { return tree_.At(rank); }
  // At a member, each as likely; the set is not empty.
  Cursor At(Random& random) const { return tree_.At(random.Below(size())); }

  // The ranks of a range, O(log n): for iterating, counting and removing. Empty ranges have no size.
  RankRange RanksOf(const ScoreRange& range) const;
  // Of the members, all scores being the same; if they are not, bounds other than the infinite ones are
  // among the entries with the lowest score.
  RankRange RanksOf(const LexRange& range) const;
  // How many have a lower score, O(log n).
  uint64_t CountBelow(double score) const {
    return tree_.CountBefore({.score = score, .side = TreeBound::Side::kBefore});
  }
  uint64_t CountIn(const ScoreRange& range) const { return RanksOf(range).size(); }
  uint64_t CountIn(const LexRange& range) const { return RanksOf(range).size(); }

  // `gone` is told of each in turn, just before it goes; it must leave the set alone.
  void RemoveRanks(RankRange ranks, const Visit& gone);
  // The `count` lowest, ascending, and highest, descending.
  void PopMin(uint64_t count, const Visit& gone);
  void PopMax(uint64_t count, const Visit& gone);

  // Visits about `count` members and gives the cursor of what follows, below 2^53, 0 at the end; begin
  // with 0. The set must be left alone meanwhile, but may change between calls.
  uint64_t Scan(uint64_t cursor, uint64_t count, const Visit& visit) const;

  // The set as it is now, in order, for another thread to walk (with a Cursor) while it changes here.
  // Each view is released once, by the set's owner and before the set goes.
  View Freeze() { return tree_.Freeze(); }
  void Release(const View& view) { tree_.Release(view); }

  // Frees up to `budget` blocks that only views showed which are gone, and says whether some are left.
  // Changes do so in passing.
  bool FreeGarbage(size_t budget) { return tree_.FreeGarbage(budget); }

  // Frees about `budget` blocks and says whether some are left. With no views; nothing else can be
  // done with the set afterwards.
  bool FreeSome(size_t budget) { return tree_.FreeSome(budget) || index_.FreeSome(budget); }

  // What the allocator holds for the set besides the object itself, O(1).
  size_t allocated_bytes() const { return tree_.allocated_bytes() + index_.allocated_bytes(); }

 private:
  struct Found {
    uint32_t leaf = OrderedTree::kNoLeaf;
    double score = 0;

    explicit operator bool() const { return leaf != OrderedTree::kNoLeaf; }
  };

  static uint32_t TagOf(std::string_view member);
  Found Find(std::string_view member, uint32_t tag) const;
  uint64_t RankOf(const LexBound& bound, double score, bool is_max) const;
  uint64_t VisitTag(uint32_t tag, uint32_t leaf, const Visit& visit) const;

  void Relocated(const TreeNode& leaf, uint32_t first, uint32_t end, uint32_t from,
                 uint32_t to) override;

  OrderedTree tree_;
  MemberIndex index_;
};

}  // namespace alai
