// How often keys were used of late, whether they are there or not: what tells a key that will be
// asked for again from one that was met by chance.
//
// A count-min sketch (Cormode and Muthukrishnan, 2005) with the conservative update of Estan and
// Varghese (2002), small saturating counters and aging by halving as in TinyLFU (Einziger, Friedman
// and Manes, 2017). A key has two counters of four bits, both in the word that its hash chooses, so a
// use costs one cache line.
//
//   word    | counter 15 | … | counter 1 | counter 0 |     16 x 4 bits
//   hash    bits 0-3: first counter, 4-7: how far the second is, 16 and up: the word
//
// Aging follows the uses, not the time: every thread halves a line of words for each so many uses that
// it counts, so the sketch is gone through evenly and nobody stops for it.
//
// Threads     Count() and Estimate() from any, pinned by a StoreThread.
// Invariants  A counter that is full is not stored to, so the lines of the keys that are used most
//             stay clean in every core's cache. Two threads that count in one word at the same time
//             may lose a count, which an estimate can bear.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace alai {

class FrequencySketch {
 public:
  static constexpr uint32_t kEstimateMax = 15;
  static constexpr uint64_t kWordsMin = 1024;
  // What one counter word may serve before the sketch should grow: four counters a key.
  static constexpr uint64_t kKeysPerWord = 4;

  // An empty sketch of so many words, a power of two. After `uses_per_word` uses for each of them every
  // counter has been halved once: what happened before the last so many uses is forgotten.
  static FrequencySketch* Create(uint64_t words, uint32_t uses_per_word);
  // One of another size, with what this one knows of each key.
  FrequencySketch* Resized(uint64_t words) const;
  void Delete();

  // `uses` is the calling thread's own count of uses since it aged last.
  void Count(uint64_t hash, uint32_t* uses) {
    std::atomic<uint64_t>& word = WordOf(hash);
    const uint64_t before = word.load(std::memory_order_relaxed);
    const uint64_t after = CountedIn(before, hash);
    if (after != before) word.store(after, std::memory_order_relaxed);
    if (++*uses >= uses_per_word_ * kWordsAgedAtOnce) [[unlikely]] {
      *uses = 0;
      Age();
    }
  }
  // How often of late, at most kEstimateMax; too high rather than too low.
  uint32_t Estimate(uint64_t hash) const {
    const uint64_t word = WordOf(hash).load(std::memory_order_relaxed);
    const uint32_t first = Counter(word, First(hash));
    const uint32_t second = Counter(word, Second(hash));
    return first < second ? first : second;
  }
  void Prefetch(uint64_t hash) const { __builtin_prefetch(&WordOf(hash)); }

  uint64_t words() const { return mask_ + 1; }
  size_t block_size() const { return sizeof(FrequencySketch) + words() * sizeof(uint64_t); }

 private:
  static constexpr uint32_t kWordsAgedAtOnce = 8;

  FrequencySketch(uint64_t words, uint32_t uses_per_word)
      : mask_(words - 1), uses_per_word_(uses_per_word) {}

  std::atomic<uint64_t>& WordOf(uint64_t hash) { return words_[(hash >> 16) & mask_]; }
  const std::atomic<uint64_t>& WordOf(uint64_t hash) const { return words_[(hash >> 16) & mask_]; }
  static uint32_t First(uint64_t hash) { return static_cast<uint32_t>(hash & 15); }
  // Any but the first.
  static uint32_t Second(uint64_t hash) {
    return static_cast<uint32_t>((hash + 1 + ((hash >> 4 & 15) * 15 >> 4)) & 15);
  }
  static uint32_t Counter(uint64_t word, uint32_t index) {
    return static_cast<uint32_t>(word >> (4 * index)) & 15;
  }
  // Only the lower of the two counters grows, or both when they are equal.
  static uint64_t CountedIn(uint64_t word, uint64_t hash) {
    const uint32_t first = Counter(word, First(hash));
    const uint32_t second = Counter(word, Second(hash));
    if (first <= second && first < kEstimateMax) word += uint64_t{1} << (4 * First(hash));
    if (second <= first && second < kEstimateMax) word += uint64_t{1} << (4 * Second(hash));
    return word;
  }
  void Age();

  const uint64_t mask_;
  const uint32_t uses_per_word_;
  std::atomic<uint64_t> aged_{0};  // words that have been halved so far, in all rounds
  std::atomic<uint64_t> words_[];
};

}  // namespace alai
