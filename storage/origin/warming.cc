#include "storage/origin/warming.h"

#include <pthread.h>

#include <chrono>
#include <utility>

#include "engine/db.h"
#include "storage/origin/origin.h"

namespace alai::origin {

bool Warming::Start(std::shared_ptr<RuleState> state, std::string query, uint64_t limit,
                    std::unique_ptr<Source> source) {
  std::lock_guard guard(mutex_);
  if (progress_.running) return false;
  if (thread_.joinable()) thread_.join();
  cancelled_ = false;
  state_ = std::move(state);
  source_ = std::move(source);
  progress_ = {};
  progress_.running = true;
  progress_.rule = state_->rule->name;
  thread_ = std::thread([this, query = std::move(query), limit]() mutable {
    Main(query, limit == 0 ? UINT64_MAX : limit);
  });
  return true;
}

bool Warming::Cancel() {
  std::lock_guard guard(mutex_);
  if (!progress_.running) return false;
  cancelled_ = true;
  source_->Interrupt();
  return true;
}

void Warming::Stop() {
  // It may just be about to ask, so one word is not enough.
  while (Cancel()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  if (thread_.joinable()) thread_.join();
  source_.reset();
}

Warming::Progress Warming::progress() const {
  std::lock_guard guard(mutex_);
  return progress_;
}

void Warming::Main(const std::string& query, uint64_t limit) {
  pthread_setname_np(pthread_self(), "alai-warm");
  StoreThread* thread = store_.RegisterThread();
  thread->GoOffline();
  const absl::Status status =
      source_->ListKeys(*state_->rule, query, limit,
                        [this, thread](const KeyArguments& key) { return Visit(*thread, key); });
  store_.UnregisterThread(thread);
  std::lock_guard guard(mutex_);
  progress_.running = false;
  if (cancelled_) {
    progress_.error = "cancelled";
  } else if (status.ok() && !GoesOn()) {
    progress_.error = "the rule is no longer there";
  } else if (!status.ok()) {
    progress_.error = std::string(status.message().data(), status.message().size());
  }
}

bool Warming::Visit(StoreThread& thread, const KeyArguments& arguments) {
  const Rule& rule = *state_->rule;
  std::string key;
  const bool valid = rule.pattern.Build(arguments, &key);
  bool present = false;
  if (valid) {
    thread.GoOnline();
    Tally tally;
    Db db(store_, thread, tally, rule.db, Access::kOptimistic, store_.clock().WallMillis());
    present = db.Find(MakeKey(key), Lookup::kPeek) != nullptr || tally.needs_lock;
    thread.GoOffline();
  }
  bool asked = false;
  while (valid && !present && !asked && GoesOn()) {
    asked = origin_.keys_under_way() < origin_.queue_max() / 2 + 1 &&
            origin_.Load(rule.db, key, false, nullptr);
    if (!asked) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  std::lock_guard guard(mutex_);
  ++progress_.listed;
  progress_.skipped += valid ? 0 : 1;
  progress_.present += present ? 1 : 0;
  progress_.asked += asked ? 1 : 0;
  return GoesOn();
}

bool Warming::GoesOn() const { return !cancelled_ && origin_.active() && !state_->retired; }

}  // namespace alai::origin
