// The rules of the origin, and which of them a key belongs to.
//
// Of the rules that a key matches, the one with the longest text before its first capture has it; of those
// with the same text, the one that was defined first. A rule whose prefix is longer but whose captures do
// not fit leaves the key to the others, so "user:{id:int}" and "user:{id:uuid}" stand side by side.
//
// Threads     Immutable, so any.
// Why         Most keys belong to no rule, and every miss asks: a table of the prefixes answers that with a
//             comparison or two.
#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "engine/prefix_table.h"
#include "storage/origin/rule.h"

namespace alai::origin {

using Rules = std::vector<std::shared_ptr<const Rule>>;

class RuleSet {
 public:
  static constexpr size_t kRulesMax = 256;
  static constexpr uint32_t kNone = UINT32_MAX;

  RuleSet() = default;
  // Rules that AddRule() has put together.
  explicit RuleSet(Rules rules);

  // Index of the key's rule, or kNone. `captures`, which may be null, holds views into the key then, and
  // anything otherwise.
  uint32_t Match(int db, std::string_view key, Captures* captures) const {
    uint32_t prefix = prefixes_.LongestMatch(key);
    if (prefix == PrefixTable::kNone) [[likely]]
      return kNone;
    return MatchPrefix(prefix, db, key, captures);
  }
  // Index of the rule of this name, or kNone.
  uint32_t Find(std::string_view name) const;

  bool empty() const { return rules_.empty(); }
  const Rules& all() const { return rules_; }
  const Rule& rule(uint32_t index) const { return *rules_[index]; }

 private:
  uint32_t MatchPrefix(uint32_t prefix, int db, std::string_view key, Captures* captures) const;

  Rules rules_;
  PrefixTable prefixes_;
  std::vector<std::vector<uint32_t>> of_prefix_;  // the rules of each, in their order
};

// Adds a rule to the others, unless they have its name or the same keys, or are too many.
absl::Status AddRule(std::shared_ptr<const Rule> rule, Rules* rules);
// Puts a rule in the place of the one of its name, or adds it.
absl::Status ReplaceRule(std::shared_ptr<const Rule> rule, Rules* rules);

}  // namespace alai::origin
