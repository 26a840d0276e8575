// Commands on ranges of sorted sets: by rank, by score, or by member where all scores are the same.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <string>

#include "engine/base/number.h"
#include "engine/store.h"
#include "engine/types/sorted_sets.h"
#include "protocol/error_text.h"
#include "server/call.h"
#include "server/command_spec.h"
#include "server/commands/sorted_set_reply.h"
#include "server/commands/value_limit.h"

namespace alai {
namespace {

using sorted_sets::Members;

enum class RangeKind : uint8_t { kRank, kScore, kLexical };

struct Range {
  RangeKind kind = RangeKind::kRank;
  int64_t first = 0;
  int64_t last = 0;
  ScoreRange scores;
  LexRange members;
};

// What strtod makes of it: blanks in front are fine, so is nothing at all, and what is too large is infinite.
bool ParseLenientDouble(std::string_view text, double* value) {
  if (ParseDouble(text, value)) [[likely]]
    return true;
  const std::string copy(text);
  char* end;
  *value = std::strtod(copy.c_str(), &end);
  return *end == '\0' && !std::isnan(*value);
}

bool ParseScoreBound(std::string_view text, double* score, bool* exclusive) {
  *exclusive = !text.empty() && text[0] == '(';
  return ParseLenientDouble(text.substr(*exclusive ? 1 : 0), score);
}

bool ParseLexBound(std::string_view text, LexBound* bound) {
  if (text == "-" || text == "+") {
    bound->kind = text == "-" ? LexBound::Kind::kBeforeAll : LexBound::Kind::kBehindAll;
    return true;
  }
  if (text.empty() || (text[0] != '[' && text[0] != '(')) return false;
  bound->kind = text[0] == '[' ? LexBound::Kind::kInclusive : LexBound::Kind::kExclusive;
  bound->member = text.substr(1);
  return true;
}

// Reads the bounds of a range. False when the call has failed.
bool ParseRange(Call& call, std::string_view min, std::string_view max, Range* range) {
  switch (range->kind) {
    case RangeKind::kRank: {
      const std::string_view bounds[] = {min, max};
      ArgReader args(bounds);
      range->first = args.Int64();
      range->last = args.Int64();
      if (!args.ok()) call.Fail(args.error());
      return args.ok();
    }
    case RangeKind::kScore:
      if (ParseScoreBound(min, &range->scores.min, &range->scores.min_exclusive) &&
          ParseScoreBound(max, &range->scores.max, &range->scores.max_exclusive)) {
        return true;
      }
      call.Fail(error_text::kBoundNotFloat);
      return false;
    case RangeKind::kLexical:
      if (ParseLexBound(min, &range->members.min) && ParseLexBound(max, &range->members.max)) {
        return true;
      }
      call.Fail(error_text::kBoundNotLexical);
      return false;
  }
  return false;
}

// Indexes from either end, both included; ranks count from the end that they are counted from.
RankRange RanksOf(int64_t first, int64_t last, uint64_t size) {
  const auto count = static_cast<int64_t>(size);
  if (first < 0) first = std::max<int64_t>(first + count, 0);
  if (last < 0) last += count;
  last = std::min(last, count - 1);
  if (first > last) return {};
  return {static_cast<uint64_t>(first), static_cast<uint64_t>(last) + 1};
}

RankRange RanksOf(const Members& members, const Range& range, bool reverse) {
  switch (range.kind) {
    case RangeKind::kRank: {
      const uint64_t size = members.size();
      const RankRange ranks = RanksOf(range.first, range.last, size);
      return reverse ? RankRange{size - ranks.end, size - ranks.first} : ranks;
    }
    case RangeKind::kScore:
      return members.RanksOf(range.scores);
    case RangeKind::kLexical:
      return members.RanksOf(range.members);
  }
  return {};
}

// What is left of a range after LIMIT, which counts from where the reply begins.
RankRange Limited(RankRange ranks, bool reverse, int64_t offset, int64_t count) {
  if (offset < 0 || static_cast<uint64_t>(offset) >= ranks.size()) return {};
  uint64_t left = ranks.size() - static_cast<uint64_t>(offset);
  if (count >= 0) left = std::min(left, static_cast<uint64_t>(count));
  if (reverse) {
    const uint64_t end = ranks.end - static_cast<uint64_t>(offset);
    return {end - left, end};
  }
  const uint64_t first = ranks.first + static_cast<uint64_t>(offset);
  return {first, first + left};
}

// A command that gives a range, or stores it.
struct RangeCall {
  std::optional<RangeKind> kind = {};  // when the command's name says it, or an option has
  std::optional<bool> reverse = {};
  bool stores = false;
  bool with_scores = false;
  int64_t offset = 0;
  int64_t count = -1;
};

void TakeRangeOptions(ArgReader& args, RangeCall* range) {
  while (args.remaining() > 0) {
    if (!range->stores && args.TakeWord("WITHSCORES")) {
      range->with_scores = true;
    } else if (args.remaining() > 2 && args.TakeWord("LIMIT")) {
      range->offset = args.Int64();
      range->count = args.Int64();
    } else if (!range->reverse.has_value() && args.TakeWord("REV")) {
      range->reverse = true;
    } else if (!range->kind.has_value() && args.TakeWord("BYLEX")) {
      range->kind = RangeKind::kLexical;
    } else if (!range->kind.has_value() && args.TakeWord("BYSCORE")) {
      range->kind = RangeKind::kScore;
    } else {
      args.Fail(error_text::kSyntax);
    }
  }
  const RangeKind kind = range->kind.value_or(RangeKind::kRank);
  if (range->count != -1 && kind == RangeKind::kRank) args.Fail(error_text::kLimitOfRanks);
  if (range->with_scores && kind == RangeKind::kLexical) args.Fail(error_text::kScoresOfLexical);
}

void ReplyRange(Call& call, const Members& members, RankRange ranks, bool reverse,
                bool with_scores) {
  ReplyWriter& reply = call.reply();
  if (with_scores) {
    BeginScored(reply, ranks.size());
    return members.ForEach(ranks, reverse, [&](const PackedValue& member, double score) {
      WriteScored(reply, member, score);
    });
  }
  reply.Array(ranks.size());
  members.ForEach(ranks, reverse,
                  [&](const PackedValue& member, double) { WriteValue(reply, member); });
}

// How many members come into a listpack before the result turns out to be too large for one. Redis puts them in
// in the order of the range, and knows only of a range of ranks beforehand how many they are.
uint64_t PackedAtFirst(const Members& members, RankRange ranks, bool known_size, bool reverse,
                       const PackingLimits& limits) {
  const uint64_t entries_max = limits.sorted_set_entries;
  const uint64_t value_bytes_max = limits.sorted_set_value_bytes;
  if (known_size && ranks.size() > entries_max) return 0;
  uint64_t packed = 0;
  bool fits = true;
  members.ForEach(ranks, reverse, [&](const PackedValue& member, double) {
    fits = fits && packed < entries_max && member.length() <= value_bytes_max;
    if (fits) ++packed;
  });
  return packed;
}

// In a listpack -0 becomes 0.
void StoreRange(Call& call, KeyView key, const Members& members, RankRange ranks, bool known_size,
                bool reverse) {
  const PackingLimits& limits = call.db().store().packing;
  const uint64_t packed = PackedAtFirst(members, ranks, known_size, reverse, limits);
  sorted_sets::Builder builder(limits);
  uint64_t place = 0;
  members.ForEach(ranks, false, [&](const PackedValue& member, double score) {
    const bool was_packed = reverse ? ranks.size() - place <= packed : place < packed;
    builder.Append(member, score == 0 && was_packed ? 0 : score);
    ++place;
  });
  if (RefusedAsLarge(call, key, builder.member_bytes())) return;
  if (!builder.ReserveLog(call.db(), key)) return;
  builder.Store(call.db(), key, "zrangestore");
  call.reply().Integer(static_cast<int64_t>(ranks.size()));
}

void RunRange(Call& call, RangeCall options) {
  ArgReader args = call.args();
  KeyView destination{};
  if (options.stores) destination = call.Key(args.String());
  const KeyView key = call.Key(args.String());
  std::string_view min = args.String();
  std::string_view max = args.String();
  TakeRangeOptions(args, &options);
  if (!args.Done()) return call.Fail(args.error());
  Range range;
  range.kind = options.kind.value_or(RangeKind::kRank);
  const bool reverse = options.reverse.value_or(false);
  if (reverse && range.kind != RangeKind::kRank) std::swap(min, max);
  if (!ParseRange(call, min, max, &range)) return;
  const Result<Record*> found = sorted_sets::Find(call.db(), key, Lookup::kUse);
  if (!found.ok()) return call.Fail(found.error());
  const Members members(*found);
  RankRange ranks = RanksOf(members, range, reverse);
  if (range.kind != RangeKind::kRank) {
    ranks = Limited(ranks, reverse, options.offset, options.count);
  }
  if (options.stores) {
    return StoreRange(call, destination, members, ranks, range.kind == RangeKind::kRank, reverse);
  }
  ReplyRange(call, members, ranks, reverse, options.with_scores);
}

void ZRange(Call& call) { RunRange(call, {}); }
void ZRangeStore(Call& call) { RunRange(call, {.stores = true}); }
void ZRevRange(Call& call) { RunRange(call, {.kind = RangeKind::kRank, .reverse = true}); }
void ZRangeByScore(Call& call) { RunRange(call, {.kind = RangeKind::kScore, .reverse = false}); }
void ZRevRangeByScore(Call& call) { RunRange(call, {.kind = RangeKind::kScore, .reverse = true}); }
void ZRangeByLex(Call& call) { RunRange(call, {.kind = RangeKind::kLexical, .reverse = false}); }
void ZRevRangeByLex(Call& call) { RunRange(call, {.kind = RangeKind::kLexical, .reverse = true}); }

void CountRange(Call& call, RangeKind kind) {
  Range range;
  range.kind = kind;
  if (!ParseRange(call, call.argv()[2], call.argv()[3], &range)) return;
  const Result<Record*> found =
      sorted_sets::Find(call.db(), call.Key(call.argv()[1]), Lookup::kUse);
  if (!found.ok()) return call.Fail(found.error());
  call.reply().Integer(static_cast<int64_t>(RanksOf(Members(*found), range, false).size()));
}

void ZCount(Call& call) { CountRange(call, RangeKind::kScore); }
void ZLexCount(Call& call) { CountRange(call, RangeKind::kLexical); }

void EraseRange(Call& call, RangeKind kind, std::string_view event) {
  Range range;
  range.kind = kind;
  if (!ParseRange(call, call.argv()[2], call.argv()[3], &range)) return;
  const KeyView key = call.Key(call.argv()[1]);
  const Result<Record*> found = sorted_sets::Find(call.db(), key, Lookup::kWrite);
  if (!found.ok()) return call.Fail(found.error());
  const RankRange ranks = RanksOf(Members(*found), range, false);
  sorted_sets::EraseRanks(call.db(), key, *found, ranks, event);
  call.reply().Integer(static_cast<int64_t>(ranks.size()));
}

void ZRemRangeByRank(Call& call) { EraseRange(call, RangeKind::kRank, "zremrangebyrank"); }
void ZRemRangeByScore(Call& call) { EraseRange(call, RangeKind::kScore, "zremrangebyscore"); }
void ZRemRangeByLex(Call& call) { EraseRange(call, RangeKind::kLexical, "zremrangebylex"); }

constexpr CommandSpec kSortedSetRangesCommands[] = {
    {.name = "zrange",
     .run = ZRange,
     .arity = -4,
     .flags = kReadOnly,
     .keys = {OneKey(kRO | kKeyAccess)},
     .group = Group::kSortedSet,
     .since = "1.2.0",
     .complexity = "O(log(N)+M) where N is the size of the sorted set and M that of the reply",
     .summary = "Gives the members of a sorted set within a range of ranks, scores or members.",
     .arguments = "key:key start:string stop:string [sortby: BYSCORE | BYLEX]@6.2.0 [REV]@6.2.0"
                  " LIMIT [limit: offset:integer count:integer]@6.2.0 [WITHSCORES]",
     .history = "6.2.0: Added the `REV`, `BYSCORE`, `BYLEX` and `LIMIT` options."},
    {.name = "zrangestore",
     .run = ZRangeStore,
     .arity = -5,
     .flags = kWrite | kDenyOom,
     .keys = {OneKey(kOW | kKeyUpdate), OneKey(kRO | kKeyAccess, 2)},
     .group = Group::kSortedSet,
     .since = "6.2.0",
     .complexity = "O(log(N)+M) where N is the size of the sorted set and M the number of members"
                   " stored",
     .summary = "Stores the members of a sorted set within a range as another sorted set.",
     .arguments = "dst:key src:key min:string max:string [sortby: BYSCORE | BYLEX] [REV]"
                  " LIMIT [limit: offset:integer count:integer]"},
    {.name = "zrevrange",
     .run = ZRevRange,
     .arity = -4,
     .flags = kReadOnly,
     .keys = {OneKey(kRO | kKeyAccess)},
     .group = Group::kSortedSet,
     .since = "1.2.0",
     .complexity = "O(log(N)+M) where N is the size of the sorted set and M that of the reply",
     .summary =
         "Gives the members of a sorted set within a range of ranks from the highest score on.",
     .arguments = "key:key start:integer stop:integer [WITHSCORES]",
     .deprecated_since = "6.2.0",
     .replaced_by = "`ZRANGE` with the `REV` argument"},
    {.name = "zrangebyscore",
     .run = ZRangeByScore,
     .arity = -4,
     .flags = kReadOnly,
     .keys = {OneKey(kRO | kKeyAccess)},
     .group = Group::kSortedSet,
     .since = "1.0.5",
     .complexity = "O(log(N)+M) where N is the size of the sorted set and M that of the reply",
     .summary = "Gives the members of a sorted set within a range of scores.",
     .arguments = "key:key min:double max:double [WITHSCORES]@2.0.0"
                  " LIMIT [limit: offset:integer count:integer]",
     .history = "2.0.0: Added the `WITHSCORES` modifier.",
     .deprecated_since = "6.2.0",
     .replaced_by = "`ZRANGE` with the `BYSCORE` argument"},
    {.name = "zrevrangebyscore",
     .run = ZRevRangeByScore,
     .arity = -4,
     .flags = kReadOnly,
     .keys = {OneKey(kRO | kKeyAccess)},
     .group = Group::kSortedSet,
     .since = "2.2.0",
     .complexity = "O(log(N)+M) where N is the size of the sorted set and M that of the reply",
     .summary = "Gives the members of a sorted set within a range of scores, the highest first.",
     .arguments = "key:key max:double min:double [WITHSCORES]"
                  " LIMIT [limit: offset:integer count:integer]",
     .deprecated_since = "6.2.0",
     .replaced_by = "`ZRANGE` with the `REV` and `BYSCORE` arguments"},
    {.name = "zrangebylex",
     .run = ZRangeByLex,
     .arity = -4,
     .flags = kReadOnly,
     .keys = {OneKey(kRO | kKeyAccess)},
     .group = Group::kSortedSet,
     .since = "2.8.9",
     .complexity = "O(log(N)+M) where N is the size of the sorted set and M that of the reply",
     .summary = "Gives the members within a range of a sorted set where all scores are the same.",
     .arguments = "key:key min:string max:string LIMIT [limit: offset:integer count:integer]",
     .deprecated_since = "6.2.0",
     .replaced_by = "`ZRANGE` with the `BYLEX` argument"},
    {.name = "zrevrangebylex",
     .run = ZRevRangeByLex,
     .arity = -4,
     .flags = kReadOnly,
     .keys = {OneKey(kRO | kKeyAccess)},
     .group = Group::kSortedSet,
     .since = "2.8.9",
     .complexity = "O(log(N)+M) where N is the size of the sorted set and M that of the reply",
     .summary = "Gives the members within a range of a sorted set where all scores are the same,"
                " the last first.",
     .arguments = "key:key max:string min:string LIMIT [limit: offset:integer count:integer]",
     .deprecated_since = "6.2.0",
     .replaced_by = "`ZRANGE` with the `REV` and `BYLEX` arguments"},
    {.name = "zcount",
     .run = ZCount,
     .arity = 4,
     .flags = kReadOnly | kFast,
     .keys = {OneKey(kRO | kKeyAccess)},
     .group = Group::kSortedSet,
     .since = "2.0.0",
     .complexity = "O(log(N)) where N is the size of the sorted set",
     .summary = "Counts the members of a sorted set within a range of scores.",
     .arguments = "key:key min:double max:double"},
    {.name = "zlexcount",
     .run = ZLexCount,
     .arity = 4,
     .flags = kReadOnly | kFast,
     .keys = {OneKey(kRO | kKeyAccess)},
     .group = Group::kSortedSet,
     .since = "2.8.9",
     .complexity = "O(log(N)) where N is the size of the sorted set",
     .summary = "Counts the members within a range of a sorted set where all scores are the same.",
     .arguments = "key:key min:string max:string"},
    {.name = "zremrangebyrank",
     .run = ZRemRangeByRank,
     .arity = 4,
     .flags = kWrite,
     .keys = {OneKey(kRW | kKeyDelete)},
     .group = Group::kSortedSet,
     .since = "2.0.0",
     .complexity = "O(log(N)+M) where N is the size of the sorted set and M the number of members"
                   " removed",
     .summary = "Removes the members of a sorted set within a range of ranks.",
     .arguments = "key:key start:integer stop:integer"},
    {.name = "zremrangebyscore",
     .run = ZRemRangeByScore,
     .arity = 4,
     .flags = kWrite,
     .keys = {OneKey(kRW | kKeyDelete)},
     .group = Group::kSortedSet,
     .since = "1.2.0",
     .complexity = "O(log(N)+M) where N is the size of the sorted set and M the number of members"
                   " removed",
     .summary = "Removes the members of a sorted set within a range of scores.",
     .arguments = "key:key min:double max:double"},
    {.name = "zremrangebylex",
     .run = ZRemRangeByLex,
     .arity = 4,
     .flags = kWrite,
     .keys = {OneKey(kRW | kKeyDelete)},
     .group = Group::kSortedSet,
     .since = "2.8.9",
     .complexity = "O(log(N)+M) where N is the size of the sorted set and M the number of members"
                   " removed",
     .summary = "Removes the members within a range of a sorted set where all scores are the same.",
     .arguments = "key:key min:string max:string"},
};
static_assert(WellFormed(kSortedSetRangesCommands));

}  // namespace

std::span<const CommandSpec> SortedSetRangeCommands() { return kSortedSetRangesCommands; }

}  // namespace alai
