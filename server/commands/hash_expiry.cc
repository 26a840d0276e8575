// Deadlines of fields: HEXPIRE, HTTL, HPERSIST and their relatives, HSETEX, HGETEX, HGETDEL. Replies and error
// texts are those of Valkey 9, on which Redis 8 agrees where it has the same form.
#include <optional>
#include <string>
#include <unordered_set>

#include "engine/base/number.h"
#include "engine/containers/packed_node.h"
#include "engine/types/hashes.h"
#include "engine/types/keys.h"
#include "protocol/error_text.h"
#include "server/call.h"
#include "server/command_spec.h"
#include "server/commands/collection_reply.h"
#include "server/commands/expire_condition.h"
#include "server/commands/expiry_option.h"
#include "server/commands/value_limit.h"

namespace alai {
namespace {

using hashes::FieldChange;
using hashes::Fields;

// What stands behind FIELDS: a count and so many fields, or pairs, and nothing else. False: the call has
// failed.
bool ReadFields(Call& call, ArgReader& args, size_t each,
                std::span<const std::string_view>* fields) {
  int64_t count = 0;
  if (!ParseInt64(args.String(), &count)) {
    call.Fail(error_text::kNotInteger);
    return false;
  }
  if (count <= 0 || args.remaining() % each != 0 ||
      static_cast<uint64_t>(count) != args.remaining() / each) {
    call.Fail(error_text::kFieldCountMismatch);
    return false;
  }
  *fields = args.rest();
  return true;
}

// Where FIELDS is among the arguments; false: the call has failed.
bool TakeFieldsWord(Call& call, ArgReader& args) {
  if (args.TakeWord("FIELDS")) return true;
  call.Fail(error_text::kSyntax);
  return false;
}

enum class TimeError : uint8_t { kNone, kNotInteger, kOutOfRange };

// The deadline that an amount of time means, which may be none: now is past. A field's deadline has fewer bits
// than a key's, here as on Redis 8.
TimeError ParseDeadline(UnixMillis now, std::string_view text, ExpiryUnit unit,
                        UnixMillis* deadline) {
  int64_t amount = 0;
  if (!ParseInt64(text, &amount)) return TimeError::kNotInteger;
  const bool fits =
      amount >= 0 && DeadlineFrom(amount, unit, now, deadline) && *deadline <= kMemberDeadlineMax;
  return fits ? TimeError::kNone : TimeError::kOutOfRange;
}

TimeError ParseDeadline(UnixMillis now, const ExpiryOption& expiry, UnixMillis* deadline) {
  return expiry.kind == ExpiryOption::Kind::kAmount
             ? ParseDeadline(now, expiry.amount, expiry.unit, deadline)
             : TimeError::kNone;
}

// Whether there is an error, with which the call has failed.
bool FailsBy(Call& call, TimeError error) {
  if (error == TimeError::kNotInteger) call.Fail(error_text::kNotInteger);
  if (error == TimeError::kOutOfRange) FailExpireTime(call);
  return error != TimeError::kNone;
}

// A reply of one number for each field.
class Changes {
 public:
  Changes(Call& call, size_t fields) : reply_(call.reply()), mark_(reply_.GetMark()) {
    reply_.Array(fields);
  }
  void operator()(FieldChange change) { reply_.Integer(static_cast<int64_t>(change)); }
  // Takes the reply back.
  void Undo() { reply_.Rollback(mark_); }

