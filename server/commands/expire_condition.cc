#include "server/commands/expire_condition.h"

#include <string>

#include "engine/types/keys.h"
#include "protocol/error_text.h"
#include "server/call.h"

namespace alai {

bool TakeExpireCondition(Call& call, ArgReader& args, uint8_t* conditions) {
  if (args.TakeWord("NX")) {
    *conditions |= keys::kExpireIfMissing;
  } else if (args.TakeWord("XX")) {
    *conditions |= keys::kExpireIfPresent;
  } else if (args.TakeWord("GT")) {
    *conditions |= keys::kExpireIfLater;
  } else if (args.TakeWord("LT")) {
    *conditions |= keys::kExpireIfEarlier;
  } else {
    const std::string_view option = args.String();
    // Clients know this text with the option up to its first zero byte.
    std::string error = "ERR Unsupported option ";
    error += option.substr(0, option.find('\0'));
    call.Fail(error);
    return false;
  }
  return true;
}

bool ExpireConditionsAgree(Call& call, uint8_t conditions) {
  constexpr uint8_t kBoth = keys::kExpireIfLater | keys::kExpireIfEarlier;
  const bool with_others = (conditions & (keys::kExpireIfPresent | kBoth)) != 0;
  if ((conditions & keys::kExpireIfMissing) != 0 && with_others) {
    call.Fail(error_text::kExpireNxWithOthers);
    return false;
  }
  if ((conditions & kBoth) == kBoth) {
    call.Fail(error_text::kExpireGtWithLt);
    return false;
  }
  return true;
}

}  // namespace alai
