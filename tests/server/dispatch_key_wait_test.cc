// Clients that wait for keys: when they are served, by whom, and who is not served any more.
#include <string>

#include "engine/base/hash.h"
#include "engine/store.h"
#include "server/stats.h"
#include "tests/catch.h"
#include "tests/server/local_fixture.h"

namespace alai {
namespace {

std::string Unblock(const Server::Local::Connection& client, std::string_view how = "TIMEOUT") {
  return Request({"CLIENT", "UNBLOCK", std::to_string(client.id()), how});
}

int64_t Blocked(LocalFixture& fixture) {
  return fixture.local().server().stats().Sum(&WorkerStats::blocked_clients);
}

TEST_CASE("Who waits has its member before the reply that made it ready") {
  LocalFixture fixture(2);
  const auto waiter = fixture.Connect(1);
  const auto other = fixture.Connect(0);
  CHECK(waiter.Ask("BZPOPMIN z y 0\r\n").empty());
  CHECK(Blocked(fixture) == 1);
  // Worker 0 has its turn first, and the waiter belongs to worker 1.
  other.Send("ZADD y 1.5 one\r\nEXISTS y\r\n");
  fixture.local().Turn();
  CHECK(other.Receive() == ":1\r\n:0\r\n");
  fixture.local().RunUntilIdle();
  CHECK(waiter.Receive() == "*3\r\n$1\r\ny\r\n$3\r\none\r\n$3\r\n1.5\r\n");
  CHECK(Blocked(fixture) == 0);
}

// The shard of the destination is not locked by who pushes.
TEST_CASE("Who waits to move an element has it before the reply of who pushed it") {
  LocalFixture fixture(2);
  const Store& store = fixture.local().server().store();
  const uint32_t shard = store.ShardIndex(Hash("from"));
  std::string to = "to";
  while (store.ShardIndex(Hash(to)) == shard) to += '!';
  const auto waiter = fixture.Connect(1);
  const auto other = fixture.Connect(0);
  CHECK(waiter.Ask(Request({"BLMOVE", "from", to, "LEFT", "RIGHT", "0"})).empty());
  CHECK(other.Ask(Request({"RPUSH", "from", "x"}) + "DEL from\r\n") == ":1\r\n:0\r\n");
  CHECK(waiter.Receive() == "$1\r\nx\r\n");
  CHECK(other.Ask(Request({"LRANGE", to, "0", "-1"})) == "*1\r\n$1\r\nx\r\n");
}

TEST_CASE("Waiters of several workers are served in the order in which they came") {
  LocalFixture fixture(3);
  const auto first = fixture.Connect(2);
  const auto second = fixture.Connect(0);
  const auto third = fixture.Connect(1);
  CHECK(first.Ask("BZPOPMAX z 0\r\n").empty());
  CHECK(second.Ask("BZMPOP 0 1 z MIN COUNT 2\r\n").empty());
  CHECK(third.Ask("BZPOPMIN z 0\r\n").empty());
  const auto other = fixture.Connect(0);
  CHECK(other.Ask("ZADD z 1 a 2 b 3 c\r\nEXISTS z\r\n") == ":3\r\n:0\r\n");
  CHECK(first.Receive() == "*3\r\n$1\r\nz\r\n$1\r\nc\r\n$1\r\n3\r\n");
  CHECK(second.Receive() ==
        "*2\r\n$1\r\nz\r\n*2\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n*2\r\n$1\r\nb\r\n$1\r\n2\r\n");
  CHECK(third.Receive().empty());
  CHECK(Blocked(fixture) == 1);
}

TEST_CASE("A time-out may be a fraction of a millisecond") {
  LocalFixture fixture;
  const auto waiter = fixture.Connect();
  CHECK(waiter.Ask("BZPOPMIN z 0.0105\r\nPING\r\n").empty());
  fixture.Advance(10);
  CHECK(waiter.Receive().empty());
  fixture.Advance(1);
  CHECK(waiter.Receive() == "*-1\r\n+PONG\r\n");
  CHECK(fixture.Connect().Ask("ZADD z 1 a\r\nZCARD z\r\n") == ":1\r\n:1\r\n");
}

TEST_CASE("Who has been served is not unblocked, and gets what it waited for") {
  LocalFixture fixture(2);
  const size_t worker_of_waiter = GENERATE(0, 1);
  CAPTURE(worker_of_waiter);
  const auto waiter = fixture.Connect(worker_of_waiter);
  const auto other = fixture.Connect(0);
  SECTION("a sorted set") {
    CHECK(waiter.Ask("BZPOPMIN z 0\r\n").empty());
    CHECK(other.Ask("ZADD z 1 a\r\n" + Unblock(waiter, "ERROR")) == ":1\r\n:0\r\n");
    CHECK(waiter.Receive() == "*3\r\n$1\r\nz\r\n$1\r\na\r\n$1\r\n1\r\n");
  }
  SECTION("a list") {
    CHECK(waiter.Ask("BLPOP l 0\r\n").empty());
    CHECK(other.Ask("RPUSH l a\r\n" + Unblock(waiter)) == ":1\r\n:0\r\n");
    CHECK(waiter.Receive() == "*2\r\n$1\r\nl\r\n$1\r\na\r\n");
  }
  CHECK(waiter.Ask("PING\r\n") == "+PONG\r\n");
}

TEST_CASE("Who has been unblocked is not served, though its worker has not told it yet") {
  LocalFixture fixture(2);
  const size_t worker_of_waiter = GENERATE(0, 1);
  CAPTURE(worker_of_waiter);
  const auto waiter = fixture.Connect(worker_of_waiter);
  const auto other = fixture.Connect(0);
  CHECK(waiter.Ask("BZPOPMIN z 0\r\n").empty());
  CHECK(other.Ask(Unblock(waiter) + "ZADD z 1 a\r\n" + Unblock(waiter) + "ZCARD z\r\n") ==
        ":1\r\n:1\r\n:0\r\n:1\r\n");
  CHECK(waiter.Receive() == "*-1\r\n");
  CHECK(waiter.Ask("ZCARD z\r\n") == ":1\r\n");
}

TEST_CASE("Who is unblocked when its time is over hears of one of both") {
  LocalFixture fixture;
  const auto waiter = fixture.Connect();
  const auto other = fixture.Connect();
  CHECK(waiter.Ask("BZPOPMIN z 0.01\r\n").empty());
  other.Send(Unblock(waiter, "ERROR"));
  fixture.Advance(11);
  const std::string reply = waiter.Receive();
  const bool unblocked = other.Receive() == ":1\r\n";
  CHECK(reply == (unblocked ? "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n" : "*-1\r\n"));
  CHECK(waiter.Ask("PING\r\n") == "+PONG\r\n");
}

TEST_CASE("Who has gone or was killed takes nothing") {
  LocalFixture fixture(2);
  const auto killed = fixture.Connect(1);
  const auto gone = fixture.Connect(0);
  const auto other = fixture.Connect(0);
  CHECK(killed.Ask("BZPOPMIN z 0\r\n").empty());
  CHECK(gone.Ask("BZMPOP 0 2 y z MAX\r\n").empty());
  CHECK(other.Ask("CLIENT KILL ID " + std::to_string(killed.id()) + "\r\n") == ":1\r\n");
  gone.End();
  fixture.local().RunUntilIdle();
  CHECK(other.Ask("ZADD z 1 a\r\nZCARD z\r\n") == ":1\r\n:1\r\n");
  Store& store = fixture.local().server().store();
  CHECK_FALSE(store.shard(store.ShardIndex(Hash("z"))).waiters.any());
  CHECK_FALSE(store.shard(store.ShardIndex(Hash("y"))).waiters.any());
  CHECK(Blocked(fixture) == 0);
}

TEST_CASE("Waiters for lists and sorted sets of one key do not take each other's") {
  LocalFixture fixture;
  const auto for_list = fixture.Connect();
  const auto for_set = fixture.Connect();
  const auto other = fixture.Connect();
  CHECK(for_list.Ask("BLPOP k 0\r\n").empty());
  CHECK(for_set.Ask("BZPOPMIN k 0\r\n").empty());
  CHECK(other.Ask("SET k v\r\nDEL k\r\nZADD k 1 a 2 b\r\nDEL k\r\n") ==
        "+OK\r\n:1\r\n:2\r\n:1\r\n");
  CHECK(for_set.Receive() == "*3\r\n$1\r\nk\r\n$1\r\na\r\n$1\r\n1\r\n");
  CHECK(for_list.Receive().empty());
  CHECK(other.Ask("RPUSH k x\r\n") == ":1\r\n");
  CHECK(for_list.Receive() == "*2\r\n$1\r\nk\r\n$1\r\nx\r\n");
}

}  // namespace
}  // namespace alai
