// Random numbers: a small fast generator for sampling and tests, and the operating system's source
// for what must not be guessed.
//
// Threads     A Random belongs to one thread. The functions may be called from any.
#pragma once

#include <sys/random.h>

#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "engine/base/assert.h"

namespace alai {

// xoshiro256++ of Blackman and Vigna, its state filled by SplitMix64. The same seed gives the same
// numbers on every machine. Not for secrets.
class Random {
 public:
  using result_type = uint64_t;

  explicit Random(uint64_t seed) {
    for (uint64_t& word : state_) {
      seed += 0x9e3779b97f4a7c15;
      uint64_t mixed = (seed ^ seed >> 30) * 0xbf58476d1ce4e5b9;
      mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb;
      word = mixed ^ mixed >> 31;
    }
  }

  uint64_t Next() {
    const uint64_t result = std::rotl(state_[0] + state_[3], 23) + state_[0];
    const uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

  // Uniform in [0, bound), without modulo bias (Lemire 2019); `bound` is not 0.
  uint64_t Below(uint64_t bound) {
    DASSERT(bound != 0);
    auto product = static_cast<unsigned __int128>(Next()) * bound;
    if (static_cast<uint64_t>(product) < bound) {
      const uint64_t biased = (0 - bound) % bound;
      while (static_cast<uint64_t>(product) < biased) {
        product = static_cast<unsigned __int128>(Next()) * bound;
      }
    }
    return static_cast<uint64_t>(product >> 64);
  }

  // Uniform in [first, last], both included.
  int64_t Between(int64_t first, int64_t last) {
    DASSERT(first <= last);
    const uint64_t span = static_cast<uint64_t>(last) - static_cast<uint64_t>(first) + 1;
    const uint64_t offset = span == 0 ? Next() : Below(span);
    return static_cast<int64_t>(static_cast<uint64_t>(first) + offset);
  }

  // Uniform in [0, 1).
  double NextDouble() { return static_cast<double>(Next() >> 11) * 0x1p-53; }

  // True once in `n` calls on average.
  bool OneIn(uint64_t n) { return Below(n) == 0; }

  // What the standard library asks of a generator, for std::shuffle and distributions.
  static constexpr uint64_t min() { return 0; }
  static constexpr uint64_t max() { return UINT64_MAX; }
  uint64_t operator()() { return Next(); }

 private:
  uint64_t state_[4];
};

// Fills `out` from the operating system's random source.
inline void RandomBytes(void* out, size_t size) {
  auto* at = static_cast<char*>(out);
  while (size > 0) {
    const ssize_t n = getrandom(at, size, 0);
    if (n < 0 && errno == EINTR) continue;
    ASSERT(n > 0);
    at += n;
    size -= static_cast<size_t>(n);
  }
}

inline uint64_t RandomSeed() {
  uint64_t seed;
  RandomBytes(&seed, sizeof seed);
  return seed;
}

// Writes `count` lower-case hexadecimal digits that nobody can guess, and no terminating zero.
inline void RandomHex(char* out, size_t count) {
  for (size_t i = 0; i < count;) {
    uint64_t bits = RandomSeed();
    for (int digit = 0; digit < 16 && i < count; ++digit, bits >>= 4) {
      out[i++] = "0123456789abcdef"[bits & 15];
    }
  }
}

}  // namespace alai
