// OBJECT: how a key's value is kept and how it has been used.
#include "engine/access_clock.h"
#include "engine/store.h"
#include "engine/types/keys.h"
#include "server/call.h"
#include "server/command_spec.h"
#include "server/config/config.h"
#include "server/help_reply.h"
#include "server/server.h"

namespace alai {
namespace {

// nullptr: there is no such key, and the call has been answered. Counted as a look, but unlike others
// a miss is no event.
const Record* FindObject(Call& call) {
  Db& db = call.db();
  const Record* record = db.Find(call.Key(call.argv()[2]), Lookup::kPeek);
  ++(record != nullptr ? db.tally().hits : db.tally().misses);
  if (record == nullptr) call.reply().Null();
  return record;
}

void ObjectEncoding(Call& call) {
  const Record* record = FindObject(call);
  if (record != nullptr) call.reply().Bulk(keys::EncodingName(*record));
}

// Whether Redis would keep one object for all keys with the same small integer.
bool SharesIntegers(const Config& config) {
  if (config.maxmemory == 0) return true;
  switch (config.maxmemory_policy) {
    case MaxmemoryPolicy::kVolatileLru:
    case MaxmemoryPolicy::kVolatileLfu:
    case MaxmemoryPolicy::kAllkeysLru:
    case MaxmemoryPolicy::kAllkeysLfu:
      return false;
    case MaxmemoryPolicy::kVolatileRandom:
    case MaxmemoryPolicy::kVolatileTtl:
    case MaxmemoryPolicy::kAllkeysRandom:
    case MaxmemoryPolicy::kNoEviction:
      break;
  }
  return true;
}

// Values are not shared between keys, but clients know INT_MAX as the count of Redis's small
// integers.
void ObjectRefCount(Call& call) {
  constexpr int64_t kSharedIntegers = 10000;
  const Record* record = FindObject(call);
  if (record == nullptr) return;
  const bool shared = record->type() == Type::kString && record->encoding() == Encoding::kInt &&
                      record->integer() >= 0 && record->integer() < kSharedIntegers &&
                      SharesIntegers(call.server().config());
  call.reply().Integer(shared ? INT32_MAX : 1);
}

void ObjectIdleTime(Call& call) {
  const Record* record = FindObject(call);
  if (record == nullptr) return;
  if (call.db().store().access_clock() != AccessClock::kLru) {
    return call.Fail(
        "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when "
        "switching between policies at runtime LRU and LFU data will take some time to adjust.");
  }
  call.reply().Integer(LruIdleMillis(record->access(), call.now()) / 1000);
}

void ObjectFreq(Call& call) {
  const Record* record = FindObject(call);
  if (record == nullptr) return;
  const Store& store = call.db().store();
  if (store.access_clock() != AccessClock::kLfu) {
    return call.Fail(
        "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note "
        "that when switching between policies at runtime LRU and LFU data will take some time to "
        "adjust.");
  }
  const int decay_minutes = store.lfu_decay_time.load(std::memory_order_relaxed);
  call.reply().Integer(LfuCounter(record->access(), call.now(), decay_minutes));
}

void ObjectHelp(Call& call) {
  ReplyHelp(call.reply(), "OBJECT",
            {"ENCODING <key>", "    Tell how the value of <key> is represented in memory.",
             "FREQ <key>", "    Tell how often <key> is used of late, on a logarithmic scale.",
             "IDLETIME <key>", "    Tell how many seconds ago <key> was used last.",
             "REFCOUNT <key>", "    Tell how many references there are to the value of <key>."});
}

constexpr CommandSpec kObjectSubcommands[] = {
    {.name = "encoding",
     .run = ObjectEncoding,
     .arity = 3,
     .flags = kReadOnly,
     .keys = {OneKey(kRO, 2)},
     .categories = kCatKeyspace,
     .since = "2.2.3",
     .complexity = "O(1)",
     .summary = "Tells how a value is represented in memory.",
     .arguments = "key:key",
     .tips = "nondeterministic_output"},
    {.name = "freq",
     .run = ObjectFreq,
     .arity = 3,
     .flags = kReadOnly,
     .keys = {OneKey(kRO, 2)},
     .categories = kCatKeyspace,
     .since = "4.0.0",
     .complexity = "O(1)",
     .summary = "Tells how often a key is used, on a logarithmic scale.",
     .arguments = "key:key",
     .tips = "nondeterministic_output"},
    {.name = "help",
     .run = ObjectHelp,
     .arity = 2,
     .flags = kLoading | kStale,
     .categories = kCatKeyspace,
     .since = "6.2.0",
     .complexity = "O(1)",
     .summary = "Explains the subcommands."},
    {.name = "idletime",
     .run = ObjectIdleTime,
     .arity = 3,
     .flags = kReadOnly,
     .keys = {OneKey(kRO, 2)},
     .categories = kCatKeyspace,
     .since = "2.2.3",
     .complexity = "O(1)",
     .summary = "Tells how long a key has not been used.",
     .arguments = "key:key",
     .tips = "nondeterministic_output"},
    {.name = "refcount",
     .run = ObjectRefCount,
     .arity = 3,
     .flags = kReadOnly,
     .keys = {OneKey(kRO, 2)},
     .categories = kCatKeyspace,
     .since = "2.2.3",
     .complexity = "O(1)",
     .summary = "Tells how many references there are to a value.",
     .arguments = "key:key",
     .tips = "nondeterministic_output"},
};

constexpr CommandSpec kObjectCommands[] = {
    {.name = "object",
     .arity = -2,
     .since = "2.2.3",
     .complexity = "Depends on the subcommand",
     .summary = "Looks at how values are kept and used.",
     .subcommands = kObjectSubcommands},
};
static_assert(WellFormed(kObjectCommands));

}  // namespace

std::span<const CommandSpec> ObjectCommands() { return kObjectCommands; }

}  // namespace alai
