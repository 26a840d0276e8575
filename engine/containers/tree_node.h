// A node of an ordered tree: keys of a score and a member, packed into one block of just their size.
//
//   leaf    head 24 │ scores n x w │ lengths n │ members, back to back
//   inner   head 24 │ children (n+1) x 8 │ counts (n+1) x 8 │ scores n x w │ lengths n │ members
//
// A leaf's keys are the entries. An inner node's keys separate its children: what is below child i is
// less than key i, what is below child i+1 is not. Counts are of the entries below a child.
//
// Scores take as little room as all of a node's allow: none when they are the same, 2 or 4 bytes
// above a base when they are integers of at most 2^53 that lie close together, 8 otherwise. A member of up to
// kShortMemberBytesMax bytes stands in the node, its length in one byte; a longer one has a block of its own, and the node
// holds its address. There are no offsets: a member's place is the sum of the lengths before it, which are
// added up eight at a time.
//
// Threads     A node that a view shows is read by other threads, so nobody changes it; its generation
//             and leaf id are for the owner of the tree only.
// Invariants  (1) Keys ascend by score, then by member: memcmp, the shorter first. -0.0 equals 0.0 and
//             stays -0.0; there is no NaN.
//             (2) A block has the size class of what is in it: UsableSize(bytes()).
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

#include "engine/containers/versioned_blocks.h"

namespace alai {

constexpr size_t kPointerBytes = sizeof(void*);
constexpr uint32_t kShortMemberBytesMax = 254;

// What nodes and long members begin with.
struct NodeBlock {
  static constexpr uint8_t kOutsideKind = UINT8_MAX;

  NodeBlock(uint32_t of_generation, uint32_t id, uint8_t of_kind)
      : generation(of_generation), leaf_id(id), kind(of_kind) {}

  uint32_t generation;
  uint32_t leaf_id;  // of a leaf
  uint8_t kind;      // a node's level, 0 for leaves; kOutsideKind for a long member
};

// A member outside of its node.
struct LongMember : NodeBlock {
  LongMember(uint32_t of_generation, std::string_view member)
      : NodeBlock(of_generation, 0, kOutsideKind), length(member.size()) {
    member.copy(data(), member.size());
  }

  uint64_t length;

  static size_t BytesFor(uint64_t length) { return sizeof(LongMember) + length; }
  char* data() { return reinterpret_cast<char*>(this + 1); }
  std::string_view view() const { return {reinterpret_cast<const char*>(this + 1), length}; }
};

// A place between entries, or before or behind all of them.
struct TreeBound {
  enum class Side : uint8_t {
    kBefore,  // the entry (score, member)
    kAfter,   // that entry
    kBeyond,  // all entries of the score
  };

  double score = 0;
  std::string_view member = {};
  Side side = Side::kBefore;
};

// A key that is to be put into a node.
struct TreeKey {
  double score = 0;
  std::string_view member = {};  // as the node stores it: with `outside`, its address
  LongMember* outside = nullptr;

  uint8_t stored_length() const {
    return outside != nullptr ? UINT8_MAX : static_cast<uint8_t>(member.size());
  }
  uint32_t stored_bytes() const {
    return outside != nullptr ? kPointerBytes : static_cast<uint32_t>(member.size());
  }
  void CopyTo(char* out) const {
    if (outside != nullptr) {
      std::memcpy(out, &outside, kPointerBytes);
    } else {
      member.copy(out, member.size());
    }
  }
};

class TreeNode : public NodeBlock {
 public:
  // Some keys of a node, or a key on its own: what new nodes are made of.
  struct Piece {
    Piece(const TreeNode& from, uint32_t first_key, uint32_t end_key)
        : node(&from), first(first_key), end(end_key) {}
    explicit Piece(const TreeKey& one) : key(&one) {}

    uint32_t count() const { return node != nullptr ? end - first : 1; }

    const TreeNode* node = nullptr;
    uint32_t first = 0;
    uint32_t end = 0;
    const TreeKey* key = nullptr;
  };

  static TreeNode* NewLeaf(VersionedBlocks* blocks, uint32_t leaf_id,
                           std::span<const Piece> pieces);
  static TreeNode* NewInner(VersionedBlocks* blocks, uint32_t level,
                            std::span<TreeNode* const> children, std::span<const uint64_t> counts,
                            std::span<const Piece> pieces);
  static TreeNode* Copy(VersionedBlocks* blocks, const TreeNode& node);

