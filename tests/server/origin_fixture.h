// A server driven by hand in front of a database of the test's.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "server/config/config.h"
#include "server/config/directives.h"
#include "server/local.h"
#include "storage/origin/origin.h"
#include "storage/origin/rule_text.h"
#include "tests/catch.h"
#include "tests/server/local_fixture.h"
#include "tests/server/temporary_folder.h"
#include "tests/storage/origin/fake_source.h"

namespace alai {

// A rule for strings, with these options.
inline std::vector<std::string> MemoryRule(std::vector<std::string> options = {}) {
  std::vector<std::string> words = {"memory", "m:{id:int}"};
  words.insert(words.end(), options.begin(), options.end());
  words.insert(words.end(), {"query", "SELECT v FROM m WHERE id = $1"});
  return words;
}

class OriginFixture {
 public:
  explicit OriginFixture(int workers = 1) {
    config.io_threads.set(workers);
    config.databases.set(16);
    config.origin_url.set("fake:");
    config.origin_connections.set(2);
    config.origin_journal.set(folder.Path("journal"));
  }

  // Before the first client; `words` as behind `origin-rule`.
  void AddRule(std::vector<std::string> words) {
    auto rule = std::make_shared<origin::Rule>();
    const absl::Status status = origin::ReadRule(words, rule.get());
    INFO(std::string(status.message().data(), status.message().size()));
    REQUIRE(status.ok());
    origin::Rules rules = config.origin_rule.get();
    rules.push_back(std::move(rule));
    config.origin_rule.set(std::move(rules));
  }
  Server::Local& local() {
    if (local_ == nullptr) {
      local_ = std::make_unique<Server::Local>(config, clock, [this](const OriginAddress&) {
        return std::make_unique<origin::FakeFactory>(database);
      });
    }
    return *local_;
  }
  Server::Local::Connection Connect(size_t worker = 0) { return local().Connect(worker); }
  origin::Origin& origin() { return local().server().origin(); }
  origin::RuleFigures& figures(std::string_view rule) { return origin().StateOf(rule)->figures; }

  // Ends the server; the next one begins with its journal.
  void Restart() {
    local_.reset();
    local();
  }

  // Runs the server until this holds; the loaders have threads of their own.
  template <class F>
  void RunUntil(F holds) {
    constexpr auto kPatience = std::chrono::seconds(20);
    const auto until = std::chrono::steady_clock::now() + kPatience;
    for (;;) {
      local().RunUntilIdle();
      if (holds()) return;
      REQUIRE(std::chrono::steady_clock::now() < until);
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
  }
  // Until keys have been looked through for what is not believed any more.
  void AwaitDoubts() {
    RunUntil([&] { return !origin().doubting(); });
  }
  // Sends requests and waits until the database, which is held, has been asked.
  void SendAndQuery(const Server::Local::Connection& client, const std::string& requests) {
    client.Send(requests);
    RunUntil([&] { return database.waiting() == 1; });
  }
  // What comes for requests that have been sent, `bytes` of it.
  std::string Await(const Server::Local::Connection& client, size_t bytes) {
    std::string reply;
    RunUntil([&] {
      reply += client.Receive();
      return reply.size() >= bytes;
    });
    return reply;
  }
  // Asks and waits for a reply of the same length as the expected one.
  void Expect(const Server::Local::Connection& client, const std::string& request,
              const std::string& reply) {
    client.Send(request);
    CHECK(Await(client, reply.size()) == reply);
  }

  const TemporaryFolder folder;
  FakeClock clock{1'700'000'000'000};
  Config config;
  origin::FakeDatabase database;

 private:
  std::unique_ptr<Server::Local> local_;
};

}  // namespace alai
