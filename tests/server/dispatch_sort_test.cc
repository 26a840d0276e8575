// What SORT locks, and who hears of what it stores.
#include <string>

#include "engine/store.h"
#include "server/stats.h"
#include "tests/catch.h"
#include "tests/server/held_shard.h"
#include "tests/server/local_fixture.h"

namespace alai {
namespace {

const std::string kSorted = "*3\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n";

TEST_CASE("SORT needs no shard but its key's while no pattern leads to keys") {
  LocalFixture fixture;
  const auto client = fixture.Connect();
  const std::string elsewhere = KeyElsewhere(fixture, "k");
  client.Ask(Request({"RPUSH", "k", "3", "1", "2"}));
  HeldShard held(fixture, elsewhere);
  CHECK(client.Ask(Request({"SORT", "k"})) == kSorted);
  CHECK(client.Ask(Request({"SORT_RO", "k"})) == kSorted);
  CHECK(client.Ask(Request({"SORT", "k", "BY", "nosort", "LIMIT", "1", "1", "GET", "#"})) ==
        "*1\r\n$1\r\n1\r\n");
  CHECK(client.Ask(Request({"SORT_RO", "k", "GET", elsewhere, "LIMIT", "0", "1"})) ==
        "*1\r\n$-1\r\n");
  CHECK(client.Ask(Request({"SORT", "k", "STORE", "k"})) == ":3\r\n");
  CHECK(fixture.local().server().stats().Sum(Count::kSuspendedCommands) == 0);
}

TEST_CASE("SORT_RO reads a packed list while its shard is locked, SORT waits") {
  LocalFixture fixture;
  const auto client = fixture.Connect();
  client.Ask(Request({"RPUSH", "k", "3", "1", "2"}));
  HeldShard held(fixture, "k");
  CHECK(client.Ask(Request({"SORT_RO", "k"})) == kSorted);
  CHECK(client.Ask(Request({"SORT", "k"})).empty());
  held.Release();
  fixture.local().RunUntilIdle();
  CHECK(client.Receive() == kSorted);
}

TEST_CASE("SORT_RO waits for the shard of a list that is changed in place") {
  LocalFixture fixture;
  const auto client = fixture.Connect();
  const std::string large(1000, 'x');
  client.Ask(Request({"RPUSH", "k", large, "a"}));
  HeldShard held(fixture, "k");
  CHECK(client.Ask(Request({"SORT_RO", "k", "ALPHA"})).empty());
  held.Release();
  fixture.local().RunUntilIdle();
  CHECK(client.Receive() == "*2\r\n" + Bulk("a") + Bulk(large));
}

TEST_CASE("SORT waits for every shard when a pattern leads to keys") {
  LocalFixture fixture;
  const auto client = fixture.Connect();
  const std::string elsewhere = KeyElsewhere(fixture, "k");
  client.Ask(Request({"RPUSH", "k", "3", "1", "2"}));
  for (const std::string& command :
       {Request({"SORT", "k", "BY", "w_*"}), Request({"SORT_RO", "k", "BY", "w_*->f"}),
        Request({"SORT_RO", "k", "GET", "#", "BY", "*"})}) {
    HeldShard held(fixture, elsewhere);
    CHECK(client.Ask(command).empty());
    held.Release();
    fixture.local().RunUntilIdle();
    CHECK(client.Receive() == kSorted);
  }
  CHECK(fixture.local().server().stats().Sum(Count::kSuspendedCommands) == 3);
}

TEST_CASE("SORT waits for the shard of its destination") {
  LocalFixture fixture;
  const auto client = fixture.Connect();
  const std::string elsewhere = KeyElsewhere(fixture, "k");
  client.Ask(Request({"RPUSH", "k", "3", "1", "2"}));
  HeldShard held(fixture, elsewhere);
  CHECK(client.Ask(Request({"SORT", "k", "STORE", elsewhere})).empty());
  held.Release();
  fixture.local().RunUntilIdle();
  CHECK(client.Receive() == ":3\r\n");
  CHECK(client.Ask(Request({"LRANGE", elsewhere, "0", "-1"})) == kSorted);
}

TEST_CASE("What SORT stores is given to who waits for it") {
  LocalFixture fixture;
  const auto client = fixture.Connect();
  const auto waiter = fixture.Connect();
  client.Ask(Request({"RPUSH", "k", "3", "1", "2"}));
  for (const std::string& command : {Request({"SORT", "k", "STORE", "out"}),
                                     Request({"SORT", "k", "BY", "none_*", "STORE", "out"})}) {
    CHECK(waiter.Ask(Request({"BLPOP", "out", "0"})).empty());
    CHECK(client.Ask(command) == ":3\r\n");
    fixture.local().RunUntilIdle();
    CHECK(waiter.Receive() == "*2\r\n" + Bulk("out") + Bulk("1"));
    CHECK(client.Ask(Request({"LLEN", "out"})) == ":2\r\n");
    client.Ask(Request({"DEL", "out"}));
  }
}

TEST_CASE("SORT looks its patterns up in its own database") {
  LocalFixture fixture;
  const auto client = fixture.Connect();
  client.Ask(Request({"SET", "w_1", "here"}));
  client.Ask(Request({"SELECT", "1"}));
  client.Ask(Request({"RPUSH", "k", "1"}));
  CHECK(client.Ask(Request({"SORT", "k", "GET", "w_*"})) == "*1\r\n$-1\r\n");
}

TEST_CASE("SORT counts as changes what it stores") {
  LocalFixture fixture;
  const auto client = fixture.Connect();
  client.Ask(Request({"RPUSH", "k", "3", "1", "2"}));
  const auto changes = [&] { return fixture.local().server().stats().Sum(&WorkerStats::changes); };
  const uint64_t before = changes();
  client.Ask(Request({"SORT", "k"}));
  CHECK(changes() == before);
  client.Ask(Request({"SORT", "k", "STORE", "out"}));
  CHECK(changes() == before + 3);
  client.Ask(Request({"SORT", "none", "STORE", "out"}));
  CHECK(changes() == before + 4);
  client.Ask(Request({"SORT", "none", "STORE", "out"}));
  CHECK(changes() == before + 4);
}

}  // namespace
}  // namespace alai
