#include "storage/origin/rule_set.h"

#include <algorithm>

#include "engine/base/assert.h"

namespace alai::origin {
namespace {

// What keeps a rule from standing beside the others, of which it may replace one.
absl::Status CheckBeside(const Rule& rule, const Rules& rules, const Rule* replaced) {
  for (const std::shared_ptr<const Rule>& other : rules) {
    if (other.get() == replaced) continue;
    if (other->name == rule.name) {
      return absl::AlreadyExistsError("origin rule '" + rule.name + "' is defined twice");
    }
    if (other->db == rule.db && other->pattern.SameKeys(rule.pattern)) {
      return absl::AlreadyExistsError("origin rule '" + rule.name +
                                      "' is about the same keys as '" + other->name + "'");
    }
  }
  return absl::OkStatus();
}

}  // namespace

RuleSet::RuleSet(Rules rules) : rules_(std::move(rules)) {
  ASSERT(rules_.size() <= kRulesMax);
  std::vector<std::string> prefixes;
  for (uint32_t i = 0; i < rules_.size(); ++i) {
    const std::string& prefix = rules_[i]->pattern.prefix();
    const auto known = std::find(prefixes.begin(), prefixes.end(), prefix);
    const auto at = static_cast<size_t>(known - prefixes.begin());
    if (known == prefixes.end()) {
      prefixes.push_back(prefix);
      of_prefix_.emplace_back();
    }
    of_prefix_[at].push_back(i);
  }
  prefixes_ = PrefixTable(prefixes);
}

uint32_t RuleSet::MatchPrefix(uint32_t prefix, int db, std::string_view key,
                              Captures* captures) const {
  for (; prefix != PrefixTable::kNone; prefix = prefixes_.Shorter(prefix)) {
    for (const uint32_t index : of_prefix_[prefix]) {
      const Rule& rule = *rules_[index];
      if (rule.db == db && rule.pattern.Match(key, captures)) return index;
    }
  }
  return kNone;
}

uint32_t RuleSet::Find(std::string_view name) const {
  for (uint32_t i = 0; i < rules_.size(); ++i) {
    if (rules_[i]->name == name) return i;
  }
  return kNone;
}

absl::Status AddRule(std::shared_ptr<const Rule> rule, Rules* rules) {
  absl::Status status = CheckBeside(*rule, *rules, nullptr);
  if (!status.ok()) return status;
  if (rules->size() == RuleSet::kRulesMax) {
    return absl::ResourceExhaustedError("there are " + std::to_string(RuleSet::kRulesMax) +
                                        " origin rules already");
  }
  rules->push_back(std::move(rule));
  return absl::OkStatus();
}

absl::Status ReplaceRule(std::shared_ptr<const Rule> rule, Rules* rules) {
  for (std::shared_ptr<const Rule>& other : *rules) {
    if (other->name != rule->name) continue;
    absl::Status status = CheckBeside(*rule, *rules, other.get());
    if (status.ok()) other = std::move(rule);
    return status;
  }
  return AddRule(std::move(rule), rules);
}

}  // namespace alai::origin
