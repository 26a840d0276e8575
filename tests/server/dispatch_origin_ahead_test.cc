// Pipelines that miss: what the requests read that are still to be run is loaded with what the first one waits for, and
// nobody can tell but by the number of queries.
#include <optional>
#include <string>
#include <vector>

#include "tests/catch.h"
#include "tests/server/origin_fixture.h"

namespace alai {
namespace {

using origin::RuleFigures;

const std::string kNil = "$-1\r\n";

// The only loader is held by a client of its own, so that whatever else is asked for goes together.
class AheadFixture : public OriginFixture {
 public:
  static constexpr int kKeys = 80;

  explicit AheadFixture(const std::vector<std::string>& options = {}) {
    config.origin_connections.set(1);
    AddRule(MemoryRule(options));
    for (int i = 1; i <= kKeys; ++i) database.Put(std::to_string(i), "v" + std::to_string(i));
    client_.emplace(Connect());
    holder_.emplace(Connect());
    database.Hold();
    SendAndQuery(*holder_, Request({"GET", "m:0"}));
  }
  const Server::Local::Connection& client() { return *client_; }
  RuleFigures& memory() { return figures("memory"); }
  // What comes for requests of which so many keys are asked for before the database answers.
  std::string Run(const std::string& requests, size_t keys, size_t reply_bytes) {
    client().Send(requests);
    RunUntil([&] { return origin().keys_under_way() >= keys + 1; });
    CHECK(origin().keys_under_way() == keys + 1);
    database.Release();
    return Await(client(), reply_bytes);
  }

 private:
  std::optional<Server::Local::Connection> client_;
  std::optional<Server::Local::Connection> holder_;
};

}  // namespace

TEST_CASE("A pipeline of reads that miss is one query", "[origin]") {
  AheadFixture server;
  std::string requests;
  std::string replies;
  for (int i = 1; i <= AheadFixture::kKeys; ++i) {
    requests += Request({"GET", "m:" + std::to_string(i)});
    replies += Bulk("v" + std::to_string(i));
  }
  CHECK(server.Run(requests, AheadFixture::kKeys, replies.size()) == replies);
  // The first was that of the client that held the loader.
  CHECK(server.database.queries() == 2);
  CHECK(server.memory().Get(RuleFigures::kMisses) == 2);
  CHECK(server.memory().Get(RuleFigures::kLoads) == AheadFixture::kKeys + 1);
  CHECK(server.memory().Get(RuleFigures::kLoadsAhead) == AheadFixture::kKeys - 1);
  CHECK(server.memory().hits() == AheadFixture::kKeys - 1);
}

TEST_CASE("Keys are loaded ahead up to the first request that could tell", "[origin]") {
  AheadFixture server;
  const std::string first = Request({"GET", "m:1"}) + Request({"MGET", "m:2", "m:1"});
  const std::string values = Bulk("v1") + "*2\r\n" + Bulk("v2") + Bulk("v1");
  const std::string last = Request({"GET", "m:3"});
  std::string between;
  std::string replies;
  SECTION("A write") {
    between = Request({"APPEND", "m:3", "x3"});
    replies = values + ":2\r\n" + Bulk("x3");
  }
  SECTION("One that asks for what is in memory") {
    between = Request({"DUMP", "m:3"});
    replies = values + kNil + Bulk("v3");
  }
  SECTION("Another database") {
    between = Request({"SELECT", "1"});
    replies = values + "+OK\r\n" + kNil;
  }
  SECTION("None at all") {
    between = Request({"GET"});
    replies = values + "-ERR wrong number of arguments for 'get' command\r\n" + Bulk("v3");
  }
  CHECK(server.Run(first + between + last, 2, replies.size()) == replies);
}

TEST_CASE("What is written behind a read of it in a pipeline is not loaded over", "[origin]") {
  AheadFixture server;
  const std::string requests = Request({"GET", "m:1"}) + Request({"GET", "m:2"}) +
                               Request({"SET", "m:2", "mine"}) + Request({"GET", "m:2"});
  const std::string replies = Bulk("v1") + Bulk("v2") + "+OK\r\n" + Bulk("mine");
  CHECK(server.Run(requests, 2, replies.size()) == replies);
}

TEST_CASE("A key that is loaded ahead and never asked for is nobody's miss", "[origin]") {
  AheadFixture server;
  const auto other = server.Connect();
  server.client().Send(Request({"GET", "m:1"}) + Request({"GET", "m:2"}));
  server.RunUntil([&] { return server.origin().keys_under_way() == 3; });
  other.Ask(Request({"CLIENT", "KILL", "ID", std::to_string(server.client().id())}));
  server.local().RunUntilIdle();
  server.database.Release();
  server.RunUntil([&] { return server.origin().keys_under_way() == 0; });
  CHECK(server.memory().Get(RuleFigures::kMisses) == 2);
  CHECK(server.memory().Get(RuleFigures::kLoadsAhead) == 1);
  CHECK(server.memory().hits() == 0);
  CHECK(other.Ask(Request({"GET", "m:2"})) == Bulk("v2"));
}

TEST_CASE("What is loaded ahead in vain is not asked for again before its turn", "[origin]") {
  AheadFixture server;
  std::string requests;
  std::string replies;
  SECTION("The database does not have it") {
    for (int i = 1; i <= AheadFixture::kKeys; ++i) {
      requests += Request({"GET", "m:" + std::to_string(1000 + i)});
      replies += kNil;
    }
  }
  SECTION("The statement fails") {
    server.database.SetStatus(absl::FailedPreconditionError("no such table"));
    for (int i = 1; i <= AheadFixture::kKeys; ++i) {
      requests += Request({"GET", "m:" + std::to_string(i)});
      replies += kNil;
    }
  }
  CHECK(server.Run(requests, AheadFixture::kKeys, replies.size()) == replies);
  CHECK(server.memory().Get(RuleFigures::kLoadsAhead) == AheadFixture::kKeys - 1);
  CHECK(server.database.keys_asked() <= 1 + 2 * AheadFixture::kKeys);
}

TEST_CASE("Each part of a pipeline between writes is loaded ahead", "[origin]") {
  AheadFixture server;
  server.database.Release();
  std::string requests;
  std::string replies;
  for (int i = 1; i <= 8; ++i) {
    requests += Request({"GET", "m:" + std::to_string(i)});
    replies += Bulk("v" + std::to_string(i));
    if (i != 4) continue;
    requests += Request({"SET", "other", "x"});
    replies += "+OK\r\n";
  }
  server.Expect(server.client(), requests, replies);
  CHECK(server.memory().Get(RuleFigures::kLoadsAhead) == 6);
}

TEST_CASE("What is there, or known not to be, is not loaded ahead", "[origin]") {
  AheadFixture server({"negative-ttl", "30"});
  server.database.Release();
  server.Expect(server.client(), Request({"GET", "m:999"}), kNil);
  server.Expect(server.client(), Request({"GET", "m:2"}), Bulk("v2"));
  const int queries = server.database.queries();
  const std::string requests =
      Request({"GET", "m:1"}) + Request({"GET", "m:2"}) + Request({"GET", "m:999"});
  server.Expect(server.client(), requests, Bulk("v1") + Bulk("v2") + kNil);
  CHECK(server.database.queries() == queries + 1);
  CHECK(server.memory().Get(RuleFigures::kLoadsAhead) == 0);
}

}  // namespace alai
