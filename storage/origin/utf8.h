// Whether bytes are text that a database takes: UTF-8 without a zero byte.
//
// Threads     Pure function.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace alai::origin {

// By table 3-7 of the Unicode standard: neither overlong forms nor surrogates, nothing above U+10FFFF.
inline bool IsDatabaseText(std::string_view bytes) {
  const auto byte = [&](size_t at) { return static_cast<uint8_t>(bytes[at]); };
  for (size_t at = 0; at < bytes.size();) {
    const uint8_t lead = byte(at);
    if (lead == 0) return false;
    if (lead < 0x80) {
      ++at;
      continue;
    }
    const size_t length = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
    if (length == 0 || bytes.size() - at < length) return false;
    const uint8_t second = byte(at + 1);
    const uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    const uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (second < low || second > high) return false;
    for (size_t i = 2; i < length; ++i) {
      if ((byte(at + i) & 0xc0) != 0x80) return false;
    }
    at += length;
  }
  return true;
}

}  // namespace alai::origin
