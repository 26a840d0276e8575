// ZUNION, ZINTER, ZDIFF and their relatives.
#include "engine/types/sorted_set_algebra.h"

#include <string>
#include <vector>

#include "engine/store.h"
#include "engine/types/sorted_set_source.h"
#include "protocol/error_text.h"
#include "server/call.h"
#include "server/command_spec.h"
#include "server/commands/sorted_set_reply.h"
#include "server/commands/value_limit.h"

namespace alai {
namespace {

using sorted_sets::Aggregate;
using sorted_sets::Combination;
using sorted_sets::Operand;
using sorted_sets::Operation;
using sorted_sets::ScoredMember;

enum class Form : uint8_t { kReply, kStore, kCount };

struct Request {
  KeyView destination{};
  std::vector<Operand> operands;
  Aggregate aggregate = Aggregate::kSum;
  bool with_scores = false;
  uint64_t limit = 0;
};

Aggregate TakeAggregate(ArgReader& args) {
  if (args.TakeWord("SUM")) return Aggregate::kSum;
  if (args.TakeWord("MIN")) return Aggregate::kMin;
  if (args.TakeWord("MAX")) return Aggregate::kMax;
  args.Fail(error_text::kSyntax);
  return Aggregate::kSum;
}

void TakeOptions(ArgReader& args, Operation operation, Form form, Request* request) {
  const bool weighs = operation != Operation::kDifference && form != Form::kCount;
  while (args.remaining() > 0) {
    if (weighs && args.remaining() > request->operands.size() && args.TakeWord("WEIGHTS")) {
      for (Operand& operand : request->operands) {
        operand.weight = args.Double(error_text::kWeightNotFloat);
      }
    } else if (weighs && args.remaining() > 1 && args.TakeWord("AGGREGATE")) {
      request->aggregate = TakeAggregate(args);
    } else if (form == Form::kReply && args.TakeWord("WITHSCORES")) {
      request->with_scores = true;
    } else if (form == Form::kCount && args.remaining() > 1 && args.TakeWord("LIMIT")) {
      request->limit = static_cast<uint64_t>(
          args.Int64(0, INT64_MAX, error_text::kLimitNegative, error_text::kLimitNegative));
    } else {
      args.Fail(error_text::kSyntax);
    }
  }
}

// Reads the arguments and looks up the keys, which comes before the options. False when the call has failed.
bool TakeRequest(Call& call, Operation operation, Form form, Request* request) {
  ArgReader args = call.args();
  if (form == Form::kStore) request->destination = call.Key(args.String());
  const int64_t count = args.Int64();
  if (args.ok() && count < 1) {
    call.Fail("ERR at least 1 input key is needed for '" + std::string(call.command().full_name) +
              "' command");
    return false;
  }
  for (const std::string_view key : args.Take(static_cast<size_t>(count))) {
    const Record* record = call.db().Find(call.Key(key), Lookup::kUse);
    if (record != nullptr && !sorted_sets::Source::Accepts(*record)) {
      call.Fail(Errc::kWrongType);
      return false;
    }
    request->operands.push_back({.record = record});
  }
  TakeOptions(args, operation, form, request);
  if (!args.Done()) call.Fail(args.error());
  return args.ok();
}

void ReplyMembers(Call& call, std::span<const ScoredMember> members, bool with_scores) {
  ReplyWriter& reply = call.reply();
  if (!with_scores) {
    reply.Array(members.size());
    for (const ScoredMember& each : members) reply.Bulk(each.member);
    return;
  }
  BeginScored(reply, members.size());
  for (const ScoredMember& each : members) {
    WriteScored(reply, {.text = each.member}, each.score);
  }
}

void Reply(Call& call, Operation operation) {
  Request request;
  if (!TakeRequest(call, operation, Form::kReply, &request)) return;
  const Combination combination(operation, request.aggregate, request.operands);
  ReplyMembers(call, combination.members(), request.with_scores);
}

void Store(Call& call, Operation operation, std::string_view event) {
  Request request;
  if (!TakeRequest(call, operation, Form::kStore, &request)) return;
  const Combination combination(operation, request.aggregate, request.operands);
  sorted_sets::Builder builder(call.db().store().packing);
  for (const ScoredMember& each : combination.members()) {
    builder.Append({.text = each.member}, each.score);
  }
  if (RefusedAsLarge(call, request.destination, builder.member_bytes())) return;
  if (!builder.ReserveLog(call.db(), request.destination)) return;
  builder.Store(call.db(), request.destination, event);
  call.reply().Integer(static_cast<int64_t>(builder.size()));
}

void ZUnion(Call& call) { Reply(call, Operation::kUnion); }
void ZInter(Call& call) { Reply(call, Operation::kIntersection); }
void ZDiff(Call& call) { Reply(call, Operation::kDifference); }
void ZUnionStore(Call& call) { Store(call, Operation::kUnion, "zunionstore"); }
void ZInterStore(Call& call) { Store(call, Operation::kIntersection, "zinterstore"); }
void ZDiffStore(Call& call) { Store(call, Operation::kDifference, "zdiffstore"); }

void ZInterCard(Call& call) {
  Request request;
  if (!TakeRequest(call, Operation::kIntersection, Form::kCount, &request)) return;
  const uint64_t count = sorted_sets::CountIntersection(request.operands, request.limit);
  call.reply().Integer(static_cast<int64_t>(count));
}

constexpr KeySpec kSources = CountedKeys(kRO | kKeyAccess, 1);
constexpr KeySpec kStoreSources = CountedKeys(kRO | kKeyAccess, 2);

constexpr CommandSpec kSortedSetAlgebraCommands[] = {
    {.name = "zunion",
     .run = ZUnion,
     .arity = -3,
     .flags = kReadOnly,
     .keys = {kSources},
     .group = Group::kSortedSet,
     .since = "6.2.0",
     .complexity = "O(N)+O(M*log(M)) where N is the size of all sources together and M that of"
                   " the result",
     .summary = "Gives the union of sorted sets.",
     .arguments = "numkeys:integer key:key* [WEIGHTS weight:integer*]"
                  " AGGREGATE [aggregate: SUM | MIN | MAX] [WITHSCORES]"},
    {.name = "zunionstore",
     .run = ZUnionStore,
     .arity = -4,
     .flags = kWrite | kDenyOom,
     .keys = {OneKey(kOW | kKeyUpdate), kStoreSources},
     .group = Group::kSortedSet,
     .since = "2.0.0",
     .complexity = "O(N)+O(M*log(M)) where N is the size of all sources together and M that of"
                   " the result",
     .summary = "Stores the union of sorted sets.",
     .arguments = "destination:key numkeys:integer key:key* [WEIGHTS weight:integer*]"
                  " AGGREGATE [aggregate: SUM | MIN | MAX]"},
    {.name = "zinter",
     .run = ZInter,
     .arity = -3,
     .flags = kReadOnly,
     .keys = {kSources},
     .group = Group::kSortedSet,
     .since = "6.2.0",
     .complexity = "O(N*K)+O(M*log(M)) where N is the size of the smallest of K sources and M that"
                   " of the result",
     .summary = "Gives the intersection of sorted sets.",
     .arguments = "numkeys:integer key:key* [WEIGHTS weight:integer*]"
                  " AGGREGATE [aggregate: SUM | MIN | MAX] [WITHSCORES]"},
    {.name = "zinterstore",
     .run = ZInterStore,
     .arity = -4,
     .flags = kWrite | kDenyOom,
     .keys = {OneKey(kOW | kKeyUpdate), kStoreSources},
     .group = Group::kSortedSet,
     .since = "2.0.0",
     .complexity = "O(N*K)+O(M*log(M)) where N is the size of the smallest of K sources and M that"
                   " of the result",
     .summary = "Stores the intersection of sorted sets.",
     .arguments = "destination:key numkeys:integer key:key* [WEIGHTS weight:integer*]"
                  " AGGREGATE [aggregate: SUM | MIN | MAX]"},
    {.name = "zintercard",
     .run = ZInterCard,
     .arity = -3,
     .flags = kReadOnly,
     .keys = {kSources},
     .group = Group::kSortedSet,
     .since = "7.0.0",
     .complexity = "O(N*K) where N is the size of the smallest of K sources",
     .summary = "Counts the members of the intersection of sorted sets.",
     .arguments = "numkeys:integer key:key* [LIMIT limit:integer]"},
    {.name = "zdiff",
     .run = ZDiff,
     .arity = -3,
     .flags = kReadOnly,
     .keys = {kSources},
     .group = Group::kSortedSet,
     .since = "6.2.0",
     .complexity = "O(N*K)+O(M*log(M)) where N is the size of the first of K sources and M that of"
                   " the result",
     .summary = "Gives the members of a sorted set that others do not have.",
     .arguments = "numkeys:integer key:key* [WITHSCORES]"},
    {.name = "zdiffstore",
     .run = ZDiffStore,
     .arity = -4,
     .flags = kWrite | kDenyOom,
     .keys = {OneKey(kOW | kKeyUpdate), kStoreSources},
     .group = Group::kSortedSet,
     .since = "6.2.0",
     .complexity = "O(N*K)+O(M*log(M)) where N is the size of the first of K sources and M that of"
                   " the result",
     .summary = "Stores the members of a sorted set that others do not have.",
     .arguments = "destination:key numkeys:integer key:key*"},
};
static_assert(WellFormed(kSortedSetAlgebraCommands));

}  // namespace

std::span<const CommandSpec> SortedSetAlgebraCommands() { return kSortedSetAlgebraCommands; }

}  // namespace alai
