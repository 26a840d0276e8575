// Commands that take strings for numbers: INCR, DECR and their relatives.
#include "engine/types/strings.h"
#include "protocol/error_text.h"
#include "server/call.h"
#include "server/command_spec.h"
#include "server/commands/value_limit.h"

namespace alai {
namespace {

void FailToIncrement(Call& call, KeyView key, Errc error) {
  error == Errc::kTooLong ? FailLargeValue(call, key) : call.Fail(error);
}

void Add(Call& call, KeyView key, int64_t by) {
  const Result<int64_t> value =
      strings::Increment(call.db(), key, by, ClassValueBytesMax(call.db(), key));
  if (!value.ok()) return FailToIncrement(call, key, value.error());
  call.reply().Integer(*value);
}

void Incr(Call& call) { Add(call, call.Key(call.argv()[1]), 1); }

void Decr(Call& call) { Add(call, call.Key(call.argv()[1]), -1); }

void IncrBy(Call& call) {
  ArgReader args = call.args();
  const KeyView key = call.Key(args.String());
  const int64_t by = args.Int64();
  if (!args.Done()) return call.Fail(args.error());
  Add(call, key, by);
}

void DecrBy(Call& call) {
  ArgReader args = call.args();
  const KeyView key = call.Key(args.String());
  const int64_t by = args.Int64();
  if (!args.Done()) return call.Fail(args.error());
  if (by == INT64_MIN) return call.Fail(error_text::kDecrementOverflow);
  Add(call, key, -by);
}

// The key's type is looked at before the increment.
void IncrByFloat(Call& call) {
  ArgReader args = call.args();
  const KeyView key = call.Key(args.String());
  const Result<Record*> found = strings::Find(call.db(), key, Lookup::kPeek);
  if (!found.ok()) return call.Fail(found.error());
  const long double by = args.LongDouble();
  if (!args.Done()) return call.Fail(args.error());
  char text[kLongDoubleCharsMax];
  const Result<std::string_view> value =
      strings::IncrementFloat(call.db(), key, by, text, ClassValueBytesMax(call.db(), key));
  if (!value.ok()) return FailToIncrement(call, key, value.error());
  call.reply().Bulk(*value);
}

constexpr CommandSpec kCountersCommands[] = {
    {.name = "incr",
     .run = Incr,
     .arity = 2,
     .flags = kWrite | kDenyOom | kFast,
     .keys = {OneKey(kRW | kKeyAccess | kKeyUpdate)},
     .group = Group::kString,
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Adds one to an integer, which is 0 if missing.",
     .arguments = "key:key"},
    {.name = "decr",
     .run = Decr,
     .arity = 2,
     .flags = kWrite | kDenyOom | kFast,
     .keys = {OneKey(kRW | kKeyAccess | kKeyUpdate)},
     .group = Group::kString,
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Subtracts one from an integer, which is 0 if missing.",
     .arguments = "key:key"},
    {.name = "incrby",
     .run = IncrBy,
     .arity = 3,
     .flags = kWrite | kDenyOom | kFast,
     .keys = {OneKey(kRW | kKeyAccess | kKeyUpdate)},
     .group = Group::kString,
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Adds a number to an integer, which is 0 if missing.",
     .arguments = "key:key increment:integer"},
    {.name = "decrby",
     .run = DecrBy,
     .arity = 3,
     .flags = kWrite | kDenyOom | kFast,
     .keys = {OneKey(kRW | kKeyAccess | kKeyUpdate)},
     .group = Group::kString,
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Subtracts a number from an integer, which is 0 if missing.",
     .arguments = "key:key decrement:integer"},
    {.name = "incrbyfloat",
     .run = IncrByFloat,
     .arity = 3,
     .flags = kWrite | kDenyOom | kFast,
     .keys = {OneKey(kRW | kKeyAccess | kKeyUpdate)},
     .group = Group::kString,
     .since = "2.6.0",
     .complexity = "O(1)",
     .summary = "Adds a number to a decimal number, which is 0 if missing.",
     .arguments = "key:key increment:double"},
};
static_assert(WellFormed(kCountersCommands));

}  // namespace

std::span<const CommandSpec> CounterCommands() { return kCountersCommands; }

}  // namespace alai
