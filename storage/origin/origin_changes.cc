// What the database tells of by itself: changes, and that it cannot tell of them.
#include <pthread.h>

#include <algorithm>
#include <utility>

#include "engine/base/log.h"
#include "storage/origin/flight.h"
#include "storage/origin/origin.h"

namespace alai::origin {
namespace {

bool Concerns(const RuleState& state) { return state.rule->on_change != OnChange::kNone; }

// The shortest stale-ttl of those of the rules that the key matches; -1: none.
int64_t StaleMillis(const RuleStates& rules, int db, std::string_view key) {
  int64_t least = -1;
  for (const std::shared_ptr<RuleState>& state : rules) {
    const Rule& rule = *state->rule;
    if (rule.db != db || !rule.pattern.Match(key, nullptr)) continue;
    if (least < 0 || rule.stale_ttl_ms < least) least = rule.stale_ttl_ms;
  }
  return least;
}

}  // namespace

bool Origin::Invalidate(const RuleState& state, KeyView key, bool erase) {
  const uint32_t index = store_.ShardIndex(key.hash);
  Shard& shard = store_.shard(index);
  const int db_index = state.rule->db;
  std::lock_guard guard(listener_mutex_);
  if (listener_thread_ == nullptr) return false;
  listener_thread_->GoOnline();
  Tally tally;
  shard.lock.Lock();
  Db db(store_, *listener_thread_, tally, db_index, Access::kLocked, store_.clock().WallMillis());
  shard.marks.Wipe(db_index, key);
  // What the database is still to get is newer than what it tells of.
  erase = erase && behind_.Look(db_index, key) == WriteBehind::Known::kNothing;
  const Record* record = db.Find(key, Lookup::kPeek);
  const bool keep = !erase && record != nullptr && record->from_origin();
  if (record != nullptr && !keep && erase && db.Erase(key, FreeCause::kUnlink)) {
    db.Notify(KeyEventClass::kGeneric, "del", key);
  }
  store_.ServeWaiters(*listener_thread_, db.now(), index);
  shard.lock.Unlock();
  listener_thread_->GoOffline();
  return keep;
}

void Origin::OnChange(std::string_view rule, const KeyArguments& arguments, int64_t lag_ms) {
  const std::shared_ptr<RuleState> state = StateOf(rule);
  std::string key;
  if (state == nullptr || !Concerns(*state) || !state->rule->pattern.Build(arguments, &key)) return;
  state->figures.Add(RuleFigures::kInvalidations);
  if (lag_ms >= 0) state->figures.RecordLag(lag_ms);
  const KeyView view = MakeKey(key);
  const bool reload = state->rule->on_change == OnChange::kReload && !paused() && active();
  const bool left = Invalidate(*state, view, !reload);
  // A client's own value is not loaded anew, and what cannot be loaded anew must not stay.
  const bool begun = left && Reload(state->rule->db, key, *state, true);
  if (reload && !begun) Invalidate(*state, view, true);
}

void Origin::OnAllChanged(std::string_view rule) {
  const std::shared_ptr<RuleState> state = StateOf(rule);
  if (state == nullptr || !Concerns(*state)) return;
  state->figures.Add(RuleFigures::kInvalidations);
  DoubtUnheard({state}, DoubtCause::kChange, nullptr);
}

bool Origin::SetHearing(uint64_t connections, std::atomic<bool>* flag, bool value) {
  std::lock_guard guard(mutex_);
  const bool present = connections_ != nullptr && connections_->id == connections;
  return present && flag->exchange(value) != value;
}

void Origin::OnDeaf(uint64_t connections, std::string_view why) {
  if (!SetHearing(connections, &deaf_, true)) return;
  Log(LogLevel::kWarning, "Changes in the origin are not heard of at the moment: %.*s",
      static_cast<int>(why.size()), why.data());
  NoteError(absl::UnavailableError("changes are not heard of: " + std::string(why)));
  DoubtUnheard(states(), DoubtCause::kSilence,
               [this, connections] { SetHearing(connections, &listening_, false); });
}

void Origin::OnListening(uint64_t connections) {
  if (SetHearing(connections, &deaf_, false)) {
    Log(LogLevel::kNotice, "Changes in the origin are heard of again.");
  }
  DoubtUnheard(states(), DoubtCause::kSilence,
               [this, connections] { SetHearing(connections, &listening_, true); });
}

void Origin::DoubtUnheard(const RuleStates& rules, DoubtCause cause, std::function<void()> then) {
  RuleStates doubted;
  for (const std::shared_ptr<RuleState>& state : rules) {
    if (Concerns(*state)) doubted.push_back(state);
  }
  std::lock_guard guard(mutex_);
  BeginDoubt(std::move(doubted), cause, std::move(then));
}

// Orders for one cause become one, so that there are never more than three.
void Origin::BeginDoubt(RuleStates rules, DoubtCause cause, std::function<void()> then) {
  if (rules.empty() && then == nullptr) return;
  auto at = std::find_if(doubts_.begin(), doubts_.end(),
                         [cause](const DoubtOrder& order) { return order.cause == cause; });
  if (at == doubts_.end()) at = doubts_.insert(at, {{}, cause, nullptr});
  DoubtOrder& order = *at;
  for (std::shared_ptr<RuleState>& state : rules) {
    const bool known =
        std::find(order.rules.begin(), order.rules.end(), state) != order.rules.end();
    if (!known) order.rules.push_back(std::move(state));
  }
  if (then != nullptr) order.then = std::move(then);
  WakeDoubter();
}

void Origin::WakeDoubter() {
  if (std::exchange(doubting_, true)) return;
  // The one before ended with mutex_ held.
  if (doubter_.joinable()) doubter_.join();
  doubter_ = std::thread([this] { DoubterMain(); });
}

// Looking through all keys takes its time, and a listener has more to hear meanwhile.
void Origin::DoubterMain() {
  pthread_setname_np(pthread_self(), "alai-doubt");
  StoreThread* thread = store_.RegisterThread();
  thread->GoOffline();
  std::unique_lock lock(mutex_);
  while (!doubts_.empty() || !to_forget_.empty()) {
    const auto to_forget = std::exchange(to_forget_, {});
    DoubtOrder order;
    if (!doubts_.empty()) {
      order = std::move(doubts_.front());
      doubts_.pop_front();
    }
    lock.unlock();
    for (const auto& flight : to_forget) Forget(*flight);
    Doubt(*thread, order.rules, order.cause);
    if (order.then != nullptr) order.then();
    lock.lock();
  }
  doubting_ = false;
  for (const auto& wake : std::exchange(when_doubted_, {})) wake();
  store_.UnregisterThread(thread);
}

void Origin::Doubt(StoreThread& thread, const RuleStates& rules, DoubtCause cause) {
  if (rules.empty()) return;
  // What is being loaded may be old, and what was not there may be there by now. A load that puts its value in
  // place before this has done so before the keys are looked through.
  for (uint32_t i = 0; i < store_.shard_count(); ++i) {
    Shard& shard = store_.shard(i);
    shard.lock.Lock();
    for (const auto& state : rules) shard.marks.WipeDatabase(state->rule->db);
    shard.lock.Unlock();
  }
  const UnixMillis now = store_.clock().WallMillis();
  struct Doubted {
    std::string key;
    int64_t stale_ms;
  };
  std::vector<Doubted> keys;
  for (int db_index = 0; db_index < store_.databases(); ++db_index) {
    const bool any = std::any_of(rules.begin(), rules.end(), [db_index](const auto& state) {
      return state->rule->db == db_index;
    });
    uint64_t cursor = 0;
    do {
      if (!any) break;
      keys.clear();
      thread.GoOnline();
      cursor = store_.Scan(
          thread, db_index, cursor, 1, now,
          [&](const Record& record) {
            // Rules that load otherwise say nothing of what a client has written.
            if (!record.from_origin() && cause == DoubtCause::kRules) return;
            const int64_t stale_ms = StaleMillis(rules, db_index, record.key());
            if (stale_ms >= 0) keys.push_back({std::string(record.key()), stale_ms});
          },
          ScanStop::kSegmentEnd);
      for (const Doubted& each : keys) {
        DoubtValue(thread, db_index, MakeKey(each.key), cause, each.stale_ms);
      }
      thread.GoOffline();
    } while (cursor != 0);
  }
}

void Origin::DoubtValue(StoreThread& thread, int db_index, KeyView key, DoubtCause cause,
                        int64_t stale_ms) {
  const uint32_t index = store_.ShardIndex(key.hash);
  Shard& shard = store_.shard(index);
  Tally tally;
  shard.lock.Lock();
  Db db(store_, thread, tally, db_index, Access::kLocked, store_.clock().WallMillis());
  Record* record = db.Find(key, Lookup::kPeek);
  const bool loaded = record != nullptr && record->from_origin();
  // What the database is still to get is newer than anything that was not heard.
  const bool written = record != nullptr && !loaded && cause != DoubtCause::kRules &&
                       behind_.Look(db_index, key) == WriteBehind::Known::kNothing;
  if (loaded && cause == DoubtCause::kSilence && stale_ms > 0) {
    db.Hasten(key, record, db.now() + stale_ms);
  } else if ((loaded || written) && db.Erase(key, FreeCause::kUnlink)) {
    db.Notify(KeyEventClass::kGeneric, "del", key);
  }
  store_.ServeWaiters(thread, db.now(), index);
  shard.lock.Unlock();
}

}  // namespace alai::origin
