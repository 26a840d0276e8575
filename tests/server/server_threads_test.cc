// A whole server with its threads and sockets, in this process.
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "engine/store.h"
#include "server/command_table.h"
#include "server/server.h"
#include "server/stats.h"
#include "server/worker.h"
#include "tests/catch.h"
#include "tests/server/local_fixture.h"
#include "tests/server/running_server.h"

namespace alai {
namespace {

using namespace std::chrono_literals;

TEST_CASE("Clients of several workers count one number together") {
  RunningServer running(3);
  constexpr int kPeers = 6;
  constexpr int kRounds = 200;
  constexpr int kDepth = 20;
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  for (int i = 0; i < kPeers; ++i) {
    threads.emplace_back([&] {
      const Peer peer(running.path());
      std::string pipeline;
      for (int k = 0; k < kDepth; ++k) pipeline += Request({"INCR", "n"});
      bool ok = peer.connected();
      for (int round = 0; round < kRounds && ok; ++round) {
        ok = peer.Send(pipeline);
        for (int k = 0; k < kDepth && ok; ++k) ok = peer.ReadLine().starts_with(":");
      }
      if (ok) ++good;
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(good == kPeers);
  const Peer peer(running.path());
  CHECK(peer.Ask(Request({"INCRBY", "n", "0"})) ==
        ":" + std::to_string(kPeers * kRounds * kDepth) + "\r\n");
  CHECK(running.server().stats().CommandsProcessed() == kPeers * kRounds * kDepth + 1);
}

std::string ReadBulk(const Peer& peer) {
  const size_t size = std::stoul(peer.ReadLine().substr(1));
  return peer.Read(size + 2).substr(0, size);
}

// Follows a stream from its beginning on, for entries of one field with values "<writer>:<number>", until
// there were so many; false when a writer's number is not the next one.
bool FollowStream(const Peer& peer, int entries, int writers) {
  std::vector<int> next(static_cast<size_t>(writers), 0);
  std::string last = "0";
  for (int seen = 0; seen < entries;) {
    peer.Send(Request({"XREAD", "BLOCK", "0", "COUNT", "7", "STREAMS", "s", last}));
    if (peer.ReadLine() != "*1\r\n" || peer.ReadLine() != "*2\r\n" || ReadBulk(peer) != "s")
      return false;
    const int count = std::stoi(peer.ReadLine().substr(1));
    for (int i = 0; i < count; ++i, ++seen) {
      if (peer.ReadLine() != "*2\r\n") return false;
      last = ReadBulk(peer);
      if (peer.ReadLine() != "*2\r\n" || ReadBulk(peer) != "f") return false;
      const std::string value = ReadBulk(peer);
      const size_t colon = value.find(':');
      if (std::stoi(value.substr(colon + 1)) != next[std::stoul(value)]++) return false;
    }
  }
  return true;
}

TEST_CASE("Readers that wait for a stream miss no entry of writers on other threads") {
  RunningServer running(3);
  constexpr int kWriters = 2;
  constexpr int kEach = 400;
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int reader = 0; reader < 3; ++reader) {
    threads.emplace_back([&] {
      const Peer peer(running.path());
      if (FollowStream(peer, kWriters * kEach, kWriters)) ++good;
    });
  }
  for (int writer = 0; writer < kWriters; ++writer) {
    threads.emplace_back([&, writer] {
      const Peer peer(running.path());
      for (int i = 0; i < kEach; ++i) {
        const std::string value = std::to_string(writer) + ":" + std::to_string(i);
        peer.Send(Request({"XADD", "s", "*", "f", value}));
        peer.ReadLine();
        peer.ReadLine();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(good == 3);
}

// What the consumers of a group were given.
struct GivenValues {
  std::mutex mutex;
  std::vector<std::string> values;

  size_t size() {
    std::lock_guard guard(mutex);
    return values.size();
  }
};

// Reads for a consumer and acknowledges what it is given, until there is no group; false when something else
// comes than entries of one field.
bool ConsumeStream(const Peer& peer, const std::string& consumer, GivenValues& given) {
  for (;;) {
    peer.Send(Request(
        {"XREADGROUP", "GROUP", "g", consumer, "COUNT", "3", "BLOCK", "0", "STREAMS", "s", ">"}));
    const std::string first = peer.ReadLine();
    if (first.starts_with("-NOGROUP ")) return true;
    if (first != "*1\r\n" || peer.ReadLine() != "*2\r\n" || ReadBulk(peer) != "s") return false;
    const int count = std::stoi(peer.ReadLine().substr(1));
    std::vector<std::string> ids;
    for (int i = 0; i < count; ++i) {
      if (peer.ReadLine() != "*2\r\n") return false;
      ids.push_back(ReadBulk(peer));
      if (peer.ReadLine() != "*2\r\n" || ReadBulk(peer) != "f") return false;
      const std::string value = ReadBulk(peer);
      std::lock_guard guard(given.mutex);
      given.values.push_back(value);
    }
    for (const std::string& id : ids) {
      const std::string reply = peer.Ask(Request({"XACK", "s", "g", id}));
      if (reply != ":1\r\n" && reply != ":0\r\n") return false;
    }
  }
}

TEST_CASE("Consumers that wait in a group are given every entry once, until the group is gone") {
  RunningServer running(3);
  constexpr int kConsumers = 4;
  constexpr int kWriters = 2;
  constexpr int kEach = 300;
  const Peer owner(running.path());
  REQUIRE(owner.Ask(Request({"XGROUP", "CREATE", "s", "g", "$", "MKSTREAM"})) == "+OK\r\n");
  GivenValues given;
  std::atomic<int> bad{0};
  std::vector<std::thread> threads;
  for (int consumer = 0; consumer < kConsumers; ++consumer) {
    threads.emplace_back([&, consumer] {
      const Peer peer(running.path());
      if (!ConsumeStream(peer, "c" + std::to_string(consumer), given)) ++bad;
    });
  }
  for (int writer = 0; writer < kWriters; ++writer) {
    threads.emplace_back([&, writer] {
      const Peer peer(running.path());
      for (int i = 0; i < kEach; ++i) {
        const std::string value = std::to_string(writer) + ":" + std::to_string(i);
        peer.Send(Request({"XADD", "s", "*", "f", value}));
        ReadBulk(peer);
      }
    });
  }
  while (given.size() < kWriters * kEach && bad == 0) std::this_thread::sleep_for(5ms);
  CHECK(owner.Ask(Request({"XGROUP", "DESTROY", "s", "g"})) == ":1\r\n");
  for (std::thread& thread : threads) thread.join();
  CHECK(bad == 0);
  CHECK(given.values.size() == kWriters * kEach);
  CHECK(std::set<std::string>(given.values.begin(), given.values.end()).size() == kWriters * kEach);
}

TEST_CASE("Transactions over several shards are seen whole") {
  RunningServer running(3);
  std::atomic<bool> stop{false};
  std::atomic<int> torn{0};
  std::atomic<int> seen{0};
  std::vector<std::thread> threads;
  for (int writer = 0; writer < 2; ++writer) {
    threads.emplace_back([&, writer] {
      const Peer peer(running.path());
      for (int i = 0; !stop; ++i) {
        const std::string v = std::to_string(writer) + "-" + std::to_string(i % 10);
        peer.Ask(Request({"MSET", "a", v, "b", v, "c", v, "d", v}));
      }
    });
  }
  for (int reader = 0; reader < 2; ++reader) {
    threads.emplace_back([&] {
      const Peer peer(running.path());
      while (!stop) {
        if (peer.Ask(Request({"MGET", "a", "b", "c", "d"})) != "*4\r\n") break;
        std::string values[4];
        for (std::string& value : values) {
          value = peer.ReadLine();
          if (value != "$-1\r\n") value += peer.ReadLine();
        }
        ++seen;
        for (const std::string& value : values) torn += value != values[0] ? 1 : 0;
      }
    });
  }
  std::this_thread::sleep_for(500ms);
  stop = true;
  for (std::thread& thread : threads) thread.join();
  CHECK(torn == 0);
  CHECK(seen > 0);
}

TEST_CASE("Connections are spread over the workers, and given back") {
  RunningServer running(4);
  {
    std::vector<std::unique_ptr<Peer>> peers;
    for (int i = 0; i < 40; ++i) {
      peers.push_back(std::make_unique<Peer>(running.path()));
      REQUIRE(peers.back()->Ask("PING\r\n") == "+PONG\r\n");
    }
    for (const auto& worker : running.server().workers()) CHECK(worker->connections() == 10);
  }
  for (int i = 0; i < 1000 && running.server().connected_clients() != 0; ++i) {
    std::this_thread::sleep_for(5ms);
  }
  CHECK(running.server().connected_clients() == 0);
}

TEST_CASE("One client more than maxclients is told so") {
  RunningServer running(2, 3);
  std::vector<std::unique_ptr<Peer>> peers;
  for (int i = 0; i < 3; ++i) {
    peers.push_back(std::make_unique<Peer>(running.path()));
    REQUIRE(peers.back()->Ask("PING\r\n") == "+PONG\r\n");
  }
  const Peer refused(running.path());
  CHECK(refused.ReadLine() == "-ERR max number of clients reached\r\n");
  CHECK(refused.Read(1).empty());
  CHECK(peers[0]->Ask("PING\r\n") == "+PONG\r\n");
  CHECK(running.server().stats().Sum(Count::kConnectionsRejected) == 1);
}

TEST_CASE("Running out of descriptors delays new clients and disturbs nobody else") {
  RunningServer running(1);
  const Peer first(running.path());
  REQUIRE(first.Ask("PING\r\n") == "+PONG\r\n");
  const Peer second(running.path());
  REQUIRE(second.Ask("PING\r\n") == "+PONG\r\n");
  rlimit old{};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &old) == 0);
  // One descriptor for the peer that comes next, none for the server's side of it.
  const int next = dup(0);
  close(next);
  rlimit low = old;
  low.rlim_cur = static_cast<rlim_t>(next) + 1;
  REQUIRE(setrlimit(RLIMIT_NOFILE, &low) == 0);
  const Peer late(running.path());
  CHECK(late.connected());
  CHECK(late.Send("PING\r\n"));
  std::this_thread::sleep_for(250ms);
  CHECK(first.Ask("PING\r\n") == "+PONG\r\n");
  REQUIRE(setrlimit(RLIMIT_NOFILE, &old) == 0);
  CHECK(late.ReadLine() == "+PONG\r\n");
  CHECK(second.Ask("PING\r\n") == "+PONG\r\n");
}

TEST_CASE("A pause holds all workers back as soon as it is answered") {
  RunningServer running(3);
  const Peer a(running.path());
  const Peer b(running.path());
  const Peer c(running.path());
  REQUIRE(b.Ask("PING\r\n") == "+PONG\r\n");
  REQUIRE(c.Ask("PING\r\n") == "+PONG\r\n");
  REQUIRE(a.Ask("CLIENT PAUSE 100000 WRITE\r\n") == "+OK\r\n");
  b.Send("SET k b\r\n");
  c.Send("SET k c\r\n");
  std::this_thread::sleep_for(50ms);
  CHECK(a.Ask("EXISTS k\r\n") == ":0\r\n");
  CHECK(a.Ask("CLIENT UNPAUSE\r\n") == "+OK\r\n");
  CHECK(b.ReadLine() == "+OK\r\n");
  CHECK(c.ReadLine() == "+OK\r\n");
}

TEST_CASE("Clients of several workers get exactly the tokens that a bucket has") {
  RunningServer running(3);
  constexpr int kPeers = 6;
  constexpr int kTries = 300;
  constexpr int64_t kTokens = 1000;
  std::vector<std::thread> threads;
  std::atomic<int64_t> taken{0};
  std::atomic<int64_t> answers{0};
  for (int i = 0; i < kPeers; ++i) {
    threads.emplace_back([&] {
      const Peer peer(running.path());
      // One token comes back in a day.
      const std::string take =
          Request({"CL.THROTTLE", "bucket", std::to_string(kTokens - 1), "1", "86400"});
      for (int k = 0; k < kTries; ++k) {
        if (peer.Ask(take) != "*5\r\n") return;
        if (peer.ReadLine() == ":0\r\n") ++taken;
        for (int field = 0; field < 4; ++field) peer.ReadLine();
        ++answers;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(answers == kPeers * kTries);
  CHECK(taken == kTokens);
}

TEST_CASE("Who has killed a client finds its connection closed") {
  RunningServer running(3);
  const Peer killer(running.path());
  for (int i = 0; i < 200; ++i) {
    const Peer victim(running.path());
    const std::string id = victim.Ask("CLIENT ID\r\n").substr(1);
    REQUIRE(killer.Ask("CLIENT KILL ID " + id) == ":1\r\n");
    REQUIRE(victim.ended());
  }
}

TEST_CASE("Clients may come, talk, be killed and go at any time") {
  RunningServer running(3);
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      while (!stop) {
        const Peer peer(running.path());
        for (int k = 0; k < 5; ++k) {
          peer.Send(Request({"MSET", "x" + std::to_string(i), "1", "shared", "2"}) +
                    Request({"CLIENT", "LIST"}));
          if (k % 2 == 0) peer.ReadLine();
        }
      }
    });
  }
  threads.emplace_back([&] {
    while (!stop) {
      const Peer killer(running.path());
      for (int k = 0; k < 20; ++k) killer.Ask(Request({"CLIENT", "KILL", "TYPE", "normal"}));
    }
  });
  threads.emplace_back([&] {
    const Peer monitor(running.path());
    monitor.Send("MONITOR\r\n");
    while (!stop) {
      if (monitor.Read(100).empty()) break;
    }
  });
  std::this_thread::sleep_for(700ms);
  stop = true;
  for (std::thread& thread : threads) thread.join();
  const Peer peer(running.path());
  CHECK(peer.Ask("PING\r\n") == "+PONG\r\n");
}

TEST_CASE("A server ends with clients connected, suspended and half read") {
  std::vector<std::unique_ptr<Peer>> peers;
  {
    RunningServer running(2);
    for (int i = 0; i < 6; ++i) {
      peers.push_back(std::make_unique<Peer>(running.path()));
      REQUIRE(peers.back()->Ask("PING\r\n") == "+PONG\r\n");
    }
    peers[0]->Send("WAIT 1 0\r\n");
    peers[1]->Send("*2\r\n$3\r\nGET\r\n$10\r\nabc");
    peers[2]->Send("CLIENT PAUSE 100000\r\n");
    CHECK(peers[2]->ReadLine() == "+OK\r\n");
    peers[3]->Send("SET k v\r\n");
    std::this_thread::sleep_for(20ms);
  }
  for (const auto& peer : peers) CHECK(peer->Read(1).empty());
}

}  // namespace
}  // namespace alai
