// Alai as a library: the keyspace of the server for a program that wants the cache in its own process.
//
//   alai::Cache cache;
//   cache.Set("session:42", token, {.ttl = std::chrono::minutes(30)});
//   if (std::optional<std::string> token = cache.Get("session:42")) …
//   alai::Result<int64_t> visits = cache.Increment("visits", 1);
//
// Threads     Every method may be called from any thread at any time. Reads take no lock; writes wait
//             for at most the one shard they change.
// Invariants  A key is gone, for every reader, from its deadline on; its memory follows within about
//             100 ms when Options::background_expiry is on.
// Errors      Result carries kWrongType, kNotInteger, kIntegerOverflow …; running out of memory throws
//             std::bad_alloc.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "engine/base/result.h"

namespace alai {

class Clock;

class Cache {
 public:
  using Millis = std::chrono::milliseconds;

  struct Options {
    int databases = 1;
    // How many threads will use the cache at once; decides how finely it is locked.
    int threads = 1;
    // A thread of the cache's own removes what has expired. Otherwise call Sweep() now and then.
    bool background_expiry = true;
    // For tests; nullptr: the system's clock.
    const Clock* clock = nullptr;
  };

  enum class Only : uint8_t { kAlways, kIfAbsent, kIfPresent };

  struct SetOptions {
    std::optional<Millis> ttl = {};  // none: the key stays; zero or negative: it is gone at once
    bool keep_ttl = false;           // an existing key keeps its deadline; excludes `ttl`
    Only only = Only::kAlways;
    int database = 0;
  };

  struct Stats {
    uint64_t keys = 0;
    uint64_t keys_with_ttl = 0;
    uint64_t bytes = 0;    // held by the allocator for keys, values and tables
    uint64_t expired = 0;  // keys removed because their time had come
  };

  // `count` tokens come back every `period`, and one more than `burst_max` may be taken at once.
  struct RateLimit {
    int64_t burst_max = 0;
    int64_t count = 1;
    std::chrono::seconds period{1};
  };

  struct RateDecision {
    bool allowed = false;
    int64_t limit = 0;      // tokens of a full bucket
    int64_t remaining = 0;  // tokens left
    // Until as many tokens can be had; nothing when they were, or can never be.
    std::optional<std::chrono::nanoseconds> retry_after = {};
    std::chrono::nanoseconds reset_after{0};  // until the bucket is full
  };

  Cache();
  explicit Cache(const Options& options);
  ~Cache();
  Cache(const Cache&) = delete;
  Cache& operator=(const Cache&) = delete;

  // False when `only` said no.
  bool Set(std::string_view key, std::string_view value);
  bool Set(std::string_view key, std::string_view value, const SetOptions& options);

  std::optional<std::string> Get(std::string_view key, int database = 0);
  // Copies the value into `buffer`, as much of it as fits, and gives its whole length; kNoKey.
  Result<size_t> Get(std::string_view key, std::span<char> buffer, int database = 0);
  bool Contains(std::string_view key, int database = 0);

  // Adds to a number, 0 where there is none, and gives the sum.
  Result<int64_t> Increment(std::string_view key, int64_t by, int database = 0);

  // Takes tokens from a bucket, which is full where there is none, all or nothing. kOutOfRange: a limit
  // or quantity that makes no sense or does not fit 64 bits of nanoseconds.
  Result<RateDecision> Take(std::string_view key, const RateLimit& limit, int64_t quantity = 1,
                            int database = 0);
  // What taking nothing says; never waits for a writer.
  Result<RateDecision> Peek(std::string_view key, const RateLimit& limit, int database = 0);

  bool Erase(std::string_view key, int database = 0);

  // False when there is no such key.
  bool Expire(std::string_view key, Millis ttl, int database = 0);
  // Takes the deadline away; false when there is no such key or it had none.
  bool Persist(std::string_view key, int database = 0);
  // What is left of a key's life; Millis::max() for one without a deadline, nothing for no key.
  std::optional<Millis> Ttl(std::string_view key, int database = 0);

  // One step of an iteration: calls `visit` for about `count` keys and gives the cursor of the next
  // step, 0 at the end. Start with 0. A key that is there throughout is visited at least once.
  uint64_t Scan(uint64_t cursor, size_t count, const std::function<void(std::string_view)>& visit,
                int database = 0);

  void Clear(int database = 0);

  // Removes what has expired, for at most about `budget`; gives how many keys.
  uint64_t Sweep(std::chrono::microseconds budget);

  Stats GetStats(int database = 0);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace alai
