// Removing all the keys of a class, or those of them with a longer prefix, in the background.
//
// A purge removes the keys that were of the class when it was asked for, whatever becomes of the class
// meanwhile: it remembers which longer prefixes belonged to others then.
//
// Purges that are asked for while a pass over the keyspace is under way wait for the next, which serves
// them all: a pass looks at every key once, however many prefixes it removes.
//
// A purge begins by counting up the generation with which writes stamp their records: what is written
// after that is younger than the purge and stays. A generation is one byte, so ages are told apart up to
// 127. Each pass stamps what it finds older than kOldAge anew; and when kGenerationsMax have been used up
// since the last finished pass began, a purge begins only when another has been finished, for which its caller
// waits. All who wait so begin at once, with one generation; so however many they are, the next pass serves them.
//
// Threads     Add() and the figures from any. Step() from any thread without a shard locked; one at a time
//             does the work, the others return at once.
// Invariants  (1) No record is older than kOldAge + kGenerationsMax generations.
//             (2) A shard is locked for at most kRemovalsPerLock removals.
//             (3) At most kWaitingMax purges wait.
//             (4) A pass serves every purge that has begun before it, or stamping old records anew would
//                 hide them from those left out.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/clock.h"
#include "engine/prefix_table.h"
#include "engine/record.h"

namespace alai {

struct KeyClass;
class KeyClasses;
class Store;
class StoreThread;

class KeyPurge {
 public:
  static constexpr size_t kWaitingMax = 10'000;

  struct Job {
    std::string class_name;
    std::string prefix;  // begins with the class's
    // Prefixes of other classes, longer than the class's: their keys stay. nullptr: there are none.
    std::shared_ptr<const PrefixTable> spared;
    uint8_t generation = 0;
    std::atomic<bool> began{false};  // what is written from now on stays
    std::atomic<bool> done{false};
    std::atomic<uint64_t> removed{0};  // once it is done
  };

  explicit KeyPurge(Store& store) : store_(store) {}
  KeyPurge(const KeyPurge&) = delete;
  KeyPurge& operator=(const KeyPurge&) = delete;

  // `key_class` is one of `classes`, which are looked at during this call only. nullptr: too many wait.
  // `on_progress`, if there is one, is called by the thread that works when the purge, unless it has begun
  // already, begins, and when it is done.
  std::shared_ptr<const Job> Add(const KeyClasses& classes, const KeyClass& key_class,
                                 std::string_view prefix, std::function<void()> on_progress);

  // Whether there is something for Step() to do.
  bool pending() const { return pending_.load(std::memory_order_acquire); }

  // Works for about `budget_ns`; true when there is more to do.
  bool Step(StoreThread& thread, UnixMillis now, int64_t budget_ns);

  // Logical databases have changed places, so the present pass looks at them all again.
  void Restart() { restart_.store(true, std::memory_order_relaxed); }

  // Purges of a class that wait or are under way.
  uint64_t Pending(std::string_view class_name) const;
  // How much of its way the present pass has gone, 0 to 100; 0 when there is none.
  int ProgressPercent() const { return progress_.load(std::memory_order_relaxed); }

 private:
  struct Entry {
    std::shared_ptr<Job> job;
    std::function<void()> on_progress;
  };
  using Entries = std::vector<Entry>;
  // Of the present pass, those purges of one prefix that remove the same.
  struct Group {
    Entries entries;  // one at least
    uint64_t removed = 0;

    const Job& job() const { return *entries.front().job; }
  };
  struct Found {
    Record* record;
    bool purged;  // otherwise it is only old
  };

  static constexpr size_t kRemovalsPerLock = 32;
  static constexpr uint8_t kOldAge = 32;
  static constexpr uint8_t kGenerationsMax = 90;

  // With mutex_ held.
  bool MayCountUp() const;
  static void Begin(Job& job, uint8_t generation);
  // Lets those begin who wait for a generation, if there is one; gives them.
  Entries BeginWaiting();
  std::shared_ptr<const PrefixTable> SparedBy(const KeyClasses& classes, const KeyClass& key_class,
                                              std::string_view prefix);

  void BeginPass();
  void EndPass();
  static void CallAll(const Entries& entries);
  // Calls f(group) for each group of purges that remove this record.
  template <class F>
  void ForEachGroupOf(const Record& record, F f);
  bool Visit(StoreThread& thread, UnixMillis now);
  bool Treat(StoreThread& thread, UnixMillis now);
  void TreatOne(StoreThread& thread, UnixMillis now, const Found& found);

  Store& store_;
  mutable std::mutex mutex_;  // guards what follows, groups_ but for who works
  Entries waiting_;
  std::vector<std::vector<Group>> groups_;  // of the present pass, by index in prefixes_
  std::map<std::vector<std::string>, std::shared_ptr<const PrefixTable>> spared_;  // in use
  uint8_t base_generation_ = 0;  // when the last finished pass began
  std::atomic<bool> pending_{false};
  std::atomic<bool> restart_{false};
  std::atomic<int> progress_{0};

  std::mutex step_mutex_;  // guards what follows
  bool in_pass_ = false;
  uint8_t pass_generation_ = 0;
  PrefixTable prefixes_;
  int db_ = 0;
  uint64_t cursor_ = 0;
  std::vector<Found> found_;
};

}  // namespace alai
