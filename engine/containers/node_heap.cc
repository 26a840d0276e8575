#include "engine/containers/node_heap.h"

#include <cstring>

#include "engine/base/assert.h"
#include "engine/base/memory.h"

namespace alai {

namespace {

static_assert(offsetof(NodeBlock, kind) == kPointerBytes);

NodeBlock* NextOf(const NodeBlock* block) {
  NodeBlock* next;
  std::memcpy(&next, block, kPointerBytes);
  return next;
}

void SetNext(NodeBlock* block, NodeBlock* next) {
  std::memcpy(static_cast<void*>(block), &next, kPointerBytes);
}

}  // namespace

NodeHeap::~NodeHeap() {
  ASSERT(views_ == 0);
  FreeGarbage(SIZE_MAX);
}

void* NodeHeap::New(size_t bytes) {
  const size_t usable = UsableSize(bytes);
  void* const room = Allocate(usable);
  allocated_bytes_ += usable;
  return room;
}

void NodeHeap::Drop(NodeBlock* block) {
  if (!IsShared(*block)) return Release(block);
  if (held_ == nullptr) first_held_ = block;
  SetNext(block, held_);
  held_ = block;
}

void NodeHeap::AddView() {
  ++generation_;
  ASSERT(generation_ != 0);
  shared_below_ = generation_;
  ++views_;
}

void NodeHeap::RemoveView() {
  ASSERT(views_ != 0);
  if (--views_ != 0) return;
  shared_below_ = 0;
  if (held_ == nullptr) return;
  SetNext(first_held_, garbage_);
  garbage_ = held_;
  held_ = nullptr;
}

size_t NodeHeap::FreeSomeGarbage(size_t budget) {
  size_t freed = 0;
  for (; freed < budget && garbage_ != nullptr; ++freed) {
    NodeBlock* const block = garbage_;
    garbage_ = NextOf(block);
    Release(block);
  }
  return freed;
}

void NodeHeap::Release(NodeBlock* block) {
  const size_t usable = UsableSize(bytes_of_(*block));
  allocated_bytes_ -= usable;
  Free(block, usable);
}

}  // namespace alai
