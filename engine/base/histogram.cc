// The reading side of the histogram, and the rare case on the writing side: a slot whose 32 bits
// are full. StoreAt() is the writer and CountAt() the reader of one sequence lock per slot.
#include "engine/base/histogram.h"

#include <algorithm>

namespace alai {

uint64_t Histogram::LastOf(size_t slot) {
  constexpr size_t kPerOctave = size_t{1} << kSlotBits;
  if (slot < 2 * kPerOctave) return slot;
  const size_t shift = (slot >> kSlotBits) - 1;
  const uint64_t first = (slot - (shift << kSlotBits)) << shift;
  return first + (uint64_t{1} << shift) - 1;
}

uint64_t Histogram::CountAt(size_t slot) const {
  for (;;) {
    const uint16_t before = carries_[slot].load(std::memory_order_acquire);
    const uint32_t low = counts_[slot].load(std::memory_order_acquire);
    const uint16_t after = carries_[slot].load(std::memory_order_relaxed);
    if (before == after && before % 2 == 0) return uint64_t{before} << 31 | low;
  }
}

void Histogram::StoreAt(size_t slot, uint64_t count) {
  const uint16_t before = carries_[slot].load(std::memory_order_relaxed);
  const auto after = static_cast<uint16_t>(count >> 31 & ~uint64_t{1});
  const auto low = static_cast<uint32_t>(count);
  if (before == after) {
    counts_[slot].store(low, std::memory_order_relaxed);
    return;
  }
  carries_[slot].store(before | 1, std::memory_order_relaxed);
  counts_[slot].store(low, std::memory_order_release);
  carries_[slot].store(after, std::memory_order_release);
}

void Histogram::CarryOver(size_t slot) { StoreAt(slot, CountAt(slot) + 1); }

void Histogram::Merge(const Histogram& other) {
  for (size_t slot = 0; slot < kSlots; ++slot) {
    const uint64_t more = other.CountAt(slot);
    if (more != 0) StoreAt(slot, CountAt(slot) + more);
  }
  max_.store(std::max(max(), other.max()), std::memory_order_relaxed);
}

void Histogram::Reset() {
  for (size_t slot = 0; slot < kSlots; ++slot) StoreAt(slot, 0);
  max_.store(0, std::memory_order_relaxed);
}

uint64_t Histogram::count() const {
  uint64_t sum = 0;
  for (size_t slot = 0; slot < kSlots; ++slot) sum += CountAt(slot);
  return sum;
}

uint64_t Histogram::ValueAtPercentile(double percentile) const {
  if (percentile >= 100) return max();
  const double rank = std::max(percentile, 0.0) / 100 * static_cast<double>(count());
  const uint64_t wanted = std::max(static_cast<uint64_t>(rank + 0.5), uint64_t{1});
  uint64_t seen = 0;
  for (size_t slot = 0; slot < kSlots; ++slot) {
    seen += CountAt(slot);
    if (seen >= wanted) return std::min(LastOf(slot), max());
  }
  return max();
}

Histogram::PowerCounts Histogram::CountsBelowPowersOfTwo() const {
  PowerCounts counts;
  uint64_t sum = 0;
  size_t slot = 0;
  for (int exponent = 0; exponent < kOctaves; ++exponent) {
    const size_t end = SlotOf(uint64_t{1} << exponent);
    for (; slot < end; ++slot) sum += CountAt(slot);
    counts[exponent] = sum;
  }
  for (; slot < kSlots; ++slot) sum += CountAt(slot);
  counts[kOctaves] = sum;
  return counts;
}

}  // namespace alai
