// Memory for large segments, cut from chunks of 64 KB in units of 512 bytes.
//
//   chunk   | header 512 | unit 1 | unit 2 | … | unit 127 |        aligned to its size
//
// All segments of a table of a given age reach the same size at about the same time. With a general
// allocator, whose slabs hold blocks of one size only, the half of the blocks that is free while they
// split helps nobody, 2 to 4 bytes a key; here the hole of a split segment takes the next step of
// another.
//
// Chunks are kept in lists by their longest run of free units; an allocation takes the list with the
// shortest run that suffices.
//
// Threads     Any. A mutex is held for some tens of nanoseconds; there is one allocation for about
//             forty insertions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>

namespace alai {

class SegmentPool {
 public:
  static constexpr size_t kUnitBytes = 512;
  static constexpr size_t kChunkBytes = 64 * 1024;
  static constexpr size_t kUnitsMax = 8;  // the largest segment

  static SegmentPool& Get();

  // Whether blocks of this size come from here.
  static constexpr bool Serves(size_t size) {
    return size % kUnitBytes == 0 && size / kUnitBytes >= 4 && size / kUnitBytes <= kUnitsMax;
  }

  void* Allocate(size_t size);
  void Free(void* block, size_t size);

  // Bytes of all chunks, and how much of that is allocated.
  struct Usage {
    size_t chunk_bytes;
    size_t allocated_bytes;
  };
  Usage usage() const;

 private:
  struct Chunk;

  static uint32_t LongestRun(const Chunk& chunk);
  static uint32_t FindRun(const Chunk& chunk, uint32_t units);
  Chunk* NewChunk();
  void Relist(Chunk* chunk);
  void Unlist(Chunk* chunk);

  mutable std::mutex mutex_;
  Chunk* lists_[kUnitsMax + 1] =
      {};  // by longest free run, the last for all that are as long or longer
  size_t chunks_ = 0;
  size_t allocated_units_ = 0;
};

}  // namespace alai
