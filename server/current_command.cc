#include "server/current_command.h"

#include <span>
#include <string>
#include <string_view>

#include "server/client.h"
#include "server/dispatcher.h"
#include "server/process/crash_report.h"

namespace alai {
namespace {

thread_local const Dispatcher* dispatcher_of_this_thread = nullptr;

template <class Text>
void WriteArguments(CrashWriter& out, std::span<const Text> arguments, bool redact) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    out.Text("argv[").Decimal(static_cast<int64_t>(i)).Text("]: ");
    if (redact && i > 0) {
      out.Decimal(static_cast<int64_t>(arguments[i].size())).Text(" bytes\n");
    } else {
      out.Escaped(arguments[i]).Text("\n");
    }
  }
}

}  // namespace

void AnnounceDispatcher(const Dispatcher* dispatcher) { dispatcher_of_this_thread = dispatcher; }

void WriteCurrentCommand(CrashWriter& out, bool redact) {
  const Dispatcher* dispatcher = dispatcher_of_this_thread;
  if (dispatcher == nullptr ||
      (dispatcher->executing().empty() && dispatcher->resuming().empty())) {
    out.Text("none\n");
    return;
  }
  const Client* client = dispatcher->client();
  if (client != nullptr) {
    out.Text("client: id=").Decimal(static_cast<int64_t>(client->id()));
    out.Text(" db=").Decimal(client->db_index()).Text("\n");
  }
  WriteArguments(out, dispatcher->executing(), redact);
  WriteArguments(out, dispatcher->resuming(), redact);
}

}  // namespace alai
