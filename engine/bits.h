// Bits of a string: counting, finding, combining, and fields of up to 64 of them.
//
// Bit 0 is the highest bit of the first byte, and a field's first bit is its most significant one, as
// SETBIT and BITFIELD number them. All of it goes through memory once, 8 to 64 bytes at a time.
//
// Threads     Pure functions: any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace alai::bits {

constexpr uint64_t kNotFound = UINT64_MAX;

inline bool Get(std::string_view bytes, uint64_t bit) {
  const uint64_t byte = bit / 8;
  return byte < bytes.size() && (static_cast<uint8_t>(bytes[byte]) >> (7 - bit % 8) & 1) != 0;
}
inline void Flip(char* bytes, uint64_t bit) {
  bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ 1 << (7 - bit % 8));
}

// How many bits are set.
uint64_t Count(std::string_view bytes);
// How many are set from bit `first` to bit `last`, both included and within `bytes`.
uint64_t CountBetween(std::string_view bytes, uint64_t first, uint64_t last);

// The first bit that is `value` from bit `first` to bit `last`, both within `bytes`; kNotFound.
uint64_t Find(std::string_view bytes, bool value, uint64_t first, uint64_t last);

// What BITOP makes of a first source and others, bit by bit.
enum class Combination : uint8_t {
  kAnd,
  kOr,
  kXor,
  kNot,    // of one source
  kDiff,   // in the first, in none of the others
  kDiff1,  // in one of the others at least, not in the first
  kAndOr,  // in the first and in one of the others at least
  kOne,    // in exactly one
};

// Writes `length` bytes, which is the length of the longest source; shorter ones go on as zeros.
void Combine(Combination combination, std::span<const std::string_view> sources, char* out,
             uint64_t length);

// A field of `width` bits (1 to 64) that begins at bit `offset`. Bits beyond the end read as zeros; a
// field that is written lies within `bytes`.
uint64_t ReadField(std::string_view bytes, uint64_t offset, int width);
void WriteField(char* bytes, uint64_t offset, int width, uint64_t value);

}  // namespace alai::bits
