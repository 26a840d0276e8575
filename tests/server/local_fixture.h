// A server driven by hand on a fake clock, for the tests of the dispatcher and its surroundings.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "engine/base/clock.h"
#include "server/config/config.h"
#include "server/local.h"
#include "tests/encode_request.h"

namespace alai {

// A request as clients send it.
inline std::string Request(std::initializer_list<std::string_view> words) {
  return EncodeRequest(words);
}

inline std::string Bulk(std::string_view bytes) {
  return "$" + std::to_string(bytes.size()) + "\r\n" + std::string(bytes) + "\r\n";
}

struct LocalFixture {
  explicit LocalFixture(int workers = 1) {
    config.io_threads.set(workers);
    config.databases.set(16);
  }

  // The server is made on first use, so that a test can change the config before.
  Server::Local& local() {
    if (local_ == nullptr) local_ = std::make_unique<Server::Local>(config, clock);
    return *local_;
  }
  Server::Local::Connection Connect(size_t worker = 0) { return local().Connect(worker); }
  void Advance(int64_t ms) {
    clock.AdvanceMillis(ms);
    local().RunUntilIdle();
  }

  FakeClock clock{1'700'000'000'000};
  Config config;

 private:
  std::unique_ptr<Server::Local> local_;
};

}  // namespace alai
