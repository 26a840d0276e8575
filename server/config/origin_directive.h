// An `origin-rule` line: a rule of the origin (storage/origin/rule_text.h says how it is spelled). CONFIG SET takes
// all of them, a line each, in the place of those that there are, and CONFIG GET gives them so.
//
// Threads     Pure functions.
#pragma once

#include <cstdint>
#include <string>

#include "storage/origin/rule_set.h"

namespace alai {

// The rule as a line has it behind the directive's name.
std::string OriginRuleText(const origin::Rule& rule);

// Which rule is about a database that a server with so many does not have; nothing when none is. A file may say how
// many there are behind its rules, so this is asked once all of it has been read.
std::string CheckRuleDatabases(const origin::Rules& rules, int64_t databases);

}  // namespace alai
