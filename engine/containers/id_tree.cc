#include "engine/containers/id_tree.h"

#include <algorithm>
#include <cstring>

#include "engine/base/assert.h"
#include "engine/containers/pending_entry.h"

namespace alai {

class StreamBlock;

namespace {

using Node = IdTreeNode;

constexpr size_t kLeafBytesMin = 64;
constexpr size_t kInnerBytesMin = 128;

uint32_t FirstNotBelow(const Node* node, StreamId id) {
  const StreamId* ids = node->ids();
  return static_cast<uint32_t>(std::lower_bound(ids, ids + node->count, id) - ids);
}

uint32_t ChildFor(const Node* node, StreamId id) {
  const StreamId* ids = node->ids();
  return static_cast<uint32_t>(std::upper_bound(ids + 1, ids + node->count, id) - ids) - 1;
}

}  // namespace

template <class Value>
void IdTree<Value>::Cursor::DescendToEdge(int level, bool last) {
  for (; level > 0; --level) {
    const Node* child = Children(steps_[level].node)[steps_[level].at];
    steps_[level - 1] = {child, last ? child->count - 1u : 0u};
  }
}

template <class Value>
bool IdTree<Value>::Cursor::SeekAtOrAfter(StreamId id) {
  valid_ = false;
  if (root_ == nullptr) return false;
  const Node* node = root_;
  for (; node->level > 0; node = Children(node)[steps_[node->level].at]) {
    steps_[node->level] = {node, ChildFor(node, id)};
  }
  steps_[0] = {node, FirstNotBelow(node, id)};
  valid_ = true;
  if (steps_[0].at < node->count) return true;
  --steps_[0].at;
  return Next();
}

template <class Value>
bool IdTree<Value>::Cursor::SeekAtOrBefore(StreamId id) {
  if (!SeekAtOrAfter(id)) {
    // Everything is below.
    if (root_ == nullptr) return false;
    steps_[root_->level] = {root_, root_->count - 1u};
    DescendToEdge(root_->level, true);
    return valid_ = true;
  }
  return this->id() == id || Previous();
}

template <class Value>
bool IdTree<Value>::Cursor::Next() {
  if (!valid_) return false;
  for (int level = 0; level <= root_->level; ++level) {
    if (steps_[level].at + 1 >= steps_[level].node->count) continue;
    ++steps_[level].at;
    DescendToEdge(level, false);
    return true;
  }
  return valid_ = false;
}

template <class Value>
bool IdTree<Value>::Cursor::Previous() {
  if (!valid_) return false;
  for (int level = 0; level <= root_->level; ++level) {
    if (steps_[level].at == 0) continue;
    --steps_[level].at;
    DescendToEdge(level, true);
    return true;
  }
  return valid_ = false;
}

template <class Value>
const Value* IdTree<Value>::Find(StreamId id) const {
  if (root_ == nullptr) return nullptr;
  const Node* node = root_;
  while (node->level > 0) node = Children(node)[ChildFor(node, id)];
  const uint32_t at = FirstNotBelow(node, id);
  return at < node->count && node->ids()[at] == id ? Values(node) + at : nullptr;
}

template <class Value>
StreamId IdTree<Value>::first_id() const {
  const Node* node = root_;
  while (node->level > 0) node = Children(node)[0];
  return node->ids()[0];
}

template <class Value>
StreamId IdTree<Value>::last_id() const {
  const Node* node = root_;
  while (node->level > 0) node = Children(node)[node->count - 1];
  return node->ids()[node->count - 1];
}

template <class Value>
template <class V>
IdTreeNode* IdTree<Value>::NewNode(int level, size_t bytes) {
  Node* node = static_cast<Node*>(blocks_->AllocateStamped(bytes));
  node->count = 0;
  node->capacity = CapacityOf<V>(bytes);
  node->level = static_cast<uint16_t>(level);
  return node;
}

// Adds entries of another node behind those of `to`, which has the room.
template <class Value>
template <class V>
void IdTree<Value>::Append(Node* to, const Node* from, uint32_t first, uint32_t count) {
  std::copy_n(from->ids() + first, count, to->ids() + to->count);
  if constexpr (!std::is_empty_v<V>) {
    std::copy_n(ValuesOf<V>(const_cast<Node*>(from)) + first, count, ValuesOf<V>(to) + to->count);
  }
  to->count = static_cast<uint16_t>(to->count + count);
}

template <class Value>
template <class V>
IdTreeNode* IdTree<Value>::Copy(const Node* node, size_t bytes) {
  Node* copy = NewNode<V>(node->level, bytes);
  Append<V>(copy, node, 0, node->count);
  return copy;
}

// The node behind `link`, replaced by a copy if a view shows it.
template <class Value>
IdTreeNode* IdTree<Value>::Own(Node** link) {
  Node* node = *link;
  if (!blocks_->Shared(node->stamp)) return node;
  *link = node->level == 0 ? Copy<Value>(node, node->stamp.bytes)
                           : Copy<Node*>(node, node->stamp.bytes);
  blocks_->Retire(&node->stamp);
  return *link;
}

// Where the node of a level is referred to from.
template <class Value>
IdTreeNode** IdTree<Value>::LinkTo(Path& path, int level) {
  if (level + 1 == path.height) return &root_;
  const Step parent = path.steps[level + 1];
  return ValuesOf<Node*>(parent.node) + parent.at;
}

template <class Value>
void IdTree<Value>::OwnPath(StreamId id, Path* path) {
  path->height = root_->level + 1;
  Node** link = &root_;
  for (int level = root_->level; level > 0; --level) {
    Node* node = Own(link);
    path->steps[level] = {node, ChildFor(node, id)};
    link = ValuesOf<Node*>(node) + path->steps[level].at;
  }
  Node* leaf = Own(link);
  path->steps[0] = {leaf, FirstNotBelow(leaf, id)};
}

// The path to an entry, if there is one; otherwise nothing is copied.
template <class Value>
bool IdTree<Value>::OwnEntry(StreamId id, Path* path) {
  if (root_ == nullptr || (blocks_->views() != 0 && Find(id) == nullptr)) return false;
  OwnPath(id, path);
  const Step leaf = path->steps[0];
  return leaf.at < leaf.node->count && leaf.node->ids()[leaf.at] == id;
}

template <class Value>
template <class V>
void IdTree<Value>::InsertAt(Step step, StreamId id, const V& value) {
  Node* node = step.node;
  StreamId* ids = node->ids();
  std::copy_backward(ids + step.at, ids + node->count, ids + node->count + 1);
  ids[step.at] = id;
  if constexpr (!std::is_empty_v<V>) {
    V* values = ValuesOf<V>(node);
    std::copy_backward(values + step.at, values + node->count, values + node->count + 1);
    values[step.at] = value;
  }
  ++node->count;
}

template <class Value>
template <class V>
void IdTree<Value>::EraseAt(Step step) {
  Node* node = step.node;
  StreamId* ids = node->ids();
  std::copy(ids + step.at + 1, ids + node->count, ids + step.at);
  if constexpr (!std::is_empty_v<V>) {
    V* values = ValuesOf<V>(node);
    std::copy(values + step.at + 1, values + node->count, values + step.at);
  }
  --node->count;
}

template <class Value>
Value* IdTree<Value>::Change(StreamId id) {
  static_assert(std::is_trivially_copyable_v<Value>);
  Path path;
  if (!OwnEntry(id, &path)) return nullptr;
  return ValuesOf<Value>(path.steps[0].node) + path.steps[0].at;
}

template <class Value>
void IdTree<Value>::Insert(StreamId id, const Value& value) {
  if (root_ == nullptr) root_ = NewNode<Value>(0, kLeafBytesMin);
  Path path;
  OwnPath(id, &path);
  const Step leaf = path.steps[0];
  ASSERT(leaf.at == leaf.node->count || leaf.node->ids()[leaf.at] != id);
  Put<Value>(path, 0, id, value);
  ++size_;
}

// Inserts at the place of the path; what is above may change as well, and the path is of no use then.
template <class Value>
template <class V>
void IdTree<Value>::Put(Path& path, int level, StreamId id, const V& value) {
  const Node* node = path.steps[level].node;
  if (node->count == node->capacity) MakeRoom<V>(path, level, id);
  InsertAt<V>(path.steps[level], id, value);
}

template <class Value>
template <class V>
void IdTree<Value>::MakeRoom(Path& path, int level, StreamId id) {
  Step& here = path.steps[level];
  Node* node = here.node;
  if (node->stamp.bytes < kNodeBytes) {
    here.node = Copy<V>(node, node->stamp.bytes * 2);
    *LinkTo(path, level) = here.node;
    blocks_->Retire(&node->stamp);
    return;
  }
  bool at_end = here.at == node->count;
  for (int above = level + 1; above < path.height; ++above) {
    at_end &= path.steps[above].at + 1 == path.steps[above].node->count;
  }
  const uint32_t kept = at_end ? node->count : node->count / 2u;
  Node* right = NewNode<V>(level, !at_end      ? kNodeBytes
                                  : level == 0 ? kLeafBytesMin
                                               : kInnerBytesMin);
  Append<V>(right, node, kept, node->count - kept);
  node->count = static_cast<uint16_t>(kept);
  const StreamId right_id = at_end ? id : right->ids()[0];

  if (level + 1 == path.height) {
    ASSERT(path.height < kHeightMax);
    root_ = NewNode<Node*>(level + 1, kInnerBytesMin);
    InsertAt<Node*>({root_, 0}, node->ids()[0], node);
    path.steps[path.height++] = {root_, 0};
  }
  ++path.steps[level + 1].at;
  Put<Node*>(path, level + 1, right_id, right);
  if (at_end || here.at > kept) here = {right, here.at - kept};
}

template <class Value>
bool IdTree<Value>::Erase(StreamId id) {
  Path path;
  if (!OwnEntry(id, &path)) return false;
  EraseAt<Value>(path.steps[0]);
  --size_;
  Rebalance<Value>(path, 0);
  return true;
}

// After an entry has gone from the node of this level.
template <class Value>
template <class V>
void IdTree<Value>::Rebalance(Path& path, int level) {
  Node* node = path.steps[level].node;
  if (level + 1 == path.height) return ShortenRoot();
  const Step parent = path.steps[level + 1];
  if (node->count == 0) {
    EraseAt<Node*>(parent);
    blocks_->Retire(&node->stamp);
  } else if (node->count >= CapacityOf<V>(kNodeBytes) / 4 || !MergeWithNeighbour<V>(parent)) {
    return;
  }
  Rebalance<Node*>(path, level + 1);
}

// Merges the child that `parent` points to with the one before it, or else the one behind.
template <class Value>
template <class V>
bool IdTree<Value>::MergeWithNeighbour(Step parent) {
  Node** children = ValuesOf<Node*>(parent.node);
  for (uint32_t right_at : {parent.at, parent.at + 1}) {
    if (right_at == 0 || right_at >= parent.node->count) continue;
    Node** left = &children[right_at - 1];
    Node* right = children[right_at];
    const uint32_t total = (*left)->count + right->count;
    if (total > CapacityOf<V>(kNodeBytes) * 3u / 4) continue;
    size_t bytes = (*left)->stamp.bytes;
    while (CapacityOf<V>(bytes) < total) bytes *= 2;
    if (bytes != (*left)->stamp.bytes || blocks_->Shared((*left)->stamp)) {
      Node* old = *left;
      *left = Copy<V>(old, bytes);
      blocks_->Retire(&old->stamp);
    }
    const uint32_t joint = (*left)->count;
    Append<V>(*left, right, 0, right->count);
    // The lowest id of a node is no bound of what is below it; its parent's is.
    if ((*left)->level > 0) (*left)->ids()[joint] = parent.node->ids()[right_at];
    blocks_->Retire(&right->stamp);
    EraseAt<Node*>({parent.node, right_at});
    return true;
  }
  return false;
}

template <class Value>
void IdTree<Value>::ShortenRoot() {
  while (root_ != nullptr && (root_->count == 0 || (root_->level > 0 && root_->count == 1))) {
    Node* old = root_;
    root_ = old->count == 0 ? nullptr : Children(old)[0];
    blocks_->Retire(&old->stamp);
  }
}

template <class Value>
void IdTree<Value>::DropAll(Node* node) {
  if (node->level > 0) {
    for (uint32_t i = 0; i < node->count; ++i) DropAll(Children(node)[i]);
  }
  blocks_->Retire(&node->stamp);
}

template <class Value>
void IdTree<Value>::Clear() {
  if (root_ != nullptr) DropAll(root_);
  root_ = nullptr;
  size_ = 0;
}

template <class Value>
size_t IdTree<Value>::FreeSome(size_t budget) {
  ASSERT(blocks_->views() == 0);
  size_t freed = 0;
  for (; root_ != nullptr && freed < budget; ++freed) {
    Node* parent = nullptr;
    Node* node = root_;
    while (node->level > 0 && node->count > 0) {
      parent = node;
      node = Children(node)[node->count - 1];
    }
    if (parent == nullptr) {
      root_ = nullptr;
    } else {
      --parent->count;
    }
    blocks_->Retire(&node->stamp);
  }
  return freed;
}

template <class Value>
uint64_t IdTree<Value>::CountNodes() const {
  return root_ == nullptr ? 0 : CountBelow(root_);
}

// Leaves are counted where they are pointed to.
template <class Value>
uint64_t IdTree<Value>::CountBelow(const Node* node) {
  if (node->level == 0) return 1;
  if (node->level == 1) return 1u + node->count;
  uint64_t count = 1;
  for (uint32_t i = 0; i < node->count; ++i) count += CountBelow(Children(node)[i]);
  return count;
}

template class IdTree<StreamBlock*>;
template class IdTree<PendingEntry>;
template class IdTree<NoValue>;

}  // namespace alai
