// How the loaders go about it: what goes in one query, whose turn it is, and from which database.
#include <string>
#include <vector>

#include "tests/catch.h"
#include "tests/server/origin_fixture.h"

namespace alai {
namespace {

const std::string kNil = "$-1\r\n";

}  // namespace

// A batch is gathered for a second; a busy machine may need several attempts.
TEST_CASE("A rule that gathers a batch does not keep the others from loading", "[origin]") {
  const int connections = GENERATE(1, 2);
  bool before = false;
  for (int attempt = 0; attempt < 5 && !before; ++attempt) {
    OriginFixture server;
    server.config.origin_connections.set(connections);
    server.AddRule({"slow", "s:{id:int}", "batch-window-us", "1000000", "timeout-ms", "60000",
                    "query", "SELECT v FROM s WHERE id = $1"});
    server.AddRule(MemoryRule());
    for (const char* id : {"1", "2", "3", "4"}) server.database.Put(id, "value");
    const auto patient = server.Connect();
    const auto client = server.Connect();
    patient.Send(Request({"GET", "s:1"}));
    for (const char* key : {"m:2", "m:3", "m:4"}) {
      server.Expect(client, Request({"GET", key}), Bulk("value"));
    }
    before = patient.Receive().empty();
  }
  CHECK(before);
}

TEST_CASE("A key that its query cannot take fails alone", "[origin]") {
  OriginFixture server;
  server.config.origin_connections.set(1);
  server.config.origin_breaker_failures.set(1);
  server.AddRule(MemoryRule({"batch-window-us", "0", "on-error", "error"}));
  server.database.SetFault("11", absl::InvalidArgumentError("no integer"));
  for (int i = 0; i < 17; ++i) server.database.Put(std::to_string(i), "v" + std::to_string(i));
  // While the only loader is held, the others come together.
  server.database.Hold();
  const auto first = server.Connect();
  server.SendAndQuery(first, Request({"GET", "m:16"}));
  std::vector<Server::Local::Connection> clients;
  for (int i = 0; i < 16; ++i) {
    clients.push_back(server.Connect());
    clients.back().Send(Request({"GET", "m:" + std::to_string(i)}));
  }
  server.RunUntil([&] { return server.origin().keys_under_way() == 17; });
  server.database.Release();
  for (size_t i = 0; i < clients.size(); ++i) {
    const std::string reply = i == 11 ? "-ORIGINERR no integer\r\n" : Bulk("v" + std::to_string(i));
    CHECK(server.Await(clients[i], reply.size()) == reply);
  }
  // The first one's, that of all 16, and those of two halves of 16, 8, 4 and 2.
  CHECK(server.database.queries() == 10);
  CHECK(server.figures("memory").Get(origin::RuleFigures::kLoads) == 17);
  CHECK(server.figures("memory").Get(origin::RuleFigures::kErrors) == 1);
  CHECK(!server.origin().breaker().open());
}

TEST_CASE("A database that is gone is not asked for the halves of a batch", "[origin]") {
  OriginFixture server;
  server.config.origin_connections.set(1);
  server.config.origin_breaker_failures.set(2);
  server.AddRule(MemoryRule({"batch-window-us", "0"}));
  server.database.SetFault("1", absl::InvalidArgumentError("no integer"));
  server.database.SetFault("2", absl::UnavailableError("connection lost"));
  server.database.Hold();
  const auto first = server.Connect();
  const auto client = server.Connect();
  server.SendAndQuery(first, Request({"GET", "m:0"}));
  client.Send(Request({"MGET", "m:1", "m:2", "m:3", "m:4"}));
  server.RunUntil([&] { return server.origin().keys_under_way() == 5; });
  server.database.Release();
  const std::string reply = "*4\r\n" + kNil + kNil + kNil + kNil;
  CHECK(server.Await(client, reply.size()) == reply);
  // The first one's, all four, the first two, the first, the second; then no more.
  CHECK(server.database.queries() == 5);
  CHECK(server.figures("memory").Get(origin::RuleFigures::kErrors) == 4);
  CHECK(!server.origin().breaker().open());
}

TEST_CASE("CONFIG SET origin-url waits for no connection to end", "[origin]") {
  OriginFixture server;
  server.AddRule(MemoryRule({"timeout-ms", "60000"}));
  server.database.Put("1", "old");
  server.database.Put("2", "two");
  server.database.BeStubborn();
  server.database.Hold();
  const auto client = server.Connect();
  const auto other = server.Connect();
  server.SendAndQuery(client, Request({"GET", "m:1"}));
  const auto set = [&](const std::string& url) {
    return other.Ask(Request({"CONFIG", "SET", "origin-url", url}));
  };
  CHECK(set("fake:other") == "+OK\r\n");
  CHECK(other.Ask(Request({"PING"})) == "+PONG\r\n");
  server.database.Put("1", "new");
  SECTION("What the database before was asked for is asked of the other one") {
    server.database.Release();
    CHECK(server.Await(client, 9) == Bulk("new"));
    server.Expect(other, Request({"GET", "m:2"}), Bulk("two"));
  }
  SECTION("Without another one nothing comes") {
    CHECK(set("") == "+OK\r\n");
    CHECK(other.Ask(Request({"GET", "m:2"})) == kNil);
    server.database.Release();
    CHECK(server.Await(client, kNil.size()) == kNil);
  }
  SECTION("Not any number of them may be on their way out") {
    std::string reply = "+OK\r\n";
    int more = 0;
    for (; reply == "+OK\r\n" && more < 100; ++more) {
      // A loader of each is held.
      const std::string key = "m:" + std::to_string(100 + more);
      const auto asker = server.Connect();
      const int waiting = server.database.waiting();
      asker.Send(Request({"GET", key}));
      server.RunUntil([&] { return server.database.waiting() > waiting; });
      reply = set("fake:" + std::to_string(more));
    }
    CHECK(more < 100);
    CHECK(reply.starts_with("-ERR CONFIG SET failed (possibly related to argument 'origin-url')"));
    server.database.Release();
    server.RunUntil([&] { return set("fake:last") == "+OK\r\n"; });
    CHECK(server.Await(client, 9) == Bulk("new"));
  }
}

TEST_CASE("Loads are counted by key class", "[origin]") {
  OriginFixture server;
  server.config.keyclass.set({{.name = "m", .prefix = "m:"}, {.name = "deep", .prefix = "m:9"}});
  server.AddRule(MemoryRule());
  server.database.Put("1", "one");
  server.database.Put("91", "deep");
  const auto client = server.Connect();
  server.Expect(client, Request({"MGET", "m:1", "m:2", "m:91"}),
                "*3\r\n" + Bulk("one") + kNil + Bulk("deep"));
  server.Expect(client, Request({"GET", "m:1"}), Bulk("one"));
  const auto expect = [&](const std::string& name, const std::string& loads) {
    CHECK(client.Ask(Request({"KEYCLASS", "STATS", name}))
              .find(Bulk("origin_loads") + ":" + loads + "\r\n") != std::string::npos);
    CHECK(client.Ask(Request({"INFO", "keyclasses"})).find("origin_loads=" + loads + ",") !=
          std::string::npos);
  };
  expect("m", "2");
  expect("deep", "1");
  // The figures outlive the threads that have counted.
  CHECK(client.Ask(Request({"CONFIG", "SET", "origin-url", "fake:other"})) == "+OK\r\n");
  server.RunUntil([&] { return server.database.sources() == 2; });
  server.Expect(client, Request({"GET", "m:2"}), kNil);
  expect("m", "3");
}

}  // namespace alai
