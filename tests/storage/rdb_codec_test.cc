// The RDB codec: every boundary of every form, what the writer chooses, and a reader that survives
// whatever it is given.

#include "storage/rdb_codec.h"

#include <limits>
#include <string>

#include "engine/base/number.h"
#include "engine/base/random.h"
#include "tests/catch.h"

namespace alai {
namespace {

using namespace std::string_literals;

constexpr uint64_t kStringBytesMax = uint64_t{1} << 20;

std::string WrittenLength(uint64_t length) {
  std::string out;
  RdbWriter(&out, false).Length(length);
  return out;
}

std::string WrittenString(const RdbString& string, bool compress = true) {
  std::string out;
  RdbWriter(&out, compress).String(string);
  return out;
}

// The string's bytes whatever its form, or "(error)".
std::string ReadBack(std::string_view bytes, uint64_t string_bytes_max = kStringBytesMax) {
  RdbReader reader(bytes, string_bytes_max);
  const RdbString string = reader.String();
  if (!reader.ok()) return "(error)";
  return string.is_integer ? std::to_string(string.integer) : std::string(string.bytes);
}

TEST_CASE("lengths take the shortest form") {
  CHECK(WrittenLength(0) == "\x00"s);
  CHECK(WrittenLength(63) == "\x3f");
  CHECK(WrittenLength(64) == "\x40\x40");
  CHECK(WrittenLength(16383) == "\x7f\xff");
  CHECK(WrittenLength(16384) == "\x80\x00\x00\x40\x00"s);
  CHECK(WrittenLength(0xffffffff) == "\x80\xff\xff\xff\xff");
  CHECK(WrittenLength(0x100000000) == "\x81\x00\x00\x00\x01\x00\x00\x00\x00"s);
  CHECK(WrittenLength(UINT64_MAX) == "\x81" + std::string(8, '\xff'));
}

TEST_CASE("lengths read back, and fail when cut anywhere") {
  for (int bit = 0; bit < 64; ++bit) {
    for (const int64_t delta : {-1, 0, 1}) {
      const uint64_t length = (uint64_t{1} << bit) + static_cast<uint64_t>(delta);
      const std::string bytes = WrittenLength(length);
      RdbReader reader(bytes, 0);
      REQUIRE(reader.Length() == length);
      REQUIRE(reader.ok());
      REQUIRE(reader.rest().empty());
      for (size_t size = 0; size < bytes.size(); ++size) {
        RdbReader cut(std::string_view(bytes).substr(0, size), 0);
        REQUIRE(cut.Length() == 0);
        REQUIRE_FALSE(cut.ok());
      }
    }
  }
}

TEST_CASE("a length is neither a special string nor an unknown form") {
  const std::string cases[] = {"\xc0\x01"s, "\xc3\x01\x01x"s, "\x82\x00\x00\x00\x01"s, "\xbf"s};
  for (const std::string& bytes : cases) {
    RdbReader reader(bytes, kStringBytesMax);
    CHECK(reader.Length() == 0);
    CHECK_FALSE(reader.ok());
  }
}

TEST_CASE("integers of 8, 16 and 32 bits are stored as such") {
  const auto check = [](int64_t integer, const std::string& bytes) {
    CAPTURE(integer);
    CHECK(WrittenString(RdbString::Of(integer)) == bytes);
    CHECK(WrittenString(RdbString::Of(std::to_string(integer))) == bytes);
    CHECK(ReadBack(bytes) == std::to_string(integer));
  };
  check(0, "\xc0\x00"s);
  check(127, "\xc0\x7f");
  check(-128, "\xc0\x80");
  check(128, "\xc1\x80\x00"s);
  check(-129, "\xc1\x7f\xff");
  check(32767, "\xc1\xff\x7f");
  check(-32768, "\xc1\x00\x80"s);
  check(32768, "\xc2\x00\x80\x00\x00"s);
  check(-32769, "\xc2\xff\x7f\xff\xff");
  check(2147483647, "\xc2\xff\xff\xff\x7f");
  check(-2147483648, "\xc2\x00\x00\x00\x80"s);
  check(2147483648,
        "\x0a"
        "2147483648");
  check(-2147483649, "\x0b-2147483649");
  check(INT64_MIN, "\x14-9223372036854775808");
}

TEST_CASE("what only looks like an integer is stored as bytes") {
  const std::string cases[] = {""s, "01"s, "+1"s, "-0"s, " 1"s, "1 "s, "1\0"s, "1.0"s};
  for (const std::string& text : cases) {
    CAPTURE(text);
    CHECK(WrittenString(RdbString::Of(text)) == static_cast<char>(text.size()) + text);
  }
}

TEST_CASE("strings over 20 bytes are compressed when that gains at least 4") {
  const std::string twenty(20, 'a');
  CHECK(WrittenString(RdbString::Of(twenty)) == "\x14" + twenty);
  const std::string folded = WrittenString(RdbString::Of(std::string(21, 'a')));
  CHECK(folded == "\xc3\x06\x15\x01"s + "aa\xe0\x0a\x00"s);
  CHECK(ReadBack(folded) == std::string(21, 'a'));
  CHECK(WrittenString(RdbString::Of(std::string(21, 'a')), false) == "\x15" + std::string(21, 'a'));

  // Thirty different bytes, then a run: a run of 12 gains too little.
  std::string text;
  for (int i = 0; i < 30; ++i) text += static_cast<char>(i * 7);
  CHECK(WrittenString(RdbString::Of(text + std::string(12, 'Z')))[0] == 42);
  CHECK(WrittenString(RdbString::Of(text + std::string(13, 'Z')))[0] == '\xc3');
}

TEST_CASE("strings of every kind read back with and without compression") {
  Random random(7);
  for (int i = 0; i < 3000; ++i) {
    std::string text(random.Below(random.OneIn(4) ? 40'000 : 80), '\0');
    const uint64_t letters = 1 + random.Below(random.OneIn(2) ? 4 : 256);
    for (char& c : text) c = static_cast<char>('0' + random.Below(letters));
    CAPTURE(i, text.size());
    REQUIRE(ReadBack(WrittenString(RdbString::Of(text), true)) == text);
    REQUIRE(ReadBack(WrittenString(RdbString::Of(text), false)) == text);
  }
}

TEST_CASE("a damaged string is an error") {
  const std::string cases[] = {
      ""s,
      "\4abc",  // cut
      "\xc0"s,
      "\xc1\x01"s,
      "\xc2\x01\x02\x03"s,  // cut integers
      "\xc4\x01"s,
      "\xff\x01"s,                            // unknown kinds
      "\x82\x00\x00\x00\x01x"s,               // unknown form of a length
      "\x81" + std::string(8, '\xff') + "x",  // longer than anything
      "\xc3\x03\x02\1a",                      // compressed bytes cut
      "\xc3\x03\x03\1ab",                     // unfolds to less than promised
      "\xc3\x03\x01\1ab",                     // unfolds to more than promised
      "\xc3\x02\x03\x20\x00"s,                // refers to before the start
      "\xc3\x00\x02"s,                        // nothing to unfold
      "\xc3\xc0\x02\x02\1ab",                 // size that is no length
  };
  for (const std::string& bytes : cases) {
    CAPTURE(bytes.size(), bytes);
    CHECK(ReadBack(bytes) == "(error)");
  }
}

TEST_CASE("an empty string may be compressed") {
  CHECK(ReadBack("\xc3\x00\x00"s).empty());
  CHECK(ReadBack("\xc3\x03\x00\x01"
                 "ab"s)
            .empty());
}

TEST_CASE("a string longer than allowed is refused before memory is spent") {
  CHECK(ReadBack("\x05"
                 "abcde",
                 5) == "abcde");
  CHECK(ReadBack("\x06"
                 "abcdef",
                 5) == "(error)");
  const std::string folded = WrittenString(RdbString::Of(std::string(1000, 'a')));
  CHECK(ReadBack(folded, 1000) == std::string(1000, 'a'));
  CHECK(ReadBack(folded, 999) == "(error)");
  // Promises 16 GB from 3 bytes, within what is allowed.
  CHECK(ReadBack("\xc3\x03\x81\x00\x00\x00\x04\x00\x00\x00\x00\x01"
                 "ab"s,
                 UINT64_MAX) == "(error)");
  // And 4 GB less a byte.
  CHECK(ReadBack("\xc3\x03\x80\xff\xff\xff\xff\x01"
                 "ab"s,
                 UINT64_MAX) == "(error)");
}

TEST_CASE("the best that LZF can do is read") {
  const std::string text(1'000'001, 'x');
  const std::string folded = WrittenString(RdbString::Of(text));
  CHECK(folded.size() < 12'000);
  CHECK(ReadBack(folded) == text);
}

TEST_CASE("after an error everything reads as zero or empty") {
  RdbReader reader(
      "\x09"
      "abc\x01x",
      kStringBytesMax);
  CHECK(reader.String().bytes.empty());
  CHECK_FALSE(reader.ok());
  CHECK(reader.Byte() == 0);
  CHECK(reader.Length() == 0);
  CHECK(reader.String().bytes.empty());
  CHECK(reader.rest().empty());
  CHECK_FALSE(reader.ok());
}

TEST_CASE("an unfolded string can be taken over") {
  const std::string text(500, 'q');
  const std::string folded = WrittenString(RdbString::Of(text));
  std::unique_ptr<char[]> memory;
  RdbString string;
  {
    RdbReader reader(folded, kStringBytesMax);
    string = reader.String();
    memory = reader.TakeUnfolded();
  }
  REQUIRE(memory != nullptr);
  CHECK(string.bytes == text);
}

}  // namespace
}  // namespace alai
