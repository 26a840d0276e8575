// Commands that are written through, and what else becomes of their keys meanwhile: in the end the cache holds what the
// database does, or nothing.
#include <string>
#include <vector>

#include "absl/strings/cord.h"
#include "engine/base/hash.h"
#include "engine/store.h"
#include "tests/catch.h"
#include "tests/server/origin_fixture.h"

namespace alai {
namespace {

using origin::RuleFigures;
using Words = std::vector<std::string>;
using Rows = origin::FakeDatabase::Rows;

const std::string kNil = "$-1\r\n";
const std::string kOk = "+OK\r\n";

Words Through(const std::string& name, const Words& options = {}) {
  Words words = {name,     name + ":{id:text}",
                 "write",  "through",
                 "upsert", "INSERT INTO t VALUES ($1, $2)",
                 "delete", "DELETE FROM t WHERE id = $1"};
  words.insert(words.end(), options.begin(), options.end());
  words.insert(words.end(), {"query", "SELECT v FROM t WHERE id = $1"});
  return words;
}

class ThroughFixture : public OriginFixture {
 public:
  explicit ThroughFixture(int workers = 1) : OriginFixture(workers) {
    AddRule(Through("m"));
    AddRule(Through("h", {"type", "hash"}));
    database.SetColumns({"a", "b"});
  }
  void AwaitHeldWrites(int count) {
    RunUntil([&] { return database.writers_waiting() == count; });
  }
  // Without a turn of the server, which so knows nothing of them.
  void AwaitCommits(size_t count) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (figures("m").Get(RuleFigures::kWrites) < count) {
      REQUIRE(std::chrono::steady_clock::now() < until);
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
    // Who waits is told right behind that.
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
};

}  // namespace

TEST_CASE("Of writes of one key that overlap, none stays that the database does not have",
          "[origin]") {
  ThroughFixture server(2);
  // The worker whose turn comes first has the later one.
  const auto later = server.Connect(0);
  const auto earlier = server.Connect(1);
  server.database.HoldWrites();
  earlier.Send(Request({"SET", "m:1", "a"}));
  server.AwaitHeldWrites(1);
  later.Send(Request({"SET", "m:1", "b"}));
  server.AwaitHeldWrites(2);
  server.database.ReleaseWrites();
  server.AwaitCommits(2);
  CHECK(server.Await(earlier, kOk.size()) == kOk);
  CHECK(server.Await(later, kOk.size()) == kOk);
  const std::string last = server.database.writes().back().substr(2);
  server.Expect(later, Request({"GET", "m:1"}), Bulk(last));
  CHECK(server.database.queries() == 1);
  // One that nothing comes across does.
  server.Expect(later, Request({"SET", "m:1", "c"}), kOk);
  server.Expect(later, Request({"GET", "m:1"}), Bulk("c"));
  CHECK(server.database.queries() == 1);
}

TEST_CASE("A write is not put in the place of a change that was heard of behind it", "[origin]") {
  ThroughFixture server;
  const auto client = server.Connect();
  const auto other = server.Connect();
  server.Expect(client, Request({"SET", "m:1", "old", "EX", "100"}), kOk);
  SECTION("A change") {
    client.Send(Request({"SET", "m:1", "mine"}));
    server.database.HoldWrites();
    server.AwaitHeldWrites(1);
    server.database.ReleaseWrites();
    server.AwaitCommits(2);
    server.database.Put("1", "foreign");
    server.database.sink()->OnChange("m", {"1"}, 1);
    CHECK(server.Await(client, kOk.size()) == kOk);
    CHECK(client.Ask(Request({"DBSIZE"})) == ":0\r\n");
  }
  SECTION("A time in which changes may have gone unheard") {
    server.database.HoldWrites();
    client.Send(Request({"GETSET", "m:1", "mine"}));
    server.AwaitHeldWrites(1);
    server.database.sink()->OnDeaf("connection lost");
    server.database.sink()->OnListening();
    server.AwaitDoubts();
    server.database.ReleaseWrites();
    CHECK(server.Await(client, kNil.size()) == kNil);
    CHECK(client.Ask(Request({"DBSIZE"})) == ":0\r\n");
    server.database.Put("1", "foreign");
  }
  SECTION("FLUSHALL") {
    server.database.HoldWrites();
    client.Send(Request({"MSET", "m:1", "mine", "m:2", "mine"}));
    server.AwaitHeldWrites(1);
    CHECK(other.Ask(Request({"FLUSHALL"})) == kOk);
    server.database.ReleaseWrites();
    CHECK(server.Await(client, kOk.size()) == kOk);
    CHECK(client.Ask(Request({"DBSIZE"})) == ":0\r\n");
    server.database.Put("1", "foreign");
  }
  server.Expect(client, Request({"GET", "m:1"}), Bulk("foreign"));
}

TEST_CASE("A load beside a write does not leave what was there before", "[origin]") {
  ThroughFixture server;
  server.database.Put("1", "old");
  const auto client = server.Connect();
  const auto reader = server.Connect();
  server.database.Hold();
  server.database.HoldWrites();
  client.Send(Request({"SET", "m:1", "new"}));
  server.AwaitHeldWrites(1);
  server.SendAndQuery(reader, Request({"GET", "m:1"}));
  server.database.ReleaseWrites();
  CHECK(server.Await(client, kOk.size()) == kOk);
  server.database.Release();
  CHECK(server.Await(reader, 9) == Bulk("new"));
  server.Expect(reader, Request({"GET", "m:1"}), Bulk("new"));
}

TEST_CASE("A write of which nobody knows whether it is done leaves nothing", "[origin]") {
  ThroughFixture server;
  const auto client = server.Connect();
  server.Expect(client, Request({"MSET", "m:1", "one", "m:2", "two"}), kOk);
  server.database.DoubtWrites(true);
  server.Expect(client, Request({"SET", "m:1", "second"}),
                "-ORIGINERR the outcome is unknown: the connection was lost while the database "
                "committed the write\r\n");
  CHECK(client.Ask(Request({"DBSIZE"})) == ":1\r\n");
  CHECK(server.figures("m").Get(RuleFigures::kWrites) == 2);
  CHECK(server.figures("m").Get(RuleFigures::kWriteErrors) == 1);
  SECTION("The database has it") { server.Expect(client, Request({"GET", "m:1"}), Bulk("second")); }
  SECTION("The database is at it still, so what is loaded is not believed for long") {
    server.database.Put("1", "one");
    server.Expect(client, Request({"GET", "m:1"}), Bulk("one"));
    server.database.Put("1", "second");
    server.clock.AdvanceMillis(2'001);
    server.RunUntil([&] { return client.Ask(Request({"DBSIZE"})) == ":1\r\n"; });
    server.Expect(client, Request({"GET", "m:1"}), Bulk("second"));
  }
  SECTION("There is no database any more, so none can be asked for what it has become") {
    server.database.Put("1", "one");
    server.Expect(client, Request({"GET", "m:1"}), Bulk("one"));
    server.Expect(client, Request({"CONFIG", "SET", "origin-url", ""}), kOk);
    CHECK(client.Ask(Request({"DBSIZE"})) == ":1\r\n");
    // It is there again, and at it still.
    server.clock.AdvanceMillis(1'000);
    server.Expect(client, Request({"CONFIG", "SET", "origin-url", "fake:"}), kOk);
    server.Expect(client, Request({"GET", "m:1"}), Bulk("one"));
    server.database.Put("1", "second");
    server.clock.AdvanceMillis(1'001);
    server.RunUntil([&] { return client.Ask(Request({"DBSIZE"})) == ":1\r\n"; });
    server.Expect(client, Request({"GET", "m:1"}), Bulk("second"));
  }
}

TEST_CASE("A client that goes away before its write is done here leaves nothing", "[origin]") {
  ThroughFixture server;
  const auto client = server.Connect();
  const auto other = server.Connect();
  const auto kill = [&] {
    other.Ask(Request({"CLIENT", "KILL", "ID", std::to_string(client.id())}));
    server.local().RunUntilIdle();
  };
  server.Expect(client, Request({"SET", "m:1", "first"}), kOk);
  server.database.HoldWrites();
  client.Send(Request({"SET", "m:1", "second"}));
  server.AwaitHeldWrites(1);
  SECTION("Before the database has it") {
    kill();
    server.database.ReleaseWrites();
    server.RunUntil([&] { return other.Ask(Request({"DBSIZE"})) == ":0\r\n"; });
  }
  SECTION("Once the database has it") {
    CHECK(other.Ask(Request({"CLIENT", "PAUSE", "100000", "WRITE"})) == kOk);
    server.database.ReleaseWrites();
    server.AwaitCommits(2);
    server.local().RunUntilIdle();
    CHECK(client.Receive().empty());
    kill();
    server.AwaitDoubts();
    CHECK(other.Ask(Request({"DBSIZE"})) == ":0\r\n");
    CHECK(other.Ask(Request({"CLIENT", "UNPAUSE"})) == kOk);
  }
  server.Expect(other, Request({"GET", "m:1"}), Bulk("second"));
}

TEST_CASE("What the database has and the cache refuses is not there as it was", "[origin]") {
  ThroughFixture server;
  const auto client = server.Connect();
  server.Expect(client, Request({"ORIGIN", "DEL", "h"}), ":1\r\n");
  CHECK(client.Ask(Request({"SET", "h:1", "no hash"})) == kOk);
  Words set = {"ORIGIN", "SET"};
  const Words rule = Through("h", {"type", "hash"});
  set.insert(set.end(), rule.begin(), rule.end());
  server.Expect(client, EncodeRequest(set), kOk);
  client.Send(Request({"HSET", "h:1", "a", "1"}));
  CHECK(server.Await(client, 10).starts_with("-WRONGTYPE"));
  CHECK(client.Ask(Request({"DBSIZE"})) == ":0\r\n");
}

TEST_CASE("What is written by a rule lives as long as what it loads", "[origin]") {
  const std::string policy = GENERATE("through", "behind");
  OriginFixture server;
  const auto add = [&](const std::string& name, const Words& options) {
    Words words = Through(name, options);
    words[3] = policy;
    server.AddRule(words);
  };
  add("m", {"ttl", "100"});
  add("n", {});
  const auto client = server.Connect();
  const auto ttl = [&](const std::string& key, int seconds) {
    INFO(key);
    CHECK(client.Ask(Request({"TTL", key})) == ":" + std::to_string(seconds) + "\r\n");
  };
  server.Expect(client, Request({"SET", "m:1", "x"}), kOk);
  ttl("m:1", 100);
  server.Expect(client, Request({"SET", "m:1", "x", "EX", "7"}), kOk);
  ttl("m:1", 7);
  server.Expect(client, Request({"SET", "m:1", "x", "KEEPTTL"}), kOk);
  ttl("m:1", 7);
  server.Expect(client, Request({"MSET", "m:1", "x", "m:2", "x"}), kOk);
  ttl("m:1", 100);
  ttl("m:2", 100);
  server.Expect(client, Request({"SET", "n:1", "x"}), kOk);
  ttl("n:1", -1);
  // While changes may go unheard, for a second.
  server.database.sink()->OnDeaf("connection lost");
  server.AwaitDoubts();
  server.Expect(client, Request({"SET", "n:1", "x"}), kOk);
  ttl("n:1", 1);
  server.RunUntil([&] { return server.origin().behind().writes() == 0; });
}

TEST_CASE("Fields of a hash are put into one that is whole", "[origin]") {
  OriginFixture server;
  server.AddRule(Through("h", {"type", "hash", "ttl", "10", "stale-ttl", "100"}));
  server.database.SetColumns({"a", "b"});
  server.database.Put("1", Rows{{"1", "2"}});
  const auto client = server.Connect();
  const std::string whole = "*4\r\n" + Bulk("a") + Bulk("1") + Bulk("b") + Bulk("3");
  SECTION("One that is not in memory is loaded when it is asked for") {
    server.Expect(client, Request({"HSET", "h:1", "b", "3"}), ":1\r\n");
    CHECK(client.Ask(Request({"DBSIZE"})) == ":0\r\n");
    server.database.Put("1", Rows{{"1", "3"}});
    server.Expect(client, Request({"HGETALL", "h:1"}), whole);
  }
  SECTION("One that is gets them") {
    server.Expect(client, Request({"HLEN", "h:1"}), ":2\r\n");
    server.Expect(client, Request({"HSET", "h:1", "b", "3"}), ":0\r\n");
    CHECK(client.Ask(Request({"HGETALL", "h:1"})) == whole);
    CHECK(server.database.queries() == 1);
    // It is the client's now, and not served stale.
    CHECK(client.Ask(Request({"TTL", "h:1"})) == ":10\r\n");
    server.clock.AdvanceMillis(11'000);
    server.database.Put("1", Rows{{"1", "3"}});
    server.Expect(client, Request({"HGETALL", "h:1"}), whole);
    CHECK(server.database.queries() == 2);
  }
  SECTION("One that is past its time is taken for missing") {
    server.Expect(client, Request({"HLEN", "h:1"}), ":2\r\n");
    server.clock.AdvanceMillis(11'000);
    server.Expect(client, Request({"HSET", "h:1", "b", "3"}), ":0\r\n");
    CHECK(client.Ask(Request({"DBSIZE"})) == ":0\r\n");
  }
}

TEST_CASE("What clients have written through is not believed either", "[origin]") {
  ThroughFixture server;
  const auto client = server.Connect();
  server.Expect(client, Request({"SET", "m:1", "mine"}), kOk);
  server.database.sink()->OnDeaf("connection lost");
  server.database.Put("1", "foreign");
  server.database.sink()->OnListening();
  server.AwaitDoubts();
  server.Expect(client, Request({"GET", "m:1"}), Bulk("foreign"));
}

TEST_CASE("A database that takes no writes is read all the same", "[origin]") {
  const std::string policy = GENERATE("through", "behind");
  OriginFixture server;
  server.config.origin_breaker_failures.set(2);
  Words rule = Through("m");
  rule[3] = policy;
  server.AddRule(rule);
  absl::Status status = absl::UnavailableError("the database takes no writes: a standby");
  status.SetPayload(absl::string_view(origin::kSqlState.data(), origin::kSqlState.size()),
                    absl::Cord("25006"));
  server.database.Refuse("1", status);
  server.database.Put("2", "two");
  const auto client = server.Connect();
  for (int i = 0; i < 5; ++i) {
    if (policy == "through") {
      server.Expect(client, Request({"SET", "m:1", "x"}),
                    "-ORIGINERR the database takes no writes: a standby\r\n");
    } else {
      CHECK(client.Ask(Request({"SET", "m:1", "x"})) == kOk);
      server.RunUntil([&] {
        server.clock.AdvanceMillis(10);
        return server.figures("m").Get(RuleFigures::kWriteRetries) > static_cast<uint64_t>(i);
      });
    }
  }
  CHECK_FALSE(server.origin().breaker().open());
  server.Expect(client, Request({"GET", "m:2"}), Bulk("two"));
  server.database.Refuse("1", absl::OkStatus());
  server.Expect(client, Request({"SET", "m:2", "x"}), kOk);
}

TEST_CASE("The breaker minds what a write says of the database, and only that", "[origin]") {
  OriginFixture server;
  server.config.origin_breaker_failures.set(2);
  server.config.origin_breaker_open_ms.set(500);
  server.AddRule(Through("m"));
  absl::Status standby = absl::UnavailableError("the database takes no writes: a standby");
  standby.SetPayload(absl::string_view(origin::kSqlState.data(), origin::kSqlState.size()),
                     absl::Cord("25006"));
  server.database.Refuse("unsent", absl::InvalidArgumentError("what is written is no text"));
  server.database.Refuse("down", absl::UnavailableError("connection lost"));
  server.database.Refuse("standby", standby);
  const auto client = server.Connect();
  const auto set = [&](const std::string& id, const std::string& error) {
    server.Expect(client, Request({"SET", "m:" + id, "x"}), "-ORIGINERR " + error + "\r\n");
  };
  set("down", "connection lost");
  set("unsent", "what is written is no text");
  CHECK_FALSE(server.origin().breaker().open());
  set("down", "connection lost");
  CHECK(server.origin().breaker().open());
  server.clock.AdvanceMillis(600);
  set("standby", "the database takes no writes: a standby");
  CHECK_FALSE(server.origin().breaker().open());
}

TEST_CASE("What a write says of a database that was taken away does not concern the next one",
          "[origin]") {
  OriginFixture server;
  server.config.origin_breaker_failures.set(1);
  server.AddRule(Through("m"));
  server.database.Put("2", "two");
  const auto client = server.Connect();
  const auto other = server.Connect();
  CHECK(other.Ask(Request({"PING"})) == "+PONG\r\n");
  server.database.HoldWrites();
  client.Send(Request({"SET", "m:1", "x"}));
  server.RunUntil([&] { return server.database.writers_waiting() == 1; });
  CHECK(other.Ask(Request({"CONFIG", "SET", "origin-url", "fake:other"})) == kOk);
  const std::string error = "-ORIGINERR interrupted\r\n";
  CHECK(server.Await(client, error.size()) == error);
  CHECK_FALSE(server.origin().breaker().open());
  CHECK(server.origin().last_error().empty());
  server.database.ReleaseWrites();
  server.Expect(client, Request({"GET", "m:2"}), Bulk("two"));
  server.Expect(client, Request({"SET", "m:1", "x"}), kOk);
}

TEST_CASE("A write whose time has passed when its keys can be marked is not sent", "[origin]") {
  OriginFixture server;
  server.AddRule(Through("m", {"timeout-ms", "1000"}));
  const auto client = server.Connect();
  CHECK(client.Ask(Request({"PING"})) == "+PONG\r\n");
  ShardLock& lock = server.local().server().store().LockOf(Hash("m:1"));
  REQUIRE(lock.TryLock());
  client.Send(Request({"SET", "m:1", "x"}));
  server.local().RunUntilIdle();
  // So that the loader has come to the shard; else it finds the time over before.
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  server.clock.AdvanceMillis(1'050);
  lock.Unlock();
  const std::string error = "-ORIGINERR the origin takes too long\r\n";
  CHECK(server.Await(client, error.size()) == error);
  server.Expect(client, Request({"SET", "m:2", "x"}), kOk);
  CHECK(server.database.writes() == std::vector<std::string>{"2=x"});
  CHECK(server.figures("m").Get(RuleFigures::kWrites) == 1);
  CHECK(server.figures("m").Get(RuleFigures::kWriteErrors) == 1);
}

TEST_CASE("A write that waits for a row until its time is over is an error of its own",
          "[origin]") {
  OriginFixture server;
  server.config.origin_breaker_failures.set(1);
  server.AddRule(Through("m", {"timeout-ms", "1000"}));
  const auto client = server.Connect();
  CHECK(client.Ask(Request({"PING"})) == "+PONG\r\n");
  server.database.HoldWrites();
  client.Send(Request({"MSET", "m:1", "x", "m:2", "x"}));
  server.RunUntil([&] { return server.database.writers_waiting() == 1; });
  server.clock.AdvanceMillis(1'010);
  // The watchdog has looked.
  std::this_thread::sleep_for(std::chrono::milliseconds(60));
  SECTION("The database says so") {
    server.database.Refuse("2", absl::DeadlineExceededError("canceling statement"));
    server.database.ReleaseWrites();
    const std::string error = "-ORIGINERR canceling statement\r\n";
    CHECK(server.Await(client, error.size()) == error);
    CHECK(server.database.interrupts() == 0);
    CHECK_FALSE(server.origin().breaker().open());
  }
  SECTION("The database says nothing") {
    server.clock.AdvanceMillis(45);
    const std::string error = "-ORIGINERR interrupted\r\n";
    CHECK(server.Await(client, error.size()) == error);
    CHECK(server.origin().breaker().open());
  }
}

}  // namespace alai
