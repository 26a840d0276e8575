#include "server/config/origin_directive.h"

#include <memory>

#include "engine/base/ascii.h"
#include "server/config/special_directives.h"
#include "storage/origin/rule_set.h"
#include "storage/origin/rule_text.h"

namespace alai {
namespace {

using Arguments = Directive::Arguments;
using Line = Directive::Line;

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

std::string AssignOriginRule(Arguments args, Config* target, bool) {
  auto rule = std::make_shared<origin::Rule>();
  absl::Status status = origin::ReadRule(args, rule.get());
  if (!status.ok() || target == nullptr) return ErrorText(status);
  origin::Rules rules = target->origin_rule.get();
  status = origin::AddRule(std::move(rule), &rules);
  if (status.ok()) target->origin_rule.set(std::move(rules));
  return ErrorText(status);
}

std::string PrintOriginRules(const Config& config) {
  std::string value;
  for (const std::shared_ptr<const origin::Rule>& rule : config.origin_rule.get()) {
    if (!value.empty()) value += ' ';
    value += rule->name;
  }
  return value;
}

std::vector<Line> OriginRuleLines(const Config& config, const Config&) {
  std::vector<Line> lines;
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

constinit const Directive::Special kOriginRuleSpecial = {AssignOriginRule, PrintOriginRules,
                                                         OriginRuleLines};

}  // namespace alai
