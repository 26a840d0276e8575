// The embedding interface, as a program without a server uses it.
#include "engine/cache.h"

#include <array>
#include <set>
#include <thread>
#include <vector>

#include "engine/base/clock.h"
#include "tests/catch.h"

namespace alai {
namespace {

using std::chrono::milliseconds;

TEST_CASE("values are set, read, replaced and erased") {
  Cache cache;
  CHECK(cache.Get("k") == std::nullopt);
  CHECK(cache.Set("k", "one"));
  CHECK(cache.Get("k") == "one");
  CHECK_FALSE(cache.Set("k", "two", {.only = Cache::Only::kIfAbsent}));
  CHECK(cache.Set("k", "two", {.only = Cache::Only::kIfPresent}));
  CHECK(cache.Get("k") == "two");
  CHECK(cache.Contains("k"));
  CHECK(cache.Erase("k"));
  CHECK_FALSE(cache.Erase("k"));
  CHECK_FALSE(cache.Set("k", "three", {.only = Cache::Only::kIfPresent}));
  CHECK_FALSE(cache.Contains("k"));
}

TEST_CASE("a rate limit allows its burst and then what time brings") {
  using std::chrono::nanoseconds;
  using std::chrono::seconds;
  FakeClock clock(1'700'000'000'000);
  Cache cache({.background_expiry = false, .clock = &clock});
  const Cache::RateLimit limit{.burst_max = 1, .count = 1, .period = seconds(10)};
  CHECK(cache.Peek("rate:1", limit)->remaining == 2);
  CHECK(cache.Take("rate:1", limit)->allowed);
  const Result<Cache::RateDecision> last = cache.Take("rate:1", limit);
  REQUIRE(last.ok());
  CHECK(last->allowed);
  CHECK(last->limit == 2);
  CHECK(last->remaining == 0);
  CHECK(last->retry_after == std::nullopt);
  CHECK(last->reset_after == seconds(20));
  clock.AdvanceMillis(1000);
  const Result<Cache::RateDecision> refused = cache.Take("rate:1", limit);
  REQUIRE(refused.ok());
  CHECK_FALSE(refused->allowed);
  CHECK(refused->retry_after == nanoseconds(seconds(9)));
  CHECK(cache.Take("rate:1", limit, 3)->retry_after == std::nullopt);
  clock.AdvanceMillis(9000);
  CHECK(cache.Take("rate:1", limit)->allowed);
  CHECK(cache.Take("rate:1", limit, -1).error() == Errc::kOutOfRange);
  CHECK(cache.Take("rate:1", {.count = 0}).error() == Errc::kOutOfRange);
  CHECK(cache.Peek("rate:1", {.burst_max = -1}).error() == Errc::kOutOfRange);
  cache.Set("text", "x");
  CHECK(cache.Take("text", limit).error() == Errc::kWrongType);
  CHECK(cache.Peek("text", limit).error() == Errc::kWrongType);
}

TEST_CASE("a value is copied into a buffer as far as it fits") {
  Cache cache;
  cache.Set("k", "abcdef");
  std::array<char, 4> small{};
  const Result<size_t> length = cache.Get("k", small);
  REQUIRE(length.ok());
  CHECK(*length == 6);
  CHECK(std::string_view(small.data(), small.size()) == "abcd");
  CHECK(cache.Get("none", small).error() == Errc::kNoKey);
}

TEST_CASE("keys live as long as they were told to") {
  FakeClock clock(1'700'000'000'000);
  Cache cache({.background_expiry = false, .clock = &clock});
  cache.Set("k", "v", {.ttl = milliseconds(100)});
  cache.Set("forever", "v");
  cache.Set("never", "v", {.ttl = milliseconds(0)});
  CHECK_FALSE(cache.Contains("never"));
  CHECK(cache.Ttl("k") == milliseconds(100));
  CHECK(cache.Ttl("forever") == milliseconds::max());
  CHECK(cache.Ttl("none") == std::nullopt);
  clock.AdvanceMillis(40);
  CHECK(cache.Set("k", "w", {.keep_ttl = true}));
  CHECK(cache.Ttl("k") == milliseconds(60));
  CHECK(cache.Expire("k", milliseconds(500)));
  CHECK_FALSE(cache.Expire("none", milliseconds(500)));
  CHECK(cache.Persist("k"));
  CHECK_FALSE(cache.Persist("k"));
  CHECK(cache.Expire("k", milliseconds(20)));
  clock.AdvanceMillis(19);
  CHECK(cache.Get("k") == "w");
  clock.AdvanceMillis(1);
  CHECK(cache.Get("k") == std::nullopt);
  CHECK(cache.GetStats().keys == 1);
  CHECK(cache.GetStats().expired == 1);
}

TEST_CASE("numbers count up and errors say why they do not") {
  Cache cache;
  CHECK(*cache.Increment("n", 5) == 5);
  CHECK(*cache.Increment("n", -7) == -2);
  CHECK(cache.Get("n") == "-2");
  cache.Set("n", "abc");
  CHECK(cache.Increment("n", 1).error() == Errc::kNotInteger);
  cache.Set("n", std::to_string(INT64_MAX));
  CHECK(cache.Increment("n", 1).error() == Errc::kIntegerOverflow);
}

TEST_CASE("a scan visits every key and databases are apart") {
  Cache cache({.databases = 2});
  std::set<std::string> expected;
  for (int i = 0; i < 5'000; ++i) {
    cache.Set("key" + std::to_string(i), "v", {.database = 1});
    expected.insert("key" + std::to_string(i));
  }
  std::set<std::string> seen;
  uint64_t cursor = 0;
  do {
    cursor = cache.Scan(
        cursor, 100, [&seen](std::string_view key) { seen.emplace(key); }, 1);
  } while (cursor != 0);
  CHECK(seen == expected);
  CHECK(cache.GetStats(0).keys == 0);
  cache.Clear(1);
  CHECK(cache.GetStats(1).keys == 0);
}

TEST_CASE("the background thread frees what has expired") {
  Cache cache;
  for (int i = 0; i < 1'000; ++i) {
    cache.Set("key" + std::to_string(i), "v", {.ttl = milliseconds(30)});
  }
  for (int i = 0; i < 500 && cache.GetStats().keys != 0; ++i) {
    std::this_thread::sleep_for(milliseconds(10));
  }
  CHECK(cache.GetStats().keys == 0);
  CHECK(cache.GetStats().expired == 1'000);
}

TEST_CASE("many threads count together without losing a step") {
  Cache cache({.threads = 4});
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&cache] {
      for (int i = 0; i < 10'000; ++i) static_cast<void>(cache.Increment("n", 1));
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(cache.Get("n") == "40000");
}

}  // namespace
}  // namespace alai
