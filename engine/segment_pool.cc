#include "engine/segment_pool.h"

#include <algorithm>
#include <array>
#include <bit>
#include <new>

#include "engine/base/assert.h"

namespace alai {
namespace {

constexpr uint32_t kUnits = SegmentPool::kChunkBytes / SegmentPool::kUnitBytes;

}  // namespace

struct SegmentPool::Chunk {
  Chunk* previous = nullptr;
  Chunk* next = nullptr;
  uint32_t list = 0;
  uint32_t used_units = 0;
  // Bit i: unit i is free. Unit 0 is this header.
  std::array<uint64_t, kUnits / 64> free{~uint64_t{1}, ~uint64_t{0}};

  bool IsFree(uint32_t unit) const { return (free[unit / 64] >> (unit % 64) & 1) != 0; }
  // The first unit from `unit` on that is free, or is not; kUnits when there is none.
  uint32_t Next(uint32_t unit, bool is_free) const {
    while (unit < kUnits) {
      const uint64_t bits = (is_free ? free[unit / 64] : ~free[unit / 64]) >> (unit % 64);
      if (bits != 0) return unit + static_cast<uint32_t>(std::countr_zero(bits));
      unit = (unit / 64 + 1) * 64;
    }
    return kUnits;
  }
  // Calls f(first unit, length) for each run of free units that cannot be made longer, in their order.
  template <class F>
  void ForEachRun(F f) const {
    for (uint32_t unit = Next(1, true); unit < kUnits;) {
      const uint32_t end = Next(unit, false);
      f(unit, end - unit);
      unit = Next(end, true);
    }
  }
  void Mark(uint32_t unit, uint32_t count, bool is_free) {
    for (uint32_t i = unit; i < unit + count; ++i) {
      const uint64_t bit = uint64_t{1} << (i % 64);
      DASSERT(IsFree(i) != is_free);
      free[i / 64] = is_free ? free[i / 64] | bit : free[i / 64] & ~bit;
    }
  }
};

SegmentPool& SegmentPool::Get() {
  // Never destroyed: tables of static storage may outlive it otherwise.
  static auto* pool = new SegmentPool;
  return *pool;
}

void* SegmentPool::Allocate(size_t size) {
  const auto units = static_cast<uint32_t>(size / kUnitBytes);
  std::lock_guard guard(mutex_);
  Chunk* chunk = nullptr;
  for (uint32_t run = units; run <= kUnitsMax && chunk == nullptr; ++run) chunk = lists_[run];
  if (chunk == nullptr) chunk = NewChunk();
  const uint32_t unit = FindRun(*chunk, units);
  chunk->Mark(unit, units, false);
  chunk->used_units += units;
  allocated_units_ += units;
  Relist(chunk);
  return reinterpret_cast<char*>(chunk) + unit * kUnitBytes;
}

void SegmentPool::Free(void* block, size_t size) {
  const auto address = reinterpret_cast<uintptr_t>(block);
  auto* chunk = reinterpret_cast<Chunk*>(address & ~uintptr_t{kChunkBytes - 1});
  const auto unit = static_cast<uint32_t>((address % kChunkBytes) / kUnitBytes);
  const auto units = static_cast<uint32_t>(size / kUnitBytes);
  std::lock_guard guard(mutex_);
  chunk->Mark(unit, units, true);
  chunk->used_units -= units;
  allocated_units_ -= units;
  if (chunk->used_units != 0) {
    Relist(chunk);
    return;
  }
  Unlist(chunk);
  --chunks_;
  ::operator delete(chunk, kChunkBytes, std::align_val_t(kChunkBytes));
}

SegmentPool::Usage SegmentPool::usage() const {
  std::lock_guard guard(mutex_);
  return {chunks_ * kChunkBytes, allocated_units_ * kUnitBytes};
}

uint32_t SegmentPool::LongestRun(const Chunk& chunk) {
  uint32_t longest = 0;
  chunk.ForEachRun([&](uint32_t, uint32_t length) { longest = std::max(longest, length); });
  return std::min<uint32_t>(longest, kUnitsMax);
}

// The first unit of the shortest free run that is long enough.
uint32_t SegmentPool::FindRun(const Chunk& chunk, uint32_t units) {
  uint32_t best = 0;
  uint32_t best_length = UINT32_MAX;
  chunk.ForEachRun([&](uint32_t unit, uint32_t length) {
    if (length < units || length >= best_length) return;
    best = unit;
    best_length = length;
  });
  ASSERT(best != 0);
  return best;
}

SegmentPool::Chunk* SegmentPool::NewChunk() {
  auto* chunk = new (::operator new(kChunkBytes, std::align_val_t(kChunkBytes))) Chunk;
  ++chunks_;
  chunk->list = kUnitsMax;
  chunk->next = lists_[kUnitsMax];
  if (chunk->next != nullptr) chunk->next->previous = chunk;
  lists_[kUnitsMax] = chunk;
  return chunk;
}

void SegmentPool::Relist(Chunk* chunk) {
  const uint32_t list = LongestRun(*chunk);
  if (list == chunk->list) return;
  Unlist(chunk);
  chunk->list = list;
  chunk->previous = nullptr;
  chunk->next = lists_[list];
  if (chunk->next != nullptr) chunk->next->previous = chunk;
  lists_[list] = chunk;
}

void SegmentPool::Unlist(Chunk* chunk) {
  if (chunk->previous != nullptr) {
    chunk->previous->next = chunk->next;
  } else {
    lists_[chunk->list] = chunk->next;
  }
  if (chunk->next != nullptr) chunk->next->previous = chunk->previous;
}

}  // namespace alai
