// Commands that read several streams and may wait for them: XREAD.
#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/types/streams.h"
#include "server/call.h"
#include "server/command_spec.h"
#include "server/commands/key_wait.h"
#include "server/commands/stream_arguments.h"
#include "server/commands/stream_reply.h"

namespace alai {
namespace {

// The entries behind an id.
StreamRange Behind(const Stream& stream, StreamId id) {
  // Nothing is behind the last id, and nothing is at the first.
  const std::optional<StreamId> from = id.Next();
  return from.has_value() ? stream.Range(*from, StreamId::Max())
                          : stream.Range(StreamId::Min(), StreamId::Min());
}

bool HasBehind(const Stream& stream, StreamId id) { return Behind(stream, id).Next(); }

// Writes the entries behind an id as those of a key.
void WriteBehind(StreamsReply& written, ReplyWriter& reply, std::string_view key,
                 const Stream& stream, StreamId id, uint64_t count_max) {
  written.BeginKey(key);
  WriteStreamRange(reply, Behind(stream, id), count_max);
}

// Waits for an entry behind an id in any of some streams.
class ReadWaiter final : public KeyWaiter {
 public:
  ReadWaiter(Call& call, std::vector<std::string> keys, std::vector<StreamId> after,
             uint64_t count_max)
      : KeyWaiter(call), keys_(std::move(keys)), after_(std::move(after)), count_max_(count_max) {}

  Readiness Ready(Db& db, KeyView key, const HeldShards&) override {
    const Result<const Stream*> stream = streams::Read(db, key, Lookup::kPeek);
    const bool ready = stream.ok() && *stream != nullptr && HasBehind(**stream, AfterOf(key));
    return ready ? Readiness::kYes : Readiness::kNo;
  }

 private:
  void Take(Db& db, KeyView key, ReplyWriter& reply) override {
    const Result<const Stream*> stream = streams::Read(db, key, Lookup::kWrite);
    StreamsReply written(reply);
    WriteBehind(written, reply, key.bytes, **stream, AfterOf(key), count_max_);
    written.End();
  }

  // Of a key that is there twice, the first one counts.
  StreamId AfterOf(KeyView key) const {
    const auto it = std::find(keys_.begin(), keys_.end(), key.bytes);
    return after_[static_cast<size_t>(it - keys_.begin())];
  }

  const std::vector<std::string> keys_;
  const std::vector<StreamId> after_;
  const uint64_t count_max_;
};

StreamId Resolve(const ReadFrom& from, const Stream* stream) {
  if (from.kind == ReadFrom::Kind::kAfter) return from.after;
  if (stream == nullptr) return {};
  if (from.kind == ReadFrom::Kind::kNew) return stream->last_id();
  const std::optional<StreamId> last = streams::LastEntryId(*stream);
  return last.has_value() ? last->Previous().value_or(StreamId{}) : StreamId{};
}

// The ids to read behind; false when the call has failed.
bool ResolveIds(Call& call, const StreamReadRequest& request, std::vector<StreamId>* after) {
  for (size_t i = 0; i < request.keys.size(); ++i) {
    const Result<const Stream*> stream = streams::Read(call.db(), call.Key(request.keys[i]));
    ReadFrom from;
    std::string_view error;
    if (!stream.ok()) {
      call.Fail(stream.error());
      return false;
    }
    if (!ParseReadFrom(request.ids[i], StreamReader::kClient, &from, &error)) {
      call.Fail(error);
      return false;
    }
    after->push_back(Resolve(from, *stream));
  }
  return true;
}

// A second look at each key, which also counts as one: that is what clients see in the statistics.
void ReadAll(Call& call, const StreamReadRequest& request, std::span<const StreamId> after,
             StreamsReply& written) {
  for (size_t i = 0; i < after.size(); ++i) {
    const Result<const Stream*> found = streams::Read(call.db(), call.Key(request.keys[i]));
    const Stream* stream = found.ok() ? *found : nullptr;
    if (stream == nullptr || !HasBehind(*stream, after[i])) continue;
    WriteBehind(written, call.reply(), request.keys[i], *stream, after[i], request.count_max);
  }
}

void WaitForEntries(Call& call, const StreamReadRequest& request, std::vector<StreamId> after) {
  std::vector<std::string> keys(request.keys.begin(), request.keys.end());
  auto waiter = std::make_shared<ReadWaiter>(call, keys, std::move(after), request.count_max);
  WaitForKeys(call, std::move(waiter), std::move(keys), *request.block_ns);
}

void XRead(Call& call) {
  ArgReader args = call.args();
  StreamReadRequest request;
  ReadStreamRequest(args, StreamReader::kClient, call.now(), &request);
  if (!args.Done()) return call.Fail(args.error());
  std::vector<StreamId> after;
  after.reserve(request.keys.size());
  if (!ResolveIds(call, request, &after)) return;
  StreamsReply written(call.reply());
  ReadAll(call, request, after, written);
  if (!written.empty() || !request.block_ns.has_value()) return written.End();
  // The keys' shards must be held from the look at them until somebody waits there.
  if (call.db().access() == Access::kOptimistic) {
    call.db().tally().needs_lock = true;
  } else {
    WaitForEntries(call, request, std::move(after));
  }
}

constexpr CommandSpec kStreamReadsCommands[] = {
    {.name = "xread",
     .run = XRead,
     .arity = -4,
     .flags = kReadOnly | kBlocking,
     .keys = {KeysBehindStreams(1)},
     .group = Group::kStream,
     .since = "5.0.0",
     .complexity = "O(log(N) + M) for each stream, where N is its length and M the number of"
                   " entries given",
     .summary = "Gives the entries of streams behind given ids, or waits for some.",
     .arguments = "[COUNT count:integer] [BLOCK milliseconds:integer]"
                  " STREAMS (streams: key:key* id:string*)",
     .find_keys = FindStreamKeys},
};
static_assert(WellFormed(kStreamReadsCommands));

}  // namespace

std::span<const CommandSpec> StreamReadCommands() { return kStreamReadsCommands; }

}  // namespace alai
