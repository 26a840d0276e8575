// CONFIG: reads, changes and writes down the settings of the running server.
//
// Threads     Any worker.
#include <string>
#include <vector>

#include "server/call.h"
#include "server/client.h"
#include "server/command_spec.h"
#include "server/commands/forgotten_values.h"
#include "server/config/config_rewrite.h"
#include "server/config/config_set.h"
#include "server/help_reply.h"
#include "server/net/listener.h"
#include "server/process/process_settings.h"
#include "server/server.h"
#include "server/stats.h"
#include "server/worker.h"

namespace alai {
namespace {

void ConfigGet(Call& call) {
  const auto settings = GetConfig(call.server().config(), call.args().rest());
  call.reply().Map(settings.size());
  for (const auto& [name, value] : settings) {
    call.reply().Bulk(name);
    call.reply().Bulk(value);
  }
}

// The server and, where it is the process's own, the process around it.
class Host final : public ConfigHost {
 public:
  explicit Host(Server& server) : server_(server) {}
  std::string Apply(ApplyHook hook) override {
    std::string error = server_.Apply(hook);
    ProcessSettings* const process = ProcessSettings::Current();
    return error.empty() && process != nullptr ? process->Apply(hook) : error;
  }
  void ResetStats() override { server_.ResetStats(); }
  bool loading() const override { return server_.loading(); }

 private:
  Server& server_;
};

void ConfigSet(Call& call) {
  const std::span<const std::string_view> words = call.args().rest();
  if (words.size() % 2 != 0) return call.Fail(error_text::kSyntax);
  std::vector<SettingChange> changes;
  for (size_t i = 0; i < words.size(); i += 2) changes.push_back({words[i], words[i + 1]});
  const Client& client = call.client();
  const bool local = client.has(kClientUnixSocket) || IsLoopback(client.address);
  Host host(call.server());
  const std::string error = SetConfig(call.server().config(), host, changes, local);
  if (!error.empty()) return call.Fail(error);
  ReplyWhenForgotten(call, [](ReplyWriter& reply) { reply.Ok(); });
}

void ConfigRewrite(Call& call) {
  const std::string error = RewriteConfigFile(call.server().config());
  if (!error.empty()) return call.Fail(error);
  call.reply().Ok();
}

void ConfigResetStat(Call& call) {
  call.server().ResetStats();
  // This very command is the first that is counted again.
  call.worker().stats().BeginTurn();
  call.reply().Ok();
}

void ConfigHelp(Call& call) {
  ReplyHelp(call.reply(), "CONFIG",
            {
                "GET <pattern> [<pattern> ...]",
                "    Show the settings whose names match one of the patterns.",
                "RESETSTAT",
                "    Let what INFO, LATENCY HISTOGRAM and the like count begin at zero again.",
                "REWRITE",
                "    Write the settings in force to the file that the server was started with.",
                "SET <name> <value> [<name> <value> ...]",
                "    Change settings while the server runs: all of them or, after an error, none.",
            });
}

constexpr uint32_t kConfigFlags = kAdmin | kNoScript | kLoading | kStale;

constexpr CommandSpec kConfigSubcommands[] = {
    {.name = "get",
     .run = ConfigGet,
     .arity = -3,
     .flags = kConfigFlags,
     .group = Group::kServer,
     .since = "2.0.0",
     .complexity = "O(N) where N is the number of settings",
     .summary = "Shows the settings whose names match any of the patterns.",
     .arguments = "parameter:string*"},
    {.name = "help",
     .run = ConfigHelp,
     .arity = 2,
     .flags = kLoading | kStale,
     .group = Group::kServer,
     .since = "5.0.0",
     .complexity = "O(1)",
     .summary = "Lists the subcommands."},
    {.name = "resetstat",
     .run = ConfigResetStat,
     .arity = 2,
     .flags = kConfigFlags,
     .group = Group::kServer,
     .since = "2.0.0",
     .complexity = "O(1)",
     .summary = "Sets the counters that INFO shows back to zero.",
     .tips = kEveryNode},
    {.name = "rewrite",
     .run = ConfigRewrite,
     .arity = 2,
     .flags = kConfigFlags,
     .group = Group::kServer,
     .since = "2.8.0",
     .complexity = "O(N) where N is the number of settings",
     .summary = "Writes the settings in force to the configuration file.",
     .tips = kEveryNode},
    {.name = "set",
     .run = ConfigSet,
     .arity = -4,
     .flags = kConfigFlags,
     .group = Group::kServer,
     .since = "2.0.0",
     .complexity = "O(N) where N is the number of settings given",
     .summary = "Changes settings, all of them or none.",
     .arguments = "(data: parameter:string value:string)*",
     .tips = kEveryNode},
};

constexpr CommandSpec kConfigCommands[] = {
    {.name = "config",
     .arity = -2,
     .group = Group::kServer,
     .since = "2.0.0",
     .complexity = "Depends on the subcommand",
     .summary = "Reads, changes and writes down the settings.",
     .subcommands = kConfigSubcommands},
};
static_assert(WellFormed(kConfigCommands));

}  // namespace

std::span<const CommandSpec> ConfigCommands() { return kConfigCommands; }

}  // namespace alai
