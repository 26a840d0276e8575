// MEMORY: what a key costs, and where the rest of the memory is.
//
// Threads     Any worker. USAGE reads its key like any other reader.
#include <cstdint>
#include <limits>

#include "engine/store.h"
#include "server/call.h"
#include "server/help_reply.h"
#include "server/memory_report.h"
#include "server/server.h"

namespace alai {
namespace {

// A key's part of its table: its slot.
constexpr size_t kSlotBytes = 8;

void MemoryUsage(Call& call) {
  ArgReader args = call.args();
  const std::string_view key = args.String();
  while (args.remaining() > 0) {
    if (!args.TakeWord("SAMPLES")) {
      args.Fail(error_text::kSyntax);
    } else if (args.Int64() < 0) {
      args.Fail(error_text::kSyntax);
    }
  }
  if (!args.Done()) return call.Fail(args.error());
  const Record* record = call.db().Find(call.Key(key), Lookup::kPeek);
  if (record == nullptr) return call.reply().Null();
  call.reply().Integer(static_cast<int64_t>(record->allocated_bytes() + kSlotBytes));
}

void Figure(ReplyWriter& reply, std::string_view name, uint64_t value) {
  reply.Bulk(name);
  reply.Integer(static_cast<int64_t>(value));
}

void Figure(ReplyWriter& reply, std::string_view name, double value) {
  reply.Bulk(name);
  reply.Double(value);
}

// What the tables of one database take. Of the calling thread's epoch, as a table is only freed when
// nobody can see it.
uint64_t TableBytes(Store& store, int db) {
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < store.shard_count(); ++i) {
    const Table* table = store.shard(i).table(db);
    if (table != nullptr) bytes += table->segment_bytes.Get();
  }
  return bytes;
}

size_t DatabaseFigures(Call& call) {
  Store& store = call.server().store();
  size_t databases = 0;
  for (int db = 0; db < store.databases(); ++db) {
    if (store.KeyCount(db) == 0) continue;
    ++databases;
    call.reply().Bulk("db." + std::to_string(db));
    call.reply().Map(2);
    Figure(call.reply(), "overhead.hashtable.main", TableBytes(store, db));
    // Deadlines are in the records.
    Figure(call.reply(), "overhead.hashtable.expires", uint64_t{0});
  }
  return databases;
}

size_t AllocatorFiguresReply(const MemoryFigures& m, ReplyWriter& reply) {
  Figure(reply, "allocator.allocated", m.allocator.allocated);
  Figure(reply, "allocator.active", m.allocator.active);
  Figure(reply, "allocator.resident", m.allocator.resident);
  Figure(reply, "allocator.muzzy", m.allocator.muzzy);
  Figure(reply, "allocator-fragmentation.ratio", m.fragmentation_ratio());
  Figure(reply, "allocator-fragmentation.bytes", m.allocator.active - m.allocator.allocated);
  Figure(reply, "allocator-rss.ratio", m.allocator_resident_ratio());
  Figure(reply, "allocator-rss.bytes", m.allocator.resident - m.allocator.active);
  Figure(reply, "rss-overhead.ratio", m.process_resident_ratio());
  Figure(reply, "rss-overhead.bytes", m.resident - m.allocator.resident);
  Figure(reply, "fragmentation", m.total_ratio());
  Figure(reply, "fragmentation.bytes", m.resident - m.used);
  return 12;
}

void MemoryStatsCommand(Call& call) {
  const MemoryFigures m = MeasureMemory(call.server());
  ReplyWriter& reply = call.reply();
  const auto map = reply.BeginMap();
  size_t pairs = 0;
  const auto figure = [&](std::string_view name, auto value) {
    Figure(reply, name, value);
    ++pairs;
  };
  figure("peak.allocated", m.peak);
  figure("total.allocated", m.used);
  figure("startup.allocated", m.startup);
  figure("replication.backlog", uint64_t{0});
  figure("clients.slaves", uint64_t{0});
  figure("clients.normal", m.clients);
  figure("cluster.links", uint64_t{0});
  figure("aof.buffer", uint64_t{0});
  figure("lua.caches", uint64_t{0});
  figure("functions.caches", uint64_t{0});
  pairs += DatabaseFigures(call);
  figure("overhead.total", m.overhead);
  figure("keys.count", m.keys);
  figure("keys.bytes-per-key", m.keys == 0 ? uint64_t{0} : (m.used - m.startup) / m.keys);
  figure("dataset.bytes", m.dataset);
  figure("dataset.percentage", m.dataset_percent());
  figure("peak.percentage", m.peak_percent());
  pairs += AllocatorFiguresReply(m, reply);
  figure("records.bytes", m.records);
  figure("tables.bytes", m.tables);
  figure("retired.bytes", m.retired);
  reply.EndMap(map, pairs);
}

void MemoryDoctor(Call& call) {
  call.reply().Verbatim("txt", MemoryAdvice(MeasureMemory(call.server())));
}

void MemoryMallocStats(Call& call) { call.reply().Verbatim("txt", AllocatorReport()); }

void MemoryPurge(Call& call) {
  PurgeAllocator();
  call.reply().Ok();
}

void MemoryHelp(Call& call) {
  ReplyHelp(call.reply(), "MEMORY",
            {
                "DOCTOR",
                "    Explain the server's memory in plain words.",
                "MALLOC-STATS",
                "    Show the allocator's own report.",
                "PURGE",
                "    Give unused pages back to the operating system.",
                "STATS",
                "    Show figures about the server's memory.",
                "USAGE <key> [SAMPLES <count>]",
                "    Show how many bytes a key and its value take. Of a large value <count>",
                "    elements are looked at (5 when not given, 0 for all of them).",
            });
}

constexpr std::string_view kMemoryTips =
    "nondeterministic_output request_policy:all_shards response_policy:special";

constexpr CommandSpec kMemorySubcommands[] = {
    {.name = "doctor",
     .run = MemoryDoctor,
     .arity = 2,
     .group = Group::kServer,
     .since = "4.0.0",
     .complexity = "O(1)",
     .summary = "Explains the server's memory in plain words.",
     .tips = kMemoryTips},
    {.name = "help",
     .run = MemoryHelp,
     .arity = 2,
     .flags = kLoading | kStale,
     .group = Group::kServer,
     .since = "4.0.0",
     .complexity = "O(1)",
     .summary = "Lists the subcommands."},
    {.name = "malloc-stats",
     .run = MemoryMallocStats,
     .arity = 2,
     .flags = kLoading,
     .group = Group::kServer,
     .since = "4.0.0",
     .complexity = "Depends on how much memory is allocated",
     .summary = "Shows the allocator's own report.",
     .tips = kMemoryTips},
    {.name = "purge",
     .run = MemoryPurge,
     .arity = 2,
     .flags = kLoading,
     .group = Group::kServer,
     .since = "4.0.0",
     .complexity = "Depends on how much memory is unused",
     .summary = "Gives unused pages back to the operating system.",
     .tips = "request_policy:all_shards response_policy:all_succeeded"},
    {.name = "stats",
     .run = MemoryStatsCommand,
     .arity = 2,
     .group = Group::kServer,
     .since = "4.0.0",
     .complexity = "O(1)",
     .summary = "Shows figures about the server's memory.",
     .tips = kMemoryTips},
    {.name = "usage",
     .run = MemoryUsage,
     .arity = -3,
     .flags = kReadOnly,
     .keys = {OneKey(kRO, 2)},
     .group = Group::kServer,
     .since = "4.0.0",
     .complexity = "O(N) where N is the number of elements looked at",
     .summary = "Shows how many bytes a key and its value take.",
     .arguments = "key:key [SAMPLES count:integer]"},
};

constexpr CommandSpec kMemoryCommands[] = {
    {.name = "memory",
     .arity = -2,
     .group = Group::kServer,
     .since = "4.0.0",
     .complexity = "Depends on the subcommand",
     .summary = "Looks into the server's memory.",
     .subcommands = kMemorySubcommands},
};
static_assert(WellFormed(kMemoryCommands));

}  // namespace

std::span<const CommandSpec> MemoryCommands() { return kMemoryCommands; }

}  // namespace alai
