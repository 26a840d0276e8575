// Request bytes that a client could not be served with yet: the part of a request that has arrived,
// or what was sent while the client was suspended.
//
// Threads     Belongs to the client's worker.
// Invariants  Empty means no memory. The bytes are contiguous; views into them die with any
//             non-const call.
#pragma once

#include <cstdlib>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

namespace alai {

class InputBuffer {
 public:
  InputBuffer() = default;
  InputBuffer(const InputBuffer&) = delete;
  InputBuffer& operator=(const InputBuffer&) = delete;
  ~InputBuffer() { std::free(data_); }

  char* data() { return data_; }
  size_t size() const { return size_; }
  size_t capacity() const { return capacity_; }
  bool empty() const { return size_ == 0; }

  // Room for at least `size` bytes behind those that are there; Commit() says how many came.
  std::span<char> Room(size_t size);
  void Commit(size_t size) { size_ += size; }
  void Append(std::string_view bytes);
  // Exactly these bytes, in as little memory as they need. They may be part of the buffer.
  void Assign(std::string_view bytes);
  // Drops the first bytes.
  void Consume(size_t size);
  void Clear();

 private:
  void Reallocate(size_t capacity);

  char* data_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace alai
