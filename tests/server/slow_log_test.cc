// The logs of notable commands: thresholds, cutting, bounds, secrets.
#include "server/slow_log.h"

#include <string>
#include <string_view>
#include <vector>

#include "server/command_table.h"
#include "tests/catch.h"

namespace alai {
namespace {

void Nothing(Call&) {}

constexpr CommandSpec kConfigSubs[] = {{.name = "set", .run = Nothing, .arity = -4}};
constexpr CommandSpec kAclSubs[] = {{.name = "setuser", .run = Nothing, .arity = -3}};
constexpr CommandSpec kRows[] = {
    {.name = "set", .run = Nothing, .arity = -3},
    {.name = "auth", .run = Nothing, .arity = -2},
    {.name = "hello", .run = Nothing, .arity = -1},
    {.name = "migrate", .run = Nothing, .arity = -6},
    {.name = "exec", .run = Nothing, .arity = 1, .flags = kSkipCommandLog},
    {.name = "config", .arity = -2, .subcommands = kConfigSubs},
    {.name = "acl", .arity = -2, .subcommands = kAclSubs},
};

struct Fixture {
  Config config;
  CommandLog log{config};
  CommandTable table{kRows};

  void Add(std::vector<std::string_view> argv, int64_t micros, size_t request = 10,
           size_t reply = 10) {
    const CommandInfo* command = table.Find(argv[0]);
    if (command->is_container()) command = table.FindSubcommand(*command, argv[1]);
    log.Add({.command = command,
             .argv = argv,
             .nanos = micros * 1000,
             .request_bytes = request,
             .reply_bytes = reply,
             .client_address = "127.0.0.1:5000",
             .client_name = "name"},
            1'700'000'000);
  }
  std::vector<std::string> Arguments() {
    return log.Newest(CommandLogKind::kSlow, 1).at(0)->arguments;
  }
};

TEST_CASE_METHOD(Fixture, "Only what reaches a threshold is logged", "[slow_log]") {
  config.slowlog_log_slower_than.set(100);
  CHECK_FALSE(log.Notable(99'999, 0, 0));
  CHECK(log.Notable(100'000, 0, 0));
  Add({"set", "a", "b"}, 99);
  CHECK(log.Length(CommandLogKind::kSlow) == 0);
  Add({"set", "a", "b"}, 100);
  REQUIRE(log.Length(CommandLogKind::kSlow) == 1);
  const auto entry = log.Newest(CommandLogKind::kSlow, 10).at(0);
  CHECK(entry->id == 0);
  CHECK(entry->time_s == 1'700'000'000);
  CHECK(entry->value == 100);
  CHECK(entry->arguments == std::vector<std::string>{"set", "a", "b"});
  CHECK(entry->client_address == "127.0.0.1:5000");
  CHECK(entry->client_name == "name");
}

TEST_CASE_METHOD(Fixture, "A negative threshold turns a log off, zero logs everything",
                 "[slow_log]") {
  config.slowlog_log_slower_than.set(-1);
  config.commandlog_request_larger_than.set(-1);
  config.commandlog_reply_larger_than.set(-1);
  CHECK_FALSE(log.Notable(INT64_MAX, SIZE_MAX / 2, SIZE_MAX / 2));
  config.slowlog_log_slower_than.set(0);
  CHECK(log.Notable(0, 0, 0));
  Add({"set", "a", "b"}, 0);
  CHECK(log.Length(CommandLogKind::kSlow) == 1);
}

TEST_CASE_METHOD(Fixture, "Large requests and replies have logs of their own", "[slow_log]") {
  config.slowlog_log_slower_than.set(-1);
  config.commandlog_request_larger_than.set(1000);
  config.commandlog_reply_larger_than.set(2000);
  Add({"set", "a", "b"}, 1'000'000, 1000, 1999);
  Add({"set", "a", "b"}, 1'000'000, 999, 2000);
  CHECK(log.Length(CommandLogKind::kSlow) == 0);
  REQUIRE(log.Length(CommandLogKind::kLargeRequest) == 1);
  REQUIRE(log.Length(CommandLogKind::kLargeReply) == 1);
  CHECK(log.Newest(CommandLogKind::kLargeRequest, 1).at(0)->value == 1000);
  CHECK(log.Newest(CommandLogKind::kLargeReply, 1).at(0)->value == 2000);
  log.Clear(CommandLogKind::kLargeReply);
  CHECK(log.Length(CommandLogKind::kLargeReply) == 0);
  CHECK(log.Length(CommandLogKind::kLargeRequest) == 1);
}

TEST_CASE_METHOD(Fixture, "A log keeps the newest and its ids go on", "[slow_log]") {
  config.slowlog_log_slower_than.set(0);
  config.slowlog_max_len.set(3);
  for (int i = 0; i < 10; ++i) Add({"set", std::to_string(i), "v"}, i);
  REQUIRE(log.Length(CommandLogKind::kSlow) == 3);
  const auto entries = log.Newest(CommandLogKind::kSlow, SIZE_MAX);
  REQUIRE(entries.size() == 3);
  CHECK(entries[0]->id == 9);
  CHECK(entries[2]->id == 7);
  CHECK(log.Newest(CommandLogKind::kSlow, 2).size() == 2);
  CHECK(log.Newest(CommandLogKind::kSlow, 0).empty());
  config.slowlog_max_len.set(1);
  Add({"set", "a", "b"}, 1);
  CHECK(log.Length(CommandLogKind::kSlow) == 1);
  log.Clear(CommandLogKind::kSlow);
  Add({"set", "a", "b"}, 1);
  CHECK(log.Newest(CommandLogKind::kSlow, 1).at(0)->id == 11);
  config.slowlog_max_len.set(0);
  Add({"set", "a", "b"}, 1);
  CHECK(log.Length(CommandLogKind::kSlow) == 0);
}

TEST_CASE_METHOD(Fixture, "Many and long arguments are cut", "[slow_log]") {
  config.slowlog_log_slower_than.set(0);
  std::vector<std::string_view> argv(32, "x");
  argv[0] = "set";
  Add(argv, 1);
  CHECK(Arguments().size() == 32);
  CHECK(Arguments().back() == "x");
  argv.push_back("x");
  Add(argv, 1);
  CHECK(Arguments().size() == 32);
  CHECK(Arguments()[30] == "x");
  CHECK(Arguments().back() == "... (2 more arguments)");
  argv.resize(1000, "x");
  Add(argv, 1);
  CHECK(Arguments().back() == "... (969 more arguments)");

  const std::string fits(128, 'a');
  const std::string too_long(129, 'b');
  Add({"set", fits, too_long}, 1);
  CHECK(Arguments()[1] == fits);
  CHECK(Arguments()[2] == std::string(128, 'b') + "... (1 more bytes)");
}

TEST_CASE_METHOD(Fixture, "Secrets are not logged", "[slow_log]") {
  using Texts = std::vector<std::string>;
  const std::string hidden = "(redacted)";
  config.slowlog_log_slower_than.set(0);
  Add({"auth", "user", "secret"}, 1);
  CHECK(Arguments() == Texts{"auth", hidden, hidden});
  Add({"HELLO", "3", "auth", "user", "secret", "setname", "me"}, 1);
  CHECK(Arguments() == Texts{"HELLO", "3", "auth", hidden, hidden, "setname", "me"});
  Add({"config", "set", "maxmemory", "1", "requirepass", "secret"}, 1);
  CHECK(Arguments() == Texts{"config", "set", "maxmemory", "1", "requirepass", hidden});
  Add({"config", "set", "RequirePass", "secret"}, 1);
  CHECK(Arguments() == Texts{"config", "set", "RequirePass", hidden});
  Add({"config", "set", "primaryauth", "secret", "origin-url", "postgresql://user:secret@h"}, 1);
  CHECK(Arguments() == Texts{"config", "set", "primaryauth", hidden, "origin-url", hidden});
  Add({"config", "set", "dir", "requirepass"}, 1);
  CHECK(Arguments() == Texts{"config", "set", "dir", "requirepass"});
  Add({"acl", "setuser", "bob", ">secret"}, 1);
  CHECK(Arguments() == Texts{"acl", "setuser", hidden, hidden});
  Add({"migrate", "h", "p", "k", "0", "9", "AUTH", "secret"}, 1);
  CHECK(Arguments() == Texts{"migrate", "h", "p", "k", "0", "9", "AUTH", hidden});
  Add({"migrate", "h", "p", "", "0", "9", "AUTH2", "user", "secret", "KEYS", "k"}, 1);
  CHECK(Arguments() ==
        Texts{"migrate", "h", "p", "", "0", "9", "AUTH2", hidden, hidden, "KEYS", "k"});
}

TEST_CASE_METHOD(Fixture, "Commands that ask not to be logged are not", "[slow_log]") {
  config.slowlog_log_slower_than.set(0);
  Add({"exec"}, 1'000'000);
  CHECK(log.Length(CommandLogKind::kSlow) == 0);
}

}  // namespace
}  // namespace alai
