// MONITOR: the commands that run, as they run.
#include "server/call.h"
#include "server/worker.h"

namespace alai {
namespace {

void Monitor(Call& call) {
  call.worker().StartMonitor(call.client());
  call.reply().Ok();
}

constexpr CommandSpec kMonitorCommands[] = {
    {.name = "monitor",
     .run = Monitor,
     .arity = 1,
     .flags = kAdmin | kNoScript | kLoading | kStale,
     .group = Group::kServer,
     .since = "1.0.0",
     .summary = "Shows every command that the server runs."},
};

}  // namespace

std::span<const CommandSpec> MonitorCommands() { return kMonitorCommands; }

}  // namespace alai
