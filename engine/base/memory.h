// Allocation with known sizes, and what a request of a given size really costs.
//
// Everything goes through operator new and sized operator delete, which jemalloc replaces when it is
// linked in, so that the engine does not depend on it.
//
// Threads     Any.
#pragma once

#include <bit>
#include <cstddef>
#include <new>

namespace alai {

inline void* Allocate(size_t size) { return ::operator new(size); }
inline void Free(void* block, size_t size) { ::operator delete(block, size); }

// Blocks on a cache line boundary.
inline void* AllocateAligned(size_t size) { return ::operator new(size, std::align_val_t(64)); }
inline void FreeAligned(void* block, size_t size) {
  ::operator delete(block, size, std::align_val_t(64));
}

// What the allocator holds for a request of `size` bytes: jemalloc's size classes, which are the
// multiples of 16 up to 128 and then four steps to each doubling.
constexpr size_t UsableSize(size_t size) {
  if (size <= 8) return 8;
  if (size <= 128) return (size + 15) & ~size_t{15};
  const size_t step = std::bit_ceil(size) / 8;
  return (size + step - 1) & ~(step - 1);
}

}  // namespace alai
