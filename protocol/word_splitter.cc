#include "protocol/word_splitter.h"

#include "engine/base/ascii.h"

namespace alai {
namespace {

int HexDigit(char c) {
  if (IsAsciiDigit(c)) return c - '0';
  const char lower = ToLower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

char Unescape(char c) {
  switch (c) {
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'b':
      return '\b';
    case 'a':
      return '\a';
    default:
      return c;
  }
}

bool EndsWord(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

// Reads what follows an opening quote up to the closing one, and appends its meaning to *out. Gives
// the byte behind the closing quote, or nullptr.
const char* ReadQuoted(char quote, const char* at, const char* end, std::string* out) {
  while (at < end) {
    const char c = *at++;
    if (c == quote) return at == end || IsAsciiSpace(*at) ? at : nullptr;
    if (c != '\\' || at == end || (quote == '\'' && *at != '\'')) {
      *out += c;
    } else if (quote == '"' && *at == 'x' && end - at > 2 && HexDigit(at[1]) >= 0 &&
               HexDigit(at[2]) >= 0) {
      *out += static_cast<char>(HexDigit(at[1]) * 16 + HexDigit(at[2]));
      at += 3;
    } else {
      *out += quote == '"' ? Unescape(*at) : *at;
      ++at;
    }
  }
  return nullptr;
}

}  // namespace

bool SplitWords(std::string_view line, std::vector<std::string_view>& words,
                UnquotedWords& unquoted) {
  const char* at = line.data();
  const char* const end = at + line.size();
  for (;;) {
    while (at < end && IsAsciiSpace(*at)) ++at;
    if (at == end) return true;
    const char* const word = at;
    while (at < end && !EndsWord(*at) && *at != '"' && *at != '\'') ++at;
    const std::string_view plain(word, static_cast<size_t>(at - word));
    if (at == end || EndsWord(*at)) {
      words.push_back(plain);
      continue;
    }
    std::string& meant = unquoted.emplace_front(plain);
    at = ReadQuoted(*at, at + 1, end, &meant);
    if (at == nullptr) return false;
    words.push_back(meant);
  }
}

}  // namespace alai
