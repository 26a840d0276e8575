// From replies to the socket: slow readers, limits, large values.
#include <cstring>
#include <string>

#include "server/client.h"
#include "server/client_registry.h"
#include "server/stats.h"
#include "server/worker.h"
#include "tests/catch.h"
#include "tests/server/local_fixture.h"

namespace alai {
namespace {

TEST_CASE("Replies wait for a peer that does not read, and keep their order") {
  LocalFixture fixture;
  const auto client = fixture.Connect();
  client.SetWindow(3);
  CHECK(client.Ask(Request({"ECHO", "one"}) + Request({"ECHO", "two"})) == "$3\r");
  const Client* seen = fixture.local().server().workers()[0]->clients().Find(client.id());
  CHECK(seen->unsent_bytes.Get() == 15);
  CHECK(client.Ask(Request({"ECHO", "three"})).empty());
  client.SetWindow(SIZE_MAX);
  fixture.local().RunUntilIdle();
  CHECK(client.Receive() == "\none\r\n$3\r\ntwo\r\n$5\r\nthree\r\n");
  CHECK(seen->unsent_bytes.Get() == 0);
  CHECK(seen->unsent_memory.Get() == 0);
}

TEST_CASE("The replies to a pipeline leave in one write, long as it may be") {
  LocalFixture fixture;
  const auto client = fixture.Connect();
  std::string pipeline;
  std::string expected;
  for (int i = 0; i < 3 * static_cast<int>(RequestBatch::kRequestsMax) + 7; ++i) {
    const std::string word = "reply" + std::to_string(i);
    pipeline += Request({"ECHO", word});
    expected += Bulk(word);
  }
  const Stats& stats = fixture.local().server().stats();
  const uint64_t before = stats.Sum(Count::kWrites);
  CHECK(client.Ask(pipeline) == expected);
  CHECK(stats.Sum(Count::kWrites) == before + 1);
  const Client* seen = fixture.local().server().workers()[0]->clients().Find(client.id());
  CHECK(seen->unsent_bytes.Get() == 0);
  CHECK(seen->unsent_memory.Get() == 0);
}

TEST_CASE("The replies to a pipeline that is closed half-way are sent") {
  LocalFixture fixture;
  const auto client = fixture.Connect();
  std::string pipeline;
  std::string expected;
  for (size_t i = 0; i < RequestBatch::kRequestsMax + 3; ++i) {
    pipeline += Request({"PING"});
    expected += "+PONG\r\n";
  }
  CHECK(client.Ask(pipeline + Request({"QUIT"}) + Request({"PING"})) == expected + "+OK\r\n");
  CHECK(client.closed());
}

TEST_CASE("CLIENT LIST shows what a peer has not taken") {
  LocalFixture fixture;
  const auto client = fixture.Connect();
  const auto other = fixture.Connect();
  const auto shown = [&](std::string_view name) {
    const std::string list = other.Ask("CLIENT LIST ID " + std::to_string(client.id()) + "\r\n");
    const size_t at = list.find(" " + std::string(name) + "=");
    REQUIRE(at != std::string::npos);
    return std::stoul(list.substr(at + name.size() + 2));
  };
  client.Ask(Request({"SET", "small", std::string(1000, 'v')}));
  client.Ask(Request({"SET", "large", std::string(50'000, 'v')}));
  const size_t idle = shown("tot-mem");
  for (const char* const name : {"qbuf", "qbuf-free", "argv-mem", "rbs", "obl", "oll", "omem"}) {
    CHECK(shown(name) == 0);
  }
  client.SetWindow(0);
  client.Ask(Request({"GET", "small"}));
  CHECK(shown("obl") == 1009);
  CHECK(shown("oll") == 0);
  CHECK(shown("omem") == 0);
  CHECK(shown("tot-mem") > idle + 1009);
  client.Ask(Request({"GET", "large"}));
  CHECK(shown("obl") == 16'384);
  CHECK(shown("omem") == 1009 + 50'010 - 16'384);
  CHECK(shown("oll") == 3);
  client.SetWindow(SIZE_MAX);
  fixture.local().RunUntilIdle();
  // The part of a request that has come is kept for the client, and nothing else.
  client.Ask("*2\r\n$3\r\nGET\r\n$100\r\nabc");
  CHECK(shown("qbuf") + shown("qbuf-free") >= 3);
  CHECK(shown("omem") == 0);
  CHECK(shown("tot-cmds") == 4);
  client.Ask(std::string(97, 'x') + "\r\nWAIT 1 0\r\n");
  CHECK(shown("argv-mem") == std::strlen("WAIT10"));
}

TEST_CASE("A large value reaches a peer that takes it in small pieces") {
  LocalFixture fixture;
  const auto client = fixture.Connect();
  const std::string value(500'000, 'v');
  CHECK(client.Ask(Request({"SET", "k", value})) == "+OK\r\n");
  client.SetWindow(0);
  client.Send(Request({"GET", "k"}) + Request({"SET", "k", "short"}) + Request({"GET", "k"}));
  std::string got;
  for (int i = 0; i < 600; ++i) {
    client.SetWindow(1009);
    fixture.local().RunUntilIdle();
    got += client.Receive();
  }
  CHECK(got == Bulk(value) + "+OK\r\n$5\r\nshort\r\n");
}

TEST_CASE("The hard output limit closes a client at once") {
  LocalFixture fixture;
  fixture.config.client_output_buffer_limit[0].hard_bytes.set(100'000);
  const auto client = fixture.Connect();
  CHECK(client.Ask(Request({"SET", "k", std::string(60'000, 'v')})) == "+OK\r\n");
  CHECK(client.Ask(Request({"GET", "k"})).size() > 60'000);
  client.SetWindow(0);
  client.Ask(Request({"GET", "k"}));
  CHECK_FALSE(client.closed());
  client.Ask(Request({"GET", "k"}));
  CHECK(client.closed());
  CHECK(fixture.local().server().stats().Sum(Count::kOutputBufferLimitDisconnections) == 1);
}

TEST_CASE("The smallest output limit lets ordinary replies pass") {
  LocalFixture fixture;
  const auto client = fixture.Connect();
  client.Ask(Request({"SET", "small", std::string(16'000, 'v')}));
  client.Ask(Request({"SET", "large", std::string(16'400, 'v')}));
  CHECK(client.Ask(Request({"CONFIG", "SET", "client-output-buffer-limit", "normal 1 1 1"})) ==
        "+OK\r\n");
  CHECK(client.Ask(Request({"GET", "small"})).size() > 16'000);
  fixture.Advance(5000);
  CHECK(client.Ask("PING\r\n") == "+PONG\r\n");
  CHECK(client.Ask(Request({"CONFIG", "SET", "client-output-buffer-limit", "normal 16kb 0 0"})) ==
        "+OK\r\n");
  CHECK(client.Ask(Request({"GET", "large"})).empty());
  CHECK(client.closed());
}

TEST_CASE("The soft output limit closes a client that stays above it") {
  LocalFixture fixture;
  fixture.config.client_output_buffer_limit[0].soft_bytes.set(10'000);
  fixture.config.client_output_buffer_limit[0].soft_seconds.set(5);
  const auto client = fixture.Connect();
  client.Ask(Request({"SET", "k", std::string(20'000, 'v')}));
  client.SetWindow(0);
  client.Ask(Request({"GET", "k"}));
  for (int i = 0; i < 180; ++i) fixture.Advance(25);
  CHECK_FALSE(client.closed());
  for (int i = 0; i < 180; ++i) fixture.Advance(25);
  CHECK(client.closed());
}

TEST_CASE("A client that caught up is not closed by the soft limit") {
  LocalFixture fixture;
  fixture.config.client_output_buffer_limit[0].soft_bytes.set(10'000);
  fixture.config.client_output_buffer_limit[0].soft_seconds.set(5);
  const auto client = fixture.Connect();
  client.Ask(Request({"SET", "k", std::string(20'000, 'v')}));
  for (int round = 0; round < 4; ++round) {
    client.SetWindow(0);
    client.Ask(Request({"GET", "k"}));
    for (int i = 0; i < 120; ++i) fixture.Advance(25);
    client.SetWindow(SIZE_MAX);
    fixture.local().RunUntilIdle();
    REQUIRE(client.Receive().size() > 20'000);
    for (int i = 0; i < 120; ++i) fixture.Advance(25);
  }
  CHECK_FALSE(client.closed());
}

TEST_CASE("Closing after a reply waits until the reply is out") {
  LocalFixture fixture;
  const auto client = fixture.Connect();
  client.SetWindow(2);
  CHECK(client.Ask("QUIT\r\n") == "+O");
  CHECK_FALSE(client.closed());
  client.SetWindow(SIZE_MAX);
  fixture.local().RunUntilIdle();
  CHECK(client.Receive() == "K\r\n");
  CHECK(client.closed());
}

TEST_CASE("A silent client learns nothing of its protocol error but the end") {
  for (const char* const silence : {"CLIENT REPLY OFF\r\n", "CLIENT REPLY SKIP\r\n"}) {
    LocalFixture fixture;
    const auto client = fixture.Connect();
    CHECK(client.Ask(std::string(silence) + "*x\r\nPING\r\n").empty());
    CHECK(client.closed());
  }
  LocalFixture fixture;
  const auto client = fixture.Connect();
  CHECK(client.Ask("CLIENT REPLY SKIP\r\nPING\r\n*x\r\n") ==
        "-ERR Protocol error: invalid multibulk length\r\n");
  CHECK(client.closed());
}

TEST_CASE("Sent and received bytes are counted") {
  LocalFixture fixture;
  const auto client = fixture.Connect();
  client.Ask("PING\r\nPING\r\n");
  Stats& stats = fixture.local().server().stats();
  CHECK(stats.Sum(Count::kNetInputBytes) == 12);
  CHECK(stats.Sum(Count::kNetOutputBytes) == 14);
  CHECK(stats.Sum(Count::kReads) == 1);
  CHECK(stats.Sum(Count::kWrites) == 1);
  CHECK(stats.CommandsProcessed() == 2);
}

}  // namespace
}  // namespace alai
