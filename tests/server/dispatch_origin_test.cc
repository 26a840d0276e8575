// Commands on keys that are loaded from a database when they are missed.
#include <string>
#include <vector>

#include "tests/catch.h"
#include "tests/server/origin_fixture.h"

namespace alai {
namespace {

using Rows = origin::FakeDatabase::Rows;

const std::string kNil = "$-1\r\n";

}  // namespace

TEST_CASE("A key that is missed is loaded, and from then on served from memory", "[origin]") {
  OriginFixture server;
  server.AddRule(MemoryRule({"ttl", "3600"}));
  server.database.Put("1", "one");
  const auto client = server.Connect();
  server.Expect(client, Request({"GET", "m:1"}), Bulk("one"));
  server.Expect(client, Request({"GET", "m:1"}), Bulk("one"));
  server.Expect(client, Request({"STRLEN", "m:1"}), ":3\r\n");
  server.Expect(client, Request({"TTL", "m:1"}), ":3600\r\n");
  CHECK(server.database.queries() == 1);
  CHECK(server.figures("memory").Get(origin::RuleFigures::kMisses) == 1);
  CHECK(server.figures("memory").hits() == 3);
}

TEST_CASE("Keys of no rule, and commands that write, do not ask the origin", "[origin]") {
  OriginFixture server;
  server.AddRule(MemoryRule());
  server.database.Put("1", "one");
  const auto client = server.Connect();
  server.Expect(client, Request({"GET", "n:1"}), kNil);
  server.Expect(client, Request({"GET", "m:x"}), kNil);
  server.Expect(client, Request({"APPEND", "m:1", "x"}), ":1\r\n");
  server.Expect(client, Request({"GET", "m:1"}), Bulk("x"));
  server.Expect(client, Request({"DUMP", "m:2"}), kNil);
  CHECK(server.database.queries() == 0);
}

TEST_CASE("Commands of every type load what they read", "[origin]") {
  OriginFixture server;
  const auto add = [&](const std::string& name, const std::string& type) {
    server.AddRule(
        {name, name + ":{id:text}", "type", type, "query", "SELECT a FROM t WHERE id = $1"});
  };
  add("hash", "hash");
  add("list", "list");
  add("set", "set");
  server.AddRule(
      {"zset", "zset:{id:text}", "type", "zset", "query", "SELECT a, b FROM t WHERE id = $1"});
  server.database.SetColumns({"email", "name", "role"});
  server.database.Put("h", Rows{{"a@b", std::nullopt, "admin"}});
  server.database.Put("l", Rows{{"x"}, {"y"}, {"x"}});
  server.database.Put("s", Rows{{"2"}, {"1"}, {"2"}});
  server.database.Put("z", Rows{{"p", "2"}, {"q", "1.5"}});
  const auto client = server.Connect();
  server.Expect(client, Request({"HGET", "hash:h", "role"}), Bulk("admin"));
  server.Expect(client, Request({"HLEN", "hash:h"}), ":2\r\n");
  server.Expect(client, Request({"LRANGE", "list:l", "0", "-1"}),
                "*3\r\n" + Bulk("x") + Bulk("y") + Bulk("x"));
  server.Expect(client, Request({"SISMEMBER", "set:s", "2"}), ":1\r\n");
  server.Expect(client, Request({"SCARD", "set:s"}), ":2\r\n");
  server.Expect(client, Request({"ZSCORE", "zset:z", "q"}), Bulk("1.5"));
  server.Expect(client, Request({"ZRANGE", "zset:z", "0", "-1"}), "*2\r\n" + Bulk("q") + Bulk("p"));
  CHECK(server.database.queries() == 4);
}

TEST_CASE("MGET, EXISTS and GETEX wait for all of their keys", "[origin]") {
  OriginFixture server;
  server.AddRule(MemoryRule({"ttl", "100"}));
  for (const char* id : {"1", "2", "3"}) server.database.Put(id, id);
  const auto client = server.Connect();
  server.Expect(client, Request({"MGET", "m:1", "m:9", "other", "m:2"}),
                "*4\r\n" + Bulk("1") + kNil + kNil + Bulk("2"));
  server.Expect(client, Request({"EXISTS", "m:1", "m:3", "m:3"}), ":3\r\n");
  server.Expect(client, Request({"GETEX", "m:1", "PERSIST"}), Bulk("1"));
  server.Expect(client, Request({"TTL", "m:1"}), ":-1\r\n");
}

TEST_CASE("GETEX loads a key", "[origin]") {
  OriginFixture server;
  server.AddRule(MemoryRule());
  server.database.Put("1", "one");
  const auto client = server.Connect();
  server.Expect(client, Request({"GETEX", "m:1", "EX", "10"}), Bulk("one"));
  server.Expect(client, Request({"TTL", "m:1"}), ":10\r\n");
}

TEST_CASE("A pipeline keeps its order while one of its commands waits", "[origin]") {
  OriginFixture server;
  server.AddRule(MemoryRule());
  server.database.Put("1", "one");
  server.database.Hold();
  const auto client = server.Connect();
  const auto other = server.Connect();
  client.Send(Request({"SET", "a", "1"}) + Request({"GET", "m:1"}) + Request({"INCR", "a"}) +
              Request({"GET", "m:1"}));
  server.RunUntil([&] { return server.database.waiting() == 1; });
  CHECK(client.Receive() == "+OK\r\n");
  CHECK(other.Ask(Request({"GET", "a"})) == Bulk("1"));
  server.database.Release();
  const std::string rest = Bulk("one") + ":2\r\n" + Bulk("one");
  CHECK(server.Await(client, rest.size()) == rest);
}

TEST_CASE("Many clients that miss one key cost one query", "[origin]") {
  OriginFixture server(2);
  server.AddRule(MemoryRule());
  server.database.Put("1", "one");
  server.database.Hold();
  std::vector<Server::Local::Connection> clients;
  for (size_t i = 0; i < 1000; ++i) {
    clients.push_back(server.Connect(i % 2));
    clients.back().Send(Request({"GET", "m:1"}));
  }
  server.RunUntil([&] { return server.database.waiting() == 1; });
  server.database.Release();
  for (const auto& client : clients) CHECK(server.Await(client, 9) == Bulk("one"));
  CHECK(server.database.queries() == 1);
  CHECK(server.database.keys_asked() == 1);
}

TEST_CASE("What is not in the database is remembered for as long as the rule says", "[origin]") {
  OriginFixture server;
  server.AddRule(MemoryRule({"negative-ttl", "30"}));
  const auto client = server.Connect();
  server.Expect(client, Request({"GET", "m:1"}), kNil);
  server.Expect(client, Request({"GET", "m:1"}), kNil);
  CHECK(server.database.queries() == 1);
  CHECK(server.origin().absent_keys() == 1);
  CHECK(client.Ask(Request({"DBSIZE"})) == ":0\r\n");
  SECTION("It is asked for again afterwards") {
    server.database.Put("1", "one");
    server.clock.AdvanceMillis(30'000);
    server.Expect(client, Request({"GET", "m:1"}), Bulk("one"));
  }
  SECTION("A write lets it be forgotten") {
    server.database.Put("1", "one");
    server.Expect(client, Request({"DEL", "m:1"}), ":0\r\n");
    server.Expect(client, Request({"GET", "m:1"}), Bulk("one"));
  }
  SECTION("So does FLUSHALL") {
    server.database.Put("1", "one");
    server.Expect(client, Request({"FLUSHALL"}), "+OK\r\n");
    server.Expect(client, Request({"GET", "m:1"}), Bulk("one"));
  }
}

TEST_CASE("What is not in the database is asked for once each time without a negative ttl",
          "[origin]") {
  OriginFixture server;
  server.AddRule(MemoryRule());
  const auto client = server.Connect();
  server.Expect(client, Request({"GET", "m:1"}), kNil);
  server.Expect(client, Request({"GET", "m:1"}), kNil);
  CHECK(server.database.queries() == 2);
}

TEST_CASE("A load that began before a write does not overwrite it", "[origin]") {
  OriginFixture server;
  server.AddRule(MemoryRule());
  server.database.Put("1", "old");
  server.database.Hold();
  const auto client = server.Connect();
  const auto writer = server.Connect();
  server.SendAndQuery(client, Request({"GET", "m:1"}));
  SECTION("SET") {
    CHECK(writer.Ask(Request({"SET", "m:1", "mine"})) == "+OK\r\n");
    server.database.Release();
    CHECK(server.Await(client, 10) == Bulk("mine"));
  }
  SECTION("DEL of a key that is not there") {
    server.database.Put("1", "new");
    CHECK(writer.Ask(Request({"DEL", "m:1"})) == ":0\r\n");
    server.database.Release();
    CHECK(server.Await(client, 9) == Bulk("new"));
  }
  SECTION("GETDEL, HDEL and EXPIRE of a key that is not there") {
    server.database.Put("1", "new");
    CHECK(writer.Ask(Request({"GETDEL", "m:1"})) == kNil);
    server.database.Release();
    CHECK(server.Await(client, 9) == Bulk("new"));
  }
  SECTION("A change in the database") {
    server.database.Put("1", "new");
    server.database.sink()->OnChange("memory", {"1"}, 3);
    server.database.Release();
    CHECK(server.Await(client, 9) == Bulk("new"));
  }
  CHECK(server.figures("memory").Get(origin::RuleFigures::kDiscarded) == 1);
}

TEST_CASE("Errors of the database are misses, or errors where the rule says so", "[origin]") {
  OriginFixture server;
  server.AddRule(MemoryRule());
  server.AddRule(
      {"strict", "s:{id:int}", "on-error", "error", "query", "SELECT v FROM s WHERE id = $1"});
  server.database.SetStatus(absl::InvalidArgumentError("relation \"m\" does not exist"));
  const auto client = server.Connect();
  server.Expect(client, Request({"GET", "m:1"}), kNil);
  server.Expect(client, Request({"GET", "s:1"}), "-ORIGINERR relation \"m\" does not exist\r\n");
  CHECK(client.Ask(Request({"PING"})) == "+PONG\r\n");
  CHECK(!server.origin().breaker().open());
}

TEST_CASE("A database that does not answer is left alone", "[origin]") {
  OriginFixture server;
  server.config.origin_breaker_failures.set(2);
  server.AddRule(MemoryRule());
  server.database.SetStatus(absl::UnavailableError("connection refused"));
  const auto client = server.Connect();
  // The check of the rule may have failed before.
  server.RunUntil([&] {
    client.Ask(Request({"GET", "m:1"}));
    return server.origin().breaker().open();
  });
  const int queries = server.database.queries();
  const auto other = server.Connect();
  server.RunUntil(
      [&] { return !client.Receive().empty() || server.origin().keys_under_way() == 0; });
  server.Expect(other, Request({"GET", "m:2"}), kNil);
  CHECK(server.database.queries() <= queries + 1);
  server.database.SetStatus(absl::OkStatus());
  server.database.Put("3", "three");
  server.clock.AdvanceMillis(60'000);
  server.Expect(other, Request({"GET", "m:3"}), Bulk("three"));
  CHECK(!server.origin().breaker().open());
}

TEST_CASE("A value beyond its time is served when the database fails", "[origin]") {
  OriginFixture server;
  server.AddRule(MemoryRule({"ttl", "10", "stale-ttl", "60", "on-error", "error"}));
  server.database.Put("1", "one");
  const auto client = server.Connect();
  server.Expect(client, Request({"GET", "m:1"}), Bulk("one"));
  server.clock.AdvanceMillis(11'000);
  server.database.SetStatus(absl::InternalError("no"));
  server.Expect(client, Request({"GET", "m:1"}), Bulk("one"));
  CHECK(server.figures("memory").Get(origin::RuleFigures::kStaleServed) == 1);
  server.database.SetStatus(absl::OkStatus());
  server.database.Put("1", "uno");
  server.Expect(client, Request({"GET", "m:1"}), Bulk("uno"));
  server.clock.AdvanceMillis(71'000);
  server.database.SetStatus(absl::InternalError("no"));
  server.Expect(client, Request({"GET", "m:1"}), "-ORIGINERR no\r\n");
}

TEST_CASE("A hit late in the life of a value loads it again in the background", "[origin]") {
  OriginFixture server;
  server.AddRule(MemoryRule({"ttl", "100", "refresh-ahead", "0.8"}));
  server.database.Put("1", "one");
  const auto client = server.Connect();
  server.Expect(client, Request({"GET", "m:1"}), Bulk("one"));
  server.database.Put("1", "uno");
  server.clock.AdvanceMillis(79'000);
  server.Expect(client, Request({"GET", "m:1"}), Bulk("one"));
  CHECK(server.database.queries() == 1);
  server.clock.AdvanceMillis(2'000);
  server.Expect(client, Request({"GET", "m:1"}), Bulk("one"));
  server.RunUntil([&] { return server.figures("memory").Get(origin::RuleFigures::kFilled) == 2; });
  server.Expect(client, Request({"GET", "m:1"}), Bulk("uno"));
  server.Expect(client, Request({"TTL", "m:1"}), ":100\r\n");
}

TEST_CASE("What takes too long is a miss to who waits, and comes later all the same", "[origin]") {
  OriginFixture server;
  server.AddRule(MemoryRule({"timeout-ms", "1000"}));
  server.database.Put("1", "one");
  server.database.Hold();
  const auto client = server.Connect();
  server.SendAndQuery(client, Request({"GET", "m:1"}));
  server.clock.AdvanceMillis(1'001);
  CHECK(server.Await(client, kNil.size()) == kNil);
  CHECK(server.figures("memory").Get(origin::RuleFigures::kTimeouts) == 1);
  server.database.Release();
  server.RunUntil([&] { return server.origin().keys_under_way() == 0; });
  server.Expect(client, Request({"GET", "m:1"}), Bulk("one"));
}

TEST_CASE("A call that does not come back is interrupted", "[origin]") {
  OriginFixture server;
  server.AddRule(MemoryRule({"timeout-ms", "1000"}));
  server.database.Hold();
  const auto client = server.Connect();
  server.SendAndQuery(client, Request({"GET", "m:1"}));
  server.clock.AdvanceMillis(2'001);
  server.RunUntil([&] { return server.database.interrupts() > 0; });
  server.RunUntil([&] { return server.origin().keys_under_way() == 0; });
  server.database.Release();
}

TEST_CASE("When too many keys are under way, more are refused or missed", "[origin]") {
  OriginFixture server;
  server.config.origin_queue_max.set(1);
  server.AddRule(MemoryRule());
  server.AddRule(
      {"lenient", "l:{id:int}", "on-overload", "nil", "query", "SELECT v FROM l WHERE id = $1"});
  server.database.Hold();
  const auto client = server.Connect();
  const auto other = server.Connect();
  server.SendAndQuery(client, Request({"GET", "m:1"}));
  CHECK(other.Ask(Request({"GET", "m:2"})) ==
        "-ORIGINBUSY too many keys are being loaded from the origin\r\n");
  CHECK(other.Ask(Request({"GET", "l:2"})) == kNil);
  server.database.Release();
  CHECK(server.Await(client, kNil.size()) == kNil);
}

TEST_CASE("A client that goes away leaves the load to others", "[origin]") {
  OriginFixture server;
  server.AddRule(MemoryRule());
  server.database.Put("1", "one");
  server.database.Hold();
  const auto leaver = server.Connect();
  const auto stayer = server.Connect();
  leaver.Send(Request({"GET", "m:1"}));
  stayer.Send(Request({"GET", "m:1"}));
  server.RunUntil([&] { return server.database.waiting() == 1; });
  const auto killer = server.Connect();
  killer.Ask(Request({"CLIENT", "KILL", "ID", std::to_string(leaver.id())}));
  server.database.Release();
  CHECK(server.Await(stayer, 9) == Bulk("one"));
}

TEST_CASE("A load under way when the server ends does no harm", "[origin]") {
  OriginFixture server;
  server.AddRule(MemoryRule());
  server.database.Hold();
  const auto client = server.Connect();
  server.SendAndQuery(client, Request({"GET", "m:1"}) + Request({"PING"}));
}

TEST_CASE("A change in the database removes the key, or has it loaded again", "[origin]") {
  OriginFixture server;
  server.AddRule(MemoryRule());
  server.AddRule(
      {"again", "a:{id:int}", "on-change", "reload", "query", "SELECT v FROM a WHERE id = $1"});
  server.database.Put("1", "one");
  const auto client = server.Connect();
  server.Expect(client, Request({"MGET", "m:1", "a:1"}), "*2\r\n" + Bulk("one") + Bulk("one"));
  server.database.Put("1", "uno");
  server.database.sink()->OnChange("memory", {"1"}, 5);
  CHECK(client.Ask(Request({"OBJECT", "ENCODING", "m:1"})) == kNil);
  const uint64_t filled = server.figures("again").Get(origin::RuleFigures::kFilled);
  server.database.sink()->OnChange("again", {"1"}, 5);
  server.RunUntil(
      [&] { return server.figures("again").Get(origin::RuleFigures::kFilled) == filled + 1; });
  const int queries = server.database.queries();
  server.Expect(client, Request({"GET", "a:1"}), Bulk("uno"));
  CHECK(server.database.queries() == queries);
}

TEST_CASE("What has changed and cannot be loaded again does not stay", "[origin]") {
  OriginFixture server;
  server.config.origin_queue_max.set(1);
  server.AddRule(MemoryRule({"on-change", "reload"}));
  server.database.Put("1", "one");
  const auto client = server.Connect();
  const auto other = server.Connect();
  server.Expect(client, Request({"GET", "m:1"}), Bulk("one"));
  server.database.Hold();
  server.SendAndQuery(other, Request({"GET", "m:2"}));
  server.database.sink()->OnChange("memory", {"1"}, 5);
  CHECK(client.Ask(Request({"EXISTS", "other", "m:1"}))
            .starts_with("-ORIGINBUSY too many keys are being loaded"));
  server.database.Release();
  CHECK(server.Await(other, kNil.size()) == kNil);
}

TEST_CASE("When changes may have been missed, nothing is believed", "[origin]") {
  OriginFixture server;
  server.AddRule(MemoryRule({"ttl", "3600", "negative-ttl", "3600"}));
  server.AddRule(
      {"fixed", "f:{id:int}", "on-change", "none", "query", "SELECT v FROM f WHERE id = $1"});
  server.database.Put("1", "one");
  const auto client = server.Connect();
  server.Expect(client, Request({"MGET", "m:1", "m:2", "f:1"}),
                "*3\r\n" + Bulk("one") + kNil + Bulk("one"));
  server.Expect(client, Request({"SET", "m:3", "mine"}), "+OK\r\n");
  server.database.Put("1", "uno");
  server.database.Put("2", "due");
  server.database.sink()->OnDeaf("connection lost");
  server.AwaitDoubts();
  server.Expect(client, Request({"MGET", "m:1", "m:2", "m:3", "f:1"}),
                "*4\r\n" + Bulk("uno") + Bulk("due") + kNil + Bulk("one"));
  server.Expect(client, Request({"TTL", "m:1"}), ":1\r\n");
  server.Expect(client, Request({"MSET", "m:3", "mine", "f:2", "mine"}), "+OK\r\n");
  server.database.sink()->OnListening();
  server.AwaitDoubts();
  CHECK(client.Ask(Request({"GET", "f:2"})) == Bulk("mine"));
  server.Expect(client, Request({"GET", "m:3"}), kNil);
  server.Expect(client, Request({"GET", "m:1"}), Bulk("uno"));
  server.Expect(client, Request({"TTL", "m:1"}), ":3600\r\n");
}

TEST_CASE("What may have changed is served for its stale-ttl when the database fails", "[origin]") {
  OriginFixture server;
  server.AddRule(MemoryRule({"ttl", "3600", "stale-ttl", "60"}));
  server.AddRule({"brief", "b:{id:int}", "ttl", "10", "stale-ttl", "60", "query",
                  "SELECT v FROM b WHERE id = $1"});
  server.database.Put("1", "one");
  const auto client = server.Connect();
  server.Expect(client, Request({"MGET", "m:1", "b:1"}), "*2\r\n" + Bulk("one") + Bulk("one"));
  server.Expect(client, Request({"TTL", "m:1"}), ":3660\r\n");
  server.clock.AdvanceMillis(30'000);
  server.database.Put("1", "uno");
  server.database.SetStatus(absl::InternalError("no"));
  server.database.sink()->OnDeaf("connection lost");
  server.AwaitDoubts();
  server.Expect(client, Request({"MGET", "m:1", "b:1"}), "*2\r\n" + Bulk("one") + Bulk("one"));
  CHECK(server.figures("memory").Get(origin::RuleFigures::kStaleServed) == 1);
  server.Expect(client, Request({"TTL", "m:1"}), ":60\r\n");
  server.Expect(client, Request({"TTL", "b:1"}), ":40\r\n");
  server.clock.AdvanceMillis(30'000);
  server.database.sink()->OnListening();
  server.AwaitDoubts();
  server.Expect(client, Request({"TTL", "m:1"}), ":30\r\n");
  server.database.SetStatus(absl::OkStatus());
  server.Expect(client, Request({"GET", "m:1"}), Bulk("uno"));
  server.Expect(client, Request({"TTL", "m:1"}), ":3660\r\n");
  server.Expect(client, Request({"SET", "m:3", "mine"}), "+OK\r\n");
  server.database.sink()->OnAllChanged("memory");
  server.AwaitDoubts();
  CHECK(client.Ask(Request({"DBSIZE"})) == ":1\r\n");
}

TEST_CASE("A value that was given another deadline is believed no longer than others", "[origin]") {
  OriginFixture server;
  server.AddRule(MemoryRule({"ttl", "3600"}));
  server.AddRule({"brief", "b:{id:int}", "ttl", "3600", "stale-ttl", "60", "refresh-ahead", "0.1",
                  "query", "SELECT v FROM b WHERE id = $1"});
  for (const char* name : {"1", "2"}) server.database.Put(name, "one");
  const auto client = server.Connect();
  server.Expect(client, Request({"MGET", "m:1", "m:2", "b:1"}),
                "*3\r\n" + Bulk("one") + Bulk("one") + Bulk("one"));
  server.Expect(client, Request({"GETEX", "m:1", "PERSIST"}), Bulk("one"));
  server.Expect(client, Request({"EXPIRE", "m:2", "7200"}), ":1\r\n");
  server.Expect(client, Request({"GETEX", "b:1", "EX", "30"}), Bulk("one"));
  // It is neither over nor loaded anew before the time that the client has said.
  const int queries = server.database.queries();
  server.Expect(client, Request({"MGET", "m:1", "m:2", "b:1"}),
                "*3\r\n" + Bulk("one") + Bulk("one") + Bulk("one"));
  server.Expect(client, Request({"TTL", "m:1"}), ":-1\r\n");
  server.Expect(client, Request({"TTL", "m:2"}), ":7200\r\n");
  server.Expect(client, Request({"TTL", "b:1"}), ":30\r\n");
  CHECK(server.database.queries() == queries);

  for (const char* name : {"1", "2"}) server.database.Put(name, "uno");
  server.database.sink()->OnDeaf("connection lost");
  server.AwaitDoubts();
  server.database.SetStatus(absl::InternalError("no"));
  server.Expect(client, Request({"GET", "b:1"}), Bulk("one"));
  CHECK(server.figures("brief").Get(origin::RuleFigures::kStaleServed) == 1);
  server.database.SetStatus(absl::OkStatus());
  server.Expect(client, Request({"MGET", "m:1", "m:2", "b:1"}),
                "*3\r\n" + Bulk("uno") + Bulk("uno") + Bulk("uno"));
}

TEST_CASE("A client's write makes a loaded value its own", "[origin]") {
  OriginFixture server;
  server.AddRule(MemoryRule({"ttl", "10", "stale-ttl", "60"}));
  server.database.Put("1", "5");
  const auto client = server.Connect();
  server.Expect(client, Request({"GET", "m:1"}), Bulk("5"));
  server.Expect(client, Request({"INCR", "m:1"}), ":6\r\n");
  server.clock.AdvanceMillis(20'000);
  server.Expect(client, Request({"GET", "m:1"}), Bulk("6"));
  CHECK(server.database.queries() == 1);
}

TEST_CASE("Values that are too large are not kept", "[origin]") {
  OriginFixture server;
  server.AddRule(MemoryRule({"max-value-bytes", "10", "negative-ttl", "30"}));
  server.database.Put("1", std::string(11, 'x'));
  const auto client = server.Connect();
  server.Expect(client, Request({"GET", "m:1"}), kNil);
  server.Expect(client, Request({"GET", "m:1"}), kNil);
  CHECK(server.database.queries() == 1);
  CHECK(server.figures("memory").Get(origin::RuleFigures::kTooLarge) == 1);
}

TEST_CASE("Other waits and pauses go with waiting for the origin", "[origin]") {
  OriginFixture server;
  server.AddRule(MemoryRule());
  server.database.Put("1", "one");
  server.database.Hold();
  const auto client = server.Connect();
  const auto other = server.Connect();
  server.SendAndQuery(client, Request({"GET", "m:1"}));
  CHECK(other.Ask(Request({"CLIENT", "UNBLOCK", std::to_string(client.id())})) == ":0\r\n");
  CHECK(other.Ask(Request({"CLIENT", "PAUSE", "1000", "ALL"})) == "+OK\r\n");
  server.database.Release();
  server.RunUntil([&] { return server.origin().keys_under_way() == 0; });
  CHECK(client.Receive().empty());
  server.clock.AdvanceMillis(1'001);
  CHECK(server.Await(client, 9) == Bulk("one"));
}

}  // namespace alai