 private:
  ReplyWriter& reply_;
  const OutputBuffer::Mark mark_;
};

void ExpireBy(Call& call, ExpiryUnit unit) {
  ArgReader args = call.args();
  const KeyView key = call.Key(args.String());
  const std::string_view time = args.String();
  uint8_t conditions = keys::kExpireAlways;
  while (args.remaining() > 0 && !args.PeekWord("FIELDS")) {
    if (!TakeExpireCondition(call, args, &conditions)) return;
  }
  if (!ExpireConditionsAgree(call, conditions)) return;
  if (!TakeFieldsWord(call, args)) return;
  std::span<const std::string_view> fields;
  if (!ReadFields(call, args, 1, &fields)) return;
  UnixMillis deadline = 0;
  if (FailsBy(call, ParseDeadline(call.now(), time, unit, &deadline))) return;
  Changes changes(call, fields.size());
  const Errc error =
      hashes::ExpireFields(call.db(), key, deadline, conditions, fields, std::ref(changes));
  if (error == Errc::kOk) return;
  changes.Undo();
  call.Fail(error);
}

void HExpire(Call& call) { ExpireBy(call, ExpiryUnit::kSeconds); }
void HPExpire(Call& call) { ExpireBy(call, ExpiryUnit::kMillis); }
void HExpireAt(Call& call) { ExpireBy(call, ExpiryUnit::kUnixSeconds); }
void HPExpireAt(Call& call) { ExpireBy(call, ExpiryUnit::kUnixMillis); }

void HPersist(Call& call) {
  ArgReader args = call.args();
  const KeyView key = call.Key(args.String());
  std::span<const std::string_view> fields;
  if (!TakeFieldsWord(call, args) || !ReadFields(call, args, 1, &fields)) return;
  Changes changes(call, fields.size());
  const Errc error = hashes::PersistFields(call.db(), key, fields, std::ref(changes));
  if (error == Errc::kOk) return;
  changes.Undo();
  call.Fail(error);
}

enum class Precision : uint8_t { kSeconds, kMillis };
enum class Origin : uint8_t { kNow, kEpoch };

// How long each field lives, or until when: -1 for ever, -2 there is no such field.
void ReplyLifetimes(Call& call, Origin origin, Precision precision) {
  ArgReader args = call.args();
  const KeyView key = call.Key(args.String());
  std::span<const std::string_view> names;
  if (!TakeFieldsWord(call, args) || !ReadFields(call, args, 1, &names)) return;
  const Result<Record*> found = hashes::Find(call.db(), key, Lookup::kUse);
  if (!found.ok()) return call.Fail(found.error());
  const Fields fields(*found, call.now());
  call.reply().Array(names.size());
  for (const std::string_view name : names) {
    const std::optional<UnixMillis> deadline = fields.DeadlineOf(name);
    if (!deadline.has_value()) {
      call.reply().Integer(-2);
    } else if (*deadline == kNoDeadline) {
      call.reply().Integer(-1);
    } else {
      const int64_t millis = origin == Origin::kEpoch ? *deadline : *deadline - call.now();
      call.reply().Integer(precision == Precision::kMillis ? millis : (millis + 500) / 1000);
    }
  }
}

void HTtl(Call& call) { ReplyLifetimes(call, Origin::kNow, Precision::kSeconds); }
void HPTtl(Call& call) { ReplyLifetimes(call, Origin::kNow, Precision::kMillis); }
void HExpireTime(Call& call) { ReplyLifetimes(call, Origin::kEpoch, Precision::kSeconds); }
void HPExpireTime(Call& call) { ReplyLifetimes(call, Origin::kEpoch, Precision::kMillis); }

// What a command does with the fields whose values it gives.
enum class After : uint8_t { kStay, kGo };

// The values of fields, nil for those that are not there, and for one that has been given and is to go; false:
// the call has failed.
bool ReplyValues(Call& call, KeyView key, std::span<const std::string_view> names, After after) {
  const Result<Record*> found = hashes::Find(call.db(), key, Lookup::kUse);
  if (!found.ok()) {
    call.Fail(found.error());
    return false;
  }
  const Fields fields(*found, call.now());
  call.reply().Array(names.size());
  std::unordered_set<std::string_view> gone;
  for (const std::string_view name : names) {
    const std::optional<PackedValue> value = fields.Find(name);
    const bool again =
        after == After::kGo && names.size() > 1 && value.has_value() && !gone.insert(name).second;
    if (value.has_value() && !again) {
      WriteValue(call.reply(), *value);
    } else {
      call.reply().Null();
    }
  }
  return true;
}

void HGetDel(Call& call) {
  ArgReader args = call.args();
  const KeyView key = call.Key(args.String());
  std::span<const std::string_view> fields;
  if (!TakeFieldsWord(call, args) || !ReadFields(call, args, 1, &fields)) return;
  if (!ReplyValues(call, key, fields, After::kGo)) return;
  static_cast<void>(hashes::Erase(call.db(), key, fields));
}

// Whether a key that is not going to be read holds something else than a hash: not asked of the origin either.
bool HoldsOtherType(Call& call, KeyView key) {
  call.db().tally().read_through = false;
  return !hashes::Find(call.db(), key, Lookup::kPeek).ok();
}

void HGetEx(Call& call) {
  ArgReader args = call.args();
  const KeyView key = call.Key(args.String());
  ExpiryOption expiry;
  while (args.remaining() > 0 && !args.PeekWord("FIELDS")) {
    if (!expiry.Take(args, ExpiryOption::Kind::kPersist)) args.Fail(error_text::kSyntax);
  }
  if (!args.ok()) return call.Fail(args.error());
  std::span<const std::string_view> fields;
  if (!TakeFieldsWord(call, args) || !ReadFields(call, args, 1, &fields)) return;
  UnixMillis deadline = kNoDeadline;
  const TimeError time_error = ParseDeadline(call.now(), expiry, &deadline);
  // A wrong type is the greater error. It is not looked for otherwise, as what is read counts.
  if (time_error != TimeError::kNone && HoldsOtherType(call, key)) {
    return call.Fail(Errc::kWrongType);
  }
  if (FailsBy(call, time_error)) return;
  if (!ReplyValues(call, key, fields, deadline <= call.now() ? After::kGo : After::kStay)) return;
  // A hash that is to be loaded first is not there yet, and from here on it is written.
  Tally& tally = call.db().tally();
  if (tally.origin_wants != 0) return;
  tally.read_through = false;
  const auto ignore = [](FieldChange) {};
  if (expiry.kind == ExpiryOption::Kind::kPersist) {
    static_cast<void>(hashes::PersistFields(call.db(), key, fields, ignore));
  } else if (expiry.kind == ExpiryOption::Kind::kAmount) {
    static_cast<void>(
        hashes::ExpireFields(call.db(), key, deadline, keys::kExpireAlways, fields, ignore));
  }
}

void HSetEx(Call& call) {
  ArgReader args = call.args();
  const KeyView key = call.Key(args.String());
  ExpiryOption expiry;
  std::optional<bool> key_must_exist;
  hashes::SetFieldsOptions options;
  const auto once = [&](bool first) {
    if (!first) args.Fail(error_text::kSyntax);
  };
  while (args.remaining() > 0 && !args.PeekWord("FIELDS")) {
    if (args.TakeWord("NX")) {
      once(!key_must_exist.has_value());
      key_must_exist = false;
    } else if (args.TakeWord("XX")) {
      once(!key_must_exist.has_value());
      key_must_exist = true;
    } else if (args.TakeWord("FNX")) {
      once(options.condition == hashes::FieldsCondition::kNone);
      options.condition = hashes::FieldsCondition::kAllMissing;
    } else if (args.TakeWord("FXX")) {
      once(options.condition == hashes::FieldsCondition::kNone);
      options.condition = hashes::FieldsCondition::kAllPresent;
    } else if (!expiry.Take(args, ExpiryOption::Kind::kKeep)) {
      args.Fail(error_text::kSyntax);
    }
  }
  if (!args.ok()) return call.Fail(args.error());
  std::span<const std::string_view> pairs;
  if (!TakeFieldsWord(call, args) || !ReadFields(call, args, 2, &pairs)) return;
  options.keep_deadlines = expiry.kind == ExpiryOption::Kind::kKeep;
  const Result<Record*> found = hashes::Find(call.db(), key, Lookup::kWrite);
  if (!found.ok()) return call.Fail(found.error());
  if (key_must_exist.has_value() && *key_must_exist != (*found != nullptr)) {
    return call.reply().Integer(0);
  }
  if (FailsBy(call, ParseDeadline(call.now(), expiry, &options.deadline))) return;
  if (RefusedAsLarge(call, key, pairs)) return;
  const Result<bool> set = hashes::SetFields(call.db(), key, pairs, options);
  if (!set.ok()) return call.Fail(set.error());
  call.reply().Integer(*set ? 1 : 0);
}

constexpr std::string_view kExpireArguments =
    "key:key seconds:integer [condition: NX | XX | GT | LT] FIELDS (fields: "
    "numfields:integer field:string*)";
constexpr std::string_view kPExpireArguments =
    "key:key milliseconds:integer [condition: NX | XX | GT | LT]@9.0.0 FIELDS "
    "(fields: numfields:integer field:string*)";
constexpr std::string_view kExpireAtArguments =
    "key:key unix-time-seconds:integer [condition: NX | XX | GT | LT]@9.0.0 FIELDS "
    "(fields: numfields:integer field:string*)";
constexpr std::string_view kPExpireAtArguments =
    "key:key unix-time-milliseconds:integer [condition: NX | XX | GT | LT]@9.0.0 "
    "FIELDS (fields: numfields:integer field:string*)";
constexpr std::string_view kFieldsArguments =
    "key:key FIELDS (fields: numfields:integer field:string*)";
constexpr std::string_view kEach = "O(N) where N is the number of fields given";

constexpr CommandSpec Writes(std::string_view name, void (*run)(Call&), std::string_view summary,
                             std::string_view arguments) {
  return {.name = name,
          .run = run,
          .arity = -6,
          .flags = kWrite | kFast,
          .keys = {OneKey(kRW | kKeyUpdate)},
          .group = Group::kHash,
          .since = "9.0.0",
          .complexity = kEach,
          .summary = summary,
          .arguments = arguments};
}

constexpr CommandSpec Reads(std::string_view name, void (*run)(Call&), std::string_view summary) {
  return {.name = name,
          .run = run,
          .arity = -5,
          .flags = kReadOnly | kFast,
          .keys = {OneKey(kRO | kKeyAccess)},
          .group = Group::kHash,
          .since = "9.0.0",
          .complexity = kEach,
          .summary = summary,
          .arguments = kFieldsArguments};
}

constexpr CommandSpec kHashExpiryCommands[] = {
    Writes("hexpire", HExpire, "Lets fields of a hash live for a number of seconds from now.",
           kExpireArguments),
    Writes("hpexpire", HPExpire,
           "Lets fields of a hash live for a number of milliseconds from now.", kPExpireArguments),
    Writes("hexpireat", HExpireAt, "Lets fields of a hash live until a time in seconds.",
           kExpireAtArguments),
    Writes("hpexpireat", HPExpireAt, "Lets fields of a hash live until a time in milliseconds.",
           kPExpireAtArguments),
    Reads("httl", HTtl, "Tells for how many seconds fields of a hash will live."),
    Reads("hpttl", HPTtl, "Tells for how many milliseconds fields of a hash will live."),
    Reads("hexpiretime", HExpireTime, "Tells until when fields of a hash live, in seconds."),
    Reads("hpexpiretime", HPExpireTime, "Tells until when fields of a hash live, in milliseconds."),
    {.name = "hpersist",
     .run = HPersist,
     .arity = -5,
     .flags = kWrite | kFast,
     .keys = {OneKey(kRW | kKeyUpdate)},
     .group = Group::kHash,
     .since = "9.0.0",
     .complexity = kEach,
     .summary = "Lets fields of a hash live for ever.",
     .arguments = kFieldsArguments},
    {.name = "hgetex",
     .run = HGetEx,
     .arity = -5,
     .flags = kWrite | kFast | kReadThrough,
     .keys = {OneKey(kRW | kKeyAccess | kKeyUpdate)},
     .group = Group::kHash,
     .since = "9.0.0",
     .complexity = kEach,
     .summary = "Gives the values of fields of a hash, and gives or takes their deadlines.",
     .arguments = "key:key [expiration: EX seconds:integer | PX milliseconds:integer | EXAT "
                  "unix-time-seconds:unix-time | PXAT unix-time-milliseconds:unix-time | PERSIST] "
                  "FIELDS (fields: numfields:integer field:string*)"},
    {.name = "hgetdel",
     .run = HGetDel,
     .arity = -5,
     .flags = kWrite | kFast,
     .keys = {OneKey(kRW | kKeyAccess | kKeyDelete)},
     .group = Group::kHash,
     .since = "9.1.0",
     .complexity = kEach,
     .summary = "Gives the values of fields of a hash and removes them.",
     .arguments = kFieldsArguments},
    {.name = "hsetex",
     .run = HSetEx,
     .arity = -6,
     .flags = kWrite | kDenyOom | kFast,
     .keys = {OneKey(kRW | kKeyInsert)},
     .group = Group::kHash,
     .since = "9.0.0",
     .complexity = kEach,
     .summary = "Sets fields of a hash with a deadline, on conditions.",
     .arguments = "key:key [key-condition: NX | XX] [fields-condition: FNX | FXX] [expiration: EX "
                  "seconds:integer | PX milliseconds:integer | EXAT unix-time-seconds:unix-time | "
                  "PXAT unix-time-milliseconds:unix-time | KEEPTTL] FIELDS (fields: "
                  "numfields:integer (data: field:string value:string)*)"},
};
static_assert(WellFormed(kHashExpiryCommands));

}  // namespace

std::span<const CommandSpec> HashExpiryCommands() { return kHashExpiryCommands; }

}  // namespace alai
