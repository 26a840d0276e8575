#include "server/current_command.h"

#include "server/client.h"
#include "server/dispatcher.h"
#include "server/process/crash_report.h"

namespace alai {
namespace {

thread_local const Dispatcher* dispatcher_of_this_thread = nullptr;

}  // namespace

void AnnounceDispatcher(const Dispatcher* dispatcher) { dispatcher_of_this_thread = dispatcher; }

void WriteCurrentCommand(CrashWriter& out, bool redact) {
  const Dispatcher* dispatcher = dispatcher_of_this_thread;
  if (dispatcher == nullptr || dispatcher->executing().empty()) {
    out.Text("none\n");
    return;
  }
  const Client* client = dispatcher->client();
  if (client != nullptr) {
    out.Text("client: id=").Decimal(static_cast<int64_t>(client->id()));
    out.Text(" db=").Decimal(client->db_index()).Text("\n");
  }
  size_t index = 0;
  for (const std::string_view argument : dispatcher->executing()) {
    out.Text("argv[").Decimal(static_cast<int64_t>(index)).Text("]: ");
    if (redact && index > 0) {
      out.Decimal(static_cast<int64_t>(argument.size())).Text(" bytes\n");
    } else {
      out.Escaped(argument).Text("\n");
    }
    ++index;
  }
}

}  // namespace alai
