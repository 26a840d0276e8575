// Figures of key classes that a script cannot foretell: latencies, and how far a purge has come.
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/store.h"
#include "server/server.h"
#include "server/worker.h"
#include "tests/catch.h"
#include "tests/server/local_fixture.h"

namespace alai {
namespace {

// A figure of KEYCLASS STATS.
int64_t Figure(const Server::Local::Connection& client, std::string_view key_class,
               std::string_view name) {
  const std::string reply = client.Ask(Request({"KEYCLASS", "STATS", key_class}));
  const std::string before = Bulk(name) + ":";
  const size_t at = reply.find(before);
  REQUIRE(at != std::string::npos);
  int64_t value = 0;
  const char* const digits = reply.data() + at + before.size();
  REQUIRE(std::from_chars(digits, reply.data() + reply.size(), value).ec == std::errc());
  return value;
}

TEST_CASE("a class's figures tell how long reading its keys takes") {
  LocalFixture fixture;
  const auto client = fixture.Connect();
  client.Ask(Request({"KEYCLASS", "SET", "m", "m:*"}));
  client.Ask(Request({"KEYCLASS", "SET", "other", "o:*"}));
  CHECK(Figure(client, "m", "read_p50_ns") == 0);
  for (int i = 0; i < 100; ++i) client.Ask(Request({"GET", "m:1"}));
  const int64_t median = Figure(client, "m", "read_p50_ns");
  const int64_t slow = Figure(client, "m", "read_p99_ns");
  const int64_t slowest = Figure(client, "m", "read_p999_ns");
  CHECK(median > 0);
  CHECK(median <= slow);
  CHECK(slow <= slowest);
  CHECK(Figure(client, "other", "read_p999_ns") == 0);
  client.Ask(Request({"CONFIG", "RESETSTAT"}));
  CHECK(Figure(client, "m", "read_p999_ns") == 0);
}

TEST_CASE("a class's figures tell how far its purge has come") {
  LocalFixture fixture;
  const auto client = fixture.Connect();
  client.Ask(Request({"KEYCLASS", "SET", "m", "m:*"}));
  client.Ask(Request({"KEYCLASS", "SET", "other", "o:*"}));
  client.Ask(Request({"SET", "m:1", "v"}));
  fixture.Advance(200);
  CHECK(Figure(client, "m", "counting") == 0);
  CHECK(Figure(client, "m", "purge_progress_percent") == 0);
  Server& server = fixture.local().server();
  server.debug_switches().pause_cron.set(true);
  CHECK(client.Ask(Request({"KEYCLASS", "PURGE", "m"})) == "+OK\r\n");
  CHECK(Figure(client, "m", "purges_pending") == 1);
  CHECK(Figure(client, "m", "purge_progress_percent") == 0);
  // A part of a database at a time.
  for (int i = 0; i < 100 && server.store().purge().ProgressPercent() == 0; ++i) {
    server.store().ClassWork(server.workers()[0]->thread(), fixture.clock.WallMillis(), 0);
  }
  CHECK(Figure(client, "m", "purge_progress_percent") > 0);
  CHECK(Figure(client, "m", "purge_progress_percent") < 100);
  // It is not this one's.
  CHECK(Figure(client, "other", "purges_pending") == 0);
  CHECK(Figure(client, "other", "purge_progress_percent") == 0);
  server.debug_switches().pause_cron.set(false);
  fixture.Advance(200);
  CHECK(Figure(client, "m", "purges_pending") == 0);
  CHECK(Figure(client, "m", "purge_progress_percent") == 0);
  CHECK(Figure(client, "m", "keys") == 0);
}

}  // namespace
}  // namespace alai
