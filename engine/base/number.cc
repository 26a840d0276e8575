// Numbers as text. Integers are done by hand, two digits a step; floating point leans on
// <charconv>, which is exact and knows no locale, and on strtod for what <charconv> leaves out:
// hexadecimal after "0x", and which of overflow and underflow happened.
#include "engine/base/number.h"

#include <locale.h>
#include <stdlib.h>

#include <array>
#include <bit>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include "engine/base/ascii.h"
#include "engine/base/assert.h"

namespace alai {
namespace {

constexpr size_t kUint64DigitsMax = 20;

// "00" "01" … "99", so that one division yields two digits.
constexpr std::array<char, 200> kDigitPairs = [] {
  std::array<char, 200> pairs{};
  for (int i = 0; i < 100; ++i) {
    pairs[2 * i] = static_cast<char>('0' + i / 10);
    pairs[2 * i + 1] = static_cast<char>('0' + i % 10);
  }
  return pairs;
}();

constexpr std::array<uint64_t, 20> kPowersOf10 = [] {
  std::array<uint64_t, 20> powers{};
  uint64_t power = 1;
  for (uint64_t& p : powers) {
    p = power;
    power *= 10;
  }
  return powers;
}();

// 1233/4096 is just above log10(2), which makes the estimate from the bit width exact or one too
// low.
size_t DigitCount(uint64_t value) {
  const unsigned estimate = static_cast<unsigned>(std::bit_width(value | 1)) * 1233 >> 12;
  return estimate + (value >= kPowersOf10[estimate] || estimate == 0 ? 1 : 0);
}

locale_t CLocale() {
  static const locale_t locale = newlocale(LC_ALL_MASK, "C", nullptr);
  return locale;
}

// strtod and strtold over a terminated copy: the path of hexadecimal numbers and of range errors.
template <class Float>
bool ParseWithStrtod(std::string_view text, Float* value) {
  if (text.empty() || IsAsciiSpace(text.front())) return false;
  const std::string copy(text);
  char* end = nullptr;
  errno = 0;
  Float parsed;
  if constexpr (std::is_same_v<Float, double>) {
    parsed = strtod_l(copy.c_str(), &end, CLocale());
  } else {
    parsed = strtold_l(copy.c_str(), &end, CLocale());
  }
  if (end != copy.c_str() + copy.size() || std::isnan(parsed)) return false;
  if (errno == ERANGE && (std::isinf(parsed) || parsed == 0)) return false;
  *value = parsed;
  return true;
}

bool LooksHexadecimal(std::string_view text) {
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  return text.size() > 2 && text[0] == '0' && ToLower(text[1]) == 'x';
}

}  // namespace

bool ParseUint64(std::string_view text, uint64_t* value) {
  if (text.empty() || text.size() > kUint64DigitsMax) return false;
  const unsigned first = static_cast<unsigned char>(text[0]) - '0';
  if (first > 9 || (first == 0 && text.size() > 1)) return false;
  uint64_t sum = first;
  // Nineteen digits cannot overflow; only a twentieth needs care.
  const size_t safe = text.size() < kUint64DigitsMax ? text.size() : kUint64DigitsMax - 1;
  for (size_t i = 1; i < safe; ++i) {
    const unsigned digit = static_cast<unsigned char>(text[i]) - '0';
    if (digit > 9) return false;
    sum = sum * 10 + digit;
  }
  if (text.size() == kUint64DigitsMax) {
    const unsigned digit = static_cast<unsigned char>(text.back()) - '0';
    if (digit > 9 || __builtin_mul_overflow(sum, 10, &sum) ||
        __builtin_add_overflow(sum, digit, &sum)) {
      return false;
    }
  }
  *value = sum;
  return true;
}

bool ParseInt64(std::string_view text, int64_t* value) {
  const bool negative = !text.empty() && text[0] == '-';
  uint64_t magnitude;
  if (!ParseUint64(text.substr(negative ? 1 : 0), &magnitude)) return false;
  constexpr uint64_t kMax = std::numeric_limits<int64_t>::max();
  if (negative ? magnitude == 0 || magnitude > kMax + 1 : magnitude > kMax) return false;
  *value = static_cast<int64_t>(negative ? 0 - magnitude : magnitude);
  return true;
}

bool ParseDouble(std::string_view text, double* value) {
  std::string_view digits = text;
  if (!digits.empty() && digits[0] == '+') {
    digits.remove_prefix(1);
    if (!digits.empty() && digits[0] == '-') return false;
  }
  double parsed;
  const char* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, parsed);
  if (error == std::errc() && stop == end && std::isnormal(parsed)) {
    *value = parsed;
    return true;
  }
  // Infinity, zero, denormals and range errors are rare; so is hexadecimal, of which from_chars
  // read the leading zero.
  if ((stop == end && error != std::errc::invalid_argument) || LooksHexadecimal(text)) {
    return ParseWithStrtod(text, value);
  }
  return false;
}

bool ParseLongDouble(std::string_view text, long double* value) {
  return text.size() <= kLongDoubleTextBytesMax && ParseWithStrtod(text, value);
}

