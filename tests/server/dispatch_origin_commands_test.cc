// ORIGIN, INFO origin, and writes that are passed on.
#include <string>
#include <vector>

#include "tests/catch.h"
#include "tests/server/origin_fixture.h"

namespace alai {
namespace {

const std::string kNil = "$-1\r\n";
const std::string kOk = "+OK\r\n";

std::vector<std::string> Rule(const std::string& name, std::vector<std::string> options = {}) {
  std::vector<std::string> words = {name, name + ":{id:text}"};
  words.insert(words.end(), options.begin(), options.end());
  words.insert(words.end(), {"query", "SELECT v FROM t WHERE id = $1"});
  return words;
}

std::vector<std::string> Through(const std::string& name, std::vector<std::string> options = {}) {
  options.insert(options.end(), {"write", "through", "upsert", "INSERT INTO t VALUES ($1, $2)",
                                 "delete", "DELETE FROM t WHERE id = $1"});
  return Rule(name, options);
}

bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("ORIGIN SET, GET, LIST and DEL", "[origin]") {
  OriginFixture server;
  server.database.Put("1", "one");
  const auto client = server.Connect();
  CHECK(client.Ask(Request({"ORIGIN", "LIST"})) == "*0\r\n");
  server.Expect(client,
                Request({"ORIGIN", "SET", "m", "m:{id:text}", "ttl", "60", "query",
                         "SELECT v FROM t WHERE id = $1"}),
                kOk);
  server.Expect(client, Request({"GET", "m:1"}), Bulk("one"));
  CHECK(client.Ask(Request({"ORIGIN", "LIST"})) == "*1\r\n" + Bulk("m"));
  const std::string shown = client.Ask(Request({"ORIGIN", "GET", "m"}));
  CHECK(Contains(shown, Bulk("ttl") + Bulk("60")));
  CHECK(Contains(shown, Bulk("pattern") + Bulk("m:{id:text}")));
  CHECK(client.Ask(Request({"ORIGIN", "GET", "x"})) == kNil);
  CHECK(client.Ask(Request({"ORIGIN", "SET", "m", "m:{id:text}", "ttl", "x", "query", "SELECT 1"}))
            .starts_with("-ERR origin-rule option 'ttl'"));
  server.Expect(client, Request({"ORIGIN", "DEL", "m"}), ":1\r\n");
  CHECK(client.Ask(Request({"ORIGIN", "DEL", "m"})) == ":0\r\n");
  CHECK(client.Ask(Request({"GET", "m:2"})) == kNil);
}

TEST_CASE("What a rule has loaded goes with it", "[origin]") {
  OriginFixture server;
  server.AddRule(Rule("m", {"on-change", "none"}));
  server.AddRule(Rule("n"));
  server.AddRule({"other", "m:{id:text}", "db", "1", "query", "SELECT v FROM t WHERE id = $1"});
  server.database.Put("1", "one");
  const auto client = server.Connect();
  server.Expect(client, Request({"MGET", "m:1", "n:1"}), "*2\r\n" + Bulk("one") + Bulk("one"));
  server.Expect(client, Request({"SET", "m:2", "mine"}), kOk);
  server.Expect(client, Request({"SELECT", "1"}), kOk);
  server.Expect(client, Request({"GET", "m:1"}), Bulk("one"));
  server.Expect(client, Request({"ORIGIN", "DEL", "m"}), ":1\r\n");
  server.database.Put("1", "uno");
  CHECK(client.Ask(Request({"GET", "m:1"})) == Bulk("one"));
  server.Expect(client, Request({"SELECT", "0"}), kOk);
  CHECK(client.Ask(Request({"MGET", "m:1", "m:2", "n:1"})) ==
        "*3\r\n" + kNil + Bulk("mine") + Bulk("one"));
}

TEST_CASE("A rule that loads otherwise than before does so at once", "[origin]") {
  OriginFixture server;
  server.AddRule(Rule("m", {"negative-ttl", "3600"}));
  server.database.Put("1", "one");
  const auto client = server.Connect();
  server.Expect(client, Request({"MGET", "m:1", "m:2"}), "*2\r\n" + Bulk("one") + kNil);
  server.database.Put("1", "uno");
  server.database.Put("2", "due");
  const auto set = [&](const std::vector<std::string>& options) {
    std::vector<std::string> words = {"ORIGIN", "SET", "m", "m:{id:text}"};
    words.insert(words.end(), options.begin(), options.end());
    server.Expect(client, EncodeRequest(words), kOk);
  };
  SECTION("How long values live does not matter to those that are there") {
    set({"negative-ttl", "3600", "ttl", "60", "query", "SELECT v FROM t WHERE id = $1"});
    CHECK(client.Ask(Request({"MGET", "m:1", "m:2"})) == "*2\r\n" + Bulk("one") + kNil);
  }
  SECTION("Another query") {
    set({"query", "SELECT w FROM t WHERE id = $1"});
    server.Expect(client, Request({"MGET", "m:1", "m:2"}), "*2\r\n" + Bulk("uno") + Bulk("due"));
  }
  SECTION("Another type") {
    set({"type", "list", "query", "SELECT v FROM t WHERE id = $1"});
    server.Expect(client, Request({"LRANGE", "m:1", "0", "-1"}), "*1\r\n" + Bulk("uno"));
  }
  SECTION("A longer prefix of another rule") {
    server.database.Put("12", "twelve");
    server.Expect(client, Request({"GET", "m:12"}), Bulk("twelve"));
    server.Expect(client, Request({"ORIGIN", "SET", "n", "m:1{id:text}", "query", "SELECT $1"}),
                  kOk);
    server.Expect(client, Request({"GET", "m:12"}), Bulk("due"));
  }
}

TEST_CASE("CONFIG SET origin-rule puts rules in the place of others", "[origin]") {
  OriginFixture server;
  server.AddRule(Rule("m"));
  server.AddRule(Rule("n"));
  server.database.Put("1", "one");
  const auto client = server.Connect();
  server.Expect(client, Request({"MGET", "m:1", "n:1"}), "*2\r\n" + Bulk("one") + Bulk("one"));
  server.database.Put("1", "uno");
  const std::string rules =
      "n \"n:{id:text}\" query \"SELECT v FROM t WHERE id = $1\"\n"
      "o \"o:{id:text}\" query \"SELECT $1\"";
  server.Expect(client, Request({"CONFIG", "SET", "origin-rule", rules, "timeout", "9"}), kOk);
  CHECK(client.Ask(Request({"ORIGIN", "LIST"})) == "*2\r\n" + Bulk("n") + Bulk("o"));
  CHECK(client.Ask(Request({"CONFIG", "GET", "origin-rule"})) ==
        "*2\r\n" + Bulk("origin-rule") + Bulk(rules));
  server.Expect(client, Request({"MGET", "m:1", "n:1", "o:1"}),
                "*3\r\n" + kNil + Bulk("one") + Bulk("uno"));
  CHECK(client.Ask(Request({"CONFIG", "SET", "timeout", "7", "origin-rule", rules + "\nx"}))
            .starts_with("-ERR CONFIG SET failed (possibly related to argument 'origin-rule') - "
                         "rule 3: "));
  CHECK(client.Ask(Request({"CONFIG", "GET", "timeout"})) ==
        "*2\r\n" + Bulk("timeout") + Bulk("9"));
  CHECK(client.Ask(Request({"ORIGIN", "LIST"})) == "*2\r\n" + Bulk("n") + Bulk("o"));
}

TEST_CASE("A rule is about a database that there is", "[origin]") {
  OriginFixture server;
  const auto client = server.Connect();
  const auto set = [&](const std::string& db) {
    return Request({"ORIGIN", "SET", "m", "m:{id:text}", "db", db, "query", "SELECT $1"});
  };
  const std::string error =
      "origin rule 'm' is about database 16, the last one is 15 (see databases)\r\n";
  CHECK(client.Ask(set("16")) == "-ERR " + error);
  CHECK(client.Ask(set("1000000000")).starts_with("-ERR origin rule 'm' is about database"));
  CHECK(client.Ask(Request(
            {"CONFIG", "SET", "origin-rule", "m \"m:{id:text}\" db 16 query \"SELECT $1\""})) ==
        "-ERR CONFIG SET failed (possibly related to argument 'origin-rule') - " + error);
  CHECK(client.Ask(Request({"ORIGIN", "LIST"})) == "*0\r\n");
  server.Expect(client, set("15"), kOk);
  server.database.Put("1", "one");
  server.Expect(client, Request({"ORIGIN", "WARM", "m", "SELECT id FROM t"}), kOk);
  server.RunUntil([&] { return server.figures("m").Get(origin::RuleFigures::kFilled) == 1; });
}

TEST_CASE("A load by a rule of the past does not put its value in place", "[origin]") {
  OriginFixture server;
  server.AddRule(Rule("m"));
  server.database.Put("1", "old");
  server.database.Hold();
  const auto client = server.Connect();
  const auto other = server.Connect();
  server.SendAndQuery(client, Request({"GET", "m:1"}));
  server.database.Put("1", "new");
  server.Expect(
      other,
      Request({"ORIGIN", "SET", "m", "m:{id:text}", "query", "SELECT w FROM t WHERE id = $1"}),
      kOk);
  server.database.Release();
  CHECK(server.Await(client, 9) == Bulk("new"));
}

TEST_CASE("A rule that the database refuses is not set", "[origin]") {
  OriginFixture server;
  server.database.SetStatus(absl::InvalidArgumentError("syntax error\nLINE 1: SELEC"));
  const auto client = server.Connect();
  const auto set = Request({"ORIGIN", "SET", "m", "m:{id:text}", "query", "SELECT v WHERE $1"});
  server.Expect(client, set, "-ERR syntax error LINE 1: SELEC\r\n");
  CHECK(client.Ask(Request({"ORIGIN", "LIST"})) == "*0\r\n");
  server.database.SetStatus(absl::UnavailableError("connection refused"));
  server.Expect(client, set, kOk);
}

TEST_CASE("What was wrong with a rule is shown until it has been put right", "[origin]") {
  OriginFixture server;
  server.AddRule(Rule("m"));
  server.database.Put("1", "one");
  server.database.SetStatus(absl::InvalidArgumentError("no such table"));
  const auto client = server.Connect();
  const auto trouble = [&](const std::string& text) {
    const std::string shown = client.Ask(Request({"ORIGIN", "GET", "m"}));
    return shown.ends_with(Bulk("trouble") + Bulk(text));
  };
  server.RunUntil([&] { return trouble("no such table"); });
  server.database.SetStatus(absl::OkStatus());
  server.clock.AdvanceMillis(1001);
  server.Expect(client, Request({"GET", "m:1"}), Bulk("one"));
  server.RunUntil([&] { return trouble(""); });
}

TEST_CASE("ORIGIN LOAD and RELOAD", "[origin]") {
  OriginFixture server;
  server.AddRule(Rule("m"));
  server.database.Put("1", "one");
  const auto client = server.Connect();
  const auto counts = [](int loaded, int absent, int failed) {
    return "*6\r\n" + Bulk("loaded") + ":" + std::to_string(loaded) + "\r\n" + Bulk("absent") +
           ":" + std::to_string(absent) + "\r\n" + Bulk("failed") + ":" + std::to_string(failed) +
           "\r\n";
  };
  server.Expect(client, Request({"ORIGIN", "LOAD", "m:1", "m:2"}), counts(1, 1, 0));
  server.Expect(client, Request({"ORIGIN", "LOAD", "m:1"}), counts(0, 0, 0));
  const int queries = server.database.queries();
  server.database.Put("1", "uno");
  server.Expect(client, Request({"ORIGIN", "RELOAD", "m:1"}), counts(1, 0, 0));
  CHECK(server.database.queries() == queries + 1);
  server.Expect(client, Request({"GET", "m:1"}), Bulk("uno"));
  CHECK(client.Ask(Request({"ORIGIN", "LOAD", "other"})).starts_with("-ERR no rule"));
}

TEST_CASE("ORIGIN PAUSE and RESUME", "[origin]") {
  OriginFixture server;
  server.AddRule(Rule("m"));
  server.database.Put("1", "one");
  const auto client = server.Connect();
  CHECK(client.Ask(Request({"ORIGIN", "PAUSE"})) == kOk);
  CHECK(client.Ask(Request({"GET", "m:1"})) == kNil);
  CHECK(client.Ask(Request({"ORIGIN", "RESUME"})) == kOk);
  server.Expect(client, Request({"GET", "m:1"}), Bulk("one"));
}

TEST_CASE("ORIGIN WARM loads what a query names, and INFO shows it", "[origin]") {
  OriginFixture server;
  server.AddRule(Rule("m"));
  for (int i = 0; i < 100; ++i) server.database.Put(std::to_string(i), "value");
  const auto client = server.Connect();
  server.Expect(client, Request({"GET", "m:7"}), Bulk("value"));
  CHECK(
      client.Ask(Request({"ORIGIN", "WARM", "x", "SELECT id FROM t"})).starts_with("-ERR no such"));
  CHECK(client.Ask(Request({"ORIGIN", "WARM", "m", "SELECT id FROM t"})) == kOk);
  server.RunUntil([&] {
    return !server.origin().warming().progress().running && server.origin().keys_under_way() == 0;
  });
  CHECK(client.Ask(Request({"DBSIZE"})) == ":100\r\n");
  const std::string info = client.Ask(Request({"INFO", "origin"}));
  CHECK(Contains(info, "origin_warming_listed:100\r\n"));
  CHECK(Contains(info, "origin_warming_asked:99\r\n"));
  CHECK(Contains(info, "origin_warming_present:1\r\n"));
  CHECK(Contains(info, "rule_m:hits=0,misses=1,"));
  CHECK(client.Ask(Request({"ORIGIN", "CANCEL"})) == ":0\r\n");
  CHECK(client.Ask(Request({"ORIGIN", "WARM", "m", "SELECT id FROM t", "LIMIT", "5"})) == kOk);
  server.RunUntil([&] { return !server.origin().warming().progress().running; });
  CHECK(server.origin().warming().progress().listed == 5);
}

TEST_CASE("A server without an origin shows none", "[origin]") {
  LocalFixture server;
  const auto client = server.Connect();
  CHECK(!Contains(client.Ask(Request({"INFO", "everything"})), "# Origin"));
  CHECK(client.Ask(Request({"ORIGIN", "LIST"})) == "*0\r\n");
  CHECK(client.Ask(Request({"ORIGIN", "LOAD", "k"})).starts_with("-ERR there is no origin"));
}

TEST_CASE("ORIGIN TRIGGER, INSTALL and UNINSTALL", "[origin]") {
  OriginFixture server;
  server.AddRule(Rule("m"));
  const auto client = server.Connect();
  CHECK(Contains(client.Ask(Request({"ORIGIN", "TRIGGER", "m"})), "CREATE"));
  server.Expect(client, Request({"ORIGIN", "INSTALL", "m"}), kOk);
  server.Expect(client, Request({"ORIGIN", "UNINSTALL", "m"}), kOk);
  CHECK(client.Ask(Request({"ORIGIN", "UNINSTALL", "x"})).starts_with("-ERR no such rule"));
  server.database.SetStatus(absl::PermissionDeniedError("must be owner of table t"));
  server.Expect(client, Request({"ORIGIN", "INSTALL", "m"}), "-ERR must be owner of table t\r\n");
  server.Expect(client, Request({"ORIGIN", "UNINSTALL", "m"}), "-ERR must be owner of table t\r\n");
}

TEST_CASE("Writes of a rule that passes them on go to the database first", "[origin]") {
  OriginFixture server;
  server.AddRule(Through("m"));
  server.AddRule(Through("h", {"type", "hash"}));
  const auto client = server.Connect();
  server.Expect(client, Request({"SET", "m:1", "one", "EX", "10"}), kOk);
  server.Expect(client, Request({"GET", "m:1"}), Bulk("one"));
  server.Expect(client, Request({"MSET", "m:2", "two", "m:3", "three"}), kOk);
  server.Expect(client, Request({"HSET", "h:1", "a", "x\"y", "b", "2"}), ":2\r\n");
  server.Expect(client, Request({"DEL", "m:1", "m:2"}), ":2\r\n");
  server.Expect(client, Request({"GETDEL", "m:3"}), Bulk("three"));
  server.Expect(client, Request({"SET", "other", "1"}), kOk);
  CHECK(server.database.writes() == std::vector<std::string>{"1=one", "2=two", "3=three",
                                                             "1={\"a\":\"x\\\"y\",\"b\":\"2\"}",
                                                             "-1", "-2", "-3"});
  CHECK(server.database.queries() == 0);
}

TEST_CASE("A write that the database refuses is not done", "[origin]") {
  OriginFixture server;
  server.AddRule(Through("m"));
  const auto client = server.Connect();
  server.Expect(client, Request({"SET", "m:1", "one"}), kOk);
  server.database.SetStatus(absl::InvalidArgumentError("violates check constraint"));
  server.Expect(client, Request({"SET", "m:1", "bad"}), "-ORIGINERR violates check constraint\r\n");
  server.Expect(client, Request({"DEL", "m:1"}), "-ORIGINERR violates check constraint\r\n");
  server.Expect(client, Request({"GET", "m:1"}), Bulk("one"));
}

TEST_CASE("A write that takes too long is refused in time", "[origin]") {
  OriginFixture server;
  server.AddRule(Through("m", {"timeout-ms", "1000"}));
  const auto client = server.Connect();
  server.Expect(client, Request({"SET", "m:1", "one"}), kOk);
  server.database.HoldWrites();
  SECTION("Its statement is ended") {
    client.Send(Request({"SET", "m:1", "two"}));
    server.RunUntil([&] { return server.database.writers_waiting() == 1; });
    server.clock.AdvanceMillis(1'051);
    const std::string reply = "-ORIGINERR interrupted\r\n";
    CHECK(server.Await(client, reply.size()) == reply);
    server.Expect(client, Request({"GET", "m:1"}), Bulk("one"));
  }
  SECTION("Who waits is told, even when it does not end") {
    server.database.BeStubborn();
    client.Send(Request({"SET", "m:1", "two"}));
    server.RunUntil([&] { return server.database.writers_waiting() == 1; });
    server.clock.AdvanceMillis(1'101);
    const std::string reply = "-ORIGINERR the origin takes too long\r\n";
    CHECK(server.Await(client, reply.size()) == reply);
    server.database.ReleaseWrites();
    // The database has taken it after all.
    server.RunUntil([&] { return client.Ask(Request({"GET", "m:1"})) == Bulk("two"); });
  }
  SECTION("One that was not sent in time is not sent any more") {
    server.database.BeStubborn();
    std::vector<Server::Local::Connection> others;
    for (const char* key : {"m:3", "m:4"}) {
      others.push_back(server.Connect());
      others.back().Send(Request({"SET", key, "x"}));
    }
    server.RunUntil([&] { return server.database.writers_waiting() == 2; });
    client.Send(Request({"SET", "m:1", "two"}));
    server.RunUntil([&] { return true; });
    server.clock.AdvanceMillis(1'101);
    const std::string reply = "-ORIGINERR the origin takes too long\r\n";
    CHECK(server.Await(client, reply.size()) == reply);
    server.database.ReleaseWrites();
    server.Expect(client, Request({"SET", "m:5", "x"}), kOk);
    for (const std::string& write : server.database.writes()) CHECK(write != "1=two");
  }
  server.database.ReleaseWrites();
}

TEST_CASE("What cannot be passed on is refused", "[origin]") {
  OriginFixture server;
  server.AddRule(Through("m"));
  server.AddRule(Through("n"));
  const auto client = server.Connect();
  for (const std::string& request :
       {Request({"APPEND", "m:1", "x"}), Request({"INCR", "m:1"}),
        Request({"SET", "m:1", "x", "NX"}), Request({"HSET", "m:1", "a", "b"}),
        Request({"MSET", "m:1", "a", "n:1", "b"}), Request({"MSET", "m:1", "a", "x", "b"}),
        Request({"RENAME", "x", "m:1"}), Request({"RPUSH", "m:1", "x"})}) {
    INFO(request);
    CHECK(client.Ask(request).starts_with("-ORIGINERR"));
  }
  CHECK(server.database.writes().empty());
  CHECK(client.Ask(Request({"EXPIRE", "m:1", "10"})) == ":0\r\n");
  CHECK(client.Ask(Request({"APPEND", "x", "x"})) == ":1\r\n");
}

TEST_CASE("Writes in a pipeline keep their order while one is passed on", "[origin]") {
  OriginFixture server;
  server.AddRule(Through("m"));
  const auto client = server.Connect();
  server.Expect(client,
                Request({"SET", "m:1", "a"}) + Request({"GET", "m:1"}) +
                    Request({"SET", "m:1", "b"}) + Request({"GET", "m:1"}),
                kOk + Bulk("a") + kOk + Bulk("b"));
}

}  // namespace alai
