// Listpack: short values one after the other in one block, as Redis 7 keeps small collections and writes
// them to snapshots (github.com/antirez/listpack/blob/master/listpack.md).
//
//   total bytes (4)   count (2, 65535: unknown)   entry ... entry   0xff
//
// packed_entry.h has the entries. A position is the distance of an entry from the first byte; that of the
// end byte is End().
//
// Two ways to use it: a packed value that lies in somebody's record is never changed but replaced, by
// what an edit of it writes to another place in one pass; a ListpackBuffer is changed where it lies.
//
// Threads     As its bytes allow. A buffer belongs to one thread at a time.
// Trust       Everything but ValidateListpack() believes the bytes that it reads.
// Limits      kListpackBytesMax in all, which is the caller's to observe.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "engine/containers/packed_entry.h"

namespace alai {

constexpr size_t kListpackHeaderBytes = 6;
constexpr size_t kListpackBytesMin = kListpackHeaderBytes + 1;
constexpr size_t kListpackBytesMax = size_t{1} << 30;
constexpr uint16_t kListpackCountUnknown = 65'535;

// A listpack without entries.
constexpr char kEmptyListpack[kListpackBytesMin] = {7, 0, 0, 0, 0, 0, '\xff'};

// Writes the header in front of entries; more than 65534 of them count as unknown.
void WriteListpackHeader(size_t bytes, size_t count, char* out);
// Puts `run`, of `count` entries, between header and end; `out` has room for kListpackBytesMin more.
void WriteListpack(PackedRun run, size_t count, char* out);

// A listpack somewhere in memory.
class Listpack {
 public:
  Listpack() : Listpack(kEmptyListpack) {}
  explicit Listpack(const char* bytes) : bytes_(bytes) {}

  size_t bytes() const;
  std::string_view view() const { return {bytes_, bytes()}; }
  // Looks at all entries if there are more than 65534, or were.
  size_t count() const;
  bool empty() const { return Begin() == End(); }

  size_t Begin() const { return kListpackHeaderBytes; }
  size_t End() const { return bytes() - 1; }
  size_t Next(size_t at) const { return at + PackedEntryBytes(bytes_ + at); }
  // The entry before `at`, which may be End(), but not Begin().
  size_t Previous(size_t at) const { return at - PackedEntryBytesBefore(bytes_ + at); }
  // The entry at an index, negative ones counted from the end; End() when there is none.
  size_t At(int64_t index) const;

  PackedValue Read(size_t at) const { return ReadPackedEntry(bytes_ + at); }
  // The first entry at or behind `at` that equals the needle, looking at one and passing over `skip` in
  // turn: 1 finds fields among pairs. End() when there is none.
  size_t Find(size_t at, const PackedNeedle& needle, size_t skip = 0) const {
    return static_cast<size_t>(run().Find(bytes_ + at, needle, skip) - bytes_);
  }

  // The entries alone.
  PackedRun run() const { return {bytes_ + Begin(), bytes_ + End()}; }

  // The count as the header has it, which may be kListpackCountUnknown.
  uint16_t header_count() const;

 private:
  const char* bytes_;
};

// One change of a listpack: entries from a position on give way to others. Refers to the values, whose
// texts must not lie in the listpack itself when a buffer applies it.
struct ListpackEdit {
  size_t at = 0;
  size_t removed_bytes = 0;
  size_t removed_count = 0;
  std::span<const PackedValue> inserted = {};

  static ListpackEdit Append(Listpack old, std::span<const PackedValue> values) {
    return {old.End(), 0, 0, values};
  }
  static ListpackEdit Prepend(Listpack old, std::span<const PackedValue> values) {
    return {old.Begin(), 0, 0, values};
  }
  // Before the entry at a position; before End() appends.
  static ListpackEdit InsertBefore(size_t at, std::span<const PackedValue> values) {
    return {at, 0, 0, values};
  }
  static ListpackEdit InsertAfter(Listpack old, size_t at, std::span<const PackedValue> values) {
    return {old.Next(at), 0, 0, values};
  }
  static ListpackEdit Replace(Listpack old, size_t at, std::span<const PackedValue> values) {
    return {at, old.Next(at) - at, 1, values};
  }
  // As many of `count` entries as there are.
  static ListpackEdit Erase(Listpack old, size_t at, size_t count);

  size_t inserted_bytes() const;
};

// How long `old` will be, and writing it so to `out`, which does not overlap it.
size_t EditedListpackBytes(Listpack old, const ListpackEdit& edit);
void WriteEditedListpack(Listpack old, const ListpackEdit& edit, char* out);

// A listpack that is changed in place, in a block that grows by the allocator's size classes. One without
// entries need not have a block.
class ListpackBuffer {
 public:
  ListpackBuffer() = default;
  explicit ListpackBuffer(Listpack copied) { Assign(copied); }
  ListpackBuffer(const ListpackBuffer&) = delete;
  ListpackBuffer& operator=(const ListpackBuffer&) = delete;
  ListpackBuffer(ListpackBuffer&& other) noexcept;
  ListpackBuffer& operator=(ListpackBuffer&& other) noexcept;
  ~ListpackBuffer() { Release(); }

  // Valid until the next change.
  Listpack get() const { return block_ != nullptr ? Listpack(block_) : Listpack(); }

  void Assign(Listpack copied);
  // Forgets the entries but keeps the block.
  void Clear();
  // Gives the block back.
  void Release();

  void Apply(const ListpackEdit& edit);
  void Append(const PackedValue& value) { Apply(ListpackEdit::Append(get(), {&value, 1})); }
  void Append(std::string_view text) { Append(PackedValue::Of(text)); }
  void Prepend(const PackedValue& value) { Apply(ListpackEdit::Prepend(get(), {&value, 1})); }
  void InsertBefore(size_t at, const PackedValue& value) {
    Apply(ListpackEdit::InsertBefore(at, {&value, 1}));
  }
  void InsertAfter(size_t at, const PackedValue& value) {
    Apply(ListpackEdit::InsertAfter(get(), at, {&value, 1}));
  }
  void Replace(size_t at, const PackedValue& value) {
    Apply(ListpackEdit::Replace(get(), at, {&value, 1}));
  }
  void Erase(size_t at, size_t count) { Apply(ListpackEdit::Erase(get(), at, count)); }

  // Moves into a block of the smallest size class that holds it.
  void ShrinkToFit();

  size_t allocated_bytes() const { return capacity_; }

 private:
  void Reserve(size_t bytes);
  void MoveTo(size_t capacity);

  char* block_ = nullptr;
  size_t capacity_ = 0;
};

// What a listpack from outside must be beyond well-formed.
struct ListpackDemands {
  bool even_count = false;  // fields and values, members and scores
  size_t unique_stride =
      0;  // every so many-th entry, from the first on, differs from the others; 0: any
};

// Whether `bytes`, which may be anything, are exactly one listpack: every head, back length, the count and
// the end byte. Reads nothing outside of them. Demanding uniqueness takes four bytes of memory for each entry
// that is compared, and O(n log n) comparisons.
bool ValidateListpack(std::string_view bytes, const ListpackDemands& demands = {});

}  // namespace alai
