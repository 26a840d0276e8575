#include "engine/containers/intset.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "engine/base/assert.h"
#include "engine/base/memory.h"

namespace alai {
namespace {

static_assert(std::endian::native == std::endian::little, "loads and stores are plain copies");

uint32_t LoadField(const char* at) {
  uint32_t value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

template <class Int>
int64_t LoadAs(const char* integers, size_t index) {
  Int value;
  std::memcpy(&value, integers + index * sizeof(Int), sizeof value);
  return value;
}

int64_t Load(const char* integers, uint32_t width, size_t index) {
  if (width == sizeof(int16_t)) return LoadAs<int16_t>(integers, index);
  if (width == sizeof(int32_t)) return LoadAs<int32_t>(integers, index);
  return LoadAs<int64_t>(integers, index);
}

// What is cut off above `width` bytes is the sign.
void WriteInteger(char* integers, uint32_t width, size_t index, int64_t value) {
  std::memcpy(integers + index * width, &value, width);
}

void WriteHeader(char* out, uint32_t width, uint32_t count) {
  std::memcpy(out, &width, sizeof width);
  std::memcpy(out + sizeof width, &count, sizeof count);
}

uint32_t WidthOf(int64_t value) {
  if (value == static_cast<int16_t>(value)) return sizeof(int16_t);
  if (value == static_cast<int32_t>(value)) return sizeof(int32_t);
  return sizeof(int64_t);
}

// Halves without a branch that depends on what it finds.
template <class Int>
uint32_t LowerBoundAs(const char* integers, uint32_t count, int64_t value) {
  uint32_t first = 0;
  while (count > 0) {
    const uint32_t half = count / 2;
    const bool less = LoadAs<Int>(integers, first + half) < value;
    first = less ? first + half + 1 : first;
    count = less ? count - half - 1 : half;
  }
  return first;
}

template <class Int>
bool Ascends(const char* integers, uint32_t count) {
  for (uint32_t i = 1; i < count; ++i) {
    if (LoadAs<Int>(integers, i - 1) >= LoadAs<Int>(integers, i)) return false;
  }
  return true;
}

// Gives all integers a greater width. A value that needs it lies outside of the old range, so it goes to
// one end: the others move up by `shift`, 0 or 1. From the last on, so that none is overwritten.
void Widen(const char* from, uint32_t from_width, uint32_t count, uint32_t width, uint32_t shift,
           char* to) {
  for (uint32_t i = count; i-- > 0;) WriteInteger(to, width, i + shift, Load(from, from_width, i));
}

}  // namespace

uint32_t Intset::width() const { return LoadField(bytes_); }
uint32_t Intset::count() const { return LoadField(bytes_ + sizeof(uint32_t)); }

int64_t Intset::At(uint32_t index) const {
  DASSERT(index < count());
  return Load(bytes_ + kIntsetHeaderBytes, width(), index);
}

uint32_t Intset::LowerBound(int64_t value) const {
  const char* integers = bytes_ + kIntsetHeaderBytes;
  switch (width()) {
    case sizeof(int16_t):
      return LowerBoundAs<int16_t>(integers, count(), value);
    case sizeof(int32_t):
      return LowerBoundAs<int32_t>(integers, count(), value);
    default:
      return LowerBoundAs<int64_t>(integers, count(), value);
  }
}

bool Intset::Find(int64_t value, uint32_t* index) const {
  const uint32_t found = LowerBound(value);
  if (index != nullptr) *index = found;
  return found < count() && At(found) == value;
}

size_t IntsetBytesWith(Intset old, int64_t value) {
  return kIntsetHeaderBytes +
         size_t{std::max(old.width(), WidthOf(value))} * (size_t{old.count()} + 1);
}

void WriteIntsetWith(Intset old, int64_t value, char* out) {
  const uint32_t width = std::max(old.width(), WidthOf(value));
  const uint32_t count = old.count();
  const uint32_t index = old.LowerBound(value);
  const char* from = old.view().data() + kIntsetHeaderBytes;
  char* to = out + kIntsetHeaderBytes;
  WriteHeader(out, width, count + 1);
  if (width != old.width()) {
    Widen(from, old.width(), count, width, index == 0 ? 1 : 0, to);
  } else {
    const size_t split = size_t{index} * width;
    std::memcpy(to, from, split);
    std::memcpy(to + split + width, from + split, size_t{count} * width - split);
  }
  WriteInteger(to, width, index, value);
}

size_t IntsetBytesWithout(Intset old) { return old.bytes() - old.width(); }

void WriteIntsetWithout(Intset old, uint32_t index, char* out) {
  DASSERT(index < old.count());
  const std::string_view bytes = old.view();
  const size_t split = kIntsetHeaderBytes + size_t{index} * old.width();
  std::memcpy(out, bytes.data(), split);
  std::memcpy(out + split, bytes.data() + split + old.width(), bytes.size() - split - old.width());
  WriteHeader(out, old.width(), old.count() - 1);
}

IntsetBuffer::IntsetBuffer(IntsetBuffer&& other) noexcept
    : block_(std::exchange(other.block_, nullptr)), capacity_(std::exchange(other.capacity_, 0)) {}

IntsetBuffer& IntsetBuffer::operator=(IntsetBuffer&& other) noexcept {
  std::swap(block_, other.block_);
  std::swap(capacity_, other.capacity_);
  return *this;
}

void IntsetBuffer::Assign(Intset copied) {
  const std::string_view bytes = copied.view();
  if (capacity_ < bytes.size()) {
    Release();
    capacity_ = UsableSize(bytes.size());
    block_ = static_cast<char*>(Allocate(capacity_));
  }
  std::memcpy(block_, bytes.data(), bytes.size());
}

void IntsetBuffer::Clear() {
  if (block_ != nullptr) std::memcpy(block_, kEmptyIntset, sizeof kEmptyIntset);
}

void IntsetBuffer::Release() {
  if (block_ == nullptr) return;
  Free(block_, capacity_);
  block_ = nullptr;
  capacity_ = 0;
}

void IntsetBuffer::MoveTo(size_t capacity) {
  const std::string_view bytes = get().view();
  char* const block = static_cast<char*>(Allocate(capacity));
  std::memcpy(block, bytes.data(), bytes.size());
  Release();
  block_ = block;
  capacity_ = capacity;
}

bool IntsetBuffer::Add(int64_t value) {
  uint32_t index;
  if (get().Find(value, &index)) return false;
  const size_t bytes = IntsetBytesWith(get(), value);
  if (bytes > capacity_) MoveTo(UsableSize(bytes));
  const Intset old = get();
  const uint32_t old_width = old.width();
  const uint32_t count = old.count();
  const uint32_t width = std::max(old_width, WidthOf(value));
  char* const integers = block_ + kIntsetHeaderBytes;
  if (width != old_width) {
    Widen(integers, old_width, count, width, index == 0 ? 1 : 0, integers);
  } else {
    char* const at = integers + size_t{index} * width;
    std::memmove(at + width, at, size_t{count - index} * width);
  }
  WriteInteger(integers, width, index, value);
  WriteHeader(block_, width, count + 1);
  return true;
}

bool IntsetBuffer::Remove(int64_t value) {
  uint32_t index;
  if (!get().Find(value, &index)) return false;
  const uint32_t width = get().width();
  const uint32_t count = get().count();
  char* const at = block_ + kIntsetHeaderBytes + size_t{index} * width;
  std::memmove(at, at + width, size_t{count - index - 1} * width);
  WriteHeader(block_, width, count - 1);
  return true;
}

bool ValidateIntset(std::string_view bytes) {
  if (bytes.size() < kIntsetHeaderBytes) return false;
  const Intset intset(bytes.data());
  const uint32_t width = intset.width();
  if (width != sizeof(int16_t) && width != sizeof(int32_t) && width != sizeof(int64_t))
    return false;
  if (intset.bytes() != bytes.size()) return false;
  const char* integers = bytes.data() + kIntsetHeaderBytes;
  switch (width) {
    case sizeof(int16_t):
      return Ascends<int16_t>(integers, intset.count());
    case sizeof(int32_t):
      return Ascends<int32_t>(integers, intset.count());
    default:
      return Ascends<int64_t>(integers, intset.count());
  }
}

}  // namespace alai
