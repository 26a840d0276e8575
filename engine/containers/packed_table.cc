#include "engine/containers/packed_table.h"

#include <cstring>

#include "engine/base/assert.h"
#include "engine/base/hash.h"

namespace alai {
namespace {

uint64_t KeyedHash(std::string_view bytes) { return Hash(bytes); }

// Which members of a node go elsewhere: bits, without an allocation for nodes of usual size.
class Choice {
 public:
  explicit Choice(size_t count) {
    if (count > kInlineMax) large_ = std::make_unique<bool[]>(count);
  }
  bool& operator[](size_t at) { return large_ != nullptr ? large_[at] : inline_[at]; }

 private:
  static constexpr size_t kInlineMax = 256;
  bool inline_[kInlineMax];
  std::unique_ptr<bool[]> large_;
};

}  // namespace

PackedTable::PackedTable(Kind kind, HashFunction hash)
    : hash_(hash != nullptr ? hash : KeyedHash), is_map_(kind == Kind::kMap) {
  MakeFirstNode();
}

PackedTable::~PackedTable() {
  ASSERT(blocks_.views() == 0);
  FreeSome(SIZE_MAX);
}

size_t PackedTable::allocated_bytes() const {
  return UsableSize(sizeof(PackedTable)) + blocks_.bytes() +
         (due_ == nullptr ? 0 : UsableSize(sizeof(DeadlineIndex)));
}

PackedTable::Place PackedTable::Locate(std::string_view member) const {
  const uint64_t hash = hash_(member);
  const size_t number = CellOf(PositionOf(hash)).node;
  return {number, Node(number)->Find(TagOf(hash), member, is_map_), hash};
}

std::optional<PackedMember> PackedTable::Find(std::string_view member) const {
  const Place place = Locate(member);
  if (place.slot == kNoSlot) return std::nullopt;
  return Read(place);
}

void PackedTable::Prefetch(std::span<const std::string_view> members) const {
  // About as many misses as a core has under way.
  constexpr size_t kAtOnce = 24;
  struct Wanted {
    uint64_t hash;
    size_t node;
  };
  Wanted wanted[kAtOnce];
  while (!members.empty()) {
    const size_t count = std::min(members.size(), kAtOnce);
    for (size_t i = 0; i < count; ++i) {
      const uint64_t hash = hash_(members[i]);
      wanted[i] = {hash, CellOf(PositionOf(hash)).node};
      directory_.Prefetch(wanted[i].node);
    }
    for (size_t i = 0; i < count; ++i) Node(wanted[i].node)->Prefetch();
    for (size_t i = 0; i < count; ++i) Node(wanted[i].node)->PrefetchEntry(TagOf(wanted[i].hash));
    members = members.subspan(count);
  }
}

PackedTable::Place PackedTable::RandomPlace(Random& random) const {
  DASSERT(size_ != 0);
  if (nodes_ == 1) return {0, static_cast<uint32_t>(random.Below(size_)), 0};
  // Every node and slot is drawn with the same probability; slots that are not there are drawn again. A
  // few draws at a time, so that their nodes' cache misses overlap.
  constexpr size_t kAtOnce = 4;
  for (;;) {
    Place drawn[kAtOnce];
    for (Place& place : drawn) {
      place = {random.Below(nodes_), static_cast<uint32_t>(random.Below(count_bound_)), 0};
      Node(place.node)->Prefetch();
    }
    for (const Place& place : drawn) {
      if (place.slot < Node(place.node)->count()) return place;
    }
  }
}

PackedTable::Place PackedTable::DuePlace(UnixMillis now) const {
  Place place{due_->First(), kNoSlot, 0};
  Node(place.node)->ForEach([&](uint32_t slot, EntryRef entry) {
    if (entry.Read(is_map_).deadline > now) return true;
    place.slot = slot;
    return false;
  });
  ASSERT(place.slot != kNoSlot);
  return place;
}

bool PackedTable::Insert(std::string_view member, std::string_view value, UnixMillis deadline) {
  const Place place = Locate(member);
  if (place.slot != kNoSlot) return false;
  Add(place, {member, value, Clamped(deadline)});
  return true;
}

PackedTable::Upserted PackedTable::Upsert(std::string_view member, std::string_view value,
                                          UnixMillis deadline) {
  const Place place = Locate(member);
  if (place.slot == kNoSlot) {
    Add(place, {member, value, Clamped(deadline)});
    return {true, kNoDeadline};
  }
  const PackedMember old = Read(place);
  const UnixMillis old_deadline = old.deadline;
  Replace(place, old, {member, value, Clamped(deadline)});
  return {false, old_deadline};
}

bool PackedTable::SetValue(std::string_view member, std::string_view value) {
  const Place place = Locate(member);
  if (place.slot == kNoSlot) return false;
  const PackedMember old = Read(place);
  Replace(place, old, {member, value, old.deadline});
  return true;
}

bool PackedTable::SetDeadline(std::string_view member, UnixMillis deadline) {
  const Place place = Locate(member);
  if (place.slot == kNoSlot) return false;
  const PackedMember old = Read(place);
  PackedMember changed{member, old.value, Clamped(deadline)};
  // What lies in the node is moved before it is written anew.
  char copy[EntryForm::kInlineBytesMax];
  if (!Node(place.node)->Entry(place.slot).large()) {
    changed.value = {copy, old.value.copy(copy, sizeof copy)};
  }
  Replace(place, old, changed);
  return true;
}

bool PackedTable::Erase(std::string_view member) {
  const Place place = Locate(member);
  if (place.slot == kNoSlot) return false;
  EraseAt(place);
  return true;
}

void PackedTable::Add(Place place, const PackedMember& member) {
  DASSERT(is_map_ || (member.value.empty() && member.deadline == kNoDeadline));
  const EntryForm form(is_map_, member.member.size(), member.value.size(),
                       member.deadline != kNoDeadline);
  LargeMember* const large = form.large() ? NewLarge(member, place.hash) : nullptr;
  PackedNode* const node = Editable(place.node, 1, form.bytes());
  const EntryRef entry = node->Append(TagOf(place.hash), form.code());
  if (large != nullptr) {
    entry.SetLargeMember(large);
  } else {
    entry.Write(is_map_, member);
  }
  ++size_;
  entry_bytes_ += form.bytes();
  count_bound_ = std::max(count_bound_, node->count());
  NoteDeadline(place.node, kNoDeadline, member.deadline);
  SplitIfFull();
}

void PackedTable::Replace(Place place, const PackedMember& old, const PackedMember& member) {
  DASSERT(is_map_ || (member.value.empty() && member.deadline == kNoDeadline));
  if (RewriteValue(place, old, member)) return;
  const EntryForm form(is_map_, member.member.size(), member.value.size(),
                       member.deadline != kNoDeadline);
  PackedNode* node = Node(place.node);
  EntryRef entry = node->Entry(place.slot);
  const UnixMillis old_deadline = old.deadline;
  LargeMember* const old_large = entry.large() ? entry.large_member() : nullptr;
  if (form.large() && old_large != nullptr && RewriteLarge(old_large, member)) {
    NoteDeadline(place.node, old_deadline, member.deadline);
    return;
  }
  LargeMember* const large = form.large() ? NewLarge(member, place.hash) : nullptr;
  const uint32_t old_bytes = EntryForm::BytesOf(entry.code);
  node = Editable(place.node, 0, form.bytes() > old_bytes ? form.bytes() - old_bytes : 0);
  entry = node->Entry(place.slot);
  if (form.code() != entry.code) entry = node->Resize(place.slot, entry, form.code());
  if (large != nullptr) {
    entry.SetLargeMember(large);
  } else {
    entry.Write(is_map_, member);
  }
  if (old_large != nullptr) RetireLarge(old_large);
  entry_bytes_ += form.bytes();
  entry_bytes_ -= old_bytes;
  NoteDeadline(place.node, old_deadline, member.deadline);
  if (form.bytes() > old_bytes) {
    SplitIfFull();
  } else if (form.bytes() < old_bytes) {
    Trim(place.node);
    MergeIfSparse();
  }
}

// A value of the same length and nothing else: what counters do.
bool PackedTable::RewriteValue(Place place, const PackedMember& old, const PackedMember& member) {
  const PackedNode& node = *Node(place.node);
  if (member.value.size() != old.value.size() || member.deadline != old.deadline ||
      blocks_.Shared(node.generation()) || node.Entry(place.slot).large()) {
    return false;
  }
  member.value.copy(const_cast<char*>(old.value.data()), old.value.size());
  return true;
}

void PackedTable::EraseAt(Place place) {
  EntryRef entry = Node(place.node)->Entry(place.slot);
  const UnixMillis old_deadline = entry.Read(is_map_).deadline;
  if (entry.large()) RetireLarge(entry.large_member());
  PackedNode* const node = Editable(place.node, 0, 0);
  entry = node->Entry(place.slot);
  node->Remove(place.slot, entry);
  --size_;
  entry_bytes_ -= EntryForm::BytesOf(entry.code);
  NoteDeadline(place.node, old_deadline, kNoDeadline);
  Trim(place.node);
  MergeIfSparse();
}

void PackedTable::Clear() {
  while (nodes_ != 0) FreeNode(Node(--nodes_));
  directory_.Truncate(0);
  due_.reset();
  size_ = 0;
  entry_bytes_ = 0;
  deadline_count_ = 0;
  count_bound_ = 1;
  MakeFirstNode();
}

void PackedTable::MakeFirstNode() {
  SetNodeCount(1);
  directory_.Set(0, reinterpret_cast<uint64_t>(NewNode(PackedNode::CapacityFor(0, 0))));
}

PackedNode* PackedTable::NewNode(size_t capacity) {
  return PackedNode::Init(blocks_.Allocate(capacity), capacity, blocks_.generation());
}

void PackedTable::SetNode(size_t number, PackedNode* node) {
  directory_.MakePrivate(number);
  directory_.Set(number, reinterpret_cast<uint64_t>(node));
}

void PackedTable::RetireNode(PackedNode* node) {
  blocks_.Retire(node, node->capacity(), node->generation());
}

PackedNode* PackedTable::Editable(size_t number, size_t members, size_t bytes) {
  PackedNode* const node = Node(number);
  if (!blocks_.Shared(node->generation()) && node->HasRoom(members, bytes)) return node;
  return Rebuild(number, PackedNode::CapacityFor(node->count() + members, node->used() + bytes));
}

PackedNode* PackedTable::Rebuild(size_t number, size_t capacity) {
  PackedNode* const old = Node(number);
  PackedNode* const fresh = NewNode(capacity);
  fresh->AppendAll(*old);
  SetNode(number, fresh);
  RetireNode(old);
  return fresh;
}

// Only when two size classes would be saved, so that coming and going does not allocate each time.
void PackedTable::Trim(size_t number) {
  const PackedNode& node = *Node(number);
  const size_t capacity = PackedNode::CapacityFor(node.count(), node.used());
  if (capacity <= node.capacity() - node.capacity() / 4) Rebuild(number, capacity);
}

LargeMember* PackedTable::NewLarge(const PackedMember& member, uint64_t hash) {
  const size_t bytes = sizeof(LargeMember) + member.member.size() + member.value.size();
  const size_t capacity = UsableSize(bytes);
  ASSERT(capacity <= UINT32_MAX);
  auto* large = static_cast<LargeMember*>(blocks_.Allocate(capacity));
  large->deadline = member.deadline;
  large->hash = hash;
  large->generation = blocks_.generation();
  large->capacity = static_cast<uint32_t>(capacity);
  large->member_bytes = static_cast<uint32_t>(member.member.size());
  large->value_bytes = static_cast<uint32_t>(member.value.size());
  member.member.copy(large->bytes(), member.member.size());
  member.value.copy(large->bytes() + member.member.size(), member.value.size());
  return large;
}

void PackedTable::RetireLarge(LargeMember* member) {
  blocks_.Retire(member, member->capacity, member->generation);
}

bool PackedTable::RewriteLarge(LargeMember* large, const PackedMember& member) {
  const size_t bytes = sizeof(LargeMember) + member.member.size() + member.value.size();
  if (blocks_.Shared(large->generation) || bytes > large->capacity ||
      UsableSize(bytes) <= large->capacity - large->capacity / 4) {
    return false;
  }
  large->deadline = member.deadline;
  large->value_bytes = static_cast<uint32_t>(member.value.size());
  char* const value = large->bytes() + large->member_bytes;
  if (value != member.value.data()) member.value.copy(value, member.value.size());
  return true;
}

void PackedTable::SplitNext() {
  const size_t fresh = nodes_;
  const size_t number = NodeOf(split_, level_);
  PackedNode* const old = Node(number);
  Choice moves(old->count());
  size_t moved = 0;
  size_t moved_bytes = 0;
  old->ForEach([&](uint32_t slot, EntryRef entry) {
    const uint64_t hash = entry.large() ? entry.large_member()->hash : hash_(entry.Member(is_map_));
    moves[slot] = (FirstBits(PositionOf(hash), level_ + 1) & 1) != 0;
    if (moves[slot]) {
      ++moved;
      moved_bytes += EntryForm::BytesOf(entry.code);
    }
    return true;
  });
  PackedNode* const low =
      NewNode(PackedNode::CapacityFor(old->count() - moved, old->used() - moved_bytes));
  PackedNode* const high = NewNode(PackedNode::CapacityFor(moved, moved_bytes));
  old->ForEach([&](uint32_t slot, EntryRef entry) {
    (moves[slot] ? high : low)->AppendCopy(old->tag(slot), entry);
    return true;
  });
  SetNode(number, low);
  SetNode(fresh, high);
  SetNodeCount(nodes_ + 1);
  RetireNode(old);
  if (due_ != nullptr && due_->Get(number) != kNoDeadline) {
    due_->Set(number, EarliestOf(*low));
    due_->Set(fresh, EarliestOf(*high));
  }
}

void PackedTable::MergeLast() {
  const size_t last = nodes_ - 1;
  const uint32_t level = static_cast<uint32_t>(std::bit_width(last)) - 1;
  const size_t number = NodeOf(last - (size_t{1} << level), level);
  PackedNode* const high = Node(last);
  PackedNode* const low = Node(number);
  PackedNode* const merged =
      NewNode(PackedNode::CapacityFor(low->count() + high->count(), low->used() + high->used()));
  merged->AppendAll(*low);
  merged->AppendAll(*high);
  SetNode(number, merged);
  SetNodeCount(last);
  RetireNode(low);
  RetireNode(high);
  directory_.Truncate(last);
  count_bound_ = std::max(count_bound_, merged->count());
  if (due_ != nullptr) {
    due_->Set(number, std::min(due_->Get(number), due_->Get(last)));
    due_->Set(last, kNoDeadline);
    due_->Truncate(last);
  }
}

UnixMillis PackedTable::EarliestOf(const PackedNode& node) const {
  UnixMillis earliest = kNoDeadline;
  node.ForEach([&](uint32_t, EntryRef entry) {
    earliest = std::min(earliest, entry.Read(is_map_).deadline);
    return true;
  });
  return earliest;
}

// Called when the node already is as it shall be.
void PackedTable::NoteDeadline(size_t number, UnixMillis old_deadline, UnixMillis deadline) {
  if (old_deadline == deadline) return;
  if (old_deadline == kNoDeadline) ++deadline_count_;
  if (deadline == kNoDeadline) --deadline_count_;
  if (deadline_count_ == 0) {
    due_.reset();
    return;
  }
  if (due_ == nullptr) due_ = std::make_unique<DeadlineIndex>(blocks_);
  const UnixMillis earliest = due_->Get(number);
  if (deadline <= earliest) {
    due_->Set(number, deadline);
  } else if (old_deadline == earliest) {
    due_->Set(number, EarliestOf(*Node(number)));
  }
}

PackedTable::Snapshot PackedTable::Freeze() {
  Snapshot snapshot;
  const size_t bytes = directory_.page_count() * sizeof(PagedWords::Page);
  snapshot.pages_ = static_cast<PagedWords::Page*>(blocks_.Allocate(bytes));
  std::memcpy(snapshot.pages_, directory_.pages(), bytes);
  snapshot.page_count_ = directory_.page_count();
  snapshot.nodes_ = nodes_;
  snapshot.size_ = size_;
  snapshot.is_map_ = is_map_;
  blocks_.Freeze();
  return snapshot;
}

void PackedTable::Release(const Snapshot& snapshot) {
  blocks_.Free(snapshot.pages_, snapshot.page_count_ * sizeof(PagedWords::Page));
  blocks_.Release();
}

size_t PackedTable::FreeNode(PackedNode* node) {
  size_t freed = 1;
  node->ForEach([&](uint32_t, EntryRef entry) {
    if (entry.large()) {
      RetireLarge(entry.large_member());
      ++freed;
    }
    return true;
  });
  RetireNode(node);
  return freed;
}

bool PackedTable::FreeSome(size_t budget) {
  DASSERT(blocks_.views() == 0);
  size_ = 0;
  size_t freed = blocks_.FreeHeld(budget);
  while (freed < budget && nodes_ != 0) freed += FreeNode(Node(--nodes_));
  directory_.Truncate(nodes_);
  if (nodes_ == 0) due_.reset();
  return nodes_ != 0;
}

}  // namespace alai
