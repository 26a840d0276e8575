#include "server/version.h"

#include <cstdio>

#include "engine/base/hash.h"

namespace alai {

const std::string_view kAlaiVersion = ALAI_VERSION;

std::string CompilerVersion() {
  return std::to_string(__GNUC__) + '.' + std::to_string(__GNUC_MINOR__) + '.' +
         std::to_string(__GNUC_PATCHLEVEL__);
}

std::string BuildId() {
  constexpr std::string_view kBuiltFrom = __VERSION__ " " ALAI_VERSION;
  char digits[17];
  std::snprintf(digits, sizeof digits, "%016llx",
                static_cast<unsigned long long>(XXH3_64bits(kBuiltFrom.data(), kBuiltFrom.size())));
  return digits;
}

}  // namespace alai
