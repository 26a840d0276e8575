// Glob patterns as KEYS, SCAN, PSUBSCRIBE and CONFIG GET understand them.
//
//   *        any bytes, none included      [a-c]   one byte of a class, ranges in either order
//   ?        one byte                      [^a-c]  one byte outside of it
//   \x       the byte x itself             other   itself
//
// A class lacks its ']' when the pattern ends first: it then reaches to the end. Bytes in a range
// compare as signed numbers, and an escaped byte in a class keeps its case even when case is
// ignored; both are what Redis does. Every element but '*' takes exactly one byte, so only the last
// '*' met needs to be reconsidered and matching costs at most O(pattern x text).
//
// Threads     Any; a GlobPattern is immutable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace alai {

// As in Redis, the empty text is matched by the empty pattern alone, not by "*".
bool GlobMatch(std::string_view pattern, std::string_view text, bool ignore_case = false);

// A pattern prepared for many texts: its literal prefix is compared first, and the forms "*",
// "prefix*" and a pattern without wildcards need nothing else.
//
// Matches() differs from GlobMatch() in one point, as KEYS and SCAN do: "*" matches the empty text.
class GlobPattern {
 public:
  explicit GlobPattern(std::string_view pattern);

  bool Matches(std::string_view text) const {
    if (text.size() < prefix_.size() || text.compare(0, prefix_.size(), prefix_) != 0) {
      return false;
    }
    switch (form_) {
      case Form::kAll:
        return true;
      case Form::kPrefix:
        return !text.empty();
      case Form::kLiteral:
        return text.size() == prefix_.size();
      case Form::kGeneral:
        break;
    }
    return GlobMatch(rest_, text.substr(prefix_.size()));
  }

  // The pattern is "*".
  bool matches_all() const { return form_ == Form::kAll; }
  // The pattern has no wildcards: it matches prefix() alone.
  bool is_literal() const { return form_ == Form::kLiteral; }
  // Bytes with which every match begins, escapes resolved.
  std::string_view prefix() const { return prefix_; }

 private:
  enum class Form : uint8_t { kAll, kPrefix, kLiteral, kGeneral };

  std::string prefix_;
  std::string rest_;  // what follows the prefix in the pattern
  Form form_;
};

}  // namespace alai
