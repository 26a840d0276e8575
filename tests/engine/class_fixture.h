// A store with two key classes on a fake clock: "m:" with a time to live, "s:" with one that slides.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/key_classes.h"
#include "engine/store.h"
#include "engine/types/keys.h"
#include "engine/types/strings.h"
#include "tests/catch.h"
#include "tests/engine/all_shards.h"
#include "tests/engine/key_class_rule.h"
#include "tests/engine/recorder.h"

namespace alai {

class ClassFixture {
 public:
  static constexpr UnixMillis kStartMs = 1'700'000'000'000;
  static constexpr int64_t kTtlMs = 64'000;
  static constexpr int64_t kGainMs = kTtlMs / 64;

  ClassFixture() : store_({.databases = 2, .shards = 2, .clock = &clock_}) {
    SetClasses({Rule("m", kTtlMs), Rule("s", kTtlMs, true)});
  }

  void SetClasses(std::vector<KeyClass> classes) {
    const AllShards all(store_);
    store_.SetKeyClasses(thread_, std::move(classes));
  }
  void StartRecording() {
    store_.set_change_log(&recorder_);
    store_.set_key_events(&recorder_);
  }
  template <class F>
  auto With(const std::string& name, F f, int index = 0) {
    const KeyView key = MakeKey(name);
    store_.LockOf(key.hash).Lock();
    Tally tally;
    Db db(store_, thread_, tally, index, Access::kLocked, clock_.WallMillis());
    auto result = f(db, key);
    store_.LockOf(key.hash).Unlock();
    return result;
  }
  void Set(const std::string& key, std::string_view value = "v", UnixMillis deadline = kNoDeadline,
           int index = 0) {
    With(
        key,
        [&](Db& db, KeyView k) {
          strings::Set(db, k, value, deadline);
          return true;
        },
        index);
  }
  bool Expire(const std::string& key, int64_t ms) {
    return With(key, [&](Db& db, KeyView k) { return keys::Expire(db, k, db.now() + ms, 0); });
  }
  bool Persist(const std::string& key) {
    return With(key, [](Db& db, KeyView k) { return keys::Persist(db, k); });
  }
  // As the dispatcher does it: an optimistic lookup, and after it what it has noted.
  bool Read(const std::string& key) {
    Tally tally;
    Db db(store_, thread_, tally, 0, Access::kOptimistic, clock_.WallMillis());
    const bool hit = db.Find(MakeKey(key)) != nullptr;
    store_.RenewSeenSliding(thread_, tally.sliding_seen, clock_.WallMillis());
    return hit;
  }
  std::shared_ptr<const KeyPurge::Job> Purge(std::string_view class_name, std::string_view prefix,
                                             std::function<void()> on_progress = nullptr) {
    const KeyClasses& classes = *store_.key_classes();
    return store_.purge().Add(classes, *classes.FindByName(class_name), prefix,
                              std::move(on_progress));
  }
  // What is left of a key's life, -1 for ever, -2 for none.
  int64_t Ttl(const std::string& key, int index = 0) {
    return With(
        key,
        [](Db& db, KeyView k) -> int64_t {
          const Record* record = db.Find(k, Lookup::kPeek);
          if (record == nullptr) return -2;
          return record->has_deadline() ? record->deadline() - db.now() : -1;
        },
        index);
  }
  ClassTotals& Totals(const std::string& name) {
    totals_ = std::make_unique<ClassTotals>();
    store_.SumClass(store_.key_classes()->FindByName(name)->slot, totals_.get());
    return *totals_;
  }
  void Work() {
    while (store_.ClassWork(thread_, clock_.WallMillis(), 1'000'000'000)) {
    }
    thread_.Quiescent();
  }

  FakeClock clock_{kStartMs};
  Recorder recorder_;
  Store store_;
  StoreThread& thread_ = *store_.RegisterThread();
  std::unique_ptr<ClassTotals> totals_;
};

}  // namespace alai
