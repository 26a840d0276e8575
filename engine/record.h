// A key, its value and its deadline in one block of memory.
//
//   offset 0            4       5      6      7       8
//          +------------+-------+------+------+-------+----------+-----------+--------+-----+-------+
//          | access  24 | gene- | type | key  | value | payload  | deadline  | long   | key | value
//          | | layout   8 | ration| enc. | size | size  | 0 or 8   | 0, 6 or 8 | sizes  |     | |
//          +------------+-------+------+------+-------+----------+-----------+--------+-----+-------+
//
// `payload` is an integer value or a pointer to what is too large or too mutable to live here. A
// `long size` of 4 bytes replaces a one-byte size that cannot hold its length.
//
// Threads     A record is immutable once published, except for four atomics: the access clock (any
//             reader), and under the shard's writer bit the generation, the deadline and an integer
//             payload. Layout bits share the access clock's word but never change.
// Invariants  The deadline word is 8-aligned and read as 8 bytes; with the 6-byte layout its upper
//             two bytes belong to the key and are stored back unchanged. ThreadSanitizer cannot
//             know that, so its builds use 8 bytes.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "engine/base/clock.h"
#include "engine/base/memory.h"

namespace alai {

class Blob;
class Container;

enum class Type : uint8_t {
  kString,
  kList,
  kSet,
  kSortedSet,
  kHash,
  kStream,
  kTokenBucket,
};

// How a value is stored; OBJECT ENCODING's names come from this.
enum class Encoding : uint8_t {
  // In the record.
  kEmbedded,  // string
  kRaw,       // string, but reported as "raw" because it was built by APPEND or SETRANGE
  kListpack,  // collection: a listpack
  kIntset,    // set: an intset
  // In the payload.
  kInt,  // string: 64-bit integer
  // Outside, where the payload points to.
  kBlob,       // string: a Blob
  kContainer,  // collection: a Container
};

constexpr bool IsInline(Encoding encoding) { return encoding < Encoding::kInt; }
constexpr bool IsOutside(Encoding encoding) { return encoding >= Encoding::kBlob; }

// Strings up to this many bytes live inside their record.
constexpr size_t kInlineValueBytesMax = 4096;

class Record {
 public:
  // A value that is made where it will lie, which spares a packed one a copy.
  struct Source {
    size_t bytes;
    void (*write)(const Source& self, char* out);
  };
  // What a new record should hold. Exactly one of `value`, `integer`, `blob`, `container` counts, by
  // `encoding`.
  struct Draft {
    std::string_view key = {};
    Type type = Type::kString;
    Encoding encoding = Encoding::kEmbedded;
    UnixMillis deadline = kNoDeadline;
    std::string_view value = {};
    std::string_view value_tail =
        {};                          // appended to `value`, which spares APPEND a temporary string
    const Source* source = nullptr;  // instead of these two: writes the value to its place
    int64_t integer = 0;
    Blob* blob = nullptr;            // the record takes this reference over
    Container* container = nullptr;  // and this one
    bool read_under_lock = false;
    bool pinned = false;  // readers do not renew the deadline
    bool from_origin =
        false;  // no client wrote this value: it was loaded for a key that was missed
    uint32_t access = 0;
  };

  static Record* Create(const Draft& draft);

  // A new record with the same key and value, sharing a blob or container, and another deadline.
  Record* CopyWithDeadline(UnixMillis deadline, bool pinned, bool from_origin) const;

  // Frees the block and drops its reference to a blob or container. Only for records that no thread can
  // reach. Gives the container that is to be deleted now, if it was the last to refer to one.
  [[nodiscard]] Container* DestroyButContainer();
  void Destroy();

  std::string_view key() const { return {key_bytes(), key_size()}; }
  Type type() const { return static_cast<Type>(type_and_encoding_ >> 4); }
  Encoding encoding() const { return static_cast<Encoding>(type_and_encoding_ & 15); }

  // For kEmbedded, kRaw, kListpack and kIntset.
  std::string_view inline_value() const { return {key_bytes() + key_size(), value_size()}; }
  int64_t integer() const { return payload().load(std::memory_order_acquire); }
  Blob* blob() const { return reinterpret_cast<Blob*>(payload().load(std::memory_order_acquire)); }

  Container* container() const {
    return reinterpret_cast<Container*>(payload().load(std::memory_order_acquire));
  }

  bool has_deadline() const { return (layout() & (kDeadline6 | kDeadline8)) != 0; }
  UnixMillis deadline() const;
  // Whether parts of the value have deadlines of their own, and when the first end of all is.
  bool has_due_parts() const {
    return encoding() == Encoding::kContainer && EarliestPart() != kNoDeadline;
  }
  UnixMillis earliest_due() const {
    const UnixMillis whole = deadline();
    return encoding() == Encoding::kContainer ? std::min(whole, EarliestPart()) : whole;
  }
  bool expired(UnixMillis now) const { return has_deadline() && deadline() <= now; }

  // True when a client gave the deadline to a key that was there, so that no reader may put it off.
  bool pinned() const { return (layout() & kPinned) != 0; }

  // True when the value was loaded from the origin, and no client has changed it since. Its deadline is the
  // origin's unless it is pinned.
  bool from_origin() const { return (layout() & kFromOrigin) != 0; }

  // True when readers must hold the shard's lock, because the value is changed in place.
  bool read_under_lock() const { return (layout() & kReadUnderLock) != 0; }

  uint8_t generation() const { return generation_.load(std::memory_order_relaxed); }
  uint32_t access() const { return access_.load(std::memory_order_relaxed) >> 8; }

