// Which node of a container has the earliest deadline: a tree of minima over the nodes' numbers.
//
//   level 1                 | min of 64       | min of 64 | ...
//   level 0   | node 0 | node 1 | ... | node 63 | node 64 | ...      earliest deadline of each
//
// 8.2 bytes a node, and only for pages of 512 nodes of which one ever had a deadline. A change reads or
// writes one word a level, or 64 next to each other where the minimum went away.
//
// Threads     As for the VersionedBlocks that its memory comes from. Views do not see it.
// Invariants  Each word of a level is the minimum of its 64 below; the highest level has one word.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "engine/base/clock.h"
#include "engine/containers/paged_words.h"

namespace alai {

class DeadlineIndex {
 public:
  explicit DeadlineIndex(VersionedBlocks& blocks);

  UnixMillis Get(size_t node) const { return static_cast<UnixMillis>(levels_[0].Get(node)); }
  // `earliest` is kNoDeadline or at least 0.
  void Set(size_t node, UnixMillis earliest);

  // Of all nodes, kNoDeadline when none has one.
  UnixMillis Earliest() const { return static_cast<UnixMillis>(levels_[height_ - 1].Get(0)); }
  // A node that has Earliest(), which must not be kNoDeadline.
  size_t First() const;

  // Gives memory back for nodes from `nodes` on, which must have no deadline.
  void Truncate(size_t nodes);

 private:
  static constexpr uint32_t kFanBits = 6;
  static constexpr size_t kFan = size_t{1} << kFanBits;
  static constexpr uint32_t kLevelsMax = 8;

  uint64_t MinBelow(uint32_t level, size_t parent) const;

  std::array<PagedWords, kLevelsMax> levels_;
  uint32_t height_ = 1;
};

}  // namespace alai
