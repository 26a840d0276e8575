// A key class for tests: its name, followed by a colon, is its prefix.
#pragma once

#include <cstdint>
#include <string>

#include "engine/key_classes.h"

namespace alai {

inline KeyClass Rule(const std::string& name, int64_t ttl_ms = 0, bool sliding = false) {
  KeyClass key_class;
  key_class.name = name;
  key_class.prefix = name + ":";
  key_class.ttl_ms = ttl_ms;
  key_class.sliding = sliding;
  return key_class;
}

}  // namespace alai
