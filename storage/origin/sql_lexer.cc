#include "storage/origin/sql_lexer.h"

#include <algorithm>

#include "engine/base/ascii.h"
#include "storage/origin/utf8.h"

namespace alai::origin {
namespace {

constexpr size_t kNone = std::string_view::npos;

bool StartsName(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80) != 0;
}
bool GoesOnName(char c) { return StartsName(c) || IsAsciiDigit(c) || c == '$'; }

// Walks over the text; the first error stays.
class Lexer {
 public:
  Lexer(std::string_view sql, std::vector<SqlToken>* tokens) : sql_(sql), tokens_(tokens) {}

  absl::Status Run() {
    while (status_.ok() && at_ < sql_.size()) ReadOne();
    return std::move(status_);
  }

 private:
  using Kind = SqlToken::Kind;

  char Peek(size_t ahead = 0) const { return at_ + ahead < sql_.size() ? sql_[at_ + ahead] : '\0'; }

  void Fail(std::string_view what, size_t at) {
    status_ =
        absl::InvalidArgumentError(std::string(what) + " at character " + std::to_string(at + 1));
    at_ = sql_.size();
  }

  void Add(Kind kind, size_t end) {
    if (!status_.ok()) return;
    tokens_->push_back({kind, sql_.substr(at_, end - at_)});
    at_ = end;
  }

  void ReadOne() {
    const char c = Peek();
    if (IsAsciiSpace(c)) {
      ++at_;
    } else if (c == '-' && Peek(1) == '-') {
      at_ = std::min(sql_.find('\n', at_), sql_.size());
    } else if (c == '/' && Peek(1) == '*') {
      SkipComment();
    } else if (c == '\'') {
      Add(Kind::kText, EndOfQuote(at_, '\'', false));
    } else if (c == '"') {
      ReadQuotedName();
    } else if (c == '$') {
      ReadDollar();
    } else if (StartsName(c)) {
      ReadWord();
    } else if (IsAsciiDigit(c) || (c == '.' && IsAsciiDigit(Peek(1)))) {
      ReadNumber();
    } else {
      Add(Kind::kSymbol, at_ + 1);
    }
  }

  void SkipComment() {
    const size_t start = at_;
    size_t depth = 0;
    do {
      if (Peek() == '/' && Peek(1) == '*') {
        ++depth;
        at_ += 2;
      } else if (Peek() == '*' && Peek(1) == '/') {
        --depth;
        at_ += 2;
      } else if (++at_ >= sql_.size()) {
        return Fail("a comment is not closed", start);
      }
    } while (depth > 0);
  }

  // Where a string constant goes on behind `at`, the end of a piece: PostgreSQL joins pieces that have
  // a line's end between them. The place of the next quote, or kNone.
  size_t NextPiece(size_t at) const {
    bool line_ends = false;
    while (at < sql_.size()) {
      if (IsAsciiSpace(sql_[at])) {
        line_ends = line_ends || sql_[at] == '\n' || sql_[at] == '\r';
        ++at;
      } else if (line_ends && sql_.substr(at).starts_with("--")) {
        at = std::min(sql_.find('\n', at), sql_.size());
      } else {
        break;
      }
    }
    return line_ends && at < sql_.size() && sql_[at] == '\'' ? at : kNone;
  }

  // Behind the quote that closes the one at `start`. A doubled quote stands for itself, and with
  // `backslashes` so does one behind a backslash.
  size_t EndOfQuote(size_t start, char quote, bool backslashes) {
    for (size_t at = start + 1; at < sql_.size(); ++at) {
      if (backslashes && sql_[at] == '\\') {
        ++at;
      } else if (sql_[at] == quote) {
        if (at + 1 < sql_.size() && sql_[at + 1] == quote) {
          ++at;
          continue;
        }
        const size_t next = backslashes ? NextPiece(at + 1) : kNone;
        return next == kNone ? at + 1 : EndOfPieces(next);
      }
    }
    Fail("a quote is not closed", start);
    return at_;
  }

  // As EndOfQuote(), for the further pieces of E'…'.
  size_t EndOfPieces(size_t start) {
    size_t at = start + 1;
    while (at < sql_.size()) {
      if (sql_[at] == '\\') {
        at += 2;
      } else if (sql_[at] != '\'') {
        ++at;
      } else if (at + 1 < sql_.size() && sql_[at + 1] == '\'') {
        at += 2;
      } else {
        const size_t next = NextPiece(at + 1);
        if (next == kNone) return at + 1;
        at = next + 1;
      }
    }
    Fail("a quote is not closed", start);
    return at_;
  }

  void ReadQuotedName() {
    const size_t end = EndOfQuote(at_, '"', false);
    if (status_.ok() && end == at_ + 2) return Fail("a quoted name is empty", at_);
    Add(Kind::kQuotedName, end);
  }

