// Commands on sorted sets, but for ranges of them and what is made of several.
#include "engine/types/sorted_sets.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "engine/base/glob.h"
#include "engine/base/number.h"
#include "engine/store_thread.h"
#include "protocol/error_text.h"
#include "server/call.h"
#include "server/command_spec.h"
#include "server/commands/scan_options.h"
#include "server/commands/sorted_set_pop.h"
#include "server/commands/sorted_set_reply.h"
#include "server/commands/value_limit.h"

namespace alai {
namespace {

using sorted_sets::End;
using sorted_sets::Members;
using sorted_sets::ScoredMember;

// The longest reply that a negative count asks for, where members come again and again. Redis goes up to half
// of 2^63, but to no good end.
constexpr int64_t kRandomCountMax = int64_t{1} << 26;

// The members of the first key as the client reads them; false when the call has failed.
bool Read(Call& call, std::optional<Members>* members) {
  const Result<Record*> found =
      sorted_sets::Find(call.db(), call.Key(call.argv()[1]), Lookup::kUse);
  if (!found.ok()) {
    call.Fail(found.error());
    return false;
  }
  members->emplace(*found);
  return true;
}

struct AddRequest {
  sorted_sets::AddOptions options;
  bool count_changed = false;
};

void TakeAddOptions(ArgReader& args, AddRequest* request) {
  for (;;) {
    if (args.TakeWord("NX")) {
      request->options.only_new = true;
    } else if (args.TakeWord("XX")) {
      request->options.only_existing = true;
    } else if (args.TakeWord("GT")) {
      request->options.only_greater = true;
    } else if (args.TakeWord("LT")) {
      request->options.only_less = true;
    } else if (args.TakeWord("CH")) {
      request->count_changed = true;
    } else if (args.TakeWord("INCR")) {
      request->options.increment = true;
    } else {
      break;
    }
  }
  const sorted_sets::AddOptions& options = request->options;
  const size_t words = args.remaining();
  if (words == 0 || words % 2 != 0) return args.Fail(error_text::kSyntax);
  if (options.only_new && options.only_existing) return args.Fail(error_text::kAddNxWithXx);
  if (options.only_new + options.only_greater + options.only_less > 1) {
    return args.Fail(error_text::kAddNxWithGtOrLt);
  }
  if (options.increment && words > 2) args.Fail(error_text::kIncrementOfSeveral);
}

// ZADD and ZINCRBY, which takes ZADD's options as well.
void Add(Call& call, AddRequest request) {
  ArgReader args = call.args();
  const KeyView key = call.Key(args.String());
  TakeAddOptions(args, &request);
  ScoredMember one;
  std::vector<ScoredMember> many;
  std::span<ScoredMember> pairs(&one, 1);
  if (args.remaining() > 2) {
    many.resize(args.remaining() / 2);
    pairs = many;
  }
  uint64_t bytes = 0;
  for (ScoredMember& pair : pairs) {
    pair.score = args.Double();
    pair.member = args.String();
    bytes += pair.member.size();
  }
  if (!args.Done()) return call.Fail(args.error());
  if (RefusedAsLarge(call, key, bytes)) return;
  const Result<sorted_sets::AddOutcome> outcome =
      sorted_sets::Add(call.db(), key, request.options, pairs);
  if (!outcome.ok()) {
    if (outcome.error() == Errc::kNanOrInfinity) return call.Fail(error_text::kScoreNan);
    return call.Fail(outcome.error());
  }
  ReplyWriter& reply = call.reply();
  if (request.options.increment) {
    if (!outcome->score.has_value()) return reply.Null();
    return reply.Double(*outcome->score);
  }
  reply.Integer(outcome->added + (request.count_changed ? outcome->updated : 0));
}

void ZAdd(Call& call) { Add(call, {}); }
void ZIncrBy(Call& call) { Add(call, {.options = {.increment = true}}); }

void ZRem(Call& call) {
  const Result<int64_t> erased =
      sorted_sets::Erase(call.db(), call.Key(call.argv()[1]), call.argv().subspan(2));
  if (!erased.ok()) return call.Fail(erased.error());
  call.reply().Integer(*erased);
}

void ZCard(Call& call) {
  std::optional<Members> members;
  if (!Read(call, &members)) return;
  call.reply().Integer(static_cast<int64_t>(members->size()));
}

void WriteScore(ReplyWriter& reply, const std::optional<double>& score) {
  if (score.has_value()) {
    reply.Double(*score);
  } else {
    reply.Null();
  }
}

void ZScore(Call& call) {
  std::optional<Members> members;
  if (Read(call, &members)) WriteScore(call.reply(), members->Score(call.argv()[2]));
}

void ZMScore(Call& call) {
  std::optional<Members> members;
  if (!Read(call, &members)) return;
  const auto names = call.argv().subspan(2);
  call.reply().Array(names.size());
  for (const std::string_view name : names) WriteScore(call.reply(), members->Score(name));
}

void Rank(Call& call, bool reverse) {
  ArgReader args = call.args();
  args.String();
  const std::string_view member = args.String();
  if (args.remaining() > 1) {
    return call.Fail(error_text::WrongArgumentCount(call.command().full_name));
  }
  const bool with_score = args.TakeWord("WITHSCORE");
  if (!args.Done()) return call.Fail(args.error());
  std::optional<Members> members;
  if (!Read(call, &members)) return;
  ReplyWriter& reply = call.reply();
  const std::optional<Members::Place> place = members->Find(member);
  if (!place.has_value()) return with_score ? reply.NullArray() : reply.Null();
  if (with_score) reply.Array(2);
  const uint64_t rank = reverse ? members->size() - 1 - place->rank : place->rank;
  reply.Integer(static_cast<int64_t>(rank));
  if (with_score) reply.Double(place->score);
}

void ZRank(Call& call) { Rank(call, false); }
void ZRevRank(Call& call) { Rank(call, true); }

// Without a count the reply is flat in RESP3 as well.
void PopOne(Call& call, KeyView key, Record* record, End end) {
  ReplyWriter& reply = call.reply();
  reply.Array(2);
  sorted_sets::PopFrom(call.db(), key, record, end, 1,
                       [&](const PackedValue& member, double score) {
                         WriteValue(reply, member);
                         reply.Double(score);
                       });
}

void PopMany(Call& call, KeyView key, Record* record, End end, uint64_t count) {
  ReplyWriter& reply = call.reply();
  count = std::min(count, Members(record).size());
  BeginScored(reply, count);
  sorted_sets::PopFrom(
      call.db(), key, record, end, count,
      [&](const PackedValue& member, double score) { WriteScored(reply, member, score); });
}

void Pop(Call& call, End end) {
  ArgReader args = call.args();
  const KeyView key = call.Key(args.String());
  if (args.remaining() > 1) return call.Fail(error_text::kSyntax);
  const bool one = args.remaining() == 0;
  const int64_t count =
      one ? 1 : args.Int64(0, INT64_MAX, error_text::kMustBePositive, error_text::kMustBePositive);
  if (!args.Done()) return call.Fail(args.error());
  const Result<Record*> found = sorted_sets::Find(call.db(), key, Lookup::kWrite);
  if (!found.ok()) return call.Fail(found.error());
  if (*found == nullptr || count == 0) return call.reply().Array(0);
  if (one) return PopOne(call, key, *found, end);
  PopMany(call, key, *found, end, static_cast<uint64_t>(count));
}

void ZPopMin(Call& call) { Pop(call, End::kMin); }
void ZPopMax(Call& call) { Pop(call, End::kMax); }

void ZMPop(Call& call) {
  ArgReader args = call.args();
  const int64_t key_count =
      args.Int64(1, INT64_MAX, error_text::kNumKeysNotPositive, error_text::kNumKeysNotPositive);
  const auto keys = args.Take(static_cast<size_t>(key_count));
  const End end = TakeSortedSetEnd(args);
  const uint64_t count = TakePopCount(args);
  if (!args.Done()) return call.Fail(args.error());
  for (const std::string_view name : keys) {
    const Errc error = PopManyWithKey(call.db(), call.Key(name), end, count, call.reply());
    if (error == Errc::kOk) return;
    if (error != Errc::kNoKey) return call.Fail(error);
  }
  call.reply().NullArray();
}

// One member, or nil.
void RandomMember(Call& call) {
  std::optional<Members> members;
  if (!Read(call, &members)) return;
  if (members->size() == 0) return call.reply().Null();
  members->RandomRepeated(call.db().thread().random(), 1, [&](const PackedValue& member, double) {
    WriteValue(call.reply(), member);
  });
}

void ZRandMember(Call& call) {
  ArgReader args = call.args();
  args.String();
  if (args.remaining() == 0) return RandomMember(call);
  const int64_t count = args.Int64(-INT64_MAX, INT64_MAX);
  const bool with_scores = args.TakeWord("WITHSCORES");
  if (!args.Done()) return call.Fail(args.error());
  if (with_scores && (count < -(INT64_MAX / 2) || count > INT64_MAX / 2)) {
    return call.Fail(error_text::kOutOfRange);
  }
  if (count < -kRandomCountMax) return call.Fail(error_text::kOutOfRange);
  std::optional<Members> members;
  if (!Read(call, &members)) return;
  ReplyWriter& reply = call.reply();
  const bool repeated = count < 0;
  uint64_t drawn = static_cast<uint64_t>(repeated ? -count : count);
  drawn = repeated && members->size() != 0 ? drawn : std::min(drawn, members->size());
  if (with_scores) {
    BeginScored(reply, drawn);
  } else {
    reply.Array(drawn);
  }
  const auto visit = [&](const PackedValue& member, double score) {
    if (with_scores) {
      WriteScored(reply, member, score);
    } else {
      WriteValue(reply, member);
    }
  };
  Random& random = call.db().thread().random();
  if (repeated) {
    members->RandomRepeated(random, drawn, visit);
  } else {
    members->RandomDistinct(random, drawn, visit);
  }
}

// A score as text in RESP3 as well; a listpack shows how it is stored.
void WriteScanned(ReplyWriter& reply, const Members& members, double score) {
  const sorted_sets::PackedScore packed(score);
  if (members.set() == nullptr && packed.value().is_integer) {
    return reply.BulkInteger(packed.value().integer);
  }
  char text[kDoubleCharsMax];
  reply.Bulk({text, FormatDouble(score, text)});
}

void ZScan(Call& call) {
  ArgReader args = call.args();
  args.String();
  uint64_t cursor;
  if (!ParseCursor(args.String(), &cursor)) return call.Fail(error_text::kInvalidCursor);
  std::optional<Members> members;
  if (!Read(call, &members)) return;
  // Of a set that is not there the options do not matter.
  ScanOptions options;
  if (members->size() != 0) options.TakeRest(args, "NOSCORES");
  if (members->size() != 0 && !args.Done()) return call.Fail(args.error());
  const GlobPattern pattern(options.pattern);
  ReplyWriter& reply = call.reply();
  OutputBuffer elements;
  ReplyWriter writer(elements, reply.protocol());
  size_t count = 0;
  cursor = members->Scan(cursor, options.count, [&](const PackedValue& member, double score) {
    char digits[kInt64CharsMax];
    if (!pattern.Matches(member.View(digits))) return;
    WriteValue(writer, member);
    ++count;
    if (options.names_only) return;
    WriteScanned(writer, *members, score);
    ++count;
  });
  char digits[kInt64CharsMax];
  reply.Array(2);
  reply.Bulk({digits, FormatUint64(cursor, digits)});
  reply.Array(count);
  reply.output().Splice(std::move(elements));
}

constexpr CommandSpec kSortedSetCommands[] = {
    {.name = "zadd",
     .run = ZAdd,
     .arity = -4,
     .flags = kWrite | kDenyOom | kFast,
     .keys = {OneKey(kRW | kKeyUpdate)},
     .part = 3,
     .group = Group::kSortedSet,
     .since = "1.2.0",
     .complexity = "O(log(N)) for each member, where N is the size of the sorted set",
     .summary = "Adds members to a sorted set, or changes their scores.",
     .arguments = "key:key [condition: NX | XX]@3.0.2 [comparison: GT | LT]@6.2.0"
                  " [change=CH]@3.0.2 [increment=INCR]@3.0.2 (data: score:double member:string)*",
     .history = "2.4.0: Takes several members. | 3.0.2: Added the `XX`, `NX`, `CH` and `INCR`"
                " options. | 6.2.0: Added the `GT` and `LT` options."},
    {.name = "zincrby",
     .run = ZIncrBy,
     .arity = 4,
     .flags = kWrite | kDenyOom | kFast,
     .keys = {OneKey(kRW | kKeyAccess | kKeyUpdate)},
     .part = 3,
     .group = Group::kSortedSet,
     .since = "1.2.0",
     .complexity = "O(log(N)) where N is the size of the sorted set",
     .summary = "Adds to the score of a member of a sorted set, which is 0 if missing.",
     .arguments = "key:key increment:integer member:string"},
    {.name = "zrem",
     .run = ZRem,
     .arity = -3,
     .flags = kWrite | kFast,
     .keys = {OneKey(kRW | kKeyDelete)},
     .part = 2,
     .group = Group::kSortedSet,
     .since = "1.2.0",
     .complexity = "O(M*log(N)) where N is the size of the sorted set and M the number of members"
                   " to remove",
     .summary = "Removes members from a sorted set, and the set with its last member.",
     .arguments = "key:key member:string*",
     .history = "2.4.0: Takes several members."},
    {.name = "zcard",
     .run = ZCard,
     .arity = 2,
     .flags = kReadOnly | kFast,
     .keys = {OneKey(kRO)},
     .group = Group::kSortedSet,
     .since = "1.2.0",
     .complexity = "O(1)",
     .summary = "Gives the number of members of a sorted set.",
     .arguments = "key:key"},
    {.name = "zscore",
     .run = ZScore,
     .arity = 3,
     .flags = kReadOnly | kFast,
     .keys = {OneKey(kRO | kKeyAccess)},
     .part = 2,
     .group = Group::kSortedSet,
     .since = "1.2.0",
     .complexity = "O(1)",
     .summary = "Gives the score of a member of a sorted set.",
     .arguments = "key:key member:string"},
    {.name = "zmscore",
     .run = ZMScore,
     .arity = -3,
     .flags = kReadOnly | kFast,
     .keys = {OneKey(kRO | kKeyAccess)},
     .part = 2,
     .group = Group::kSortedSet,
     .since = "6.2.0",
     .complexity = "O(N) where N is the number of members asked for",
     .summary = "Gives the scores of members of a sorted set.",
     .arguments = "key:key member:string*"},
    {.name = "zrank",
     .run = ZRank,
     .arity = -3,
     .flags = kReadOnly | kFast,
     .keys = {OneKey(kRO | kKeyAccess)},
     .part = 2,
     .group = Group::kSortedSet,
     .since = "2.0.0",
     .complexity = "O(log(N))",
     .summary = "Gives the place of a member of a sorted set, from the lowest score on.",
     .arguments = "key:key member:string [WITHSCORE]",
     .history = "7.2.0: Added the `WITHSCORE` option."},
    {.name = "zrevrank",
     .run = ZRevRank,
     .arity = -3,
     .flags = kReadOnly | kFast,
     .keys = {OneKey(kRO | kKeyAccess)},
     .part = 2,
     .group = Group::kSortedSet,
     .since = "2.0.0",
     .complexity = "O(log(N))",
     .summary = "Gives the place of a member of a sorted set, from the highest score on.",
     .arguments = "key:key member:string [WITHSCORE]",
     .history = "7.2.0: Added the `WITHSCORE` option."},
    {.name = "zpopmin",
     .run = ZPopMin,
     .arity = -2,
     .flags = kWrite | kFast,
     .keys = {OneKey(kRW | kKeyAccess | kKeyDelete)},
     .group = Group::kSortedSet,
     .since = "5.0.0",
     .complexity = "O(log(N)+M) where N is the size of the sorted set and M the number of members"
                   " removed",
     .summary = "Removes the members with the lowest scores of a sorted set and gives them.",
     .arguments = "key:key [count:integer]"},
    {.name = "zpopmax",
     .run = ZPopMax,
     .arity = -2,
     .flags = kWrite | kFast,
     .keys = {OneKey(kRW | kKeyAccess | kKeyDelete)},
     .group = Group::kSortedSet,
     .since = "5.0.0",
     .complexity = "O(log(N)+M) where N is the size of the sorted set and M the number of members"
                   " removed",
     .summary = "Removes the members with the highest scores of a sorted set and gives them.",
     .arguments = "key:key [count:integer]"},
    {.name = "zmpop",
     .run = ZMPop,
     .arity = -4,
     .flags = kWrite,
     .keys = {CountedKeys(kRW | kKeyAccess | kKeyDelete, 1)},
     .group = Group::kSortedSet,
     .since = "7.0.0",
     .complexity = "O(K) + O(log(N)+M) where K is the number of keys, N the size of the sorted set"
                   " and M the number of members removed",
     .summary =
         "Removes the outermost members of the first sorted set that has any and gives them.",
     .arguments = "numkeys:integer key:key* (where: MIN | MAX) [COUNT count:integer]"},
    {.name = "zrandmember",
     .run = ZRandMember,
     .arity = -2,
     .flags = kReadOnly,
     .keys = {OneKey(kRO | kKeyAccess)},
     .group = Group::kSortedSet,
     .since = "6.2.0",
     .complexity = "O(N*log(M)) where N is the number of members asked for and M the size of the"
                   " sorted set",
     .summary = "Gives random members of a sorted set.",
     .arguments = "key:key [options: count:integer [WITHSCORES]]",
     .tips = "nondeterministic_output"},
    {.name = "zscan",
     .run = ZScan,
     .arity = -3,
     .flags = kReadOnly,
     .keys = {OneKey(kRO | kKeyAccess)},
     .group = Group::kSortedSet,
     .since = "2.8.0",
     .complexity = "O(1) for a call, O(N) for a whole iteration where N is the size of the sorted"
                   " set",
     .summary = "Goes on with an iteration over the members of a sorted set.",
     .arguments = "key:key cursor:integer [MATCH pattern:pattern] [COUNT count:integer]"
                  " [NOSCORES]",
     .tips = "nondeterministic_output"},
};
static_assert(WellFormed(kSortedSetCommands));

}  // namespace

std::span<const CommandSpec> SortedSetCommands() { return kSortedSetCommands; }

}  // namespace alai
