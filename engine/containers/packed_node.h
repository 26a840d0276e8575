// Members of a hash or set that share a part of the hash space, packed into one block.
//
//   | header | tag 0, size 0 | tag 1, size 1 | ... -->   free   <-- ... | entry 1 | entry 0 |
//
// A pair of bytes for each member: its tag, 8 bits of its hash, and how long its entry is. Where an entry
// lies is the sum of the sizes up to its own, which vector instructions form eight at a time; so header,
// tags and sizes of two dozen members share a cache line, and nothing is kept for finding an entry.
//
//   entry in a set   | member |
//   entry in a map   | head 1-2 | member | value | deadline 6 |      head: member length * 2 + has deadline
//   size 255         | address of a LargeMember |
//
// A pair is added in front and an entry behind without moving anything else. Taking one out, or changing
// its size, moves the entries in front of it.
//
// Threads     As for the container that owns it.
// Invariants  count pairs and `used` bytes of entries fit into `capacity`, and so does the last group of
//             eight pairs when it is read whole.
#pragma once

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "engine/base/clock.h"
#include "engine/base/memory.h"
#include "engine/record.h"

namespace alai {

// A member as it lies in its container, valid until that changes.
struct PackedMember {
  std::string_view member;
  std::string_view value;
  UnixMillis deadline = kNoDeadline;
};

// Deadlines take 6 bytes; later ones count as this, the year 10889.
constexpr UnixMillis kMemberDeadlineMax = (int64_t{1} << 48) - 1;

// A member that is too long for its node.
struct LargeMember {
  UnixMillis deadline;
  uint64_t hash;
  uint32_t generation;
  uint32_t capacity;  // of the block
  uint32_t member_bytes;
  uint32_t value_bytes;

  char* bytes() { return reinterpret_cast<char*>(this + 1); }
  const char* bytes() const { return reinterpret_cast<const char*>(this + 1); }
  std::string_view member() const { return {bytes(), member_bytes}; }
  PackedMember view() const { return {member(), {bytes() + member_bytes, value_bytes}, deadline}; }
};

// How a member's entry lies in a node.
class EntryForm {
 public:
  static constexpr uint8_t kLargeCode = 255;
  static constexpr uint32_t kLargeEntryBytes = sizeof(uint64_t);
  static constexpr size_t kInlineBytesMax = kLargeCode - 1;

  EntryForm(bool is_map, size_t member_bytes, size_t value_bytes, bool has_deadline) {
    size_t bytes = member_bytes;
    if (is_map)
      bytes += HeadBytes(member_bytes) + value_bytes + (has_deadline ? kDeadlineBytes : 0);
    code_ = bytes <= kInlineBytesMax ? static_cast<uint8_t>(bytes) : kLargeCode;
  }

  static constexpr size_t kDeadlineBytes = 6;
  static size_t HeadBytes(size_t member_bytes) { return member_bytes < 64 ? 1 : 2; }
  static uint32_t BytesOf(uint8_t code) { return code == kLargeCode ? kLargeEntryBytes : code; }

  uint8_t code() const { return code_; }
  bool large() const { return code_ == kLargeCode; }
  uint32_t bytes() const { return BytesOf(code_); }

 private:
  uint8_t code_;
};

// One entry, where it lies.
struct EntryRef {
  char* at;
  uint8_t code;

  bool large() const { return code == EntryForm::kLargeCode; }
  LargeMember* large_member() const {
    uint64_t address;
    std::memcpy(&address, at, sizeof address);
    return reinterpret_cast<LargeMember*>(address);
  }
  void SetLargeMember(LargeMember* member) const {
    const auto address = reinterpret_cast<uint64_t>(member);
    std::memcpy(at, &address, sizeof address);
  }

  PackedMember Read(bool is_map) const;
  std::string_view Member(bool is_map) const;
  // Writes an inline entry, whose form gave `code`.
  void Write(bool is_map, const PackedMember& member) const;
};

class PackedNode {
 public:
  static constexpr uint32_t kNoSlot = UINT32_MAX;

