// The blocks of one container, and which of them frozen views still show.
//
// Every block carries the generation that it was made in. AddView() counts the generation up: whatever is
// older may belong to a view, so whoever wants to change such a block copies it first and drops the
// original, which is held until the last view goes and then becomes garbage, to be freed a few blocks at a
// time by the changes that follow, or by whoever has the time.
//
//          AddView          AddView         RemoveView, RemoveView
//   ──────────┼────────────────┼───────────────────┼──────────>
//     gen. 0  │     gen. 1     │      gen. 2       │  nothing is shared
//             └─ 0 is shared   └─ 0, 1 are shared  └─ held blocks become garbage
//
// A block that is dropped needs neither generation nor id any more: its link to the next takes their place.
//
// Threads     One at a time. A view's reader may read shared blocks meanwhile, but not the generation
//             and id.
// Invariants  A block that is not older than the latest view is seen by the container alone.
#pragma once

#include <cstddef>
#include <cstdint>

namespace alai {

constexpr size_t kPointerBytes = sizeof(void*);

struct NodeBlock {
  static constexpr uint8_t kOutsideKind = UINT8_MAX;

  NodeBlock(uint32_t of_generation, uint32_t id, uint8_t of_kind)
      : generation(of_generation), leaf_id(id), kind(of_kind) {}

  uint32_t generation;
  uint32_t leaf_id;  // of a leaf
  uint8_t kind;      // a node's level, 0 for leaves; kOutsideKind for a long member
};

class NodeHeap {
 public:
  // `bytes_of` gives the size that a block was asked for, or any of the same size class.
  explicit NodeHeap(size_t (*bytes_of)(const NodeBlock& block)) : bytes_of_(bytes_of) {}
  ~NodeHeap();
  NodeHeap(const NodeHeap&) = delete;
  NodeHeap& operator=(const NodeHeap&) = delete;

  // Room of the size class of `bytes`; what is made there gets generation().
  void* New(size_t bytes);
  uint32_t generation() const { return generation_; }
  // Frees a block, or holds it while a view may show it.
  void Drop(NodeBlock* block);

  bool IsShared(const NodeBlock& block) const { return block.generation < shared_below_; }

  void AddView();
  void RemoveView();
  bool has_views() const { return views_ != 0; }

  // Frees up to `budget` blocks that no view shows any more; gives their number.
  size_t FreeGarbage(size_t budget) { return garbage_ == nullptr ? 0 : FreeSomeGarbage(budget); }
  bool has_garbage() const { return garbage_ != nullptr; }

  // What the allocator holds for all blocks, held ones and garbage included.
  size_t allocated_bytes() const { return allocated_bytes_; }

 private:
  size_t FreeSomeGarbage(size_t budget);
  void Release(NodeBlock* block);

  size_t (*bytes_of_)(const NodeBlock& block);
  uint32_t generation_ = 0;
  uint32_t shared_below_ = 0;  // 0 without views
  uint32_t views_ = 0;
  NodeBlock* held_ = nullptr;
  NodeBlock* first_held_ = nullptr;  // the end of the list
  NodeBlock* garbage_ = nullptr;
  size_t allocated_bytes_ = 0;
};

}  // namespace alai
