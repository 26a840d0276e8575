// Numbers as text: the accents of the Redis protocol, boundaries, and models to compare with.

#include <bit>
#include <charconv>
#include <cinttypes>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string>

#include "engine/base/number.h"
#include "engine/base/random.h"
#include "tests/catch.h"

namespace alai {
namespace {

using namespace std::string_literals;

std::string Formatted(int64_t value) {
  char out[kInt64CharsMax];
  return {out, FormatInt64(value, out)};
}

std::string FormattedDouble(double value) {
  char out[kDoubleCharsMax];
  return {out, FormatDouble(value, out)};
}

std::string FormattedLong(long double value) {
  char out[kLongDoubleCharsMax];
  return {out, FormatLongDouble(value, out)};
}

// The parsed number as "%.17g", or "-" when it does not parse.
std::string ParsedDouble(std::string_view text) {
  double value;
  return ParseDouble(text, &value) ? FormattedDouble(value) : "-";
}

std::string ParsedLong(std::string_view text) {
  long double value;
  return ParseLongDouble(text, &value) ? FormattedLong(value) : "-";
}

TEST_CASE("integers print like printf") {
  const auto check = [](int64_t value) {
    char expected[32];
    std::snprintf(expected, sizeof expected, "%" PRId64, value);
    REQUIRE(Formatted(value) == expected);
    REQUIRE(Int64Length(value) == std::strlen(expected));
    int64_t parsed;
    REQUIRE(ParseInt64(expected, &parsed));
    REQUIRE(parsed == value);
  };
  for (int64_t value = -100'100; value <= 100'100; ++value) check(value);
  for (int bit = 0; bit < 64; ++bit) {
    for (int64_t delta = -2; delta <= 2; ++delta) {
      check(static_cast<int64_t>((uint64_t{1} << bit) + static_cast<uint64_t>(delta)));
    }
  }
  int64_t power = 1;
  for (int digits = 1; digits <= 18; ++digits, power *= 10) {
    for (int64_t delta = -1; delta <= 1; ++delta) {
      check(power + delta);
      check(-(power + delta));
    }
  }
  Random random(1);
  for (int i = 0; i < 100'000; ++i) check(static_cast<int64_t>(random.Next() >> random.Below(64)));
}

TEST_CASE("unsigned integers use all 64 bits") {
  char out[kInt64CharsMax];
  CHECK(std::string(out, FormatUint64(UINT64_MAX, out)) == "18446744073709551615");
  CHECK(std::string(out, FormatUint64(10'000'000'000'000'000'000u, out)) == "10000000000000000000");
  CHECK(std::string(out, FormatUint64(0, out)) == "0");
  uint64_t value;
  CHECK((ParseUint64("18446744073709551615", &value) && value == UINT64_MAX));
  CHECK((ParseUint64("10000000000000000000", &value) && value == 10'000'000'000'000'000'000u));
  for (const char* text : {"18446744073709551616", "18446744073709551620", "20000000000000000000",
                           "99999999999999999999", "100000000000000000000", "", "-1", "-0", "+1",
                           "00", "01", " 1", "1 ", "0x1", "1844674407370955161a", "a"}) {
    CAPTURE(text);
    CHECK_FALSE(ParseUint64(text, &value));
  }
}

TEST_CASE("an integer has exactly one spelling") {
  int64_t value = 77;
  for (const std::string& text : {""s,
                                  "-"s,
                                  "+1"s,
                                  "-0"s,
                                  "00"s,
                                  "01"s,
                                  "-01"s,
                                  " 1"s,
                                  "1 "s,
                                  "1\n"s,
                                  "1\0"s,
                                  "\0001"s,
                                  "0x1"s,
                                  "1e3"s,
                                  "1.0"s,
                                  "--1"s,
                                  "9223372036854775808"s,
                                  "-9223372036854775809"s,
                                  "99999999999999999999"s,
                                  "-99999999999999999999"s,
                                  "18446744073709551616"s,
                                  "123456789012345678901"s,
                                  "/"s,
                                  ":"s,
                                  "1:"s,
                                  "1/"s}) {
    CAPTURE(text);
    CHECK_FALSE(ParseInt64(text, &value));
  }
  CHECK(value == 77);
}

TEST_CASE("parsing integers agrees with formatting back on random texts") {
  Random random(2);
  constexpr std::string_view kLetters = "0123456789012345678901-+ x";
  for (int i = 0; i < 200'000; ++i) {
    std::string text(1 + random.Below(21), '0');
    for (char& c : text) c = kLetters[random.Below(random.OneIn(4) ? kLetters.size() : 10)];
    if (random.OneIn(3)) text[0] = '-';
    int64_t expected = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), expected);
    const bool canonical =
        error == std::errc() && end == text.data() + text.size() && Formatted(expected) == text;
    int64_t value = 0;
    CAPTURE(text);
    REQUIRE(ParseInt64(text, &value) == canonical);
    if (canonical) REQUIRE(value == expected);
  }
}

TEST_CASE("floats are read as Redis reads them") {
  CHECK(ParsedDouble("inf") == "inf");
  CHECK(ParsedDouble("+inf") == "inf");
  CHECK(ParsedDouble("-inf") == "-inf");
  CHECK(ParsedDouble("INF") == "inf");
  CHECK(ParsedDouble("iNfInity") == "inf");
  CHECK(ParsedDouble("+infinity") == "inf");
  CHECK(ParsedDouble("-Infinity") == "-inf");
  CHECK(ParsedDouble("0x10") == "16");
  CHECK(ParsedDouble("0X1P3") == "8");
  CHECK(ParsedDouble("-0x1.8p1") == "-3");
  CHECK(ParsedDouble("+0x.8") == "0.5");
  CHECK(ParsedDouble("0x0p0") == "0");
  CHECK(ParsedDouble("1.") == "1");
  CHECK(ParsedDouble(".5") == "0.5");
  CHECK(ParsedDouble("+.5") == "0.5");
  CHECK(ParsedDouble("1e+5") == "100000");
  CHECK(ParsedDouble("1E5") == "100000");
  CHECK(ParsedDouble("-0") == "-0");
  CHECK(ParsedDouble("+0") == "0");
  CHECK(ParsedDouble("0e-999") == "0");
  CHECK(ParsedDouble("0e999") == "0");
  CHECK(ParsedDouble(std::string(300, '0') + "1") == "1");
  CHECK(ParsedDouble("0." + std::string(400, '0') + "1e401") == "1");
  CHECK(ParsedDouble("1.7976931348623157e308") == "1.7976931348623157e+308");
  CHECK(ParsedDouble("5e-324") == "4.9406564584124654e-324");
  CHECK(ParsedDouble("1e-310") == "9.9999999999999694e-311");
}

TEST_CASE("what is no float is refused") {
  for (const std::string& text :
       {""s,    " 1"s,  "1 "s,  "\t1"s,  "1\v"s, "."s,    "+"s,         "-"s,
        "e5"s,  "1e"s,  "1e+"s, "1e5x"s, "0x"s,  "0x1g"s, "0xp1"s,      "--1"s,
        "+-1"s, "-+1"s, "++1"s, "nan"s,  "NaN"s, "-nan"s, "+nan"s,      "nan(1)"s,
        "1d"s,  "1_0"s, "1,5"s, "1\0"s,  "in"s,  "infi"s, "infinityx"s, "1 0x1"s}) {
    CAPTURE(text);
    CHECK(ParsedDouble(text) == "-");
    CHECK(ParsedLong(text) == "-");
  }
}

TEST_CASE("overflow is refused, and so is what underflows to zero") {
  for (const char* text : {"1e400", "-1e400", "1e-400", "-1e-400", "0x1p-2000", "0x1p2000",
                           "1e99999999999999999999", "1e-99999999999999999999", "2e-324"}) {
    CAPTURE(text);
    CHECK(ParsedDouble(text) == "-");
  }
  CHECK(ParsedLong("1e400") != "-");
  CHECK(ParsedLong("1e-400") == "0");
  CHECK(ParsedLong("1e5000") == "-");
  CHECK(ParsedLong("1e-5000") == "-");
}

TEST_CASE("floats may be read as loosely as SORT reads them") {
  const auto parsed = [](std::string_view text) {
    double value;
    return ParseDoubleLoosely(text, &value) ? FormattedDouble(value) : "-";
  };
  CHECK(parsed("12") == "12");
  CHECK(parsed("-1.5e3") == "-1500");
  CHECK(parsed("") == "0");
  CHECK(parsed(" \t\n7") == "7");
  CHECK(parsed("+0x10") == "16");
  CHECK(parsed("-inf") == "-inf");
  CHECK(parsed("0") == "0");
  CHECK(parsed(std::string_view("3\0x", 3)) == "3");
  CHECK(parsed(std::string_view("\0", 1)) == "0");
  for (const char* text :
       {"7 ", " ", "nan", "1e400", "1e-400", "1e-310", "x", "1x", "+-1", "--1"}) {
    CHECK(parsed(text) == "-");
  }
}

TEST_CASE("the text of a long double has a limit") {
  CHECK(ParsedLong(std::string(kLongDoubleTextBytesMax - 1, '0') + "7") == "7");
  CHECK(ParsedLong(std::string(kLongDoubleTextBytesMax, '0') + "7") == "-");
}

TEST_CASE("floats print like %.17g and read back exactly") {
  CHECK(FormattedDouble(0.1) == "0.10000000000000001");
  CHECK(FormattedDouble(3) == "3");
  CHECK(FormattedDouble(-0.0) == "-0");
  CHECK(FormattedDouble(1e16) == "10000000000000000");
  CHECK(FormattedDouble(1e17) == "1e+17");
  CHECK(FormattedDouble(-1e17) == "-1e+17");
  CHECK(FormattedDouble(99999999999999984.0) == "99999999999999984");
  CHECK(FormattedDouble(123456789012345678.0) == "1.2345678901234568e+17");
  CHECK(FormattedDouble(1e-5) == "1.0000000000000001e-05");
  CHECK(FormattedDouble(-1.7976931348623157e308) == "-1.7976931348623157e+308");
  CHECK(FormattedDouble(std::numeric_limits<double>::infinity()) == "inf");
  CHECK(FormattedDouble(-std::numeric_limits<double>::infinity()) == "-inf");
  CHECK(FormattedDouble(std::nan("")) == "nan");
  CHECK(FormattedDouble(-std::nan("")) == "nan");

  Random random(3);
  for (int i = 0; i < 200'000; ++i) {
    double value;
    if (random.OneIn(3)) {
      value = static_cast<double>(random.Between(-2'000'000, 2'000'000)) / 100;
    } else {
      const uint64_t bits = random.Next();
      std::memcpy(&value, &bits, sizeof value);
    }
    if (std::isnan(value)) continue;
    char expected[64];
    std::snprintf(expected, sizeof expected, "%.17g", value);
    REQUIRE(FormattedDouble(value) == expected);
    double back;
    REQUIRE(ParseDouble(expected, &back));
    REQUIRE(std::bit_cast<uint64_t>(back) == std::bit_cast<uint64_t>(value));
  }
}

TEST_CASE("long doubles print with 17 digits after the point and no zeros behind") {
  CHECK(ParsedLong("0.1") == "0.1");
  CHECK(ParsedLong("-0") == "0");
  CHECK(ParsedLong("3.0e3") == "3000");
  CHECK(ParsedLong("1e-17") == "0.00000000000000001");
  CHECK(ParsedLong("4e-18") == "0");
  CHECK(ParsedLong("6e-18") == "0.00000000000000001");
  CHECK(ParsedLong("-4e-18") == "0");
  CHECK(ParsedLong("1.23456789012345678901") == "1.23456789012345679");
  CHECK(ParsedLong("1e20") == "100000000000000000000");
  CHECK(ParsedLong("10.5") == "10.5");
  CHECK(ParsedLong("0x10") == "16");
  CHECK(ParsedLong("1e400").substr(0, 30) == "100000000000000000002818806839");
  CHECK(FormattedLong(std::numeric_limits<long double>::infinity()) == "inf");
  CHECK(FormattedLong(-std::numeric_limits<long double>::infinity()) == "-inf");
  CHECK(FormattedLong(std::nan("")) == "nan");
  const std::string largest = FormattedLong(-std::numeric_limits<long double>::max());
  CHECK(largest.size() == 4934);
  CHECK(largest.substr(0, 12) == "-11897314953");

  Random random(4);
  for (int i = 0; i < 20'000; ++i) {
    auto value = static_cast<long double>(random.Between(-10'000'000'000, 10'000'000'000)) /
                 static_cast<long double>(1 + random.Below(100'000));
    // Doubles go another way.
    if (i % 2 == 0) value = static_cast<double>(value);
    char expected[128];
    std::snprintf(expected, sizeof expected, "%.17Lf", value);
    std::string trimmed = expected;
    trimmed.erase(trimmed.find_last_not_of('0') + 1);
    if (trimmed.back() == '.') trimmed.pop_back();
    if (trimmed == "-0") trimmed = "0";
    REQUIRE(FormattedLong(value) == trimmed);
  }
}

TEST_CASE("memory sizes know Redis's units") {
  const auto parsed = [](std::string_view text) {
    uint64_t bytes;
    return ParseMemorySize(text, &bytes) ? std::to_string(bytes) : "-";
  };
  CHECK(parsed("0") == "0");
  CHECK(parsed("1234") == "1234");
  CHECK(parsed("007") == "7");
  CHECK(parsed("1b") == "1");
  CHECK(parsed("1k") == "1000");
  CHECK(parsed("1K") == "1000");
  CHECK(parsed("1kb") == "1024");
  CHECK(parsed("1Kb") == "1024");
  CHECK(parsed("1m") == "1000000");
  CHECK(parsed("100mb") == "104857600");
  CHECK(parsed("1mB") == "1048576");
  CHECK(parsed("2g") == "2000000000");
  CHECK(parsed("2GB") == "2147483648");
  CHECK(parsed("") == "0");
  CHECK(parsed("mb") == "0");
  CHECK(parsed("18446744073709551615") == "18446744073709551615");
  CHECK(parsed("17179869183gb") == "18446744072635809792");
  for (const char* text : {"-1", "-1mb", "+5", "1.5mb", "1 mb", " 1", "1mb ", "1tb", "1mbb", "0x10",
                           "18446744073709551616", "17179869184gb", "x"}) {
    CAPTURE(text);
    CHECK(parsed(text) == "-");
  }
}

TEST_CASE("bytes for people") {
  CHECK(FormatBytesHuman(0) == "0B");
  CHECK(FormatBytesHuman(1023) == "1023B");
  CHECK(FormatBytesHuman(1024) == "1.00K");
  CHECK(FormatBytesHuman(1384120) == "1.32M");
  CHECK(FormatBytesHuman(1024 * 1024 - 1) == "1024.00K");
  CHECK(FormatBytesHuman(1024 * 1024) == "1.00M");
  CHECK(FormatBytesHuman(uint64_t{3} << 29) == "1.50G");
  CHECK(FormatBytesHuman(uint64_t{5} << 40) == "5.00T");
  CHECK(FormatBytesHuman(uint64_t{1} << 50) == "1.00P");
  CHECK(FormatBytesHuman(UINT64_MAX) == "16.00E");
}

}  // namespace
}  // namespace alai
