// Ziplists and zipmaps as old servers wrote them, which no server that is installed does any more.
//
// Threads     Pure functions.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/number.h"
#include "storage/byte_order.h"

namespace alai {

inline std::string ZiplistInteger(int64_t value) {
  std::string bytes;
  if (value >= 0 && value <= 12) return {static_cast<char>(0xf1 + value)};
  size_t size = 8;
  uint8_t head = 0xe0;
  if (value == static_cast<int8_t>(value)) {
    size = 1, head = 0xfe;
  } else if (value == static_cast<int16_t>(value)) {
    size = 2, head = 0xc0;
  } else if (value >= -(1 << 23) && value < 1 << 23) {
    size = 3, head = 0xf0;
  } else if (value == static_cast<int32_t>(value)) {
    size = 4, head = 0xd0;
  }
  bytes += static_cast<char>(head);
  AppendLittleEndian(static_cast<uint64_t>(value), size, &bytes);
  return bytes;
}

inline std::string ZiplistText(std::string_view text) {
  std::string bytes;
  const size_t size = text.size();
  if (size < 64) {
    bytes += static_cast<char>(size);
  } else if (size < 16384) {
    bytes += static_cast<char>(0x40 | size >> 8);
    bytes += static_cast<char>(size);
  } else {
    bytes += '\x80';
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(size >> shift);
  }
  bytes += text;
  return bytes;
}

// With `long_previous`, every entry states the length of the one before in five bytes.
inline std::string Ziplist(const std::vector<std::string>& texts, bool long_previous = false) {
  std::string entries;
  size_t previous = 0;
  for (const std::string& text : texts) {
    const size_t begin = entries.size();
    if (previous < 254 && !long_previous) {
      entries += static_cast<char>(previous);
    } else {
      entries += '\xfe';
      AppendLittleEndian(previous, 4, &entries);
    }
    int64_t integer;
    entries += ParseInt64(text, &integer) ? ZiplistInteger(integer) : ZiplistText(text);
    previous = entries.size() - begin;
  }
  std::string bytes;
  AppendLittleEndian(entries.size() + 11, 4, &bytes);
  AppendLittleEndian(entries.size() + 10 - previous, 4, &bytes);
  AppendLittleEndian(texts.size() < 65535 ? texts.size() : 65535, 2, &bytes);
  return bytes + entries + '\xff';
}

// Fields and values in turn; each value is followed by `unused` bytes.
inline std::string Zipmap(const std::vector<std::string>& texts, size_t unused = 0) {
  const size_t pairs = texts.size() / 2;
  std::string bytes(1, static_cast<char>(pairs < 254 ? pairs : 254));
  for (size_t i = 0; i < texts.size(); ++i) {
    const std::string& text = texts[i];
    if (text.size() < 254) {
      bytes += static_cast<char>(text.size());
    } else {
      bytes += '\xfe';
      AppendLittleEndian(text.size(), 4, &bytes);
    }
    if (i % 2 != 0) bytes += static_cast<char>(unused);
    bytes += text;
    if (i % 2 != 0) bytes.append(unused, '?');
  }
  return bytes + '\xff';
}

}  // namespace alai
