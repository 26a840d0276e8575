// Commands on one set, and SMOVE.
#include "engine/types/sets.h"

#include <optional>

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

using sets::Members;

// The members of the first key as the client reads them; false when the call has failed.
bool Read(Call& call, Members* members) {
  const Result<Record*> found = sets::Find(call.db(), call.Key(call.argv()[1]), Lookup::kUse);
  if (!found.ok()) {
    call.Fail(found.error());
    return false;
  }
  *members = Members(*found);
  return true;
}

void SAdd(Call& call) {
  const auto members = call.argv().subspan(2);
  const KeyView key = call.Key(call.argv()[1]);
  if (RefusedAsLarge(call, key, members)) return;
  const Result<int64_t> added = sets::Add(call.db(), key, members);
  if (!added.ok()) return call.Fail(added.error());
  call.reply().Integer(*added);
}

void SRem(Call& call) {
  const Result<int64_t> removed =
      sets::Remove(call.db(), call.Key(call.argv()[1]), call.argv().subspan(2));
  if (!removed.ok()) return call.Fail(removed.error());
  call.reply().Integer(*removed);
}

void SMove(Call& call) {
  const std::string_view member = call.argv()[3];
  const KeyView to = call.Key(call.argv()[2]);
  const Result<bool> moved = sets::Move(call.db(), call.Key(call.argv()[1]), to, member,
                                        ClassValueBytesMax(call.db(), to));
  if (!moved.ok() && moved.error() == Errc::kTooLong) return FailLargeValue(call, to);
  if (!moved.ok()) return call.Fail(moved.error());
  call.reply().Integer(*moved ? 1 : 0);
}

void SMembers(Call& call) {
  Members members;
  if (!Read(call, &members)) return;
  ReplyWriter& reply = call.reply();
  reply.Set(members.size());
  members.ForEach([&](const PackedValue& member) {
    WriteValue(reply, member);
    return true;
  });
}

void SCard(Call& call) {
  Members members;
  if (!Read(call, &members)) return;
  call.reply().Integer(static_cast<int64_t>(members.size()));
}

void SIsMember(Call& call) {
  Members members;
  if (!Read(call, &members)) return;
  call.reply().Integer(members.Contains(call.argv()[2]) ? 1 : 0);
}

void SMIsMember(Call& call) {
  Members members;
  if (!Read(call, &members)) return;
  const auto wanted = call.argv().subspan(2);
  call.reply().Array(wanted.size());
  for (const std::string_view member : wanted) {
    call.reply().Integer(members.Contains(member) ? 1 : 0);
  }
}

void SPop(Call& call) {
  ArgReader args = call.args();
  const KeyView key = call.Key(args.String());
  const bool counted = args.remaining() > 0;
  if (args.remaining() > 1) return call.Fail(error_text::kSyntax);
  size_t count = 1;
  if (counted) {
    count = static_cast<size_t>(
        args.Int64(0, INT64_MAX, error_text::kMustBePositive, error_text::kMustBePositive));
  }
  if (!args.Done()) return call.Fail(args.error());
  const Result<Record*> found = sets::Find(call.db(), key, Lookup::kWrite);
  if (!found.ok()) return call.Fail(found.error());
  ReplyWriter& reply = call.reply();
  const OutputBuffer::Mark mark = reply.GetMark();
  const size_t size = Members(*found).size();
  count = std::min(count, size);
  if (counted) {
    reply.Set(count);
  } else if (size == 0) {
    reply.Null();
  }
  if (count == 0) return;
  // Redis reads a set that is popped as a whole like SUNION, which counts.
  if (counted && count == size) ++call.db().tally().hits;
  const bool popped = sets::Pop(call.db(), key, *found, count,
                                [&reply](const PackedValue& member) { WriteValue(reply, member); });
  if (!popped) reply.Rollback(mark);
}

void SRandMember(Call& call) {
  ArgReader args = call.args();
  args.String();
  const bool counted = args.remaining() > 0;
  if (args.remaining() > 1) return call.Fail(error_text::kSyntax);
  const int64_t count = counted ? args.Int64(-INT64_MAX, INT64_MAX) : -1;
  if (!args.Done()) return call.Fail(args.error());
  if (count < -kRandomCountMax) return call.Fail(error_text::kOutOfRange);
  Members members;
  if (!Read(call, &members)) return;
  ReplyWriter& reply = call.reply();
  const size_t size = members.size();
  Random& random = call.db().thread().random();
  const auto visit = [&reply](const PackedValue& member) { WriteValue(reply, member); };
  if (count >= 0) {
    reply.Array(std::min(static_cast<size_t>(count), size));
    members.RandomDistinct(random, static_cast<size_t>(count), visit);
    return;
  }
  const size_t draws = size == 0 ? 0 : static_cast<size_t>(-count);
  if (counted) {
    reply.Array(draws);
  } else if (draws == 0) {
    reply.Null();
  }
  members.RandomRepeated(random, draws, visit);
}

