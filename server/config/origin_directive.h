// An `origin-rule` line: a rule of the origin (storage/origin/rule_text.h says how it is spelled).
//
// Threads     Pure functions.
#pragma once

#include <string>

#include "storage/origin/rule.h"

namespace alai {

// The rule as a line has it behind the directive's name.
std::string OriginRuleText(const origin::Rule& rule);

}  // namespace alai
