// Commands on hashes, but for deadlines of fields.
#include "engine/types/hashes.h"

#include <cmath>
#include <optional>
#include <string>

#include "engine/base/glob.h"
#include "engine/base/number.h"
#include "engine/store_thread.h"
#include "protocol/error_text.h"
#include "server/call.h"
#include "server/command_spec.h"
#include "server/commands/collection_reply.h"
#include "server/commands/scan_options.h"
#include "server/commands/value_limit.h"

namespace alai {
namespace {

using hashes::Fields;

// The fields of the first key as the client reads them; false when the call has failed.
bool Read(Call& call, std::optional<Fields>* fields) {
  const Result<Record*> found = hashes::Find(call.db(), call.Key(call.argv()[1]), Lookup::kUse);
  if (!found.ok()) {
    call.Fail(found.error());
    return false;
  }
  fields->emplace(*found, call.now());
  return true;
}

// HSET and HMSET, which differ in their reply.
bool SetPairs(Call& call, int64_t* added) {
  const auto pairs = call.argv().subspan(2);
  if (pairs.size() % 2 != 0) {
    call.Fail("ERR wrong number of arguments for '" + std::string(call.command().full_name) +
              "' command");
    return false;
  }
  const KeyView key = call.Key(call.argv()[1]);
  if (RefusedAsLarge(call, key, pairs)) return false;
  const Result<int64_t> set = hashes::Set(call.db(), key, pairs);
  if (!set.ok()) {
    call.Fail(set.error());
    return false;
  }
  *added = *set;
  return true;
}

void HSet(Call& call) {
  int64_t added;
  if (SetPairs(call, &added)) call.reply().Integer(added);
}

void HMSet(Call& call) {
  int64_t added;
  if (SetPairs(call, &added)) call.reply().Ok();
}

void HSetNx(Call& call) {
  const KeyView key = call.Key(call.argv()[1]);
  if (RefusedAsLarge(call, key, call.argv().subspan(2))) return;
  const Result<bool> set = hashes::SetIfMissing(call.db(), key, call.argv()[2], call.argv()[3]);
  if (!set.ok()) return call.Fail(set.error());
  call.reply().Integer(*set ? 1 : 0);
}

void HGet(Call& call) {
  std::optional<Fields> fields;
  if (!Read(call, &fields)) return;
  const std::optional<PackedValue> value = fields->Find(call.argv()[2]);
  if (!value.has_value()) return call.reply().Null();
  WriteValue(call.reply(), *value);
}

void HMGet(Call& call) {
  std::optional<Fields> fields;
  if (!Read(call, &fields)) return;
  const auto names = call.argv().subspan(2);
  call.reply().Array(names.size());
  for (const std::string_view name : names) {
    const std::optional<PackedValue> value = fields->Find(name);
    if (value.has_value()) {
      WriteValue(call.reply(), *value);
    } else {
      call.reply().Null();
    }
  }
}

enum class Part : uint8_t { kFields, kValues, kBoth };

// Fields whose time has come are not counted before they are met, so the length comes last.
void ReplyAll(Call& call, Part part) {
  std::optional<Fields> fields;
  if (!Read(call, &fields)) return;
  ReplyWriter& reply = call.reply();
  size_t count = 0;
  const ReplyWriter::Open open = reply.BeginArray();
  fields->ForEach([&](const PackedValue& field, const PackedValue& value) {
    ++count;
    if (part != Part::kValues) WriteValue(reply, field);
    if (part != Part::kFields) WriteValue(reply, value);
  });
  if (part == Part::kBoth) {
    reply.EndMap(open, count);
  } else {
    reply.EndArray(open, count);
  }
}

void HGetAll(Call& call) { ReplyAll(call, Part::kBoth); }
void HKeys(Call& call) { ReplyAll(call, Part::kFields); }
void HVals(Call& call) { ReplyAll(call, Part::kValues); }

void HLen(Call& call) {
  std::optional<Fields> fields;
  if (!Read(call, &fields)) return;
  call.reply().Integer(static_cast<int64_t>(fields->size()));
}

void HStrLen(Call& call) {
  std::optional<Fields> fields;
  if (!Read(call, &fields)) return;
  const std::optional<PackedValue> value = fields->Find(call.argv()[2]);
  call.reply().Integer(value.has_value() ? static_cast<int64_t>(value->length()) : 0);
}

void HExists(Call& call) {
  std::optional<Fields> fields;
  if (!Read(call, &fields)) return;
  call.reply().Integer(fields->Find(call.argv()[2]).has_value() ? 1 : 0);
}

void HDel(Call& call) {
  const Result<int64_t> erased =
      hashes::Erase(call.db(), call.Key(call.argv()[1]), call.argv().subspan(2));
  if (!erased.ok()) return call.Fail(erased.error());
  call.reply().Integer(*erased);
}

void HIncrBy(Call& call) {
  ArgReader args = call.args();
  const KeyView key = call.Key(args.String());
  const std::string_view field = args.String();
  const int64_t by = args.Int64();
  if (!args.Done()) return call.Fail(args.error());
  const Result<int64_t> value =
      hashes::Increment(call.db(), key, field, by, ClassValueBytesMax(call.db(), key));
  if (value.ok()) return call.reply().Integer(*value);
  if (value.error() == Errc::kTooLong) return FailLargeValue(call, key);
  if (value.error() == Errc::kNotInteger) return call.Fail(error_text::kHashNotInteger);
  call.Fail(value.error());
}

void HIncrByFloat(Call& call) {
  ArgReader args = call.args();
  const KeyView key = call.Key(args.String());
  const std::string_view field = args.String();
  const long double by = args.LongDouble();
  if (!args.Done()) return call.Fail(args.error());
  if (std::isinf(by)) return call.Fail(error_text::kValueNanOrInfinity);
  char text[kLongDoubleCharsMax];
  const Result<std::string_view> value =
      hashes::IncrementFloat(call.db(), key, field, by, text, ClassValueBytesMax(call.db(), key));
  if (value.ok()) return call.reply().Bulk(*value);
  if (value.error() == Errc::kTooLong) return FailLargeValue(call, key);
  if (value.error() == Errc::kNotFloat) return call.Fail(error_text::kHashNotFloat);
  call.Fail(value.error());
}

// One field, or nil.
void RandomField(Call& call) {
  std::optional<Fields> fields;
  if (!Read(call, &fields)) return;
  bool found = false;
  if (fields->size() != 0) {
    fields->RandomRepeated(call.db().thread().random(), 1,
                           [&](const PackedValue& field, const PackedValue&) {
                             found = true;
                             WriteValue(call.reply(), field);
                           });
  }
  if (!found) call.reply().Null();
}

void HRandField(Call& call) {
  ArgReader args = call.args();
  args.String();
  if (args.remaining() == 0) return RandomField(call);
  const int64_t count = args.Int64(-INT64_MAX, INT64_MAX);
  const bool with_values = args.TakeWord("WITHVALUES");
  if (!args.Done()) return call.Fail(args.error());
  if (with_values && (count < -(INT64_MAX / 2) || count > INT64_MAX / 2)) {
    return call.Fail(error_text::kOutOfRange);
  }
  if (count < -kRandomCountMax) return call.Fail(error_text::kOutOfRange);
  std::optional<Fields> fields;
  if (!Read(call, &fields)) return;
  ReplyWriter& reply = call.reply();
  const ReplyWriter::Open open = reply.BeginArray();
  size_t replies = 0;
  const auto visit = [&](const PackedValue& field, const PackedValue& value) {
    if (with_values && reply.resp3()) reply.Array(2);
    WriteValue(reply, field);
    if (with_values) WriteValue(reply, value);
    replies += with_values && !reply.resp3() ? 2 : 1;
  };
  Random& random = call.db().thread().random();
  if (count > 0) {
    fields->RandomDistinct(random, static_cast<size_t>(count), visit);
  } else if (count < 0 && fields->size() != 0) {
    fields->RandomRepeated(random, static_cast<size_t>(-count), visit);
  }
  reply.EndArray(open, replies);
}

void HScan(Call& call) {
  ArgReader args = call.args();
  args.String();
  uint64_t cursor;
  if (!ParseCursor(args.String(), &cursor)) return call.Fail(error_text::kInvalidCursor);
  std::optional<Fields> fields;
  if (!Read(call, &fields)) return;
  // Of a hash that is not there the options do not matter.
  ScanOptions options;
  if (fields->size() != 0) options.TakeRest(args, "NOVALUES");
  if (fields->size() != 0 && !args.Done()) return call.Fail(args.error());
  const GlobPattern pattern(options.pattern);
  ScanReply reply(call.reply());
  cursor =
      fields->Scan(cursor, options.count, [&](const PackedValue& field, const PackedValue& value) {
        char digits[kInt64CharsMax];
        if (!pattern.Matches(field.View(digits))) return;
        reply.Add(field);
        if (!options.names_only) reply.Add(value);
      });
  reply.End(cursor);
}

constexpr CommandSpec kHashCommands[] = {
    {.name = "hset",
     .run = HSet,
     .arity = -4,
     .flags = kWrite | kDenyOom | kFast,
     .keys = {OneKey(kRW | kKeyUpdate)},
     .part = 2,
     .group = Group::kHash,
     .since = "2.0.0",
     .complexity = "O(1) for each field",
     .summary = "Sets fields of a hash, which is made if missing.",
     .arguments = "key:key (data: field:string value:string)*",
     .history = "4.0.0: Takes several fields with their values."},
    {.name = "hmset",
     .run = HMSet,
     .arity = -4,
     .flags = kWrite | kDenyOom | kFast,
     .keys = {OneKey(kRW | kKeyUpdate)},
     .part = 2,
     .group = Group::kHash,
     .since = "2.0.0",
     .complexity = "O(N) where N is the number of fields",
     .summary = "Sets fields of a hash.",
     .arguments = "key:key (data: field:string value:string)*",
     .deprecated_since = "4.0.0",
     .replaced_by = "`HSET` with several pairs"},
    {.name = "hsetnx",
     .run = HSetNx,
     .arity = 4,
     .flags = kWrite | kDenyOom | kFast,
     .keys = {OneKey(kRW | kKeyInsert)},
     .part = 2,
     .group = Group::kHash,
     .since = "2.0.0",
     .complexity = "O(1)",
     .summary = "Sets a field of a hash unless it is there.",
     .arguments = "key:key field:string value:string"},
    {.name = "hget",
     .run = HGet,
     .arity = 3,
     .flags = kReadOnly | kFast,
     .keys = {OneKey(kRO | kKeyAccess)},
     .part = 2,
     .group = Group::kHash,
     .since = "2.0.0",
     .complexity = "O(1)",
     .summary = "Gives the value of a field of a hash.",
     .arguments = "key:key field:string"},
    {.name = "hmget",
     .run = HMGet,
     .arity = -3,
     .flags = kReadOnly | kFast,
     .keys = {OneKey(kRO | kKeyAccess)},
     .part = 2,
     .group = Group::kHash,
     .since = "2.0.0",
     .complexity = "O(N) where N is the number of fields asked for",
     .summary = "Gives the values of fields of a hash.",
     .arguments = "key:key field:string*"},
    {.name = "hgetall",
     .run = HGetAll,
     .arity = 2,
     .flags = kReadOnly,
     .keys = {OneKey(kRO | kKeyAccess)},
     .group = Group::kHash,
     .since = "2.0.0",
     .complexity = "O(N) where N is the size of the hash",
     .summary = "Gives all fields of a hash with their values.",
     .arguments = "key:key",
     .tips = "nondeterministic_output_order"},
    {.name = "hkeys",
     .run = HKeys,
     .arity = 2,
     .flags = kReadOnly,
     .keys = {OneKey(kRO | kKeyAccess)},
     .group = Group::kHash,
     .since = "2.0.0",
     .complexity = "O(N) where N is the size of the hash",
     .summary = "Gives the names of all fields of a hash.",
     .arguments = "key:key",
     .tips = "nondeterministic_output_order"},
    {.name = "hvals",
     .run = HVals,
     .arity = 2,
     .flags = kReadOnly,
     .keys = {OneKey(kRO | kKeyAccess)},
     .group = Group::kHash,
     .since = "2.0.0",
     .complexity = "O(N) where N is the size of the hash",
     .summary = "Gives the values of all fields of a hash.",
     .arguments = "key:key",
     .tips = "nondeterministic_output_order"},
    {.name = "hlen",
     .run = HLen,
     .arity = 2,
     .flags = kReadOnly | kFast,
     .keys = {OneKey(kRO)},
     .group = Group::kHash,
     .since = "2.0.0",
     .complexity = "O(1)",
     .summary = "Gives the number of fields of a hash.",
     .arguments = "key:key"},
    {.name = "hstrlen",
     .run = HStrLen,
     .arity = 3,
     .flags = kReadOnly | kFast,
     .keys = {OneKey(kRO)},
     .part = 2,
     .group = Group::kHash,
     .since = "3.2.0",
     .complexity = "O(1)",
     .summary = "Gives the length of the value of a field of a hash.",
     .arguments = "key:key field:string"},
    {.name = "hexists",
     .run = HExists,
     .arity = 3,
     .flags = kReadOnly | kFast,
     .keys = {OneKey(kRO)},
     .part = 2,
     .group = Group::kHash,
     .since = "2.0.0",
     .complexity = "O(1)",
     .summary = "Tells whether a hash has a field.",
     .arguments = "key:key field:string"},
    {.name = "hdel",
     .run = HDel,
     .arity = -3,
     .flags = kWrite | kFast,
     .keys = {OneKey(kRW | kKeyDelete)},
     .part = 2,
     .group = Group::kHash,
     .since = "2.0.0",
     .complexity = "O(N) where N is the number of fields to remove",
     .summary = "Removes fields from a hash, and the hash with its last field.",
     .arguments = "key:key field:string*",
     .history = "2.4.0: Takes several fields."},
    {.name = "hincrby",
     .run = HIncrBy,
     .arity = 4,
     .flags = kWrite | kDenyOom | kFast,
     .keys = {OneKey(kRW | kKeyAccess | kKeyUpdate)},
     .part = 2,
     .group = Group::kHash,
     .since = "2.0.0",
     .complexity = "O(1)",
     .summary = "Adds to the integer in a field of a hash, which is 0 if missing.",
     .arguments = "key:key field:string increment:integer"},
    {.name = "hincrbyfloat",
     .run = HIncrByFloat,
     .arity = 4,
     .flags = kWrite | kDenyOom | kFast,
     .keys = {OneKey(kRW | kKeyAccess | kKeyUpdate)},
     .part = 2,
     .group = Group::kHash,
     .since = "2.6.0",
     .complexity = "O(1)",
     .summary = "Adds to the number in a field of a hash, which is 0 if missing.",
     .arguments = "key:key field:string increment:double"},
    {.name = "hrandfield",
     .run = HRandField,
     .arity = -2,
     .flags = kReadOnly,
     .keys = {OneKey(kRO | kKeyAccess)},
     .group = Group::kHash,
     .since = "6.2.0",
     .complexity = "O(N) where N is the number of fields asked for",
     .summary = "Gives random fields of a hash.",
     .arguments = "key:key [options: count:integer [withvalues=WITHVALUES]]",
     .tips = "nondeterministic_output"},
    {.name = "hscan",
     .run = HScan,
     .arity = -3,
     .flags = kReadOnly,
     .keys = {OneKey(kRO | kKeyAccess)},
     .group = Group::kHash,
     .since = "2.8.0",
     .complexity = "O(1) for a call, O(N) for a whole iteration where N is the size of the hash",
     .summary = "Goes on with an iteration over the fields of a hash.",
     .arguments = "key:key cursor:integer [MATCH pattern:pattern] [COUNT count:integer]"
                  " [novalues=NOVALUES]",
     .tips = "nondeterministic_output"},
};
static_assert(WellFormed(kHashCommands));

}  // namespace

std::span<const CommandSpec> HashCommands() { return kHashCommands; }

}  // namespace alai
