// Any pattern against any text, compared with the naive matcher. The first byte says whether case
// is ignored, the first zero byte behind it ends the pattern.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/base/assert.h"
#include "engine/base/glob.h"
#include "tests/engine/base_naive_glob.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // The naive matcher takes pattern times text.
  constexpr size_t kInputBytesMax = 4096;
  if (size == 0 || size > kInputBytesMax) return 0;
  const bool ignore_case = (data[0] & 1) != 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const size_t split = std::min(input.find('\0'), input.size());
  const std::string_view pattern = input.substr(0, split);
  const std::string_view text = input.substr(std::min(split + 1, input.size()));

  const bool expected = alai::NaiveGlob(pattern, ignore_case).Matches(text);
  ASSERT(alai::GlobMatch(pattern, text, ignore_case) == expected);
  if (!ignore_case) {
    ASSERT(alai::GlobPattern(pattern).Matches(text) == (expected || pattern == "*"));
  }
  return 0;
}
