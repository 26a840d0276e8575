// Numbers as text, both ways, with the exact accents of the Redis protocol.
//
// Parsing takes the whole text or fails: no surrounding space, no trailing bytes. Formatting writes
// no terminating zero and returns the length; each function names the room that it needs.
//
// Threads     All functions are pure and ignore the process's locale.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace alai {

constexpr size_t kInt64CharsMax = 20;
// A sign, 17 digits, a point and an exponent such as "e-308".
constexpr size_t kDoubleCharsMax = 24;
// A sign, the 4933 digits of the largest 80-bit value, a point and 17 digits.
constexpr size_t kLongDoubleCharsMax = 4952;
// INCRBYFLOAT accepts no longer argument.
constexpr size_t kLongDoubleTextBytesMax = 5119;

// Decimal digits after at most a minus sign: no plus sign, no leading zeros, no "-0". One spelling
// per number, so a string that parses can be stored as its integer and read back unchanged.
bool ParseInt64(std::string_view text, int64_t* value);
bool ParseUint64(std::string_view text, uint64_t* value);

// What strtod reads in the C locale: decimal and hexadecimal notation, a plus sign, "inf" and
// "infinity" in any case. Fails for NaN, for overflow and for what underflows to zero.
bool ParseDouble(std::string_view text, double* value);
bool ParseLongDouble(std::string_view text, long double* value);
// What SORT takes for a number: all that strtod reads in the C locale, blanks before it included, up to the
// first zero byte. Without anything it is 0. Fails for NaN and for what strtod calls out of range, which
// denormals are, too.
bool ParseDoubleLoosely(std::string_view text, double* value);

// A count of bytes with an optional unit in any case: b, k, m, g (powers of 1000), kb, mb, gb
// (powers of 1024). As in redis.conf, a missing number counts as 0. Fails when the product exceeds
// 64 bits.
bool ParseMemorySize(std::string_view text, uint64_t* bytes);

// `out` has room for kInt64CharsMax.
size_t FormatInt64(int64_t value, char* out);
size_t FormatUint64(uint64_t value, char* out);

// The number of characters that FormatInt64 writes.
size_t Int64Length(int64_t value);

// Like printf's %.17g, which is how Redis 7.0 prints scores and RESP3 doubles; "inf", "-inf",
// "nan". `out` has room for kDoubleCharsMax.
size_t FormatDouble(double value, char* out);

// INCRBYFLOAT's form: 17 digits after the point, trailing zeros and a bare point removed, "0" for
// minus zero, never an exponent. `out` has room for kLongDoubleCharsMax.
size_t FormatLongDouble(long double value, char* out);

// Two decimals and a unit by powers of 1024, as in INFO's used_memory_human: "512B", "1.32M".
std::string FormatBytesHuman(uint64_t bytes);

}  // namespace alai
