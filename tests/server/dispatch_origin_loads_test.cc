// How the loaders go about it: what goes in one query, whose turn it is, and from which database.
#include <algorithm>
#include <string>
#include <vector>

#include "engine/base/hash.h"
#include "engine/store.h"
#include "tests/catch.h"
#include "tests/server/origin_fixture.h"

namespace alai {
namespace {

using Rows = origin::FakeDatabase::Rows;

const std::string kNil = "$-1\r\n";

}  // namespace

// A batch is gathered for a second; a busy machine may need several attempts.
TEST_CASE("A rule that gathers a batch does not keep the others from loading", "[origin]") {
  const int connections = GENERATE(1, 2);
  bool before = false;
  for (int attempt = 0; attempt < 5 && !before; ++attempt) {
    OriginFixture server;
    server.config.origin_connections.set(connections);
    server.AddRule({"slow", "s:{id:int}", "batch-window-us", "1000000", "timeout-ms", "60000",
                    "query", "SELECT v FROM s WHERE id = $1"});
    server.AddRule(MemoryRule());
    for (const char* id : {"1", "2", "3", "4"}) server.database.Put(id, "value");
    const auto patient = server.Connect();
    const auto client = server.Connect();
    patient.Send(Request({"GET", "s:1"}));
    for (const char* key : {"m:2", "m:3", "m:4"}) {
      server.Expect(client, Request({"GET", key}), Bulk("value"));
    }
    before = patient.Receive().empty();
  }
  CHECK(before);
}

TEST_CASE("A miss waits longer while others are loaded, but not until its time is over",
          "[origin]") {
  origin::Rule rule;
  rule.batch_window_us = 500;
  rule.timeout_ms = 1000;
  CHECK(origin::Origin::WindowMicros(rule, 0) == 500);
  CHECK(origin::Origin::WindowMicros(rule, 2) == 1500);
  CHECK(origin::Origin::WindowMicros(rule, 9) == 2000);
  rule.batch_window_us = 200'000;
  CHECK(origin::Origin::WindowMicros(rule, 9) == 250'000);
  rule.batch_window_us = 600'000;
  CHECK(origin::Origin::WindowMicros(rule, 9) == 600'000);
  rule.batch_window_us = 0;
  CHECK(origin::Origin::WindowMicros(rule, 9) == 0);
}

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

TEST_CASE(
    "A key that was missed just before it landed, and asked for after that, is not loaded again",
    "[origin]") {
  OriginFixture server;
  server.AddRule(MemoryRule({}));
  server.database.Put("1", "one");
  const auto client = server.Connect();
  server.Expect(client, Request({"GET", "m:1"}), Bulk("one"));
  const int queries = server.database.queries();
  CHECK(server.origin().Load(0, "m:1", false, nullptr));
  server.RunUntil([&] { return server.origin().keys_under_way() == 0; });
  CHECK(server.database.queries() == queries);
}

TEST_CASE("A query that has waited for others for most of its time does not open the breaker",
          "[origin]") {
  OriginFixture server;
  server.config.origin_connections.set(1);
  server.config.origin_breaker_failures.set(1);
  server.AddRule(MemoryRule({"batch-window-us", "0"}));
  server.database.SetFault("2", absl::DeadlineExceededError("statement timeout"));
  server.database.Hold();
  const auto first = server.Connect();
  const auto client = server.Connect();
  server.SendAndQuery(first, Request({"GET", "m:1"}));
  client.Send(Request({"GET", "m:2"}));
  server.RunUntil([&] { return server.origin().keys_under_way() == 2; });
  server.clock.AdvanceMillis(900);
  server.database.Release();
  CHECK(server.Await(client, kNil.size()) == kNil);
  CHECK(!server.origin().breaker().open());
  server.Expect(client, Request({"GET", "m:2"}), kNil);
  CHECK(server.origin().breaker().open());
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

TEST_CASE("What changes while it is loaded comes, whatever becomes of the other keys", "[origin]") {
  const bool by_client = GENERATE(true, false);
  OriginFixture server;
  server.AddRule(MemoryRule());
  server.AddRule(
      {"other", "o:{id:text}", "negative-ttl", "30", "query", "SELECT v FROM o WHERE id = $1"});
  server.database.Put("5", "old");
  server.database.SetFault("3", absl::InvalidArgumentError("no"));
  const auto client = server.Connect();
  const auto writer = server.Connect();
  server.Expect(client, Request({"GET", "o:8"}), kNil);
  server.database.Hold();
  const auto change = [&] {
    server.database.Put("5", "new");
    if (by_client) {
      CHECK(writer.Ask(Request({"DEL", "m:5"})) == ":0\r\n");
    } else {
      server.database.sink()->OnChange("memory", {"5"}, 3);
    }
    server.database.Release();
  };
  SECTION("MGET") {
    server.SendAndQuery(client, Request({"MGET", "m:5", "m:9", "o:8"}));
    change();
    const std::string reply = "*3\r\n" + Bulk("new") + kNil + kNil;
    CHECK(server.Await(client, reply.size()) == reply);
    // What is not there is not asked for again.
    CHECK(server.database.keys_asked() == 4);
    CHECK(server.figures("other").Get(origin::RuleFigures::kNegativeHits) == 1);
  }
  SECTION("EXISTS, beside a key that fails") {
    server.SendAndQuery(client, Request({"EXISTS", "m:3", "m:5"}));
    change();
    CHECK(server.Await(client, 4) == ":1\r\n");
  }
}

TEST_CASE("What changes faster than it can be loaded is not taken for missing", "[origin]") {
  OriginFixture server;
  server.AddRule(MemoryRule({"on-error", "error"}));
  server.AddRule(
      {"mild", "n:{id:int}", "negative-ttl", "30", "query", "SELECT v FROM n WHERE id = $1"});
  server.database.Put("1", "one");
  server.database.Put("2", "two");
  const auto client = server.Connect();
  server.Expect(client, Request({"PING"}), "+PONG\r\n");
  server.database.SetMeanwhile([&] {
    server.database.sink()->OnChange("memory", {"1"}, 3);
    server.database.sink()->OnChange("mild", {"1"}, 3);
  });
  const std::string why = "the key changes or is evicted faster than it can be loaded";
  server.Expect(client, Request({"MGET", "m:2", "m:1", "m:9"}), "-ORIGINERR " + why + "\r\n");
  CHECK(server.database.queries() == 4);
  CHECK(server.figures("memory").Get(origin::RuleFigures::kErrors) == 1);
  CHECK(server.origin().last_error() == why);
  server.Expect(client, Request({"GET", "n:1"}), kNil);
  CHECK(server.figures("mild").Get(origin::RuleFigures::kErrors) == 1);
  server.database.SetMeanwhile(nullptr);
  server.Expect(client, Request({"MGET", "m:1", "n:1"}), "*2\r\n" + Bulk("one") + Bulk("one"));
}

TEST_CASE("Values of one time do not all end at one time, and are loaded anew by their own lives",
          "[origin]") {
  constexpr int kKeys = 200;
  OriginFixture server;
  server.AddRule(MemoryRule({"ttl", "3600", "ttl-jitter", "0.9", "refresh-ahead", "0.1"}));
  std::vector<std::string> all = {"MGET"};
  for (int i = 0; i < kKeys; ++i) {
    server.database.Put(std::to_string(i), "v");
    all.push_back("m:" + std::to_string(i));
  }
  std::string values = "*" + std::to_string(kKeys) + "\r\n";
  for (int i = 0; i < kKeys; ++i) values += Bulk("v");
  const auto client = server.Connect();
  server.Expect(client, EncodeRequest(all), values);
  std::vector<int64_t> lives;
  for (int i = 0; i < kKeys; ++i) {
    const std::string ttl = client.Ask(Request({"PTTL", "m:" + std::to_string(i)}));
    lives.push_back(std::stoll(ttl.substr(1)));
  }
  std::sort(lives.begin(), lives.end());
  CHECK(lives.front() >= 360'000);
  CHECK(lives.back() <= 3'600'000);
  CHECK(lives[kKeys * 9 / 10] - lives[kKeys / 10] > 1'500'000);
  const auto refreshes = [&] {
    server.Expect(client, EncodeRequest(all), values);
    server.RunUntil([&] { return server.origin().keys_under_way() == 0; });
    return server.figures("memory").Get(origin::RuleFigures::kRefreshes);
  };
  for (int i = 0; i < 10; ++i) CHECK(refreshes() == 0);
  server.clock.AdvanceMillis(35'000);
  CHECK(refreshes() == 0);
  server.clock.AdvanceMillis(lives[kKeys / 2] / 10 - 35'000 + 1);
  CHECK(refreshes() >= kKeys / 2);
  CHECK(refreshes() < kKeys * 3 / 4);
}

TEST_CASE("Values of a second are loaded anew late in that second", "[origin]") {
  OriginFixture server;
  server.AddRule(MemoryRule({"ttl", "3600", "refresh-ahead", "0.8"}));
  server.database.Put("1", "one");
  const auto client = server.Connect();
  server.database.sink()->OnDeaf("no way there");
  server.AwaitDoubts();
  for (int i = 0; i < 10; ++i) server.Expect(client, Request({"GET", "m:1"}), Bulk("one"));
  CHECK(server.figures("memory").Get(origin::RuleFigures::kRefreshes) == 0);
  server.clock.AdvanceMillis(850);
  server.Expect(client, Request({"GET", "m:1"}), Bulk("one"));
  CHECK(server.figures("memory").Get(origin::RuleFigures::kRefreshes) == 1);
}

TEST_CASE("SORT_RO and HGETEX load what they read", "[origin]") {
  OriginFixture server;
  server.AddRule(MemoryRule());
  server.AddRule({"list", "l:{id:text}", "type", "list", "query", "SELECT a FROM t WHERE id = $1"});
  server.AddRule(
      {"hash", "h:{id:text}", "type", "hash", "query", "SELECT a, b FROM t WHERE id = $1"});
  server.database.SetColumns({"name", "role"});
  server.database.Put("l", Rows{{"2"}, {"3"}, {"1"}});
  server.database.Put("h", Rows{{"Ada", "admin"}});
  server.database.Put("1", "30");
  server.database.Put("2", "10");
  server.database.Put("3", "20");
  const auto client = server.Connect();
  const auto three = [](const std::string& a, const std::string& b, const std::string& c) {
    return "*3\r\n" + Bulk(a) + Bulk(b) + Bulk(c);
  };
  server.Expect(client, Request({"SORT_RO", "l:l"}), three("1", "2", "3"));
  server.Expect(client, Request({"SORT_RO", "l:l", "BY", "m:*"}), three("2", "3", "1"));
  server.Expect(client, Request({"SORT", "l:l", "BY", "m:*", "GET", "m:*"}),
                three("10", "20", "30"));
  const std::string admin = "*1\r\n" + Bulk("admin");
  server.Expect(client, Request({"HGETEX", "h:h", "EX", "10", "FIELDS", "1", "role"}), admin);
  server.Expect(client, Request({"HTTL", "h:h", "FIELDS", "1", "role"}), "*1\r\n:10\r\n");
  server.Expect(client, Request({"HGETEX", "h:h", "PERSIST", "FIELDS", "1", "role"}), admin);
  CHECK(server.figures("hash").Get(origin::RuleFigures::kMisses) == 1);
  CHECK(server.figures("hash").hits() == 2);
  // It makes the hash a client's, since a field of it may go.
  server.Expect(client, Request({"HGETEX", "h:h", "PX", "5", "FIELDS", "1", "role"}), admin);
  server.clock.AdvanceMillis(6);
  server.Expect(client, Request({"HGETALL", "h:h"}), "*2\r\n" + Bulk("name") + Bulk("Ada"));
  // What may write does not wait.
  server.Expect(client, Request({"SORT", "l:x"}), "*0\r\n");
  CHECK(server.figures("list").Get(origin::RuleFigures::kMisses) == 1);
}

TEST_CASE("Values of clients count as hits of their keys' rule", "[origin]") {
  OriginFixture server;
  server.AddRule(MemoryRule({"ttl", "10", "stale-ttl", "60", "refresh-ahead", "0.1"}));
  const auto client = server.Connect();
  server.Expect(client, Request({"SET", "m:1", "mine", "EX", "5"}), "+OK\r\n");
  for (int i = 0; i < 3; ++i) server.Expect(client, Request({"GET", "m:1"}), Bulk("mine"));
  CHECK(server.figures("memory").hits() == 3);
  CHECK(server.figures("memory").Get(origin::RuleFigures::kRefreshes) == 0);
  CHECK(server.database.queries() == 0);
}

TEST_CASE("Queries are saved by what is answered", "[origin]") {
  OriginFixture server;
  server.config.origin_breaker_failures.set(2);
  server.AddRule(MemoryRule({"on-error", "error", "negative-ttl", "30"}));
  server.database.Put("1", "one");
  const auto client = server.Connect();
  const auto shows = [&](const std::string& name, const std::string& value) {
    const std::string stats = client.Ask(Request({"ORIGIN", "STATS", "memory"}));
    INFO(stats);
    return stats.find(Bulk(name) + value) != std::string::npos;
  };
  server.database.SetStatus(absl::InternalError("no"));
  for (int i = 0; i < 3; ++i) {
    server.Expect(client, Request({"MGET", "m:1", "m:2"}), "-ORIGINERR no\r\n");
  }
  CHECK(shows("misses", ":6\r\n"));
  CHECK(shows("unanswered", ":6\r\n"));
  CHECK(shows("queries_saved", ":0\r\n"));
  server.database.SetStatus(absl::OkStatus());
  server.Expect(client, Request({"MGET", "m:1", "m:2"}), "*2\r\n" + Bulk("one") + kNil);
  CHECK(shows("queries_saved", ":1\r\n"));
  for (int i = 0; i < 4; ++i) {
    server.Expect(client, Request({"MGET", "m:1", "m:2"}), "*2\r\n" + Bulk("one") + kNil);
  }
  // Of 16 lookups, four were of what was there and four of what was known not to be.
  CHECK(shows("hit_ratio", Bulk("0.5")));
  CHECK(shows("queries_saved", ":9\r\n"));
  // While the breaker is open nothing is asked, and nothing saved.
  server.database.SetStatus(absl::UnavailableError("gone"));
  server.clock.AdvanceMillis(60'000);
  for (int i = 0; i < 2; ++i) server.Expect(client, Request({"GET", "m:3"}), "-ORIGINERR gone\r\n");
  CHECK(server.origin().breaker().open());
  server.Expect(client, Request({"MGET", "m:4", "m:5"}),
                "-ORIGINERR the origin does not answer\r\n");
  CHECK(shows("unanswered", ":10\r\n"));
  CHECK(shows("queries_saved", ":9\r\n"));
}

TEST_CASE("CONFIG SET origin-url waits for no connection to end", "[origin]") {
  OriginFixture server;
  server.AddRule(MemoryRule({"timeout-ms", "60000"}));
  server.database.Put("1", "old");
  server.database.Put("2", "two");
  server.database.BeStubborn();
  server.database.Hold();
  const auto client = server.Connect();
  const auto other = server.Connect();
  server.SendAndQuery(client, Request({"GET", "m:1"}));
  const auto set = [&](const std::string& url) {
    return other.Ask(Request({"CONFIG", "SET", "origin-url", url}));
  };
  CHECK(set("fake:other") == "+OK\r\n");
  CHECK(other.Ask(Request({"PING"})) == "+PONG\r\n");
  server.database.Put("1", "new");
  SECTION("What the database before was asked for is asked of the other one") {
    server.database.Release();
    CHECK(server.Await(client, 9) == Bulk("new"));
    server.Expect(other, Request({"GET", "m:2"}), Bulk("two"));
  }
  SECTION("Without another one nothing comes") {
    CHECK(set("") == "+OK\r\n");
    CHECK(other.Ask(Request({"GET", "m:2"})) == kNil);
    server.database.Release();
    CHECK(server.Await(client, kNil.size()) == kNil);
  }
  SECTION("Not any number of them may be on their way out") {
    std::string reply = "+OK\r\n";
    int more = 0;
    for (; reply == "+OK\r\n" && more < 100; ++more) {
      // A loader of each is held.
      const std::string key = "m:" + std::to_string(100 + more);
      const auto asker = server.Connect();
      const int waiting = server.database.waiting();
      asker.Send(Request({"GET", key}));
      server.RunUntil([&] { return server.database.waiting() > waiting; });
      reply = set("fake:" + std::to_string(more));
    }
    CHECK(more < 100);
    CHECK(reply.starts_with("-ERR CONFIG SET failed (possibly related to argument 'origin-url')"));
    server.database.Release();
    server.RunUntil([&] { return set("fake:last") == "+OK\r\n"; });
    CHECK(server.Await(client, 9) == Bulk("new"));
  }
}

TEST_CASE("A load that waits for its turn goes by the rule that has the key then", "[origin]") {
  OriginFixture server;
  server.config.origin_connections.set(1);
  server.AddRule(
      {"wide", "m:{id:text}", "batch-window-us", "0", "query", "SELECT v FROM m WHERE id = $1"});
  server.database.Put("x5", "by the wide one");
  server.database.Put("5", "by the narrow one");
  const auto first = server.Connect();
  const auto client = server.Connect();
  const auto admin = server.Connect();
  // The only loader is held.
  server.database.Hold();
  server.SendAndQuery(first, Request({"GET", "m:1"}));
  client.Send(Request({"GET", "m:x5"}));
  server.RunUntil([&] { return server.origin().keys_under_way() == 2; });
  const std::string wide = "wide m:{id:text} batch-window-us 0 ";
  const std::string query = "query \"SELECT v FROM m WHERE id = $1\"\n";
  std::string rules;
  std::string reply = Bulk("by the wide one");
  std::string ttl = ":-1\r\n";
  SECTION("Another one has taken it") {
    rules = wide + query + "narrow m:x{id:int} " + query;
    reply = Bulk("by the narrow one");
  }
  SECTION("It is defined anew") {
    rules = wide + "ttl 7 " + query;
    ttl = ":7\r\n";
  }
  SECTION("There is none any more") {
    reply = kNil;
    ttl = ":-2\r\n";
  }
  server.Expect(admin, Request({"CONFIG", "SET", "origin-rule", rules}), "+OK\r\n");
  server.database.Release();
  CHECK(server.Await(client, reply.size()) == reply);
  CHECK(client.Ask(Request({"TTL", "m:x5"})) == ttl);
}

TEST_CASE("What a client writes while its key waits to be loaded is not loaded over", "[origin]") {
  OriginFixture server;
  server.config.origin_connections.set(1);
  server.AddRule(MemoryRule({"batch-window-us", "0"}));
  server.database.Put("5", "the database's");
  const auto first = server.Connect();
  const auto client = server.Connect();
  const auto writer = server.Connect();
  // The only loader is held.
  server.database.Hold();
  server.SendAndQuery(first, Request({"GET", "m:1"}));
  client.Send(Request({"GET", "m:5"}));
  server.RunUntil([&] { return server.origin().keys_under_way() == 2; });
  CHECK(writer.Ask(Request({"SET", "m:5", "mine"})) == "+OK\r\n");
  std::string value = Bulk("mine");
  int queries = 1;
  SECTION("Not even by whoever had asked for it before") {}
  SECTION("But when it is to be loaded again") {
    writer.Send(Request({"ORIGIN", "RELOAD", "m:5"}));
    server.local().RunUntilIdle();
    value = Bulk("the database's");
    queries = 2;
  }
  server.database.Release();
  CHECK(server.Await(client, value.size()) == value);
  server.RunUntil([&] { return server.origin().keys_under_way() == 0; });
  CHECK(client.Ask(Request({"GET", "m:5"})) == value);
  CHECK(server.database.queries() == queries);
}

TEST_CASE("A change of a key that cannot be loaded again in time does not go unnoticed",
          "[origin]") {
  OriginFixture server;
  server.config.origin_connections.set(1);
  server.AddRule(MemoryRule({"batch-window-us", "0", "on-change", "reload"}));
  server.database.Put("5", "old");
  const auto first = server.Connect();
  const auto client = server.Connect();
  server.Expect(client, Request({"GET", "m:5"}), Bulk("old"));
  server.database.Hold();
  server.SendAndQuery(first, Request({"GET", "m:1"}));
  server.database.sink()->OnChange("memory", {"5"}, 3);
  CHECK(server.origin().keys_under_way() == 2);
  SECTION("It waits for the only loader for longer than it may") {
    server.clock.AdvanceMillis(1'001);
    server.database.Release();
  }
  SECTION("There is no database any more") {
    server.Expect(client, Request({"CONFIG", "SET", "origin-url", ""}), "+OK\r\n");
  }
  server.RunUntil([&] { return server.origin().keys_under_way() == 0; });
  server.AwaitDoubts();
  CHECK(client.Ask(Request({"DBSIZE"})) == ":0\r\n");
}

TEST_CASE("A change that is told of when the value before it has just come is loaded", "[origin]") {
  OriginFixture server;
  server.AddRule(MemoryRule({"on-change", "reload"}));
  const auto client = server.Connect();
  const auto other = server.Connect();
  const Store& store = server.local().server().store();
  const auto shard_of = [&](int id) { return store.ShardIndex(Hash("m:" + std::to_string(id))); };
  int last = 6;
  while (shard_of(last) == shard_of(5)) ++last;
  server.database.Put("5", "old");
  server.database.Hold();
  server.SendAndQuery(client, Request({"MGET", "m:5", "m:" + std::to_string(last)}));
  // The first one is in place, and the loader is still busy with the other.
  ShardLock& lock = server.local().server().store().LockOf(Hash("m:" + std::to_string(last)));
  REQUIRE(lock.TryLock());
  server.database.Release();
  server.RunUntil([&] { return other.Ask(Request({"DBSIZE"})) == ":1\r\n"; });
  server.database.Put("5", "new");
  server.database.sink()->OnChange("memory", {"5"}, 3);
  SECTION("There is room in the queue") {}
  SECTION("There is none any more") {
    other.Ask(Request({"CONFIG", "SET", "origin-queue-max", "1"}));
  }
  lock.Unlock();
  server.RunUntil([&] { return server.origin().keys_under_way() == 0; });
  server.AwaitDoubts();
  server.Expect(other, Request({"GET", "m:5"}), Bulk("new"));
  CHECK(server.database.queries() == 2);
}

TEST_CASE("Loads are counted by key class", "[origin]") {
  OriginFixture server;
  server.config.keyclass.set({{.name = "m", .prefix = "m:"}, {.name = "deep", .prefix = "m:9"}});
  server.AddRule(MemoryRule());
  server.database.Put("1", "one");
  server.database.Put("91", "deep");
  const auto client = server.Connect();
  server.Expect(client, Request({"MGET", "m:1", "m:2", "m:91"}),
                "*3\r\n" + Bulk("one") + kNil + Bulk("deep"));
  server.Expect(client, Request({"GET", "m:1"}), Bulk("one"));
  const auto expect = [&](const std::string& name, const std::string& loads) {
    CHECK(client.Ask(Request({"KEYCLASS", "STATS", name}))
              .find(Bulk("origin_loads") + ":" + loads + "\r\n") != std::string::npos);
    CHECK(client.Ask(Request({"INFO", "keyclasses"})).find("origin_loads=" + loads + ",") !=
          std::string::npos);
  };
  expect("m", "2");
  expect("deep", "1");
  // The figures outlive the threads that have counted.
  CHECK(client.Ask(Request({"CONFIG", "SET", "origin-url", "fake:other"})) == "+OK\r\n");
  server.RunUntil([&] { return server.database.sources() == 2; });
  server.Expect(client, Request({"GET", "m:2"}), kNil);
  expect("m", "3");
}

}  // namespace alai
