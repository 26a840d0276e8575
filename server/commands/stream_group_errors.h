// What commands on consumer groups say when there is no such group.
#pragma once

#include <string>
#include <string_view>

#include "engine/base/result.h"
#include "server/call.h"

namespace alai {

// "NOGROUP No such consumer group 'g' for key name 'k'".
inline std::string NoSuchGroup(std::string_view key, std::string_view group) {
  return "NOGROUP No such consumer group '" + std::string(group) + "' for key name '" +
         std::string(key) + "'";
}

// "NOGROUP No such key 'k' or consumer group 'g'".
inline std::string NoSuchKeyOrGroup(std::string_view key, std::string_view group) {
  return "NOGROUP No such key '" + std::string(key) + "' or consumer group '" + std::string(group) +
         "'";
}

// For commands that do not tell the two apart.
inline void FailWithoutGroup(Call& call, Errc error, std::string_view key, std::string_view group) {
  if (error != Errc::kNoKey && error != Errc::kNoGroup) return call.Fail(error);
  call.Fail(NoSuchKeyOrGroup(key, group));
}

}  // namespace alai
