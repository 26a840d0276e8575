// Writers, readers and a sweeper under a limit that they reach at once: it holds, readers see whole
// values, nothing waits for ever, and the figures agree in the end.
#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "engine/base/random.h"
#include "engine/store.h"
#include "engine/types/strings.h"
#include "tests/catch.h"
#include "tests/engine/store_audit.h"

namespace alai {
namespace {

constexpr auto kDuration = std::chrono::milliseconds(1'500);
constexpr uint64_t kLimit = 3 << 20;
constexpr int kWriters = 4;
constexpr size_t kValueBytesMax = 20'000;

UnixMillis Now() { return SystemClock::Get()->WallMillis(); }

// Memory pressure with a policy, until time is over.
class Pressure {
 public:
  Pressure(EvictionPolicy policy, bool volatile_only) : volatile_only_(volatile_only) {
    store_.set_access_clock(policy == EvictionPolicy::kLfu ? AccessClock::kLfu : AccessClock::kLru);
    store_.memory_limit().Set(kLimit);
    store_.eviction().Follow({.policy = policy, .volatile_only = volatile_only, .samples = 5});
  }

  void Run() {
    std::vector<std::thread> threads;
    for (uint64_t i = 0; i < kWriters; ++i) threads.emplace_back([this, i] { Write(i); });
    threads.emplace_back([this] { Read(); });
    threads.emplace_back([this] { Sweep(); });
    threads.emplace_back([this] { Watch(); });
    std::this_thread::sleep_for(kDuration);
    stop_.store(true);
    for (std::thread& thread : threads) thread.join();
  }

  // As a worker does: room first, then the lock.
  void Write(uint64_t number) {
    StoreThread* thread = store_.RegisterThread();
    Random random(number + 1);
    while (!stop_.load(std::memory_order_relaxed)) {
      thread->Quiescent();
      if (!store_.eviction().HasRoom(*thread)) {
        const Room room = store_.eviction().MakeRoom(*thread, Now(), 500'000).room;
        if (room == Room::kNone) refused_.fetch_add(1, std::memory_order_relaxed);
        if (room != Room::kEnough) {
          std::this_thread::yield();
          continue;
        }
      }
      const std::string name = "key" + std::to_string(random.Below(20'000));
      const KeyView key = MakeKey(name);
      strings::SetOptions options;
      if (volatile_only_ || random.OneIn(2)) options.deadline = Now() + 60'000;
      const size_t size = random.OneIn(50) ? kValueBytesMax : random.Below(300);
      store_.LockOf(key.hash).Lock();
      Tally tally;
      Db db(store_, *thread, tally, 0, Access::kLocked, Now());
      static_cast<void>(strings::Set(db, key, std::string(size, name.back()), options));
      store_.LockOf(key.hash).Unlock();
      written_.fetch_add(1, std::memory_order_relaxed);
    }
    store_.UnregisterThread(thread);
  }

  void Read() {
    StoreThread* thread = store_.RegisterThread();
    Random random(99);
    while (!stop_.load(std::memory_order_relaxed)) {
      const std::string name = "key" + std::to_string(random.Below(20'000));
      Tally tally;
      Db db(store_, *thread, tally, 0, Access::kOptimistic, Now());
      const Record* record = db.Find(MakeKey(name));
      if (record != nullptr) {
        const strings::Text text(*record);
        if (text.view().find_first_not_of(name.back()) != std::string_view::npos) ++torn_;
      }
      thread->Quiescent();
    }
    store_.UnregisterThread(thread);
  }

  void Sweep() {
    StoreThread* thread = store_.RegisterThread();
    while (!stop_.load(std::memory_order_relaxed)) {
      store_.Sweep(*thread, Now(), 100'000);
      store_.eviction().Maintain(*thread);
      thread->Quiescent();
      std::this_thread::yield();
    }
    store_.UnregisterThread(thread);
  }

  // Each writer may have one value under way when the limit is reached; segments that are rebuilt then
  // count twice for a moment.
  void Watch() {
    constexpr uint64_t kUnderWay = (kWriters + 1) * (kValueBytesMax + 16 * 1024);
    while (!stop_.load(std::memory_order_relaxed)) {
      const uint64_t used = store_.UsedBytes();
      if (used > kLimit + kUnderWay) exceeded_.store(used, std::memory_order_relaxed);
      std::this_thread::yield();
    }
  }

  const bool volatile_only_;
  Store store_{{.databases = 2, .shards = 4}};
  std::atomic<bool> stop_{false};
  std::atomic<uint64_t> written_{0};
  std::atomic<uint64_t> refused_{0};
  std::atomic<uint64_t> torn_{0};
  std::atomic<uint64_t> exceeded_{0};
};

TEST_CASE("the limit holds while many threads write") {
  const auto policy = GENERATE(EvictionPolicy::kLru, EvictionPolicy::kLfu, EvictionPolicy::kRandom);
  Pressure pressure(policy, false);
  pressure.Run();
  CHECK(pressure.exceeded_ == 0);
  CHECK(pressure.torn_ == 0);
  CHECK(pressure.refused_ == 0);
  CHECK(pressure.written_ > 1'000);
  CHECK(pressure.store_.EvictedKeys() > 0);
  CHECK(AuditStore(pressure.store_) == "");
}

TEST_CASE("the limit holds while threads write what may expire") {
  Pressure pressure(EvictionPolicy::kTtl, true);
  pressure.Run();
  CHECK(pressure.exceeded_ == 0);
  CHECK(pressure.torn_ == 0);
  CHECK(pressure.store_.EvictedKeys() > 0);
  CHECK(AuditStore(pressure.store_) == "");
}

TEST_CASE("writers are refused, not held up, when nothing may go") {
  Pressure pressure(EvictionPolicy::kNone, false);
  pressure.Run();
  CHECK(pressure.exceeded_ == 0);
  CHECK(pressure.refused_ > 0);
  CHECK(pressure.store_.EvictedKeys() == 0);
}

}  // namespace
}  // namespace alai
