// Commands about the connection itself: AUTH, ECHO, HELLO, PING, QUIT, RESET, SELECT.
#include "engine/store.h"
#include "protocol/error_text.h"
#include "server/authentication.h"
#include "server/call.h"
#include "server/client.h"
#include "server/client_name.h"
#include "server/config/config.h"
#include "server/server.h"
#include "server/stats.h"
#include "server/version.h"
#include "server/worker.h"

namespace alai {
namespace {

// Lets the client in, or replies with the error.
bool Authenticate(Call& call, std::string_view user, std::string_view password) {
  if (!IsRightPassword(call.server().config(), user, password)) {
    call.worker().stats().Add(Count::kDeniedAuth);
    call.Fail(error_text::kWrongPass);
    return false;
  }
  call.client().Clear(kClientNeedsAuth);
  return true;
}

void Auth(Call& call) {
  ArgReader args = call.args();
  if (args.remaining() > 2) return call.Fail(error_text::kSyntax);
  std::string_view user = "default";
  if (args.remaining() == 2) {
    user = args.String();
  } else if (call.server().config().requirepass.empty()) {
    return call.Fail(error_text::kAuthWithoutPassword);
  }
  if (Authenticate(call, user, args.String())) call.reply().Ok();
}

void Echo(Call& call) { call.reply().Bulk(call.argv()[1]); }

void ReplyHello(Call& call) {
  ReplyWriter& reply = call.reply();
  reply.Map(7);
  reply.Bulk("server");
  reply.Bulk("redis");
  reply.Bulk("version");
  reply.Bulk(kRedisVersion);
  reply.Bulk("proto");
  reply.Integer(call.client().resp());
  reply.Bulk("id");
  reply.Integer(static_cast<int64_t>(call.client().id()));
  reply.Bulk("mode");
  reply.Bulk("standalone");
  reply.Bulk("role");
  reply.Bulk("master");
  reply.Bulk("modules");
  reply.Array(0);
}

// AUTH and SETNAME, each as soon as it is read; false after replying with an error.
bool TakeHelloOptions(Call& call, ArgReader& args) {
  while (args.remaining() > 0) {
    const std::string_view word = args.String();
    if (EqualsIgnoreCase(word, "AUTH") && args.remaining() >= 2) {
      const std::string_view user = args.String();
      if (!Authenticate(call, user, args.String())) return false;
    } else if (EqualsIgnoreCase(word, "SETNAME") && args.remaining() >= 1) {
      const std::string_view name = args.String();
      if (!IsClientName(name)) {
        call.Fail(error_text::kBadClientName);
        return false;
      }
      SetClientName(call.client(), name);
    } else {
      call.Fail("ERR Syntax error in HELLO option '" + std::string(word) + "'");
      return false;
    }
  }
  return true;
}

void Hello(Call& call) {
  ArgReader args = call.args();
  Client& client = call.client();
  int version = client.resp();
  if (args.remaining() > 0) {
    const int64_t wanted = args.Int64(error_text::kProtoNotInteger);
    if (!args.ok()) return call.Fail(args.error());
    if (wanted < 2 || wanted > 3) return call.Fail(error_text::kNoProto);
    version = static_cast<int>(wanted);
  }
  if (!TakeHelloOptions(call, args)) return;
  if (!client.authenticated()) return call.Fail(error_text::kNoAuthHello);
  client.set_resp(version);
  call.reply().SetProtocol(version);
  ReplyHello(call);
}

void Ping(Call& call) {
  switch (call.argv().size()) {
    case 1:
      return call.reply().SimpleString("PONG");
    case 2:
      return call.reply().Bulk(call.argv()[1]);
    default:
      return call.Fail(error_text::WrongArgumentCount("ping"));
  }
}

void Quit(Call& call) {
  call.worker().LeaveMonitor(call.client());
  call.client().Set(kClientCloseAfterReply);
  call.reply().Ok();
}

void Reset(Call& call) {
  Client& client = call.client();
  call.worker().LeaveMonitor(client);
  client.Clear(kClientReplyOff | kClientNoEvict | kClientNoTouch);
  if (!call.server().config().requirepass.empty()) client.Set(kClientNeedsAuth);
  SetClientName(client, {});
  client.set_db_index(0);
  client.set_resp(2);
  call.reply().SetProtocol(2);
  // A reply that CLIENT REPLY SKIP drops is this one.
  call.reply().SetSilent(client.has(kClientReplySkip));
  call.reply().SimpleString("RESET");
}

void Select(Call& call) {
  ArgReader args = call.args();
  const int64_t index = args.Int64(INT32_MIN, INT32_MAX);
  if (!args.Done()) return call.Fail(args.error());
  if (index < 0 || index >= call.worker().store().databases()) {
    return call.Fail(error_text::kDbIndexOutOfRange);
  }
  call.client().set_db_index(static_cast<int>(index));
  call.reply().Ok();
}

constexpr uint32_t kAnybody = kNoScript | kLoading | kStale | kFast | kNoAuth | kAllowBusy;

constexpr CommandSpec kConnectionCommands[] = {
    {.name = "auth",
     .run = Auth,
     .arity = -2,
     .flags = kAnybody,
     .group = Group::kConnection,
     .since = "1.0.0",
     .complexity = "O(N) where N is the number of passwords of the user",
     .summary = "Proves who the client is.",
     .arguments = "[username:string]@6.0.0 password:string",
     .history = "6.0.0: Takes a user's name before the password."},
    {.name = "echo",
     .run = Echo,
     .arity = 2,
     .flags = kLoading | kStale | kFast,
     .group = Group::kConnection,
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Replies with its argument.",
     .arguments = "message:string"},
    {.name = "hello",
     .run = Hello,
     .arity = -1,
     .flags = kAnybody,
     .group = Group::kConnection,
     .since = "6.0.0",
     .complexity = "O(1)",
     .summary = "Agrees on the protocol's version and tells about the server.",
     .arguments = "[(arguments: protover:integer [AUTH (auth: username:string "
                  "password:string)] [SETNAME clientname:string])]",
     .history = "6.2.0: Without a version it tells about the connection as it is."},
    {.name = "ping",
     .run = Ping,
     .arity = -1,
     .flags = kFast,
     .group = Group::kConnection,
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Replies with PONG, or with its argument.",
     .arguments = "[message:string]",
     .tips = "request_policy:all_shards response_policy:all_succeeded"},
    {.name = "quit",
     .run = Quit,
     .arity = -1,
     .flags = kAnybody,
     .group = Group::kConnection,
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Ends the connection after the last reply."},
    {.name = "reset",
     .run = Reset,
     .arity = 1,
     .flags = kAnybody,
     .group = Group::kConnection,
     .since = "6.2.0",
     .complexity = "O(1)",
     .summary = "Brings the connection back to the state of a new one."},
    {.name = "select",
     .run = Select,
     .arity = 2,
     .flags = kLoading | kStale | kFast | kAllowBusy,
     .group = Group::kConnection,
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Chooses the database that the connection works on.",
     .arguments = "index:integer"},
};

}  // namespace

std::span<const CommandSpec> ConnectionCommands() { return kConnectionCommands; }

}  // namespace alai
