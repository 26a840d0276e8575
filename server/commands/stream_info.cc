// XINFO: what a stream consists of.
#include <algorithm>
#include <optional>

#include "engine/types/stream_groups.h"
#include "engine/types/streams.h"
#include "protocol/error_text.h"
#include "server/call.h"
#include "server/command_spec.h"
#include "server/commands/stream_arguments.h"
#include "server/commands/stream_group_errors.h"
#include "server/commands/stream_reply.h"
#include "server/help_reply.h"

namespace alai {
namespace {

void WriteUnsigned(ReplyWriter& reply, uint64_t value) {
  reply.Integer(static_cast<int64_t>(value));
}

// What both forms of XINFO STREAM begin with: seven pairs.
constexpr size_t kFigures = 7;
void WriteFigures(ReplyWriter& reply, const Stream& stream) {
  reply.Bulk("length");
  WriteUnsigned(reply, stream.length());
  reply.Bulk("radix-tree-keys");
  WriteUnsigned(reply, stream.block_count());
  reply.Bulk("radix-tree-nodes");
  WriteUnsigned(reply, stream.CountDirectoryNodes());
  reply.Bulk("last-generated-id");
  WriteStreamId(reply, stream.last_id());
  reply.Bulk("max-deleted-entry-id");
  WriteStreamId(reply, stream.max_deleted_id());
  reply.Bulk("entries-added");
  WriteUnsigned(reply, stream.entries_added());
  reply.Bulk("recorded-first-entry-id");
  WriteStreamId(reply, stream.first_id());
}

void WriteFirstOf(ReplyWriter& reply, StreamRange range) {
  if (range.Next()) {
    WriteStreamEntry(reply, range.entry());
  } else {
    reply.Null();
  }
}

void WriteBrief(ReplyWriter& reply, const Stream& stream) {
  reply.Map(kFigures + 3);
  WriteFigures(reply, stream);
  reply.Bulk("groups");
  WriteUnsigned(reply, stream.groups().size());
  reply.Bulk("first-entry");
  WriteFirstOf(reply, stream.Range(StreamId::Min(), StreamId::Max()));
  reply.Bulk("last-entry");
  WriteFirstOf(reply, stream.ReverseRange(StreamId::Min(), StreamId::Max()));
}

// The first `count_max` pending entries, 0 for all; those of a consumer without its name.
void WritePending(ReplyWriter& reply, const ConsumerGroup& group, const Consumer* consumer,
                  uint64_t count_max) {
  const ReplyWriter::Open open = reply.BeginArray();
  uint64_t count = 0;
  PendingRange range(group, consumer, StreamId::Min(), StreamId::Max());
  for (; (count_max == 0 || count < count_max) && range.Next(); ++count) {
    const PendingEntry& entry = range.entry();
    reply.Array(consumer == nullptr ? 4 : 3);
    WriteStreamId(reply, range.id());
    if (consumer == nullptr) reply.Bulk(entry.consumer->name());
    reply.Integer(entry.delivered_at);
    WriteUnsigned(reply, entry.deliveries);
  }
  reply.EndArray(open, count);
}

void WriteConsumer(ReplyWriter& reply, const ConsumerGroup& group, const Consumer& consumer,
                   uint64_t count_max) {
  reply.Map(5);
  reply.Bulk("name");
  reply.Bulk(consumer.name());
  reply.Bulk("seen-time");
  reply.Integer(consumer.seen_at());
  reply.Bulk("active-time");
  reply.Integer(consumer.active_at());
  reply.Bulk("pel-count");
  WriteUnsigned(reply, consumer.pending().size());
  reply.Bulk("pending");
  WritePending(reply, group, &consumer, count_max);
}

void WriteIfKnown(ReplyWriter& reply, std::optional<int64_t> value) {
  if (value.has_value()) {
    reply.Integer(*value);
  } else {
    reply.Null();
  }
}

std::optional<int64_t> EntriesRead(const ConsumerGroup& group) {
  if (group.entries_read() == ConsumerGroup::kReadUnknown) return std::nullopt;
  return group.entries_read();
}

void WriteGroup(ReplyWriter& reply, const Stream& stream, const ConsumerGroup& group,
                uint64_t count_max) {
  reply.Map(7);
  reply.Bulk("name");
  reply.Bulk(group.name());
  reply.Bulk("last-delivered-id");
  WriteStreamId(reply, group.last_id());
  reply.Bulk("entries-read");
  WriteIfKnown(reply, EntriesRead(group));
  reply.Bulk("lag");
  WriteIfKnown(reply, stream.Lag(group));
  reply.Bulk("pel-count");
  WriteUnsigned(reply, group.pending().size());
  reply.Bulk("pending");
  WritePending(reply, group, nullptr, count_max);
  reply.Bulk("consumers");
  reply.Array(group.consumers().size());
  for (const Consumer* consumer : group.consumers()) {
    WriteConsumer(reply, group, *consumer, count_max);
  }
}

void WriteFull(ReplyWriter& reply, const Stream& stream, uint64_t count_max) {
  reply.Map(kFigures + 2);
  WriteFigures(reply, stream);
  reply.Bulk("entries");
  WriteStreamRange(reply, stream.Range(StreamId::Min(), StreamId::Max()), count_max);
  reply.Bulk("groups");
  reply.Array(stream.groups().size());
  for (const ConsumerGroup* group : stream.groups()) WriteGroup(reply, stream, *group, count_max);
}

// The stream of an XINFO; nullptr when the call has failed, which a missing key comes to.
const Stream* FindStream(Call& call) {
  const Result<const Stream*> stream = streams::Read(call.db(), call.Key(call.argv()[2]));
  if (stream.ok() && *stream != nullptr) return *stream;
  call.Fail(stream.ok() ? Errc::kNoKey : stream.error());
  return nullptr;
}

void XInfoStream(Call& call) {
  constexpr uint64_t kShown = 10;
  const Stream* stream = FindStream(call);
  if (stream == nullptr) return;
  ArgReader args = call.args();
  args.String();
  if (args.remaining() == 0) return WriteBrief(call.reply(), *stream);
  const bool full = args.TakeWord("FULL");
  uint64_t count_max = kShown;
  if (full && args.remaining() == 2 && args.TakeWord("COUNT")) {
    count_max = ReadStreamCount(args, kShown);
    if (!args.ok()) return call.Fail(args.error());
  }
  if (!full || args.remaining() != 0) {
    return call.Fail(error_text::SubcommandSyntax("xinfo", call.argv()[1]));
  }
  WriteFull(call.reply(), *stream, count_max);
}

void XInfoGroups(Call& call) {
  const Stream* stream = FindStream(call);
  if (stream == nullptr) return;
  ReplyWriter& reply = call.reply();
  reply.Array(stream->groups().size());
  for (const ConsumerGroup* group : stream->groups()) {
    reply.Map(6);
    reply.Bulk("name");
    reply.Bulk(group->name());
    reply.Bulk("consumers");
    WriteUnsigned(reply, group->consumers().size());
    reply.Bulk("pending");
    WriteUnsigned(reply, group->pending().size());
    reply.Bulk("last-delivered-id");
    WriteStreamId(reply, group->last_id());
    reply.Bulk("entries-read");
    WriteIfKnown(reply, EntriesRead(*group));
    reply.Bulk("lag");
    WriteIfKnown(reply, stream->Lag(*group));
  }
}

// Milliseconds since a time, which the clock may be behind of; -1: it never came.
int64_t MillisSince(UnixMillis then, UnixMillis now) {
  return then == Consumer::kNever ? -1 : std::max<int64_t>(now - then, 0);
}

void XInfoConsumers(Call& call) {
  const Stream* stream = FindStream(call);
  if (stream == nullptr) return;
  const ConsumerGroup* group = stream->FindGroup(call.argv()[3]);
  if (group == nullptr) return call.Fail(NoSuchGroup(call.argv()[2], call.argv()[3]));
  ReplyWriter& reply = call.reply();
  reply.Array(group->consumers().size());
  for (const Consumer* consumer : group->consumers()) {
    reply.Map(4);
    reply.Bulk("name");
    reply.Bulk(consumer->name());
    reply.Bulk("pending");
    WriteUnsigned(reply, consumer->pending().size());
    reply.Bulk("idle");
    reply.Integer(MillisSince(consumer->seen_at(), call.now()));
    reply.Bulk("inactive");
    reply.Integer(MillisSince(consumer->active_at(), call.now()));
  }
}

void XInfoHelp(Call& call) {
  ReplyHelp(call.reply(), "XINFO",
            {"CONSUMERS <key> <groupname>", "    Tell of the consumers of a group.", "GROUPS <key>",
             "    Tell of the consumer groups of a stream.", "STREAM <key> [FULL [COUNT <count>]]",
             "    Tell of a stream; with FULL also of its entries, groups and consumers,",
             "    of entries up to <count> in each place, 0 for all; without COUNT up to 10."});
}

constexpr CommandSpec kStreamInfoSubcommands[] = {
    {.name = "consumers",
     .run = XInfoConsumers,
     .arity = 4,
     .flags = kReadOnly,
     .keys = {OneKey(kRO | kKeyAccess, 2)},
     .group = Group::kStream,
     .since = "5.0.0",
     .complexity = "O(N) where N is the number of consumers",
     .summary = "Tells of the consumers of a group.",
     .arguments = "key:key group:string",
     .tips = "nondeterministic_output",
     .history = "7.2.0: Added the `inactive` field, and changed the meaning of `idle`."},
    {.name = "groups",
     .run = XInfoGroups,
     .arity = 3,
     .flags = kReadOnly,
     .keys = {OneKey(kRO | kKeyAccess, 2)},
     .group = Group::kStream,
     .since = "5.0.0",
     .complexity = "O(N) where N is the number of groups",
     .summary = "Tells of the consumer groups of a stream.",
     .arguments = "key:key",
     .history = "7.0.0: Added the `entries-read` and `lag` fields."},
    {.name = "help",
     .run = XInfoHelp,
     .arity = 2,
     .flags = kLoading | kStale,
     .group = Group::kStream,
     .since = "5.0.0",
     .complexity = "O(1)",
     .summary = "Explains the subcommands."},
    {.name = "stream",
     .run = XInfoStream,
     .arity = -3,
     .flags = kReadOnly,
     .keys = {OneKey(kRO | kKeyAccess, 2)},
     .group = Group::kStream,
     .since = "5.0.0",
     .complexity = "O(1), or O(N) with FULL, where N is the number of what is shown",
     .summary = "Tells what a stream consists of.",
     .arguments = "key:key [full-block: full=FULL [COUNT count:integer]]",
     .history = "6.0.0: Added the `FULL` modifier. | 7.0.0: Added the `max-deleted-entry-id`,"
                " `entries-added`, `recorded-first-entry-id`, `entries-read` and `lag` fields."
                " | 7.2.0: Added the `active-time` field, and changed the meaning of"
                " `seen-time`."},
};

constexpr CommandSpec kStreamInfoCommands[] = {
    {.name = "xinfo",
     .arity = -2,
     .group = Group::kStream,
     .since = "5.0.0",
     .complexity = "Depends on the subcommand",
     .summary = "Tells of streams, consumer groups and consumers.",
     .subcommands = kStreamInfoSubcommands},
};
static_assert(WellFormed(kStreamInfoCommands));

}  // namespace

std::span<const CommandSpec> StreamInfoCommands() { return kStreamInfoCommands; }

}  // namespace alai
