// What the database tells of by itself: changes, and that it cannot tell of them.
#include <algorithm>
#include <utility>

#include "engine/base/log.h"
#include "storage/origin/flight.h"
#include "storage/origin/origin.h"

namespace alai::origin {
namespace {

bool Concerns(const RuleState& state) { return state.rule->on_change != OnChange::kNone; }

// The shortest stale-ttl of those of the rules that the key matches; -1: none.
int64_t StaleMillis(const std::vector<const RuleState*>& rules, int db, std::string_view key) {
  int64_t least = -1;
  for (const RuleState* state : rules) {
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
  if (left) {
    Reload(state->rule->db, key, *state, true);
  } else if (reload) {
    // A client's own value is not loaded anew.
    Invalidate(*state, view, true);
  }
}

void Origin::OnAllChanged(std::string_view rule) {
  const std::shared_ptr<RuleState> state = StateOf(rule);
  if (state == nullptr || !Concerns(*state)) return;
  state->figures.Add(RuleFigures::kInvalidations);
  Doubt({state}, false);
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
  Doubt(states(), true);
  SetHearing(connections, &listening_, false);
}

void Origin::OnListening(uint64_t connections) {
  if (SetHearing(connections, &deaf_, false)) {
    Log(LogLevel::kNotice, "Changes in the origin are heard of again.");
  }
  Doubt(states(), true);
  SetHearing(connections, &listening_, true);
}

void Origin::Doubt(const RuleStates& rules, bool may_hold) {
  std::vector<const RuleState*> doubted;
  for (const std::shared_ptr<RuleState>& state : rules) {
    if (Concerns(*state)) doubted.push_back(state.get());
  }
  if (doubted.empty()) return;
  // What is being loaded may be old, and what was not there may be there by now. A load that puts its value in
  // place before this has done so before the keys are looked through.
  for (uint32_t i = 0; i < store_.shard_count(); ++i) {
    Shard& shard = store_.shard(i);
    shard.lock.Lock();
    for (const RuleState* state : doubted) shard.marks.WipeDatabase(state->rule->db);
    shard.lock.Unlock();
  }
  std::lock_guard guard(listener_mutex_);
  if (listener_thread_ == nullptr) return;
  const UnixMillis now = store_.clock().WallMillis();
  struct Doubted {
    std::string key;
    int64_t stale_ms;
  };
  std::vector<Doubted> keys;
  for (int db_index = 0; db_index < store_.databases(); ++db_index) {
    const bool any = std::any_of(doubted.begin(), doubted.end(), [db_index](const RuleState* s) {
      return s->rule->db == db_index;
    });
    uint64_t cursor = 0;
    do {
      if (!any) break;
      keys.clear();
      listener_thread_->GoOnline();
      cursor = store_.Scan(
          *listener_thread_, db_index, cursor, 1, now,
          [&](const Record& record) {
            if (!record.from_origin()) return;
            const int64_t stale_ms = StaleMillis(doubted, db_index, record.key());
            if (stale_ms >= 0) keys.push_back({std::string(record.key()), stale_ms});
          },
          ScanStop::kSegmentEnd);
      for (const Doubted& each : keys) {
        DoubtLoaded(*listener_thread_, db_index, MakeKey(each.key), may_hold ? each.stale_ms : 0);
      }
      listener_thread_->GoOffline();
    } while (cursor != 0);
  }
}

void Origin::DoubtLoaded(StoreThread& thread, int db_index, KeyView key, int64_t stale_ms) {
  const uint32_t index = store_.ShardIndex(key.hash);
  Shard& shard = store_.shard(index);
  Tally tally;
  shard.lock.Lock();
  Db db(store_, thread, tally, db_index, Access::kLocked, store_.clock().WallMillis());
  Record* record = db.Find(key, Lookup::kPeek);
  if (record != nullptr && record->from_origin()) {
    if (stale_ms > 0) {
      db.Hasten(key, record, db.now() + stale_ms);
    } else if (db.Erase(key, FreeCause::kUnlink)) {
      db.Notify(KeyEventClass::kGeneric, "del", key);
    }
  }
  store_.ServeWaiters(thread, db.now(), index);
  shard.lock.Unlock();
}

}  // namespace alai::origin