  // A parameter, a dollar quote, or a dollar alone, which PostgreSQL will not take.
  void ReadDollar() {
    if (IsAsciiDigit(Peek(1))) return ReadParameter();
    size_t tag_end = at_ + 1;
    while (tag_end < sql_.size() && GoesOnName(sql_[tag_end]) && sql_[tag_end] != '$') ++tag_end;
    if (tag_end == sql_.size() || sql_[tag_end] != '$') return Fail("a '$' stands alone", at_);
    const std::string_view tag = sql_.substr(at_, tag_end + 1 - at_);
    const size_t close = sql_.find(tag, tag_end + 1);
    if (close == kNone) return Fail("a dollar quote is not closed", at_);
    Add(Kind::kText, close + tag.size());
  }

  void ReadParameter() {
    constexpr uint32_t kParametersMax = 65535;
    size_t end = at_ + 1;
    uint32_t number = 0;
    for (; end < sql_.size() && IsAsciiDigit(sql_[end]); ++end) {
      number = std::min(number * 10 + static_cast<uint32_t>(sql_[end] - '0'), kParametersMax + 1);
    }
    if (number == 0 || number > kParametersMax || (end < sql_.size() && GoesOnName(sql_[end]))) {
      return Fail("a parameter is not well formed", at_);
    }
    Add(Kind::kParameter, end);
    tokens_->back().parameter = number;
  }

  // Some strings and one sort of quoted names have letters before their quote.
  void ReadWord() {
    const char c = ToLower(Peek());
    if ((c == 'e' || c == 'b' || c == 'x' || c == 'n') && Peek(1) == '\'') {
      return Add(Kind::kText, EndOfQuote(at_ + 1, '\'', c == 'e'));
    }
    if (c == 'u' && Peek(1) == '&' && (Peek(2) == '\'' || Peek(2) == '"')) {
      return Add(Kind::kText, EndOfQuote(at_ + 2, Peek(2), false));
    }
    size_t end = at_ + 1;
    while (end < sql_.size() && GoesOnName(sql_[end])) ++end;
    Add(Kind::kWord, end);
  }

  void ReadNumber() {
    size_t end = at_;
    while (end < sql_.size()) {
      const char c = sql_[end];
      const bool sign = (c == '+' || c == '-') && end > at_ && ToLower(sql_[end - 1]) == 'e';
      if (!IsAsciiAlnum(c) && c != '.' && c != '_' && !sign) break;
      ++end;
    }
    Add(Kind::kNumber, end);
  }

  std::string_view sql_;
  std::vector<SqlToken>* tokens_;
  size_t at_ = 0;
  absl::Status status_;
};

std::string Quote(std::string_view text, char quote) {
  std::string quoted(1, quote);
  for (const char c : text) {
    if (c == quote) quoted += quote;
    quoted += c;
  }
  return quoted + quote;
}

}  // namespace

bool SqlToken::IsWord(std::string_view lower_case) const {
  return kind == Kind::kWord && EqualsIgnoreCase(text, lower_case);
}

absl::Status TokenizeSql(std::string_view sql, std::vector<SqlToken>* tokens) {
  tokens->clear();
  if (sql.size() > kSqlBytesMax) {
    return absl::InvalidArgumentError("it is longer than " + std::to_string(kSqlBytesMax) +
                                      " bytes");
  }
  if (!IsDatabaseText(sql)) {
    return absl::InvalidArgumentError("it must be UTF-8 without zero bytes");
  }
  return Lexer(sql, tokens).Run();
}

std::string SqlName(const SqlToken& token) {
  if (token.kind != SqlToken::Kind::kQuotedName) return ToLower(token.text);
  std::string name;
  for (size_t i = 1; i + 1 < token.text.size(); ++i) {
    if (token.text[i] == '"') ++i;
    name += token.text[i];
  }
  return name;
}

std::string QuotedSqlName(std::string_view name) { return Quote(name, '"'); }

std::string PlainSqlName(std::string_view name) {
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || c == '_' || IsAsciiDigit(c); };
  const bool bare =
      !name.empty() && !IsAsciiDigit(name[0]) && std::all_of(name.begin(), name.end(), plain);
  return bare ? std::string(name) : QuotedSqlName(name);
}

// A backslash means something in a string constant where standard_conforming_strings is off, so it is
// written in the form that says so.
std::string SqlText(std::string_view text) {
  if (text.find('\\') == std::string_view::npos) return Quote(text, '\'');
  std::string doubled;
  for (const char c : text) doubled.append(c == '\\' ? 2 : 1, c);
  return "E" + Quote(doubled, '\'');
}

}  // namespace alai::origin
