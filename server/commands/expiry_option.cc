#include "server/commands/expiry_option.h"

#include <algorithm>

#include "engine/base/number.h"
#include "engine/types/keys.h"
#include "protocol/error_text.h"
#include "server/call.h"

namespace alai {

bool DeadlineFrom(int64_t amount, ExpiryUnit unit, UnixMillis now, UnixMillis* deadline) {
  const bool seconds = unit == ExpiryUnit::kSeconds || unit == ExpiryUnit::kUnixSeconds;
  const bool relative = unit == ExpiryUnit::kSeconds || unit == ExpiryUnit::kMillis;
  if (seconds && __builtin_mul_overflow(amount, 1000, &amount)) return false;
  if (relative && __builtin_add_overflow(amount, now, &amount)) return false;
  *deadline = std::min(amount, keys::kDeadlineMax);
  return true;
}

void FailExpireTime(Call& call) {
  call.Fail(error_text::InvalidExpireTime(call.command().full_name));
}

bool ExpiryOption::Take(ArgReader& args, Kind other) {
  struct Word {
    std::string_view text;
    ExpiryUnit unit;
  };
  static constexpr Word kWords[] = {{"EX", ExpiryUnit::kSeconds},
                                    {"PX", ExpiryUnit::kMillis},
                                    {"EXAT", ExpiryUnit::kUnixSeconds},
                                    {"PXAT", ExpiryUnit::kUnixMillis}};
  for (const Word& word : kWords) {
    if (!args.TakeWord(word.text)) continue;
    if (kind != Kind::kNone && (kind != Kind::kAmount || unit != word.unit)) {
      args.Fail(error_text::kSyntax);
    }
    kind = Kind::kAmount;
    unit = word.unit;
    amount = args.String();
    return true;
  }
  if (!args.TakeWord(other == Kind::kKeep ? "KEEPTTL" : "PERSIST")) return false;
  if (kind != Kind::kNone && kind != other) args.Fail(error_text::kSyntax);
  kind = other;
  return true;
}

bool ExpiryOption::ReadDeadline(Call& call, UnixMillis* deadline) const {
  if (kind != Kind::kAmount) return true;
  int64_t number;
  if (!ParseInt64(amount, &number)) {
    call.Fail(error_text::kNotInteger);
    return false;
  }
  if (number <= 0 || !DeadlineFrom(number, unit, call.now(), deadline)) {
    FailExpireTime(call);
    return false;
  }
  return true;
}

}  // namespace alai