void SScan(Call& call) {
  ArgReader args = call.args();
  args.String();
  uint64_t cursor;
  if (!ParseCursor(args.String(), &cursor)) return call.Fail(error_text::kInvalidCursor);
  Members members;
  if (!Read(call, &members)) return;
  // Of a set that is not there the options do not matter.
  ScanOptions options;
  if (members.size() != 0) options.TakeRest(args, "");
  if (members.size() != 0 && !args.Done()) return call.Fail(args.error());
  const GlobPattern pattern(options.pattern);
  ScanReply reply(call.reply());
  cursor = members.Scan(cursor, options.count, [&](const PackedValue& member) {
    char digits[kInt64CharsMax];
    if (pattern.Matches(member.View(digits))) reply.Add(member);
  });
  reply.End(cursor);
}

constexpr CommandSpec kSetCommands[] = {
    {.name = "sadd",
     .run = SAdd,
     .arity = -3,
     .flags = kWrite | kDenyOom | kFast,
     .keys = {OneKey(kRW | kKeyInsert)},
     .part = 2,
     .group = Group::kSet,
     .since = "1.0.0",
     .complexity = "O(1) for each member",
     .summary = "Adds members to a set, which is made if missing.",
     .arguments = "key:key member:string*",
     .history = "2.4.0: Takes several members."},
    {.name = "srem",
     .run = SRem,
     .arity = -3,
     .flags = kWrite | kFast,
     .keys = {OneKey(kRW | kKeyDelete)},
     .part = 2,
     .group = Group::kSet,
     .since = "1.0.0",
     .complexity = "O(N) where N is the number of members to remove",
     .summary = "Removes members from a set, and the set with its last member.",
     .arguments = "key:key member:string*",
     .history = "2.4.0: Takes several members."},
    {.name = "smove",
     .run = SMove,
     .arity = 4,
     .flags = kWrite | kFast,
     .keys = {OneKey(kRW | kKeyAccess | kKeyDelete), OneKey(kRW | kKeyInsert, 2)},
     .part = 3,
     .group = Group::kSet,
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Moves a member from one set to another in one step.",
     .arguments = "source:key destination:key member:string"},
    {.name = "smembers",
     .run = SMembers,
     .arity = 2,
     .flags = kReadOnly,
     .keys = {OneKey(kRO | kKeyAccess)},
     .group = Group::kSet,
     .since = "1.0.0",
     .complexity = "O(N) where N is the size of the set",
     .summary = "Gives all members of a set.",
     .arguments = "key:key",
     .tips = "nondeterministic_output_order"},
    {.name = "scard",
     .run = SCard,
     .arity = 2,
     .flags = kReadOnly | kFast,
     .keys = {OneKey(kRO)},
     .group = Group::kSet,
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Gives the number of members of a set.",
     .arguments = "key:key"},
    {.name = "sismember",
     .run = SIsMember,
     .arity = 3,
     .flags = kReadOnly | kFast,
     .keys = {OneKey(kRO)},
     .part = 2,
     .group = Group::kSet,
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Tells whether a set has a member.",
     .arguments = "key:key member:string"},
    {.name = "smismember",
     .run = SMIsMember,
     .arity = -3,
     .flags = kReadOnly | kFast,
     .keys = {OneKey(kRO | kKeyAccess)},
     .part = 2,
     .group = Group::kSet,
     .since = "6.2.0",
     .complexity = "O(N) where N is the number of members asked for",
     .summary = "Tells of several members whether a set has them.",
     .arguments = "key:key member:string*"},
    {.name = "spop",
     .run = SPop,
     .arity = -2,
     .flags = kWrite | kFast,
     .keys = {OneKey(kRW | kKeyAccess | kKeyDelete)},
     .group = Group::kSet,
     .since = "1.0.0",
     .complexity = "O(N) where N is the number of members that are removed",
     .summary = "Gives and removes random members of a set.",
     .arguments = "key:key [count:integer]@3.2.0",
     .tips = "nondeterministic_output",
     .history = "3.2.0: Added `count`."},
    {.name = "srandmember",
     .run = SRandMember,
     .arity = -2,
     .flags = kReadOnly,
     .keys = {OneKey(kRO | kKeyAccess)},
     .group = Group::kSet,
     .since = "1.0.0",
     .complexity = "O(N) where N is the number of members asked for",
     .summary = "Gives random members of a set.",
     .arguments = "key:key [count:integer]@2.6.0",
     .tips = "nondeterministic_output",
     .history = "2.6.0: Added `count`."},
    {.name = "sscan",
     .run = SScan,
     .arity = -3,
     .flags = kReadOnly,
     .keys = {OneKey(kRO | kKeyAccess)},
     .group = Group::kSet,
     .since = "2.8.0",
     .complexity = "O(1) for a call, O(N) for a whole iteration where N is the size of the set",
     .summary = "Goes on with an iteration over the members of a set.",
     .arguments = "key:key cursor:integer [MATCH pattern:pattern] [COUNT count:integer]",
     .tips = "nondeterministic_output"},
};
static_assert(WellFormed(kSetCommands));

}  // namespace

std::span<const CommandSpec> SetCommands() { return kSetCommands; }

}  // namespace alai
