// Commands on keys whose rule writes behind: they are answered at once, and the database has them later.
#include <string>
#include <vector>

#include "tests/catch.h"
#include "tests/server/origin_fixture.h"

namespace alai {
namespace {

using origin::RuleFigures;
using Words = std::vector<std::string>;

const std::string kNil = "$-1\r\n";
const std::string kOk = "+OK\r\n";

Words Behind(const std::string& name, const Words& options = {}) {
  Words words = {name,     name + ":{id:text}",
                 "write",  "behind",
                 "upsert", "INSERT INTO t VALUES ($1, $2)",
                 "delete", "DELETE FROM t WHERE id = $1"};
  words.insert(words.end(), options.begin(), options.end());
  words.insert(words.end(), {"query", "SELECT v FROM t WHERE id = $1"});
  return words;
}

bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

class BehindFixture : public OriginFixture {
 public:
  explicit BehindFixture(int workers = 1) : OriginFixture(workers) {
    AddRule(Behind("m"));
    AddRule(Behind("h", {"type", "hash"}));
    database.SetColumns({"a"});
  }
  // All of it, in the order of the database.
  void AwaitWrites(const Words& writes) {
    RunUntil([&] { return origin().behind().writes() == 0; });
    CHECK(database.writes() == writes);
  }
  void AwaitHeldWrite() {
    RunUntil([&] { return database.writers_waiting() == 1; });
  }
  // A second passes, after which a key whose time to live is one is gone.
  void PassSecond() { clock.AdvanceMillis(1001); }
};

}  // namespace

TEST_CASE("A write behind is answered at once and reaches the database later", "[origin]") {
  BehindFixture server;
  server.database.HoldWrites();
  const auto client = server.Connect();
  CHECK(client.Ask(Request({"SET", "m:1", "one"})) == kOk);
  CHECK(client.Ask(Request({"GET", "m:1"})) == Bulk("one"));
  server.AwaitHeldWrite();
  CHECK(client.Ask(Request({"SETEX", "m:2", "10", "two"})) == kOk);
  CHECK(client.Ask(Request({"MSET", "m:1", "uno", "m:3", "three"})) == kOk);
  CHECK(client.Ask(Request({"GETSET", "m:3", "tres"})) == Bulk("three"));
  CHECK(client.Ask(Request({"GETDEL", "m:3"})) == Bulk("tres"));
  CHECK(client.Ask(Request({"HSET", "h:1", "a", "1", "b", "\"\n"})) == ":2\r\n");
  // What else the database has of them is not known here.
  CHECK(client.Ask(Request({"HSET", "h:1", "a", "2"})) == ":1\r\n");
  CHECK(client.Ask(Request({"UNLINK", "h:1", "h:2"})) == ":0\r\n");
  CHECK(server.database.writes().empty());
  CHECK(server.origin().behind().writes() == 10);
  server.database.ReleaseWrites();
  server.AwaitWrites({"1=one", "2=two", "1=uno", "3=tres", "-3",
                      "1={\"a\":\"1\",\"b\":\"\\\"\\u000a\"}", "1={\"a\":\"2\"}", "-1", "-2"});
  CHECK(server.database.queries() == 0);
  CHECK(server.figures("m").Get(RuleFigures::kWrites) == 5);
  CHECK(server.figures("m").Get(RuleFigures::kWritesReplaced) == 1);
  CHECK(server.database.transactions() == 2);
}

TEST_CASE("Other commands and other keys are as with writing through", "[origin]") {
  BehindFixture server;
  const auto client = server.Connect();
  CHECK(client.Ask(Request({"SET", "other", "1"})) == kOk);
  CHECK(client.Ask(Request({"APPEND", "m:1", "x"})).starts_with("-ORIGINERR the rule"));
  CHECK(client.Ask(Request({"SET", "m:1", "x", "NX"})).starts_with("-ORIGINERR a rule"));
  CHECK(client.Ask(Request({"MSET", "m:1", "x", "n:1", "x"})).starts_with("-ORIGINERR keys"));
  CHECK(client.Ask(Request({"DEL", "m:1", "h:1"})).starts_with("-ORIGINERR keys"));
  CHECK(client.Ask(Request({"HSET", "m:1", "a", "b"})).starts_with("-ORIGINERR the rule"));
  CHECK(client.Ask(Request({"SET", "m:1", std::string("a\0b", 3)}))
            .starts_with("-ORIGINERR what is written is no text"));
  CHECK(client.Ask(Request({"SET", "m:1", "\xff"})).starts_with("-ORIGINERR what is written"));
  CHECK(client.Ask(Request({"SETEX", "m:1", "0", "x"})).starts_with("-ERR invalid expire"));
  CHECK(client.Ask(Request({"SET", "m:1"})).starts_with("-ERR wrong number"));
  CHECK(client.Ask(Request({"DBSIZE"})) == ":1\r\n");
  CHECK(client.Ask(Request({"SET", "m:1", "x"})) == kOk);
  CHECK(client.Ask(Request({"EXPIRE", "m:1", "100"})) == ":1\r\n");
  server.AwaitWrites({"1=x"});
}

TEST_CASE("What fails here does not reach the database", "[origin]") {
  OriginFixture server;
  const auto client = server.Connect();
  REQUIRE(client.Ask(Request({"SET", "h:1", "no hash"})) == kOk);
  Words set = {"ORIGIN", "SET"};
  const Words rule = Behind("h", {"type", "hash"});
  set.insert(set.end(), rule.begin(), rule.end());
  std::string request = "*" + std::to_string(set.size()) + "\r\n";
  for (const std::string& word : set) request += Bulk(word);
  server.Expect(client, request, kOk);
  CHECK(client.Ask(Request({"HSET", "h:1", "a", "1"})).starts_with("-WRONGTYPE"));
  CHECK(server.origin().behind().writes() == 0);
  CHECK(client.Ask(Request({"DEL", "h:1"})) == ":1\r\n");
  CHECK(client.Ask(Request({"HSET", "h:1", "a", "1"})) == ":1\r\n");
  server.RunUntil([&] { return server.database.writes().size() == 2; });
  CHECK(server.database.writes() == Words{"-1", "1={\"a\":\"1\"}"});
}

TEST_CASE("A key whose write waits is not loaded from the database", "[origin]") {
  BehindFixture server;
  server.database.Put("1", "old");
  server.database.Put("2", "old");
  server.database.HoldWrites();
  const auto client = server.Connect();
  CHECK(client.Ask(Request({"SET", "m:1", "new", "EX", "1"})) == kOk);
  CHECK(client.Ask(Request({"DEL", "m:2"})) == ":0\r\n");
  server.AwaitHeldWrite();
  server.PassSecond();
  server.Expect(client, Request({"GET", "m:1"}), Bulk("new"));
  server.Expect(client, Request({"GET", "m:2"}), kNil);
  server.Expect(client, Request({"MGET", "m:1", "m:2"}), "*2\r\n" + Bulk("new") + kNil);
  CHECK(server.database.queries() == 0);
  server.database.ReleaseWrites();
  server.AwaitWrites({"1=new", "-2"});
  server.Expect(client, Request({"GET", "m:2"}), kNil);
  CHECK(server.database.queries() == 1);
}

TEST_CASE("A load that began before a write does not bring the older value", "[origin]") {
  BehindFixture server;
  server.database.Put("1", "old");
  server.database.Hold();
  server.database.HoldWrites();
  const auto reader = server.Connect();
  const auto writer = server.Connect();
  server.SendAndQuery(reader, Request({"GET", "m:1"}));
  CHECK(writer.Ask(Request({"DEL", "m:1"})) == ":0\r\n");
  CHECK(writer.Ask(Request({"SET", "m:1", "new"})) == kOk);
  CHECK(writer.Ask(Request({"PEXPIRE", "m:1", "1"})) == ":1\r\n");
  server.clock.AdvanceMillis(2);
  server.database.Release();
  CHECK(server.Await(reader, 9) == Bulk("new"));
  server.database.ReleaseWrites();
}

TEST_CASE("Fields that wait are written before the hash is loaded", "[origin]") {
  BehindFixture server;
  server.database.Put("1", "old");
  server.database.HoldWrites();
  const auto client = server.Connect();
  CHECK(client.Ask(Request({"HSET", "h:1", "a", "new"})) == ":1\r\n");
  CHECK(client.Ask(Request({"DBSIZE"})) == ":0\r\n");
  server.AwaitHeldWrite();
  client.Send(Request({"HGET", "h:1", "a"}));
  server.RunUntil([&] { return server.origin().keys_under_way() == 1; });
  CHECK(client.Receive().empty());
  CHECK(server.database.queries() == 0);
  server.database.ReleaseWrites();
  // The fake database keeps what it gets.
  const std::string reply = Bulk("{\"a\":\"new\"}");
  CHECK(server.Await(client, reply.size()) == reply);
  CHECK(server.database.queries() == 1);
}

TEST_CASE("A hash whose fields cannot be written yet is missed", "[origin]") {
  BehindFixture server;
  server.database.HoldWrites();
  const auto client = server.Connect();
  CHECK(client.Ask(Request({"HSET", "h:1", "a", "new"})) == ":1\r\n");
  server.AwaitHeldWrite();
  client.Send(Request({"HGET", "h:1", "a"}));
  server.RunUntil([&] { return server.origin().keys_under_way() == 1; });
  server.clock.AdvanceMillis(1500);
  CHECK(server.Await(client, kNil.size()) == kNil);
  server.RunUntil([&] { return server.origin().keys_under_way() == 0; });
  server.database.ReleaseWrites();
}

TEST_CASE("A change that the database tells of leaves what waits for it", "[origin]") {
  BehindFixture server;
  server.database.HoldWrites();
  const auto client = server.Connect();
  CHECK(client.Ask(Request({"SET", "m:1", "new"})) == kOk);
  server.AwaitHeldWrite();
  server.database.sink()->OnChange("m", {"1"}, 1);
  CHECK(client.Ask(Request({"DBSIZE"})) == ":1\r\n");
  // So does a time in which changes may have gone unheard.
  server.database.sink()->OnDeaf("connection lost");
  server.database.sink()->OnListening();
  server.AwaitDoubts();
  CHECK(client.Ask(Request({"DBSIZE"})) == ":1\r\n");
  server.database.ReleaseWrites();
  server.AwaitWrites({"1=new"});
  server.database.sink()->OnChange("m", {"1"}, 1);
  CHECK(client.Ask(Request({"DBSIZE"})) == ":0\r\n");
}

TEST_CASE("While the database is down writes wait, and are written when it is back", "[origin]") {
  BehindFixture server;
  server.database.SetStatus(absl::UnavailableError("connection refused"));
  const auto client = server.Connect();
  CHECK(client.Ask(Request({"SET", "m:1", "a", "EX", "1"})) == kOk);
  server.RunUntil([&] {
    server.clock.AdvanceMillis(20);
    return server.origin().breaker().open();
  });
  CHECK(client.Ask(Request({"SET", "m:2", "b"})) == kOk);
  CHECK(client.Ask(Request({"SET", "m:1", "c", "EX", "1"})) == kOk);
  server.PassSecond();
  // Known without it.
  server.Expect(client, Request({"GET", "m:1"}), Bulk("c"));
  CHECK(server.origin().behind().writes() == 3);
  CHECK(server.figures("m").Get(RuleFigures::kWriteRetries) >= 1);
  CHECK(server.figures("m").Get(RuleFigures::kWritesDropped) == 0);
  server.database.SetStatus(absl::OkStatus());
  server.RunUntil([&] {
    server.clock.AdvanceMillis(1000);
    return server.origin().behind().writes() == 0;
  });
  CHECK(server.database.writes() == Words{"1=c", "2=b"});
  CHECK_FALSE(server.origin().breaker().open());
}

TEST_CASE("What the database refuses for good is dropped, and the cache follows", "[origin]") {
  BehindFixture server;
  server.database.Put("2", "good");
  server.database.Refuse("2", absl::FailedPreconditionError("violates check constraint"));
  server.database.Refuse("5", absl::InvalidArgumentError("out of range"));
  server.database.HoldWrites();
  const auto client = server.Connect();
  CHECK(client.Ask(Request({"SET", "m:0", "first"})) == kOk);
  server.AwaitHeldWrite();
  Words expected = {"0=first"};
  for (int i = 1; i <= 6; ++i) {
    const std::string number = std::to_string(i);
    CHECK(client.Ask(Request({"SET", "m:" + number, "value"})) == kOk);
    if (i != 2 && i != 5) expected.push_back(number + "=value");
  }
  server.database.ReleaseWrites();
  server.AwaitWrites(expected);
  CHECK(server.figures("m").Get(RuleFigures::kWritesDropped) == 2);
  server.Expect(client, Request({"GET", "m:2"}), Bulk("good"));
  server.Expect(client, Request({"GET", "m:5"}), kNil);
  CHECK(client.Ask(Request({"GET", "m:6"})) == Bulk("value"));
}

TEST_CASE("What fails and may not the next time holds up its own key alone", "[origin]") {
  BehindFixture server;
  server.database.Refuse("1", absl::AbortedError("deadlock detected"));
  const auto client = server.Connect();
  for (const char* field : {"a", "b"}) {
    CHECK(client.Ask(Request({"HSET", "h:1", field, "1"})) == ":1\r\n");
  }
  for (const char* key : {"m:2", "m:3"}) CHECK(client.Ask(Request({"SET", key, "x"})) == kOk);
  server.RunUntil([&] { return server.database.writes().size() == 2; });
  CHECK(server.database.writes() == Words{"2=x", "3=x"});
  server.database.Refuse("1", absl::OkStatus());
  server.RunUntil([&] {
    server.clock.AdvanceMillis(100);
    return server.origin().behind().writes() == 0;
  });
  CHECK(server.database.writes() == Words{"2=x", "3=x", "1={\"a\":\"1\"}", "1={\"b\":\"1\"}"});
  CHECK(server.figures("h").Get(RuleFigures::kWritesDropped) == 0);
}

TEST_CASE("A statement that takes too long says nothing of the database", "[origin]") {
  BehindFixture server;
  server.config.origin_breaker_failures.set(1);
  server.AddRule(Behind("slow"));
  server.database.Refuse("1", absl::DeadlineExceededError("canceling statement"));
  server.database.HoldWrites();
  const auto client = server.Connect();
  CHECK(client.Ask(Request({"SET", "slow:1", "x"})) == kOk);
  Words expected;
  for (int i = 2; i <= 9; ++i) {
    const std::string number = std::to_string(i);
    CHECK(client.Ask(Request({"SET", "m:" + number, "x"})) == kOk);
    expected.push_back(number + "=x");
  }
  server.database.ReleaseWrites();
  // Without time passing: nobody has to wait for a breaker.
  server.RunUntil([&] { return server.origin().behind().writes() == 1; });
  CHECK(server.database.writes() == expected);
  CHECK_FALSE(server.origin().breaker().open());
  CHECK(Contains(client.Ask(Request({"INFO", "origin"})),
                 "\r\norigin_last_error:canceling statement\r\n"));
  server.database.Refuse("1", absl::OkStatus());
  server.clock.AdvanceMillis(100);
  server.RunUntil([&] { return server.origin().behind().writes() == 0; });
  expected.push_back("1=x");
  CHECK(server.database.writes() == expected);
}

TEST_CASE("What fails again and again for no reason that is known is dropped in the end",
          "[origin]") {
  BehindFixture server;
  server.database.Refuse("1", absl::UnknownError("raised by a trigger"));
  const auto client = server.Connect();
  CHECK(client.Ask(Request({"SET", "m:1", "x"})) == kOk);
  server.RunUntil([&] {
    server.clock.AdvanceMillis(1000);
    return server.origin().behind().writes() == 0;
  });
  CHECK(server.database.writes().empty());
  CHECK(server.database.transactions() == 12);
  CHECK(server.figures("m").Get(RuleFigures::kWritesDropped) == 1);
}

TEST_CASE("A full journal refuses writes, which then are not done here either", "[origin]") {
  BehindFixture server;
  server.config.origin_journal_rows_max.set(3);
  server.database.SetStatus(absl::UnavailableError("connection refused"));
  const auto client = server.Connect();
  for (const char* key : {"m:1", "m:2", "m:3"}) {
    CHECK(client.Ask(Request({"SET", key, "x"})) == kOk);
  }
  CHECK(client.Ask(Request({"SET", "m:1", "y"})).starts_with("-ORIGINBUSY the journal of writes"));
  CHECK(client.Ask(Request({"SET", "m:4", "y"})).starts_with("-ORIGINBUSY"));
  CHECK(client.Ask(Request({"GET", "m:1"})) == Bulk("x"));
  CHECK(client.Ask(Request({"DBSIZE"})) == ":3\r\n");
  CHECK(client.Ask(Request({"SET", "other", "x"})) == kOk);
  server.database.SetStatus(absl::OkStatus());
  server.RunUntil([&] {
    server.clock.AdvanceMillis(1000);
    return server.origin().behind().writes() == 0;
  });
  CHECK(client.Ask(Request({"SET", "m:4", "y"})) == kOk);
  server.RunUntil([&] { return server.database.writes().size() == 4; });
}

TEST_CASE("What waits when the server ends is written by the next one", "[origin]") {
  BehindFixture server;
  server.database.Put("1", "old");
  server.database.SetStatus(absl::UnavailableError("connection refused"));
  {
    const auto client = server.Connect();
    CHECK(client.Ask(Request({"SET", "m:1", "a"})) == kOk);
    CHECK(client.Ask(Request({"SET", "m:1", "new"})) == kOk);
    CHECK(client.Ask(Request({"HSET", "h:2", "a", "1"})) == ":1\r\n");
  }
  server.Restart();
  CHECK(server.origin().behind().writes() == 3);
  const auto client = server.Connect();
  server.Expect(client, Request({"GET", "m:1"}), Bulk("new"));
  server.database.SetStatus(absl::OkStatus());
  server.RunUntil([&] {
    server.clock.AdvanceMillis(1000);
    return server.origin().behind().writes() == 0;
  });
  CHECK(server.database.writes() == Words{"1=new", "2={\"a\":\"1\"}"});
}

TEST_CASE("Draining writes what it can, and ends when the database is down", "[origin]") {
  BehindFixture server;
  server.database.HoldWrites();
  const auto client = server.Connect();
  CHECK(client.Ask(Request({"SET", "m:1", "a"})) == kOk);
  server.AwaitHeldWrite();
  CHECK(client.Ask(Request({"SET", "m:2", "b"})) == kOk);
  server.database.ReleaseWrites();
  server.origin().Drain(60'000);
  CHECK(server.database.writes() == Words{"1=a", "2=b"});
  server.database.SetStatus(absl::UnavailableError("connection refused"));
  CHECK(client.Ask(Request({"SET", "m:3", "c"})) == kOk);
  server.origin().Drain(60'000);
  CHECK(server.origin().behind().writes() == 1);
}

TEST_CASE("ORIGIN PAUSE, DEL and DISCARD and what waits", "[origin]") {
  BehindFixture server;
  const auto client = server.Connect();
  CHECK(client.Ask(Request({"ORIGIN", "PAUSE"})) == kOk);
  CHECK(client.Ask(Request({"SET", "m:1", "a"})) == kOk);
  CHECK(client.Ask(Request({"HSET", "h:1", "a", "1"})) == ":1\r\n");
  server.Expect(client, Request({"ORIGIN", "DEL", "m"}), ":1\r\n");
  CHECK(client.Ask(Request({"ORIGIN", "RESUME"})) == kOk);
  server.RunUntil([&] { return server.origin().behind().writes() == 1; });
  CHECK(server.database.writes() == Words{"1={\"a\":\"1\"}"});
  CHECK(client.Ask(Request({"ORIGIN", "DISCARD", "h"})) == ":0\r\n");
  CHECK(client.Ask(Request({"ORIGIN", "DISCARD", "m"})) == ":1\r\n");
  CHECK(server.origin().behind().writes() == 0);
  CHECK(server.database.writes().size() == 1);
}

TEST_CASE("A rule that turns to writing through waits for what it wrote behind", "[origin]") {
  BehindFixture server;
  const auto client = server.Connect();
  CHECK(client.Ask(Request({"ORIGIN", "PAUSE"})) == kOk);
  CHECK(client.Ask(Request({"SET", "m:1", "a"})) == kOk);
  server.Expect(client,
                Request({"ORIGIN", "SET", "m", "m:{id:text}", "write", "through", "upsert",
                         "INSERT INTO t VALUES ($1, $2)", "delete", "DELETE FROM t WHERE id = $1",
                         "query", "SELECT v FROM t WHERE id = $1"}),
                kOk);
  CHECK(
      client.Ask(Request({"SET", "m:1", "b"})).starts_with("-ORIGINERR earlier writes of the key"));
  CHECK(client.Ask(Request({"ORIGIN", "RESUME"})) == kOk);
  server.RunUntil([&] { return server.origin().behind().writes() == 0; });
  server.Expect(client, Request({"SET", "m:1", "b"}), kOk);
  CHECK(server.database.writes() == Words{"1=a", "1=b"});
}

TEST_CASE("Figures of writes behind", "[origin]") {
  BehindFixture server;
  server.database.HoldWrites();
  const auto client = server.Connect();
  CHECK(client.Ask(Request({"SET", "m:1", "a"})) == kOk);
  server.AwaitHeldWrite();
  server.clock.AdvanceMillis(250);
  CHECK(client.Ask(Request({"SET", "m:2", "b"})) == kOk);
  const std::string stats = client.Ask(Request({"ORIGIN", "STATS", "m"}));
  CHECK(Contains(stats, Bulk("writes_pending") + ":2\r\n"));
  CHECK(Contains(stats, Bulk("writes_oldest_ms") + ":250\r\n"));
  const std::string before = client.Ask(Request({"INFO", "origin"}));
  CHECK(Contains(before, "\r\norigin_writes_pending:2\r\n"));
  CHECK(Contains(before, "\r\norigin_writes_oldest_ms:250\r\n"));
  CHECK(Contains(before, "\r\norigin_writes_written:0\r\n"));
  CHECK(Contains(before, "\r\norigin_journal_error:\r\n"));
  server.database.ReleaseWrites();
  server.RunUntil([&] { return server.origin().behind().writes() == 0; });
  const std::string after = client.Ask(Request({"INFO", "origin"}));
  CHECK(Contains(after, "\r\norigin_writes_pending:0\r\n"));
  CHECK(Contains(after, "\r\norigin_writes_pending_bytes:0\r\n"));
  CHECK(Contains(after, "\r\norigin_writes_written:2\r\n"));
  CHECK(Contains(after, ",writes=2,"));
  CHECK(Contains(client.Ask(Request({"ORIGIN", "STATS", "m"})), Bulk("write_batches") + ":2\r\n"));
}

TEST_CASE("Writers of one key on several workers: the cache and the database agree", "[origin]") {
  BehindFixture server(4);
  std::vector<Server::Local::Connection> clients;
  for (size_t i = 0; i < 4; ++i) clients.push_back(server.Connect(i));
  for (int round = 0; round < 50; ++round) {
    for (size_t i = 0; i < clients.size(); ++i) {
      const std::string value = std::to_string(round) + "-" + std::to_string(i);
      clients[i].Send(Request({"SET", "m:1", value}) +
                      Request({"MSET", "m:1", value, "m:2", value}));
    }
    server.local().RunUntilIdle();
  }
  server.RunUntil([&] { return server.origin().behind().writes() == 0; });
  std::string last[2];
  for (const std::string& write : server.database.writes()) {
    last[write[0] - '1'] = write.substr(2);
  }
  for (auto& client : clients) client.Receive();
  CHECK(clients[0].Ask(Request({"GET", "m:1"})) == Bulk(last[0]));
  CHECK(clients[0].Ask(Request({"GET", "m:2"})) == Bulk(last[1]));
}

}  // namespace alai
