// The words of a rule of the origin, a line each, and then a key. A word may be any bytes but a line's end, for
// which \n stands.
//
// A rule that is read is printed and read again as the same; its statements are each one statement with
// brackets in pairs, the derived ones too; what its pattern finds in the key builds that key; its trigger is SQL.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/assert.h"
#include "storage/origin/rule_set.h"
#include "storage/origin/rule_text.h"
#include "storage/origin/statement.h"
#include "storage/origin/trigger_sql.h"

namespace alai::origin {
namespace {

std::vector<std::string> Lines(std::string_view input) {
  std::vector<std::string> lines(1);
  for (size_t i = 0; i < input.size(); ++i) {
    if (input[i] == '\n') {
      lines.emplace_back();
    } else if (input.substr(i).starts_with("\\n")) {
      lines.back() += '\n';
      ++i;
    } else {
      lines.back() += input[i];
    }
  }
  return lines;
}

void CheckStatement(const std::string& sql) {
  Statement statement;
  ASSERT(ReadStatement(sql, &statement).ok());
  ASSERT(statement.text == sql);
  const char* at = sql.data();
  for (const SqlToken& token : statement.tokens) {
    ASSERT(token.text.data() >= at && !token.text.empty());
    at = token.text.data() + token.text.size();
  }
}

void CheckTrigger(const Rule& rule) {
  std::string statements;
  if (!TriggerSql(rule, &statements).ok()) return;
  std::vector<SqlToken> tokens;
  ASSERT(statements.size() > kSqlBytesMax || TokenizeSql(statements, &tokens).ok());
  ASSERT(DropTriggerSql(rule, &statements).ok());
}

void CheckKey(const Rule& rule, const std::string& key) {
  Rules rules;
  ASSERT(AddRule(std::make_shared<Rule>(rule), &rules).ok());
  const RuleSet set(std::move(rules));
  Captures captures;
  const uint32_t found = set.Match(rule.db, key, &captures);
  ASSERT((found == 0) == rule.pattern.Match(key, nullptr));
  if (found == RuleSet::kNone) return;
  std::string built;
  ASSERT(rule.pattern.Build({captures.begin(), captures.end()}, &built));
  ASSERT(built == key);
}

// Any bytes at all as SQL: no quote may reach beyond its end.
void CheckTokens(std::string_view sql) {
  std::vector<SqlToken> tokens;
  if (!TokenizeSql(sql, &tokens).ok()) return;
  const char* at = sql.data();
  for (const SqlToken& token : tokens) {
    ASSERT(token.text.data() >= at && !token.text.empty());
    at = token.text.data() + token.text.size();
  }
  ASSERT(tokens.empty() || at <= sql.data() + sql.size());
}

}  // namespace
}  // namespace alai::origin

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace alai::origin;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  CheckTokens(input);
  std::vector<std::string> words = Lines(input);
  const std::string key = words.back();
  words.pop_back();
  Rule rule;
  if (!ReadRule(words, &rule).ok()) return 0;
  const std::vector<std::string> printed = RuleWords(rule);
  Rule again;
  ASSERT(ReadRule(printed, &again).ok());
  ASSERT(again == rule);
  ASSERT(RuleWords(again) == printed);
  for (const std::string* sql : {&rule.query, &rule.batch_query, &rule.upsert, &rule.erase}) {
    if (!sql->empty() && sql->size() < kSqlBytesMax) CheckStatement(*sql);
  }
  CheckTrigger(rule);
  CheckKey(rule, key);
  return 0;
}
