#include "engine/containers/ordered_tree.h"

#include <algorithm>
#include <new>

#include "engine/base/assert.h"

namespace alai {

namespace {

size_t BytesOf(const NodeBlock& block) {
  if (block.kind == NodeBlock::kOutsideKind) {
    return LongMember::BytesFor(static_cast<const LongMember&>(block).length);
  }
  return static_cast<const TreeNode&>(block).bytes();
}

// The children of an inner node that is being made.
struct Children {
  void Add(const TreeNode& node, uint32_t first, uint32_t end) {
    std::copy_n(node.children().begin() + first, end - first, nodes + size);
    std::copy_n(node.counts().begin() + first, end - first, counts + size);
    size += end - first;
  }
  void Add(TreeNode* node) {
    nodes[size] = node;
    counts[size++] = node->CountOfAll();
  }
  TreeNode* Make(VersionedBlocks* blocks, uint32_t level,
                 std::span<const TreeNode::Piece> pieces) const {
    return TreeNode::NewInner(blocks, level, {nodes, size}, {counts, size}, pieces);
  }

  TreeNode* nodes[OrderedTree::kInnerChildrenMax + 1];
  uint64_t counts[OrderedTree::kInnerChildrenMax + 1];
  uint32_t size = 0;
};

using Piece = TreeNode::Piece;

Piece AllOf(const TreeNode& node) { return Piece(node, 0, node.key_count()); }

}  // namespace

OrderedTree::Cursor::Cursor(const View& view, uint64_t rank) {
  if (rank >= view.size) return;
  const TreeNode* node = view.root;
  height_ = node->level() + 1;
  for (uint32_t level = node->level(); level != 0; --level) {
    const auto counts = node->counts();
    uint32_t child = 0;
    for (; rank >= counts[child]; ++child) rank -= counts[child];
    nodes_[level] = node;
    at_[level] = child;
    node = node->child(child);
  }
  nodes_[0] = node;
  at_[0] = static_cast<uint32_t>(rank);
  offset_ = node->Offset(at_[0]);
}

void OrderedTree::Cursor::Next() {
  offset_ += nodes_[0]->Stored(at_[0]);
  if (++at_[0] != nodes_[0]->key_count()) return;
  uint32_t level = 1;
  while (level < height_ && at_[level] + 1 == nodes_[level]->child_count()) ++level;
  if (level >= height_) {
    height_ = 0;
    return;
  }
  ++at_[level];
  DescendToEdge(level, false);
}

void OrderedTree::Cursor::Previous() {
  if (at_[0] != 0) {
    --at_[0];
    offset_ -= nodes_[0]->Stored(at_[0]);
    return;
  }
  uint32_t level = 1;
  while (level < height_ && at_[level] == 0) ++level;
  if (level >= height_) {
    height_ = 0;
    return;
  }
  --at_[level];
  DescendToEdge(level, true);
}

void OrderedTree::Cursor::DescendToEdge(uint32_t level, bool last) {
  for (; level != 0; --level) {
    const TreeNode* const node = nodes_[level]->child(at_[level]);
    nodes_[level - 1] = node;
    at_[level - 1] = !last ? 0 : level == 1 ? node->key_count() - 1 : node->child_count() - 1;
  }
  offset_ = nodes_[0]->Offset(at_[0]);
}

OrderedTree::OrderedTree(Relocation* relocation) : relocation_(relocation) {}

OrderedTree::~OrderedTree() { FreeSome(SIZE_MAX); }

uint32_t OrderedTree::Insert(double score, std::string_view member) {
  return Insert(score, member, nullptr);
}

bool OrderedTree::Erase(double score, std::string_view member) {
  if (root_ == nullptr) return false;
  Path path;
  Descend({.score = score, .member = member}, &path);
  bool equal;
  const uint32_t at = path.nodes[0]->Find(score, member, &equal);
  if (!equal) return false;
  DropOutside(*path.nodes[0], at, at + 1);
  EraseKeys(&path, at, at + 1);
  return true;
}

uint32_t OrderedTree::Move(double score, std::string_view member, double new_score) {
  DASSERT(new_score == new_score);
  Path path;
  Descend({.score = score, .member = member}, &path);
  TreeNode* const leaf = path.nodes[0];
  bool equal;
  const uint32_t from = leaf->Find(score, member, &equal);
  ASSERT(equal);
  const TreeBound target{.score = new_score, .member = member};
  TreeKey key{.score = new_score, .member = member, .outside = leaf->outside(from)};
  if (!LeadsTo(path, target)) {
    EraseKeys(&path, from, from + 1);
    return Insert(new_score, member, key.outside);
  }
  uint32_t to = leaf->Find(new_score, member, &equal);
  if (to > from) --to;
  if (!leaf->MoveInPlace(from, to, new_score)) {
    const Piece down[] = {Piece(*leaf, 0, to), Piece(key), Piece(*leaf, to, from),
                          Piece(*leaf, from + 1, leaf->key_count())};
    const Piece up[] = {Piece(*leaf, 0, from), Piece(*leaf, from + 1, to + 1), Piece(key),
                        Piece(*leaf, to + 1, leaf->key_count())};
    Replace(&path, 0, TreeNode::NewLeaf(&blocks_, leaf->leaf_id, to <= from ? down : up));
  }
  return path.nodes[0]->leaf_id;
}

void OrderedTree::EraseRanks(uint64_t first, uint64_t count, const Gone& gone) {
  if (first >= size_) return;
  count = std::min(count, size_ - first);
  while (count != 0) {
    Path path;
    const uint32_t at = DescendToRank(first, &path);
    const TreeNode& leaf = *path.nodes[0];
    const auto end = static_cast<uint32_t>(std::min<uint64_t>(at + count, leaf.key_count()));
    uint32_t offset = leaf.Offset(at);
    for (uint32_t i = at; i < end; ++i) {
      gone(leaf.MemberAt(i, offset), leaf.score(i), leaf.leaf_id);
      offset += leaf.Stored(i);
    }
    count -= end - at;
    DropOutside(leaf, at, end);
    EraseKeys(&path, at, end);
  }
}

uint64_t OrderedTree::CountBefore(const TreeBound& bound) const {
  if (root_ == nullptr) return 0;
  uint64_t before = 0;
  const TreeNode* node = root_;
  while (!node->is_leaf()) {
    const uint32_t child = node->ChildFor(bound);
    for (const uint64_t count : node->counts().first(child)) before += count;
    node = node->child(child);
  }
  return before + node->CountBefore(bound);
}

std::optional<uint64_t> OrderedTree::Rank(double score, std::string_view member) const {
  if (root_ == nullptr) return std::nullopt;
  const TreeBound bound{.score = score, .member = member};
  uint64_t before = 0;
  const TreeNode* node = root_;
  while (!node->is_leaf()) {
    const uint32_t child = node->ChildFor(bound);
    for (const uint64_t count : node->counts().first(child)) before += count;
    node = node->child(child);
  }
  bool equal;
  before += node->Find(score, member, &equal);
  return equal ? std::optional(before) : std::nullopt;
}

OrderedTree::View OrderedTree::Freeze() {
  blocks_.Freeze();
  return {root_, size_};
}

void OrderedTree::Release(const View& view) { blocks_.Release(); }

TreeNode* OrderedTree::Own(TreeNode** place) {
  TreeNode* const node = *place;
  if (!blocks_.Shared(node->generation)) [[likely]]
    return node;
  TreeNode* const copy = TreeNode::Copy(&blocks_, *node);
  *place = copy;
  if (copy->is_leaf()) SetLeaf(copy);
  Drop(node);
  return copy;
}

void OrderedTree::Descend(const TreeBound& bound, Path* path) {
  blocks_.FreeHeld(kGarbagePerChange);
  TreeNode** place = &root_;
  for (uint32_t level = root_->level(); level != 0; --level) {
    TreeNode* const node = Own(place);
    path->nodes[level] = node;
    path->child[level] = node->ChildFor(bound);
    place = &node->child(path->child[level]);
  }
  path->nodes[0] = Own(place);
}

uint32_t OrderedTree::DescendToRank(uint64_t rank, Path* path) {
  blocks_.FreeHeld(kGarbagePerChange);
  TreeNode** place = &root_;
  for (uint32_t level = root_->level(); level != 0; --level) {
    TreeNode* const node = Own(place);
    const auto counts = node->counts();
    uint32_t child = 0;
    for (; rank >= counts[child]; ++child) rank -= counts[child];
    path->nodes[level] = node;
    path->child[level] = child;
    place = &node->child(child);
  }
  path->nodes[0] = Own(place);
  return static_cast<uint32_t>(rank);
}

bool OrderedTree::LeadsTo(const Path& path, const TreeBound& bound) const {
  for (uint32_t level = root_->level(); level != 0; --level) {
    if (path.nodes[level]->ChildFor(bound) != path.child[level]) return false;
  }
  return true;
}

bool OrderedTree::IsAtEdge(const Path& path, bool last) const {
  for (uint32_t level = root_->level(); level != 0; --level) {
    if (path.child[level] != (last ? path.nodes[level]->child_count() - 1 : 0)) return false;
  }
  return true;
}

void OrderedTree::Replace(Path* path, uint32_t level, TreeNode* fresh) {
  if (level + 1 == height()) {
    root_ = fresh;
  } else {
    path->nodes[level + 1]->child(path->child[level + 1]) = fresh;
  }
  if (level == 0) SetLeaf(fresh);
  Drop(path->nodes[level]);
  path->nodes[level] = fresh;
}

void OrderedTree::AddToCounts(const Path& path, int64_t difference) {
  size_ += static_cast<uint64_t>(difference);
  for (uint32_t level = root_->level(); level != 0; --level) {
    path.nodes[level]->counts()[path.child[level]] += static_cast<uint64_t>(difference);
  }
}

TreeKey OrderedTree::NewKey(double score, std::string_view member) {
  if (member.size() <= kShortMemberBytesMax) return {.score = score, .member = member};
  void* const room = blocks_.Allocate(UsableSize(LongMember::BytesFor(member.size())));
  return {.score = score, .outside = new (room) LongMember(blocks_.generation(), member)};
}

// With the member's block, if it is long and has one already.
uint32_t OrderedTree::Insert(double score, std::string_view member, LongMember* outside) {
  DASSERT(score == score);
  Path path;
  uint32_t at = 0;
  if (root_ != nullptr) {
    Descend({.score = score, .member = member}, &path);
    bool equal;
    at = path.nodes[0]->Find(score, member, &equal);
    if (equal) return kNoLeaf;
  }
  const TreeKey key =
      outside != nullptr ? TreeKey{.score = score, .outside = outside} : NewKey(score, member);
  if (root_ == nullptr) {
    const Piece only[] = {Piece(key)};
    root_ = TreeNode::NewLeaf(&blocks_, NewLeafId(), only);
    SetLeaf(root_);
    size_ = 1;
    return root_->leaf_id;
  }
  AddToCounts(path, 1);
  TreeNode* const leaf = path.nodes[0];
  const uint32_t grown = leaf->key_bytes() + leaf->score_width() + 1 + key.stored_bytes();
  if (leaf->key_count() == kLeafKeysMax || grown > kLeafKeyBytesMax) {
    return SplitLeaf(&path, at, key);
  }
  if (!leaf->InsertInPlace(at, key)) {
    const Piece pieces[] = {Piece(*leaf, 0, at), Piece(key), Piece(*leaf, at, leaf->key_count())};
    Replace(&path, 0, TreeNode::NewLeaf(&blocks_, leaf->leaf_id, pieces));
  }
  return path.nodes[0]->leaf_id;
}

// Entries that come in order leave full leaves behind; otherwise both halves hold about as many bytes.
// The half with fewer entries gets the new id.
uint32_t OrderedTree::SplitLeaf(Path* path, uint32_t at, const TreeKey& key) {
  const TreeNode& leaf = *path->nodes[0];
  const uint32_t count = leaf.key_count();
  uint32_t left_count = 0;  // of the old keys
  if (at == count && IsAtEdge(*path, true)) {
    left_count = count;
  } else if (at != 0 || !IsAtEdge(*path, false)) {
    for (uint32_t bytes = 0; bytes * 2 < leaf.member_bytes() + count; ++left_count) {
      bytes += leaf.Stored(left_count) + 1;
    }
    left_count = std::clamp(left_count, 1u, count - 1);
  }
  const bool goes_left = at < left_count || (at == left_count && left_count == 0);
  const bool new_left = left_count < count - left_count;
  const uint32_t old_id = leaf.leaf_id;
  const uint32_t new_id = NewLeafId();
  const uint32_t left_id = new_left ? new_id : old_id;
  const uint32_t right_id = new_left ? old_id : new_id;

  const uint32_t cut = left_count;
  const Piece left_with[] = {Piece(leaf, 0, at), Piece(key), Piece(leaf, std::min(at, cut), cut)};
  const Piece left_without[] = {Piece(leaf, 0, cut)};
  const Piece right_with[] = {Piece(leaf, cut, std::max(at, cut)), Piece(key),
                              Piece(leaf, at, count)};
  const Piece right_without[] = {Piece(leaf, cut, count)};
  TreeNode* const left = goes_left ? TreeNode::NewLeaf(&blocks_, left_id, left_with)
                                   : TreeNode::NewLeaf(&blocks_, left_id, left_without);
  TreeNode* const right = goes_left ? TreeNode::NewLeaf(&blocks_, right_id, right_without)
                                    : TreeNode::NewLeaf(&blocks_, right_id, right_with);
  SetLeaf(left);
  SetLeaf(right);
  if (relocation_ != nullptr) {
    relocation_->Relocated(leaf, new_left ? 0 : cut, new_left ? cut : count, old_id, new_id);
  }
  const TreeKey separator = SeparatorOf(*left, *right);
  ReplaceByTwo(path, 0, left, right, separator);
  return goes_left ? left_id : right_id;
}

// What no entry of `left` reaches and every entry of `right` does.
TreeKey OrderedTree::SeparatorOf(const TreeNode& left, const TreeNode& right) {
  const uint32_t last = left.key_count() - 1;
  const double score = right.score(0);
  if (left.score(last) != score) return {.score = score};
  const std::string_view a = left.member(last);
  const std::string_view b = right.member(0);
  const auto differ = std::mismatch(a.begin(), a.end(), b.begin(), b.end()).second;
  return NewKey(score, b.substr(0, static_cast<size_t>(differ - b.begin()) + 1));
}

void OrderedTree::ReplaceByTwo(Path* path, uint32_t level, TreeNode* left, TreeNode* right,
                               const TreeKey& separator) {
  const uint32_t upper = level + 1;
  Children children;
  if (upper == height()) {
    ASSERT(upper < kHeightMax);
    children.Add(left);
    children.Add(right);
    const Piece only[] = {Piece(separator)};
    root_ = children.Make(&blocks_, upper, only);
  } else {
    const TreeNode& parent = *path->nodes[upper];
    const uint32_t child = path->child[upper];
    children.Add(parent, 0, child);
    children.Add(left);
    children.Add(right);
    children.Add(parent, child + 1, parent.child_count());
    const Piece pieces[] = {Piece(parent, 0, child), Piece(separator),
                            Piece(parent, child, parent.key_count())};
    TreeNode* const grown = children.Make(&blocks_, upper, pieces);
    if (children.size > kInnerChildrenMax || grown->key_bytes() > kInnerKeyBytesMax) {
      SplitInner(path, upper, *grown);
      Drop(grown);
    } else {
      Replace(path, upper, grown);
    }
  }
  Drop(path->nodes[level]);
}

void OrderedTree::SplitInner(Path* path, uint32_t level, const TreeNode& full) {
  const uint32_t middle = full.child_count() / 2;
  Children left;
  Children right;
  left.Add(full, 0, middle);
  right.Add(full, middle, full.child_count());
  const Piece left_keys[] = {Piece(full, 0, middle - 1)};
  const Piece right_keys[] = {Piece(full, middle, full.key_count())};
  ReplaceByTwo(path, level, left.Make(&blocks_, level, left_keys),
               right.Make(&blocks_, level, right_keys), full.key(middle - 1));
}

// The members that are outside stay for the caller.
void OrderedTree::EraseKeys(Path* path, uint32_t first, uint32_t end) {
  TreeNode* const leaf = path->nodes[0];
  const uint32_t count = leaf->key_count();
  AddToCounts(*path, -static_cast<int64_t>(end - first));
  if (end - first == count) {
    FreeLeafId(leaf->leaf_id);
    return RemoveNode(path, 0);
  }
  if (!leaf->EraseInPlace(first, end)) {
    const Piece pieces[] = {Piece(*leaf, 0, first), Piece(*leaf, end, count)};
    Replace(path, 0, TreeNode::NewLeaf(&blocks_, leaf->leaf_id, pieces));
  }
  if (path->nodes[0]->key_bytes() < kLeafKeyBytesMax / 4) Merge(path, 0);
}

void OrderedTree::RemoveNode(Path* path, uint32_t level) {
  const uint32_t upper = level + 1;
  if (upper == height()) {
    root_ = nullptr;
  } else if (path->nodes[upper]->child_count() == 1) {
    RemoveNode(path, upper);
  } else {
    const uint32_t child = path->child[upper];
    const uint32_t separator = child == 0 ? 0 : child - 1;
    DropOutside(*path->nodes[upper], separator, separator + 1);
    RemoveChild(path, upper, child, separator);
  }
  Drop(path->nodes[level]);
}

// Takes a child and a separator out of the inner node at `level`; the child itself is the caller's.
void OrderedTree::RemoveChild(Path* path, uint32_t level, uint32_t child, uint32_t separator) {
  const TreeNode& node = *path->nodes[level];
  Children children;
  children.Add(node, 0, child);
  children.Add(node, child + 1, node.child_count());
  const Piece pieces[] = {Piece(node, 0, separator), Piece(node, separator + 1, node.key_count())};
  Replace(path, level, children.Make(&blocks_, level, pieces));
  if (level + 1 != height()) {
    if (children.size < kInnerChildrenMax / 4) Merge(path, level);
    return;
  }
  while (!root_->is_leaf() && root_->child_count() == 1) {
    TreeNode* const old = root_;
    root_ = old->child(0);
    Drop(old);
  }
}

bool OrderedTree::MayMerge(const TreeNode& left, const TreeNode& right) const {
  const uint32_t keys = left.key_count() + right.key_count();
  const uint32_t bytes = left.key_bytes() + right.key_bytes();
  if (left.is_leaf()) return keys <= kLeafKeysMax / 4 * 3 && bytes <= kLeafKeyBytesMax / 4 * 3;
  return keys + 2 <= kInnerChildrenMax / 4 * 3 && bytes <= kInnerKeyBytesMax / 4 * 3;
}

// Merges the node at `level` with a neighbour if there is one that leaves room to grow.
void OrderedTree::Merge(Path* path, uint32_t level) {
  const uint32_t upper = level + 1;
  if (upper == height()) return;
  TreeNode* const parent = path->nodes[upper];
  const uint32_t child = path->child[upper];
  for (const uint32_t first : {child - 1, child}) {
    if (first + 1 == 0 || first + 1 >= parent->child_count()) continue;
    TreeNode* const left = parent->child(first);
    TreeNode* const right = parent->child(first + 1);
    if (!MayMerge(*left, *right)) continue;
    if (level == 0) DropOutside(*parent, first, first + 1);
    parent->child(first) =
        level == 0 ? MergeLeaves(*left, *right) : MergeInner(*left, *parent, first, *right);
    parent->counts()[first] += parent->counts()[first + 1];
    Drop(left);
    Drop(right);
    return RemoveChild(path, upper, first + 1, first);
  }
}

TreeNode* OrderedTree::MergeLeaves(const TreeNode& left, const TreeNode& right) {
  const bool keep_left = left.key_count() >= right.key_count();
  const TreeNode& kept = keep_left ? left : right;
  const TreeNode& gone = keep_left ? right : left;
  const Piece pieces[] = {AllOf(left), AllOf(right)};
  TreeNode* const merged = TreeNode::NewLeaf(&blocks_, kept.leaf_id, pieces);
  SetLeaf(merged);
  if (relocation_ != nullptr) {
    relocation_->Relocated(gone, 0, gone.key_count(), gone.leaf_id, kept.leaf_id);
  }
  FreeLeafId(gone.leaf_id);
  return merged;
}

TreeNode* OrderedTree::MergeInner(const TreeNode& left, const TreeNode& parent, uint32_t separator,
                                  const TreeNode& right) {
  Children children;
  children.Add(left, 0, left.child_count());
  children.Add(right, 0, right.child_count());
  const Piece pieces[] = {AllOf(left), Piece(parent, separator, separator + 1), AllOf(right)};
  return children.Make(&blocks_, left.level(), pieces);
}

void OrderedTree::Drop(NodeBlock* block) {
  blocks_.Retire(block, UsableSize(BytesOf(*block)), block->generation);
}

void OrderedTree::DropOutside(const TreeNode& node, uint32_t first, uint32_t end) {
  for (uint32_t i = first; node.HasLong() && i < end; ++i) {
    if (node.IsLong(i)) Drop(node.outside(i));
  }
}

uint32_t OrderedTree::NewLeafId() {
  if (free_leaf_id_ != kNoLeaf) {
    const uint32_t id = free_leaf_id_;
    free_leaf_id_ = static_cast<uint32_t>(leaves_[id]);
    return id;
  }
  ASSERT(leaves_.size() != kNoLeaf);
  leaves_.Push(0);
  return leaves_.size() - 1;
}

void OrderedTree::FreeLeafId(uint32_t id) {
  leaves_[id] = free_leaf_id_;
  free_leaf_id_ = id;
}

// The id of an inner node, which has none, is how many of its children have gone, plus one once the
// separators outside of it have.
bool OrderedTree::FreeSome(size_t budget) {
  ASSERT(blocks_.views() == 0);
  size_t freed = blocks_.FreeHeld(budget);
  while (freed < budget && root_ != nullptr) {
    TreeNode* parent = nullptr;
    TreeNode* node = root_;
    while (!node->is_leaf() && node->leaf_id <= node->child_count()) {
      if (node->leaf_id == 0) {
        DropOutside(*node, 0, node->key_count());
        node->leaf_id = 1;
      }
      parent = node;
      node = node->child(node->child_count() - node->leaf_id);
    }
    if (node->is_leaf()) {
      if (node->HasLong()) freed += node->key_count();
      DropOutside(*node, 0, node->key_count());
    }
    Drop(node);
    ++freed;
    if (parent != nullptr) {
      ++parent->leaf_id;
    } else {
      root_ = nullptr;
    }
  }
  if (root_ == nullptr) {
    size_ = 0;
    while (freed < budget && leaves_.FreeLastPage()) ++freed;
  }
  return root_ != nullptr || leaves_.size() != 0;
}

}  // namespace alai
