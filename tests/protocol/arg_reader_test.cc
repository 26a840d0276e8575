// Reading arguments: each kind, the first error that stays, and the words of every error.
#include "protocol/arg_reader.h"

#include <cmath>
#include <string>
#include <vector>

#include "tests/catch.h"

namespace alai {
namespace {

using Args = std::vector<std::string_view>;

TEST_CASE("Arguments are read in order, each as what it is asked for") {
  const Args args = {"key", "-42", "1.5", "2.25", "nx", "tail", "end"};
  ArgReader reader(args);
  CHECK(reader.remaining() == 7);
  CHECK(reader.String() == "key");
  CHECK(reader.Int64() == -42);
  CHECK(reader.Double() == 1.5);
  CHECK(reader.LongDouble() == 2.25L);
  CHECK_FALSE(reader.TakeWord("XX"));
  CHECK(reader.PeekWord("NX"));
  CHECK(reader.TakeWord("NX"));
  CHECK_FALSE(reader.PeekWord("NX"));
  REQUIRE(reader.rest().size() == 2);
  CHECK(reader.rest()[1] == "end");
  CHECK(reader.Take(2)[0] == "tail");
  CHECK(reader.remaining() == 0);
  CHECK(reader.Done());
  CHECK(reader.error().empty());
}

TEST_CASE("A word is its letters in any case and nothing else") {
  for (const char* word : {"keepttl", "KEEPTTL", "KeEpTtL"}) {
    const Args args = {word};
    ArgReader reader(args);
    CHECK(reader.TakeWord("KEEPTTL"));
    CHECK(reader.Done());
  }
  // '@' and '`' differ from letters' neighbours by the bit that tells cases apart.
  const std::pair<const char*, const char*> different[] = {
      {"keepttl ", "KEEPTTL"}, {"keeptt", "KEEPTTL"}, {"", "NX"},
      {"n\x18", "N8"},         {"a`", "A@"},          {"a{", "A["},
      {"a\xdf", "A\xff"}};
  for (const auto& [argument, word] : different) {
    const Args args = {argument};
    CHECK_FALSE(ArgReader(args).PeekWord(word));
  }
}

TEST_CASE("The first error stays and empties the reader") {
  const Args args = {"x", "y", "z"};
  ArgReader reader(args);
  CHECK(reader.Int64() == 0);
  CHECK(reader.error() == "ERR value is not an integer or out of range");
  CHECK(reader.remaining() == 0);
  CHECK(reader.rest().empty());
  CHECK(reader.String().empty());
  CHECK(reader.Double() == 0);
  CHECK(reader.LongDouble() == 0);
  CHECK(reader.Int64(5, 9) == 0);
  CHECK(reader.Take(1).empty());
  CHECK_FALSE(reader.TakeWord("Y"));
  reader.Fail("ERR another");
  CHECK_FALSE(reader.Done());
  CHECK(reader.error() == "ERR value is not an integer or out of range");
}

TEST_CASE("A missing argument is a syntax error for every kind") {
  const Args none;
  const auto error = [&](auto read) {
    ArgReader reader(none);
    read(reader);
    CHECK_FALSE(reader.ok());
    CHECK_FALSE(reader.Done());
    return std::string(reader.error());
  };
  CHECK(error([](ArgReader& r) { r.String(); }) == "ERR syntax error");
  CHECK(error([](ArgReader& r) { r.Int64("ERR mine"); }) == "ERR syntax error");
  CHECK(error([](ArgReader& r) { r.Int64(0, 1); }) == "ERR syntax error");
  CHECK(error([](ArgReader& r) { r.Double(); }) == "ERR syntax error");
  CHECK(error([](ArgReader& r) { r.LongDouble(); }) == "ERR syntax error");
  CHECK(error([](ArgReader& r) { r.Take(1); }) == "ERR syntax error");
}

TEST_CASE("An argument left over is a syntax error") {
  const Args args = {"NX", "what"};
  ArgReader reader(args);
  CHECK(reader.TakeWord("NX"));
  CHECK(reader.ok());
  CHECK_FALSE(reader.Done());
  CHECK(reader.error() == "ERR syntax error");
}

TEST_CASE("Integers are strict and know their range") {
  const auto read = [](std::string_view text, int64_t min, int64_t max, std::string_view error = {},
                       std::string_view range_error = {}) {
    const Args args = {text};
    ArgReader reader(args);
    const int64_t value =
        error.empty() ? reader.Int64(min, max) : reader.Int64(min, max, error, range_error);
    return reader.Done() ? std::to_string(value) : std::string(reader.error());
  };
  CHECK(read("0", 0, 15) == "0");
  CHECK(read("15", 0, 15) == "15");
  CHECK(read("16", 0, 15) == "ERR value is out of range, value must between 0 and 15");
  CHECK(read("-1", 0, 15) == "ERR value is out of range, value must between 0 and 15");
  CHECK(read("5", INT64_MIN, 4) ==
        "ERR value is out of range, value must between -9223372036854775808 and 4");
  CHECK(read("-9223372036854775807", INT64_MIN, INT64_MIN) ==
        "ERR value is out of range, value must between -9223372036854775808 and "
        "-9223372036854775808");
  CHECK(read("9223372036854775807", INT64_MIN, INT64_MAX) == "9223372036854775807");
  CHECK(read("-5", 0, INT64_MAX, error_text::kNotInteger, error_text::kMustBePositive) ==
        "ERR value is out of range, must be positive");
  CHECK(read("zero", 0, 1, "ERR timeout is bad") == "ERR timeout is bad");
  for (const char* text : {"", " 1", "1 ", "+1", "01", "-0", "1.0", "0x1", "9223372036854775808"}) {
    INFO(text);
    CHECK(read(text, INT64_MIN, INT64_MAX) == "ERR value is not an integer or out of range");
  }
}

TEST_CASE("Floats refuse what is no number") {
  const auto read = [](std::string_view text, bool wide) {
    const Args args = {text};
    ArgReader reader(args);
    const double value =
        wide ? static_cast<double>(reader.LongDouble()) : reader.Double("ERR min or max");
    CHECK((reader.ok() || value == 0));
    return reader.Done() ? std::to_string(value) : std::string(reader.error());
  };
  CHECK(read("-1.25e2", false) == "-125.000000");
  CHECK(read("inf", false) == "inf");
  CHECK(read("nan", false) == "ERR min or max");
  CHECK(read("1x", false) == "ERR min or max");
  CHECK(read("3e1", true) == "30.000000");
  CHECK(read("nan", true) == "ERR value is not a valid float");
  CHECK(read("", true) == "ERR value is not a valid float");
}

}  // namespace
}  // namespace alai
