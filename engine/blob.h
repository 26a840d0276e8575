// A large string outside its record, reference-counted so that a reply can be sent straight from
// it.
//
// Threads     Acquire() while the owning record is pinned or its shard locked; Release() from any
//             thread. Bytes below length() never change while a second reference exists.
// Invariants  length() <= capacity. Appending writes beyond length() and then moves it, so a holder
//             of an older length reads stable bytes.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

namespace alai {

class Blob {
 public:
  // A blob of `length` uninitialised bytes with room for `capacity`, referenced once.
  static Blob* Create(uint64_t length, uint64_t capacity);
  static Blob* Copy(std::string_view bytes);

  void Acquire() { references_.fetch_add(1, std::memory_order_relaxed); }
  void Release();
  bool shared() const { return references_.load(std::memory_order_acquire) > 1; }

  uint64_t length() const { return length_.load(std::memory_order_acquire); }
  uint64_t capacity() const { return capacity_; }
  void SetLength(uint64_t length) { length_.store(length, std::memory_order_release); }
  char* bytes() { return reinterpret_cast<char*>(this + 1); }
  std::string_view view() { return {bytes(), length()}; }

  // Bytes that the allocator holds for a blob of this capacity.
  size_t allocated_bytes() const;

 private:
  Blob(uint64_t length, uint64_t capacity) : length_(length), capacity_(capacity) {}

  std::atomic<uint64_t> length_;
  const uint64_t capacity_;
  std::atomic<uint32_t> references_{1};
};

}  // namespace alai
