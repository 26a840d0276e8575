// Words split from any line leave it as it was, and quoting them again gives a line that splits into
// the same words.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/word_splitter.h"

namespace alai {
namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

bool Split(std::string_view line, std::vector<std::string>* words) {
  // A block of exactly the line's size shows a step outside to the sanitizer.
  std::vector<char> block(line.begin(), line.end());
  std::vector<std::string_view> views;
  UnquotedWords unquoted;
  const bool balanced = SplitWords({block.data(), block.size()}, views, unquoted);
  Require(std::equal(block.begin(), block.end(), line.begin(), line.end()));
  words->assign(views.begin(), views.end());
  return balanced;
}

std::string Quote(const std::vector<std::string>& words) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string line;
  for (const std::string& word : words) {
    line += '"';
    for (const char c : word) {
      const auto byte = static_cast<uint8_t>(c);
      line += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
    }
    line += "\" ";
  }
  return line;
}

}  // namespace
}  // namespace alai

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace alai;
  std::vector<std::string> words;
  if (!Split({reinterpret_cast<const char*>(data), size}, &words)) return 0;
  std::vector<std::string> again;
  Require(Split(Quote(words), &again));
  Require(again == words);
  return 0;
}
