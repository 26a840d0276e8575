// A rule as words: what stands in an `origin-rule` line and behind ORIGIN SET.
//
//   NAME "PATTERN" [db N] [type string|hash|list|set|zset]
//     [ttl SECONDS] [negative-ttl SECONDS] [stale-ttl SECONDS] [refresh-ahead SHARE] [ttl-jitter SHARE]
//     [max-value-bytes SIZE] [batch-window-us N] [batch-keys N] [timeout-ms N]
//     [on-overload busy|nil] [on-error nil|error] [on-change delete|reload|none]
//     [write none|through] [upsert SQL] [delete SQL]
//     [table TABLE] [columns A,B] [batch-query SQL] query SQL
//
// The options come in any order, each at most once; `query` must be there. Seconds may have three decimals, 0
// stands for none; shares are from 0 up to below 1. `table` and `columns` belong together: where they are not
// given they are those of a query as simple as SELECT … FROM table WHERE column = $1, and for any other there
// are none, which only a trigger needs. A statement is kept without the ';' and the comments around it.
//
// Threads     Pure functions.
// Invariants  ReadRule() of RuleWords() is the same rule.
#pragma once

#include <absl/status/status.h>

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "storage/origin/rule.h"

namespace alai::origin {

// `rule` is untouched on failure, and otherwise owes nothing to what it was.
absl::Status ReadRule(std::span<const std::string> words, Rule* rule);

// Every option with its value, in the order above. Those that are at their default or are derived from the
// query are left out unless `all` is set.
std::vector<std::pair<std::string_view, std::string>> RuleOptions(const Rule& rule, bool all);

// The name, the pattern and the options that say more than the defaults.
std::vector<std::string> RuleWords(const Rule& rule);

}  // namespace alai::origin
