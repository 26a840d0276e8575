// The checks before a command, and the accounting after it.
#include <cstring>
#include <string>

#include "engine/store.h"
#include "protocol/error_text.h"
#include "server/command_table.h"
#include "server/server.h"
#include "server/slow_log.h"
#include "server/stats.h"
#include "server/worker.h"
#include "tests/catch.h"
#include "tests/server/local_fixture.h"

namespace alai {
namespace {

CommandTotals TotalsOf(LocalFixture& fixture, std::string_view name) {
  const CommandInfo* command = fixture.local().server().commands().FindFullName(name);
  REQUIRE(command != nullptr);
  return fixture.local().server().stats().Command(command->id);
}

TEST_CASE("Unknown commands and wrong numbers of arguments are refused and counted") {
  LocalFixture fixture;
  const auto client = fixture.Connect();
  CHECK(client.Ask(Request({"nosuch", "a", "b"})) ==
        "-ERR unknown command 'nosuch', with args beginning with: 'a' 'b' \r\n");
  CHECK(client.Ask(Request({"GET"})) == "-ERR wrong number of arguments for 'get' command\r\n");
  CHECK(client.Ask(Request({"CLIENT", "nosuch"})) ==
        "-ERR unknown subcommand 'nosuch'. Try CLIENT HELP.\r\n");
  CHECK(client.Ask(Request({"CLIENT", "id", "x"})) ==
        "-ERR wrong number of arguments for 'client|id' command\r\n");
  CHECK(TotalsOf(fixture, "get").rejected == 1);
  CHECK(TotalsOf(fixture, "get").calls == 0);
  CHECK(TotalsOf(fixture, "client|id").rejected == 1);
  CHECK(fixture.local().server().stats().Errors().at("ERR") == 4);
}

TEST_CASE("Calls, failures, hits and misses are counted") {
  LocalFixture fixture;
  const auto client = fixture.Connect();
  client.Ask(Request({"SET", "k", "v"}) + Request({"GET", "k"}) + Request({"GET", "none"}) +
             Request({"INCR", "k"}) + Request({"MGET", "k", "k", "none"}));
  const Stats& stats = fixture.local().server().stats();
  CHECK(TotalsOf(fixture, "get").calls == 2);
  CHECK(TotalsOf(fixture, "incr").calls == 1);
  CHECK(TotalsOf(fixture, "incr").failed == 1);
  CHECK(stats.Sum(Count::kKeyspaceHits) == 3);
  CHECK(stats.Sum(Count::kKeyspaceMisses) == 2);
  CHECK(stats.Sum(&WorkerStats::changes) == 1);
  CHECK(stats.Errors().at("ERR") == 1);
}

TEST_CASE("A command's name is found however it is spelled") {
  LocalFixture fixture;
  const auto client = fixture.Connect();
  for (const char* name : {"get", "GET", "Get", "gEt", "get", "GET"}) {
    CHECK(client.Ask(Request({name, "none"})) == "$-1\r\n");
  }
  // Spellings of other commands that share a place in the table of recent names.
  CHECK(client.Ask(Request({"SET", "s", "1"}) + Request({"GET", "s"}) + Request({"TTL", "s"}) +
                   Request({"DEL", "s"}) + Request({"GXT", "s"}) + Request({"GET", "s"})) ==
        "+OK\r\n$1\r\n1\r\n:-1\r\n:1\r\n"
        "-ERR unknown command 'GXT', with args beginning with: 's' \r\n$-1\r\n");
}

TEST_CASE("Strangers may authenticate and nothing else") {
  LocalFixture fixture;
  fixture.config.requirepass.set("secret");
  const auto client = fixture.Connect();
  CHECK(client.Ask(Request({"GET", "k"})) == "-NOAUTH Authentication required.\r\n");
  CHECK(client.Ask(Request({"AUTH", "wrong"})) ==
        "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
  CHECK(client.Ask(Request({"AUTH", "secret"}) + Request({"GET", "k"})) == "+OK\r\n$-1\r\n");
  CHECK(client.Ask(Request({"RESET"}) + Request({"GET", "k"})) ==
        "+RESET\r\n-NOAUTH Authentication required.\r\n");
  CHECK(TotalsOf(fixture, "get").rejected == 2);
  CHECK(fixture.local().server().stats().Sum(Count::kDeniedAuth) == 1);
}

TEST_CASE("Protected commands run as enable-debug-command says") {
  LocalFixture fixture;
  const std::string refused =
      "-ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you "
      "can run it from a local connection, otherwise you need to set this option in the "
      "configuration file, and then restart the server.\r\n";
  SECTION("no") {
    fixture.config.enable_debug_command.set(ProtectedAction::kNo);
    CHECK(fixture.Connect().Ask(Request({"DEBUG", "SLEEP", "0"})) == refused);
  }
  SECTION("local") {
    fixture.config.enable_debug_command.set(ProtectedAction::kLocal);
    CHECK(fixture.Connect().Ask(Request({"DEBUG", "SLEEP", "0"})) == "+OK\r\n");
    CHECK(fixture.local().Connect(0, true).Ask(Request({"DEBUG", "SLEEP", "0"})) == "+OK\r\n");
  }
  SECTION("yes") {
    fixture.config.enable_debug_command.set(ProtectedAction::kYes);
    CHECK(fixture.Connect().Ask(Request({"DEBUG", "SLEEP", "0"})) == "+OK\r\n");
  }
}

TEST_CASE("DEBUG OBJECT tells in whole seconds how long a key has not been used") {
  LocalFixture fixture;
  fixture.config.enable_debug_command.set(ProtectedAction::kYes);
  const auto client = fixture.Connect();
  CHECK(client.Ask(Request({"SET", "k", "v"})) == "+OK\r\n");
  const auto idle = [&] {
    const std::string line = client.Ask(Request({"DEBUG", "OBJECT", "k"}));
    return line.substr(line.find(" lru_seconds_idle:"));
  };
  CHECK(idle() == " lru_seconds_idle:0\r\n");
  fixture.Advance(7000);
  CHECK(idle() == " lru_seconds_idle:7\r\n");
  CHECK(client.Ask(Request({"GET", "k"})) == Bulk("v"));
  CHECK(idle() == " lru_seconds_idle:0\r\n");
}

TEST_CASE("A password set later keeps strangers out, not those who are in") {
  LocalFixture fixture;
  const auto early = fixture.Connect();
  CHECK(early.Ask("CONFIG SET requirepass secret\r\nPING\r\n") == "+OK\r\n+PONG\r\n");
  const auto late = fixture.Connect();
  CHECK(late.Ask("PING\r\n") == "-NOAUTH Authentication required.\r\n");
  CHECK(early.Ask("CONFIG SET requirepass \"\"\r\n") == "+OK\r\n");
  CHECK(late.Ask("PING\r\n") == "+PONG\r\n");
}

TEST_CASE("Slow-log thresholds hold for the next request of the same batch") {
  LocalFixture fixture;
  fixture.config.slowlog_log_slower_than.set(-1);
  const auto client = fixture.Connect();
  client.Ask("PING\r\n");
  const CommandLog& log = fixture.local().server().command_log();
  CHECK(log.Length(CommandLogKind::kSlow) == 0);
  client.Ask("CONFIG SET slowlog-log-slower-than 0\r\nPING\r\nPING\r\n");
  CHECK(log.Length(CommandLogKind::kSlow) == 3);
  client.Ask("CONFIG SET slowlog-log-slower-than -1\r\nPING\r\nPING\r\n");
  CHECK(log.Length(CommandLogKind::kSlow) == 3);
}

TEST_CASE("Large requests and replies are logged") {
  LocalFixture fixture;
  fixture.config.commandlog_request_larger_than.set(5'000);
  fixture.config.commandlog_reply_larger_than.set(50'000);
  const auto client = fixture.Connect();
  client.Ask(Request({"SET", "k", std::string(60'000, 'v')}) + Request({"GET", "k"}) +
             Request({"STRLEN", "k"}));
  const CommandLog& log = fixture.local().server().command_log();
  const auto requests = log.Newest(CommandLogKind::kLargeRequest, 10);
  const auto replies = log.Newest(CommandLogKind::kLargeReply, 10);
  REQUIRE(requests.size() == 1);
  CHECK(requests[0]->arguments[0] == "SET");
  REQUIRE(replies.size() == 1);
  CHECK(replies[0]->arguments[0] == "GET");
  CHECK(replies[0]->value == 60'000 + 10);
}

TEST_CASE("An expired key that a read meets is gone for the next request") {
  LocalFixture fixture;
  const auto client = fixture.Connect();
  client.Ask(Request({"SET", "k", "v", "PX", "10"}) + Request({"DEBUG", "SET-ACTIVE-EXPIRE", "0"}));
  fixture.local().server().store();
  fixture.clock.AdvanceMillis(11);
  CHECK(client.Ask(Request({"GET", "k"}) + Request({"DBSIZE"})) == "$-1\r\n:0\r\n");
}

TEST_CASE("Keys whose time has come are removed without being read") {
  LocalFixture fixture;
  const auto client = fixture.Connect();
  for (int i = 0; i < 1000; ++i) {
    client.Send(Request({"SET", "k" + std::to_string(i), "v", "PX", "100"}));
  }
  fixture.local().RunUntilIdle();
  CHECK(client.Ask("DBSIZE\r\n").ends_with(":1000\r\n"));
  for (int i = 0; i < 12; ++i) fixture.Advance(25);
  CHECK(client.Ask("DBSIZE\r\n") == ":0\r\n");
}

TEST_CASE("FLUSHALL SYNC is answered when everything is free, ASYNC at once") {
  LocalFixture fixture(2);
  const auto client = fixture.Connect();
  const Store& store = fixture.local().server().store();
  const auto fill = [&] { client.Ask("DEBUG POPULATE 2000\r\n"); };
  fixture.config.enable_debug_command.set(ProtectedAction::kYes);
  const auto freed_lazily = [&] {
    const std::string info = client.Ask("INFO memory\r\n");
    const size_t at = info.find("lazyfreed_objects:");
    REQUIRE(at != std::string::npos);
    return std::stoi(info.substr(at + std::strlen("lazyfreed_objects:")));
  };
  for (const char* const flush : {"FLUSHALL SYNC\r\n", "FLUSHDB SYNC\r\n"}) {
    fill();
    CHECK(client.Ask(std::string(flush) + "DBSIZE\r\n") == "+OK\r\n:0\r\n");
    CHECK(store.detached_keys() == 0);
    CHECK(freed_lazily() == 0);
  }
  fill();
  CHECK(client.Ask("FLUSHALL ASYNC\r\nDBSIZE\r\n") == "+OK\r\n:0\r\n");
  CHECK(store.detached_keys() == 2000);
  CHECK(freed_lazily() == 0);
  // SYNC waits for all that has been flushed, whoever began it.
  fill();
  fixture.config.lazyfree_lazy_user_flush.set(false);
  CHECK(client.Ask("FLUSHALL\r\n") == "+OK\r\n");
  CHECK(store.detached_keys() == 0);
  CHECK(freed_lazily() == 2000);
  CHECK(client.Ask("FLUSHALL SYNC\r\n") == "+OK\r\n");
}

TEST_CASE("Settings say which large values wait to be freed lazily") {
  LocalFixture fixture;
  const auto client = fixture.Connect();
  const auto fill = [&](std::string_view key) {
    for (int i = 0; i < 300; ++i) {
      client.Ask(Request({"SADD", key, std::string(100, 'm') + std::to_string(i)}));
    }
  };
  const auto free_later = [&](const std::string& request) {
    fill("s");
    client.Ask(request);
    for (int i = 0; i < 300; ++i) client.Ask("PING\r\n");
    const LazyFree& lazy_free = fixture.local().server().store().reclaimer().lazy_free();
    const bool waits = lazy_free.pending() != 0;
    CHECK(client.Ask(Request({"CONFIG", "SET", "maxmemory", "0"})) == "+OK\r\n");
    CHECK(client.Ask("FLUSHALL SYNC\r\n") == "+OK\r\n");
    while (lazy_free.pending() != 0) {
      fixture.local().server().store().FreeDetached(fixture.local().server().workers()[0]->thread(),
                                                    1'000'000);
    }
    return waits;
  };
  struct Case {
    std::string_view setting;
    std::string request;
  };
  const Case cases[] = {
      {"lazyfree-lazy-user-del", Request({"DEL", "s"})},
      {"lazyfree-lazy-server-del", Request({"SET", "s", "v"})},
      {"lazyfree-lazy-expire", Request({"PEXPIRE", "s", "-1"})},
      {"lazyfree-lazy-eviction",
       Request({"CONFIG", "SET", "maxmemory-policy", "allkeys-random", "maxmemory", "1"})},
  };
  for (const Case& each : cases) {
    INFO(each.setting);
    CHECK(free_later(each.request));
    CHECK(client.Ask(Request({"CONFIG", "SET", each.setting, "no"})) == "+OK\r\n");
    CHECK_FALSE(free_later(each.request));
    CHECK(free_later(Request({"UNLINK", "s"})));
  }
  const std::string freed = client.Ask("INFO memory\r\n");
  CHECK(freed.find("lazyfreed_objects:8\r\n") != std::string::npos);
  client.Ask("CONFIG RESETSTAT\r\n");
  CHECK(client.Ask("INFO memory\r\n").find("lazyfreed_objects:0\r\n") != std::string::npos);
}

TEST_CASE("CLIENT REPLY silences what it says") {
  LocalFixture fixture;
  const auto client = fixture.Connect();
  CHECK(client.Ask("CLIENT REPLY SKIP\r\nPING a\r\nPING b\r\n") == "$1\r\nb\r\n");
  CHECK(client.Ask("CLIENT REPLY SKIP\r\nNOSUCH\r\nPING c\r\n") == "$1\r\nc\r\n");
  CHECK(client.Ask("CLIENT REPLY SKIP\r\n").empty());
  CHECK(client.Ask("PING\r\n").empty());
  CHECK(client.Ask("PING\r\n") == "+PONG\r\n");
  CHECK(client.Ask("CLIENT REPLY OFF\r\nPING\r\nSET k v\r\n").empty());
  CHECK(client.Ask("CLIENT REPLY SKIP\r\nCLIENT REPLY ON\r\nGET k\r\n") == "+OK\r\n$1\r\nv\r\n");
}

TEST_CASE("HTTP is hung up on") {
  LocalFixture fixture;
  const auto client = fixture.Connect();
  CHECK(client.Ask("POST / HTTP/1.1\r\nHost: x\r\nSET k v\r\n").empty());
  CHECK(client.closed());
  CHECK(fixture.Connect().Ask("EXISTS k\r\n") == ":0\r\n");
}

TEST_CASE("Databases are told apart within a pipeline") {
  LocalFixture fixture;
  const auto client = fixture.Connect();
  CHECK(client.Ask("SET k zero\r\nSELECT 1\r\nGET k\r\nSET k one\r\nSELECT 0\r\nGET k\r\n") ==
        "+OK\r\n+OK\r\n$-1\r\n+OK\r\n+OK\r\n$4\r\nzero\r\n");
}

TEST_CASE("HELLO changes the protocol for what follows it") {
  LocalFixture fixture;
  const auto client = fixture.Connect();
  CHECK(client.Ask("GET none\r\nHELLO 3\r\nGET none\r\n").ends_with("\r\n_\r\n"));
  CHECK(client.Ask("GET none\r\n") == "_\r\n");
  CHECK(client.Ask("RESET\r\nGET none\r\n") == "+RESET\r\n$-1\r\n");
}

}  // namespace
}  // namespace alai
