// Commands that write and read whole strings: SET, GET, MSET, MGET and their older and newer
// relatives.
#include "engine/types/strings.h"

#include "engine/base/ascii.h"
#include "engine/store.h"
#include "engine/types/keys.h"
#include "protocol/error_text.h"
#include "server/call.h"
#include "server/command_spec.h"
#include "server/commands/expiry_option.h"
#include "server/commands/string_reply.h"
#include "server/commands/value_limit.h"

namespace alai {
namespace {

using strings::SetCondition;
using strings::SetOptions;
using strings::SetOutcome;

// The options of SET and MSETEX, which differ in GET and IFEQ.
struct WriteOptions {
  SetOptions set;
  ExpiryOption expiry;

  // NX and XX may be repeated; of two values to compare with, one would be passed over.
  void Condition(ArgReader& args, SetCondition condition) {
    const bool again = set.condition == condition && condition != SetCondition::kEqual;
    if (set.condition != SetCondition::kNone && !again) args.Fail(error_text::kSyntax);
    set.condition = condition;
  }

  // Takes the option that `args` stands at, a syntax error if it is none.
  void Take(ArgReader& args, bool single) {
    if (expiry.Take(args, ExpiryOption::Kind::kKeep)) return;
    if (args.TakeWord("NX")) {
      Condition(args, SetCondition::kMissing);
    } else if (args.TakeWord("XX")) {
      Condition(args, SetCondition::kPresent);
    } else if (single && args.TakeWord("GET")) {
      set.get = true;
    } else if (single && args.TakeWord("IFEQ")) {
      Condition(args, SetCondition::kEqual);
      set.comparison = args.String();
    } else {
      args.Fail(error_text::kSyntax);
    }
  }

