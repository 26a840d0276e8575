// How the loaders go about it: what goes in one query, whose turn it is, and from which database.
#include <string>
#include <vector>

#include "tests/catch.h"
#include "tests/server/origin_fixture.h"

namespace alai {
namespace {

const std::string kNil = "$-1\r\n";

std::vector<std::string> MemoryRule(std::vector<std::string> options = {}) {
  std::vector<std::string> words = {"memory", "m:{id:int}"};
  words.insert(words.end(), options.begin(), options.end());
  words.insert(words.end(), {"query", "SELECT v FROM m WHERE id = $1"});
  return words;
}

}  // namespace

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

}  // namespace alai
