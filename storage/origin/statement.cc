#include "storage/origin/statement.h"

#include <algorithm>
#include <iterator>

namespace alai::origin {
namespace {

using Kind = SqlToken::Kind;
using Tokens = std::vector<SqlToken>;

std::string_view Span(const SqlToken& first, const SqlToken& last) {
  return {first.text.data(),
          static_cast<size_t>(last.text.data() + last.text.size() - first.text.data())};
}

bool IsName(const SqlToken& token) {
  return token.kind == Kind::kWord || token.kind == Kind::kQuotedName;
}

bool IsOneOf(const SqlToken& token, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return token.IsWord(word); });
}

absl::Status CheckBrackets(const Tokens& tokens) {
  std::string open;
  for (const SqlToken& token : tokens) {
    if (token.IsSymbol('(')) open += ')';
    if (token.IsSymbol('[')) open += ']';
    if (!token.IsSymbol(')') && !token.IsSymbol(']')) continue;
    if (open.empty() || open.back() != token.text[0])
      return absl::InvalidArgumentError("its brackets are not in pairs");
    open.pop_back();
  }
  return open.empty() ? absl::OkStatus()
                      : absl::InvalidArgumentError("its brackets are not in pairs");
}

// The query of one table, read from its FROM on.
class TableReader {
 public:
  TableReader(const Tokens& tokens, size_t parameters) : columns_(parameters) {
    int depth = 0;
    for (const SqlToken& token : tokens) {
      if (token.IsSymbol(')') || token.IsSymbol(']')) --depth;
      if (depth == 0) outer_.push_back(token);
      if (token.IsSymbol('(') || token.IsSymbol('[')) ++depth;
    }
  }

  bool Read(std::string* table, std::vector<std::string>* columns) {
    if (outer_.empty() || !outer_[0].IsWord("select") || !ReadFrom() || !ReadConditions())
      return false;
    if (std::any_of(columns_.begin(), columns_.end(),
                    [](const std::string& c) { return c.empty(); })) {
      return false;
    }
    *table = table_;
    *columns = columns_;
    return true;
  }

 private:
  // A token behind the end is one that is nothing.
  const SqlToken& At(size_t at) const {
    static const SqlToken kEnd = {Kind::kSymbol, ";"};
    return at < outer_.size() ? outer_[at] : kEnd;
  }

  bool ReadFrom() {
    while (at_ < outer_.size() && !At(at_).IsWord("from")) ++at_;
    ++at_;
    if (At(at_).IsWord("only")) ++at_;
    for (;;) {
      if (!IsName(At(at_))) return false;
      called_ = SqlName(At(at_));
      table_ += PlainSqlName(called_);
      if (!At(++at_).IsSymbol('.')) break;
      table_ += '.';
      ++at_;
    }
    if (At(at_).IsWord("as")) ++at_;
    if (IsName(At(at_)) && !At(at_).IsWord("where")) called_ = SqlName(At(at_++));
    return At(at_++).IsWord("where");
  }

  // What stands between the ANDs, up to the clauses that follow.
  bool ReadConditions() {
    size_t start = at_;
    for (; at_ < outer_.size(); ++at_) {
      const SqlToken& token = outer_[at_];
      if (IsOneOf(token, {"or", "between", "case", "union", "intersect", "except"})) return false;
      const bool last =
          IsOneOf(token, {"group", "order", "limit", "having", "fetch", "for", "offset", "window"});
      if (!last && !token.IsWord("and")) continue;
      ReadCondition(start, at_);
      start = at_ + 1;
      if (last) return NoSetOperation();
    }
    ReadCondition(start, at_);
    return true;
  }

  bool NoSetOperation() const {
    return std::none_of(outer_.begin(), outer_.end(), [](const SqlToken& token) {
      return IsOneOf(token, {"union", "intersect", "except"});
    });
  }

  // Takes note of `column = $n` and `$n = column`; any other condition only narrows the rows down.
  void ReadCondition(size_t first, size_t last) {
    size_t at = first;
    std::string column;
    uint32_t parameter = 0;
    if (!ReadSide(&at, &column, &parameter) || !At(at).IsSymbol('=')) return;
    ++at;
    if (!ReadSide(&at, &column, &parameter) || at != last) return;
    if (column.empty() || parameter == 0 || parameter > columns_.size()) return;
    columns_[parameter - 1] = column;
  }

  // A column, perhaps with the table's name before it, or a parameter, perhaps with its type behind it.
  bool ReadSide(size_t* at, std::string* column, uint32_t* parameter) const {
    if (At(*at).kind == Kind::kParameter) {
      *parameter = At((*at)++).parameter;
      if (At(*at).IsSymbol(':') && At(*at + 1).IsSymbol(':') && IsName(At(*at + 2))) *at += 3;
      return true;
    }
    if (!IsName(At(*at))) return false;
    *column = SqlName(At((*at)++));
    if (!At(*at).IsSymbol('.')) return true;
    if (*column != called_ || !IsName(At(*at + 1))) return false;
    *column = SqlName(At(*at + 1));
    *at += 2;
    return true;
  }

  Tokens outer_;  // outside of all brackets
  size_t at_ = 0;
  std::string table_;
  std::string called_;  // by what name the query calls it
  std::vector<std::string> columns_;
};

