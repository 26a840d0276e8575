#include "engine/containers/deadline_index.h"

#include <algorithm>
#include <utility>

#include "engine/record.h"

namespace alai {
namespace {

constexpr auto kNone = static_cast<uint64_t>(kNoDeadline);

template <size_t... kLevel>
std::array<PagedWords, sizeof...(kLevel)> Levels(VersionedBlocks& blocks,
                                                 std::index_sequence<kLevel...>) {
  return {((void)kLevel, PagedWords(blocks, kNone))...};
}

}  // namespace

DeadlineIndex::DeadlineIndex(VersionedBlocks& blocks)
    : levels_(Levels(blocks, std::make_index_sequence<kLevelsMax>())) {}

uint64_t DeadlineIndex::MinBelow(uint32_t level, size_t parent) const {
  uint64_t least = kNone;
  for (const uint64_t word : levels_[level].Run(parent << kFanBits, kFan)) {
    least = std::min(least, word);
  }
  return least;
}

void DeadlineIndex::Set(size_t node, UnixMillis earliest) {
  auto value = static_cast<uint64_t>(earliest);
  uint64_t old = levels_[0].Get(node);
  if (value == old) return;
  while (node >> (kFanBits * (height_ - 1)) != 0) {
    ASSERT(height_ < kLevelsMax);
    levels_[height_].Set(0, levels_[height_ - 1].Get(0));
    ++height_;
  }
  levels_[0].Set(node, value);
  for (uint32_t level = 1; level < height_; ++level) {
    const size_t parent = node >> kFanBits;
    const uint64_t least = levels_[level].Get(parent);
    if (value > least && old != least) return;
    const uint64_t now = value <= least ? value : MinBelow(level - 1, parent);
    if (now == least) return;
    levels_[level].Set(parent, now);
    node = parent;
    old = least;
    value = now;
  }
}

size_t DeadlineIndex::First() const {
  const auto earliest = static_cast<uint64_t>(Earliest());
  DASSERT(earliest != kNone);
  size_t at = 0;
  for (uint32_t level = height_ - 1; level > 0; --level) {
    const std::span<const uint64_t> below = levels_[level - 1].Run(at << kFanBits, kFan);
    const auto found = std::find(below.begin(), below.end(), earliest);
    ASSERT(found != below.end());
    at = (at << kFanBits) + static_cast<size_t>(found - below.begin());
  }
  return at;
}

void DeadlineIndex::Truncate(size_t nodes) {
  for (PagedWords& level : levels_) {
    level.Truncate(nodes);
    nodes = (nodes + kFan - 1) >> kFanBits;
  }
}

}  // namespace alai
