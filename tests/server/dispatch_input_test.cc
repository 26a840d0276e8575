// From bytes to requests: how input may be cut, how much of it is kept, and when it is too much.
#include <memory>
#include <string>

#include "protocol/error_text.h"
#include "server/client.h"
#include "server/client_registry.h"
#include "server/stats.h"
#include "server/worker.h"
#include "tests/catch.h"
#include "tests/server/local_fixture.h"

namespace alai {
namespace {

const Client& ClientOf(LocalFixture& fixture, const Server::Local::Connection& connection,
                       size_t worker = 0) {
  const Client* client =
      fixture.local().server().workers()[worker]->clients().Find(connection.id());
  REQUIRE(client != nullptr);
  return *client;
}

TEST_CASE("A pipeline is answered in order") {
  LocalFixture fixture;
  const auto client = fixture.Connect();
  CHECK(client.Ask("PING\r\n" + Request({"ECHO", "a"}) + Request({"PING", "b"})) ==
        "+PONG\r\n$1\r\na\r\n$1\r\nb\r\n");
}

TEST_CASE("Requests may be cut at every byte") {
  LocalFixture fixture;
  const std::string text = Request({"SET", "key", std::string(300, 'v')}) + "PING\r\n" +
                           Request({"GET", "key"}) + Request({"STRLEN", "key"});
  const std::string expected = "+OK\r\n+PONG\r\n" + Bulk(std::string(300, 'v')) + ":300\r\n";
  for (size_t cut = 1; cut < text.size(); ++cut) {
    const auto client = fixture.Connect();
    std::string got = client.Ask(text.substr(0, cut));
    got += client.Ask(text.substr(cut));
    REQUIRE(got == expected);
    REQUIRE(ClientOf(fixture, client).unread_capacity.Get() == 0);
  }
}

TEST_CASE("Requests that come byte by byte are understood") {
  LocalFixture fixture;
  const auto client = fixture.Connect();
  std::string got;
  for (const char c : Request({"SET", "k", "v"}) + Request({"GET", "k"})) {
    got += client.Ask(std::string(1, c));
  }
  CHECK(got == "+OK\r\n$1\r\nv\r\n");
}

TEST_CASE("A pipeline much larger than a batch is worked off whole") {
  LocalFixture fixture;
  const auto client = fixture.Connect();
  constexpr int kRequests = 100'000;
  std::string text;
  std::string expected;
  for (int i = 1; i <= kRequests; ++i) {
    text += Request({"INCR", "n"});
    expected += ":" + std::to_string(i) + "\r\n";
  }
  CHECK(client.Ask(text) == expected);
  CHECK(ClientOf(fixture, client).commands.Get() == kRequests);
}

// Fields and members of large values are prefetched before a batch runs, and a read that follows one under
// the lock begins there; neither may show.
TEST_CASE("A pipeline on large collections sees every change that comes before in it") {
  LocalFixture fixture;
  const auto client = fixture.Connect();
  std::string pipeline;
  std::string expected;
  const auto ask = [&](std::initializer_list<std::string_view> words, const std::string& reply) {
    pipeline += Request(words);
    expected += reply;
  };
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 600; ++i) {
      const std::string name = "name" + std::to_string(i);
      ask({"HSET", "hash", name, name}, ":1\r\n");
      ask({"SADD", "set", name}, ":1\r\n");
      ask({"ZADD", "zset", std::to_string(i), name}, ":1\r\n");
    }
    for (int i = 0; i < 600; ++i) {
      const std::string name = "name" + std::to_string(i);
      ask({"HGET", "hash", name}, Bulk(name));
      if (i % 100 == 0)
        ask({"HGET", "set", name},
            "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n");
    }
    for (int i = 0; i < 600; ++i) ask({"SISMEMBER", "set", "name" + std::to_string(i)}, ":1\r\n");
    for (int i = 0; i < 600; ++i) {
      ask({"ZSCORE", "zset", "name" + std::to_string(i)}, Bulk(std::to_string(i)));
    }
    ask({"HGET", "hash", "name1"}, Bulk("name1"));
    ask({"DEL", "hash"}, ":1\r\n");
    ask({"HGET", "hash", "name1"}, "$-1\r\n");
    ask({"HGET", "hash", "name1"}, "$-1\r\n");
    ask({"HSET", "hash", "name1", "small"}, ":1\r\n");
    ask({"HGET", "hash", "name1"}, Bulk("small"));
    ask({"HSET", "hash", "name1", "again"}, ":0\r\n");
    ask({"HGET", "hash", "name1"}, Bulk("again"));
    ask({"SELECT", "1"}, "+OK\r\n");
    ask({"SISMEMBER", "set", "name1"}, ":0\r\n");
    ask({"SISMEMBER", "set", "name2"}, ":0\r\n");
    ask({"SELECT", "0"}, "+OK\r\n");
    ask({"DEL", "hash", "set", "zset"}, ":3\r\n");
  }
  CHECK(client.Ask(pipeline) == expected);
}