  // The room for this many members with this many bytes of entries.
  static size_t NeededBytes(size_t count, size_t used) {
    const size_t groups = sizeof(PackedNode) + (count + kGroup - 1) / kGroup * kGroup * kPairBytes;
    const size_t exact = sizeof(PackedNode) + count * kPairBytes + used;
    return exact > groups ? exact : groups;
  }
  static size_t CapacityFor(size_t count, size_t used) {
    const size_t needed = NeededBytes(count, used);
    return UsableSize(needed < kBytesMin ? kBytesMin : needed);
  }
  // Makes an empty node of a block.
  static PackedNode* Init(void* block, size_t capacity, uint32_t generation) {
    return new (block) PackedNode(static_cast<uint32_t>(capacity), generation);
  }

  uint32_t generation() const { return generation_; }
  uint32_t capacity() const { return capacity_; }
  uint32_t count() const { return count_; }
  uint32_t used() const { return used_; }
  bool HasRoom(size_t members, size_t bytes) const {
    return NeededBytes(count_ + members, used_ + bytes) <= capacity_;
  }

  // The member's slot, or kNoSlot.
  uint32_t Find(uint8_t tag, std::string_view member, bool is_map) const;
  EntryRef Entry(uint32_t slot) const {
    return {const_cast<char*>(block()) + capacity_ - EndOf(slot), code(slot)};
  }
  uint8_t tag(uint32_t slot) const { return static_cast<uint8_t>(pairs()[slot * kPairBytes]); }

  // Calls visit(slot, entry) for each, which returns false to stop; false when it was stopped.
  template <class Visit>
  bool ForEach(Visit visit) const {
    char* at = const_cast<char*>(block()) + capacity_;
    for (uint32_t slot = 0; slot < count_; ++slot) {
      at -= EntryForm::BytesOf(code(slot));
      if (!visit(slot, EntryRef{at, code(slot)})) return false;
    }
    return true;
  }

  // Room for one more entry; there must be enough.
  EntryRef Append(uint8_t tag, uint8_t code);
  void AppendCopy(uint8_t tag, EntryRef entry) {
    std::memcpy(Append(tag, entry.code).at, entry.at, EntryForm::BytesOf(entry.code));
  }
  void AppendAll(const PackedNode& other);
  // Gives an entry another size, keeping its first bytes; there must be room.
  EntryRef Resize(uint32_t slot, EntryRef entry, uint8_t code);
  void Remove(uint32_t slot, EntryRef entry);

  void Prefetch() const { __builtin_prefetch(this); }
  // The first entry with this tag, or where one would be added.
  void PrefetchEntry(uint8_t tag) const;

 private:
  static constexpr size_t kPairBytes = 2;
  static constexpr uint32_t kGroup = 8;  // pairs in a vector
  static constexpr size_t kBytesMin = 32;

  PackedNode(uint32_t capacity, uint32_t generation)
      : generation_(generation), capacity_(capacity) {}

  char* block() { return reinterpret_cast<char*>(this); }
  const char* block() const { return reinterpret_cast<const char*>(this); }
  char* pairs() { return reinterpret_cast<char*>(this + 1); }
  const char* pairs() const { return reinterpret_cast<const char*>(this + 1); }
  uint8_t code(uint32_t slot) const { return static_cast<uint8_t>(pairs()[slot * kPairBytes + 1]); }
  // The bytes of the entries up to this one.
  size_t EndOf(uint32_t slot) const;
  // The first slot with this tag that accept(slot) takes, or kNoSlot.
  template <class Accept>
  uint32_t FindTag(uint8_t tag, Accept accept) const;

  uint32_t generation_;
  uint32_t capacity_;
  uint32_t used_ = 0;
  uint32_t count_ = 0;
};

static_assert(sizeof(PackedNode) == 16);

inline std::string_view EntryRef::Member(bool is_map) const {
  if (large()) return large_member()->member();
  if (!is_map) return {at, code};
  const auto low = static_cast<uint8_t>(at[0]);
  if (low < 128) return {at + 1, size_t{low} >> 1};
  const size_t head = (low & 127u) | size_t{static_cast<uint8_t>(at[1])} << 7;
  return {at + 2, head >> 1};
}

inline PackedMember EntryRef::Read(bool is_map) const {
  if (large()) return large_member()->view();
  if (!is_map) return {{at, code}, {}, kNoDeadline};
  PackedMember read{Member(is_map), {}, kNoDeadline};
  const char* const value = read.member.data() + read.member.size();
  const char* end = at + code;
  if ((at[0] & 1) != 0) {
    end -= EntryForm::kDeadlineBytes;
    uint64_t deadline = 0;
    std::memcpy(&deadline, end, EntryForm::kDeadlineBytes);
    read.deadline = static_cast<UnixMillis>(deadline);
  }
  read.value = {value, static_cast<size_t>(end - value)};
  return read;
}

#if defined(__SSE2__)
namespace packed_node {

inline __m128i LoadPairs(const char* pairs) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(pairs));
}

