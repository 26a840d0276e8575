// Commands that set, remove and tell when a key expires.
#include "engine/base/number.h"
#include "engine/types/keys.h"
#include "protocol/error_text.h"
#include "server/call.h"
#include "server/command_spec.h"
#include "server/commands/expire_condition.h"
#include "server/commands/expiry_option.h"

namespace alai {
namespace {

// Reads NX, XX, GT and LT to the end. False: the call has failed.
bool ReadConditions(Call& call, ArgReader& args, uint8_t* conditions) {
  while (args.remaining() > 0) {
    if (!TakeExpireCondition(call, args, conditions)) return false;
  }
  return ExpireConditionsAgree(call, *conditions);
}

// The options are looked at before the amount.
void ExpireBy(Call& call, ExpiryUnit unit) {
  ArgReader args = call.args();
  const KeyView key = call.Key(args.String());
  const std::string_view amount = args.String();
  uint8_t conditions = keys::kExpireAlways;
  if (!ReadConditions(call, args, &conditions)) return;
  int64_t number;
  if (!ParseInt64(amount, &number)) return call.Fail(error_text::kNotInteger);
  UnixMillis deadline;
  if (!DeadlineFrom(number, unit, call.now(), &deadline)) return FailExpireTime(call);
  call.reply().Integer(keys::Expire(call.db(), key, deadline, conditions) ? 1 : 0);
}

void Expire(Call& call) { ExpireBy(call, ExpiryUnit::kSeconds); }

void PExpire(Call& call) { ExpireBy(call, ExpiryUnit::kMillis); }

void ExpireAt(Call& call) { ExpireBy(call, ExpiryUnit::kUnixSeconds); }

void PExpireAt(Call& call) { ExpireBy(call, ExpiryUnit::kUnixMillis); }

void Persist(Call& call) {
  call.reply().Integer(keys::Persist(call.db(), call.Key(call.argv()[1])) ? 1 : 0);
}

enum class Precision : uint8_t { kSeconds, kMillis };
enum class Origin : uint8_t { kNow, kEpoch };

// How long the key lives, or until when: -1 for ever, -2 there is no such key. Seconds are rounded.
void ReplyLifetime(Call& call, Origin origin, Precision precision) {
  const Record* record = keys::Inspect(call.db(), call.Key(call.argv()[1]));
  if (record == nullptr) return call.reply().Integer(-2);
  UnixMillis deadline = keys::DeadlineOf(call.db(), *record);
  if (deadline == 0) return call.reply().Integer(-2);
  if (deadline == kNoDeadline) return call.reply().Integer(-1);
  if (deadline == keys::kDeadlineMax) deadline = INT64_MAX;
  const int64_t millis = origin == Origin::kEpoch ? deadline : deadline - call.now();
  const auto seconds = static_cast<int64_t>((static_cast<uint64_t>(millis) + 500) / 1000);
  call.reply().Integer(precision == Precision::kMillis ? millis : seconds);
}

void Ttl(Call& call) { ReplyLifetime(call, Origin::kNow, Precision::kSeconds); }

void PTtl(Call& call) { ReplyLifetime(call, Origin::kNow, Precision::kMillis); }

void ExpireTime(Call& call) { ReplyLifetime(call, Origin::kEpoch, Precision::kSeconds); }

void PExpireTime(Call& call) { ReplyLifetime(call, Origin::kEpoch, Precision::kMillis); }

constexpr std::string_view kConditionHistory = "7.0.0: Knows NX, XX, GT and LT.";

constexpr CommandSpec kExpiryCommands[] = {
    {.name = "expire",
     .run = Expire,
     .arity = -3,
     .flags = kWrite | kFast,
     .keys = {OneKey(kRW | kKeyUpdate)},
     .categories = kCatKeyspace,
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Lets a key live for a number of seconds from now.",
     .arguments = "key:key seconds:integer [condition: NX | XX | GT | LT]@7.0.0",
     .history = kConditionHistory},
    {.name = "pexpire",
     .run = PExpire,
     .arity = -3,
     .flags = kWrite | kFast,
     .keys = {OneKey(kRW | kKeyUpdate)},
     .categories = kCatKeyspace,
     .since = "2.6.0",
     .complexity = "O(1)",
     .summary = "Lets a key live for a number of milliseconds from now.",
     .arguments = "key:key milliseconds:integer [condition: NX | XX | GT | LT]@7.0.0",
     .history = kConditionHistory},
    {.name = "expireat",
     .run = ExpireAt,
     .arity = -3,
     .flags = kWrite | kFast,
     .keys = {OneKey(kRW | kKeyUpdate)},
     .categories = kCatKeyspace,
     .since = "1.2.0",
     .complexity = "O(1)",
     .summary = "Lets a key live until a Unix time in seconds.",
     .arguments = "key:key unix-time-seconds:unix-time [condition: NX | XX | GT | LT]@7.0.0",
     .history = kConditionHistory},
    {.name = "pexpireat",
     .run = PExpireAt,
     .arity = -3,
     .flags = kWrite | kFast,
     .keys = {OneKey(kRW | kKeyUpdate)},
     .categories = kCatKeyspace,
     .since = "2.6.0",
     .complexity = "O(1)",
     .summary = "Lets a key live until a Unix time in milliseconds.",
     .arguments = "key:key unix-time-milliseconds:unix-time [condition: NX | XX | GT | LT]@7.0.0",
     .history = kConditionHistory},
    {.name = "persist",
     .run = Persist,
     .arity = 2,
     .flags = kWrite | kFast,
     .keys = {OneKey(kRW | kKeyUpdate)},
     .categories = kCatKeyspace,
     .since = "2.2.0",
     .complexity = "O(1)",
     .summary = "Lets a key live for ever.",
     .arguments = "key:key"},
    {.name = "ttl",
     .run = Ttl,
     .arity = 2,
     .flags = kReadOnly | kFast,
     .keys = {OneKey(kRO | kKeyAccess)},
     .categories = kCatKeyspace,
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Tells how many seconds a key has to live.",
     .arguments = "key:key",
     .tips = "nondeterministic_output",
     .history = "2.8.0: Tells a key that is not there (-2) from one without a deadline (-1)."},
    {.name = "pttl",
     .run = PTtl,
     .arity = 2,
     .flags = kReadOnly | kFast,
     .keys = {OneKey(kRO | kKeyAccess)},
     .categories = kCatKeyspace,
     .since = "2.6.0",
     .complexity = "O(1)",
     .summary = "Tells how many milliseconds a key has to live.",
     .arguments = "key:key",
     .tips = "nondeterministic_output",
     .history = "2.8.0: Tells a key that is not there (-2) from one without a deadline (-1)."},
    {.name = "expiretime",
     .run = ExpireTime,
     .arity = 2,
     .flags = kReadOnly | kFast,
     .keys = {OneKey(kRO | kKeyAccess)},
     .categories = kCatKeyspace,
     .since = "7.0.0",
     .complexity = "O(1)",
     .summary = "Tells the Unix time in seconds at which a key expires.",
     .arguments = "key:key"},
    {.name = "pexpiretime",
     .run = PExpireTime,
     .arity = 2,
     .flags = kReadOnly | kFast,
     .keys = {OneKey(kRO | kKeyAccess)},
     .categories = kCatKeyspace,
     .since = "7.0.0",
     .complexity = "O(1)",
     .summary = "Tells the Unix time in milliseconds at which a key expires.",
     .arguments = "key:key"},
};
static_assert(WellFormed(kExpiryCommands));

}  // namespace

std::span<const CommandSpec> ExpiryCommands() { return kExpiryCommands; }

}  // namespace alai
