// An `origin-rule` line: a rule of the origin (storage/origin/rule_text.h says how it is spelled). CONFIG SET takes
// all of them, a line each, in the place of those that there are, and CONFIG GET gives them so.
//
// Threads     Pure functions.
#pragma once

#include <string>

#include "storage/origin/rule.h"

namespace alai {

// The rule as a line has it behind the directive's name.
std::string OriginRuleText(const origin::Rule& rule);

}  // namespace alai
