// The part of the dispatcher that decides whether a command may run at all.
#include "engine/base/log.h"
#include "engine/base/ticks.h"
#include "engine/store.h"
#include "protocol/error_text.h"
#include "server/client.h"
#include "server/config/config.h"
#include "server/dispatcher.h"
#include "server/server.h"
#include "server/stats.h"
#include "server/worker.h"

namespace alai {
namespace {

bool IsLocal(const Client& client) {
  return client.has(kClientUnixSocket) || client.address.starts_with("127.") ||
         client.address.starts_with("[::1]");
}

// What lines of an HTTP request begin with. Someone makes a browser send requests here.
bool IsHttpWord(std::string_view word) {
  return EqualsIgnoreCase(word, "post") || EqualsIgnoreCase(word, "host:");
}

}  // namespace

Dispatcher::Admission Dispatcher::CloseHttpClient(Client& client) {
  constexpr UnixMillis kBetweenWarningsMs = 60'000;
  if (worker_.now() - last_http_warning_ms_ > kBetweenWarningsMs) {
    last_http_warning_ms_ = worker_.now();
    Log(LogLevel::kWarning,
        "Possible SECURITY ATTACK detected. It looks like somebody is sending POST or Host: "
        "commands to Redis. This is likely due to an attacker attempting to use Cross Protocol "
        "Scripting to compromise your Redis instance. Connection from %s aborted.",
        client.address.c_str());
  }
  client.Set(kClientCloseNow);
  return Admission::kRejected;
}

Dispatcher::Admission Dispatcher::Admit(Client& client, const Request& request) {
  const CommandInfo* command = request.command;
  if (command == nullptr) {
    if (IsHttpWord(request.argv[0])) return CloseHttpClient(client);
    return Reject(nullptr, error_text::UnknownCommand(request.argv));
  }
  if (command->is_container() && request.argv.size() > 1) {
    return Reject(nullptr, error_text::UnknownSubcommand(command->full_name, request.argv[1]));
  }
  if (!command->ArityFits(request.argv.size())) {
    return Reject(command, error_text::WrongArgumentCount(command->full_name));
  }
  if (command->has(kProtected) && !MayRunProtected(client, *command)) {
    return Reject(command, ProtectedText(*command));
  }
  if (client.has(kClientNeedsAuth) && !command->has(kNoAuth)) {
    if (!server_.config().requirepass.empty()) return Reject(command, error_text::kNoAuth);
    client.Clear(kClientNeedsAuth);
  }
  if (pause_ == PauseKind::kAll ||
      (pause_ == PauseKind::kWrite && command->has(kWrite | kMayReplicate))) {
    return Admission::kPaused;
  }
  return Admission::kAdmitted;
}

bool Dispatcher::MayRunProtected(const Client& client, const CommandInfo& command) const {
  const CommandInfo& top = command.container != nullptr ? *command.container : command;
  const ProtectedAction action = top.full_name == "debug" ? config_.enable_debug_command.get()
                                                          : config_.enable_module_command.get();
  return action == ProtectedAction::kYes || (action == ProtectedAction::kLocal && IsLocal(client));
}

std::string Dispatcher::ProtectedText(const CommandInfo& command) {
  const CommandInfo& top = command.container != nullptr ? *command.container : command;
  const bool debug = top.full_name == "debug";
  return std::string("ERR ") + (debug ? "DEBUG" : "MODULE") + " command not allowed. If the " +
         (debug ? "enable-debug-command" : "enable-module-command") +
         " option is set to \"local\", you can run it from a local connection, otherwise you need "
         "to set this option in the configuration file, and then restart the server.";
}

bool Dispatcher::HasRoom(const Request& request) {
  if (!request.command->has(kDenyOom) || store_.eviction().HasRoom(thread_)) return true;
  const Room room = worker_.MakeRoom();
  out_of_memory_ = room == Room::kNone;
  return room == Room::kEnough;
}

Dispatcher::Outcome Dispatcher::RefuseWrite(const Request& request) {
  if (!std::exchange(out_of_memory_, false)) return Outcome::kNoSpace;
  Reject(request.command, error_text::kOutOfMemory);
  last_ticks_ = Ticks::Now();
  return Outcome::kDone;
}

Dispatcher::Admission Dispatcher::Reject(const CommandInfo* command, std::string_view error) {
  if (command != nullptr) stats_.CommandRejected(command->id);
  Refuse(error);
  return Admission::kRejected;
}

void Dispatcher::Refuse(std::string_view error) {
  reply_.Error(error);
  stats_.ErrorReplied(reply_.last_error());
  reply_.ClearErrors();
  size_before_ = reply_.output().size();
}

}  // namespace alai
