// The bit-parallel longest common subsequence against the textbook's table.
#include <algorithm>
#include <string>
#include <vector>

#include "engine/base/random.h"
#include "engine/types/lcs.h"
#include "tests/catch.h"

namespace alai {
namespace {

// Wagner and Fischer's table, walked back as Redis does.
CommonSubsequence NaiveLcs(std::string_view a, std::string_view b) {
  std::vector<std::vector<int>> table(a.size() + 1, std::vector<int>(b.size() + 1, 0));
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      table[i][j] = a[i - 1] == b[j - 1] ? table[i - 1][j - 1] + 1
                                         : std::max(table[i - 1][j], table[i][j - 1]);
    }
  }
  CommonSubsequence result;
  size_t i = a.size();
  size_t j = b.size();
  bool in_run = false;
  while (i > 0 && j > 0) {
    if (a[i - 1] == b[j - 1]) {
      result.bytes += a[i - 1];
      --i;
      --j;
      if (in_run) {
        result.runs.back() = {i, j, result.runs.back().length + 1};
      } else {
        result.runs.push_back({i, j, 1});
      }
      in_run = true;
      continue;
    }
    in_run = false;
    table[i - 1][j] > table[i][j - 1] ? --i : --j;
  }
  std::reverse(result.bytes.begin(), result.bytes.end());
  return result;
}

TEST_CASE("the longest common subsequence is the one of the table") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  for (int round = 0; round < 3'000; ++round) {
    const uint64_t letters = 1 + random.Below(6);
    const auto text = [&] {
      const uint64_t size_max = random.Below(8) == 0 ? 300 : 70;
      std::string t(random.Below(size_max + 1), ' ');
      for (char& c : t) c = static_cast<char>(0xfd + random.Below(letters));
      return t;
    };
    const std::string a = text();
    const std::string b = text();
    const CommonSubsequence expected = NaiveLcs(a, b);
    const CommonSubsequence got = LongestCommonSubsequence(a, b);
    REQUIRE(got.bytes == expected.bytes);
    REQUIRE(LongestCommonLength(a, b) == expected.bytes.size());
    REQUIRE(got.runs.size() == expected.runs.size());
    for (size_t i = 0; i < got.runs.size(); ++i) {
      REQUIRE(got.runs[i].a == expected.runs[i].a);
      REQUIRE(got.runs[i].b == expected.runs[i].b);
      REQUIRE(got.runs[i].length == expected.runs[i].length);
    }
  }
}

TEST_CASE("a long and a short string have little in memory") {
  const std::string a(5'000'000, 'a');
  const CommonSubsequence common = LongestCommonSubsequence(a, "ba");
  CHECK(common.bytes == "a");
  CHECK(LongestCommonLength("ba", a) == 1);
  CHECK(LongestCommonLength(a, std::string(64, 'a')) == 64);
}

}  // namespace
}  // namespace alai
