// The large form of hashes and sets: members, with values and deadlines if it is a map, in small packed
// nodes and without an allocation for each.
//
// Linear hashing (Litwin, 1980): a member's hash gives its position, a fraction from 0 to 1, and a node
// holds all positions with the same first bits. When the average is exceeded the next node in the order of
// positions is split by one more bit; when it is undershot the last split is undone.
//
//   positions   |  000  |  001  |  010  |  011  |      10       |      11       |
//   node        |   0   |   4   |   2   |   5   |       1       |       3       |      6 nodes
//                                               ^ splits next, into 1 and 6
//
// No step does more than that, there is no directory to double and none that is larger than the nodes
// that there are, and where members are equally hashed there is nothing to run away: their node grows, the
// others stay empty.
//
// Hashes are uniform; positions are denser by half at 0 and thinner by a quarter at 1, as in spiral
// storage (Martin, 1979). So the node that splits next is the fullest, and all sizes between a just split
// and a full node are there at any time in the same proportions: what a node leaves behind in the
// allocator when it grows another takes. When all nodes fill up in phase, a quarter of the memory
// is holes.
//
// A scan's cursor is the first 53 bits of a position. Splitting and merging keep positions where they are.
//
// A member whose time has come stays until it is removed; whoever finds it sees its deadline.
//
// Threads     One at a time; a Snapshot may be read by another thread meanwhile.
// Invariants  Views of members are valid until the next change; arguments must not be such views, except
//             where said.
// Why         Extendible hashing wants a directory of 2 to 4 entries a node of this size, since it is as
//             deep as the fullest node, and moves all of it when it doubles.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "engine/base/clock.h"
#include "engine/base/random.h"
#include "engine/containers/deadline_index.h"
#include "engine/containers/packed_node.h"
#include "engine/containers/paged_words.h"
#include "engine/containers/versioned_blocks.h"

namespace alai {

class PackedTable {
 public:
  enum class Kind : uint8_t { kSet, kMap };
  using HashFunction = uint64_t (*)(std::string_view);

  // The hash is Hash() unless a test chooses another.
  explicit PackedTable(Kind kind, HashFunction hash = nullptr);
  PackedTable(const PackedTable&) = delete;
  PackedTable& operator=(const PackedTable&) = delete;
  // No snapshot may exist.
  ~PackedTable();

  size_t size() const { return size_; }
  Kind kind() const { return is_map_ ? Kind::kMap : Kind::kSet; }
  // Of everything, this object included.
  size_t allocated_bytes() const;

  std::optional<PackedMember> Find(std::string_view member) const;
  // A hint that these members are about to be looked for. Their cache misses overlap.
  void Prefetch(std::span<const std::string_view> members) const;
  bool Contains(std::string_view member) const { return Locate(member).slot != kNoSlot; }

  // Sets have neither values nor deadlines. A deadline is kNoDeadline or from 0 to kMemberDeadlineMax,
  // to which others are moved. A member and its value have less than 2 GB together.

  // False, and nothing is changed, when the member is there.
  bool Insert(std::string_view member, std::string_view value = {},
              UnixMillis deadline = kNoDeadline);

  struct Upserted {
    bool added;               // false: the member was there
    UnixMillis old_deadline;  // of the member that was there
  };
  // Sets value and deadline, whether or not the member is there.
  Upserted Upsert(std::string_view member, std::string_view value,
                  UnixMillis deadline = kNoDeadline);
  // Keeps the deadline. A value as long as the old one is written in its place. False when the member
  // is not there.
  bool SetValue(std::string_view member, std::string_view value);
  // Keeps the value. False when the member is not there.
  bool SetDeadline(std::string_view member, UnixMillis deadline);
  // The member may be a view of this table's.
  bool Erase(std::string_view member);
  // Makes the table as a new one.
  void Clear();

