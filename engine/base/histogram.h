// Latency histogram: how long commands took, in nanoseconds.
//
// Log-linear, after HdrHistogram: each power of two is cut into 32 slots of equal width, so a slot
// is at most 1/32 of its values wide.
//
//   value    0 1 2 … 31 | 32 33 … 63 | 64 66 … 126 | 128 132 … 252 | … up to 2^40 (18 minutes)
//   slot     0 1 2 … 31 | 32 33 … 63 | 64 65 …  95 |  96  97 … 127 | … 1151
//
// A slot counts in 32 bits. When those run over, 15 bits of a second array carry on, under a
// sequence bit: the whole is 6.9 KB instead of 9.2, one of these is there per command and worker,
// and 32 bits alone would last for an hour.
//
// Threads     Record(), Merge() into it and Reset() by its one owner. Everything const from any
// thread
//             while the owner counts; each slot is read whole, but slots are not read at one
//             instant.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace alai {

class Histogram {
 public:
  // Values from 2^kOctaves on are counted as the highest below it.
  static constexpr int kOctaves = 40;

  Histogram() = default;
  Histogram(const Histogram&) = delete;
  Histogram& operator=(const Histogram&) = delete;

  void Record(int64_t nanos) {
    const uint64_t value = nanos > 0 ? static_cast<uint64_t>(nanos) : 0;
    const size_t slot = SlotOf(value);
    const uint32_t count = counts_[slot].load(std::memory_order_relaxed) + 1;
    if (count != 0) [[likely]] {
      counts_[slot].store(count, std::memory_order_relaxed);
    } else {
      CarryOver(slot);
    }
    if (value > max_.load(std::memory_order_relaxed)) {
      max_.store(value, std::memory_order_relaxed);
    }
  }

  // Adds everything that `other` has counted.
  void Merge(const Histogram& other);
  void Reset();

  uint64_t count() const;
  // The largest value recorded, exactly; 0 when nothing was.
  uint64_t max() const { return max_.load(std::memory_order_relaxed); }

  // The value that `percentile` percent of the recorded ones do not exceed; 0 when nothing was
  // recorded. It is the largest of its slot, so it may be 1/32 too high and is never too low. From
  // 100 on it is max().
  uint64_t ValueAtPercentile(double percentile) const;

  // Element e: how many recorded values are below 2^e. The last one counts them all.
  using PowerCounts = std::array<uint64_t, kOctaves + 1>;
  PowerCounts CountsBelowPowersOfTwo() const;

 private:
  static constexpr int kSlotBits = 5;
  static constexpr size_t kSlots = (kOctaves - kSlotBits + 1) << kSlotBits;

  static size_t SlotOf(uint64_t value) {
    constexpr uint64_t kValueMax = (uint64_t{1} << kOctaves) - 1;
    if (value > kValueMax) value = kValueMax;
    const int shift = std::bit_width(value | uint64_t{1} << kSlotBits) - 1 - kSlotBits;
    return (static_cast<size_t>(shift) << kSlotBits) + (value >> shift);
  }
  // The largest value that a slot stands for.
  static uint64_t LastOf(size_t slot);

  uint64_t CountAt(size_t slot) const;
  void StoreAt(size_t slot, uint64_t count);
  // Counts one more in a slot whose 32 bits are full.
  void CarryOver(size_t slot);

  std::atomic<uint64_t> max_{0};
  std::atomic<uint32_t> counts_[kSlots]{};
  std::atomic<uint16_t> carries_[kSlots]{};  // twice the carry; odd while counts_ is being replaced
};

static_assert(sizeof(Histogram) <= 7168);

}  // namespace alai
