// The longest prefix, against trying them all.
#include "engine/prefix_table.h"

#include <set>

#include "engine/base/random.h"
#include "tests/catch.h"
#include "tests/protocol/seeded.h"

namespace alai {
namespace {

uint32_t TryAll(const std::vector<std::string>& prefixes, std::string_view key) {
  uint32_t best = PrefixTable::kNone;
  for (uint32_t i = 0; i < prefixes.size(); ++i) {
    if (!key.starts_with(prefixes[i])) continue;
    if (best == PrefixTable::kNone || prefixes[i].size() > prefixes[best].size()) best = i;
  }
  return best;
}

TEST_CASE("the longest prefix of a key is found") {
  const std::vector<std::string> prefixes = {
      "session:",    "score:", "score:42:", "s",
      "rate:admin:", "rate:",  "memory:",   "a-rather-long-prefix:of-many-bytes:"};
  const PrefixTable table(prefixes);
  const auto match = [&](std::string_view key) {
    const uint32_t index = table.LongestMatch(key);
    return index == PrefixTable::kNone ? std::string("(none)") : prefixes[index];
  };
  CHECK(match("session:1") == "session:");
  CHECK(match("session:") == "session:");
  CHECK(match("session") == "s");
  CHECK(match("score:4") == "score:");
  CHECK(match("score:42:x") == "score:42:");
  CHECK(match("score:43:x") == "score:");
  CHECK(match("rate:admin:7") == "rate:admin:");
  CHECK(match("rate:bob") == "rate:");
  CHECK(match("z") == "(none)");
  CHECK(match("") == "(none)");
  CHECK(match("a-rather-long-prefix:of-many-bytes") == "(none)");
  CHECK(match("a-rather-long-prefix:of-many-bytes:x") == "a-rather-long-prefix:of-many-bytes:");
  CHECK(table.Shorter(2) == 1);
  CHECK(table.Shorter(1) == 3);
  CHECK(table.Shorter(3) == PrefixTable::kNone);
}

TEST_CASE("an empty prefix begins every key, and a table may be empty") {
  const PrefixTable all({"", "x:"});
  CHECK(all.LongestMatch("") == 0);
  CHECK(all.LongestMatch("a") == 0);
  CHECK(all.LongestMatch("x:1") == 1);
  CHECK(all.LongestMatch("\xff") == 0);
  CHECK(all.Shorter(1) == 0);
  const PrefixTable none;
  CHECK(none.LongestMatch("") == PrefixTable::kNone);
  CHECK(none.LongestMatch("a") == PrefixTable::kNone);
}

TEST_CASE("random prefixes over few letters agree with trying them all") {
  WITH_TEST_SEED(seed);
  Random random(seed);
  constexpr char kLetters[] = {'a', 'b', '\0', '\xff'};
  const auto text = [&](uint64_t bytes_max) {
    std::string bytes;
    for (uint64_t n = random.Below(bytes_max + 1); n > 0; --n) bytes += kLetters[random.Below(4)];
    return bytes;
  };
  for (int round = 0; round < 300; ++round) {
    std::set<std::string> distinct;
    const uint64_t count = random.Below(40);
    for (uint64_t i = 0; i < count; ++i) distinct.insert(text(random.Below(2) == 0 ? 4 : 12));
    std::vector<std::string> prefixes(distinct.begin(), distinct.end());
    for (size_t i = prefixes.size(); i > 1; --i)
      std::swap(prefixes[i - 1], prefixes[random.Below(i)]);
    const PrefixTable table(prefixes);
    for (int i = 0; i < 200; ++i) {
      std::string key = text(14);
      if (!prefixes.empty() && random.Below(2) == 0) {
        key = prefixes[random.Below(prefixes.size())] + text(3);
      }
      REQUIRE(table.LongestMatch(key) == TryAll(prefixes, key));
    }
    for (uint32_t i = 0; i < prefixes.size(); ++i) {
      const std::string shorter = prefixes[i].substr(0, prefixes[i].size() - !prefixes[i].empty());
      const uint32_t expected =
          prefixes[i].empty() ? PrefixTable::kNone : TryAll(prefixes, shorter);
      REQUIRE(table.Shorter(i) == expected);
    }
  }
}

}  // namespace
}  // namespace alai
