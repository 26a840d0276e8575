// INFO: the server's figures.
//
// Threads     Any worker.
#include "server/info/info.h"

#include "server/call.h"
#include "server/server.h"
#include "server/worker.h"

namespace alai {
namespace {

void Info(Call& call) {
  const InfoContext context{call.server(), call.now(), call.worker().monotonic_ns()};
  call.reply().Verbatim("txt", MakeInfo(context, call.argv().subspan(1)));
}

constexpr CommandSpec kInfoCommands[] = {
    {.name = "info",
     .run = Info,
     .arity = -1,
     .flags = kLoading | kStale,
     .categories = kCatDangerous,
     .group = Group::kServer,
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Shows figures about the server, by section.",
     .arguments = "[section:string*]",
     .tips = "nondeterministic_output request_policy:all_shards response_policy:special",
     .history = "7.0.0: Takes several sections at once."},
};
static_assert(WellFormed(kInfoCommands));

}  // namespace

std::span<const CommandSpec> InfoCommands() { return kInfoCommands; }

}  // namespace alai
