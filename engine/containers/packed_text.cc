#include "engine/containers/packed_text.h"

#include <bit>
#include <cstring>

#include "engine/base/assert.h"

namespace alai {

namespace {

constexpr size_t kShortBytesMax = 0xEF;
constexpr uint8_t kLongBase = 0xF0;
constexpr uint8_t kIntegerBase = 0xF4;

static_assert(std::endian::native == std::endian::little);

size_t LengthBytes(uint64_t length) { return (std::bit_width(length) + 7u) / 8; }

// Bytes that hold `value` with its sign.
size_t IntegerBytes(int64_t value) {
  const auto bits = static_cast<uint64_t>(value < 0 ? ~value : value);
  return static_cast<size_t>(std::bit_width(bits)) / 8 + 1;
}

// The size of `text` as an integer, 0 when it is better kept as it is.
size_t AsInteger(std::string_view text, int64_t* value) {
  if (text.size() < 2 || text.size() > kInt64CharsMax) return 0;
  if (text[0] > '9' || !ParseInt64(text, value)) return 0;
  const size_t bytes = IntegerBytes(*value);
  return bytes < text.size() ? bytes : 0;
}

}  // namespace

size_t PackedTextBytes(std::string_view text) {
  int64_t value;
  if (const size_t bytes = AsInteger(text, &value)) return 1 + bytes;
  return text.size() <= kShortBytesMax ? 1 + text.size()
                                       : 1 + LengthBytes(text.size()) + text.size();
}

char* WritePackedText(std::string_view text, char* out) {
  int64_t value;
  if (const size_t bytes = AsInteger(text, &value)) {
    *out++ = static_cast<char>(kIntegerBase + bytes);
    std::memcpy(out, &value, bytes);
    return out + bytes;
  }
  if (text.size() <= kShortBytesMax) {
    *out++ = static_cast<char>(text.size());
  } else {
    DASSERT(text.size() <= UINT32_MAX);
    const uint64_t length = text.size();
    const size_t bytes = LengthBytes(length);
    *out++ = static_cast<char>(kLongBase + bytes);
    std::memcpy(out, &length, bytes);
    out += bytes;
  }
  if (!text.empty()) std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

std::string_view ReadPackedText(const char** at, char digits[kInt64CharsMax]) {
  const char* from = *at + 1;
  const auto head = static_cast<uint8_t>(**at);
  if (head <= kShortBytesMax) {
    *at = from + head;
    return {from, head};
  }
  if (head > kIntegerBase) {
    const size_t bytes = head - kIntegerBase;
    uint64_t bits = 0;
    std::memcpy(&bits, from, bytes);
    const size_t unused = 64 - 8 * bytes;
    const int64_t value = static_cast<int64_t>(bits << unused) >> unused;
    *at = from + bytes;
    return {digits, FormatInt64(value, digits)};
  }
  uint64_t length = 0;
  std::memcpy(&length, from, head - kLongBase);
  from += head - kLongBase;
  *at = from + length;
  return {from, length};
}

}  // namespace alai
