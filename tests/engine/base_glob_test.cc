// Glob patterns: the forms one by one, random patterns against the naive matcher and against a
// stock server, and that no pattern takes exponential time.

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "engine/base/glob.h"
#include "engine/base/random.h"
#include "tests/catch.h"
#include "tests/engine/base_naive_glob.h"
#include "tests/storage/stock_server.h"

namespace alai {
namespace {

using namespace std::string_literals;

TEST_CASE("each form of a pattern") {
  CHECK(GlobMatch("abc", "abc"));
  CHECK_FALSE(GlobMatch("abc", "abd"));
  CHECK_FALSE(GlobMatch("abc", "ab"));
  CHECK_FALSE(GlobMatch("abc", "abcd"));
  CHECK(GlobMatch("a?c", "abc"));
  CHECK_FALSE(GlobMatch("a?c", "ac"));
  CHECK(GlobMatch("*", "anything"));
  CHECK(GlobMatch("a*", "a"));
  CHECK(GlobMatch("a**", "a"));
  CHECK(GlobMatch("*c", "abc"));
  CHECK(GlobMatch("a*c*e", "abcde"));
  CHECK_FALSE(GlobMatch("a*c*e", "abcd"));
  CHECK(GlobMatch("*a", "aba"));
  CHECK(GlobMatch("h[ae]llo", "hallo"));
  CHECK_FALSE(GlobMatch("h[ae]llo", "hillo"));
  CHECK(GlobMatch("h[^e]llo", "hallo"));
  CHECK_FALSE(GlobMatch("h[^e]llo", "hello"));
  CHECK(GlobMatch("h[a-c]llo", "hbllo"));
  CHECK(GlobMatch("h[c-a]llo", "hbllo"));
  CHECK_FALSE(GlobMatch("h[a-c]llo", "hdllo"));
  CHECK(GlobMatch("a\0b*"s, "a\0bc"s));
}

TEST_CASE("escapes") {
  CHECK(GlobMatch("\\*", "*"));
  CHECK_FALSE(GlobMatch("\\*", "x"));
  CHECK(GlobMatch("\\a", "a"));
  CHECK(GlobMatch("\\", "\\"));
  CHECK(GlobMatch("a\\", "a\\"));
  CHECK(GlobMatch("[\\]]", "]"));
  CHECK(GlobMatch("[\\", "\\"));
  CHECK(GlobMatch("[a\\-z]", "-"));
  CHECK_FALSE(GlobMatch("[a\\-z]", "b"));
}

TEST_CASE("odd classes") {
  CHECK_FALSE(GlobMatch("[]", "]"));
  CHECK_FALSE(GlobMatch("[]a]", "a"));
  CHECK(GlobMatch("[^]", "x"));
  CHECK(GlobMatch("[^", "x"));
  CHECK_FALSE(GlobMatch("[", "["));
  CHECK(GlobMatch("[abc", "b"));
  CHECK(GlobMatch("x[a-c", "xb"));
  CHECK(GlobMatch("[a-", "-"));
  // "a-]" is a range, so the class goes on to the end of the pattern.
  CHECK(GlobMatch("[a-]", "^"));
  CHECK(GlobMatch("[a-]b", "b"));
  CHECK_FALSE(GlobMatch("[a-]b", "ab"));
  CHECK(GlobMatch("[--0]", "."));
  // Bytes are signed in a range.
  CHECK(GlobMatch("[\x80-a]", "\xff"));
  CHECK(GlobMatch("[\x80-a]", "A"));
  CHECK_FALSE(GlobMatch("[a-\xff]", "b"));
}

TEST_CASE("the empty text matches the empty pattern alone") {
  CHECK(GlobMatch("", ""));
  CHECK_FALSE(GlobMatch("", "a"));
  for (const char* pattern : {"*", "**", "?", "[^a]", "a"}) {
    CAPTURE(pattern);
    CHECK_FALSE(GlobMatch(pattern, ""));
  }
}

TEST_CASE("case is ignored everywhere but in a class's escapes") {
  CHECK(GlobMatch("MaxMemory", "maxmemory", true));
  CHECK(GlobMatch("[G]et", "get", true));
  CHECK(GlobMatch("[A-Z]et", "get", true));
  CHECK(GlobMatch("[a-z]et", "GET", true));
  CHECK(GlobMatch("\\Get", "get", true));
  CHECK(GlobMatch("[\\g]et", "get", true));
  CHECK_FALSE(GlobMatch("[\\G]et", "get", true));
  CHECK_FALSE(GlobMatch("[^g]et", "GET", true));
  // Swapped before folded, so this range holds nothing.
  CHECK_FALSE(GlobMatch("[A-_]et", "get", true));
  CHECK_FALSE(GlobMatch("get", "GET"));
}

TEST_CASE("a prepared pattern knows its prefix and form") {
  CHECK(GlobPattern("*").matches_all());
  CHECK(GlobPattern("*").Matches(""));
  CHECK_FALSE(GlobPattern("**").matches_all());
  CHECK_FALSE(GlobPattern("**").Matches(""));
  CHECK(GlobPattern("**").Matches("x"));
  CHECK(GlobPattern("score:42:*").prefix() == "score:42:");
  CHECK(GlobPattern("score:42:*").Matches("score:42:"));
  CHECK_FALSE(GlobPattern("score:42:*").Matches("score:42"));
  CHECK(GlobPattern("a\\*b\\").is_literal());
  CHECK(GlobPattern("a\\*b\\").prefix() == "a*b\\");
  CHECK(GlobPattern("").is_literal());
  CHECK(GlobPattern("").Matches(""));
  CHECK_FALSE(GlobPattern("").Matches("a"));
  CHECK(GlobPattern("ab[c]d").prefix() == "ab");
  CHECK_FALSE(GlobPattern("ab?").is_literal());
  CHECK_FALSE(GlobPattern("ab?").Matches("ab"));
}

// Few letters, so that patterns and texts meet often.
std::string RandomText(Random& random, std::string_view letters, size_t size_max) {
  std::string text(random.Below(size_max + 1), '\0');
  for (char& c : text) c = letters[random.Below(letters.size())];
  return text;
}

constexpr std::string_view kPatternLetters = "ab*?[]^-\\AB_c\x80\xff*a";
constexpr std::string_view kTextLetters = "aabbABc]^-\\[*?_\x80\xff";

TEST_CASE("random patterns match what the naive matcher says") {
  const uint64_t seed = RandomSeed();
  CAPTURE(seed);
  Random random(seed);
  int matches = 0;
  for (int i = 0; i < 100'000; ++i) {
    const std::string pattern = RandomText(random, kPatternLetters, 10);
    const bool ignore_case = random.OneIn(2);
    const NaiveGlob naive(pattern, ignore_case);
    const GlobPattern prepared(pattern);
    for (int j = 0; j < 4; ++j) {
      const std::string text = RandomText(random, kTextLetters, 6);
      CAPTURE(pattern, text, ignore_case);
      const bool expected = naive.Matches(text);
      matches += expected ? 1 : 0;
      REQUIRE(GlobMatch(pattern, text, ignore_case) == expected);
      if (!ignore_case) REQUIRE(prepared.Matches(text) == (expected || pattern == "*"));
    }
  }
  CHECK(matches > 10'000);
}

TEST_CASE("KEYS of a stock server gives the keys that match") {
  const auto stock = StockServer::StartOrWarn();
  if (stock == nullptr) return;
  const uint64_t seed = RandomSeed();
  CAPTURE(seed);
  Random random(seed);
  std::set<std::string> keys{""};
  while (keys.size() < 2000) keys.insert(RandomText(random, kTextLetters, 4));
  for (const std::string& key : keys) stock->Call({"SET", key, ""});
  for (int i = 0; i < 1500; ++i) {
    const std::string pattern = RandomText(random, kPatternLetters, 7);
    CAPTURE(pattern);
    std::vector<std::string> expected;
    for (const StockReply& key : stock->Call({"KEYS", pattern}).elements) {
      expected.push_back(key.text);
    }
    std::sort(expected.begin(), expected.end());
    const GlobPattern prepared(pattern);
    std::vector<std::string> found;
    std::copy_if(keys.begin(), keys.end(), std::back_inserter(found),
                 [&](const std::string& key) { return prepared.Matches(key); });
    REQUIRE(found == expected);
  }
}

TEST_CASE("case-insensitive patterns match the commands that a stock server lists") {
  const auto stock = StockServer::StartOrWarn();
  if (stock == nullptr) return;
  std::vector<std::string> names;
  for (const StockReply& name : stock->Call({"COMMAND", "LIST"}).elements) {
    names.push_back(name.text);
  }
  REQUIRE(names.size() > 200);
  std::sort(names.begin(), names.end());
  Random random(13);
  for (int i = 0; i < 1000; ++i) {
    std::string pattern = names[random.Below(names.size())];
    for (uint64_t changes = 1 + random.Below(4); changes > 0; --changes) {
      constexpr std::string_view kPieces[] = {"*",     "?",     "[A-Z]", "[^S]",  "[\\S]", "[\\e]",
                                              "[m-a]", "[`-H]", "\\G",   "[E-e]", "[@-h]", "["};
      pattern.replace(random.Below(pattern.size() + 1), random.Below(2),
                      kPieces[random.Below(std::size(kPieces))]);
    }
    CAPTURE(pattern);
    std::vector<std::string> expected;
    const StockReply reply = stock->Call({"COMMAND", "LIST", "FILTERBY", "PATTERN", pattern});
    for (const StockReply& name : reply.elements) expected.push_back(name.text);
    std::sort(expected.begin(), expected.end());
    std::vector<std::string> found;
    std::copy_if(names.begin(), names.end(), std::back_inserter(found),
                 [&](const std::string& name) { return GlobMatch(pattern, name, true); });
    REQUIRE(found == expected);
  }
}

TEST_CASE("many stars do not take exponential time") {
  // Backtracking over every star would take longer than the sun shines.
  std::string pattern;
  for (int i = 0; i < 200; ++i) pattern += "a*";
  pattern += "b";
  CHECK_FALSE(GlobMatch(pattern, std::string(20'000, 'a')));
  CHECK(GlobMatch(pattern, std::string(20'000, 'a') + "b"));
  CHECK_FALSE(GlobMatch("*" + std::string(1000, '?') + "b", std::string(20'000, 'a')));
}

}  // namespace
}  // namespace alai
