// Case-insensitive comparison against the C library's, byte by byte and on random texts.

#include <strings.h>

#include <cctype>
#include <string>

#include "engine/base/ascii.h"
#include "engine/base/random.h"
#include "tests/catch.h"

namespace alai {
namespace {

int Sign(int value) { return (value > 0) - (value < 0); }

TEST_CASE("single bytes fold as in the C locale") {
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    CAPTURE(byte);
    CHECK(ToLower(c) == (byte < 128 ? static_cast<char>(std::tolower(byte)) : c));
    CHECK(ToUpper(c) == (byte < 128 ? static_cast<char>(std::toupper(byte)) : c));
    CHECK(IsAsciiSpace(c) == (byte < 128 && std::isspace(byte) != 0));
    CHECK(IsAsciiDigit(c) == (byte < 128 && std::isdigit(byte) != 0));
  }
}

TEST_CASE("texts compare as with strcasecmp") {
  Random random(5);
  constexpr std::string_view kLetters = "aAbB@`[{zZ\xe4\xc4";
  for (int i = 0; i < 50'000; ++i) {
    std::string a(random.Below(5), '\0');
    std::string b(random.Below(5), '\0');
    for (char& c : a) c = kLetters[random.Below(kLetters.size())];
    for (char& c : b) c = kLetters[random.Below(kLetters.size())];
    CAPTURE(a, b);
    const int expected = strcasecmp(a.c_str(), b.c_str());
    REQUIRE(Sign(CompareIgnoreCase(a, b)) == Sign(expected));
    REQUIRE(EqualsIgnoreCase(a, b) == (expected == 0));
    REQUIRE(StartsWithIgnoreCase(a, b) ==
            (a.size() >= b.size() && strncasecmp(a.c_str(), b.c_str(), b.size()) == 0));
    REQUIRE(EqualsIgnoreCase(ToLower(a), a));
  }
}

TEST_CASE("zero bytes are bytes like any other") {
  using namespace std::string_literals;
  CHECK(EqualsIgnoreCase("A\0b"s, "a\0B"s));
  CHECK_FALSE(EqualsIgnoreCase("a\0b"s, "a\0c"s));
  CHECK(CompareIgnoreCase("a"s, "a\0"s) < 0);
}

TEST_CASE("lower case in place") {
  std::string text = "GetEX-\xc4Z[";
  LowerTo(text, text.data());
  CHECK(text == "getex-\xc4z[");
  CHECK(ToLower(std::string_view("CONFIG|SET")) == "config|set");
}

}  // namespace
}  // namespace alai