TEST_CASE("Clients of one turn are served together, each with its own replies") {
  LocalFixture fixture;
  std::vector<Server::Local::Connection> clients;
  for (int i = 0; i < 200; ++i) {
    clients.push_back(fixture.Connect());
    clients.back().Send(Request({"SET", "k" + std::to_string(i), std::to_string(i)}) +
                        Request({"GET", "k" + std::to_string(i)}));
  }
  fixture.local().RunUntilIdle();
  for (int i = 0; i < 200; ++i) {
    REQUIRE(clients[static_cast<size_t>(i)].Receive() == "+OK\r\n" + Bulk(std::to_string(i)));
  }
}

TEST_CASE("A large argument arrives in parts and is stored whole") {
  LocalFixture fixture;
  const auto client = fixture.Connect();
  const std::string value(3'000'000, 'x');
  const std::string text = Request({"SET", "big", value}) + Request({"STRLEN", "big"});
  std::string got;
  for (size_t at = 0; at < text.size(); at += 70'001) got += client.Ask(text.substr(at, 70'001));
  CHECK(got == "+OK\r\n:3000000\r\n");
  CHECK(ClientOf(fixture, client).unread_capacity.Get() == 0);
}

TEST_CASE("A malformed request ends the connection after the replies before it") {
  LocalFixture fixture;
  const auto client = fixture.Connect();
  CHECK(client.Ask("PING\r\n*1\r\n$-5\r\nPING\r\n") ==
        "+PONG\r\n-ERR Protocol error: invalid bulk length\r\n");
  CHECK(client.closed());
  CHECK(fixture.local().server().stats().Errors().at("ERR") == 1);
}

TEST_CASE("A client that sends more than the query buffer limit without a request is closed") {
  LocalFixture fixture;
  fixture.config.client_query_buffer_limit.set(1024 * 1024);
  const auto client = fixture.Connect();
  client.Send("*2\r\n$3\r\nGET\r\n$100000000\r\n");
  CHECK(client.Ask(std::string(900'000, 'x')).empty());
  CHECK_FALSE(client.closed());
  CHECK(client.Ask(std::string(200'000, 'x')).empty());
  CHECK(client.closed());
  CHECK(fixture.local().server().stats().Sum(Count::kQueryBufferLimitDisconnections) == 1);
}

TEST_CASE("A stranger may send little and must read what it is answered") {
  LocalFixture fixture;
  fixture.config.requirepass.set("secret");
  SECTION("many arguments") {
    const auto client = fixture.Connect();
    CHECK(client.Ask("*11\r\n") == "-ERR Protocol error: unauthenticated multibulk length\r\n");
    CHECK(client.closed());
  }
  SECTION("a long argument") {
    const auto client = fixture.Connect();
    CHECK(client.Ask("*2\r\n$3\r\nGET\r\n$16385\r\n") ==
          "-ERR Protocol error: unauthenticated bulk length\r\n");
    CHECK(client.closed());
  }
  SECTION("limits end with AUTH in the same pipeline") {
    const auto client = fixture.Connect();
    std::string many = "*12\r\n$4\r\nMGET\r\n";
    for (int i = 0; i < 11; ++i) many += "$1\r\nk\r\n";
    std::string expected = "+OK\r\n*11\r\n";
    for (int i = 0; i < 11; ++i) expected += "$-1\r\n";
    CHECK(client.Ask(Request({"AUTH", "secret"}) + many) == expected);
  }
  SECTION("unread replies") {
    const auto client = fixture.Connect();
    client.SetWindow(0);
    for (int i = 0; i < 20; ++i) client.Send(Request({"PING"}));
    fixture.local().RunUntilIdle();
    CHECK_FALSE(client.closed());
    for (int i = 0; i < 20; ++i) client.Send(Request({"PING"}));
    fixture.local().RunUntilIdle();
    CHECK(client.closed());
  }
}

TEST_CASE("What was sent behind QUIT is dropped") {
  LocalFixture fixture;
  const auto client = fixture.Connect();
  CHECK(client.Ask("QUIT\r\nSET k v\r\n") == "+OK\r\n");
  CHECK(client.closed());
  CHECK(fixture.Connect().Ask("EXISTS k\r\n") == ":0\r\n");
}

TEST_CASE("A peer that hangs up is forgotten") {
  LocalFixture fixture;
  const auto client = fixture.Connect();
  CHECK(client.Ask("PING\r\n*1\r\n$4\r\nPI") == "+PONG\r\n");
  CHECK(fixture.local().server().connected_clients() == 1);
  client.End();
  fixture.local().RunUntilIdle();
  CHECK(client.closed());
  CHECK(fixture.local().server().connected_clients() == 0);
}

TEST_CASE("An idle client is closed after `timeout` seconds") {
  LocalFixture fixture;
  fixture.config.timeout.set(10);
  const auto idle = fixture.Connect();
  const auto busy = fixture.Connect();
  idle.Ask("PING\r\n");
  for (int i = 0; i < 300; ++i) {
    fixture.Advance(50);
    busy.Ask("PING\r\n");
  }
  CHECK(idle.closed());
  CHECK_FALSE(busy.closed());
}

}  // namespace
}  // namespace alai
