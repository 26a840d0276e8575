// How commands say when a key shall expire: in seconds or milliseconds, from now or since 1970.
//
// Threads     Pure functions, but for what they reply to the call they are given.
#pragma once

#include <cstdint>
#include <string_view>

#include "engine/base/clock.h"
#include "protocol/arg_reader.h"

namespace alai {

class Call;

enum class ExpiryUnit : uint8_t { kSeconds, kMillis, kUnixSeconds, kUnixMillis };

// The deadline that `amount` stands for, which may lie in the past. False when it is beyond what 64
// bits of milliseconds can hold.
bool DeadlineFrom(int64_t amount, ExpiryUnit unit, UnixMillis now, UnixMillis* deadline);

// Fails the call with "invalid expire time in '…' command".
void FailExpireTime(Call& call);

// EX, PX, EXAT and PXAT of one command, and the word that excludes them: KEEPTTL where a value is
// written, PERSIST of GETEX. As in Redis the amount is looked at after all other options.
struct ExpiryOption {
  enum class Kind : uint8_t { kNone, kAmount, kKeep, kPersist };

  Kind kind = Kind::kNone;
  ExpiryUnit unit = ExpiryUnit::kSeconds;
  std::string_view amount;

  // Takes the option that `args` stands at if it is one of these, `other` being kKeep or kPersist.
  // The same one twice is one, the later amount counting; two different ones are a syntax error.
  bool Take(ArgReader& args, Kind other);

  // The deadline of kAmount; an amount that is not a positive integer or too large fails the call.
  // For other kinds there is none.
  bool ReadDeadline(Call& call, UnixMillis* deadline) const;
};

}  // namespace alai
