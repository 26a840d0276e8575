// Clients of several threads that push to keys and wait for them: each element comes to exactly one.
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "server/stats.h"
#include "tests/server/local_fixture.h"
#include "tests/server/running_server.h"

namespace alai {
namespace {

constexpr int kWorkers = 3;
constexpr int kPushers = 3;
constexpr int kPoppers = 5;
constexpr int kElements = 600;  // of each pusher
constexpr int kBurstMax = 4;    // pushed at once

// What is pushed, and how it is asked for.
struct Pop {
  std::vector<std::string> words;
  int lines_before;  // of the reply, before the element
  int lines_behind;
};

std::string Encode(const std::vector<std::string>& words) {
  std::string request = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string& word : words) request += Bulk(word);
  return request;
}

// Takes elements until it gets one that says so; -1 for what is no element.
void PopUntilEnd(const Peer& peer, const Pop& pop, std::vector<int>* popped) {
  const std::string request = Encode(pop.words);
  for (;;) {
    peer.Send(request);
    for (int i = 0; i < pop.lines_before; ++i) peer.ReadLine();
    const std::string element = peer.ReadLine();
    for (int i = 0; i < pop.lines_behind; ++i) peer.ReadLine();
    if (element == "end\r\n") return;
    popped->push_back(element.empty() ? -1 : std::atoi(element.c_str()));
    if (element.empty()) return;
  }
}

// Pushes the numbers from `first` on, to one key or the other, a few at a time.
void Push(const Peer& peer, const std::string& command, bool scored, int first) {
  for (int i = first; i < first + kElements;) {
    std::vector<std::string> words{command, i % 2 == 0 ? "a" : "b"};
    const int burst = std::min(1 + i % kBurstMax, first + kElements - i);
    for (int k = 0; k < burst; ++k, ++i) {
      if (scored) words.push_back(std::to_string(i % 7));
      words.push_back(std::to_string(i));
    }
    peer.Ask(Encode(words));
  }
}

// Ends the poppers: each gets one last element, which is larger than the others.
void PushEnds(const Peer& peer, const std::string& command, bool scored, std::atomic<int>& ended) {
  while (ended < kPoppers) {
    if (scored) {
      peer.Ask(Encode({command, "a", "1e9", "end"}));
    } else {
      peer.Ask(Encode({command, "a", "end"}));
    }
  }
}

void CheckEachOnce(const std::string& push, bool scored, const std::vector<Pop>& pops) {
  RunningServer running(kWorkers);
  std::vector<std::vector<int>> popped(kPoppers);
  std::atomic<int> ended{0};
  std::vector<std::thread> poppers;
  for (size_t i = 0; i < kPoppers; ++i) {
    poppers.emplace_back([&, i] {
      PopUntilEnd(Peer(running.path()), pops[i % pops.size()], &popped[i]);
      ++ended;
    });
  }
  std::vector<std::thread> pushers;
  for (int i = 0; i < kPushers; ++i) {
    pushers.emplace_back([&, i] { Push(Peer(running.path()), push, scored, i * kElements); });
  }
  for (std::thread& pusher : pushers) pusher.join();
  const Peer peer(running.path());
  // All have been handed out before the ends are, or the ends would come in between.
  while (peer.Ask(Request({"EXISTS", "a", "b"})) != ":0\r\n") std::this_thread::yield();
  PushEnds(peer, push, scored, ended);
  for (std::thread& popper : poppers) popper.join();
  std::vector<int> all;
  for (const auto& part : popped) all.insert(all.end(), part.begin(), part.end());
  std::sort(all.begin(), all.end());
  std::vector<int> expected(kPushers * kElements);
  for (size_t i = 0; i < expected.size(); ++i) expected[i] = static_cast<int>(i);
  CHECK(all == expected);
  CHECK(running.server().stats().Sum(&WorkerStats::blocked_clients) == 0);
}

TEST_CASE("Each member of a sorted set comes to one of those who wait") {
  CheckEachOnce("ZADD", true,
                {{{"BZPOPMIN", "a", "b", "0"}, 4, 2},
                 {{"BZPOPMAX", "b", "a", "0"}, 4, 2},
                 {{"BZMPOP", "0", "2", "a", "b", "MIN"}, 6, 2}});
}

TEST_CASE("Each element of a list comes to one of those who wait") {
  CheckEachOnce("RPUSH", false,
                {{{"BLPOP", "a", "b", "0"}, 4, 0},
                 {{"BRPOP", "b", "a", "0"}, 4, 0},
                 {{"BLMPOP", "0", "2", "a", "b", "LEFT"}, 5, 0}});
}

}  // namespace
}  // namespace alai
