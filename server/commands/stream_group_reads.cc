// XREADGROUP: reads for consumers of groups, and waits for entries that no consumer was given yet.
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/types/stream_groups.h"
#include "server/call.h"
#include "server/command_spec.h"
#include "server/commands/key_wait.h"
#include "server/commands/stream_arguments.h"
#include "server/commands/stream_group_errors.h"
#include "server/commands/stream_reply.h"

namespace alai {
namespace {

using streams::GroupAt;
using streams::GroupReader;

std::string NoGroupToRead(std::string_view key, std::string_view group) {
  return NoSuchKeyOrGroup(key, group) + " in XREADGROUP with GROUP option";
}

// Writes the error that FindGroup() gave.
void WriteError(ReplyWriter& reply, Errc error, std::string_view key, std::string_view group) {
  if (error == Errc::kWrongType) return reply.Error(error_text::kWrongType);
  reply.Error(NoGroupToRead(key, group));
}

// Gives the consumer entries that nobody was given yet and writes them, if there are any.
void WriteNew(StreamsReply& streams, ReplyWriter& reply, Db& db, KeyView key, const GroupAt& at,
              const GroupReader& reader) {
  if (!streams::HasNew(*at.stream, *at.group)) return streams::GiveNew(db, key, at, reader, {});
  streams.BeginKey(key.bytes);
  const ReplyWriter::Open open = reply.BeginArray();
  const uint64_t count = streams::ReadNew(
      db, key, at, reader, [&](const StreamEntry& entry) { WriteStreamEntry(reply, entry); });
  reply.EndArray(open, count);
}

// Writes those that are pending for it, which may be none.
void WritePending(StreamsReply& streams, ReplyWriter& reply, Db& db, KeyView key, const GroupAt& at,
                  const GroupReader& reader, StreamId after) {
  streams.BeginKey(key.bytes);
  const ReplyWriter::Open open = reply.BeginArray();
  const uint64_t count =
      streams::ReadPending(db, key, at, reader, after, [&](StreamId id, const StreamEntry* entry) {
        if (entry == nullptr) {
          WriteGoneEntry(reply, id);
        } else {
          WriteStreamEntry(reply, *entry);
        }
      });
  reply.EndArray(open, count);
}

// Waits for a new entry in any of some streams, or until one of them is lost.
class GroupWaiter final : public KeyWaiter {
 public:
  GroupWaiter(Call& call, const StreamReadRequest& request)
      : KeyWaiter(call),
        group_(request.group),
        consumer_(request.consumer),
        count_max_(request.count_max),
        no_ack_(request.no_ack) {}

  Readiness Ready(Db& db, KeyView key, const HeldShards&) override {
    const Result<GroupAt> found = streams::FindGroup(db, key, group_, Lookup::kPeek);
    const bool waits = found.ok() && !streams::HasNew(*found->stream, *found->group);
    return waits ? Readiness::kNo : Readiness::kYes;
  }
  bool minds_absence() const override { return true; }

 private:
  void Take(Db& db, KeyView key, ReplyWriter& reply) override {
    const Result<GroupAt> found = streams::FindGroup(db, key, group_, Lookup::kWrite);
    if (!found.ok()) return WriteError(reply, found.error(), key.bytes, group_);
    StreamsReply streams(reply);
    WriteNew(streams, reply, db, key, *found,
             {.consumer = consumer_, .count_max = count_max_, .no_ack = no_ack_});
    streams.End();
  }

  const std::string group_;
  const std::string consumer_;
  const uint64_t count_max_;
  const bool no_ack_;
};

// Looks at all groups and ids before anything is read. False when the call has failed.
bool FindSources(Call& call, const StreamReadRequest& request, std::vector<ReadFrom>* sources) {
  for (size_t i = 0; i < request.keys.size(); ++i) {
    const Result<GroupAt> found =
        streams::FindGroup(call.db(), call.Key(request.keys[i]), request.group, Lookup::kUse);
    if (!found.ok()) {
      WriteError(call.reply(), found.error(), request.keys[i], request.group);
      return false;
    }
    ReadFrom from;
    std::string_view error;
    if (!ParseReadFrom(request.ids[i], StreamReader::kGroup, &from, &error)) {
      call.Fail(error);
      return false;
    }
    // The highest id, behind which nothing can be, stands for ">".
    if (from.after == StreamId::Max()) from.kind = ReadFrom::Kind::kNew;
    sources->push_back(from);
  }
  return true;
}

// Whether the change log has space for what is going to be given, which is logged entry by entry. Keys that come
// twice count twice.
bool ReserveLog(Call& call, const StreamReadRequest& request, const std::vector<ReadFrom>& sources,
                const GroupReader& reader) {
  if (!call.db().logs_changes()) return true;
  size_t bytes = 0;
  for (size_t i = 0; i < sources.size(); ++i) {
    const KeyView key = call.Key(request.keys[i]);
    const Result<GroupAt> at = streams::FindGroup(call.db(), key, request.group, Lookup::kPeek);
    const bool is_new = sources[i].kind == ReadFrom::Kind::kNew;
    bytes +=
        streams::ReadEffectBytes(key, *at, reader, is_new ? streams::CountNew(*at, reader) : 0);
  }
  return call.db().ReserveLog(bytes);
}

void XReadGroup(Call& call) {
  ArgReader args = call.args();
  StreamReadRequest request;
  ReadStreamRequest(args, StreamReader::kGroup, call.now(), &request);
  if (!args.Done()) return call.Fail(args.error());
  std::vector<ReadFrom> sources;
  sources.reserve(request.keys.size());
  if (!FindSources(call, request, &sources)) return;
  const GroupReader reader = {
      .consumer = request.consumer, .count_max = request.count_max, .no_ack = request.no_ack};
  if (!ReserveLog(call, request, sources, reader)) return;
  StreamsReply streams(call.reply());
  for (size_t i = 0; i < sources.size(); ++i) {
    const KeyView key = call.Key(request.keys[i]);
    // Found again, as reading a key that is there twice ends its record; this counts as one more use of it,
    // as clients see it in the statistics.
    const Result<GroupAt> found = streams::FindGroup(call.db(), key, request.group, Lookup::kUse);
    if (sources[i].kind == ReadFrom::Kind::kNew) {
      WriteNew(streams, call.reply(), call.db(), key, *found, reader);
    } else {
      WritePending(streams, call.reply(), call.db(), key, *found, reader, sources[i].after);
    }
  }
  if (!streams.empty() || !request.block_ns.has_value()) return streams.End();
  WaitForKeys(call, std::make_shared<GroupWaiter>(call, request),
              std::vector<std::string>(request.keys.begin(), request.keys.end()),
              *request.block_ns);
}

constexpr CommandSpec kStreamGroupReadsCommands[] = {
    {.name = "xreadgroup",
     .run = XReadGroup,
     .arity = -7,
     .flags = kWrite | kBlocking,
     .keys = {KeysBehindStreams(4)},
     .group = Group::kStream,
     .since = "5.0.0",
     .complexity = "O(M) for each stream, where M is the number of entries given",
     .summary = "Gives a consumer of a group new entries of streams, or waits for some; or those"
                " that are pending for it.",
     .arguments = "GROUP (group-block: group:string consumer:string) [COUNT count:integer]"
                  " [BLOCK milliseconds:integer] [NOACK] STREAMS (streams: key:key* id:string*)",
     .find_keys = FindStreamKeys},
};
static_assert(WellFormed(kStreamGroupReadsCommands));

}  // namespace

std::span<const CommandSpec> StreamGroupReadCommands() { return kStreamGroupReadsCommands; }

}  // namespace alai
