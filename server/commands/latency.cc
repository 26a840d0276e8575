// LATENCY: spikes by event, and how long each command takes.
//
// Threads     Any worker; the monitor has its own mutex, histograms are read while others count.
#include <cstdint>
#include <utility>
#include <vector>

#include "engine/base/histogram.h"
#include "server/call.h"
#include "server/command_table.h"
#include "server/config/config.h"
#include "server/help_reply.h"
#include "server/latency_monitor.h"
#include "server/server.h"
#include "server/stats.h"

namespace alai {
namespace {

void LatencyLatest(Call& call) {
  const auto events = call.server().latency_monitor().Events();
  ReplyWriter& reply = call.reply();
  reply.Array(events.size());
  for (const LatencyEvent& event : events) {
    reply.Array(4);
    reply.Bulk(event.name);
    reply.Integer(event.samples.back().time_s);
    reply.Integer(event.samples.back().ms);
    reply.Integer(event.max_ms);
  }
}

void LatencyHistory(Call& call) {
  const auto samples = call.server().latency_monitor().History(call.argv()[2]);
  ReplyWriter& reply = call.reply();
  reply.Array(samples.size());
  for (const LatencySample& sample : samples) {
    reply.Array(2);
    reply.Integer(sample.time_s);
    reply.Integer(sample.ms);
  }
}

void LatencyReset(Call& call) {
  LatencyMonitor& monitor = call.server().latency_monitor();
  const auto events = call.argv().subspan(2);
  size_t reset = events.empty() ? monitor.ResetAll() : 0;
  for (const std::string_view event : events) reset += monitor.Reset(event);
  call.reply().Integer(static_cast<int64_t>(reset));
}

void LatencyGraphCommand(Call& call) {
  const std::string_view name = call.argv()[2];
  for (const LatencyEvent& event : call.server().latency_monitor().Events()) {
    if (event.name == name) {
      return call.reply().Verbatim("txt", LatencyGraph(event, call.now() / 1000));
    }
  }
  call.Fail("ERR No samples available for event '" + std::string(name) + "'");
}

void LatencyDoctor(Call& call) {
  Server& server = call.server();
  call.reply().Verbatim(
      "txt", LatencyAdvice(server.latency_monitor().Events(),
                           server.config().latency_monitor_threshold, call.now() / 1000));
}

// The microseconds by which Redis names the slot that ends at a power of two of nanoseconds: its
// histogram's slots are 1/128 of that wide, and it prints the last nanosecond of one.
constexpr int64_t SlotLabel(size_t power) {
  return static_cast<int64_t>(((uint64_t{1} << power) + (uint64_t{1} << (power - 7)) - 1) / 1000);
}

// How many calls of a command took at most so many microseconds, for each power of two at which
// they are more than at the one before. False when it was never called.
bool ReplyHistogram(Call& call, const CommandInfo& command) {
  constexpr size_t kFirstPower = 10;  // 1024 ns
  const uint64_t calls = call.server().stats().Command(command.id).calls;
  if (calls == 0) return false;
  Histogram latencies;
  call.server().stats().AddLatency(command.id, latencies);
  if (latencies.count() == 0) return false;
  const Histogram::PowerCounts counts = latencies.CountsBelowPowersOfTwo();
  ReplyWriter& reply = call.reply();
  reply.Bulk(command.full_name);
  reply.Map(2);
  reply.Bulk("calls");
  reply.Integer(static_cast<int64_t>(calls));
  reply.Bulk("histogram_usec");
  const auto map = reply.BeginMap();
  size_t pairs = 0;
  uint64_t before = 0;
  for (size_t power = kFirstPower; power < counts.size(); ++power) {
    if (counts[power] == before) continue;
    before = counts[power];
    reply.Integer(SlotLabel(power));
    reply.Integer(static_cast<int64_t>(before));
    ++pairs;
  }
  reply.EndMap(map, pairs);
  return true;
}

void LatencyHistogram(Call& call) {
  const CommandTable& table = call.server().commands();
  const auto map = call.reply().BeginMap();
  size_t pairs = 0;
  const auto add = [&](const CommandInfo& command) { pairs += ReplyHistogram(call, command); };
  if (call.argv().size() == 2) {
    for (const CommandInfo& command : table.commands()) add(command);
  }
  for (const std::string_view name : call.argv().subspan(2)) {
    const CommandInfo* command = table.FindFullName(name);
    if (command == nullptr) continue;
    add(*command);
    for (const CommandInfo& subcommand : command->subcommands) add(subcommand);
  }
  call.reply().EndMap(map, pairs);
}

void LatencyHelp(Call& call) {
  ReplyHelp(call.reply(), "LATENCY",
            {
                "DOCTOR",
                "    Explain the spikes seen so far in plain words.",
                "GRAPH <event>",
                "    Draw the spikes of an event.",
                "HISTOGRAM [<command> ...]",
                "    Show how many calls took at most how many microseconds, for the commands",
                "    named or for all that were called.",
                "HISTORY <event>",
                "    List the spikes of an event: Unix time and milliseconds.",
                "LATEST",
                "    Show the last and the worst spike of every event.",
                "RESET [<event> ...]",
                "    Forget the spikes of the events named, or of all.",
            });
}

constexpr uint32_t kLatencyFlags = kAdmin | kNoScript | kLoading | kStale;
constexpr std::string_view kLatencyTips =
    "nondeterministic_output request_policy:all_nodes response_policy:special";

constexpr CommandSpec kLatencySubcommands[] = {
    {.name = "doctor",
     .run = LatencyDoctor,
     .arity = 2,
     .flags = kLatencyFlags,
     .group = Group::kServer,
     .since = "2.8.13",
     .complexity = "O(1)",
     .summary = "Explains latency spikes in plain words.",
     .tips = kLatencyTips},
    {.name = "graph",
     .run = LatencyGraphCommand,
     .arity = 3,
     .flags = kLatencyFlags,
     .group = Group::kServer,
     .since = "2.8.13",
     .complexity = "O(1)",
     .summary = "Draws the latency spikes of an event.",
     .arguments = "event:string",
     .tips = kLatencyTips},
    {.name = "help",
     .run = LatencyHelp,
     .arity = 2,
     .flags = kLoading | kStale,
     .group = Group::kServer,
     .since = "2.8.13",
     .complexity = "O(1)",
     .summary = "Lists the subcommands."},
    {.name = "histogram",
     .run = LatencyHistogram,
     .arity = -2,
     .flags = kLatencyFlags,
     .group = Group::kServer,
     .since = "7.0.0",
     .complexity = "O(N) where N is the number of commands asked for",
     .summary = "Shows how the calls of commands are distributed over time taken.",
     .arguments = "[command:string*]",
     .tips = kLatencyTips},
    {.name = "history",
     .run = LatencyHistory,
     .arity = 3,
     .flags = kLatencyFlags,
     .group = Group::kServer,
     .since = "2.8.13",
     .complexity = "O(1)",
     .summary = "Lists the latency spikes of an event.",
     .arguments = "event:string",
     .tips = kLatencyTips},
    {.name = "latest",
     .run = LatencyLatest,
     .arity = 2,
     .flags = kLatencyFlags,
     .group = Group::kServer,
     .since = "2.8.13",
     .complexity = "O(1)",
     .summary = "Shows the last and the worst latency spike of each event.",
     .tips = kLatencyTips},
    {.name = "reset",
     .run = LatencyReset,
     .arity = -2,
     .flags = kLatencyFlags,
     .group = Group::kServer,
     .since = "2.8.13",
     .complexity = "O(1)",
     .summary = "Forgets the latency spikes of some or all events.",
     .arguments = "[event:string*]",
     .tips = "request_policy:all_nodes response_policy:agg_sum"},
};

constexpr CommandSpec kLatencyCommands[] = {
    {.name = "latency",
     .arity = -2,
     .group = Group::kServer,
     .since = "2.8.13",
     .complexity = "Depends on the subcommand",
     .summary = "Watches what keeps clients waiting.",
     .subcommands = kLatencySubcommands},
};
static_assert(WellFormed(kLatencyCommands));

}  // namespace

std::span<const CommandSpec> LatencyCommands() { return kLatencyCommands; }

}  // namespace alai
