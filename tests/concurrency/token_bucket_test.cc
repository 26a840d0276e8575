// Many threads at one token bucket: never one token too many, never one too few.
#include "engine/token_bucket.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <vector>

#include "engine/store.h"
#include "engine/types/token_buckets.h"
#include "tests/catch.h"

namespace alai {
namespace {

struct Taken {
  int64_t before_ns;  // steady time around the call
  int64_t after_ns;
  TokenDecision decision;
};

// Every thread takes single tokens `tries` times; gives what each saw.
std::vector<Taken> Hammer(Store& store, const TokenQuota& quota, int threads, int tries) {
  std::vector<std::vector<Taken>> seen(static_cast<size_t>(threads));
  std::vector<std::thread> running;
  for (std::vector<Taken>& mine : seen) {
    running.emplace_back([&store, &quota, &mine, tries] {
      StoreThread* thread = store.RegisterThread();
      const KeyView key = MakeKey("bucket");
      for (int i = 0; i < tries; ++i) {
        const int64_t before_ns = store.steady_time().Nanos();
        store.LockOf(key.hash).Lock();
        Tally tally;
        Db db(store, *thread, tally, 0, Access::kLocked, SystemClock::Get()->WallMillis());
        const Result<TokenDecision> decision = token_buckets::Take(db, key, quota, 1);
        store.LockOf(key.hash).Unlock();
        mine.push_back({before_ns, store.steady_time().Nanos(), *decision});
        thread->Quiescent();
      }
      store.UnregisterThread(thread);
    });
  }
  for (std::thread& thread : running) thread.join();
  std::vector<Taken> all;
  for (const std::vector<Taken>& mine : seen) all.insert(all.end(), mine.begin(), mine.end());
  return all;
}

TEST_CASE("a bucket that does not refill gives exactly its tokens") {
  Store store({.shards = 2});
  const TokenQuota quota = *TokenQuota::Make(999, 1, 100'000);
  std::vector<int64_t> remaining;
  for (const Taken& taken : Hammer(store, quota, 4, 500)) {
    if (!taken.decision.limited) remaining.push_back(taken.decision.remaining);
  }
  // Each number of tokens left was seen once: they were taken one after the other.
  std::sort(remaining.begin(), remaining.end());
  REQUIRE(remaining.size() == 1000);
  for (size_t i = 0; i < remaining.size(); ++i) REQUIRE(remaining[i] == static_cast<int64_t>(i));
}

TEST_CASE("a bucket that refills gives what time brings, and nothing else") {
  Store store({.shards = 2});
  const TokenQuota quota = *TokenQuota::Make(4, 20'000, 1);
  std::vector<Taken> all = Hammer(store, quota, 4, 20'000);
  std::vector<Taken> passed;
  std::copy_if(all.begin(), all.end(), std::back_inserter(passed),
               [](const Taken& taken) { return !taken.decision.limited; });
  REQUIRE(passed.size() > 5);
  // In the order of the bucket's states, each take moved on by one interval from where the one before
  // had left it, or from its own present if the bucket was full by then; so none was lost or doubled.
  std::sort(passed.begin(), passed.end(), [](const Taken& a, const Taken& b) {
    return a.decision.arrival_ns < b.decision.arrival_ns;
  });
  for (size_t i = 1; i < passed.size(); ++i) {
    const int64_t from = passed[i].decision.arrival_ns - quota.interval_ns;
    if (from == passed[i - 1].decision.arrival_ns) continue;
    REQUIRE(from > passed[i - 1].decision.arrival_ns);
    REQUIRE(from >= passed[i].before_ns);
    REQUIRE(from <= passed[i].after_ns);
  }
  // Nobody was refused who had a token coming: at some moment of the call there was none. The bucket had
  // none left at the refusal's own time, which its answer tells.
  for (const Taken& taken : all) {
    if (!taken.decision.limited) continue;
    REQUIRE(taken.decision.retry_after_ns > 0);
    REQUIRE(taken.decision.retry_after_ns <= quota.interval_ns);
    const int64_t now_ns = taken.decision.arrival_ns - taken.decision.reset_after_ns;
    REQUIRE(now_ns >= taken.before_ns);
    REQUIRE(now_ns <= taken.after_ns);
    REQUIRE(taken.decision.arrival_ns + quota.interval_ns - quota.tolerance_ns > now_ns);
  }
}

}  // namespace
}  // namespace alai
