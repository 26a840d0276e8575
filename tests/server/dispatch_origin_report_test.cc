// What the origin says of itself: why something does not come, and what has been asked of it by name.
#include <atomic>
#include <chrono>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "engine/base/log.h"
#include "tests/catch.h"
#include "tests/server/origin_fixture.h"

namespace alai {
namespace {

using Rows = origin::FakeDatabase::Rows;

const std::string kNil = "$-1\r\n";
const std::string kOk = "+OK\r\n";

// Counts the log's lines with a part in them, from whichever thread.
class LineCount final : public LogSink {
 public:
  explicit LineCount(std::string part) : part_(std::move(part)), before_(SetLogSink(this)) {}
  LineCount(const LineCount&) = delete;
  LineCount& operator=(const LineCount&) = delete;
  ~LineCount() override { SetLogSink(before_); }

  void Write(LogLevel, std::string_view line) override {
    if (line.find(part_) != std::string_view::npos) ++count_;
  }
  int count() const { return count_; }

 private:
  const std::string part_;
  LogSink* const before_;
  std::atomic<int> count_{0};
};

bool Holds(const std::string& text, const std::string& part) {
  INFO(text);
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("Nothing is loaded by name while the origin is paused", "[origin]") {
  OriginFixture server;
  server.AddRule(MemoryRule());
  server.database.Put("1", "one");
  const auto client = server.Connect();
  server.Expect(client, Request({"GET", "m:1"}), Bulk("one"));
  CHECK(client.Ask(Request({"ORIGIN", "PAUSE"})) == kOk);
  const std::string paused = "-ERR the origin is paused";
  CHECK(client.Ask(Request({"ORIGIN", "LOAD", "m:2"})).starts_with(paused));
  CHECK(client.Ask(Request({"ORIGIN", "RELOAD", "m:1"})).starts_with(paused));
  CHECK(client.Ask(Request({"ORIGIN", "WARM", "memory", "SELECT 1"})).starts_with(paused));
  CHECK(server.database.queries() == 1);
  CHECK(client.Ask(Request({"ORIGIN", "RESUME"})) == kOk);
  server.Expect(
      client, Request({"ORIGIN", "RELOAD", "m:1"}),
      "*6\r\n" + Bulk("loaded") + ":1\r\n" + Bulk("absent") + ":0\r\n" + Bulk("failed") + ":0\r\n");
}

TEST_CASE("A warming that is under way waits while the origin is paused", "[origin]") {
  OriginFixture server;
  // One key at a time.
  server.config.origin_queue_max.set(1);
  server.AddRule(MemoryRule());
  for (int i = 0; i < 10; ++i) server.database.Put(std::to_string(i), "v");
  const auto client = server.Connect();
  server.database.Hold();
  server.SendAndQuery(client, Request({"ORIGIN", "WARM", "memory", "SELECT id FROM m"}));
  CHECK(client.Receive() == kOk);
  CHECK(client.Ask(Request({"ORIGIN", "PAUSE"})) == kOk);
  server.database.Release();
  server.RunUntil([&] { return server.origin().keys_under_way() == 0; });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  CHECK(server.database.queries() == 1);
  CHECK(server.origin().warming().progress().running);
  CHECK(client.Ask(Request({"ORIGIN", "RESUME"})) == kOk);
  server.RunUntil([&] { return !server.origin().warming().progress().running; });
  CHECK(server.origin().warming().progress().asked == 10);
}

TEST_CASE("A warming ends with its rule", "[origin]") {
  OriginFixture server;
  server.config.origin_queue_max.set(1);
  server.AddRule(MemoryRule());
  server.AddRule({"other", "o:{id:int}", "query", "SELECT v FROM o WHERE id = $1"});
  for (int i = 0; i < 10; ++i) server.database.Put(std::to_string(i), "v");
  const auto client = server.Connect();
  server.database.Hold();
  server.SendAndQuery(client, Request({"ORIGIN", "WARM", "memory", "SELECT id FROM m"}));
  CHECK(client.Receive() == kOk);
  client.Send(Request({"ORIGIN", "DEL", "memory"}));
  server.RunUntil([&] { return !server.origin().warming().progress().running; });
  server.database.Release();
  CHECK(server.origin().warming().progress().error == "the rule is no longer there");
}

TEST_CASE("Rows that make no key are counted when keys are warmed", "[origin]") {
  OriginFixture server;
  server.AddRule(MemoryRule());
  for (const char* name : {"1", "2", "body", "0x3"}) server.database.Put(name, "v");
  const auto client = server.Connect();
  CHECK(client.Ask(Request({"ORIGIN", "WARM", "memory", "SELECT body FROM m"})) == kOk);
  server.RunUntil([&] { return !server.origin().warming().progress().running; });
  const std::string info = client.Ask(Request({"INFO", "origin"}));
  CHECK(Holds(info, "origin_warming_listed:4\r\norigin_warming_skipped:2\r\n"));
  CHECK(Holds(info, "origin_warming_asked:2\r\n"));
}

TEST_CASE("Why a rule's query fails is shown, though misses are nil", "[origin]") {
  const std::string why = "relation \"m\" does not exist";
  const LineCount log("Rule memory of the origin: " + why);
  OriginFixture server;
  server.AddRule(MemoryRule());
  server.database.Put("1", "one");
  const auto client = server.Connect();
  server.Expect(client, Request({"GET", "m:1"}), Bulk("one"));
  server.database.SetStatus(absl::FailedPreconditionError(why));
  for (int i = 0; i < 3; ++i) server.Expect(client, Request({"GET", "m:2"}), kNil);
  const auto trouble = [&] { return client.Ask(Request({"ORIGIN", "GET", "memory"})); };
  CHECK(trouble().ends_with(Bulk("trouble") + Bulk(why)));
  CHECK(server.origin().last_error() == why);
  CHECK(log.count() == 1);
  server.database.SetStatus(absl::OkStatus());
  server.clock.AdvanceMillis(1'001);
  server.Expect(client, Request({"GET", "m:2"}), kNil);
  server.RunUntil([&] { return trouble().ends_with(Bulk("trouble") + Bulk("")); });
  // What a key holds is no fault of the rule.
  server.database.SetFault("3", absl::InvalidArgumentError("no integer"));
  server.Expect(client, Request({"GET", "m:3"}), kNil);
  CHECK(trouble().ends_with(Bulk("trouble") + Bulk("")));
  CHECK(server.origin().last_error() == "no integer");
}

TEST_CASE("Why a value cannot be made is shown", "[origin]") {
  OriginFixture server;
  server.AddRule({"z", "z:{id:text}", "type", "zset", "query", "SELECT a, b FROM t WHERE id = $1"});
  server.database.Put("1", Rows{{"p", "nan"}});
  const auto client = server.Connect();
  server.Expect(client, Request({"ZSCORE", "z:1", "p"}), kNil);
  CHECK(server.figures("z").Get(origin::RuleFigures::kErrors) == 1);
  CHECK(server.origin().last_error() == "rule z: a score is no number");
}

TEST_CASE("Why changes are not heard of is shown", "[origin]") {
  OriginFixture server;
  server.AddRule(MemoryRule());
  const auto client = server.Connect();
  CHECK(client.Ask(Request({"PING"})) == "+PONG\r\n");
  server.database.sink()->OnDeaf("no way there");
  server.AwaitDoubts();
  CHECK(Holds(client.Ask(Request({"INFO", "origin"})),
              "origin_last_error:changes are not heard of: no way there\r\n"));
}

TEST_CASE("An address that can be none is refused", "[origin]") {
  OriginFixture server;
  server.AddRule(MemoryRule());
  server.database.Put("1", "one");
  const auto client = server.Connect();
  server.Expect(client, Request({"GET", "m:1"}), Bulk("one"));
  server.database.SetAddressStatus(absl::InvalidArgumentError("no such scheme"));
  for (const char* name : {"origin-url", "origin-listen-url"}) {
    CHECK(client.Ask(Request({"CONFIG", "SET", name, "garbage://x"})) ==
          "-ERR CONFIG SET failed (possibly related to argument '" + std::string(name) +
              "') - no such scheme\r\n");
  }
  CHECK(client.Ask(Request({"CONFIG", "GET", "origin-url"})) ==
        "*2\r\n" + Bulk("origin-url") + Bulk("fake:"));
  server.database.Put("2", "two");
  server.Expect(client, Request({"GET", "m:2"}), Bulk("two"));
}

TEST_CASE("The breaker's state is shown", "[origin]") {
  OriginFixture server;
  server.config.origin_breaker_failures.set(1);
  server.config.origin_breaker_open_ms.set(500);
  server.AddRule(MemoryRule());
  const auto client = server.Connect();
  server.Expect(client, Request({"GET", "m:1"}), kNil);
  const auto shows = [&](const std::string& state, int64_t for_ms, int64_t probe_in_ms) {
    const std::string stats = client.Ask(Request({"ORIGIN", "STATS", "memory"}));
    CHECK(Holds(stats, Bulk("breaker") + Bulk(state) + Bulk("breaker_for_ms") + ":" +
                           std::to_string(for_ms) + "\r\n" + Bulk("breaker_probe_in_ms") + ":" +
                           std::to_string(probe_in_ms) + "\r\n"));
    CHECK(Holds(client.Ask(Request({"INFO", "origin"})),
                "origin_breaker:" + state + "\r\norigin_breaker_for_ms:" + std::to_string(for_ms) +
                    "\r\norigin_breaker_probe_in_ms:" + std::to_string(probe_in_ms) + "\r\n"));
  };
  server.clock.AdvanceMillis(70);
  shows("closed", 70, 0);
  server.database.SetStatus(absl::UnavailableError("connection refused"));
  server.Expect(client, Request({"GET", "m:1"}), kNil);
  server.clock.AdvanceMillis(100);
  shows("open", 100, 400);
  server.clock.AdvanceMillis(400);
  shows("half-open", 500, 0);
  server.database.SetStatus(absl::OkStatus());
  server.Expect(client, Request({"GET", "m:1"}), kNil);
  server.clock.AdvanceMillis(5);
  shows("closed", 5, 0);
}

TEST_CASE("The breaker of a database that never was has been closed for no time", "[origin]") {
  OriginFixture server;
  server.config.origin_url.set("");
  server.AddRule(MemoryRule());
  const auto client = server.Connect();
  server.clock.AdvanceMillis(70);
  const std::string info = client.Ask(Request({"INFO", "origin"}));
  CHECK(Holds(info, "origin_breaker:closed\r\norigin_breaker_for_ms:0\r\n"));
}

TEST_CASE("A key that a command names twice is looked up twice and loaded once", "[origin]") {
  OriginFixture server;
  server.AddRule(MemoryRule());
  server.database.Put("1", "one");
  const auto client = server.Connect();
  const auto expect = [&](const std::string& key, const std::string& value, uint64_t hits,
                          uint64_t misses, uint64_t loads) {
    server.Expect(client, Request({"MGET", key, key}), "*2\r\n" + value + value);
    origin::RuleFigures& figures = server.figures("memory");
    CHECK(figures.hits() == hits);
    CHECK(figures.Get(origin::RuleFigures::kMisses) == misses);
    CHECK(figures.Get(origin::RuleFigures::kLoads) == loads);
    CHECK(figures.Get(origin::RuleFigures::kCoalesced) == misses - loads);
  };
  expect("m:1", Bulk("one"), 0, 2, 1);
  expect("m:1", Bulk("one"), 2, 2, 1);
  expect("m:2", kNil, 2, 4, 2);
}

}  // namespace alai
