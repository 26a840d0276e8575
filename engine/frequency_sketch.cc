#include "engine/frequency_sketch.h"

#include <bit>
#include <new>

#include "engine/base/assert.h"
#include "engine/base/memory.h"

namespace alai {

FrequencySketch* FrequencySketch::Create(uint64_t words, uint32_t uses_per_word) {
  ASSERT(std::has_single_bit(words) && words >= kWordsAgedAtOnce);
  void* block = Allocate(sizeof(FrequencySketch) + words * sizeof(uint64_t));
  auto* sketch = new (block) FrequencySketch(words, uses_per_word);
  for (uint64_t i = 0; i < words; ++i) new (&sketch->words_[i]) std::atomic<uint64_t>(0);
  return sketch;
}

// A larger one has the same lowest bits of the hash in its index, so each of its words begins as the
// word that counted its keys until now.
FrequencySketch* FrequencySketch::Resized(uint64_t words) const {
  FrequencySketch* fresh = Create(words, uses_per_word_);
  for (uint64_t i = 0; i < words; ++i) {
    fresh->words_[i].store(words_[i & mask_].load(std::memory_order_relaxed),
                           std::memory_order_relaxed);
  }
  return fresh;
}

void FrequencySketch::Delete() { Free(this, block_size()); }

void FrequencySketch::Age() {
  constexpr uint64_t kWithoutLowestBits = 0x7777'7777'7777'7777;
  const uint64_t first = aged_.fetch_add(kWordsAgedAtOnce, std::memory_order_relaxed);
  for (uint64_t i = first; i < first + kWordsAgedAtOnce; ++i) {
    std::atomic<uint64_t>& word = words_[i & mask_];
    word.store(word.load(std::memory_order_relaxed) >> 1 & kWithoutLowestBits,
               std::memory_order_relaxed);
  }
}

}  // namespace alai
