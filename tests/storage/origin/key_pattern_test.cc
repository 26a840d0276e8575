// Patterns of keys: what is refused, what matches, and that taking apart and putting together are inverse.
#include "storage/origin/key_pattern.h"

#include "engine/base/random.h"
#include "tests/catch.h"
#include "tests/protocol/seeded.h"

namespace alai::origin {
namespace {

constexpr const char* kUuid = "0b9f0a6e-7c1d-4e5f-8a2b-1c3d5e7f9a0b";

KeyPattern Pattern(std::string_view text) {
  KeyPattern pattern;
  const absl::Status status = KeyPattern::Parse(text, &pattern);
  INFO(status.ToString());
  REQUIRE(status.ok());
  return pattern;
}

std::string Error(std::string_view text) {
  KeyPattern pattern;
  return std::string(KeyPattern::Parse(text, &pattern).message());
}

// The captures with bars between them, or "-".
std::string Held(const KeyPattern& pattern, std::string_view key) {
  Captures captures;
  const bool matches = pattern.Match(key, &captures);
  CHECK(pattern.Match(key, nullptr) == matches);
  if (!matches) return "-";
  std::string held;
  std::vector<std::string> owned;
  for (const std::string_view capture : captures) {
    held.append(held.empty() ? "" : "|").append(capture);
    owned.emplace_back(capture);
  }
  std::string built;
  CHECK(pattern.Build(owned, &built));
  CHECK(built == key);
  return held;
}

TEST_CASE("A pattern is literal text with captures") {
  const KeyPattern pattern = Pattern("memory:{user:int}:{id:uuid}/x");
  CHECK(pattern.text() == "memory:{user:int}:{id:uuid}/x");
  CHECK(pattern.prefix() == "memory:");
  REQUIRE(pattern.captures().size() == 2);
  CHECK(pattern.captures()[0] == KeyPattern::Capture{"user", CaptureType::kInt, ":"});
  CHECK(pattern.captures()[1] == KeyPattern::Capture{"id", CaptureType::kUuid, "/x"});
  CHECK(Pattern("a{{b}}{x:slug}").prefix() == "a{b}");
  CHECK(Held(Pattern("a{{{x:int}}}b"), "a{7}b") == "7");
  CHECK(SqlType(CaptureType::kInt) == "integer");
  CHECK(SqlType(CaptureType::kSlug) == "text");
  CHECK(CaptureTypeName(CaptureType::kSlug) == "slug");
}

TEST_CASE("A pattern that is wrong is refused with its place") {
  CHECK(Error("") == "pattern: a key needs a capture, as in memory:{id:uuid}");
  CHECK(Error("literal") == "pattern: a key needs a capture, as in memory:{id:uuid}");
  CHECK(Error("m:{id:uuid") == "pattern: a brace is not closed at character 3");
  CHECK(Error("m:id}") ==
        "pattern: a brace is not opened; one that is meant is written twice at character 5");
  CHECK(Error("m:{id}") == "pattern: a capture needs its type, as in {id:uuid} at character 3");
  CHECK(Error("m:{id:guid}") ==
        "pattern: a capture's type must be int, bigint, uuid, text or slug at character 7");
  constexpr const char* kName =
      "pattern: a capture's name must be letters, digits and '_', and no digit first at character "
      "4";
  CHECK(Error("m:{:int}") == kName);
  CHECK(Error("m:{1a:int}") == kName);
  CHECK(Error("m:{a-b:int}") == kName);
  CHECK(Error("{a:int}{b:int}") == "pattern: two captures need text between them at character 8");
  CHECK(Error("{a:int}:{a:int}") == "pattern: two captures have the same name at character 10");
  CHECK(Error("{a:int},{b:int},{c:int},{d:int},{e:int},{f:int},{g:int},{h:int},{i:int}") ==
        "pattern: there are too many captures at character 65");
  CHECK(Error(std::string("m\0{a:int}", 9)) ==
        "pattern: the text must be UTF-8 without zero bytes at character 1");
  CHECK(Error(std::string(1025, 'x')) == "pattern: the text is too long at character 1025");
}

TEST_CASE("Numbers match in one spelling only") {
  const KeyPattern ints = Pattern("n:{n:int}");
  CHECK(Held(ints, "n:0") == "0");
  CHECK(Held(ints, "n:-2147483648") == "-2147483648");
  CHECK(Held(ints, "n:2147483647") == "2147483647");
  for (const char* key : {"n:", "n:2147483648", "n:-2147483649", "n:00", "n:01", "n:+1", "n:-0",
                          "n: 1", "n:1 ", "n:1x", "n:x", "n", "", "m:1", "N:1"}) {
    INFO(key);
    CHECK(Held(ints, key) == "-");
  }
  const KeyPattern bigints = Pattern("n:{n:bigint}");
  CHECK(Held(bigints, "n:9223372036854775807") == "9223372036854775807");
  CHECK(Held(bigints, "n:-9223372036854775808") == "-9223372036854775808");
  CHECK(Held(bigints, "n:9223372036854775808") == "-");
}

TEST_CASE("UUIDs match in lower case with their dashes") {
  const KeyPattern pattern = Pattern("u:{id:uuid}");
  const std::string key = std::string("u:") + kUuid;
  CHECK(Held(pattern, key) == kUuid);
  CHECK(Held(pattern, key + "0") == "-");
  CHECK(Held(pattern, key.substr(0, key.size() - 1)) == "-");
  for (size_t i = 2; i < key.size(); ++i) {
    std::string wrong = key;
    wrong[i] = wrong[i] == '-' ? '0' : wrong[i] >= 'a' ? static_cast<char>(wrong[i] - 32) : 'g';
    CHECK(Held(pattern, wrong) == "-");
  }
  // A UUID holds dashes, and still something may follow behind one.
  CHECK(Held(Pattern("{id:uuid}-{n:int}"), std::string(kUuid) + "--5") ==
        std::string(kUuid) + "|-5");
  CHECK(Held(Pattern("{id:uuid}-{n:int}"), kUuid) == "-");
}

TEST_CASE("Texts and slugs reach up to what follows") {
  CHECK(Held(Pattern("{a:text}:{b:text}"), "x:y:z") == "x|y:z");
  CHECK(Held(Pattern("{a:text}:{b:text}"), "::y") == ":|y");
  CHECK(Held(Pattern("{a:text}:{b:text}"), ":y") == "-");
  CHECK(Held(Pattern("{a:text}:{b:text}"), "x:") == "-");
  CHECK(Held(Pattern("p:{a:text}:html"), "p:x:html:html") == "x:html");
  CHECK(Held(Pattern("p:{a:text}:html"), "p::html") == "-");
  CHECK(Held(Pattern("p:{a:slug}"), "p:A-z_09") == "A-z_09");
  CHECK(Held(Pattern("p:{a:slug}"), "p:a.b") == "-");
  CHECK(Held(Pattern("p:{a:text}"), "p:gr\xc3\xbc\xc3\x9f") == "gr\xc3\xbc\xc3\x9f");
  for (const char* bytes :
       {"\xff", "\xc3", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\x80", "\xf4\x90\x80\x80",
        "\xf0\x80\x80\x80", "\xf5\x80\x80\x80", "a\xe2\x82"}) {
    CHECK(Held(Pattern("p:{a:text}"), std::string("p:") + bytes) == "-");
  }
  for (const char* bytes :
       {"\xe2\x82\xac", "\xf0\x9f\x90\x8c", "\xf4\x8f\xbf\xbf", "\xed\x9f\xbf"}) {
    CHECK(Held(Pattern("p:{a:text}"), std::string("p:") + bytes) == bytes);
  }
  CHECK(Held(Pattern("p:{a:text}"), std::string_view("p:a\0b", 5)) == "-");
  CHECK(Held(Pattern("p:{a:text}"), "p:" + std::string(4096, 'x')) == std::string(4096, 'x'));
  CHECK(Held(Pattern("p:{a:text}"), "p:" + std::string(4097, 'x')) == "-");
}

TEST_CASE("A key is only built of captures that it gives back") {
  const KeyPattern pattern = Pattern("{a:text}:{b:int}");
  std::string key = "as before";
  CHECK_FALSE(pattern.Build({"x:1", "2"}, &key));
  CHECK_FALSE(pattern.Build({"", "2"}, &key));
  CHECK_FALSE(pattern.Build({"x", "02"}, &key));
  CHECK_FALSE(pattern.Build({"x"}, &key));
  CHECK_FALSE(pattern.Build({"x", "1", "2"}, &key));
  CHECK(key == "as before");
  CHECK(pattern.Build({"x", "2"}, &key));
  CHECK(key == "x:2");
}

TEST_CASE("Patterns with the same keys are known, whatever the captures are called") {
  CHECK(Pattern("a:{x:int}").SameKeys(Pattern("a:{y:int}")));
  CHECK_FALSE(Pattern("a:{x:int}").SameKeys(Pattern("a:{x:bigint}")));
  CHECK_FALSE(Pattern("a:{x:int}").SameKeys(Pattern("b:{x:int}")));
  CHECK_FALSE(Pattern("a:{x:int}").SameKeys(Pattern("a:{x:int}b")));
  CHECK_FALSE(Pattern("a:{x:int}").SameKeys(Pattern("a:{x:int}:{y:int}")));
}

TEST_CASE("Random keys: what matches is built again, and what is built matches") {
  WITH_TEST_SEED(seed);
  Random random(seed);
  const std::string_view patterns[] = {"{a:text}:{b:text}",  "{a:int}-{b:int}",
                                       "a{x:slug}a",         "{a:text}aa{b:int}",
                                       "{u:uuid}{{{b:text}", "{a:int}1{b:int}1"};
  constexpr std::string_view kLetters = "a1-:{";
  for (const std::string_view text : patterns) {
    const KeyPattern pattern = Pattern(text);
    for (int round = 0; round < 2000; ++round) {
      std::string key = random.Below(2) == 0 ? kUuid : "";
      for (uint64_t n = random.Below(10); n > 0; --n)
        key += kLetters[random.Below(kLetters.size())];
      Held(pattern, key);
      std::vector<std::string> captures;
      for (size_t i = 0; i < pattern.captures().size(); ++i) {
        std::string capture = random.Below(8) == 0 ? kUuid : "";
        for (uint64_t n = random.Below(5); n > 0; --n) {
          capture += kLetters[random.Below(kLetters.size())];
        }
        captures.push_back(capture);
      }
      std::string built;
      if (!pattern.Build(captures, &built)) continue;
      Captures again;
      REQUIRE(pattern.Match(built, &again));
      REQUIRE(std::vector<std::string>(again.begin(), again.end()) == captures);
    }
  }
}

}  // namespace
}  // namespace alai::origin
