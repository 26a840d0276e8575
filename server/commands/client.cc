// CLIENT: what a connection is called and how it is treated. What concerns other clients is in
// client_others.cc.
#include "server/client.h"

#include "protocol/error_text.h"
#include "server/call.h"
#include "server/client_name.h"
#include "server/commands/client_others.h"
#include "server/help_reply.h"
#include "server/worker.h"

namespace alai {
namespace {

// ON or OFF, or an error.
bool ReadSwitch(Call& call, bool* on) {
  const std::string_view word = call.argv()[2];
  *on = EqualsIgnoreCase(word, "ON");
  if (*on || EqualsIgnoreCase(word, "OFF")) return true;
  call.Fail(error_text::kSyntax);
  return false;
}

void SetFlag(Call& call, uint32_t flag) {
  bool on = false;
  if (!ReadSwitch(call, &on)) return;
  on ? call.client().Set(flag) : call.client().Clear(flag);
  call.reply().Ok();
}

void ClientGetName(Call& call) {
  const std::string& name = call.client().name;
  name.empty() ? call.reply().Null() : call.reply().Bulk(name);
}

void ClientGetRedir(Call& call) { call.reply().Integer(-1); }

void ClientId(Call& call) { call.reply().Integer(static_cast<int64_t>(call.client().id())); }

void ClientNoEvict(Call& call) { SetFlag(call, kClientNoEvict); }

void ClientNoTouch(Call& call) { SetFlag(call, kClientNoTouch); }

void ClientReply(Call& call) {
  Client& client = call.client();
  const std::string_view mode = call.argv()[2];
  if (EqualsIgnoreCase(mode, "ON")) {
    client.Clear(kClientReplyOff | kClientReplySkip);
    call.reply().SetSilent(false);
    call.reply().Ok();
  } else if (EqualsIgnoreCase(mode, "OFF")) {
    client.Set(kClientReplyOff);
    call.reply().SetSilent(true);
  } else if (EqualsIgnoreCase(mode, "SKIP")) {
    if (!client.has(kClientReplyOff)) client.Set(kClientReplySkipAfter);
  } else {
    call.Fail(error_text::kSyntax);
  }
}

void ClientSetInfo(Call& call) {
  const std::string_view option = call.argv()[2];
  const std::string_view value = call.argv()[3];
  Client& client = call.client();
  std::string* text = nullptr;
  std::string_view name;
  if (EqualsIgnoreCase(option, "LIB-NAME")) {
    text = &client.library_name;
    name = "lib-name";
  } else if (EqualsIgnoreCase(option, "LIB-VER")) {
    text = &client.library_version;
    name = "lib-ver";
  } else {
    return call.Fail("ERR Unrecognized option '" + std::string(option) + "'");
  }
  if (!IsClientName(value)) {
    return call.Fail("ERR " + std::string(name) +
                     " cannot contain spaces, newlines or special characters.");
  }
  call.worker().clients().Edit([&] { *text = value; });
  call.reply().Ok();
}

void ClientSetName(Call& call) {
  const std::string_view name = call.argv()[2];
  if (!IsClientName(name)) return call.Fail(error_text::kBadClientName);
  SetClientName(call.client(), name);
  call.reply().Ok();
}

void ClientTrackingInfo(Call& call) {
  ReplyWriter& reply = call.reply();
  reply.Map(3);
  reply.Bulk("flags");
  reply.Set(1);
  reply.Bulk("off");
  reply.Bulk("redirect");
  reply.Integer(-1);
  reply.Bulk("prefixes");
  reply.Array(0);
}

void ClientHelp(Call& call) {
  ReplyHelp(call.reply(), "CLIENT",
            {
                "GETNAME",
                "    Show the name of this connection.",
                "GETREDIR",
                "    Show the client to which invalidations are sent (-1: tracking is off).",
                "ID",
                "    Show the number of this connection.",
                "INFO",
                "    Describe this connection in one line.",
                "KILL <ip:port>",
                "    Close the connection that comes from <ip:port>.",
                "KILL <option> <value> [<option> <value> [...]]",
                "    Close every connection to which all options apply, as for LIST, except for",
                "    this one unless SKIPME NO is among them.",
                "LIST [<option> <value> [...]]",
                "    Describe connections, one a line, all of them or those to which these apply:",
                "    * ID <id> [<id> [...]]",
                "      Their numbers.",
                "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
                "      What they are.",
                "    * USER <name>, NAME <name>, LIB-NAME <name>, LIB-VER <version>",
                "      Who they are.",
                "    * ADDR <ip:port>, IP <address>, LADDR <ip:port>",
                "      Where they come from, or came in.",
                "    * DB <index>, FLAGS <letters>, CAPA <letters>",
                "      Their database, flags and what they have said they can do.",
                "    * IDLE <seconds>, MAXAGE <seconds>",
                "      They have been silent, or connected, for at least so long.",
                "    * SKIPME (YES|NO)",
                "      Leave this connection out.",
                "    NOT- before an option, other than the last three, turns it round.",
                "NO-EVICT (ON|OFF)",
                "    Keep this connection when clients take too much memory.",
                "NO-TOUCH (ON|OFF)",
                "    Let the commands of this connection not count as uses of their keys.",
                "PAUSE <milliseconds> [WRITE|ALL]",
                "    Let the commands of all clients wait, or just those that write.",
                "REPLY (ON|OFF|SKIP)",
                "    Send replies, none any more, or not the next one.",
                "SETINFO (LIB-NAME|LIB-VER) <value>",
                "    Say which library this connection uses.",
                "SETNAME <name>",
                "    Give this connection a name.",
                "TRACKINGINFO",
                "    Show how keys are tracked for this connection.",
                "UNBLOCK <id> [TIMEOUT|ERROR]",
                "    End what a blocked client waits for, as if its time were over.",
                "UNPAUSE",
                "    End a PAUSE.",
            });
}

constexpr uint32_t kOwn = kNoScript | kLoading | kStale;
constexpr uint32_t kOthers = kOwn | kAdmin;
constexpr std::string_view kVaries = "nondeterministic_output";
constexpr std::string_view kOnOff = "(enabled: ON | OFF)";

constexpr CommandSpec kClientSubcommands[] = {
    {.name = "getname",
     .run = ClientGetName,
     .arity = 2,
     .flags = kOwn | kAllowBusy,
     .group = Group::kConnection,
     .since = "2.6.9",
     .complexity = "O(1)",
     .summary = "Shows the name of the connection."},
    {.name = "getredir",
     .run = ClientGetRedir,
     .arity = 2,
     .flags = kOwn | kAllowBusy,
     .group = Group::kConnection,
     .since = "6.0.0",
     .complexity = "O(1)",
     .summary = "Shows the client to which invalidations are sent."},
    {.name = "help",
     .run = ClientHelp,
     .arity = 2,
     .flags = kLoading | kStale,
     .group = Group::kConnection,
     .since = "5.0.0",
     .complexity = "O(1)",
     .summary = "Lists the subcommands."},
    {.name = "id",
     .run = ClientId,
     .arity = 2,
     .flags = kOwn | kAllowBusy,
     .group = Group::kConnection,
     .since = "5.0.0",
     .complexity = "O(1)",
     .summary = "Shows the number of the connection."},
    {.name = "info",
     .run = ClientInfo,
     .arity = 2,
     .flags = kOwn,
     .group = Group::kConnection,
     .since = "6.2.0",
     .complexity = "O(1)",
     .summary = "Describes the connection in one line.",
     .tips = kVaries},
    {.name = "kill",
     .run = ClientKill,
     .arity = -3,
     .flags = kOthers,
     .group = Group::kConnection,
     .since = "2.4.0",
     .complexity = "O(N) where N is the number of connections",
     .summary = "Closes connections.",
     .arguments =
         "(filter: old-format:string'ip:port'!2.8.12 | (new-format: [ID "
         "client-id:integer*]@2.8.12 | TYPE [client-type: NORMAL | MASTER@3.2.0 | PRIMARY@8.0.0 | "
         "SLAVE | REPLICA@5.0.0 | PUBSUB]@2.8.12 | [USER username:string] | [ADDR "
         "addr:string'ip:port'] | [LADDR laddr:string'ip:port']@6.2.0 | SKIPME [skipme: YES | NO] "
         "| [MAXAGE maxage:integer]@7.4.0 | [NAME name:string]@9.0.0 | [IDLE idle:integer]@9.0.0 "
         "| [FLAGS flags:string]@9.0.0 | [LIB-NAME lib-name:string]@9.0.0 | [LIB-VER "
         "lib-ver:string]@9.0.0 | [DB db:integer]@9.0.0 | [CAPA capa:string]@9.0.0 | [IP "
         "ip:string]@9.0.0 | NOT-TYPE [not-client-type: NORMAL | MASTER | PRIMARY | SLAVE | "
         "REPLICA | PUBSUB]@9.0.0 | [NOT-ID not-client-id:integer*]@9.0.0 | [NOT-USER "
         "not-username:string]@9.0.0 | [NOT-ADDR not-addr:string'ip:port']@9.0.0 | [NOT-LADDR "
         "not-laddr:string'ip:port']@9.0.0 | [NOT-NAME not-name:string]@9.0.0 | [NOT-FLAGS "
         "not-flags:string]@9.0.0 | [NOT-LIB-NAME not-lib-name:string]@9.0.0 | [NOT-LIB-VER "
         "not-lib-ver:string]@9.0.0 | [NOT-DB not-db:integer]@9.0.0 | [NOT-CAPA "
         "not-capa:string]@9.0.0 | [NOT-IP not-ip:string]@9.0.0)*)",
     .history = "2.8.12: Takes options, ID among them. | 3.2.0: TYPE knows `master`. | "
                "5.0.0: TYPE knows `replica`. | 6.2.0: Added LADDR. | 7.4.0: Added MAXAGE. | "
                "8.1.0: ID takes several. | 9.0.0: Added the filters from NAME on."},
    {.name = "list",
     .run = ClientList,
     .arity = -2,
     .flags = kOthers,
     .group = Group::kConnection,
     .since = "2.4.0",
     .complexity = "O(N) where N is the number of connections",
     .summary = "Describes connections, one a line.",
     .arguments =
         "TYPE [client-type: NORMAL | MASTER | REPLICA | PUBSUB]@5.0.0 [ID "
         "client-id:integer*]@6.2.0 [USER username:string]@8.1.0 [ADDR "
         "addr:string'ip:port']@8.1.0 [LADDR laddr:string'ip:port']@8.1.0 SKIPME [skipme: YES | "
         "NO]@8.1.0 [MAXAGE maxage:integer]@8.1.0 [NAME name:string]@9.0.0 [IDLE "
         "idle:integer]@9.0.0 [FLAGS flags:string]@9.0.0 [LIB-NAME lib-name:string]@9.0.0 "
         "[LIB-VER lib-ver:string]@9.0.0 [DB db:integer]@9.0.0 [CAPA capa:string]@9.0.0 [IP "
         "ip:string]@9.0.0 NOT-TYPE [not-client-type: NORMAL | MASTER | REPLICA | PUBSUB]@9.0.0 "
         "[NOT-ID not-client-id:integer*]@9.0.0 [NOT-USER not-username:string]@9.0.0 [NOT-ADDR "
         "not-addr:string'ip:port']@9.0.0 [NOT-LADDR not-laddr:string'ip:port']@9.0.0 [NOT-NAME "
         "not-name:string]@9.0.0 [NOT-FLAGS not-flags:string]@9.0.0 [NOT-LIB-NAME "
         "not-lib-name:string]@9.0.0 [NOT-LIB-VER not-lib-ver:string]@9.0.0 [NOT-DB "
         "not-db:integer]@9.0.0 [NOT-CAPA not-capa:string]@9.0.0 [NOT-IP not-ip:string]@9.0.0",
     .tips = kVaries,
     .history = "2.8.12: Added `id`. | 5.0.0: Added TYPE. | 6.0.0: Added `user`. | "
                "6.2.0: Added `argv-mem`, `tot-mem`, `laddr`, `redir` and ID. | "
                "7.0.0: Added `resp`, `multi-mem`, `rbs` and `rbp`. | 7.0.3: Added `ssub`. | "
                "8.1.0: Added USER, ADDR, LADDR, SKIPME and MAXAGE. | "
                "9.0.0: Added the filters from NAME on."},
    {.name = "no-evict",
     .run = ClientNoEvict,
     .arity = 3,
     .flags = kOthers | kAllowBusy,
     .group = Group::kConnection,
     .since = "7.0.0",
     .complexity = "O(1)",
     .summary = "Keeps the connection when clients take too much memory.",
     .arguments = kOnOff},
    {.name = "no-touch",
     .run = ClientNoTouch,
     .arity = 3,
     .flags = kOwn | kAllowBusy,
     .group = Group::kConnection,
     .since = "7.2.0",
     .complexity = "O(1)",
     .summary = "Lets commands not count as uses of their keys.",
     .arguments = kOnOff},
    {.name = "pause",
     .run = ClientPause,
     .arity = -3,
     .flags = kOthers,
     .group = Group::kConnection,
     .since = "3.0.0",
     .complexity = "O(1)",
     .summary = "Lets the commands of clients wait.",
     .arguments = "timeout:integer [mode: WRITE | ALL]@6.2.0",
     .history = "6.2.0: Added WRITE and ALL."},
    {.name = "reply",
     .run = ClientReply,
     .arity = 3,
     .flags = kOwn | kNoMulti | kAllowBusy,
     .group = Group::kConnection,
     .since = "3.2.0",
     .complexity = "O(1)",
     .summary = "Says whether replies are sent.",
     .arguments = "(action: ON | OFF | SKIP)"},
    {.name = "setinfo",
     .run = ClientSetInfo,
     .arity = 4,
     .flags = kOwn | kAllowBusy,
     .group = Group::kConnection,
     .since = "7.2.0",
     .complexity = "O(1)",
     .summary = "Says which library the connection uses.",
     .arguments = "(attr: LIB-NAME libname:string | LIB-VER libver:string)",
     .tips = kEveryNode},
    {.name = "setname",
     .run = ClientSetName,
     .arity = 3,
     .flags = kOwn | kAllowBusy,
     .group = Group::kConnection,
     .since = "2.6.9",
     .complexity = "O(1)",
     .summary = "Names the connection.",
     .arguments = "connection-name:string",
     .tips = kEveryNode},
    {.name = "trackinginfo",
     .run = ClientTrackingInfo,
     .arity = 2,
     .flags = kOwn,
     .group = Group::kConnection,
     .since = "6.2.0",
     .complexity = "O(1)",
     .summary = "Shows how keys are tracked for the connection."},
    {.name = "unblock",
     .run = ClientUnblock,
     .arity = -3,
     .flags = kOthers,
     .group = Group::kConnection,
     .since = "5.0.0",
     .complexity = "O(log N) where N is the number of connections",
     .summary = "Ends what a blocked client waits for.",
     .arguments = "client-id:integer [unblock-type: TIMEOUT | ERROR]"},
    {.name = "unpause",
     .run = ClientUnpause,
     .arity = 2,
     .flags = kOthers,
     .group = Group::kConnection,
     .since = "6.2.0",
     .complexity = "O(N) where N is the number of paused clients",
     .summary = "Lets commands go on that wait because of a pause."},
};

constexpr CommandSpec kClientCommands[] = {
    {.name = "client",
     .arity = -2,
     .group = Group::kConnection,
     .since = "2.4.0",
     .complexity = "Depends on subcommand.",
     .summary = "A container for commands about connections.",
     .subcommands = kClientSubcommands},
};

}  // namespace

std::span<const CommandSpec> ClientCommands() { return kClientCommands; }

}  // namespace alai
