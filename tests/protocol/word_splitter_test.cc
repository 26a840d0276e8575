// Words of a line, with the quotes and escapes that redis-server 7.0 accepts and refuses.
#include "protocol/word_splitter.h"

#include <algorithm>
#include <optional>
#include <string>

#include "tests/catch.h"

namespace alai {
namespace {

using Words = std::vector<std::string>;

// The line lies in a block of its own size, so that a sanitizer sees a step outside.
std::optional<Words> Split(std::string_view line) {
  std::vector<char> copy(line.begin(), line.end());
  std::vector<std::string_view> views = {"there before"};
  UnquotedWords unquoted;
  const bool balanced = SplitWords({copy.data(), copy.size()}, views, unquoted);
  // It may be wanted again.
  CHECK(std::equal(copy.begin(), copy.end(), line.begin(), line.end()));
  if (!balanced) return std::nullopt;
  CHECK(views.front() == "there before");
  return Words(views.begin() + 1, views.end());
}

TEST_CASE("Blanks separate words") {
  CHECK(Split("") == Words{});
  CHECK(Split(" \t\r\n\v\f") == Words{});
  CHECK(Split("a") == Words{"a"});
  CHECK(Split("  set  key\tvalue ") == Words{"set", "key", "value"});
  CHECK(Split("a\rb\nc") == Words{"a", "b", "c"});
  // Vertical tabs and form feeds are skipped before a word but do not end one.
  CHECK(Split("\va\vb\f \fc") == Words{"a\vb\f", "c"});
  CHECK(Split("a\\x41\\n") == Words{"a\\x41\\n"});
}

TEST_CASE("Double quotes understand escapes") {
  CHECK(Split(R"("a b" "")") == Words{"a b", ""});
  CHECK(Split(R"("\n\r\t\b\a\q\"\\\'")") == Words{"\n\r\t\b\aq\"\\'"});
  CHECK(Split(R"("\x41\x6a\x6A\xff")") == Words{"Ajj\xff"});
  CHECK(Split(R"("\x00")") == Words{std::string(1, '\0')});
  CHECK(Split(R"("\x4")") == Words{"x4"});
  CHECK(Split(R"("\xg1\x1g")") == Words{"xg1x1g"});
  CHECK(Split("\"a\rb\nc\"") == Words{"a\rb\nc"});
  CHECK(Split(R"("it's")") == Words{"it's"});
}

TEST_CASE("Single quotes understand the single quote") {
  CHECK(Split(R"('a b' '')") == Words{"a b", ""});
  CHECK(Split(R"('\x41\n\'"\\ ')") == Words{R"(\x41\n'"\\ )"});
}

TEST_CASE("Quotes open within a word and close at its end") {
  CHECK(Split(R"(foo"bar baz" x)") == Words{"foobar baz", "x"});
  CHECK(Split(R"(foo'bar')") == Words{"foobar"});
  CHECK(Split("\"a\"\v\"b\"") == Words{"a", "b"});
}

TEST_CASE("Quotes that are not balanced are refused") {
  for (const char* line :
       {"\"", "'", "a \"b", "a 'b", "\"a\"b", "'a'b", "\"a\"\"b\"", "'a''b'", "\"\\", "\"a\\\"",
        "'a\\'", "\"\\x4", "\"\\x41", "x\"y\"z", "\"a\"'b'"}) {
    INFO(line);
    CHECK(Split(line) == std::nullopt);
  }
}

}  // namespace
}  // namespace alai
