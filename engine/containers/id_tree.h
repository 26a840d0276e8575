// An ordered map from StreamId to a small value: a B+-tree whose nodes are copied on write.
//
//                      ┌──────────────────────────────┐
//      inner node      │ header │ ids │ child pointers │   ids[i] is at most every id below child i;
//                      └──────────────┬────────┬──────┘   ids[0] counts as the lowest of all
//                                 ┌───┘        └───┐
//                      ┌──────────┴───────┐  ┌─────┴────────────┐
//      leaf            │ header │ ids │ values │ …              │
//                      └──────────────────┘  └──────────────────┘
//
// Nodes are of kNodeBytes; one that holds little starts small and doubles. What is appended at the upper end
// leaves full nodes behind instead of splitting them in half. A node that gets below a quarter is merged
// with a neighbour when both together fill three quarters at most. A change copies those nodes between the
// root and its leaf which a view shows, so freezing a tree is remembering its root.
//
// Threads     One at a time; cursors over the root of a view in any thread (versioned_blocks.h).
// Invariants  Ids are unique. No node is empty. All leaves are at level 0.
// Why         A map of the library's can neither be frozen at once, nor be freed in slices, nor say to the
//             byte what it takes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "engine/containers/stream_id.h"
#include "engine/containers/versioned_blocks.h"

namespace alai {

struct IdTreeNode {
  BlockStamp stamp;
  uint16_t count;
  uint16_t capacity;
  uint16_t level;

  StreamId* ids() { return reinterpret_cast<StreamId*>(this + 1); }
  const StreamId* ids() const { return reinterpret_cast<const StreamId*>(this + 1); }
};
static_assert(sizeof(IdTreeNode) == 16);

// A tree of values of type Value, which is trivially copyable and may be empty. Defined in id_tree.cc for
// the types that streams are made of.
template <class Value>
class IdTree {
 public:
  static constexpr size_t kNodeBytes = 1024;
  static constexpr int kHeightMax = 16;

  // What a view keeps of a tree.
  struct Root {
    const IdTreeNode* node = nullptr;
    uint64_t size = 0;
  };

  // A place in a tree. Any change of the tree but Change() of a value invalidates it.
  class Cursor {
   public:
    explicit Cursor(Root root) : root_(root.node) {}

    // Each says whether there is such an entry; moving on from the last one stays invalid.
    bool SeekAtOrAfter(StreamId id);
    bool SeekAtOrBefore(StreamId id);
    bool Next();
    bool Previous();

    bool valid() const { return valid_; }
    StreamId id() const { return leaf()->ids()[steps_[0].at]; }
    const Value& value() const { return Values(leaf())[steps_[0].at]; }

   private:
    struct Step {
      const IdTreeNode* node;
      uint32_t at;
    };
    const IdTreeNode* leaf() const { return steps_[0].node; }
    void DescendToEdge(int level, bool last);

    const IdTreeNode* root_;
    bool valid_ = false;
    Step steps_[kHeightMax];  // by level
  };

  explicit IdTree(VersionedBlocks& blocks) : blocks_(&blocks) {}
  ~IdTree() { Clear(); }
  IdTree(const IdTree&) = delete;
  IdTree& operator=(const IdTree&) = delete;

  uint64_t size() const { return size_; }
  Root root() const { return {root_, size_}; }

  // Valid until the next change; nullptr when there is none.
  const Value* Find(StreamId id) const;
  // The same for a value to be changed. The pointer goes stale with the next change or view.
  Value* Change(StreamId id);
  // `id` must not be there yet.
  void Insert(StreamId id, const Value& value);
  bool Erase(StreamId id);

  // The tree must not be empty.
  StreamId first_id() const;
  StreamId last_id() const;

  void Clear();
  // Frees up to `budget` nodes and returns how many; the tree can then only be freed further. Not while there
  // are views.
  size_t FreeSome(size_t budget);

  // Nodes of the tree, by counting them.
  uint64_t CountNodes() const;

 private:
  using Node = IdTreeNode;
  struct Step {
    Node* node;
    uint32_t at;
  };
  // From the leaf, at index 0, up to the root. `at` is the child on the way or, in the leaf, the place of
  // the first id that is not less.
  struct Path {
    Step steps[kHeightMax];
    int height;
  };

  template <class V>
  static constexpr size_t kValueBytes = std::is_empty_v<V> ? 0 : sizeof(V);
  template <class V>
  static uint16_t CapacityOf(size_t bytes) {
    return static_cast<uint16_t>((bytes - sizeof(Node)) / (sizeof(StreamId) + kValueBytes<V>));
  }
  template <class V>
  static V* ValuesOf(Node* node) {
    return reinterpret_cast<V*>(node->ids() + node->capacity);
  }
  static const Value* Values(const Node* leaf) {
    return reinterpret_cast<const Value*>(leaf->ids() + leaf->capacity);
  }
  static Node* const* Children(const Node* node) {
    return reinterpret_cast<Node* const*>(node->ids() + node->capacity);
  }

  template <class V>
  Node* NewNode(int level, size_t bytes);
  template <class V>
  static void Append(Node* to, const Node* from, uint32_t first, uint32_t count);
  template <class V>
  Node* Copy(const Node* node, size_t bytes);
  Node* Own(Node** link);
  Node** LinkTo(Path& path, int level);
  void OwnPath(StreamId id, Path* path);
  bool OwnEntry(StreamId id, Path* path);
  template <class V>
  static void InsertAt(Step step, StreamId id, const V& value);
  template <class V>
  static void EraseAt(Step step);
  template <class V>
  void Put(Path& path, int level, StreamId id, const V& value);
  template <class V>
  void MakeRoom(Path& path, int level, StreamId id);
  template <class V>
  void Rebalance(Path& path, int level);
  template <class V>
  bool MergeWithNeighbour(Step parent);
  void ShortenRoot();
  void DropAll(Node* node);
  static uint64_t CountBelow(const Node* node);

  VersionedBlocks* blocks_;
  Node* root_ = nullptr;
  uint64_t size_ = 0;
};

}  // namespace alai
