// Commands that empty or exchange whole databases: FLUSHDB, FLUSHALL, SWAPDB.
//
// They run with every shard locked, but only for the instant in which the tables are taken out;
// what was in them is freed afterwards, piece by piece, so SYNC and ASYNC are one.
#include "engine/base/number.h"
#include "engine/store.h"
#include "protocol/error_text.h"
#include "server/call.h"
#include "server/command_spec.h"

namespace alai {
namespace {

bool ReadMode(Call& call) {
  ArgReader args = call.args();
  if (!args.TakeWord("SYNC")) args.TakeWord("ASYNC");
  if (args.Done()) return true;
  call.Fail(args.error());
  return false;
}

void Flush(Call& call, int db) {
  Store& store = call.db().store();
  call.db().tally().changes += static_cast<uint32_t>(store.KeyCount(db));
  store.FlushDatabase(call.db().thread(), db);
}

void FlushDb(Call& call) {
  if (!ReadMode(call)) return;
  call.db().LogEffect({"FLUSHDB"});
  Flush(call, call.db().index());
  call.reply().Ok();
}

void FlushAll(Call& call) {
  if (!ReadMode(call)) return;
  call.db().LogEffect({"FLUSHALL"});
  for (int db = 0; db < call.db().store().databases(); ++db) Flush(call, db);
  call.reply().Ok();
}

void SwapDb(Call& call) {
  ArgReader args = call.args();
  const std::string_view texts[] = {call.argv()[1], call.argv()[2]};
  const int64_t first = args.Int64(INT32_MIN, INT32_MAX, error_text::kInvalidFirstDbIndex,
                                   error_text::kInvalidFirstDbIndex);
  const int64_t second = args.Int64(INT32_MIN, INT32_MAX, error_text::kInvalidSecondDbIndex,
                                    error_text::kInvalidSecondDbIndex);
  if (!args.Done()) return call.Fail(args.error());
  const int databases = call.db().store().databases();
  if (first < 0 || first >= databases || second < 0 || second >= databases) {
    return call.Fail(error_text::kDbIndexOutOfRange);
  }
  call.db().LogEffect({"SWAPDB", texts[0], texts[1]});
  ++call.db().tally().changes;
  if (first != second) {
    call.db().store().SwapDatabases(static_cast<int>(first), static_cast<int>(second));
  }
  call.reply().Ok();
}

constexpr CommandSpec kCommands[] = {
    {.name = "flushdb",
     .run = FlushDb,
     .arity = -1,
     .flags = kWrite | kAllShards,
     .categories = kCatKeyspace | kCatDangerous,
     .group = Group::kServer,
     .since = "1.0.0",
     .complexity = "O(1); the values are freed afterwards",
     .summary = "Removes all keys of this database.",
     .arguments = "[flush-type: ASYNC@4.0.0 | SYNC@6.2.0]",
     .tips = "request_policy:all_shards response_policy:all_succeeded",
     .history = "4.0.0: Knows ASYNC. | 6.2.0: Knows SYNC."},
    {.name = "flushall",
     .run = FlushAll,
     .arity = -1,
     .flags = kWrite | kAllShards,
     .categories = kCatKeyspace | kCatDangerous,
     .group = Group::kServer,
     .since = "1.0.0",
     .complexity = "O(1); the values are freed afterwards",
     .summary = "Removes all keys of all databases.",
     .arguments = "[flush-type: ASYNC@4.0.0 | SYNC@6.2.0]",
     .tips = "request_policy:all_shards response_policy:all_succeeded",
     .history = "4.0.0: Knows ASYNC. | 6.2.0: Knows SYNC."},
    {.name = "swapdb",
     .run = SwapDb,
     .arity = 3,
     .flags = kWrite | kFast | kAllShards,
     .categories = kCatKeyspace | kCatDangerous,
     .group = Group::kServer,
     .since = "4.0.0",
     .complexity = "O(N) where N is the number of clients that watch or wait for keys of the two",
     .summary = "Exchanges two databases.",
     .arguments = "index1:integer index2:integer"},
};
static_assert(WellFormed(kCommands));

}  // namespace

std::span<const CommandSpec> FlushCommands() { return kCommands; }

}  // namespace alai
