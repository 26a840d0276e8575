// DEBUG: what tests and developers do to a server and nobody else should. Behind enable-debug-command.
//
// Subcommands that concern something this server does not have (snapshots, an append-only file,
// replicas, a cluster) answer as a server would that has none of it to show.
//
// Threads     Any worker. SLEEP holds all of them up, on purpose.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <limits>
#include <string>
#include <thread>

#include "engine/base/ascii.h"
#include "engine/base/assert.h"
#include "engine/base/glob.h"
#include "engine/base/log.h"
#include "engine/base/number.h"
#include "engine/base/random.h"
#include "engine/bucket.h"
#include "engine/store.h"
#include "protocol/error_text.h"
#include "server/call.h"
#include "server/client.h"
#include "server/client_eviction.h"
#include "server/commands/debug_subcommands.h"
#include "server/config/config.h"
#include "server/config/config_rewrite.h"
#include "server/help_reply.h"
#include "server/memory_report.h"
#include "server/process_restart.h"
#include "server/server.h"
#include "server/stats.h"
#include "server/worker.h"

namespace alai {
namespace {

ArgReader SubcommandArgs(const Call& call) { return ArgReader(call.argv().subspan(2)); }

// As atoi: a number at the beginning, or 0.
bool ReadSwitch(const Call& call, size_t index = 2) {
  return std::atoi(std::string(call.argv()[index]).c_str()) != 0;
}

void ReplyOk(Call& call) { call.reply().Ok(); }

void FailSyntax(Call& call) { call.Fail(error_text::SubcommandSyntax("debug", call.argv()[1])); }

void SleepUntil(const Clock& clock, int64_t until_ns) {
  std::this_thread::sleep_for(std::chrono::nanoseconds(until_ns - clock.MonotonicNanos()));
}

// Nothing of the store is looked at meanwhile, so nobody need wait for this thread before memory is
// freed.
void SleepOffline(StoreThread& thread, const Clock& clock, int64_t until_ns) {
  thread.GoOffline();
  SleepUntil(clock, until_ns);
  thread.GoOnline();
}

// Who lets a server sleep wants to see what its clients do meanwhile, so no worker serves any.
void Sleep(Call& call) {
  const double seconds = std::strtod(std::string(call.argv()[2]).c_str(), nullptr);
  constexpr double kSecondsMax = 1e6;
  if (seconds > 0) {
    const Clock& clock = call.server().clock();
    const int64_t until_ns =
        clock.MonotonicNanos() + static_cast<int64_t>(std::min(seconds, kSecondsMax) * 1e9);
    for (const auto& worker : call.server().workers()) {
      if (worker.get() == &call.worker()) continue;
      worker->Post(
          [&clock, until_ns](Worker& sleeper) { SleepOffline(sleeper.thread(), clock, until_ns); });
    }
    if (call.db().access() == Access::kLocked) {
      SleepUntil(clock, until_ns);
    } else {
      SleepOffline(call.db().thread(), clock, until_ns);
    }
  }
  call.reply().Ok();
}

void SetActiveExpire(Call& call) {
  call.server().store().set_active_expiry(ReadSwitch(call));
  call.reply().Ok();
}

void SetSkipChecksumValidation(Call& call) {
  call.server().debug_switches().skip_checksum_validation.set(ReadSwitch(call));
  call.reply().Ok();
}

void PauseCron(Call& call) {
  call.server().debug_switches().pause_cron.set(ReadSwitch(call));
  call.reply().Ok();
}

void ReplyBufferSwitch(Call& call) {
  ArgReader args = SubcommandArgs(call);
  if (args.TakeWord("RESIZING")) {
    call.server().debug_switches().reply_buffer_resizing.set(ReadSwitch(call, 3));
    return call.reply().Ok();
  }
  if (!args.TakeWord("PEAK-RESET-TIME")) return FailSyntax(call);
  // Replies are written to a buffer that all clients of a worker share: it has no peak of a client.
  if (!args.TakeWord("NEVER") && !args.TakeWord("RESET")) args.Int64();
  if (!args.Done()) return call.Fail(args.error());
  call.reply().Ok();
}

void ChangeReplicationId(Call& call) {
  call.server().replication_identity().Change();
  call.reply().Ok();
}

void LogMessage(Call& call) {
  const std::string_view message = call.argv()[2];
  Log(LogLevel::kWarning, "DEBUG LOG: %.*s", static_cast<int>(message.size()), message.data());
  call.reply().Ok();
}

void Error(Call& call) { call.Fail(call.argv()[2]); }

void Leak(Call& call) {
  const std::string_view text = call.argv()[2];
  void* leaked = std::malloc(text.size() + 1);
  if (leaked != nullptr) std::memcpy(leaked, text.data(), text.size());
  call.reply().Ok();
}

// What the three below leave behind is a crash report.
void Segfault(Call&) {
  volatile char* const nowhere = reinterpret_cast<char*>(sysconf(_SC_PAGESIZE) / 2);
  *nowhere = 'x';
}

void Panic(Call&) { AssertionFailed("a panic was called for by DEBUG PANIC", __FILE__, __LINE__); }

void Assert(Call&) { AssertionFailed("1 == 2", __FILE__, __LINE__); }

void OutOfMemory(Call&) {
  constexpr size_t kTooMuch = std::numeric_limits<size_t>::max() / 2;
  Log(LogLevel::kWarning, "Out Of Memory allocating %zu bytes!", kTooMuch);
  AssertionFailed("out of memory", __FILE__, __LINE__);
}

void Restart(Call& call) {
  ArgReader args = SubcommandArgs(call);
  constexpr int64_t kDelayMillisMax = 3'600'000;
  int64_t delay_ms = 0;
  if (args.remaining() > 0) {
    delay_ms = args.Int64(0, kDelayMillisMax, error_text::kNotInteger, error_text::kOutOfRange);
  }
  if (!args.Done()) return call.Fail(args.error());
  RestartProcess(delay_ms);
  call.Fail("ERR failed to restart the server. Check server logs.");
}

void RewriteWholeConfig(Call& call) {
  const std::string error = RewriteConfigFile(call.server().config(), true);
  error.empty() ? call.reply().Ok() : call.Fail(error);
}

// Nothing is saved, so nothing but the options can be wrong: everything that would be loaded back is
// still there.
void Reload(Call& call) {
  ArgReader args = SubcommandArgs(call);
  while (args.remaining() > 0) {
    if (args.TakeWord("MERGE") || args.TakeWord("NOFLUSH") || args.TakeWord("NOSAVE")) continue;
    args.Fail("ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.");
  }
  if (!args.Done()) return call.Fail(args.error());
  call.reply().Ok();
}

void DropClusterPacketFilter(Call& call) {
  ArgReader args = SubcommandArgs(call);
  args.Int64();
  if (!args.Done()) return call.Fail(args.error());
  call.reply().Ok();
}

void ClusterLink(Call& call) {
  call.Fail("ERR Debug option only available for cluster mode enabled setup!");
}

void ClientEviction(Call& call) {
  Server& server = call.server();
  const uint64_t limit = ClientMemoryLimit(server.config());
  if (limit == 0) return call.Fail("ERR maxmemory-clients is disabled.");
  std::string text = "clients: " + std::to_string(server.connected_clients()) + "\nmemory: " +
                     std::to_string(server.stats().Sum(&WorkerStats::client_memory)) +
                     "\nlimit: " + std::to_string(limit) + "\n";
  call.reply().Bulk(text);
}

void QuicklistPackedThreshold(Call& call) {
  constexpr uint64_t kLimit = uint64_t{4} << 30;
  uint64_t bytes = 0;
  if (!ParseMemorySize(call.argv()[2], &bytes) || bytes > kLimit) {
    return call.Fail("ERR argument must be a memory value bigger than 1 and smaller than 4gb");
  }
  // Elements of any size are stored in one way.
  call.reply().Ok();
}

void StructSize(Call& call) {
  call.reply().Bulk(
      "bits:" + std::to_string(sizeof(void*) * 8) + " record:" + std::to_string(sizeof(Record)) +
      " bucket:" + std::to_string(sizeof(Bucket)) + " shard:" + std::to_string(sizeof(Shard)) +
      " client:" + std::to_string(sizeof(Client)));
}

void StringMatchLen(Call& call) {
  call.reply().Integer(GlobMatch(call.argv()[2], call.argv()[3]) ? 1 : 0);
}

// Patterns and texts of few letters, so that they often nearly match.
void StringMatchTest(Call& call) {
  constexpr int kRounds = 100'000;
  constexpr std::string_view kLetters = "ab*?[]^-\\";
  Random random(RandomSeed());
  const auto any = [&](size_t size_max) {
    std::string text(random.Below(size_max), '\0');
    for (char& c : text) c = kLetters[random.Below(kLetters.size())];
    return text;
  };
  for (int i = 0; i < kRounds; ++i) {
    const std::string text = any(24);
    GlobMatch(any(24), text, random.OneIn(2));
    ASSERT(text.empty() || GlobMatch("*", text));
  }
  call.reply().SimpleString("Every pattern was matched without a crash: test passed");
}

void ReplyMallctl(Call& call, bool found) {
  if (!found) call.Fail(std::string("ERR ") + std::strerror(errno));
}

void MallctlNumber(Call& call) {
  ArgReader args = SubcommandArgs(call);
  const std::string name(args.String());
  const bool writes = args.remaining() > 0;
  const int64_t fresh = writes ? args.Int64() : 0;
  if (!args.Done()) return call.Fail(args.error());
  int64_t value = 0;
  const bool found = AllocatorNumber(name, writes ? &fresh : nullptr, &value);
  if (!found) return ReplyMallctl(call, false);
  call.reply().Integer(value);
}

void MallctlText(Call& call) {
  ArgReader args = SubcommandArgs(call);
  const std::string name(args.String());
  const bool writes = args.remaining() > 0;
  const std::string fresh(writes ? args.String() : std::string_view());
  if (!args.Done()) return call.Fail(args.error());
  std::string value;
  const bool found = AllocatorText(name, writes ? fresh.c_str() : nullptr, &value);
  if (!found) return ReplyMallctl(call, false);
  call.reply().Bulk(value);
}

void ProtocolAttribute(ReplyWriter& reply) {
  if (reply.Attribute(1)) {
    reply.Bulk("key-popularity");
    reply.Array(2);
    reply.Bulk("key:123");
    reply.Integer(90);
  }
  reply.Bulk("Some real reply following the attribute");
}

void ProtocolPush(Call& call) {
  ReplyWriter& reply = call.reply();
  if (!reply.resp3()) return call.Fail("ERR RESP2 is not supported by this command");
  reply.Push(2);
  reply.Bulk("server-cpu-usage");
  reply.Integer(42);
  reply.Bulk("Some real reply following the push reply");
}

void ProtocolAggregate(ReplyWriter& reply, std::string_view type) {
  constexpr int kElements = 3;
  if (EqualsIgnoreCase(type, "array")) reply.Array(kElements);
  if (EqualsIgnoreCase(type, "set")) reply.Set(kElements);
  const bool map = EqualsIgnoreCase(type, "map");
  if (map) reply.Map(kElements);
  for (int i = 0; i < kElements; ++i) {
    reply.Integer(i);
    if (map) reply.Bool(i == 1);
  }
}

// One reply of each type, for testing clients.
void Protocol(Call& call) {
  constexpr std::string_view kAggregates[] = {"array", "set", "map"};
  const std::string_view type = call.argv()[2];
  const auto is = [&](std::string_view name) { return EqualsIgnoreCase(type, name); };
  ReplyWriter& reply = call.reply();
  if (is("string")) return reply.Bulk("Hello World");
  if (is("integer")) return reply.Integer(12345);
  if (is("double")) return reply.Double(3.141);
  if (is("null")) return reply.Null();
  if (is("bignum")) return reply.BigNumber("1234567999999999999999999999999999999");
  if (is("verbatim")) return reply.Verbatim("txt", "This is a verbatim\nstring");
  if (is("true")) return reply.Bool(true);
  if (is("false")) return reply.Bool(false);
  if (is("attrib")) return ProtocolAttribute(reply);
  if (is("push")) return ProtocolPush(call);
  if (std::ranges::any_of(kAggregates, is)) return ProtocolAggregate(reply, type);
  call.Fail(
      "ERR Wrong protocol type name. Please use one of the following: "
      "string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false");
}

void Help(Call& call);

struct Subcommand {
  std::string_view name;
  size_t arguments_min;  // after its name
  size_t arguments_max;
  void (*run)(Call&);
};

constexpr size_t kAny = SIZE_MAX;

constexpr Subcommand kDebugSubcommands[] = {
    {"aof-flush-sleep", 1, 1, ReplyOk},
    {"assert", 0, 0, Assert},
    {"change-repl-id", 0, 0, ChangeReplicationId},
    {"client-eviction", 0, 0, ClientEviction},
    {"clusterlink", 0, kAny, ClusterLink},
    {"config-rewrite-force-all", 0, 0, RewriteWholeConfig},
    {"crash-and-recover", 0, 1, Restart},
    {"dict-resizing", 1, 1, ReplyOk},
    {"digest", 0, 0, DebugDigest},
    {"digest-value", 0, kAny, DebugDigestValue},
    {"drop-cluster-packet-filter", 1, 1, DropClusterPacketFilter},
    {"error", 1, 1, Error},
    {"help", 0, 0, Help},
    {"htstats", 1, 2, DebugHtStats},
    {"htstats-key", 1, 2, DebugHtStatsKey},
    {"leak", 1, 1, Leak},
    {"listpack", 1, 1, DebugListpack},
    {"loadaof", 0, 0, ReplyOk},
    {"log", 1, 1, LogMessage},
    {"mallctl", 1, 2, MallctlNumber},
    {"mallctl-str", 1, 2, MallctlText},
    {"object", 1, 1, DebugObject},
    {"oom", 0, 0, OutOfMemory},
    {"panic", 0, 0, Panic},
    {"pause-cron", 1, 1, PauseCron},
    {"populate", 1, 3, DebugPopulate},
    {"protocol", 1, 1, Protocol},
    {"quicklist", 1, 2, DebugQuicklist},
    {"quicklist-packed-threshold", 1, 1, QuicklistPackedThreshold},
    {"reload", 0, kAny, Reload},
    {"replicate", 1, kAny, ReplyOk},
    {"replybuffer", 2, 2, ReplyBufferSwitch},
    {"restart", 0, 1, Restart},
    {"sdslen", 1, 1, DebugSdsLen},
    {"segfault", 0, 0, Segfault},
    {"set-active-expire", 1, 1, SetActiveExpire},
    {"set-disable-deny-scripts", 1, 1, ReplyOk},
    {"set-skip-checksum-validation", 1, 1, SetSkipChecksumValidation},
    {"sleep", 1, 1, Sleep},
    {"stringmatch-len", 2, 2, StringMatchLen},
    {"stringmatch-test", 0, 0, StringMatchTest},
    {"structsize", 0, 0, StructSize},
};

void Debug(Call& call) {
  const std::string_view name = call.argv()[1];
  const auto* const found = std::ranges::find_if(
      kDebugSubcommands, [&](const Subcommand& s) { return EqualsIgnoreCase(s.name, name); });
  const size_t arguments = call.argv().size() - 2;
  if (found == std::end(kDebugSubcommands) || arguments < found->arguments_min ||
      arguments > found->arguments_max) {
    return FailSyntax(call);
  }
  found->run(call);
}

void Help(Call& call) {
  ReplyHelp(
      call.reply(), "DEBUG",
      {
          "ASSERT | OOM | PANIC | SEGFAULT",
          "    Crash, each in its own way.",
          "CHANGE-REPL-ID",
          "    Begin a new replication history.",
          "CLIENT-EVICTION",
          "    Show how much memory clients use of maxmemory-clients.",
          "CONFIG-REWRITE-FORCE-ALL",
          "    Write every setting to the configuration file, defaults too.",
          "CRASH-AND-RECOVER | RESTART [<milliseconds>]",
          "    Start this process anew, after a while.",
          "DIGEST",
          "    Give a fingerprint of the whole data set.",
          "DIGEST-VALUE <key> [<key> ...]",
          "    Give a fingerprint of the value of each key.",
          "ERROR <text>",
          "    Reply with this error.",
          "HTSTATS <db>",
          "    Show figures about the table of a database.",
          "HTSTATS-KEY <key> [FULL]",
          "    Show figures about a value that is a table, or all that there are.",
          "LEAK <text>",
          "    Lose a copy of the text.",
          "LISTPACK <key>",
          "    Print how a packed value lies in memory on the server's standard output.",
          "LOG <text>",
          "    Write the text to the log.",
          "MALLCTL <name> [<number>] | MALLCTL-STR <name> [<text>]",
          "    Read or change a setting of the allocator.",
          "OBJECT <key> | SDSLEN <key>",
          "    Show how a value is kept.",
          "PAUSE-CRON <0|1>",
          "    Stop or resume what happens by the clock.",
          "POPULATE <count> [<prefix>] [<size>]",
          "    Add string keys named key:<number> or <prefix>:<number>.",
          "PROTOCOL <type>",
          "    Reply with a value of this type: string, integer, double, bignum, null, array,",
          "    set, map, attrib, push, verbatim, true or false.",
          "QUICKLIST <key>",
          "    Print the nodes of a long list on the server's standard output.",
          "QUICKLIST-PACKED-THRESHOLD <bytes>",
          "    Take a limit that changes nothing: elements of any size are kept in one way.",
          "RELOAD [MERGE] [NOFLUSH] [NOSAVE] | LOADAOF",
          "    Save the data set and load it back.",
          "REPLYBUFFER <PEAK-RESET-TIME <NEVER|RESET|milliseconds> | RESIZING <0|1>>",
          "    Change how buffers for replies are sized.",
          "SET-ACTIVE-EXPIRE <0|1>",
          "    Remove expired keys only when they are met, or by the clock too.",
          "SET-SKIP-CHECKSUM-VALIDATION <0|1>",
          "    Accept serialised values with a wrong checksum, or do not.",
          "SLEEP <seconds>",
          "    Serve nobody for so long.",
          "STRINGMATCH-LEN <pattern> <text> | STRINGMATCH-TEST",
          "    Match a text with a pattern, or many random ones.",
          "STRUCTSIZE",
          "    Show the sizes of central structures.",
      });
}

constexpr CommandSpec kDebugCommands[] = {
    {.name = "debug",
     .run = Debug,
     .arity = -2,
     .flags = kAdmin | kNoScript | kLoading | kStale | kProtected | kSystemCommand,
     .group = Group::kServer,
     .since = "1.0.0",
     .complexity = "Depends on the subcommand",
     .summary = "Does to the server what tests and developers need."},
};
static_assert(WellFormed(kDebugCommands));

}  // namespace

std::span<const CommandSpec> DebugCommands() { return kDebugCommands; }

}  // namespace alai
