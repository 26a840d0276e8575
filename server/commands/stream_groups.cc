// XGROUP, and XACK: consumer groups of streams come and go, and forget what was acknowledged.
#include "engine/types/stream_groups.h"

#include <optional>
#include <string>
#include <vector>

#include "engine/types/streams.h"
#include "protocol/error_text.h"
#include "server/call.h"
#include "server/command_spec.h"
#include "server/commands/stream_arguments.h"
#include "server/commands/stream_group_errors.h"
#include "server/help_reply.h"

namespace alai {
namespace {

using streams::GroupAt;
using streams::GroupPosition;

constexpr std::string_view kKeyRequired =
    "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use "
    "the MKSTREAM option to create an empty stream automatically.";
constexpr std::string_view kGroupExists = "BUSYGROUP Consumer Group name already exists";
constexpr std::string_view kEntriesReadNegative =
    "ERR value for ENTRIESREAD must be positive or -1";

// The arguments of every subcommand: key and group, then its own.
struct GroupName {
  KeyView key;
  std::string_view group;
};

GroupName NameOf(Call& call) { return {call.Key(call.argv()[2]), call.argv()[3]}; }

void FailToFind(Call& call, const GroupName& name, Errc error) {
  if (error == Errc::kNoKey) return call.Fail(kKeyRequired);
  if (error == Errc::kNoGroup) return call.Fail(NoSuchGroup(name.key.bytes, name.group));
  call.Fail(error);
}

// False when the call has failed.
bool Find(Call& call, const GroupName& name, GroupAt* at) {
  const Result<GroupAt> found = streams::FindGroup(call.db(), name.key, name.group, Lookup::kWrite);
  if (!found.ok()) {
    FailToFind(call, name, found.error());
    return false;
  }
  *at = *found;
  return true;
}

// What follows the id of CREATE and SETID.
struct PositionOptions {
  bool make_stream = false;
  int64_t entries_read = ConsumerGroup::kReadUnknown;
};

// False when the call has failed. Each option once at most, as a stock server counts words.
bool ReadOptions(Call& call, bool may_make_stream, PositionOptions* options) {
  ArgReader args = call.args();
  args.Take(3);
  const size_t words_max = may_make_stream ? 3 : 2;
  while (args.remaining() > 0) {
    const bool too_many = call.argv().size() > 5 + words_max;
    if (!too_many && may_make_stream && args.TakeWord("MKSTREAM")) {
      options->make_stream = true;
    } else if (!too_many && args.remaining() > 1 && args.TakeWord("ENTRIESREAD")) {
      options->entries_read = args.Int64();
      if (options->entries_read < ConsumerGroup::kReadUnknown) args.Fail(kEntriesReadNegative);
    } else {
      call.Fail(error_text::SubcommandSyntax("XGROUP", call.argv()[1]));
      return false;
    }
  }
  if (args.Done()) return true;
  call.Fail(args.error());
  return false;
}

// An id, or "$" for that of the stream's end. False when the call has failed.
bool ReadPosition(Call& call, StreamId end, GroupPosition* position) {
  const std::string_view text = call.argv()[4];
  std::optional<StreamId> id = StreamId::Parse(text, 0);
  if (text == "$") id = end;
  if (!id.has_value()) {
    call.Fail(error_text::kInvalidStreamId);
    return false;
  }
  position->last_id = *id;
  return true;
}

void XGroupCreate(Call& call) {
  const GroupName name = NameOf(call);
  PositionOptions options;
  if (!ReadOptions(call, true, &options)) return;
  const Result<Record*> found = streams::Find(call.db(), name.key, Lookup::kWrite);
  if (!found.ok()) return call.Fail(found.error());
  if (*found == nullptr && !options.make_stream) return call.Fail(kKeyRequired);
  GroupPosition position = {.entries_read = options.entries_read};
  const StreamId end = *found == nullptr ? StreamId{} : streams::StreamOf(**found).last_id();
  if (!ReadPosition(call, end, &position)) return;
  if (!streams::CreateGroup(call.db(), name.key, *found, name.group, position)) {
    return call.Fail(kGroupExists);
  }
  call.reply().Ok();
}

void XGroupSetId(Call& call) {
  const GroupName name = NameOf(call);
  PositionOptions options;
  GroupAt at;
  if (!ReadOptions(call, false, &options) || !Find(call, name, &at)) return;
  GroupPosition position = {.entries_read = options.entries_read};
  // Other than for CREATE, these are ids as well.
  const std::string_view text = call.argv()[4];
  if (text == "-" || text == "+") {
    position.last_id = text == "-" ? StreamId::Min() : StreamId::Max();
  } else if (!ReadPosition(call, at.stream->last_id(), &position)) {
    return;
  }
  streams::SetPosition(call.db(), name.key, at, position);
  call.reply().Ok();
}

void XGroupDestroy(Call& call) {
  const GroupName name = NameOf(call);
  const Result<GroupAt> found = streams::FindGroup(call.db(), name.key, name.group, Lookup::kWrite);
  if (!found.ok() && found.error() != Errc::kNoGroup) return FailToFind(call, name, found.error());
  if (found.ok()) streams::DestroyGroup(call.db(), name.key, *found);
  call.reply().Integer(found.ok() ? 1 : 0);
}

void XGroupCreateConsumer(Call& call) {
  const GroupName name = NameOf(call);
  GroupAt at;
  if (!Find(call, name, &at)) return;
  call.reply().Integer(streams::CreateConsumer(call.db(), name.key, at, call.argv()[4]) ? 1 : 0);
}

void XGroupDelConsumer(Call& call) {
  const GroupName name = NameOf(call);
  GroupAt at;
  if (!Find(call, name, &at)) return;
  const uint64_t pending = streams::DeleteConsumer(call.db(), name.key, at, call.argv()[4]);
  call.reply().Integer(static_cast<int64_t>(pending));
}

void XGroupHelp(Call& call) {
  ReplyHelp(call.reply(), "XGROUP",
            {
                "CREATE <key> <group> <id|$> [MKSTREAM] [ENTRIESREAD <count>]",
                "    Make a consumer group that is given the entries behind <id>, or those added",
                "    from now on ($). MKSTREAM makes an empty stream if there is none. <count> is",
                "    how many entries had been added when that with <id> was the last.",
                "CREATECONSUMER <key> <group> <consumer>",
                "    Make a consumer of a group.",
                "DELCONSUMER <key> <group> <consumer>",
                "    Remove a consumer and forget what is pending for it; show how much that was.",
                "DESTROY <key> <group>",
                "    Remove a group.",
                "SETID <key> <group> <id|$> [ENTRIESREAD <count>]",
                "    Let a group go on behind another entry.",
            });
}

void XAck(Call& call) {
  ArgReader args = call.args();
  const KeyView key = call.Key(args.String());
  const std::string_view group = args.String();
  const Result<GroupAt> found = streams::FindGroup(call.db(), key, group, Lookup::kUse);
  if (!found.ok() && found.error() == Errc::kWrongType) return call.Fail(found.error());
  if (!found.ok()) return call.reply().Integer(0);
  std::vector<StreamId> ids;
  ids.reserve(args.remaining());
  while (args.remaining() > 0) ids.push_back(ReadStreamId(args));
  if (!args.Done()) return call.Fail(args.error());
  call.reply().Integer(static_cast<int64_t>(streams::Acknowledge(call.db(), key, *found, ids)));
}

constexpr std::string_view kPositionArguments =
    "key:key group:string (id-selector: id:string | new-id=\"$\")"
    " [ENTRIESREAD entriesread:integer'entries-read']";

constexpr CommandSpec kStreamGroupsSubcommands[] = {
    {.name = "create",
     .run = XGroupCreate,
     .arity = -5,
     .flags = kWrite | kDenyOom,
     .keys = {OneKey(kRW | kKeyInsert, 2)},
     .group = Group::kStream,
     .since = "5.0.0",
     .complexity = "O(1)",
     .summary = "Makes a consumer group.",
     .arguments = "key:key group:string (id-selector: id:string | new-id=\"$\") [MKSTREAM]"
                  " [ENTRIESREAD entriesread:integer'entries-read']",
     .history = "7.0.0: Knows ENTRIESREAD."},
    {.name = "createconsumer",
     .run = XGroupCreateConsumer,
     .arity = 5,
     .flags = kWrite | kDenyOom,
     .keys = {OneKey(kRW | kKeyInsert, 2)},
     .group = Group::kStream,
     .since = "6.2.0",
     .complexity = "O(1)",
     .summary = "Makes a consumer of a group.",
     .arguments = "key:key group:string consumer:string"},
    {.name = "delconsumer",
     .run = XGroupDelConsumer,
     .arity = 5,
     .flags = kWrite,
     .keys = {OneKey(kRW | kKeyDelete, 2)},
     .group = Group::kStream,
     .since = "5.0.0",
     .complexity = "O(N) where N is the number of entries that are pending for the consumer",
     .summary = "Removes a consumer of a group, and what is pending for it.",
     .arguments = "key:key group:string consumer:string"},
    {.name = "destroy",
     .run = XGroupDestroy,
     .arity = 4,
     .flags = kWrite,
     .keys = {OneKey(kRW | kKeyDelete, 2)},
     .group = Group::kStream,
     .since = "5.0.0",
     .complexity = "O(N) where N is the number of the group's pending entries",
     .summary = "Removes a consumer group.",
     .arguments = "key:key group:string"},
    {.name = "help",
     .run = XGroupHelp,
     .arity = 2,
     .flags = kLoading | kStale,
     .group = Group::kStream,
     .since = "5.0.0",
     .complexity = "O(1)",
     .summary = "Lists the subcommands."},
    {.name = "setid",
     .run = XGroupSetId,
     .arity = -5,
     .flags = kWrite,
     .keys = {OneKey(kRW | kKeyUpdate, 2)},
     .group = Group::kStream,
     .since = "5.0.0",
     .complexity = "O(1)",
     .summary = "Sets which entry a consumer group was given last.",
     .arguments = kPositionArguments,
     .history = "7.0.0: Knows ENTRIESREAD."},
};

constexpr CommandSpec kStreamGroupsCommands[] = {
    {.name = "xack",
     .run = XAck,
     .arity = -4,
     .flags = kWrite | kFast,
     .keys = {OneKey(kRW | kKeyUpdate)},
     .group = Group::kStream,
     .since = "5.0.0",
     .complexity = "O(1) for each id",
     .summary = "Takes entries off those that are pending; gives how many there were.",
     .arguments = "key:key group:string id:string*"},
    {.name = "xgroup",
     .arity = -2,
     .group = Group::kStream,
     .since = "5.0.0",
     .complexity = "Depends on the subcommand",
     .summary = "Makes, changes and removes consumer groups of streams.",
     .subcommands = kStreamGroupsSubcommands},
};
static_assert(WellFormed(kStreamGroupsCommands));

}  // namespace

std::span<const CommandSpec> StreamGroupCommands() { return kStreamGroupsCommands; }

}  // namespace alai
