// From the rules of key classes as they are configured to those that the store follows.
#pragma once

#include <vector>

#include "engine/key_classes.h"
#include "server/config/config.h"

namespace alai {

// The rules have been checked (server/config/key_class_directive.h).
inline std::vector<KeyClass> KeyClassesOf(const std::vector<KeyClassRule>& rules) {
  constexpr int64_t kMillisPerSecond = 1000;
  std::vector<KeyClass> classes;
  for (const KeyClassRule& rule : rules) {
    KeyClass& key_class = classes.emplace_back();
    key_class.name = rule.name;
    key_class.prefix = rule.prefix;
    key_class.ttl_ms = rule.ttl_seconds * kMillisPerSecond;
    key_class.sliding = rule.sliding;
    if (rule.max_value_bytes != 0) key_class.value_bytes_max = rule.max_value_bytes;
    key_class.unlimited = rule.unlimited;
    if (rule.limit != 0) {
      key_class.quota = *TokenQuota::Make(rule.burst, rule.limit, rule.period_seconds);
    }
  }
  return classes;
}

}  // namespace alai
