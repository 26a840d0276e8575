// How flags, categories and uses of keys are spelled: by COMMAND INFO, and by ACL rules.
//
// Threads     Any.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "server/command_spec.h"

namespace alai {

struct BitName {
  uint32_t bit;
  std::string_view name;
};

// All in the order in which COMMAND INFO prints them.
std::span<const BitName> CommandFlagNames();
std::span<const BitName> AclCategoryNames();  // without the '@'
std::span<const BitName> KeyUseNames();

// The bit of a name, in any mixture of cases; 0 when there is no such name.
uint32_t BitOf(std::string_view name, std::span<const BitName> names);

// "string", "sorted-set" …
std::string_view GroupName(Group group);

}  // namespace alai
