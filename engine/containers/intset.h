// Intset: integers in ascending order, all of one width, as Redis keeps small sets of integers and writes
// them to snapshots.
//
//   width (4 bytes: 2, 4 or 8)   count (4)   count integers of that width
//
// Everything is little-endian. The width is that of the widest integer that has ever been in it: a wider
// one widens all, removing it narrows none.
//
// Two ways to use it, as with listpacks (listpack.h): what lies in somebody's record is replaced by what a
// change writes to another place; an IntsetBuffer is changed where it lies.
//
// Threads     As its bytes allow. A buffer belongs to one thread at a time.
// Trust       Everything but ValidateIntset() believes the bytes that it reads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/base/random.h"

namespace alai {

constexpr size_t kIntsetHeaderBytes = 8;
constexpr char kEmptyIntset[kIntsetHeaderBytes] = {2, 0, 0, 0, 0, 0, 0, 0};

// An intset somewhere in memory.
class Intset {
 public:
  Intset() : Intset(kEmptyIntset) {}
  explicit Intset(const char* bytes) : bytes_(bytes) {}

  uint32_t width() const;
  uint32_t count() const;
  bool empty() const { return count() == 0; }
  size_t bytes() const { return kIntsetHeaderBytes + size_t{width()} * count(); }
  std::string_view view() const { return {bytes_, bytes()}; }

  // In ascending order; index < count().
  int64_t At(uint32_t index) const;
  int64_t min() const { return At(0); }
  int64_t max() const { return At(count() - 1); }

  // The index of the first integer that is not less than `value`, count() when all are.
  uint32_t LowerBound(int64_t value) const;
  bool Contains(int64_t value) const { return Find(value, nullptr); }
  // Whether it is there, and where, or where it would be.
  bool Find(int64_t value, uint32_t* index) const;

  // Any of them with the same chance; there is at least one.
  int64_t Sample(Random& random) const { return At(static_cast<uint32_t>(random.Below(count()))); }

 private:
  const char* bytes_;
};

// `old` with a value that it does not have: how long that is, and writing it to `out`, which does not
// overlap it.
size_t IntsetBytesWith(Intset old, int64_t value);
void WriteIntsetWith(Intset old, int64_t value, char* out);

// `old` without the value at an index.
size_t IntsetBytesWithout(Intset old);
void WriteIntsetWithout(Intset old, uint32_t index, char* out);

// An intset that is changed in place, in a block that grows by the allocator's size classes.
class IntsetBuffer {
 public:
  IntsetBuffer() = default;
  explicit IntsetBuffer(Intset copied) { Assign(copied); }
  IntsetBuffer(const IntsetBuffer&) = delete;
  IntsetBuffer& operator=(const IntsetBuffer&) = delete;
  IntsetBuffer(IntsetBuffer&& other) noexcept;
  IntsetBuffer& operator=(IntsetBuffer&& other) noexcept;
  ~IntsetBuffer() { Release(); }

  // Valid until the next change.
  Intset get() const { return block_ != nullptr ? Intset(block_) : Intset(); }

  void Assign(Intset copied);
  // Forgets the integers but keeps the block.
  void Clear();
  // Gives the block back.
  void Release();

  // False: it was there before.
  bool Add(int64_t value);
  // False: it was not there.
  bool Remove(int64_t value);

  size_t allocated_bytes() const { return capacity_; }

 private:
  void MoveTo(size_t capacity);

  char* block_ = nullptr;
  size_t capacity_ = 0;
};

// Whether `bytes`, which may be anything, are exactly one intset: a known width, the right length, strictly
// ascending. One without integers is valid.
bool ValidateIntset(std::string_view bytes);

}  // namespace alai
