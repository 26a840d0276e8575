// What SCAN, HSCAN, SSCAN and ZSCAN have in common: the cursor and the options behind it.
#pragma once

#include <cstdint>
#include <string_view>

#include "protocol/arg_reader.h"

namespace alai {

// What strtoul takes in full: a sign and no digits at all are fine.
bool ParseCursor(std::string_view text, uint64_t* cursor);

struct ScanOptions {
  uint64_t count = 10;
  std::string_view pattern = "*";
  bool names_only = false;

  // Reads everything behind the cursor. `names_only_word`: NOVALUES or NOSCORES, empty when there is none.
  void TakeRest(ArgReader& args, std::string_view names_only_word);
};

}  // namespace alai
