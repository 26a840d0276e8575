#include "engine/containers/sorted_set.h"

#include <algorithm>
#include <vector>

#include "engine/base/assert.h"
#include "engine/base/hash.h"

namespace alai {

uint32_t SortedSet::TagOf(std::string_view member) { return static_cast<uint32_t>(Hash(member)); }

SortedSet::Found SortedSet::Find(std::string_view member, uint32_t tag) const {
  MemberIndex::Matches matches(index_, tag);
  Found found;
  while (matches.Next(&found.leaf)) {
    const TreeNode& leaf = tree_.leaf(found.leaf);
    const uint32_t at = leaf.FindMember(member);
    if (at == leaf.key_count()) continue;
    found.score = leaf.score(at);
    return found;
  }
  return {};
}

std::optional<double> SortedSet::Score(std::string_view member) const {
  const Found found = Find(member, TagOf(member));
  return found ? std::optional(found.score) : std::nullopt;
}

void SortedSet::Prefetch(std::span<const std::string_view> members) const {
  // About as many misses as a core has under way.
  constexpr size_t kAtOnce = 16;
  uint32_t tags[kAtOnce];
  uint32_t leaves[kAtOnce];
  while (!members.empty()) {
    const size_t count = std::min(members.size(), kAtOnce);
    for (size_t i = 0; i < count; ++i) {
      tags[i] = TagOf(members[i]);
      index_.PrefetchWord(tags[i]);
    }
    for (size_t i = 0; i < count; ++i) index_.PrefetchBucket(tags[i]);
    size_t found = 0;
    for (size_t i = 0; i < count; ++i) {
      if (!MemberIndex::Matches(index_, tags[i]).Next(&leaves[found])) continue;
      tree_.PrefetchLeafWord(leaves[found++]);
    }
    for (size_t i = 0; i < found; ++i) tree_.PrefetchLeaf(leaves[i]);
    members = members.subspan(count);
  }
}

// While a member moves in the tree its slot still names the leaf where it was. Others with the same tag may leave
// that leaf meanwhile, or come to it, and take any slot that names it: they are interchangeable, and the
// one that is left over is the member's.
SortedSet::SetOutcome SortedSet::Set(std::string_view member, double score) {
  DASSERT(score == score);
  const uint32_t tag = TagOf(member);
  const Found found = Find(member, tag);
  if (!found) {
    index_.Insert(tag, tree_.Insert(score, member));
    return SetOutcome::kAdded;
  }
  if (found.score == score) return SetOutcome::kSame;
  const uint32_t leaf = tree_.Move(found.score, member, score);
  if (leaf != found.leaf) index_.Replace(tag, found.leaf, leaf);
  return SetOutcome::kChanged;
}

bool SortedSet::Remove(std::string_view member) {
  const uint32_t tag = TagOf(member);
  const Found found = Find(member, tag);
  if (!found) return false;
  index_.Remove(tag, found.leaf);
  const bool erased = tree_.Erase(found.score, member);
  ASSERT(erased);
  return true;
}

std::optional<uint64_t> SortedSet::Rank(std::string_view member) const {
  const Found found = Find(member, TagOf(member));
  return found ? tree_.Rank(found.score, member) : std::nullopt;
}

std::optional<uint64_t> SortedSet::ReverseRank(std::string_view member) const {
  const std::optional<uint64_t> rank = Rank(member);
  return rank ? std::optional(size() - 1 - *rank) : std::nullopt;
}

RankRange SortedSet::RanksOf(const ScoreRange& range) const {
  using Side = TreeBound::Side;
  RankRange ranks;
  ranks.first = tree_.CountBefore(
      {.score = range.min, .side = range.min_exclusive ? Side::kBeyond : Side::kBefore});
  ranks.end = tree_.CountBefore(
      {.score = range.max, .side = range.max_exclusive ? Side::kBefore : Side::kBeyond});
  ranks.end = std::max(ranks.first, ranks.end);
  return ranks;
}

RankRange SortedSet::RanksOf(const LexRange& range) const {
  if (size() == 0) return {};
  const double score = At(0).score();
  RankRange ranks;
  ranks.first = RankOf(range.min, score, false);
  ranks.end = std::max(ranks.first, RankOf(range.max, score, true));
  return ranks;
}

uint64_t SortedSet::RankOf(const LexBound& bound, double score, bool is_max) const {
  if (bound.kind == LexBound::Kind::kBeforeAll) return 0;
  if (bound.kind == LexBound::Kind::kBehindAll) return size();
  const bool after = (bound.kind == LexBound::Kind::kInclusive) == is_max;
  return tree_.CountBefore({.score = score,
                            .member = bound.member,
                            .side = after ? TreeBound::Side::kAfter : TreeBound::Side::kBefore});
}

void SortedSet::RemoveRanks(RankRange ranks, const Visit& gone) {
  tree_.EraseRanks(ranks.first, ranks.size(),
                   [&](std::string_view member, double score, uint32_t leaf) {
                     gone(member, score);
                     index_.Remove(TagOf(member), leaf);
                   });
}

void SortedSet::PopMin(uint64_t count, const Visit& gone) { RemoveRanks({0, count}, gone); }

void SortedSet::PopMax(uint64_t count, const Visit& gone) {
  for (; count != 0 && size() != 0; --count) RemoveRanks({size() - 1, size()}, gone);
}

uint64_t SortedSet::Scan(uint64_t cursor, uint64_t count, const Visit& visit) const {
  std::vector<MemberIndex::Slot> slots;
  uint64_t visited = 0;
  while (cursor < MemberIndex::kPositions) {
    const uint64_t end = index_.Collect(static_cast<uint32_t>(cursor), &slots);
    for (size_t i = 0; i < slots.size(); ++i) {
      const MemberIndex::Slot& slot = slots[i];
      if (i != 0 && slots[i - 1].position == slot.position) {
        if (slots[i - 1].leaf == slot.leaf) continue;
      } else if (visited >= count) {
        return slot.position;
      }
      visited += VisitTag(MemberIndex::PositionOf(slot.position), slot.leaf, visit);
    }
    cursor = end;
    if (visited >= count && cursor < MemberIndex::kPositions) return cursor;
  }
  return 0;
}

// Visits the members with this tag in a leaf.
uint64_t SortedSet::VisitTag(uint32_t tag, uint32_t leaf_id, const Visit& visit) const {
  const TreeNode& leaf = tree_.leaf(leaf_id);
  uint64_t visited = 0;
  uint32_t offset = 0;
  for (uint32_t i = 0; i < leaf.key_count(); ++i) {
    const std::string_view member = leaf.MemberAt(i, offset);
    offset += leaf.Stored(i);
    if (TagOf(member) != tag) continue;
    visit(member, leaf.score(i));
    ++visited;
  }
  return visited;
}

void SortedSet::Relocated(const TreeNode& leaf, uint32_t first, uint32_t end, uint32_t from,
                          uint32_t to) {
  uint32_t tags[OrderedTree::kLeafKeysMax];
  uint32_t offset = leaf.Offset(first);
  for (uint32_t i = first; i < end; ++i) {
    tags[i - first] = TagOf(leaf.MemberAt(i, offset));
    index_.PrefetchBucket(tags[i - first]);
    offset += leaf.Stored(i);
  }
  for (uint32_t i = first; i < end; ++i) index_.Replace(tags[i - first], from, to);
}

}  // namespace alai
