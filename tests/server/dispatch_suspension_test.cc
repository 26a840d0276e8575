// Clients that wait: for a shard, for the end of a pause, for the rest of a command; and what others
// may do to them meanwhile.
#include <string>

#include "engine/base/hash.h"
#include "engine/store.h"
#include "engine/store_thread.h"
#include "server/client.h"
#include "server/client_registry.h"
#include "server/command_table.h"
#include "server/stats.h"
#include "server/worker.h"
#include "tests/catch.h"
#include "tests/server/held_shard.h"
#include "tests/server/local_fixture.h"

namespace alai {
namespace {

TEST_CASE("A write waits for its shard, and nobody waits with it") {
  LocalFixture fixture;
  const auto client = fixture.Connect();
  const auto other = fixture.Connect();
  const std::string elsewhere = KeyElsewhere(fixture, "k");
  HeldShard held(fixture, "k");
  CHECK(client.Ask("PING\r\n" + Request({"SET", "k", "v"}) + Request({"GET", "k"}) + "PING\r\n") ==
        "+PONG\r\n");
  CHECK(other.Ask(Request({"SET", elsewhere, "v"})) == "+OK\r\n");
  CHECK(other.Ask(Request({"GET", "k"})) == "$-1\r\n");
  CHECK(client.Ask("ECHO later\r\n").empty());
  CHECK(fixture.local().server().stats().Sum(Count::kSuspendedCommands) == 1);
  held.Release();
  fixture.local().RunUntilIdle();
  CHECK(client.Receive() == "+OK\r\n$1\r\nv\r\n+PONG\r\n$5\r\nlater\r\n");
}

TEST_CASE("Writes of several keys wait for all their shards") {
  LocalFixture fixture;
  const auto client = fixture.Connect();
  const std::string elsewhere = KeyElsewhere(fixture, "k");
  HeldShard held(fixture, "k");
  CHECK(client.Ask(Request({"MSET", "k", "1", elsewhere, "2"})).empty());
  const auto other = fixture.Connect();
  CHECK(other.Ask(Request({"MGET", elsewhere})) == "*1\r\n$-1\r\n");
  CHECK(other.Ask("FLUSHALL\r\n").empty());
  held.Release();
  fixture.local().RunUntilIdle();
  CHECK(client.Receive() == "+OK\r\n");
  CHECK(other.Receive() == "+OK\r\n");
}

TEST_CASE("A read of several keys takes the lock when it cannot be validated") {
  LocalFixture fixture;
  const auto client = fixture.Connect();
  const std::string elsewhere = KeyElsewhere(fixture, "k");
  client.Ask(Request({"MSET", "k", "1", elsewhere, "2"}));
  HeldShard held(fixture, "k");
  CHECK(client.Ask(Request({"MGET", "k", elsewhere})).empty());
  held.Release();
  fixture.local().RunUntilIdle();
  CHECK(client.Receive() == "*2\r\n$1\r\n1\r\n$1\r\n2\r\n");
}

TEST_CASE("A read of one key waits while a transaction holds its shard") {
  LocalFixture fixture;
  const auto client = fixture.Connect();
  client.Ask(Request({"SET", "k", "v"}));
  ShardLock& lock = fixture.local().server().store().LockOf(Hash("k"));
  REQUIRE(lock.TryLock());
  lock.BeginTransaction();
  CHECK(client.Ask(Request({"GET", "k"})).empty());
  lock.EndTransaction();
  lock.Unlock();
  fixture.local().RunUntilIdle();
  CHECK(client.Receive() == "$1\r\nv\r\n");
}

TEST_CASE("Many clients that wait for one shard are all served") {
  LocalFixture fixture;
  std::vector<Server::Local::Connection> clients;
  for (int i = 0; i < 50; ++i) clients.push_back(fixture.Connect());
  {
    HeldShard held(fixture, "n");
    for (const auto& client : clients) client.Send(Request({"INCR", "n"}) + Request({"INCR", "n"}));
    fixture.local().RunUntilIdle();
  }
  fixture.local().RunUntilIdle();
  for (const auto& client : clients) REQUIRE(client.Receive().size() >= 8);
  CHECK(fixture.Connect().Ask(Request({"GET", "n"})) == "$3\r\n100\r\n");
}

TEST_CASE("A client that is paused when it gets its shard gives it back") {
  LocalFixture fixture;
  const auto client = fixture.Connect();
  const auto other = fixture.Connect();
  HeldShard held(fixture, "k");
  CHECK(client.Ask(Request({"SET", "k", "v"}) + Request({"GET", "k"})).empty());
  CHECK(other.Ask("CLIENT PAUSE 100 WRITE\r\n") == "+OK\r\n");
  held.Release();
  fixture.local().RunUntilIdle();
  CHECK(client.Receive().empty());
  { HeldShard again(fixture, "k"); }
  fixture.Advance(101);
  CHECK(client.Receive() == "+OK\r\n$1\r\nv\r\n");
}

TEST_CASE("A client may go while it waits for a shard") {
  LocalFixture fixture;
  const auto client = fixture.Connect();
  const auto other = fixture.Connect();
  HeldShard held(fixture, "k");
  CHECK(client.Ask(Request({"SET", "k", "v"})).empty());
  SECTION("killed, it executes nothing") {
    CHECK(other.Ask("CLIENT KILL ID " + std::to_string(client.id()) + "\r\n") == ":1\r\n");
    CHECK(client.closed());
    held.Release();
    CHECK(other.Ask("EXISTS k\r\n") == ":0\r\n");
    CHECK(other.Ask("SET k w\r\n") == "+OK\r\n");
  }
  SECTION("hung up, what it sent is executed") {
    client.End();
    fixture.local().RunUntilIdle();
    held.Release();
    fixture.local().RunUntilIdle();
    CHECK(client.closed());
    CHECK(other.Ask("GET k\r\n") == "$1\r\nv\r\n");
  }
}

TEST_CASE(
    "What follows a long command is executed and answered though the peer has ended its input") {
  LocalFixture fixture;
  const auto client = fixture.Connect();
  const auto other = fixture.Connect();
  fixture.config.enable_debug_command.set(ProtectedAction::kYes);
  REQUIRE(other.Ask("DEBUG POPULATE 100000\r\n") == "+OK\r\n");
  client.Send("FLUSHALL SYNC\r\nSET k v\r\n");
  fixture.local().Turn();
  REQUIRE(client.Receive().empty());  // it is at it
  client.End();
  fixture.local().RunUntilIdle();
  CHECK(client.Receive() == "+OK\r\n+OK\r\n");
  CHECK(client.closed());
  CHECK(other.Ask("GET k\r\n") == "$1\r\nv\r\n");
}

TEST_CASE("CLIENT PAUSE holds commands back until its end") {
  LocalFixture fixture;
  const auto client = fixture.Connect();
  const auto other = fixture.Connect();
  CHECK(client.Ask("CLIENT PAUSE 100 WRITE\r\nGET k\r\nSET k v\r\nGET k\r\n") == "+OK\r\n$-1\r\n");
  CHECK(other.Ask("GET k\r\nDEL k\r\n") == "$-1\r\n");
  CHECK(fixture.local().server().stats().Sum(&WorkerStats::blocked_clients) == 2);
  fixture.Advance(50);
  CHECK(client.Receive().empty());
  fixture.Advance(51);
  CHECK(client.Receive() == "+OK\r\n$1\r\nv\r\n");
  CHECK(other.Receive() == ":1\r\n");
  CHECK(fixture.local().server().stats().Sum(&WorkerStats::blocked_clients) == 0);
}

TEST_CASE("A pause holds for every worker once it is answered") {
  LocalFixture fixture(3);
  const auto first = fixture.Connect(0);
  const auto second = fixture.Connect(1);
  const auto third = fixture.Connect(2);
  CHECK(first.Ask("CLIENT PAUSE 100000 WRITE\r\nCLIENT PAUSE 1 WRITE\r\n") == "+OK\r\n+OK\r\n");
  CHECK(second.Ask("SET k v\r\n").empty());
  CHECK(third.Ask("GET k\r\nSET k w\r\n") == "$-1\r\n");
  CHECK_FALSE(fixture.local().server().store().may_remove_expired());
  CHECK(first.Ask("CLIENT UNPAUSE\r\n") == "+OK\r\n");
  CHECK(second.Receive() == "+OK\r\n");
  CHECK(third.Receive() == "+OK\r\n");
  CHECK(fixture.local().server().store().may_remove_expired());
}

TEST_CASE("A paused client may be killed or hang up") {
  LocalFixture fixture;
  const auto client = fixture.Connect();
  const auto killed = fixture.Connect();
  const auto gone = fixture.Connect();
  client.Ask("CLIENT PAUSE 1000 WRITE\r\n");
  killed.Ask("SET k killed\r\n");
  gone.Ask("SET k gone\r\n");
  CHECK(client.Ask("CLIENT KILL ID " + std::to_string(killed.id()) + "\r\n") == ":1\r\n");
  gone.End();
  fixture.local().RunUntilIdle();
  CHECK(killed.closed());
  CHECK(gone.closed());
  CHECK(client.Ask("CLIENT UNPAUSE\r\nGET k\r\n") == "+OK\r\n$-1\r\n");
  CHECK(fixture.local().server().stats().Sum(&WorkerStats::blocked_clients) == 0);
}

TEST_CASE("CLIENT KILL reaches the clients of other workers") {
  LocalFixture fixture(2);
  const auto here = fixture.Connect(0);
  const auto there = fixture.Connect(1);
  CHECK(here.Ask("CLIENT KILL ID " + std::to_string(there.id()) + "\r\n") == ":1\r\n");
  CHECK(there.closed());
  CHECK(here.Ask("CLIENT KILL TYPE normal SKIPME no\r\n") == ":1\r\n");
  CHECK(here.closed());
}

TEST_CASE("CLIENT KILL is answered when the connections are closed") {
  LocalFixture fixture(2);
  const auto victim = fixture.Connect(0);
  const auto killer = fixture.Connect(1);
  victim.Ask("CLIENT SETNAME victim\r\n");
  std::string reply;
  killer.Send("CLIENT KILL ID " + std::to_string(victim.id()) + "\r\nPING\r\n");
  for (int turn = 0; turn < 10 && reply.empty(); ++turn) {
    fixture.local().Turn();
    reply = killer.Receive();
  }
  CHECK(victim.closed());
  CHECK(reply == ":1\r\n+PONG\r\n");
}

TEST_CASE("Clients of two workers may kill each other") {
  LocalFixture fixture(2);
  const auto one = fixture.Connect(0);
  const auto other = fixture.Connect(1);
  one.Send("CLIENT KILL ID " + std::to_string(other.id()) + "\r\n");
  other.Send("CLIENT KILL ID " + std::to_string(one.id()) + "\r\n");
  fixture.local().RunUntilIdle();
  CHECK((one.closed() || other.closed()));
  CHECK(fixture.Connect(0).Ask("PING\r\n") == "+PONG\r\n");
}

TEST_CASE("A killed client executes nothing any more") {
  LocalFixture fixture;
  const auto killer = fixture.Connect();
  const auto victim = fixture.Connect();
  killer.Send("CLIENT KILL ID " + std::to_string(victim.id()) + "\r\n");
  victim.Send("SET k v\r\n");
  fixture.local().RunUntilIdle();
  CHECK(killer.Receive() == ":1\r\n");
  CHECK(victim.Receive().empty());
  CHECK(killer.Ask("EXISTS k\r\nCLIENT LIST ID " + std::to_string(victim.id()) + "\r\n") ==
        ":0\r\n$0\r\n\r\n");
}

TEST_CASE("Clients of all workers are listed in the order of their ids") {
  LocalFixture fixture(3);
  const auto first = fixture.Connect(2);
  const auto second = fixture.Connect(0);
  const auto third = fixture.Connect(1);
  third.Ask("CLIENT SETNAME three\r\n");
  const std::string list = first.Ask("CLIENT LIST\r\n");
  const size_t a = list.find("id=" + std::to_string(first.id()) + " ");
  const size_t b = list.find("id=" + std::to_string(second.id()) + " ");
  const size_t c = list.find("id=" + std::to_string(third.id()) + " ");
  CHECK(a < b);
  CHECK(b < c);
  CHECK(c != std::string::npos);
  CHECK(first.Ask("CLIENT LIST NAME three\r\n").find("name=three") != std::string::npos);
  CHECK(first.Ask("CLIENT LIST NOT-NAME three\r\n").find("name=three") == std::string::npos);
  CHECK(first.Ask("CLIENT LIST DB 3\r\n") == "$0\r\n\r\n");
}

TEST_CASE("A monitor sees the commands of all workers, in the order of each client") {
  LocalFixture fixture(2);
  const auto monitor = fixture.Connect(0);
  const auto here = fixture.Connect(0);
  const auto there = fixture.Connect(1);
  CHECK(monitor.Ask("MONITOR\r\n") == "+OK\r\n");
  here.Ask("SET k 1\r\nGET k\r\nPING\r\n");
  there.Ask("SELECT 2\r\nMSET a 1 b 2\r\nAUTH secret\r\nCONFIG GET nosuch\r\n");
  const std::string lines = monitor.Receive();
  size_t at = 0;
  for (const char* part : {"[0 127.0.0.1:", "\"SET\" \"k\" \"1\"\r\n", "\"GET\" \"k\"\r\n",
                           "\"PING\"\r\n", "[2 127.0.0.1:", "\"SELECT\" \"2\"\r\n",
                           "\"MSET\" \"a\" \"1\" \"b\" \"2\"\r\n", "\"AUTH\" \"(redacted)\"\r\n"}) {
    at = lines.find(part, at);
    REQUIRE(at != std::string::npos);
  }
  CHECK(lines.find("CONFIG") == std::string::npos);
  CHECK(monitor.Ask("RESET\r\n") == "+RESET\r\n");
  here.Ask("PING\r\n");
  CHECK(monitor.Receive().empty());
}

TEST_CASE("A monitor that goes takes nothing with it") {
  LocalFixture fixture;
  const auto monitor = fixture.Connect();
  const auto client = fixture.Connect();
  monitor.Ask("MONITOR\r\n");
  monitor.End();
  client.Send("PING\r\n");
  fixture.local().RunUntilIdle();
  CHECK(client.Ask("PING\r\n").ends_with("+PONG\r\n"));
  CHECK(fixture.local().server().stats().Sum(&WorkerStats::monitors) == 0);
}

TEST_CASE("A blocked command ends at its time, or when it is unblocked") {
  LocalFixture fixture(2);
  const auto client = fixture.Connect(0);
  const auto here = fixture.Connect(0);
  const auto there = fixture.Connect(1);
  const std::string id = std::to_string(client.id());
  Stats& stats = fixture.local().server().stats();
  SECTION("time") {
    CHECK(client.Ask("WAIT 1 100\r\nPING\r\n").empty());
    CHECK(stats.Sum(&WorkerStats::blocked_clients) == 1);
    CHECK(stats.Sum(&WorkerStats::clients_in_timeout_table) == 1);
    CHECK(here.Ask("CLIENT LIST ID " + id + "\r\n").find(" flags=b ") != std::string::npos);
    fixture.Advance(101);
    CHECK(client.Receive() == ":0\r\n+PONG\r\n");
  }
  SECTION("unblocked by a client of the same worker") {
    CHECK(client.Ask("WAIT 1 0\r\nPING\r\n").empty());
    CHECK(here.Ask("CLIENT UNBLOCK " + id + "\r\n") == ":1\r\n");
    CHECK(client.Receive() == ":0\r\n+PONG\r\n");
    CHECK(here.Ask("CLIENT UNBLOCK " + id + "\r\n") == ":0\r\n");
  }
  SECTION("unblocked with an error by a client of another worker") {
    CHECK(client.Ask("WAIT 1 0\r\nPING\r\n").empty());
    CHECK(there.Ask("CLIENT UNBLOCK " + id + " ERROR\r\n") == ":1\r\n");
    CHECK(client.Receive() == "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n+PONG\r\n");
    CHECK(there.Ask("CLIENT UNBLOCK " + id + "\r\n") == ":0\r\n");
  }
  SECTION("killed") {
    CHECK(client.Ask("WAIT 1 1000\r\n").empty());
    CHECK(there.Ask("CLIENT KILL ID " + id + "\r\n") == ":1\r\n");
    CHECK(client.closed());
    fixture.Advance(2000);
  }
  CHECK(stats.Sum(&WorkerStats::blocked_clients) == 0);
  CHECK(stats.Sum(&WorkerStats::clients_in_timeout_table) == 0);
}

TEST_CASE("A suspended client is read on, up to its limit") {
  LocalFixture fixture;
  fixture.config.client_query_buffer_limit.set(2 * 1024 * 1024);
  const auto client = fixture.Connect();
  HeldShard held(fixture, "k");
  client.Ask(Request({"SET", "k", "v"}));
  const std::string ping = Request({"PING"});
  std::string pings;
  while (pings.size() < 3 * 1024 * 1024) pings += ping;
  for (size_t at = 0; at < pings.size(); at += 256 * 1024) {
    client.Ask(pings.substr(at, 256 * 1024));
  }
  const Client* seen = fixture.local().server().workers()[0]->clients().Find(client.id());
  REQUIRE(seen != nullptr);
  CHECK(seen->unread_bytes.Get() < 2 * 1024 * 1024);
  held.Release();
  fixture.local().RunUntilIdle();
  CHECK(client.Receive().size() == 5 + pings.size() / ping.size() * 7);
  CHECK(seen->unread_capacity.Get() == 0);
}

// Overwrites a key until the replies stop because of what is retired meanwhile; gives how many came.
size_t WriteUntilSuspended(const Server::Local::Connection& client) {
  const std::string set = Request({"SET", "k", std::string(1 << 20, 'v')});
  for (size_t n = 0; n < 100; ++n) {
    if (client.Ask(set).empty()) return n;
  }
  return 100;
}

TEST_CASE("Writers wait while too much memory waits to be freed, readers do not") {
  LocalFixture fixture;
  const auto client = fixture.Connect();
  const auto other = fixture.Connect();
  const auto gone = fixture.Connect();
  Store& store = fixture.local().server().store();
  // A thread in the middle of something that takes long.
  StoreThread* busy = store.RegisterThread();
  const size_t written = WriteUntilSuspended(client);
  // The allocator rounds a megabyte and a little up to a quarter more.
  CHECK(written >= 26);
  CHECK(written <= 34);
  CHECK(other.Ask(Request({"STRLEN", "k"})) == ":1048576\r\n");
  CHECK(other.Ask(Request({"MGET", "a", "b"})) == "*2\r\n$-1\r\n$-1\r\n");
  CHECK(other.Ask(Request({"MSET", "a", "1", "b", "2"}) + "PING\r\n").empty());
  CHECK(gone.Ask(Request({"SET", "last", "words"})).empty());
  gone.End();
  fixture.Advance(50);
  CHECK(client.Ask("PING\r\n").empty());
  CHECK(other.Receive().empty());
  busy->GoOffline();
  for (int i = 0; i < 10; ++i) fixture.Advance(1);
  CHECK(client.Receive() == "+OK\r\n+PONG\r\n");
  CHECK(other.Receive() == "+OK\r\n+PONG\r\n");
  CHECK(other.Ask(Request({"GET", "a"})) == "$1\r\n1\r\n");
  // Its request had been received in full before it left.
  CHECK(other.Ask(Request({"GET", "last"})) == Bulk("words"));
  CHECK(gone.closed());
  store.UnregisterThread(busy);
}

TEST_CASE("FLUSHALL waits for memory as other writes do, and a waiting client can be killed") {
  LocalFixture fixture;
  const auto client = fixture.Connect();
  const auto other = fixture.Connect();
  StoreThread* busy = fixture.local().server().store().RegisterThread();
  REQUIRE(WriteUntilSuspended(client) < 100);
  CHECK(other.Ask("CLIENT KILL ID " + std::to_string(client.id()) + "\r\n") == ":1\r\n");
  CHECK(client.closed());
  CHECK(other.Ask("FLUSHALL\r\n").empty());
  busy->GoOffline();
  for (int i = 0; i < 10; ++i) fixture.Advance(1);
  CHECK(other.Receive() == "+OK\r\n");
  fixture.local().server().store().UnregisterThread(busy);
}

}  // namespace
}  // namespace alai
