// Matching runs over the pattern's text itself. One pass keeps two positions and, for the last '*'
// met, where to take up again when the rest does not fit.
#include "engine/base/glob.h"

#include <utility>

#include "engine/base/ascii.h"

namespace alai {
namespace {

bool SameByte(char a, char b, bool ignore_case) {
  return a == b || (ignore_case && ToLower(a) == ToLower(b));
}

bool InRange(char c, char first, char last, bool ignore_case) {
  if (static_cast<signed char>(first) > static_cast<signed char>(last)) std::swap(first, last);
  if (ignore_case) {
    c = ToLower(c);
    first = ToLower(first);
    last = ToLower(last);
  }
  const auto signed_c = static_cast<signed char>(c);
  return signed_c >= static_cast<signed char>(first) && signed_c <= static_cast<signed char>(last);
}

// Tests `c` against the class whose '[' is at `*at`, and moves `*at` behind the class.
bool MatchClass(std::string_view pattern, size_t* at, char c, bool ignore_case) {
  size_t p = *at + 1;
  const bool negated = p < pattern.size() && pattern[p] == '^';
  if (negated) ++p;
  bool found = false;
  for (; p < pattern.size() && pattern[p] != ']'; ++p) {
    const size_t left = pattern.size() - p;
    if (pattern[p] == '\\' && left >= 2) {
      ++p;
      found |= pattern[p] == c;
    } else if (left >= 3 && pattern[p + 1] == '-') {
      found |= InRange(c, pattern[p], pattern[p + 2], ignore_case);
      p += 2;
    } else {
      found |= SameByte(pattern[p], c, ignore_case);
    }
  }
  *at = p < pattern.size() ? p + 1 : p;
  return found != negated;
}

// Tests `c` against the element at `*at`, which is not '*', and moves `*at` behind the element.
bool MatchElement(std::string_view pattern, size_t* at, char c, bool ignore_case) {
  switch (pattern[*at]) {
    case '?':
      ++*at;
      return true;
    case '[':
      return MatchClass(pattern, at, c, ignore_case);
    case '\\':
      if (*at + 1 < pattern.size()) ++*at;
      break;
    default:
      break;
  }
  return SameByte(pattern[(*at)++], c, ignore_case);
}

}  // namespace

bool GlobMatch(std::string_view pattern, std::string_view text, bool ignore_case) {
  if (text.empty()) return pattern.empty();
  constexpr size_t kNone = std::string_view::npos;
  size_t p = 0;
  size_t t = 0;
  size_t after_star = kNone;  // the pattern behind the last '*' met
  size_t star_end = 0;        // where the text taken by that '*' ends
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      while (p < pattern.size() && pattern[p] == '*') ++p;
      if (p == pattern.size()) return true;
      after_star = p;
      star_end = t;
      continue;
    }
    if (p < pattern.size() && MatchElement(pattern, &p, text[t], ignore_case)) {
      ++t;
      continue;
    }
    if (after_star == kNone) return false;
    p = after_star;
    t = ++star_end;
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

GlobPattern::GlobPattern(std::string_view pattern) {
  size_t p = 0;
  for (; p < pattern.size(); ++p) {
    const char c = pattern[p];
    if (c == '*' || c == '?' || c == '[') break;
    if (c == '\\' && p + 1 < pattern.size()) ++p;
    prefix_ += pattern[p];
  }
  rest_ = pattern.substr(p);
  if (rest_.empty()) {
    form_ = Form::kLiteral;
  } else if (rest_.find_first_not_of('*') != std::string::npos) {
    form_ = Form::kGeneral;
  } else {
    form_ = pattern == "*" ? Form::kAll : Form::kPrefix;
  }
}

}  // namespace alai
