// What is pending in consumer groups: XPENDING shows it, XCLAIM and XAUTOCLAIM hand it to other consumers.
#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/types/stream_groups.h"
#include "protocol/error_text.h"
#include "server/call.h"
#include "server/command_spec.h"
#include "server/commands/stream_arguments.h"
#include "server/commands/stream_group_errors.h"
#include "server/commands/stream_reply.h"

namespace alai {
namespace {

using streams::GroupAt;

// Lowest and highest id, and how many there are for each consumer that has any.
void ReplySummary(ReplyWriter& reply, const ConsumerGroup& group) {
  reply.Array(4);
  reply.Integer(static_cast<int64_t>(group.pending().size()));
  if (group.pending().size() == 0) {
    reply.Null();
    reply.Null();
    return reply.NullArray();
  }
  WriteStreamId(reply, group.pending().first_id());
  WriteStreamId(reply, group.pending().last_id());
  const ReplyWriter::Open open = reply.BeginArray();
  size_t consumers = 0;
  for (const Consumer* consumer : group.consumers()) {
    if (consumer->pending().size() == 0) continue;
    ++consumers;
    reply.Array(2);
    reply.Bulk(consumer->name());
    reply.BulkInteger(static_cast<int64_t>(consumer->pending().size()));
  }
  reply.EndArray(open, consumers);
}

// Which pending entries are to be shown.
struct PendingFilter {
  int64_t idle_ms_min = 0;
  StreamId from;
  StreamId to;
  uint64_t count_max = 0;
  std::optional<std::string_view> consumer;
};

// Of what follows the group's name, a stock server reads the count first, and does not mind a word too many.
bool ReadFilter(ArgReader& args, PendingFilter* filter) {
  constexpr size_t kWordsMax = 6;
  if (args.remaining() < 3 || args.remaining() > kWordsMax) args.Fail(error_text::kSyntax);
  if (args.TakeWord("IDLE")) {
    filter->idle_ms_min = args.Int64();
    if (args.remaining() < 3) args.Fail(error_text::kSyntax);
  }
  const std::span<const std::string_view> words = args.rest();
  if (!args.ok()) return false;
  ArgReader count(words.subspan(2));
  filter->count_max = ReadStreamCount(count, 0);
  if (!count.ok()) args.Fail(count.error());
  filter->from = ReadRangeStart(args);
  filter->to = ReadRangeEnd(args);
  if (words.size() > 3) filter->consumer = words[3];
  return args.ok();
}

void ReplyPending(Call& call, const ConsumerGroup& group, const PendingFilter& filter) {
  ReplyWriter& reply = call.reply();
  const Consumer* consumer =
      filter.consumer.has_value() ? group.FindConsumer(*filter.consumer) : nullptr;
  if (filter.consumer.has_value() && consumer == nullptr) return reply.Array(0);
  const ReplyWriter::Open open = reply.BeginArray();
  uint64_t count = 0;
  PendingRange pending(group, consumer, filter.from, filter.to);
  while (count < filter.count_max && pending.Next()) {
    const PendingEntry& entry = pending.entry();
    const int64_t idle_ms = std::max<int64_t>(call.now() - entry.delivered_at, 0);
    if (idle_ms < filter.idle_ms_min) continue;
    ++count;
    reply.Array(4);
    WriteStreamId(reply, pending.id());
    reply.Bulk(entry.consumer->name());
    reply.Integer(idle_ms);
    reply.Integer(static_cast<int64_t>(entry.deliveries));
  }
  reply.EndArray(open, count);
}

void XPending(Call& call) {
  ArgReader args = call.args();
  const std::string_view key = args.String();
  const std::string_view group = args.String();
  const bool summary = args.remaining() == 0;
  PendingFilter filter;
  if (!summary && !ReadFilter(args, &filter)) return call.Fail(args.error());
  const Result<GroupAt> found = streams::FindGroup(call.db(), call.Key(key), group, Lookup::kUse);
  if (!found.ok()) return FailWithoutGroup(call, found.error(), key, group);
  if (summary) return ReplySummary(call.reply(), *found->group);
  ReplyPending(call, *found->group, filter);
}

// Milliseconds; negative numbers count as 0.
int64_t ReadIdle(ArgReader& args, std::string_view error) {
  return std::max<int64_t>(args.Int64(error), 0);
}

// The ids that are next; what follows them are options.
std::vector<StreamId> ReadIds(ArgReader& args) {
  std::vector<StreamId> ids;
  for (const std::string_view text : args.rest()) {
    const std::optional<StreamId> id = StreamId::Parse(text, 0);
    if (!id.has_value()) break;
    ids.push_back(*id);
  }
  args.Take(ids.size());
  return ids;
}

// Options of XCLAIM; a word that is none becomes part of the error that `unknown` holds.
void ReadClaimOptions(ArgReader& args, UnixMillis now, streams::ClaimRequest* request,
                      std::string* unknown) {
  UnixMillis& delivered_at = request->terms.delivered_at;
  delivered_at = now;
  while (args.remaining() > 0) {
    const bool has_value = args.remaining() > 1;
    if (args.TakeWord("FORCE")) {
      request->force = true;
    } else if (args.TakeWord("JUSTID")) {
      request->terms.id_alone = true;
    } else if (has_value && args.TakeWord("IDLE")) {
      const int64_t idle_ms = args.Int64("ERR Invalid IDLE option argument for XCLAIM");
      if (__builtin_sub_overflow(now, idle_ms, &delivered_at)) delivered_at = now;
    } else if (has_value && args.TakeWord("TIME")) {
      delivered_at = args.Int64("ERR Invalid TIME option argument for XCLAIM");
    } else if (has_value && args.TakeWord("RETRYCOUNT")) {
      const int64_t count = args.Int64("ERR Invalid RETRYCOUNT option argument for XCLAIM");
      request->terms.deliveries.reset();
      if (count >= 0) request->terms.deliveries = static_cast<uint64_t>(count);
    } else if (has_value && args.TakeWord("LASTID")) {
      request->last_id = ReadStreamId(args);
    } else {
      *unknown = "ERR Unrecognized XCLAIM option '" + std::string(args.String()) + "'";
      return args.Fail(*unknown);
    }
  }
  // Neither in the future nor before time began.
  if (delivered_at < 0 || delivered_at > now) delivered_at = now;
}

// An array of ids, or of the entries that they belong to.
void WriteClaimed(ReplyWriter& reply, const Stream& stream, std::span<const StreamId> ids,
                  bool id_alone) {
  reply.Array(ids.size());
  for (const StreamId id : ids) {
    StreamEntry entry;
    if (id_alone) {
      WriteStreamId(reply, id);
    } else if (stream.Find(id, &entry)) {
      WriteStreamEntry(reply, entry);
    }
  }
}

void XClaim(Call& call) {
  ArgReader args = call.args();
  const KeyView key = call.Key(args.String());
  const std::string_view group = args.String();
  const Result<GroupAt> found = streams::FindGroup(call.db(), key, group, Lookup::kUse);
  if (!found.ok()) return FailWithoutGroup(call, found.error(), key.bytes, group);
  streams::ClaimRequest request = {.consumer = args.String()};
  request.idle_ms_min = ReadIdle(args, "ERR Invalid min-idle-time argument for XCLAIM");
  const std::vector<StreamId> ids = ReadIds(args);
  std::string unknown;
  ReadClaimOptions(args, call.now(), &request, &unknown);
  if (!args.Done()) return call.Fail(args.error());
  const std::vector<StreamId> claimed = streams::Claim(call.db(), key, *found, request, ids);
  WriteClaimed(call.reply(), *found->stream, claimed, request.terms.id_alone);
}

void ReadAutoClaimOptions(ArgReader& args, AutoClaim::Options* options) {
  constexpr std::string_view kCountNotPositive = "ERR COUNT must be > 0";
  // So that what a walk may look at can be counted.
  constexpr int64_t kCountMax = INT64_MAX / 16;
  while (args.remaining() > 0) {
    if (args.remaining() > 1 && args.TakeWord("COUNT")) {
      options->count =
          static_cast<uint64_t>(args.Int64(1, kCountMax, kCountNotPositive, kCountNotPositive));
    } else if (args.TakeWord("JUSTID")) {
      options->id_alone = true;
    } else {
      args.Fail(error_text::kSyntax);
    }
  }
}

void XAutoClaim(Call& call) {
  ArgReader args = call.args();
  const KeyView key = call.Key(args.String());
  const std::string_view group = args.String();
  // The look at the key counts, whatever else is wrong.
  const Result<GroupAt> found = streams::FindGroup(call.db(), key, group, Lookup::kUse);
  const std::string_view consumer = args.String();
  AutoClaim::Options options;
  options.idle_ms_min = ReadIdle(args, "ERR Invalid min-idle-time argument for XAUTOCLAIM");
  options.start = ReadRangeStart(args);
  ReadAutoClaimOptions(args, &options);
  if (!args.Done()) return call.Fail(args.error());
  if (!found.ok()) return FailWithoutGroup(call, found.error(), key.bytes, group);
  if (call.db().logs_changes() &&
      !call.db().ReserveLog(streams::ClaimIdleEffectBytes(key, *found, consumer, options))) {
    return;
  }
  const streams::AutoClaimed result = streams::ClaimIdle(call.db(), key, *found, consumer, options);
  ReplyWriter& reply = call.reply();
  reply.Array(3);
  WriteStreamId(reply, result.next);
  WriteClaimed(reply, *found->stream, result.claimed, options.id_alone);
  WriteClaimed(reply, *found->stream, result.forgotten, /*id_alone=*/true);
}

constexpr CommandSpec kStreamPendingCommands[] = {
    {.name = "xautoclaim",
     .run = XAutoClaim,
     .arity = -6,
     .flags = kWrite | kFast,
     .keys = {OneKey(kRW | kKeyDelete)},
     .group = Group::kStream,
     .since = "6.2.0",
     .complexity = "O(1) if COUNT is small",
     .summary = "Hands pending entries that have been idle for long to another consumer.",
     .arguments = "key:key group:string consumer:string min-idle-time:string start:string"
                  " [COUNT count:integer] [JUSTID]",
     .tips = "nondeterministic_output",
     .history = "7.0.0: Forgets entries that were deleted, and shows their ids."},
    {.name = "xclaim",
     .run = XClaim,
     .arity = -6,
     .flags = kWrite | kFast,
     .keys = {OneKey(kRW | kKeyUpdate)},
     .group = Group::kStream,
     .since = "5.0.0",
     .complexity = "O(log N) for each id, where N is the number of the group's pending entries",
     .summary = "Hands pending entries to another consumer.",
     .arguments = "key:key group:string consumer:string min-idle-time:string id:string*"
                  " [IDLE ms:integer] [TIME unix-time-milliseconds:unix-time]"
                  " [RETRYCOUNT count:integer] [FORCE] [JUSTID] [LASTID lastid:string]",
     .tips = "nondeterministic_output"},
    {.name = "xpending",
     .run = XPending,
     .arity = -3,
     .flags = kReadOnly,
     .keys = {OneKey(kRO | kKeyAccess)},
     .group = Group::kStream,
     .since = "5.0.0",
     .complexity = "O(N) where N is the number of entries shown, or of consumers in the summary;"
                   " with IDLE, of entries looked at",
     .summary = "Shows which entries a consumer group was given and has not acknowledged.",
     .arguments = "key:key group:string [filters: [IDLE min-idle-time:integer]@6.2.0 start:string"
                  " end:string count:integer [consumer:string]]",
     .tips = "nondeterministic_output",
     .history = "6.2.0: Knows IDLE and bounds that are left out."},
};
static_assert(WellFormed(kStreamPendingCommands));

}  // namespace

std::span<const CommandSpec> StreamPendingCommands() { return kStreamPendingCommands; }

}  // namespace alai
