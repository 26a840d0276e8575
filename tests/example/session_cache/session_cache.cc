// A program that keeps its sessions in a cache of its own, without a server: several threads log users
// in, count their visits and look them up again, and what is not used expires.
//
// Prints what it does, and ends with 1 when the cache did not do what it should.

#include <chrono>
#include <cstdio>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "engine/cache.h"

namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;

constexpr int kThreads = 4;
constexpr int kUsersPerThread = 1000;
constexpr int kUsers = kThreads * kUsersPerThread;

std::string SessionKey(int user) { return "session:" + std::to_string(user); }

void LogUsersIn(alai::Cache& cache, int first) {
  for (int user = first; user < first + kUsersPerThread; ++user) {
    cache.Set(SessionKey(user), "token-" + std::to_string(user), {.ttl = minutes(30)});
    (void)cache.Increment("visits", 1);
  }
}

// Waits for the background thread to remove a key that nobody reads.
bool GoesAway(alai::Cache& cache, uint64_t keys_left) {
  for (int i = 0; i < 500; ++i) {
    if (cache.GetStats().keys == keys_left) return true;
    std::this_thread::sleep_for(milliseconds(10));
  }
  return false;
}

int Fail(const char* what) {
  std::printf("FAILED: %s\n", what);
  return 1;
}

}  // namespace

int main() {
  alai::Cache cache({.threads = kThreads});

  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&cache, i] { LogUsersIn(cache, i * kUsersPerThread); });
  }
  for (std::thread& thread : threads) thread.join();

  std::printf("visits: %s\n", cache.Get("visits").value_or("none").c_str());
  if (cache.Get("visits") != std::to_string(kUsers)) return Fail("every visit is counted");

  for (int user = 0; user < kUsers; ++user) {
    const std::optional<std::string> token = cache.Get(SessionKey(user));
    if (token != "token-" + std::to_string(user)) return Fail("every session is found");
  }
  const std::optional<milliseconds> left = cache.Ttl(SessionKey(7));
  if (!left || *left > minutes(30) || *left < minutes(29))
    return Fail("a session has half an hour");

  std::set<std::string> seen;
  uint64_t cursor = 0;
  do {
    cursor = cache.Scan(cursor, 100, [&seen](std::string_view key) { seen.emplace(key); });
  } while (cursor != 0);
  std::printf("keys: %zu\n", seen.size());
  if (seen.size() != kUsers + 1) return Fail("a scan meets every key");

  if (!cache.Erase(SessionKey(7)) || cache.Contains(SessionKey(7)))
    return Fail("who logs out is out");
  if (cache.Set(SessionKey(8), "stolen", {.only = alai::Cache::Only::kIfAbsent})) {
    return Fail("a session is not overwritten");
  }

  cache.Expire(SessionKey(8), milliseconds(50));
  if (!GoesAway(cache, kUsers - 1)) return Fail("an unused session expires");
  const alai::Cache::Stats stats = cache.GetStats();
  std::printf("keys: %llu, with a deadline: %llu, expired: %llu, bytes: %llu\n",
              static_cast<unsigned long long>(stats.keys),
              static_cast<unsigned long long>(stats.keys_with_ttl),
              static_cast<unsigned long long>(stats.expired),
              static_cast<unsigned long long>(stats.bytes));
  if (stats.expired != 1 || stats.keys_with_ttl != kUsers - 2) return Fail("the figures are right");
  return 0;
}
