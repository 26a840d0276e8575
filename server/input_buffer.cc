#include "server/input_buffer.h"

#include "engine/base/assert.h"

namespace alai {
namespace {

// A larger buffer is cut down when less than a quarter of it is in use.
constexpr size_t kIdleBytesMax = 64 * 1024;

}  // namespace

void InputBuffer::Reallocate(size_t capacity) {
  char* data = static_cast<char*>(std::realloc(data_, capacity));
  ASSERT(data != nullptr);
  data_ = data;
  capacity_ = capacity;
}

std::span<char> InputBuffer::Room(size_t size) {
  if (capacity_ - size_ < size) {
    const size_t doubled = capacity_ * 2;
    Reallocate(doubled > size_ + size ? doubled : size_ + size);
  }
  return {data_ + size_, capacity_ - size_};
}

void InputBuffer::Append(std::string_view bytes) {
  if (bytes.empty()) return;
  const std::span<char> room = Room(bytes.size());
  std::memcpy(room.data(), bytes.data(), bytes.size());
  Commit(bytes.size());
}

void InputBuffer::Assign(std::string_view bytes) {
  if (bytes.empty()) return Clear();
  if (bytes.data() >= data_ && bytes.data() < data_ + capacity_) {
    if (bytes.data() != data_) std::memmove(data_, bytes.data(), bytes.size());
    size_ = bytes.size();
    if (capacity_ > kIdleBytesMax && capacity_ / 4 > size_) Reallocate(size_);
    return;
  }
  size_ = 0;
  if (capacity_ < bytes.size()) Reallocate(bytes.size());
  Append(bytes);
}

void InputBuffer::Consume(size_t size) {
  DASSERT(size <= size_);
  Assign({data_ + size, size_ - size});
}

void InputBuffer::Clear() {
  std::free(data_);
  data_ = nullptr;
  size_ = capacity_ = 0;
}

}  // namespace alai