  bool is_leaf() const { return kind == 0; }
  uint32_t level() const { return kind; }
  uint32_t key_count() const { return key_count_; }
  uint32_t child_count() const { return key_count_ + 1u; }
  // Of the scores, lengths and members.
  uint32_t key_bytes() const { return key_count_ * (score_width_ + 1u) + member_bytes_; }
  uint32_t member_bytes() const { return member_bytes_; }
  uint32_t score_width() const { return score_width_; }
  size_t bytes() const { return static_cast<size_t>(scores() - Raw()) + key_bytes(); }

  TreeNode*& child(uint32_t i) { return reinterpret_cast<TreeNode**>(this + 1)[i]; }
  TreeNode* child(uint32_t i) const { return reinterpret_cast<TreeNode* const*>(this + 1)[i]; }
  std::span<TreeNode* const> children() const {
    return {reinterpret_cast<TreeNode* const*>(this + 1), child_count()};
  }
  std::span<uint64_t> counts() {
    return {reinterpret_cast<uint64_t*>(this + 1) + child_count(), child_count()};
  }
  std::span<const uint64_t> counts() const {
    return {reinterpret_cast<const uint64_t*>(this + 1) + child_count(), child_count()};
  }
  uint64_t CountOfAll() const;

  double score(uint32_t i) const;
  // Where the member of key `i` begins among the bytes; Stored() is what it takes there.
  uint32_t Offset(uint32_t i) const { return StoredBetween(0, i); }
  uint32_t Stored(uint32_t i) const { return StoredBytes(lengths()[i]); }
  std::string_view MemberAt(uint32_t i, uint32_t offset) const;
  std::string_view member(uint32_t i) const { return MemberAt(i, Offset(i)); }
  bool IsLong(uint32_t i) const { return lengths()[i] == UINT8_MAX; }
  bool HasLong() const { return long_count_ != 0; }
  LongMember* outside(uint32_t i) const;
  TreeKey key(uint32_t i) const;

  // How many keys are less than (score, member), and whether the next equals it.
  uint32_t Find(double score, std::string_view member, bool* equal) const;
  // How many entries are before a bound.
  uint32_t CountBefore(const TreeBound& bound) const;
  // The child that a bound, or an entry, belongs to.
  uint32_t ChildFor(const TreeBound& bound) const;
  // The entry with this member, whatever its score; key_count() when there is none.
  uint32_t FindMember(std::string_view member) const;

  // Changes of a leaf in place. Each is false, and changes nothing, when the leaf would need a block of
  // another size or scores of another width.
  bool InsertInPlace(uint32_t at, const TreeKey& key);
  bool EraseInPlace(uint32_t first, uint32_t end);
  // Takes the key `from` to where it is key `to`, with a new score.
  bool MoveInPlace(uint32_t from, uint32_t to, double score);

 private:
  struct Packing;

  TreeNode(uint32_t of_generation, uint32_t id, uint32_t level, const Packing& packing);

  static Packing PackingOf(std::span<const Piece> pieces);
  static uint32_t StoredBytes(uint8_t length) {
    return length == UINT8_MAX ? kPointerBytes : length;
  }

  void Fill(std::span<const Piece> pieces);
  const char* Raw() const { return reinterpret_cast<const char*>(this); }
  const char* scores() const {
    return reinterpret_cast<const char*>(this + 1) +
           (is_leaf() ? 0 : child_count() * (kPointerBytes + sizeof(uint64_t)));
  }
  char* scores() { return const_cast<char*>(std::as_const(*this).scores()); }
  const uint8_t* lengths() const {
    return reinterpret_cast<const uint8_t*>(scores() + key_count_ * score_width_);
  }
  const char* members() const { return reinterpret_cast<const char*>(lengths()) + key_count_; }

  bool Fits(double score) const;
  void PutScore(uint32_t i, double score);
  void Open(uint32_t at, const TreeKey& key);
  void Close(uint32_t first, uint32_t end);
  uint32_t CountLess(double score) const;
  uint32_t CountNotGreater(double score) const;
  uint32_t StoredBetween(uint32_t first, uint32_t end) const;

  // Behind the generation, leaf id and kind of NodeBlock.
  uint8_t score_width_;
  uint8_t long_count_;
  uint8_t key_count_;
  uint32_t member_bytes_;
  double base_;
};

static_assert(sizeof(TreeNode) == 24);

}  // namespace alai
