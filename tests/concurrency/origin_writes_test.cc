// Of writes through of one key that go on at once, changes of others among them, none stays in the cache that the
// database does not hold in the end.
//
// In each round several writers pass on a value each, and do in memory what they have written once they are told that
// the database has it, in whatever order that comes to be: as commands do, after a while. Some go away without. When
// all is quiet, a key holds what its row does, or nothing.
#include <atomic>
#include <barrier>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "engine/base/random.h"
#include "engine/store.h"
#include "engine/types/strings.h"
#include "storage/origin/origin.h"
#include "storage/origin/rule_text.h"
#include "tests/catch.h"
#include "tests/storage/origin/fake_source.h"

namespace alai::origin {
namespace {

constexpr int kWriters = 3;
constexpr int kKeys = 2;
constexpr int kRounds = 300;

enum class Bug : uint8_t { kNone, kNoMark };

class Race {
 public:
  explicit Race(Bug bug) : bug_(bug), store_({.databases = 1, .shards = 2}), origin_(store_) {
    const std::vector<std::string> words = {"m",      "m:{id:int}",
                                            "write",  "through",
                                            "upsert", "INSERT INTO t VALUES ($1, $2)",
                                            "delete", "DELETE FROM t WHERE id = $1",
                                            "query",  "SELECT v FROM t WHERE id = $1"};
    auto rule = std::make_shared<Rule>();
    REQUIRE(ReadRule(words, rule.get()).ok());
    OriginOptions options;
    options.connections = kWriters;
    origin_.SetOptions(options);
    origin_.SetRules({std::move(rule)});
    origin_.Start(std::make_unique<FakeFactory>(database_), nullptr);
  }
  ~Race() { origin_.Stop(); }

  // How many keys held what their rows did not, and how many values stayed.
  struct Result {
    int wrong = 0;
    int kept = 0;
  };
  Result Run(uint64_t seed, int rounds) {
    Result result;
    std::barrier<> gate(kWriters + 2);
    std::vector<std::thread> threads;
    for (int i = 0; i <= kWriters; ++i) {
      threads.emplace_back([this, i, seed, rounds, &gate] {
        StoreThread* thread = store_.RegisterThread();
        Random random(seed + static_cast<uint64_t>(i));
        for (int round = 0; round < rounds; ++round) {
          gate.arrive_and_wait();
          const std::string value = std::to_string(round * (kWriters + 1) + i);
          const std::string id = std::to_string(random.Below(kKeys));
          i < kWriters ? Write(*thread, random, id, value) : Change(random, id, value);
          thread->Quiescent();
          thread->GoOffline();
          gate.arrive_and_wait();
          thread->GoOnline();
        }
        store_.UnregisterThread(thread);
      });
    }
    StoreThread* thread = store_.RegisterThread();
    for (int round = 0; round < rounds; ++round) {
      thread->GoOffline();
      gate.arrive_and_wait();
      gate.arrive_and_wait();
      while (origin_.doubting()) std::this_thread::yield();
      thread->GoOnline();
      Compare(*thread, &result);
      thread->Quiescent();
    }
    for (std::thread& each : threads) each.join();
    store_.UnregisterThread(thread);
    return result;
  }

 private:
  void Write(StoreThread& thread, Random& random, const std::string& id, const std::string& value) {
    KeyArguments arguments;
    const std::string name = "m:" + id;
    const KeyView key = MakeKey(name);
    const std::shared_ptr<RuleState> state = origin_.WriterOf(0, name, &arguments);
    std::atomic<bool> woken{false};
    Wait wait(origin_, [&woken] { woken = true; });
    std::string why;
    if (!origin_.Write(state, {{name, key.hash}}, {{arguments, value}}, wait, &why)) return;
    thread.GoOffline();
    while (!woken) std::this_thread::yield();
    std::this_thread::sleep_for(std::chrono::microseconds(random.Below(200)));
    thread.GoOnline();
    wait.Take(false);
    if (wait.written().empty() || random.Below(8) == 0) return;
    Shard& shard = store_.shard(store_.ShardIndex(key.hash));
    shard.lock.Lock();
    const bool owned = shard.marks.Owns(0, key, wait.written().front().mark);
    Tally tally;
    Db db(store_, thread, tally, 0, Access::kLocked, store_.clock().WallMillis());
    db.Put(key, strings::DraftOf(key, value));
    if (!owned && bug_ == Bug::kNone) db.Erase(key);
    shard.lock.Unlock();
    wait.NoteRun();
  }

  void Change(Random& random, const std::string& id, const std::string& value) {
    std::this_thread::sleep_for(std::chrono::microseconds(random.Below(200)));
    database_.Put(id, value);
    database_.sink()->OnChange("m", {id}, -1);
  }

  void Compare(StoreThread& thread, Result* result) {
    for (int i = 0; i < kKeys; ++i) {
      LoadResult row;
      REQUIRE(database_.Load(std::vector<KeyArguments>{{std::to_string(i)}}, &row).ok());
      const std::string name = "m:" + std::to_string(i);
      const KeyView key = MakeKey(name);
      Shard& shard = store_.shard(store_.ShardIndex(key.hash));
      shard.lock.Lock();
      Tally tally;
      Db db(store_, thread, tally, 0, Access::kLocked, store_.clock().WallMillis());
      const Record* record = db.Find(key, Lookup::kPeek);
      if (record != nullptr) {
        ++result->kept;
        const bool same = !row.keys[0].rows.empty() &&
                          row.keys[0].rows[0][0] == std::to_string(record->integer());
        if (!same) ++result->wrong;
      }
      shard.lock.Unlock();
    }
  }

  const Bug bug_;
  FakeDatabase database_;
  Store store_;
  Origin origin_;
};

TEST_CASE("writes through of one key leave what the database has, or nothing") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Race race(Bug::kNone);
  const Race::Result result = race.Run(seed, kRounds);
  CHECK(result.wrong == 0);
  CHECK(result.kept > 0);
}

TEST_CASE("writes that do not look whether anything came across them are caught") {
  Race race(Bug::kNoMark);
  CHECK(race.Run(1, 3 * kRounds).wrong > 0);
}

}  // namespace
}  // namespace alai::origin
