// Words split from any line lie within it, and quoting them again gives a line that splits into the
// same words.
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
  const bool balanced = SplitWords(block.data(), block.data() + block.size(), views);
  const char* last = block.data();
  for (const std::string_view view : views) {
    Require(view.data() >= last && view.data() + view.size() <= block.data() + block.size());
    last = view.data() + view.size();
    words->emplace_back(view);
  }
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
