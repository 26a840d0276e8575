// Commands that empty or exchange whole databases: FLUSHDB, FLUSHALL, SWAPDB.
//
// They run with every shard locked, but only for the instant in which the tables are taken out; what was
// in them is freed afterwards, piece by piece: ASYNC leaves that to a thread of its own, after SYNC the
// client's worker helps, between the commands of others, and the client hears of it when all is free.
#include <memory>

#include "engine/base/number.h"
#include "engine/store.h"
#include "protocol/error_text.h"
#include "server/call.h"
#include "server/command_spec.h"
#include "server/config/config.h"
#include "server/server.h"
#include "server/stats.h"
#include "server/worker.h"

namespace alai {
namespace {

constexpr int64_t kFlushBudgetNanos = 100'000;

// Waits until everything that was flushed is free, and lends a hand.
class FreeFlushed final : public Suspension {
 public:
  Next Resume(Call& call) override {
    Store& store = call.db().store();
    store.FreeDetached(call.db().thread(), kFlushBudgetNanos);
    if (store.detached_keys() != 0) return Next::kAgain;
    call.reply().Ok();
    return Next::kDone;
  }
};

bool ReadMode(Call& call, bool* async) {
  ArgReader args = call.args();
  *async = call.server().config().lazyfree_lazy_user_flush;
  if (args.TakeWord("SYNC")) {
    *async = false;
  } else if (args.TakeWord("ASYNC")) {
    *async = true;
  }
  if (args.Done()) return true;
  call.Fail(args.error());
  return false;
}

// The databases from `first` to before `end`.
void Flush(Call& call, int first, int end, bool async) {
  Store& store = call.db().store();
  uint64_t keys = 0;
  for (int db = first; db < end; ++db) {
    keys += store.KeyCount(db);
    store.FlushDatabase(call.db().thread(), db);
    store.NoteAllReady(call.db().thread(), db);
  }
  call.db().tally().changes += static_cast<uint32_t>(keys);
  if (async || keys == 0) {
    call.worker().stats().Add(Count::kLeftToFree, keys);
    call.server().FreeFlushed();
    return call.reply().Ok();
  }
  call.Suspend(std::make_unique<FreeFlushed>());
}

void FlushDb(Call& call) {
  bool async = false;
  if (!ReadMode(call, &async)) return;
  call.db().LogEffect({"FLUSHDB"});
  Flush(call, call.db().index(), call.db().index() + 1, async);
}

void FlushAll(Call& call) {
  bool async = false;
  if (!ReadMode(call, &async)) return;
  call.db().LogEffect({"FLUSHALL"});
  Flush(call, 0, call.db().store().databases(), async);
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
    Store& store = call.db().store();
    store.SwapDatabases(static_cast<int>(first), static_cast<int>(second));
    store.NoteAllReady(call.db().thread(), static_cast<int>(first));
    store.NoteAllReady(call.db().thread(), static_cast<int>(second));
  }
  call.reply().Ok();
}

constexpr CommandSpec kFlushCommands[] = {
    {.name = "flushdb",
     .run = FlushDb,
     .arity = -1,
     .flags = kWrite | kAllShards,
     .categories = kCatKeyspace | kCatDangerous,
     .group = Group::kServer,
     .since = "1.0.0",
     .complexity =
         "O(1), and O(N) to free N keys: before the reply for SYNC, in the background for ASYNC",
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
     .complexity =
         "O(1), and O(N) to free N keys: before the reply for SYNC, in the background for ASYNC",
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
static_assert(WellFormed(kFlushCommands));

}  // namespace

std::span<const CommandSpec> FlushCommands() { return kFlushCommands; }

}  // namespace alai