// Names with a symbol between them and nothing else.
bool ReadNames(std::string_view text, char between, std::vector<std::string>* names) {
  Tokens tokens;
  if (!TokenizeSql(text, &tokens).ok() || tokens.size() % 2 == 0) return false;
  names->clear();
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (i % 2 == 0 ? !IsName(tokens[i]) : !tokens[i].IsSymbol(between)) return false;
    if (i % 2 == 0) names->push_back(SqlName(tokens[i]));
  }
  return true;
}

std::string JoinNames(const std::vector<std::string>& names, char between) {
  std::string text;
  for (const std::string& name : names) {
    if (!text.empty()) text += between;
    text += PlainSqlName(name);
  }
  return text;
}

}  // namespace

absl::Status ReadStatement(std::string_view sql, Statement* statement) {
  Tokens tokens;
  absl::Status status = TokenizeSql(sql, &tokens);
  if (!status.ok()) return status;
  while (!tokens.empty() && tokens.back().IsSymbol(';')) tokens.pop_back();
  if (tokens.empty()) return absl::InvalidArgumentError("it is empty");
  for (const SqlToken& token : tokens) {
    if (token.IsSymbol(';')) return absl::InvalidArgumentError("it holds more than one statement");
  }
  status = CheckBrackets(tokens);
  if (!status.ok()) return status;
  statement->text = Span(tokens.front(), tokens.back());
  statement->tokens = std::move(tokens);
  return absl::OkStatus();
}

bool IsQuery(const Statement& statement) {
  const SqlToken& first = statement.tokens.front();
  return first.IsSymbol('(') || IsOneOf(first, {"select", "with", "values", "table"});
}

absl::Status CheckParameters(const Statement& statement, const std::vector<std::string>& names) {
  std::vector<bool> used(names.size());
  for (const SqlToken& token : statement.tokens) {
    if (token.kind != Kind::kParameter) continue;
    if (token.parameter > names.size()) {
      return absl::InvalidArgumentError("there is nothing for $" + std::to_string(token.parameter) +
                                        ", only " + std::to_string(names.size()) +
                                        (names.size() == 1 ? " parameter" : " parameters"));
    }
    used[token.parameter - 1] = true;
  }
  const auto unused = std::find(used.begin(), used.end(), false);
  if (unused == used.end()) return absl::OkStatus();
  const auto index = static_cast<size_t>(unused - used.begin());
  return absl::InvalidArgumentError("it does not use $" + std::to_string(index + 1) +
                                    ", which is " + names[index]);
}

std::string DeriveBatchQuery(const Statement& query, Type type, const KeyPattern& pattern) {
  std::string inner;
  const char* at = query.text.data();
  for (const SqlToken& token : query.tokens) {
    if (token.kind != Kind::kParameter) continue;
    inner.append(at, token.text.data())
        .append("alai_key.c")
        .append(std::to_string(token.parameter));
    at = token.text.data() + token.text.size();
  }
  inner.append(at, query.text.data() + query.text.size());

  std::string arrays;
  std::string names;
  for (size_t i = 1; i <= pattern.captures().size(); ++i) {
    if (i > 1) arrays += ", ";
    arrays.append("$").append(std::to_string(i)).append("::");
    arrays.append(SqlType(pattern.captures()[i - 1].type)).append("[]");
    names.append("c").append(std::to_string(i)).append(", ");
  }
  const std::string keys =
      " FROM unnest(" + arrays + ") WITH ORDINALITY AS alai_key(" + names + "n), LATERAL (";
  // A name that the query gives its only column must not get between the two that are added.
  if (type == Type::kList) {
    return "SELECT alai_key.n, alai_row.element" + keys +
           "SELECT row_number() OVER (), alai_query.* FROM (" + inner +
           ") AS alai_query) AS alai_row(place, element) ORDER BY alai_key.n, alai_row.place";
  }
  return "SELECT alai_key.n, alai_row.*" + keys + inner + ") AS alai_row";
}

bool FindTable(const Statement& query, size_t parameters, std::string* table,
               std::vector<std::string>* columns) {
  return TableReader(query.tokens, parameters).Read(table, columns);
}

absl::Status ReadTableName(std::string_view text, std::string* table) {
  std::vector<std::string> names;
  if (!ReadNames(text, '.', &names) || names.size() > 2) {
    return absl::InvalidArgumentError("it must be a table's name, perhaps with its schema");
  }
  *table = JoinNames(names, '.');
  return absl::OkStatus();
}

std::vector<std::string> TableNameParts(std::string_view table) {
  std::vector<std::string> names;
  ReadNames(table, '.', &names);
  return names;
}

std::string QuotedTableName(std::string_view table) {
  std::string quoted;
  for (const std::string& part : TableNameParts(table)) {
    if (!quoted.empty()) quoted += '.';
    quoted += QuotedSqlName(part);
  }
  return quoted;
}

absl::Status ReadColumnNames(std::string_view text, std::vector<std::string>* columns) {
  std::vector<std::string> names;
  if (!ReadNames(text, ',', &names)) {
    return absl::InvalidArgumentError("it must be the names of columns, with commas between them");
  }
  *columns = std::move(names);
  return absl::OkStatus();
}

std::string ColumnNamesText(const std::vector<std::string>& columns) {
  return JoinNames(columns, ',');
}

}  // namespace alai::origin
