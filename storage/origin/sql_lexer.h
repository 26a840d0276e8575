// PostgreSQL's text taken apart into tokens, as far as one must to know where a parameter stands and where a
// statement ends.
//
// Quoted strings ('…', E'…', U&'…', B'…', X'…', N'…'), dollar quotes, quoted identifiers and comments, which
// nest, are read by PostgreSQL's rules (its manual, chapter "Lexical Structure") with standard_conforming_strings
// on, so that "$1" or ';' inside of them counts for nothing. Operators are given character by character.
//
// Threads     Pure functions.
// Invariants  The tokens are views into the text, in their order, and do not overlap.
#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace alai::origin {

struct SqlToken {
  enum class Kind : uint8_t {
    kWord,        // a keyword or an identifier without quotes
    kQuotedName,  // "…", with its quotes; U&"…" is a kText
    kText,        // a string constant of any sort, with its quotes
    kNumber,
    kParameter,  // $1
    kSymbol,     // one character of anything else
  };
  Kind kind;
  std::string_view text;
  uint32_t parameter = 0;  // of a kParameter; 1 at least

  bool IsWord(std::string_view lower_case) const;
  bool IsSymbol(char c) const { return kind == Kind::kSymbol && text[0] == c; }
};

// Statements are at most this long.
constexpr size_t kSqlBytesMax = 64 * 1024;

// Fails for what PostgreSQL could not read either: a quote or comment that is not closed, a zero byte.
absl::Status TokenizeSql(std::string_view sql, std::vector<SqlToken>* tokens);

// The name that a kWord (in lower case) or kQuotedName stands for.
std::string SqlName(const SqlToken& token);
// The name as SQL spells it, always in quotes.
std::string QuotedSqlName(std::string_view name);
// The name as SQL spells it, in quotes only where it would be read as something else without.
std::string PlainSqlName(std::string_view name);
// The text as a string constant.
std::string SqlText(std::string_view text);

}  // namespace alai::origin
