// Reading the rules of key classes, from a `keyclass` line or from KEYCLASS SET.
//
// Threads     Pure functions.
#pragma once

#include <string>
#include <vector>

#include "server/config/config.h"
#include "server/config/directives.h"

namespace alai {

// A rule from the words behind `keyclass`; what is wrong with them, or nothing.
std::string ReadKeyClassRule(Directive::Arguments args, KeyClassRule* rule);

// Adds a rule to the others, unless they have its name or prefix or are too many.
std::string AddKeyClassRule(KeyClassRule rule, std::vector<KeyClassRule>* rules);

}  // namespace alai