  // Calls visit(const PackedMember&) for each, which returns false to stop; false when it was stopped.
  template <class Visit>
  bool ForEach(Visit visit) const {
    return VisitNodes(directory_.pages(), nodes_, is_map_, visit);
  }
  // Calls visit(size_t) for each node with how many members it has.
  template <class Visit>
  void ForEachNode(Visit visit) const {
    for (size_t number = 0; number < nodes_; ++number) visit(Node(number)->count());
  }
  // Calls visit(const PackedMember&) for all members of nodes from the cursor on until there were at
  // least `count`, or `count` nodes; gives the next cursor, 0 at the end. From 0 to 0, a member that is there all the time
  // is visited at least once. Cursors are below 2^53; any is accepted.
  template <class Visit>
  uint64_t Scan(uint64_t cursor, size_t count, Visit visit) const;

  // Every member with the same probability. The table must not be empty.
  PackedMember RandomMember(Random& random) const { return Read(RandomPlace(random)); }
  // Calls visit(const PackedMember&) for `count` members, each drawn from all. Must not be empty.
  template <class Visit>
  void RandomRepeated(Random& random, size_t count, Visit visit) const {
    for (; count != 0; --count) visit(Read(RandomPlace(random)));
  }
  // Calls visit(const PackedMember&) for `count` different members, or all if there are fewer; every
  // selection has the same probability, their order does not.
  template <class Visit>
  void RandomDistinct(Random& random, size_t count, Visit visit) const;
  // Removes a random member; visit(const PackedMember&) sees it before. Must not be empty.
  template <class Visit>
  void TakeRandom(Random& random, Visit visit) {
    const Place place = RandomPlace(random);
    visit(Read(place));
    EraseAt(place);
  }

  size_t deadline_count() const { return deadline_count_; }
  // kNoDeadline when no member has one.
  UnixMillis EarliestDeadline() const { return due_ == nullptr ? kNoDeadline : due_->Earliest(); }
  // Removes up to `limit` members whose deadline is `now` or before; visit(const PackedMember&) sees each
  // before. Gives their number.
  template <class Visit>
  size_t TakeDue(UnixMillis now, size_t limit, Visit visit);

  // The table as it was at a moment, for any thread to read; given back by the table's owner, before the
  // table goes.
  class Snapshot {
   public:
    size_t size() const { return size_; }
    template <class Visit>
    bool ForEach(Visit visit) const {
      return VisitNodes(pages_, nodes_, is_map_, visit);
    }

   private:
    friend class PackedTable;
    PagedWords::Page* pages_ = nullptr;
    size_t page_count_ = 0;
    size_t nodes_ = 0;
    size_t size_ = 0;
    bool is_map_ = false;
  };
  // Costs 16 bytes for every 512 nodes. What is changed while snapshots exist is copied first, and the
  // old nodes are freed after the last of them.
  Snapshot Freeze();
  void Release(const Snapshot& snapshot);

  // Frees about `budget` nodes; false when nothing is left. The table must not be used any more then but
  // to go on freeing or to be destroyed. No snapshot may exist.
  bool FreeSome(size_t budget);

 private:
  static constexpr uint32_t kNoSlot = PackedNode::kNoSlot;
  static constexpr uint32_t kCursorBits = 53;
  // Averages beyond which a node is split, and below which one is merged.
  static constexpr size_t kMembersMax = 20;
  static constexpr size_t kBytesMax = 1536;
  static constexpr size_t kMembersMin = 11;
  static constexpr size_t kBytesMin = 800;

  struct Place {
    size_t node;
    uint32_t slot;
    uint64_t hash;  // only known to Locate()
  };

  // A node and how many first bits its positions have in common.
  struct Cell {
    size_t node;
    uint32_t depth;
  };

