// No load puts back what a write or a change has made old: writers, loaders and readers at once.
//
// The database is a version for each key. A writer counts it up and then removes the key from the cache, as
// applications and triggers do; from then on nobody may read less. Loaders read the version, dawdle, and fill.
#include <array>
#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "engine/base/random.h"
#include "engine/store.h"
#include "engine/types/strings.h"
#include "storage/origin/filler.h"
#include "tests/catch.h"

namespace alai::origin {
namespace {

constexpr size_t kKeys = 4;
constexpr auto kDuration = std::chrono::milliseconds(400);

enum class Bug : uint8_t { kNone, kNoMark };

class Race {
 public:
  explicit Race(Bug bug) : bug_(bug), store_({.databases = 1, .shards = 2}) {}

  // How many reads were of something older than the last write that was done.
  uint64_t Run(uint64_t seed) {
    std::vector<std::thread> threads;
    for (uint64_t i = 0; i < 6; ++i) {
      threads.emplace_back([this, i, seed] {
        StoreThread* thread = store_.RegisterThread();
        Random random(seed + i);
        while (!stop_.load(std::memory_order_relaxed)) {
          const size_t key = random.Below(kKeys);
          if (i < 2) Write(*thread, key);
          if (i == 2 || i == 3) Load(*thread, random, key);
          if (i >= 4) Read(*thread, key);
          thread->Quiescent();
        }
        store_.UnregisterThread(thread);
      });
    }
    std::this_thread::sleep_for(kDuration);
    stop_ = true;
    for (std::thread& thread : threads) thread.join();
    return stale_;
  }
  uint64_t filled() const { return filled_; }

 private:
  struct Row {
    std::atomic<int64_t> version{0};  // in the database
    std::atomic<int64_t> floor{0};    // what has been written and removed from the cache
  };

  static std::string NameOf(size_t key) { return "key" + std::to_string(key); }

  void Write(StoreThread& thread, size_t key) {
    Row& row = rows_[key];
    const int64_t version = row.version.fetch_add(1) + 1;
    const std::string name = NameOf(key);
    const KeyView view = MakeKey(name);
    ShardLock& lock = store_.LockOf(view.hash);
    lock.Lock();
    Tally tally;
    Db db(store_, thread, tally, 0, Access::kLocked, store_.clock().WallMillis());
    db.Erase(view);
    lock.Unlock();
    int64_t floor = row.floor.load();
    while (floor < version && !row.floor.compare_exchange_weak(floor, version)) {
    }
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  }

  void Load(StoreThread& thread, Random& random, size_t key) {
    const std::string name = NameOf(key);
    const KeyView view = MakeKey(name);
    Shard& shard = store_.shard(store_.ShardIndex(view.hash));
    const uint64_t load = next_load_.fetch_add(1);
    SetMark(shard, view, load);
    LoadResult result;
    result.keys.push_back({.rows = {{std::to_string(rows_[key].version.load())}}});
    std::this_thread::sleep_for(std::chrono::microseconds(random.Below(100)));
    if (bug_ == Bug::kNoMark) SetMark(shard, view, load);
    const Rule rule;
    std::string why;
    const FillOrder order{.rule = rule,
                          .db = 0,
                          .key = view,
                          .load = load,
                          .deadline = kNoDeadline,
                          .absent_until = 0,
                          .absent_max = 0,
                          .value_bytes_max = 100};
    if (Fill(store_, thread, order, result, 0, &why) == FillOutcome::kFilled) ++filled_;
  }

  static void SetMark(Shard& shard, KeyView key, uint64_t load) {
    shard.lock.Lock();
    shard.marks.BeginLoad(0, key, load);
    shard.lock.Unlock();
  }

  void Read(StoreThread& thread, size_t key) {
    const int64_t floor = rows_[key].floor.load();
    const std::string name = NameOf(key);
    Tally tally;
    Db db(store_, thread, tally, 0, Access::kOptimistic, store_.clock().WallMillis());
    const Record* record = db.Find(MakeKey(name), Lookup::kPeek);
    if (record != nullptr && record->integer() < floor) ++stale_;
  }

  const Bug bug_;
  Store store_;
  std::array<Row, kKeys> rows_;
  std::atomic<uint64_t> next_load_{1};
  std::atomic<uint64_t> stale_{0};
  std::atomic<uint64_t> filled_{0};
  std::atomic<bool> stop_{false};
};

TEST_CASE("a load never puts back what a write has made old") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Race race(Bug::kNone);
  CHECK(race.Run(seed) == 0);
}

TEST_CASE("loads that do not look whether the key was written meanwhile are caught") {
  bool caught = false;
  for (uint64_t round = 0; round < 50 && !caught; ++round)
    caught = Race(Bug::kNoMark).Run(round) != 0;
  CHECK(caught);
}

}  // namespace
}  // namespace alai::origin