  // Stores the access clock when it differs, so that hot keys keep their cache line clean.
  void set_access(uint32_t access) const {
    const uint32_t old = access_.load(std::memory_order_relaxed);
    const uint32_t fresh = access << 8 | (old & 0xff);
    if (fresh != old) access_.store(fresh, std::memory_order_relaxed);
  }

  // The three below need the shard's writer bit.
  void set_generation(uint8_t generation) {
    generation_.store(generation, std::memory_order_relaxed);
  }
  void set_integer(int64_t value) { payload().store(value, std::memory_order_release); }

  // True when `deadline` fits the room this record has; otherwise a new record is needed.
  bool CanHoldDeadline(UnixMillis deadline) const;
  void set_deadline(UnixMillis deadline);

  // Size of this block as it was requested from the allocator.
  size_t block_size() const {
    const uint8_t l = layout();
    const bool short_sizes = (l & (kLongKey | kLongValue)) == 0;
    return BlockBytes(l, short_sizes ? size_t{key_size_} + value_size_ : key_size() + value_size());
  }
  // What the allocator holds for the block and its blob or container.
  size_t allocated_bytes() const {
    const size_t block = UsableSize(block_size());
    return IsOutside(encoding()) ? block + OutsideBytes() : block;
  }
  // The same, without a container that another record refers to as well.
  size_t owned_bytes() const;

 private:
  enum Layout : uint8_t {
    kDeadline6 = 1,
    kDeadline8 = 2,
    kLongKey = 4,
    kLongValue = 8,
    kPayload = 16,
    kReadUnderLock = 32,
    kPinned = 64,
    kFromOrigin = 128,
  };
  // The bits that decide where things are.
  static constexpr uint8_t kPlaces = 31;

  UnixMillis EarliestPart() const;
  size_t OutsideBytes() const;
  uint8_t layout() const { return static_cast<uint8_t>(access_.load(std::memory_order_relaxed)); }
  const char* base() const { return reinterpret_cast<const char*>(this); }
  std::atomic<int64_t>& payload() const {
    return *reinterpret_cast<std::atomic<int64_t>*>(const_cast<char*>(base()) + 8);
  }
  std::atomic<uint64_t>& deadline_word() const {
    return *reinterpret_cast<std::atomic<uint64_t>*>(const_cast<char*>(base()) + 8 +
                                                     ((layout() & kPayload) != 0 ? 8 : 0));
  }
  // Offset of the long sizes, which the key follows.
  static constexpr size_t SizesOffset(uint8_t layout) {
    return 8 + ((layout & kPayload) != 0 ? 8 : 0) + ((layout & kDeadline6) != 0 ? 6 : 0) +
           ((layout & kDeadline8) != 0 ? 8 : 0);
  }
  static constexpr std::array<uint8_t, kPlaces + 1> MakeKeyOffsets() {
    std::array<uint8_t, kPlaces + 1> offsets{};
    for (size_t layout = 0; layout < offsets.size(); ++layout) {
      offsets[layout] =
          static_cast<uint8_t>(SizesOffset(layout) + ((layout & kLongKey) != 0 ? 4 : 0) +
                               ((layout & kLongValue) != 0 ? 4 : 0));
    }
    return offsets;
  }
  static size_t KeyOffset(uint8_t layout) {
    static constexpr std::array<uint8_t, kPlaces + 1> kOffsets = MakeKeyOffsets();
    return kOffsets[layout & kPlaces];
  }
  // Size of a block whose key and value have `bytes` together. The deadline word is read as 8 bytes,
  // so they are all there even when next to nothing follows it; slots need blocks aligned to 16.
  static size_t BlockBytes(uint8_t layout, size_t bytes) {
    const size_t size = KeyOffset(layout) + bytes;
    const size_t word_end = (layout & kDeadline6) != 0 ? SizesOffset(layout) + 2 : 16;
    return size < word_end ? word_end : size;
  }
  const char* key_bytes() const { return base() + KeyOffset(layout()); }
  uint32_t long_size(size_t offset) const {
    uint32_t size;
    std::memcpy(&size, base() + offset, sizeof size);
    return size;
  }
  size_t key_size() const {
    const uint8_t l = layout();
    return (l & kLongKey) != 0 ? long_size(SizesOffset(l)) : key_size_;
  }
  size_t value_size() const {
    const uint8_t l = layout();
    if ((l & kLongValue) == 0) return value_size_;
    return long_size(SizesOffset(l) + ((l & kLongKey) != 0 ? 4 : 0));
  }

  mutable std::atomic<uint32_t> access_;
  std::atomic<uint8_t> generation_;
  uint8_t type_and_encoding_;
  uint8_t key_size_;
  uint8_t value_size_;
};

static_assert(sizeof(Record) == 8);

// Compares a record's key with another; common lengths without a call, the last word overlapping.
inline bool KeyEquals(const Record& record, std::string_view key) {
  const std::string_view mine = record.key();
  if (mine.size() != key.size()) return false;
  if (key.size() < 8 || key.size() > 32) {
    return std::memcmp(mine.data(), key.data(), key.size()) == 0;
  }
  const auto differ = [&](size_t at) {
    uint64_t a;
    uint64_t b;
    std::memcpy(&a, mine.data() + at, sizeof a);
    std::memcpy(&b, key.data() + at, sizeof b);
    return a ^ b;
  };
  uint64_t any = differ(key.size() - 8);
  for (size_t at = 0; at + 8 < key.size(); at += 8) any |= differ(at);
  return any == 0;
}

}  // namespace alai