  static uint8_t TagOf(uint64_t hash) { return static_cast<uint8_t>(hash); }
  // Fractions of 2^64: (2u + u^2) / 3, whose slope doubles from 0 to 1.
  static uint64_t PositionOf(uint64_t hash) {
    constexpr uint64_t kThird = UINT64_MAX / 3;
    return HighProduct(hash, 2 * kThird + HighProduct(hash, kThird));
  }
  static uint64_t HighProduct(uint64_t a, uint64_t b) {
    return static_cast<uint64_t>(static_cast<unsigned __int128>(a) * b >> 64);
  }
  static uint64_t FirstBits(uint64_t position, uint32_t depth) {
    return (position >> 1) >> (63 - depth);
  }
  // Nodes are numbered as they come into being. First bits that end in a one are those of the node that
  // came when that bit was split off; zeros behind it leave a node what it was.
  static size_t NodeOf(uint64_t first_bits, uint32_t depth) {
    const uint64_t marked = first_bits | uint64_t{1} << depth;
    return (marked >> 1) >> std::countr_zero(marked);
  }
  static UnixMillis Clamped(UnixMillis deadline) {
    return deadline == kNoDeadline ? deadline
                                   : std::clamp<UnixMillis>(deadline, 0, kMemberDeadlineMax);
  }
  static const PackedNode* NodeIn(const PagedWords::Page* pages, size_t number) {
    return reinterpret_cast<const PackedNode*>(PagedWords::Word(pages, number));
  }
  template <class Visit>
  static bool VisitNodes(const PagedWords::Page* pages, size_t nodes, bool is_map, Visit& visit);

  PackedNode* Node(size_t number) const {
    return reinterpret_cast<PackedNode*>(directory_[number]);
  }
  Cell CellOf(uint64_t position) const {
    const uint32_t depth = level_ + (FirstBits(position, level_) < split_ ? 1 : 0);
    return {NodeOf(FirstBits(position, depth), depth), depth};
  }

  Place Locate(std::string_view member) const;
  PackedMember Read(Place place) const { return Node(place.node)->Entry(place.slot).Read(is_map_); }
  Place RandomPlace(Random& random) const;
  Place DuePlace(UnixMillis now) const;

  void Add(Place place, const PackedMember& member);
  // `member` may be a view of `old`, which is what is there, if that lies in a block of its own.
  void Replace(Place place, const PackedMember& old, const PackedMember& member);
  bool RewriteValue(Place place, const PackedMember& old, const PackedMember& member);
  void EraseAt(Place place);

  void MakeFirstNode();
  PackedNode* NewNode(size_t capacity);
  void SetNode(size_t number, PackedNode* node);
  void RetireNode(PackedNode* node);
  // The node, ready to be changed, with room for so many more members and bytes.
  PackedNode* Editable(size_t number, size_t members, size_t bytes);
  PackedNode* Rebuild(size_t number, size_t capacity);
  void Trim(size_t number);
  LargeMember* NewLarge(const PackedMember& member, uint64_t hash);
  void RetireLarge(LargeMember* member);
  // Writes into the block of a large member if it fits there and nobody sees it.
  bool RewriteLarge(LargeMember* large, const PackedMember& member);

  void SetNodeCount(size_t nodes) {
    nodes_ = nodes;
    level_ = static_cast<uint32_t>(std::bit_width(nodes)) - 1;
    split_ = nodes - (size_t{1} << level_);
  }
  void SplitIfFull() {
    if (size_ > nodes_ * kMembersMax || entry_bytes_ > nodes_ * kBytesMax) SplitNext();
  }
  void MergeIfSparse() {
    const size_t left = nodes_ - 1;
    if (left != 0 && size_ < left * kMembersMin && entry_bytes_ < left * kBytesMin) MergeLast();
  }
  void SplitNext();
  void MergeLast();

  UnixMillis EarliestOf(const PackedNode& node) const;
  void NoteDeadline(size_t number, UnixMillis old_deadline, UnixMillis deadline);
  size_t FreeNode(PackedNode* node);

