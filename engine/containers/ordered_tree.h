// Ordered tree: entries of a score and a member in order, with their ranks.
//
// A B+-tree whose inner nodes keep how many entries are below each child (order statistics), so that the
// rank of an entry and the entry of a rank are found in one descent. Leaves and inner nodes are blocks of
// just the size of what is in them (tree_node.h), so that half-full nodes waste nothing but their head. A
// separator is as short as can be: the score alone where scores differ, else the member up to the first
// byte that differs (prefix B-trees, Bayer and Unterauer 1977).
//
// Every leaf has a number that outlives changes of its block; leaf() finds it. Entries change leaf
// only when leaves split or merge, and then Relocation hears of it: a bounded number of entries each time, one for each insertion
// on average. Whoever notes the leaves of members that way finds a member without
// knowing its score.
//
// Nodes know neither their parents nor their siblings: a cursor keeps its path, and what a frozen view
// shows is copied from the root down as it changes.
//
// Threads     One at a time; cursors over a view may be used by another thread meanwhile.
// Invariants  (1) Entries are distinct. Scores are no NaN.
//             (2) Any change invalidates cursors, and members that were given out, except those of a view.
//             (3) No member that is passed in is one that was given out.
// Limits      Nodes split above kLeafKeyBytesMax or kLeafKeysMax, and kInnerChildrenMax or kInnerKeyBytesMax, and
//             merge when they are a quarter full. Each level multiplies the entries by 8 at the least, so that
//             kHeightMax is out of reach.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>

#include "engine/containers/tree_node.h"
#include "engine/containers/word_stack.h"

namespace alai {

class OrderedTree {
 public:
  static constexpr uint32_t kLeafKeyBytesMax = 744;
  static constexpr uint32_t kLeafKeysMax = 128;
  static constexpr uint32_t kInnerChildrenMax = 64;
  static constexpr uint32_t kInnerKeyBytesMax = 4096;
  static constexpr uint32_t kHeightMax = 16;
  static constexpr size_t kGarbagePerChange = 4;
  static constexpr uint32_t kNoLeaf = UINT32_MAX;

  // Hears that the keys [first, end) of `leaf` are now in leaf `to` and no longer in leaf `from`.
  class Relocation {
   public:
    virtual void Relocated(const TreeNode& leaf, uint32_t first, uint32_t end, uint32_t from,
                           uint32_t to) = 0;

   protected:
    ~Relocation() = default;
  };

  // The entries as they were at a moment.
  struct View {
    const TreeNode* root = nullptr;
    uint64_t size = 0;
  };

  // A place among the entries, or none: neither behind the last nor before the first entry is one.
  class Cursor {
   public:
    Cursor() = default;
    // At the entry of a rank; nowhere when there are not so many.
    Cursor(const View& view, uint64_t rank);

    bool valid() const { return height_ != 0; }
    double score() const { return nodes_[0]->score(at_[0]); }
    std::string_view member() const { return nodes_[0]->MemberAt(at_[0], offset_); }
    void Next();
    void Previous();

   private:
    // Goes down from the child where `nodes_[level]` stands, to its first or last entry.
    void DescendToEdge(uint32_t level, bool last);

    const TreeNode* nodes_[kHeightMax];
    uint32_t at_[kHeightMax];
    uint32_t height_ = 0;
    uint32_t offset_ = 0;  // of the member in its leaf
  };

  explicit OrderedTree(Relocation* relocation = nullptr);
  // Views must have been released.
  ~OrderedTree();
  OrderedTree(const OrderedTree&) = delete;
  OrderedTree& operator=(const OrderedTree&) = delete;

  uint64_t size() const { return size_; }
  const TreeNode& leaf(uint32_t id) const { return *reinterpret_cast<TreeNode*>(leaves_[id]); }
  // Bring a leaf closer: its address, and then itself, so let other work go between.
  void PrefetchLeafWord(uint32_t id) const { leaves_.Prefetch(id); }
  void PrefetchLeaf(uint32_t id) const {
    const auto* const block = reinterpret_cast<const char*>(leaves_[id]);
    for (uint32_t at = 0; at < sizeof(TreeNode) + kLeafKeyBytesMax; at += 64) {
      __builtin_prefetch(block + at);
    }
  }

