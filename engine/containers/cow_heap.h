// The nodes of one container, and which of them frozen views still show.
//
// Every node starts with a CowNode, which carries the generation it was made in. AddView() counts the
// heap's generation up, so that everything older belongs to a view as well: whoever wants to change such a
// node copies it first and drops the original, which is held until the last view goes.
//
//          AddView          AddView         RemoveView, RemoveView
//   ──────────┼────────────────┼───────────────────┼──────────>
//     gen. 0  │     gen. 1     │      gen. 2       │  nothing is shared
//             └─ 0 is shared   └─ 0, 1 are shared  └─ held nodes become garbage
//
// Garbage is freed a few nodes at a time by the allocations that follow, or by FreeGarbage().
//
// Threads     One at a time. A view's reader may read shared nodes meanwhile, all but `next_held`, which is
//             written when a node is dropped.
// Invariants  A node that is not older than the latest view is seen by the container alone.
#pragma once

#include <cstddef>
#include <cstdint>

namespace alai {

struct CowNode {
  uint32_t generation;
  uint32_t bytes;      // of the whole node, as allocated
  CowNode* next_held;  // while held or garbage
};

class CowHeap {
 public:
  CowHeap() = default;
  ~CowHeap();
  CowHeap(const CowHeap&) = delete;
  CowHeap& operator=(const CowHeap&) = delete;

  // A node of exactly `bytes`, its CowNode filled and nothing else. Ask for a size class: see UsableSize.
  void* Allocate(size_t bytes);
  // Frees a node, or holds it while views show it. The node is trivially destructible.
  void Drop(CowNode* node);

  bool shared(const CowNode& node) const { return node.generation < shared_below_; }

  void AddView();
  void RemoveView();
  bool has_views() const { return views_ != 0; }

  // Frees up to `budget` nodes that no view shows any more; false when none are left.
  bool FreeGarbage(size_t budget);

  // What the allocator holds for all nodes, held ones and garbage included, and what was added for memory
  // that is no node.
  size_t allocated_bytes() const { return allocated_bytes_; }
  void AddOther(size_t bytes) { allocated_bytes_ += bytes; }
  void SubtractOther(size_t bytes) { allocated_bytes_ -= bytes; }

 private:
  void FreeNode(CowNode* node);

  uint32_t generation_ = 0;
  uint32_t shared_below_ = 0;  // 0 without views
  uint32_t views_ = 0;
  CowNode* held_ = nullptr;
  CowNode* held_tail_ = nullptr;
  CowNode* garbage_ = nullptr;
  size_t allocated_bytes_ = 0;
};

}  // namespace alai
