// Threads that lock shards in every way at once: nobody is let in beside another, nobody waits for ever.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "engine/base/random.h"
#include "engine/cache.h"
#include "engine/lock_request.h"
#include "engine/store.h"
#include "tests/catch.h"

namespace alai {
namespace {

constexpr auto kDuration = std::chrono::milliseconds(700);
// Far beyond any wait that ends.
constexpr auto kForever = std::chrono::seconds(30);
constexpr uint32_t kShards = 8;

// A request of a thread that sleeps until it is woken.
class Waiter {
 public:
  explicit Waiter(Store& store) : request(store, &Waiter::Wake, this) {}

  // False when no wake-up came for so long that it must have been lost.
  bool Acquire() {
    while (!request.Acquire()) {
      std::unique_lock guard(mutex_);
      if (!changed_.wait_for(guard, kForever, [this] { return woken_; })) return false;
      woken_ = false;
    }
    return true;
  }

 private:
  static void Wake(void* waiter) {
    auto* self = static_cast<Waiter*>(waiter);
    std::lock_guard guard(self->mutex_);
    self->woken_ = true;
    self->changed_.notify_one();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false;

 public:
  LockRequest request;  // destroyed first, so that nobody wakes what is gone
};

class LockStress {
 public:
  template <class F>
  void Run(int threads, F body) {
    std::vector<std::thread> running;
    for (int t = 0; t < threads; ++t) {
      running.emplace_back([this, t, body] {
        Random random(static_cast<uint64_t>(t) + 77);
        while (!stop_.load(std::memory_order_relaxed)) body(random, t);
      });
    }
    std::this_thread::sleep_for(kDuration);
    stop_.store(true);
    for (std::thread& thread : running) thread.join();
  }

  // What a lock protects: plain numbers, so that the sanitizer sees a second owner, too.
  uint64_t counters_[kShards] = {};
  std::atomic<uint64_t> expected_[kShards] = {};
  std::atomic<uint64_t> lost_{0};
  std::atomic<bool> stop_{false};
  Store store_{{.databases = 1, .shards = kShards}};
};

TEST_CASE_METHOD(LockStress,
                 "crossing sets of shards are held by one at a time and by all in the end") {
  Run(4, [&](Random& random, int t) {
    Waiter waiter(store_);
    const bool all = random.Below(64) == 0;
    if (all) {
      waiter.request.shards().AddAll(kShards);
    } else {
      for (uint64_t i = random.Below(4); i < 4; ++i) {
        waiter.request.shards().Add(static_cast<uint32_t>(random.Below(kShards)));
      }
    }
    if (random.Below(16) == 0) waiter.request.WantTurn();
    if (random.Below(8) == 0) {
      // Given up, wherever it stands.
      static_cast<void>(waiter.request.Acquire());
      waiter.request.Cancel();
      return;
    }
    if (!waiter.Acquire()) {
      ++lost_;
      stop_.store(true);
      return;
    }
    waiter.request.shards().ForEach([&](uint32_t shard) {
      ++counters_[shard];
      expected_[shard].fetch_add(1, std::memory_order_relaxed);
    });
    if (random.Below(8) == 0) std::this_thread::yield();
    waiter.request.Release();
  });
  CHECK(lost_ == 0);
  for (uint32_t i = 0; i < kShards; ++i) {
    CHECK(counters_[i] == expected_[i]);
    CHECK(counters_[i] > 0);
    CHECK(store_.shard(i).lock.TryLockOnce());
  }
}

TEST_CASE_METHOD(LockStress, "blocking writers, single requests and transactions share a shard") {
  Run(4, [&](Random& random, int t) {
    const uint32_t shard = static_cast<uint32_t>(random.Below(2));
    ShardLock& lock = store_.shard(shard).lock;
    const auto work = [&] {
      ++counters_[shard];
      expected_[shard].fetch_add(1, std::memory_order_relaxed);
      if (random.Below(4) == 0) std::this_thread::yield();
    };
    switch (random.Below(3)) {
      case 0:
        lock.Lock();
        work();
        lock.Unlock();
        break;
      case 1:
        if (!lock.TryLockOnce()) return;
        work();
        lock.Unlock();
        break;
      default: {
        Waiter waiter(store_);
        waiter.request.shards().Add(shard);
        if (random.Below(2) == 0) waiter.request.shards().Add(1 - shard);
        if (!waiter.Acquire()) {
          ++lost_;
          stop_.store(true);
          return;
        }
        work();
        waiter.request.Release();
      }
    }
  });
  CHECK(lost_ == 0);
  for (const uint32_t shard : {0u, 1u}) CHECK(counters_[shard] == expected_[shard]);
}

TEST_CASE_METHOD(LockStress, "a request for everything is not starved by a stream of small ones") {
  std::atomic<uint64_t> big{0};
  std::atomic<uint64_t> small{0};
  Run(3, [&](Random& random, int t) {
    Waiter waiter(store_);
    if (t == 0) {
      waiter.request.shards().AddAll(kShards);
    } else {
      const auto first = static_cast<uint32_t>(random.Below(kShards - 1));
      waiter.request.shards().Add(first);
      waiter.request.shards().Add(first + 1);
    }
    if (!waiter.Acquire()) {
      ++lost_;
      stop_.store(true);
      return;
    }
    if (t != 0) std::this_thread::yield();
    waiter.request.Release();
    ++(t == 0 ? big : small);
  });
  CHECK(lost_ == 0);
  CHECK(big >= 5);
  CHECK(small >= 5);
}

TEST_CASE("writers wait for a reader that takes long, and go on after it") {
  constexpr size_t kValueBytes = 1 << 20;
  constexpr int kValues = 80;
  Cache cache({.threads = 2});
  const std::string value(kValueBytes, 'v');
  cache.Set("k", value);
  std::atomic<int> written{0};
  std::thread writer;
  int stopped_at = 0;
  // While Scan() shows a key, nothing that it might see is freed.
  cache.Scan(0, 1, [&](std::string_view) {
    writer = std::thread([&] {
      for (int i = 0; i < kValues; ++i) {
        cache.Set("k", value);
        written.fetch_add(1);
      }
    });
    int before = -1;
    while (written.load() != before || before < 20) {
      before = written.load();
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }
    stopped_at = written.load();
    CHECK(cache.Contains("k"));
  });
  writer.join();
  CHECK(written == kValues);
  CHECK(stopped_at < 40);
}

}  // namespace
}  // namespace alai