bool ParseDoubleLoosely(std::string_view text, double* value) {
  if (ParseDouble(text, value) && std::isnormal(*value)) return true;
  const std::string copy(text);
  char* end = nullptr;
  errno = 0;
  const double parsed = strtod_l(copy.c_str(), &end, CLocale());
  if (*end != '\0' || errno == ERANGE || std::isnan(parsed)) return false;
  *value = parsed;
  return true;
}

bool ParseMemorySize(std::string_view text, uint64_t* bytes) {
  uint64_t number = 0;
  size_t digits = 0;
  for (; digits < text.size() && text[digits] >= '0' && text[digits] <= '9'; ++digits) {
    const unsigned digit = static_cast<unsigned>(text[digits] - '0');
    if (__builtin_mul_overflow(number, 10, &number) ||
        __builtin_add_overflow(number, digit, &number)) {
      return false;
    }
  }
  const std::string_view unit = text.substr(digits);
  uint64_t factor;
  if (unit.empty() || EqualsIgnoreCase(unit, "b")) {
    factor = 1;
  } else if (EqualsIgnoreCase(unit, "k")) {
    factor = 1000;
  } else if (EqualsIgnoreCase(unit, "kb")) {
    factor = 1024;
  } else if (EqualsIgnoreCase(unit, "m")) {
    factor = 1000 * 1000;
  } else if (EqualsIgnoreCase(unit, "mb")) {
    factor = 1024 * 1024;
  } else if (EqualsIgnoreCase(unit, "g")) {
    factor = 1000 * 1000 * 1000;
  } else if (EqualsIgnoreCase(unit, "gb")) {
    factor = 1024 * 1024 * 1024;
  } else {
    return false;
  }
  return !__builtin_mul_overflow(number, factor, bytes);
}

size_t FormatUint64(uint64_t value, char* out) {
  const size_t length = DigitCount(value);
  char* at = out + length;
  while (value >= 100) {
    at -= 2;
    std::memcpy(at, &kDigitPairs[value % 100 * 2], 2);
    value /= 100;
  }
  if (value >= 10) {
    std::memcpy(out, &kDigitPairs[value * 2], 2);
  } else {
    out[0] = static_cast<char>('0' + value);
  }
  return length;
}

size_t FormatInt64(int64_t value, char* out) {
  if (value >= 0) return FormatUint64(static_cast<uint64_t>(value), out);
  *out = '-';
  return 1 + FormatUint64(0 - static_cast<uint64_t>(value), out + 1);
}

size_t Int64Length(int64_t value) {
  return value >= 0 ? DigitCount(static_cast<uint64_t>(value))
                    : 1 + DigitCount(0 - static_cast<uint64_t>(value));
}

size_t FormatDouble(double value, char* out) {
  // Whole numbers of up to 17 digits print like integers; most scores are.
  constexpr double kWholeMax = 1e17;
  if (value > -kWholeMax && value < kWholeMax) {
    const int64_t whole = static_cast<int64_t>(value);
    if (static_cast<double>(whole) == value && (whole != 0 || !std::signbit(value))) {
      return FormatInt64(whole, out);
    }
  }
  if (std::isnan(value)) {
    std::memcpy(out, "nan", 3);
    return 3;
  }
  const auto [end, error] =
      std::to_chars(out, out + kDoubleCharsMax, value, std::chars_format::general, 17);
  ASSERT(error == std::errc());
  return static_cast<size_t>(end - out);
}

size_t FormatLongDouble(long double value, char* out) {
  if (std::isnan(value)) {
    std::memcpy(out, "nan", 3);
    return 3;
  }
  // Digits of a value that a double has as well are found much faster.
  const auto narrow = static_cast<double>(value);
  char* const room_end = out + kLongDoubleCharsMax;
  const auto [end, error] = static_cast<long double>(narrow) == value
                                ? std::to_chars(out, room_end, narrow, std::chars_format::fixed, 17)
                                : std::to_chars(out, room_end, value, std::chars_format::fixed, 17);
  ASSERT(error == std::errc());
  if (std::isinf(value)) return static_cast<size_t>(end - out);
  const char* last = end;
  while (last[-1] == '0') --last;
  if (last[-1] == '.') --last;
  const size_t length = static_cast<size_t>(last - out);
  if (length == 2 && out[0] == '-' && out[1] == '0') {
    out[0] = '0';
    return 1;
  }
  return length;
}

std::string FormatBytesHuman(uint64_t bytes) {
  constexpr char kUnits[] = {'K', 'M', 'G', 'T', 'P', 'E'};
  char text[kInt64CharsMax + 8];
  if (bytes < 1024) {
    const size_t length = FormatUint64(bytes, text);
    return std::string(text, length) + 'B';
  }
  const int unit = (std::bit_width(bytes) - 1) / 10 - 1;
  const double scaled =
      static_cast<double>(bytes) / static_cast<double>(uint64_t{1024} << unit * 10);
  const auto [end, error] =
      std::to_chars(text, text + sizeof text, scaled, std::chars_format::fixed, 2);
  ASSERT(error == std::errc());
  return std::string(text, end) + kUnits[unit];
}

}  // namespace alai
