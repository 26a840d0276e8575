#include "server/config/origin_directive.h"

#include <algorithm>
#include <memory>

#include "engine/base/ascii.h"
#include "protocol/word_splitter.h"
#include "server/config/special_directives.h"
#include "storage/origin/rule_set.h"
#include "storage/origin/rule_text.h"

namespace alai {
namespace {

// Words that no rule has: between those of two rules, and for a line whose quotes are not balanced.
constexpr std::string_view kNextLine = "\n";
constexpr std::string_view kUnbalancedQuote = "\"";

// The status as the text that directives answer with; nothing when all is well.
std::string ErrorText(const absl::Status& status) {
  return {status.message().data(), status.message().size()};
}

// Numbers and names of options look better without quotes.
bool IsPlain(const std::string& word) {
  for (const char c : word) {
    if (!IsAsciiAlnum(c) && c != '-' && c != '_' && c != '.') return false;
  }
  return !word.empty();
}

// The words of a line, or what is wrong with them.
std::string AddLine(Directive::Arguments words, origin::Rules* rules) {
  if (words.size() == 1 && words[0] == kUnbalancedQuote) return "unbalanced quotes";
  auto rule = std::make_shared<origin::Rule>();
  absl::Status status = origin::ReadRule(words, rule.get());
  if (status.ok()) status = origin::AddRule(std::move(rule), rules);
  return ErrorText(status);
}

std::string AssignOriginRules(Directive::Arguments args, Config* target, bool append) {
  origin::Rules rules;
  // No words at all take back what earlier lines have asked for.
  if (append && !args.empty() && target != nullptr) rules = target->origin_rule.get();
  const bool several = std::find(args.begin(), args.end(), kNextLine) != args.end();
  for (int line = 1; !args.empty(); ++line) {
    const auto end = std::find(args.begin(), args.end(), kNextLine);
    const auto words = static_cast<size_t>(end - args.begin());
    const std::string error = AddLine(args.first(words), &rules);
    if (!error.empty()) return several ? "rule " + std::to_string(line) + ": " + error : error;
    args = args.subspan(std::min(words + 1, args.size()));
  }
  if (target != nullptr) target->origin_rule.set(std::move(rules));
  return {};
}

// Without line breaks within a quotation, of which there are none in what PrintOriginRules() gives.
size_t EndOfLine(std::string_view text) {
  char quote = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool escapes = c == '\\' && i + 1 < text.size() && (quote == '"' || text[i + 1] == quote);
    if (quote == 0) {
      if (c == '\n') return i;
      if (c == '"' || c == '\'') quote = c;
    } else if (escapes) {
      ++i;
    } else if (c == quote) {
      quote = 0;
    }
  }
  return text.size();
}

// The words of each line, and kNextLine between them.
std::vector<std::string> SplitOriginRules(std::string_view value) {
  std::vector<std::string> words;
  while (!value.empty()) {
    const size_t end = EndOfLine(value);
    const std::string_view line = value.substr(0, end);
    value.remove_prefix(std::min(end + 1, value.size()));
    std::vector<std::string_view> split;
    UnquotedWords unquoted;
    if (!SplitWords(line, split, unquoted)) split = {kUnbalancedQuote};
    if (split.empty()) continue;
    if (!words.empty()) words.emplace_back(kNextLine);
    words.insert(words.end(), split.begin(), split.end());
  }
  return words;
}

// A line for each, as SplitOriginRules() reads them.
std::string PrintOriginRules(const Config& config) {
  std::string value;
  for (const std::shared_ptr<const origin::Rule>& rule : config.origin_rule.get()) {
    if (!value.empty()) value += '\n';
    value += OriginRuleText(*rule);
  }
  return value;
}

std::vector<Directive::Line> OriginRuleLines(const Config& config, const Config&) {
  std::vector<Directive::Line> lines;
  for (const std::shared_ptr<const origin::Rule>& rule : config.origin_rule.get()) {
    lines.push_back({OriginRuleText(*rule), true});
  }
  return lines;
}

}  // namespace

std::string OriginRuleText(const origin::Rule& rule) {
  std::string text;
  for (const std::string& word : origin::RuleWords(rule)) {
    if (!text.empty()) text += ' ';
    text += IsPlain(word) ? word : Quoted(word);
  }
  return text;
}

std::string CheckRuleDatabases(const origin::Rules& rules, int64_t databases) {
  for (const std::shared_ptr<const origin::Rule>& rule : rules) {
    if (rule->db < databases) continue;
    return "origin rule '" + rule->name + "' is about database " + std::to_string(rule->db) +
           ", the last one is " + std::to_string(databases - 1) + " (see databases)";
  }
  return {};
}

constinit const Directive::Special kOriginRuleSpecial = {AssignOriginRules, PrintOriginRules,
                                                         OriginRuleLines, SplitOriginRules};

}  // namespace alai
