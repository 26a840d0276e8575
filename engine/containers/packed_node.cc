#include "engine/containers/packed_node.h"

#include "engine/base/assert.h"

namespace alai {

void EntryRef::Write(bool is_map, const PackedMember& member) const {
  if (!is_map) {
    member.member.copy(at, member.member.size());
    return;
  }
  char* to = at + EntryForm::HeadBytes(member.member.size());
  to += member.member.copy(to, member.member.size());
  to += member.value.copy(to, member.value.size());
  const bool has_deadline = member.deadline != kNoDeadline;
  const size_t head = member.member.size() << 1 | (has_deadline ? 1 : 0);
  if (head < 128) {
    at[0] = static_cast<char>(head);
  } else {
    at[0] = static_cast<char>(head | 128);
    at[1] = static_cast<char>(head >> 7);
  }
  if (has_deadline) {
    const auto deadline = static_cast<uint64_t>(member.deadline);
    std::memcpy(to, &deadline, EntryForm::kDeadlineBytes);
    to += EntryForm::kDeadlineBytes;
  }
  DASSERT(to == at + code);
}

EntryRef PackedNode::Append(uint8_t tag, uint8_t code) {
  const uint32_t bytes = EntryForm::BytesOf(code);
  DASSERT(HasRoom(1, bytes));
  char* const pair = pairs() + count_ * kPairBytes;
  pair[0] = static_cast<char>(tag);
  pair[1] = static_cast<char>(code);
  ++count_;
  used_ += bytes;
  return {block() + capacity_ - used_, code};
}

void PackedNode::AppendAll(const PackedNode& other) {
  DASSERT(HasRoom(other.count_, other.used_));
  std::memcpy(pairs() + count_ * kPairBytes, other.pairs(), other.count_ * kPairBytes);
  std::memcpy(block() + capacity_ - used_ - other.used_,
              other.block() + other.capacity_ - other.used_, other.used_);
  count_ += other.count_;
  used_ += other.used_;
}

EntryRef PackedNode::Resize(uint32_t slot, EntryRef entry, uint8_t code) {
  const uint32_t old_bytes = EntryForm::BytesOf(entry.code);
  const uint32_t bytes = EntryForm::BytesOf(code);
  char* const lowest = block() + capacity_ - used_;
  // What keeps its bytes: all entries in front and the beginning of this one.
  const size_t moved =
      static_cast<size_t>(entry.at - lowest) + (old_bytes < bytes ? old_bytes : bytes);
  used_ = used_ - old_bytes + bytes;
  DASSERT(NeededBytes(count_, used_) <= capacity_);
  std::memmove(block() + capacity_ - used_, lowest, moved);
  pairs()[slot * kPairBytes + 1] = static_cast<char>(code);
  return {entry.at + old_bytes - bytes, code};
}

void PackedNode::Remove(uint32_t slot, EntryRef entry) {
  const uint32_t bytes = EntryForm::BytesOf(entry.code);
  char* const lowest = block() + capacity_ - used_;
  std::memmove(lowest + bytes, lowest, static_cast<size_t>(entry.at - lowest));
  char* const pair = pairs() + slot * kPairBytes;
  std::memmove(pair, pair + kPairBytes, (count_ - slot - 1) * kPairBytes);
  used_ -= bytes;
  --count_;
}

}  // namespace alai
