#include "engine/containers/cow_heap.h"

#include "engine/base/assert.h"
#include "engine/base/memory.h"

namespace alai {

namespace {

// Freed by each allocation while there is garbage: more than one, so that it runs out.
constexpr size_t kFreedPerAllocation = 2;

}  // namespace

CowHeap::~CowHeap() {
  ASSERT(views_ == 0);
  FreeGarbage(SIZE_MAX);
}

void* CowHeap::Allocate(size_t bytes) {
  ASSERT(bytes >= sizeof(CowNode) && bytes <= UINT32_MAX);
  if (garbage_ != nullptr) [[unlikely]]
    FreeGarbage(kFreedPerAllocation);
  auto* node = static_cast<CowNode*>(alai::Allocate(bytes));
  node->generation = generation_;
  node->bytes = static_cast<uint32_t>(bytes);
  node->next_held = nullptr;
  allocated_bytes_ += UsableSize(bytes);
  return node;
}

void CowHeap::Drop(CowNode* node) {
  if (!shared(*node)) return FreeNode(node);
  node->next_held = held_;
  if (held_ == nullptr) held_tail_ = node;
  held_ = node;
}

void CowHeap::AddView() {
  ASSERT(generation_ != UINT32_MAX && views_ != UINT32_MAX);
  ++views_;
  shared_below_ = ++generation_;
}

void CowHeap::RemoveView() {
  ASSERT(views_ != 0);
  if (--views_ != 0) return;
  shared_below_ = 0;
  if (held_ == nullptr) return;
  held_tail_->next_held = garbage_;
  garbage_ = held_;
  held_ = nullptr;
  held_tail_ = nullptr;
}

bool CowHeap::FreeGarbage(size_t budget) {
  for (; budget > 0 && garbage_ != nullptr; --budget) {
    CowNode* node = garbage_;
    garbage_ = node->next_held;
    FreeNode(node);
  }
  return garbage_ != nullptr;
}

void CowHeap::FreeNode(CowNode* node) {
  allocated_bytes_ -= UsableSize(node->bytes);
  alai::Free(node, node->bytes);
}

}  // namespace alai