  // The leaf where the entry is now; kNoLeaf when it was there already.
  uint32_t Insert(double score, std::string_view member);
  // Whether it was there.
  bool Erase(double score, std::string_view member);
  // Gives the entry, which is there, another score: the same as Erase() and Insert(). Its leaf.
  uint32_t Move(double score, std::string_view member, double new_score);
  // Erases entries by rank, as many as there are; `gone` is told of each in turn before it goes, its leaf
  // included.
  using Gone = std::function<void(std::string_view member, double score, uint32_t leaf_id)>;
  void EraseRanks(uint64_t first, uint64_t count, const Gone& gone);

  // How many entries are before a bound: the rank of the first entry behind it.
  uint64_t CountBefore(const TreeBound& bound) const;
  std::optional<uint64_t> Rank(double score, std::string_view member) const;
  Cursor At(uint64_t rank) const { return Cursor(View{root_, size_}, rank); }

  // The entries as they are now, for another thread to walk while they change here. Each view is released
  // once, by the tree's owner.
  View Freeze();
  void Release(const View& view);

  // Frees up to `budget` blocks that only views showed which are gone, and says whether some are left. Each
  // change does so for kGarbagePerChange.
  bool FreeGarbage(size_t budget) {
    blocks_.FreeHeld(budget);
    return blocks_.has_garbage();
  }

  // Frees about `budget` blocks and says whether some are left. With no views; nothing else can be
  // done with the tree afterwards.
  bool FreeSome(size_t budget);

  // What the allocator holds for the tree besides the object itself, held blocks included.
  size_t allocated_bytes() const { return blocks_.bytes() + leaves_.allocated_bytes(); }

 private:
  // The way to a leaf, its nodes all free to be changed.
  struct Path {
    TreeNode* nodes[kHeightMax];  // by level
    uint32_t child[kHeightMax];   // which child the way leads through; 0 for the leaf
  };

  uint32_t height() const { return root_ == nullptr ? 0 : root_->level() + 1; }
  TreeNode* Own(TreeNode** place);
  void Descend(const TreeBound& bound, Path* path);
  uint32_t DescendToRank(uint64_t rank, Path* path);
  bool LeadsTo(const Path& path, const TreeBound& bound) const;
  bool IsAtEdge(const Path& path, bool last) const;
  void Replace(Path* path, uint32_t level, TreeNode* fresh);
  void AddToCounts(const Path& path, int64_t difference);

  TreeKey NewKey(double score, std::string_view member);
  uint32_t Insert(double score, std::string_view member, LongMember* outside);
  uint32_t SplitLeaf(Path* path, uint32_t at, const TreeKey& key);
  TreeKey SeparatorOf(const TreeNode& left, const TreeNode& right);
  void ReplaceByTwo(Path* path, uint32_t level, TreeNode* left, TreeNode* right,
                    const TreeKey& separator);
  void SplitInner(Path* path, uint32_t level, const TreeNode& full);

  void EraseKeys(Path* path, uint32_t first, uint32_t end);
  void RemoveNode(Path* path, uint32_t level);
  void RemoveChild(Path* path, uint32_t level, uint32_t child, uint32_t separator);
  bool MayMerge(const TreeNode& left, const TreeNode& right) const;
  void Merge(Path* path, uint32_t level);
  TreeNode* MergeLeaves(const TreeNode& left, const TreeNode& right);
  TreeNode* MergeInner(const TreeNode& left, const TreeNode& parent, uint32_t separator,
                       const TreeNode& right);
  void DropOutside(const TreeNode& node, uint32_t first, uint32_t end);

  uint32_t NewLeafId();
  void FreeLeafId(uint32_t id);
  // For what has left the tree.
  void Drop(NodeBlock* block);
  void SetLeaf(TreeNode* leaf) { leaves_[leaf->leaf_id] = reinterpret_cast<uint64_t>(leaf); }

  VersionedBlocks blocks_;
  WordStack leaves_;  // by id: the leaf, or the next free id
  uint32_t free_leaf_id_ = kNoLeaf;
  TreeNode* root_ = nullptr;
  uint64_t size_ = 0;
  Relocation* const relocation_;
};

}  // namespace alai