  // After the last option: works out the deadline. False: the call has failed.
  bool Finish(Call& call) {
    set.keep_deadline = expiry.kind == ExpiryOption::Kind::kKeep;
    return expiry.ReadDeadline(call, &set.deadline);
  }
};

void SetWithOptions(Call& call) {
  ArgReader args = call.args();
  const KeyView key = call.Key(args.String());
  const std::string_view value = args.String();
  WriteOptions options;
  while (args.remaining() > 0) options.Take(args, true);
  if (!args.Done()) return call.Fail(args.error());
  if (!options.Finish(call) || RefusedAsLarge(call, key, value.size())) return;
  if (options.set.unconditional()) {
    strings::Set(call.db(), key, value, options.set.deadline);
    return call.reply().Ok();
  }
  const Result<SetOutcome> outcome = strings::Set(call.db(), key, value, options.set);
  if (!outcome.ok()) return call.Fail(outcome.error());
  if (options.set.get) {
    WriteStringOrNull(call.reply(), outcome->old);
  } else if (outcome->done) {
    call.reply().Ok();
  } else {
    call.reply().Null();
  }
}

void Set(Call& call) {
  const Arguments argv = call.argv();
  if (argv.size() != 3) return SetWithOptions(call);
  const KeyView key = call.Key(argv[1]);
  if (RefusedAsLarge(call, key, argv[2].size())) return;
  strings::Set(call.db(), key, argv[2]);
  call.reply().Ok();
}

// Without GET or IFEQ the old value is of no interest.
uint16_t KeyUseOfSet(Arguments argv) {
  for (size_t i = 3; i < argv.size(); ++i) {
    if (EqualsIgnoreCase(argv[i], "GET") || EqualsIgnoreCase(argv[i], "IFEQ")) {
      return kRW | kKeyAccess | kKeyUpdate;
    }
  }
  return kOW | kKeyUpdate;
}

void SetNx(Call& call) {
  ArgReader args = call.args();
  const KeyView key = call.Key(args.String());
  const std::string_view value = args.String();
  if (RefusedAsLarge(call, key, value.size())) return;
  const Result<SetOutcome> outcome =
      strings::Set(call.db(), key, value, {.condition = SetCondition::kMissing});
  call.reply().Integer(outcome->done ? 1 : 0);
}

void SetWithAmount(Call& call, ExpiryUnit unit) {
  ArgReader args = call.args();
  const KeyView key = call.Key(args.String());
  const ExpiryOption expiry = {ExpiryOption::Kind::kAmount, unit, args.String()};
  const std::string_view value = args.String();
  UnixMillis deadline;
  if (!expiry.ReadDeadline(call, &deadline) || RefusedAsLarge(call, key, value.size())) return;
  strings::Set(call.db(), key, value, deadline);
  call.reply().Ok();
}

void SetEx(Call& call) { SetWithAmount(call, ExpiryUnit::kSeconds); }

void PSetEx(Call& call) { SetWithAmount(call, ExpiryUnit::kMillis); }

void Get(Call& call) {
  const Record* record = call.db().Find(call.Key(call.argv()[1]));
  if (record == nullptr) return call.reply().Null();
  if (record->type() != Type::kString) return call.Fail(Errc::kWrongType);
  WriteString(call.reply(), *record);
}

void GetSet(Call& call) {
  ArgReader args = call.args();
  const KeyView key = call.Key(args.String());
  const std::string_view value = args.String();
  if (RefusedAsLarge(call, key, value.size())) return;
  const Result<SetOutcome> outcome = strings::Set(call.db(), key, value, {.get = true});
  if (!outcome.ok()) return call.Fail(outcome.error());
  WriteStringOrNull(call.reply(), outcome->old);
}

void GetDel(Call& call) {
  const Result<const Record*> old = strings::GetAndDelete(call.db(), call.Key(call.argv()[1]));
  if (!old.ok()) return call.Fail(old.error());
  WriteStringOrNull(call.reply(), *old);
}

// The options are read whole before the key is looked up, their amount only for a string that is
// there.
void GetEx(Call& call) {
  ArgReader args = call.args();
  const KeyView key = call.Key(args.String());
  ExpiryOption expiry;
  while (args.remaining() > 0) {
    if (!expiry.Take(args, ExpiryOption::Kind::kPersist)) args.Fail(error_text::kSyntax);
  }
  if (!args.Done()) return call.Fail(args.error());
  const Result<Record*> found = strings::Find(call.db(), key, Lookup::kUse);
  if (!found.ok()) return call.Fail(found.error());
  Record* record = *found;
  if (record == nullptr) return call.reply().Null();
  UnixMillis deadline = kNoDeadline;
  if (!expiry.ReadDeadline(call, &deadline)) return;
  WriteString(call.reply(), *record);
  if (expiry.kind == ExpiryOption::Kind::kAmount) {
    keys::ExpireRecord(call.db(), key, record, deadline);
  } else if (expiry.kind == ExpiryOption::Kind::kPersist) {
    keys::PersistRecord(call.db(), key, record);
  }
}

void MGet(Call& call) {
  ReplyWriter& reply = call.reply();
  const Arguments keys = call.argv().subspan(1);
  reply.Array(keys.size());
  for (const std::string_view bytes : keys) {
    const Record* record = call.db().Find(call.Key(bytes));
    const bool is_string = record != nullptr && record->type() == Type::kString;
    WriteStringOrNull(reply, is_string ? record : nullptr);
  }
}

// Keys and values in turn; false: one value is missing, and the call has failed.
bool ArePairs(Call& call, Arguments pairs) {
  if (pairs.size() % 2 == 0) return true;
  call.Fail(error_text::WrongArgumentCount(call.command().full_name));
  return false;
}

// Whether one of the values is too large for its key's class; the call has failed then.
bool AnyRefusedAsLarge(Call& call, Arguments pairs) {
  if (call.db().store().key_classes() == nullptr) [[likely]]
    return false;
  for (size_t i = 0; i < pairs.size(); i += 2) {
    if (RefusedAsLarge(call, call.Key(pairs[i]), pairs[i + 1].size())) return true;
  }
  return false;
}

void MSet(Call& call) {
  const Arguments pairs = call.argv().subspan(1);
  if (!ArePairs(call, pairs) || AnyRefusedAsLarge(call, pairs)) return;
  strings::SetMany(call.db(), pairs, {});
  call.reply().Ok();
}

void MSetNx(Call& call) {
  const Arguments pairs = call.argv().subspan(1);
  if (!ArePairs(call, pairs) || AnyRefusedAsLarge(call, pairs)) return;
  const bool done = strings::SetMany(call.db(), pairs, {.condition = SetCondition::kMissing});
  call.reply().Integer(done ? 1 : 0);
}

void MSetEx(Call& call) {
  constexpr std::string_view kBadCount = "ERR invalid numkeys value or out of range";
  ArgReader args = call.args();
  const int64_t keys = args.Int64(1, INT32_MAX, kBadCount, kBadCount);
  const Arguments pairs = args.Take(static_cast<size_t>(keys) * 2);
  WriteOptions options;
  while (args.remaining() > 0) options.Take(args, false);
  if (!args.Done()) return call.Fail(args.error());
  if (!options.Finish(call) || AnyRefusedAsLarge(call, pairs)) return;
  call.reply().Integer(strings::SetMany(call.db(), pairs, options.set) ? 1 : 0);
}

void DelIfEq(Call& call) {
  ArgReader args = call.args();
  const KeyView key = call.Key(args.String());
  const Result<bool> deleted = strings::DeleteIfEqual(call.db(), key, args.String());
  if (!deleted.ok()) return call.Fail(deleted.error());
  call.reply().Integer(*deleted ? 1 : 0);
}

constexpr CommandSpec kStringCommands[] = {
    {.name = "set",
     .run = Set,
     .arity = -3,
     .flags = kWrite | kDenyOom,
     .keys = {OneKey(kRW | kKeyAccess | kKeyUpdate | kVariableFlags)},
     .group = Group::kString,
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Stores a string, on a condition and with a time to live if asked.",
     .arguments = "key:key value:string"
                  " [condition: NX | XX | IFEQ comparison-value:string@8.1.0]@2.6.12 [GET]@6.2.0"
                  " [expiration: EX seconds:integer@2.6.12 | PX milliseconds:integer@2.6.12"
                  " | EXAT unix-time-seconds:unix-time@6.2.0"
                  " | PXAT unix-time-milliseconds:unix-time@6.2.0 | KEEPTTL@6.0.0]",
     .history = "2.6.12: Knows EX, PX, NX and XX. | 6.0.0: Knows KEEPTTL."
                " | 6.2.0: Knows GET, EXAT and PXAT. | 7.0.0: NX and GET go together."
                " | 8.1.0: Knows IFEQ.",
     .key_use = KeyUseOfSet},
    {.name = "setnx",
     .run = SetNx,
     .arity = 3,
     .flags = kWrite | kDenyOom | kFast,
     .keys = {OneKey(kOW | kKeyInsert)},
     .group = Group::kString,
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Stores a string unless the key exists.",
     .arguments = "key:key value:string",
     .deprecated_since = "2.6.12",
     .replaced_by = "`SET` with the `NX` argument"},
    {.name = "setex",
     .run = SetEx,
     .arity = 4,
     .flags = kWrite | kDenyOom,
     .keys = {OneKey(kOW | kKeyUpdate)},
     .group = Group::kString,
     .since = "2.0.0",
     .complexity = "O(1)",
     .summary = "Stores a string that lives for a number of seconds.",
     .arguments = "key:key seconds:integer value:string",
     .deprecated_since = "2.6.12",
     .replaced_by = "`SET` with the `EX` argument"},
    {.name = "psetex",
     .run = PSetEx,
     .arity = 4,
     .flags = kWrite | kDenyOom,
     .keys = {OneKey(kOW | kKeyUpdate)},
     .group = Group::kString,
     .since = "2.6.0",
     .complexity = "O(1)",
     .summary = "Stores a string that lives for a number of milliseconds.",
     .arguments = "key:key milliseconds:integer value:string",
     .deprecated_since = "2.6.12",
     .replaced_by = "`SET` with the `PX` argument"},
    {.name = "get",
     .run = Get,
     .arity = 2,
     .flags = kReadOnly | kFast,
     .keys = {OneKey(kRO | kKeyAccess)},
     .group = Group::kString,
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Gives the string of a key.",
     .arguments = "key:key"},
    {.name = "getset",
     .run = GetSet,
     .arity = 3,
     .flags = kWrite | kDenyOom | kFast,
     .keys = {OneKey(kRW | kKeyAccess | kKeyUpdate)},
     .group = Group::kString,
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Stores a string and gives the one it replaces.",
     .arguments = "key:key value:string",
     .deprecated_since = "6.2.0",
     .replaced_by = "`SET` with the `!GET` argument"},
    {.name = "getdel",
     .run = GetDel,
     .arity = 2,
     .flags = kWrite | kFast,
     .keys = {OneKey(kRW | kKeyAccess | kKeyDelete)},
     .group = Group::kString,
     .since = "6.2.0",
     .complexity = "O(1)",
     .summary = "Gives the string of a key and removes the key.",
     .arguments = "key:key"},
    {.name = "getex",
     .run = GetEx,
     .arity = -2,
     .flags = kWrite | kFast | kReadThrough,
     .keys = {OneKey(kRW | kKeyAccess | kKeyUpdate)},
     .group = Group::kString,
     .since = "6.2.0",
     .complexity = "O(1)",
     .summary = "Gives the string of a key and changes when the key expires.",
     .arguments = "key:key [expiration: EX seconds:integer | PX milliseconds:integer"
                  " | EXAT unix-time-seconds:unix-time"
                  " | PXAT unix-time-milliseconds:unix-time | PERSIST]"},
    {.name = "mget",
     .run = MGet,
     .arity = -2,
     .flags = kReadOnly | kFast,
     .keys = {KeyRange(kRO | kKeyAccess, 1)},
     .group = Group::kString,
     .since = "1.0.0",
     .complexity = "O(N) where N is the number of keys",
     .summary = "Gives the strings of several keys at one moment.",
     .arguments = "key:key*",
     .tips = "request_policy:multi_shard"},
    {.name = "mset",
     .run = MSet,
     .arity = -3,
     .flags = kWrite | kDenyOom,
     .keys = {KeyRange(kOW | kKeyUpdate, 1, -1, 2)},
     .group = Group::kString,
     .since = "1.0.1",
     .complexity = "O(N) where N is the number of keys",
     .summary = "Stores several strings in one step.",
     .arguments = "(data: key:key value:string)*",
     .tips = "request_policy:multi_shard response_policy:all_succeeded"},
    {.name = "msetnx",
     .run = MSetNx,
     .arity = -3,
     .flags = kWrite | kDenyOom,
     .keys = {KeyRange(kOW | kKeyInsert, 1, -1, 2)},
     .group = Group::kString,
     .since = "1.0.1",
     .complexity = "O(N) where N is the number of keys",
     .summary = "Stores several strings in one step unless one of the keys exists.",
     .arguments = "(data: key:key value:string)*"},
    {.name = "msetex",
     .run = MSetEx,
     .arity = -4,
     .flags = kWrite | kDenyOom,
     .keys = {CountedKeys(kOW | kKeyUpdate, 1, 2)},
     .group = Group::kString,
     .since = "9.1.0",
     .complexity = "O(N) where N is the number of keys",
     .summary = "Stores several strings with one condition and one time to live in one step.",
     .arguments = "numkeys:integer (data: key:key value:string)* [condition: NX | XX]"
                  " [expiration: EX seconds:integer | PX milliseconds:integer"
                  " | EXAT unix-time-seconds:unix-time"
                  " | PXAT unix-time-milliseconds:unix-time | KEEPTTL]",
     .tips = "request_policy:multi_shard response_policy:all_succeeded"},
    {.name = "delifeq",
     .run = DelIfEq,
     .arity = 3,
     .flags = kWrite | kFast,
     .keys = {OneKey(kRM | kKeyDelete)},
     .group = Group::kString,
     .since = "9.0.0",
     .complexity = "O(1)",
     .summary = "Removes a key if it holds exactly this string.",
     .arguments = "key:key value:string"},
};
static_assert(WellFormed(kStringCommands));

}  // namespace

std::span<const CommandSpec> StringCommands() { return kStringCommands; }

}  // namespace alai
