// SLOWLOG and COMMANDLOG: reading and clearing the logs of notable commands.
//
// Threads     Any worker; the log has its own mutex.
#include <cstdint>
#include <limits>

#include "engine/base/ascii.h"
#include "server/call.h"
#include "server/help_reply.h"
#include "server/server.h"
#include "server/slow_log.h"

namespace alai {
namespace {

constexpr std::string_view kBadCount = "ERR count should be greater than or equal to -1";
constexpr std::string_view kBadKind =
    "ERR type should be one of the following: slow, large-request, large-reply";
constexpr int64_t kSlowLogCountDefault = 10;

int64_t ReadCount(ArgReader& args) {
  return args.Int64(-1, std::numeric_limits<int64_t>::max(), kBadCount, kBadCount);
}

CommandLogKind ReadKind(ArgReader& args) {
  if (args.TakeWord("slow")) return CommandLogKind::kSlow;
  if (args.TakeWord("large-request")) return CommandLogKind::kLargeRequest;
  if (args.TakeWord("large-reply")) return CommandLogKind::kLargeReply;
  args.Fail(kBadKind);
  return CommandLogKind::kSlow;
}

void ReplyEntries(Call& call, CommandLogKind kind, int64_t count) {
  const size_t limit = count < 0 ? SIZE_MAX : static_cast<size_t>(count);
  const auto entries = call.server().command_log().Newest(kind, limit);
  ReplyWriter& reply = call.reply();
  reply.Array(entries.size());
  for (const auto& entry : entries) {
    reply.Array(6);
    reply.Integer(entry->id);
    reply.Integer(entry->time_s);
    reply.Integer(entry->value);
    reply.Array(entry->arguments.size());
    for (const std::string& argument : entry->arguments) reply.Bulk(argument);
    reply.Bulk(entry->client_address);
    reply.Bulk(entry->client_name);
  }
}

void SlowLogGet(Call& call) {
  ArgReader args = call.args();
  if (args.remaining() > 1) {
    return call.Fail(error_text::SubcommandSyntax("slowlog", call.argv()[1]));
  }
  const int64_t count = args.remaining() == 0 ? kSlowLogCountDefault : ReadCount(args);
  if (!args.Done()) return call.Fail(args.error());
  ReplyEntries(call, CommandLogKind::kSlow, count);
}

void SlowLogLen(Call& call) {
  const size_t length = call.server().command_log().Length(CommandLogKind::kSlow);
  call.reply().Integer(static_cast<int64_t>(length));
}

void SlowLogReset(Call& call) {
  call.server().command_log().Clear(CommandLogKind::kSlow);
  call.reply().Ok();
}

void SlowLogHelp(Call& call) {
  ReplyHelp(call.reply(), "SLOWLOG",
            {
                "GET [<count>]",
                "    Show the newest <count> entries (10 when not given, -1 for all of them). Each",
                "    has an id, the Unix time, the microseconds it took, the command with its",
                "    arguments, and the client's address and name.",
                "LEN",
                "    Count the entries.",
                "RESET",
                "    Remove all entries.",
            });
}

void CommandLogGet(Call& call) {
  ArgReader args = call.args();
  const int64_t count = ReadCount(args);
  const CommandLogKind kind = ReadKind(args);
  if (!args.Done()) return call.Fail(args.error());
  ReplyEntries(call, kind, count);
}

void CommandLogLen(Call& call) {
  ArgReader args = call.args();
  const CommandLogKind kind = ReadKind(args);
  if (!args.Done()) return call.Fail(args.error());
  call.reply().Integer(static_cast<int64_t>(call.server().command_log().Length(kind)));
}

void CommandLogReset(Call& call) {
  ArgReader args = call.args();
  const CommandLogKind kind = ReadKind(args);
  if (!args.Done()) return call.Fail(args.error());
  call.server().command_log().Clear(kind);
  call.reply().Ok();
}

void CommandLogHelp(Call& call) {
  ReplyHelp(call.reply(), "COMMANDLOG",
            {
                "GET <count> <type>",
                "    Show the newest <count> entries (-1 for all of them) of a log: slow,",
                "    large-request or large-reply. Each has an id, the Unix time, the microseconds",
                "    or bytes it took, the command with its arguments, and the client's address",
                "    and name.",
                "LEN <type>",
                "    Count the entries of a log.",
                "RESET <type>",
                "    Remove all entries of a log.",
            });
}

constexpr uint32_t kLogFlags = kAdmin | kLoading | kStale;
constexpr std::string_view kEveryNodeInAnyOrder =
    "request_policy:all_nodes nondeterministic_output";
constexpr std::string_view kSumOfNodes =
    "request_policy:all_nodes response_policy:agg_sum nondeterministic_output";
constexpr std::string_view kAllSucceed = "request_policy:all_nodes response_policy:all_succeeded";

constexpr CommandSpec kSlowLogSubcommands[] = {
    {.name = "get",
     .run = SlowLogGet,
     .arity = -2,
     .flags = kLogFlags,
     .group = Group::kServer,
     .since = "2.2.12",
     .complexity = "O(N) where N is the number of entries shown",
     .summary = "Shows the slowest commands of late, newest first.",
     .arguments = "[count:integer]",
     .tips = kEveryNodeInAnyOrder,
     .history = "4.0.0: Entries name the client's address and name."},
    {.name = "help",
     .run = SlowLogHelp,
     .arity = 2,
     .flags = kLoading | kStale,
     .group = Group::kServer,
     .since = "6.2.0",
     .complexity = "O(1)",
     .summary = "Lists the subcommands."},
    {.name = "len",
     .run = SlowLogLen,
     .arity = 2,
     .flags = kLogFlags,
     .group = Group::kServer,
     .since = "2.2.12",
     .complexity = "O(1)",
     .summary = "Counts the entries of the slow log.",
     .tips = kSumOfNodes},
    {.name = "reset",
     .run = SlowLogReset,
     .arity = 2,
     .flags = kLogFlags,
     .group = Group::kServer,
     .since = "2.2.12",
     .complexity = "O(N) where N is the number of entries",
     .summary = "Empties the slow log.",
     .tips = kAllSucceed},
};

constexpr std::string_view kKindArgument = "(type: SLOW | LARGE-REQUEST | LARGE-REPLY)";

constexpr CommandSpec kCommandLogSubcommands[] = {
    {.name = "get",
     .run = CommandLogGet,
     .arity = 4,
     .flags = kLogFlags,
     .group = Group::kServer,
     .since = "8.1.0",
     .complexity = "O(N) where N is the number of entries shown",
     .summary = "Shows the entries of a command log, newest first.",
     .arguments = "count:integer (type: SLOW | LARGE-REQUEST | LARGE-REPLY)",
     .tips = kEveryNodeInAnyOrder},
    {.name = "help",
     .run = CommandLogHelp,
     .arity = 2,
     .flags = kLoading | kStale,
     .group = Group::kServer,
     .since = "8.1.0",
     .complexity = "O(1)",
     .summary = "Lists the subcommands."},
    {.name = "len",
     .run = CommandLogLen,
     .arity = 3,
     .flags = kLogFlags,
     .group = Group::kServer,
     .since = "8.1.0",
     .complexity = "O(1)",
     .summary = "Counts the entries of a command log.",
     .arguments = kKindArgument,
     .tips = kSumOfNodes},
    {.name = "reset",
     .run = CommandLogReset,
     .arity = 3,
     .flags = kLogFlags,
     .group = Group::kServer,
     .since = "8.1.0",
     .complexity = "O(N) where N is the number of entries",
     .summary = "Empties a command log.",
     .arguments = kKindArgument,
     .tips = kAllSucceed},
};

constexpr CommandSpec kSlowlogCommands[] = {
    {.name = "slowlog",
     .arity = -2,
     .group = Group::kServer,
     .since = "2.2.12",
     .complexity = "Depends on the subcommand",
     .summary = "Reads and empties the log of slow commands.",
     .subcommands = kSlowLogSubcommands},
    {.name = "commandlog",
     .arity = -2,
     .group = Group::kServer,
     .since = "8.1.0",
     .complexity = "Depends on the subcommand",
     .summary = "Reads and empties the logs of slow and of large commands.",
     .subcommands = kCommandLogSubcommands},
};
static_assert(WellFormed(kSlowlogCommands));

}  // namespace

std::span<const CommandSpec> SlowLogCommands() { return kSlowlogCommands; }

}  // namespace alai
