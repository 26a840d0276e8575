#include "server/commands/scan_options.h"

#include "engine/base/ascii.h"
#include "protocol/error_text.h"

namespace alai {

bool ParseCursor(std::string_view text, uint64_t* cursor) {
  *cursor = 0;
  if (text.empty()) return true;
  const bool negative = text[0] == '-';
  if (negative || text[0] == '+') text.remove_prefix(1);
  if (text.empty()) return false;
  for (const char c : text) {
    if (!IsAsciiDigit(c) || __builtin_mul_overflow(*cursor, 10, cursor) ||
        __builtin_add_overflow(*cursor, static_cast<uint64_t>(c - '0'), cursor)) {
      return false;
    }
  }
  if (negative) *cursor = 0 - *cursor;
  return true;
}

void ScanOptions::TakeRest(ArgReader& args, std::string_view names_only_word) {
  while (args.remaining() > 0) {
    if (args.TakeWord("COUNT")) {
      count = static_cast<uint64_t>(
          args.Int64(1, INT64_MAX, error_text::kNotInteger, error_text::kSyntax));
    } else if (args.TakeWord("MATCH")) {
      pattern = args.String();
    } else if (!names_only_word.empty() && args.TakeWord(names_only_word)) {
      names_only = true;
    } else {
      args.Fail(error_text::kSyntax);
    }
  }
}

}  // namespace alai
