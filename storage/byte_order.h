// Integers as they lie in files and payloads, at any address and in either order of bytes.
//
// Threads     Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace alai {

// Of up to eight bytes.
inline uint64_t LittleEndian(std::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  return value;
}

// Of one to eight bytes, in two's complement.
inline int64_t LittleEndianSigned(std::string_view bytes) {
  // Moves the sign to the top and back down over the bits above.
  const unsigned unused = 64 - 8 * static_cast<unsigned>(bytes.size());
  return static_cast<int64_t>(LittleEndian(bytes) << unused) >> unused;
}

inline uint64_t BigEndian(std::string_view bytes) {
  uint64_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<uint8_t>(c);
  return value;
}

inline void AppendLittleEndian(uint64_t value, size_t size, std::string* out) {
  for (size_t i = 0; i < size; ++i) *out += static_cast<char>(value >> 8 * i);
}

}  // namespace alai