  VersionedBlocks blocks_;
  PagedWords directory_{blocks_, 0};
  size_t nodes_ = 0;
  size_t split_ = 0;  // of the 2^level_ nodes that there were, how many have been split
  uint32_t level_ = 0;
  uint32_t count_bound_ = 1;  // no node has ever had more members
  size_t size_ = 0;
  size_t entry_bytes_ = 0;  // in nodes
  HashFunction hash_;
  bool is_map_;
  size_t deadline_count_ = 0;
  std::unique_ptr<DeadlineIndex> due_;  // while there are deadlines
};

template <class Visit>
bool PackedTable::VisitNodes(const PagedWords::Page* pages, size_t nodes, bool is_map,
                             Visit& visit) {
  constexpr size_t kAhead = 4;
  for (size_t number = 0; number < nodes; ++number) {
    if (number + kAhead < nodes) NodeIn(pages, number + kAhead)->Prefetch();
    const bool all = NodeIn(pages, number)->ForEach([&](uint32_t, EntryRef entry) {
      return static_cast<bool>(visit(static_cast<const PackedMember&>(entry.Read(is_map))));
    });
    if (!all) return false;
  }
  return true;
}

template <class Visit>
uint64_t PackedTable::Scan(uint64_t cursor, size_t count, Visit visit) const {
  constexpr uint64_t kEnd = uint64_t{1} << kCursorBits;
  size_t visited = 0;
  count = std::max<size_t>(count, 1);
  // Empty nodes must not make a call endless.
  for (size_t left = count; left != 0 && visited < count && cursor < kEnd; --left) {
    const Cell cell = CellOf(cursor << (64 - kCursorBits));
    const uint32_t shift = kCursorBits - cell.depth;
    cursor = ((cursor >> shift) + 1) << shift;
    const PackedNode& node = *Node(cell.node);
    if (cursor < kEnd) Node(CellOf(cursor << (64 - kCursorBits)).node)->Prefetch();
    node.ForEach([&](uint32_t, EntryRef entry) {
      visit(static_cast<const PackedMember&>(entry.Read(is_map_)));
      return true;
    });
    visited += node.count();
  }
  return cursor < kEnd ? cursor : 0;
}

template <class Visit>
void PackedTable::RandomDistinct(Random& random, size_t count, Visit visit) const {
  // Drawing costs a few cache misses and is repeated for what has been drawn already; going through all
  // costs much less for each.
  constexpr size_t kWorthDrawing = 16;
  if (count >= size_ / kWorthDrawing) {
    // Selection sampling (Knuth, The Art of Computer Programming, volume 2, 3.4.2, algorithm S).
    size_t wanted = std::min(count, size_);
    size_t left = size_;
    ForEach([&](const PackedMember& member) {
      if (wanted == 0) return false;
      if (random.Below(left--) < wanted) {
        --wanted;
        visit(member);
      }
      return true;
    });
    return;
  }
  // Places drawn, in a table with open addressing that stays less than half full; 0 is a free slot.
  const size_t slots = std::bit_ceil(2 * count + 1);
  const auto drawn = std::make_unique<uint64_t[]>(slots);
  while (count != 0) {
    const Place place = RandomPlace(random);
    const uint64_t key = (uint64_t{place.node} << 32 | place.slot) + 1;
    size_t at = (key * 0x9e3779b97f4a7c15) >> 32 & (slots - 1);
    while (drawn[at] != 0 && drawn[at] != key) at = (at + 1) & (slots - 1);
    if (drawn[at] == key) continue;
    drawn[at] = key;
    visit(Read(place));
    --count;
  }
}

template <class Visit>
size_t PackedTable::TakeDue(UnixMillis now, size_t limit, Visit visit) {
  size_t taken = 0;
  now = std::min(now, kNoDeadline - 1);
  for (; taken < limit && EarliestDeadline() <= now; ++taken) {
    const Place place = DuePlace(now);
    visit(Read(place));
    EraseAt(place);
  }
  return taken;
}

}  // namespace alai