// The bytes of the entries of eight pairs, in two parts: code 255 stands for 8.
inline __m128i SumSizes(__m128i pairs) {
  static_assert(EntryForm::kLargeCode - EntryForm::kLargeEntryBytes == 0xf7);
  const __m128i large = _mm_cmpeq_epi8(pairs, _mm_set1_epi8(-1));
  const __m128i sizes =
      _mm_sub_epi8(_mm_and_si128(pairs, _mm_set1_epi16(static_cast<short>(0xff00))),
                   _mm_and_si128(large, _mm_set1_epi16(static_cast<short>(0xf700))));
  return _mm_sad_epu8(sizes, _mm_setzero_si128());
}

}  // namespace packed_node

inline size_t PackedNode::EndOf(uint32_t slot) const {
  alignas(16) static constexpr uint8_t kKept[32] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                                    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
  const char* at = pairs();
  __m128i sum = _mm_setzero_si128();
  for (; slot >= kGroup; slot -= kGroup, at += kGroup * kPairBytes) {
    sum = _mm_add_epi64(sum, packed_node::SumSizes(packed_node::LoadPairs(at)));
  }
  const __m128i kept =
      _mm_loadu_si128(reinterpret_cast<const __m128i*>(kKept + kPairBytes * (kGroup - 1 - slot)));
  sum = _mm_add_epi64(sum, packed_node::SumSizes(_mm_and_si128(packed_node::LoadPairs(at), kept)));
  return static_cast<size_t>(_mm_cvtsi128_si64(sum)) +
         static_cast<size_t>(_mm_cvtsi128_si64(_mm_unpackhi_epi64(sum, sum)));
}

template <class Accept>
uint32_t PackedNode::FindTag(uint8_t tag, Accept accept) const {
  const __m128i wanted = _mm_set1_epi8(static_cast<char>(tag));
  for (uint32_t first = 0; first < count_; first += kGroup) {
    const __m128i found =
        _mm_cmpeq_epi8(packed_node::LoadPairs(pairs() + first * kPairBytes), wanted);
    auto bits = static_cast<uint32_t>(_mm_movemask_epi8(found)) & 0x5555;
    if (count_ - first < kGroup) bits &= (1u << (kPairBytes * (count_ - first))) - 1;
    for (; bits != 0; bits &= bits - 1) {
      const uint32_t slot = first + static_cast<uint32_t>(std::countr_zero(bits)) / kPairBytes;
      if (accept(slot)) return slot;
    }
  }
  return kNoSlot;
}
#else
inline size_t PackedNode::EndOf(uint32_t slot) const {
  size_t end = 0;
  for (uint32_t i = 0; i <= slot; ++i) end += EntryForm::BytesOf(code(i));
  return end;
}

template <class Accept>
uint32_t PackedNode::FindTag(uint8_t wanted, Accept accept) const {
  for (uint32_t slot = 0; slot < count_; ++slot) {
    if (tag(slot) == wanted && accept(slot)) return slot;
  }
  return kNoSlot;
}
#endif

inline uint32_t PackedNode::Find(uint8_t tag, std::string_view member, bool is_map) const {
  return FindTag(tag, [&](uint32_t slot) { return Entry(slot).Member(is_map) == member; });
}

inline void PackedNode::PrefetchEntry(uint8_t tag) const {
  constexpr uint32_t kLine = 64;
  const uint32_t slot = FindTag(tag, [](uint32_t) { return true; });
  if (slot == kNoSlot) return __builtin_prefetch(block() + capacity_ - used_ - 1);
  const EntryRef entry = Entry(slot);
  const uint32_t bytes = EntryForm::BytesOf(entry.code);
  for (uint32_t at = 0; at < bytes; at += kLine) __builtin_prefetch(entry.at + at);
  __builtin_prefetch(entry.at + bytes - 1);
}

}  // namespace alai
