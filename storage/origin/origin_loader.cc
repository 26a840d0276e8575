// The loader threads: from a rule's queue to values in the keyspace.
#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "storage/origin/flight.h"
#include "storage/origin/origin.h"

namespace alai::origin {
namespace {

constexpr int64_t kNanosPerMicro = 1000;
constexpr int64_t kMicrosPerMilli = 1000;
// A call that takes this many times its timeout will not come back by itself.
constexpr int64_t kLoadPatience = 2;
// And a check of a rule, which is more statements.
constexpr int64_t kCheckPatience = 4;

// How many times longer than alone a miss may wait for others while queries of its rule are under way, and up to which
// part of the time that it has.
constexpr int kWindowsMoreMax = 3;
constexpr int64_t kTimeoutsPerWindow = 4;

constexpr char kTooLate[] = "the origin takes too long";

// The database does not answer, which says nothing of the statement.
bool IsGone(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status);
}

bool IsUndone(const Flight& flight) {
  return flight.end == Flight::End::kFailed || flight.end == Flight::End::kWithdrawn;
}

// The statement failed by what some of the keys hold: see source.h.
bool BlamesKeys(const absl::Status& status) {
  if (absl::IsInvalidArgument(status)) return true;
  const auto state = status.GetPayload(absl::string_view(kSqlState.data(), kSqlState.size()));
  return state.has_value() && (state->StartsWith("21") || state->StartsWith("54"));
}

}  // namespace

void Origin::LoaderMain(Loader& loader) {
  pthread_setname_np(pthread_self(), "alai-origin");
  StoreThread* thread = store_.RegisterThread();
  if (loader.of.meter != nullptr) loader.of.meter(*thread);
  thread->GoOffline();
  std::unique_lock lock(mutex_);
  Batch batch;
  QueuedCall call;
  while (WaitForWork(lock, loader.of, &batch, &call)) {
    const std::shared_ptr<RuleState> loaded = batch.empty() ? nullptr : batch.front()->state;
    lock.unlock();
    if (call.run != nullptr) {
      loader.call_until_ns = std::min(NowNanos() + call.timeout_ns, call.until_ns);
      std::exchange(call.run, nullptr)(*loader.source, &loader.of);
      loader.call_until_ns = INT64_MAX;
    } else {
      thread->GoOnline();
      LoadBatch(loader, *thread, std::exchange(batch, {}));
      thread->GoOffline();
    }
    lock.lock();
    if (loaded == nullptr) continue;
    --loaded->loading;
    // What was asked of it meanwhile is due sooner than whoever times it knows.
    if (timing_ && !loaded->queue.empty()) due_.notify_one();
  }
  lock.unlock();
  store_.UnregisterThread(thread);
  loader.ended = true;
}

bool Origin::WaitForWork(std::unique_lock<std::mutex>& lock, const Connections& connections,
                         Batch* batch, QueuedCall* call) {
  std::shared_ptr<RuleState> over;  // its window, as far as this thread has waited
  bool found = false;
  while (!found && !connections.withdrawn) {
    int64_t due_ns = 0;
    const size_t first = FirstDue(&due_ns);
    if (!calls_.empty()) {
      *call = std::move(calls_.front());
      calls_.pop_front();
      found = true;
    } else if (first < ready_.size() && (due_ns <= NowNanos() || ready_[first] == over)) {
      *batch = TakeBatch(first);
      found = true;
    } else if (first == ready_.size() || timing_) {
      work_.wait(lock);
    } else {
      timing_ = true;
      over = ready_[first];
      const auto left = std::chrono::nanoseconds(due_ns - NowNanos());
      if (due_.wait_for(lock, left) == std::cv_status::no_timeout) over = nullptr;
      timing_ = false;
    }
  }
  // What is left is for the next, who also waits for what is not due yet.
  if (!calls_.empty() || !ready_.empty()) WakeLoader();
  return found;
}

// The more of the rule is being loaded already, the more of what is asked meanwhile goes along in one query. But what
// waits for that until its time is nearly over does not come.
int64_t Origin::WindowMicros(const Rule& rule, int loading) {
  const int64_t alone_us = rule.batch_window_us;
  const int64_t longer_us = alone_us * (1 + std::min(loading, kWindowsMoreMax));
  const int64_t limit_us = rule.timeout_ms * kMicrosPerMilli / kTimeoutsPerWindow;
  return std::max(alone_us, std::min(longer_us, limit_us));
}

size_t Origin::FirstDue(int64_t* due_ns) const {
  size_t first = ready_.size();
  for (size_t i = 0; i < ready_.size(); ++i) {
    const Rule& rule = *ready_[i]->rule;
    const std::deque<Flight*>& queue = ready_[i]->queue;
    const bool full = queue.size() >= rule.batch_keys_max;
    const int64_t window_us = full ? 0 : WindowMicros(rule, ready_[i]->loading);
    const int64_t due = queue.front()->asked_ns + window_us * kNanosPerMicro;
    if (first < ready_.size() && *due_ns <= due) continue;
    first = i;
    *due_ns = due;
  }
  return first;
}

Origin::Batch Origin::TakeBatch(size_t ready) {
  const std::shared_ptr<RuleState> state = ready_[ready];
  ready_.erase(ready_.begin() + static_cast<std::ptrdiff_t>(ready));
  Batch batch;
  while (!state->queue.empty() && batch.size() < state->rule->batch_keys_max) {
    batch.push_back(state->queue.front());
    state->queue.pop_front();
  }
  if (!state->queue.empty()) ready_.push_back(state);
  ++state->loading;
  return batch;
}

void Origin::WakeLoader() { timing_ ? due_.notify_one() : work_.notify_one(); }

// One query for all of them. When it fails by what some keys hold, each half is asked for alone, and so on down to
// the keys at fault: less than twice as many queries as there are keys, and none once the database is gone.
void Origin::LoadBatch(Loader& loader, StoreThread& thread, Batch batch) {
  BeginFlights(loader, thread, batch);
  if (batch.empty()) return;
  CountLoads(batch);
  absl::Status status;
  std::vector<Batch> parts;
  parts.push_back(std::move(batch));
  while (!parts.empty()) {
    const Batch part = std::move(parts.back());
    parts.pop_back();
    LoadResult result;
    if (!IsGone(status)) status = Query(loader, thread, part, &result);
    if (loader.of.withdrawn) {
      for (Flight* flight : part) flight->end = Flight::End::kWithdrawn;
      EndFlights(part);
      continue;
    }
    if (part.size() > 1 && BlamesKeys(status)) {
      const auto middle = part.begin() + static_cast<std::ptrdiff_t>(part.size() / 2);
      parts.emplace_back(middle, part.end());
      parts.emplace_back(part.begin(), middle);
      continue;
    }
    const std::string_view why(status.message().data(), status.message().size());
    for (size_t i = 0; i < part.size(); ++i) {
      status.ok() ? Land(loader, *part[i], thread, result, i) : Fail(*part[i], why);
    }
    EndFlights(part);
  }
}

void Origin::BeginFlights(const Loader& loader, StoreThread& thread, Batch& batch) {
  {
    std::lock_guard guard(mutex_);
    // Of a change that was told before now the query knows.
    for (Flight* flight : batch) flight->asked_again = false;
  }
  const UnixMillis now = store_.clock().WallMillis();
  const int64_t now_ns = NowNanos();
  Batch done;
  Batch left;
  Batch parked;
  for (Flight* flight : batch) {
    if (flight->deadline_ns <= now_ns) {
      NoteError(absl::DeadlineExceededError(kTooLate));
      Fail(*flight, kTooLate);
      done.push_back(flight);
      continue;
    }
    Shard& shard = store_.shard(store_.ShardIndex(flight->hash));
    std::optional<std::string> value;
    // Writes are added while their shards are locked: one that is not seen here wipes the mark.
    shard.lock.Lock();
    // What rules load that are replaced, or keys are taken from, is doubted afterwards, which wipes the marks.
    const bool outdated = !IsUpToDate(*flight);
    const WriteBehind::Known known = behind_.Look(flight->db, flight->view(), &value);
    const bool needed = !outdated && IsNeeded(thread, *flight);
    const bool written = needed && known == WriteBehind::Known::kWhole;
    const bool absent = needed && !written && shard.marks.Absent(flight->db, flight->view(), now);
    if (needed && !absent) {
      flight->load = next_load_.fetch_add(1, std::memory_order_relaxed);
      shard.marks.BeginLoad(flight->db, flight->view(), flight->load);
    }
    shard.lock.Unlock();
    if (!needed) flight->end = outdated ? Flight::End::kWithdrawn : Flight::End::kDiscarded;
    if (written) {
      LoadResult result;
      result.keys.emplace_back();
      if (value.has_value()) result.keys[0].rows = {{std::move(value)}};
      Land(loader, *flight, thread, result, 0);
      done.push_back(flight);
      continue;
    }
    if (known == WriteBehind::Known::kPart && needed && !absent) {
      parked.push_back(flight);
      continue;
    }
    if (absent) {
      flight->end = Flight::End::kAbsent;
      flight->state->figures.Add(RuleFigures::kNegativeHits);
    }
    (absent || !needed ? done : left).push_back(flight);
  }
  batch = std::move(left);
  EndFlights(done);
  if (parked.empty()) return;
  {
    std::lock_guard guard(mutex_);
    if (!loader.of.withdrawn) {
      parked_.insert(parked_.end(), parked.begin(), parked.end());
      return LookAtParked();
    }
  }
  for (Flight* flight : parked) flight->end = Flight::End::kWithdrawn;
  EndFlights(parked);
}

bool Origin::IsUpToDate(const Flight& flight) const {
  const Snapshot& rules = snapshot();
  const uint32_t index = rules.set.Match(flight.db, flight.key, nullptr);
  return index != RuleSet::kNone && rules.states[index] == flight.state;
}

bool Origin::IsNeeded(StoreThread& thread, const Flight& flight) {
  if (flight.forced) return true;
  const UnixMillis now = store_.clock().WallMillis();
  Tally tally;
  Db db(store_, thread, tally, flight.db, Access::kLocked, now);
  const Record* record = db.Find(flight.view(), Lookup::kPeek);
  if (record == nullptr || (flight.changed && record->from_origin())) return true;
  return Judge(flight.db, flight.view(), record, now).kind != OriginUse::Kind::kHit;
}

// Those go on whose write has reached the database, and those whose time is over.
void Origin::LookAtParked() {
  const int64_t now_ns = NowNanos();
  for (Flight* flight : std::exchange(parked_, {})) {
    const bool waits = flight->deadline_ns > now_ns &&
                       behind_.Look(flight->db, flight->view()) == WriteBehind::Known::kPart;
    waits ? parked_.push_back(flight) : Queue(*flight);
  }
}

void Origin::CountLoads(const Batch& batch) {
  batch.front()->state->figures.Add(RuleFigures::kLoads, batch.size());
  if (store_.key_classes() == nullptr) return;
  // What a thread has counted goes with it, and loaders come and go.
  std::lock_guard guard(listener_mutex_);
  if (listener_thread_ == nullptr) return;
  listener_thread_->GoOnline();
  for (const Flight* flight : batch) {
    store_.CountClass(*listener_thread_, flight->key, ClassFigures::kLoads);
  }
  listener_thread_->GoOffline();
}

absl::Status Origin::Query(Loader& loader, StoreThread& thread, const Batch& batch,
                           LoadResult* result) {
  RuleState& state = *batch.front()->state;
  const Rule& rule = *state.rule;
  std::vector<KeyArguments> keys;
  for (const Flight* flight : batch) keys.push_back(flight->arguments);
  const int64_t began_ns = NowNanos();
  if (batch.front()->deadline_ns <= began_ns) {
    NoteError(absl::DeadlineExceededError(kTooLate));
    return absl::DeadlineExceededError(kTooLate);
  }
  const int64_t left_ms = (batch.front()->deadline_ns - began_ns) / kNanosPerMilli;
  loader.call_until_ns = began_ns + kLoadPatience * rule.timeout_ms * kNanosPerMilli;
  thread.GoOffline();
  absl::Status status = loader.source->Load(
      rule, keys, std::chrono::milliseconds(std::max<int64_t>(left_ms, 1)), result);
  thread.GoOnline();
  loader.call_until_ns = INT64_MAX;
  state.figures.Add(RuleFigures::kBatches);
  state.figures.RecordLoad(NowNanos() - began_ns);
  // That the database ends a query which was left little time, as it had waited for others, is no failure of it.
  const bool hurried = left_ms < rule.timeout_ms / 2 && absl::IsDeadlineExceeded(status);
  if (!loader.of.withdrawn) hurried ? NoteError(status) : NoteAnswer(status);
  if (status.ok() && result->keys.size() != batch.size()) {
    status = absl::InternalError("the batch query gives keys that were not asked for");
  }
  if (!status.ok()) state.figures.Add(RuleFigures::kFailedBatches);
  if (!status.ok() && !IsGone(status) && !BlamesKeys(status)) NoteTrouble(state, status);
  if (status.ok()) CheckAgain(state);
  return status;
}

void Origin::NoteAnswer(const absl::Status& status) {
  const bool gone = IsGone(status);
  if (!gone && breaker_.Succeeded(NowNanos())) {
    Log(LogLevel::kNotice, "The origin answers again.");
  }
  if (status.ok()) return;
  NoteError(status);
  int failures_max = 0;
  int64_t open_ns = 0;
  {
    std::lock_guard guard(mutex_);
    failures_max = options_.breaker_failures;
    open_ns = options_.breaker_open_ms * kNanosPerMilli;
  }
  if (gone && breaker_.Failed(NowNanos(), failures_max, open_ns)) {
    Log(LogLevel::kWarning, "The origin does not answer, and is left alone for a while: %.*s",
        static_cast<int>(status.message().size()), status.message().data());
  }
}

// The statement failed whatever its keys are: as if the rule had been checked.
void Origin::NoteTrouble(RuleState& state, const absl::Status& status) {
  std::lock_guard guard(mutex_);
  const bool known = !state.trouble.empty();
  state.trouble = std::string(status.message().data(), status.message().size());
  if (known) return;
  Log(LogLevel::kWarning, "Rule %s of the origin: %s", state.rule->name.c_str(),
      state.trouble.c_str());
}

void Origin::NoteError(const absl::Status& status) {
  std::lock_guard guard(mutex_);
  last_error_ = std::string(status.message().data(), status.message().size());
}

void Origin::Land(const Loader& loader, Flight& flight, StoreThread& thread, LoadResult& result,
                  size_t index) {
  const Rule& rule = *flight.state->rule;
  const UnixMillis now = store_.clock().WallMillis();
  uint64_t value_bytes_max = rule.value_bytes_max;
  size_t negative_max = 0;
  {
    std::lock_guard guard(mutex_);
    if (value_bytes_max == 0) value_bytes_max = options_.value_bytes_max;
    negative_max = std::max<size_t>(options_.negative_max / store_.shard_count(), 1);
    if (options_.negative_max == 0) negative_max = 0;
  }
  const FillOrder order{.rule = rule,
                        .db = flight.db,
                        .key = flight.view(),
                        .load = flight.load,
                        .deadline = DeadlineOf(rule, flight.hash, now),
                        .absent_until = rule.negative_ttl_ms == 0 ? 0 : now + rule.negative_ttl_ms,
                        .absent_max = negative_max,
                        .value_bytes_max = value_bytes_max,
                        .withdrawn = &loader.of.withdrawn};
  std::string why;
  RuleFigures& figures = flight.state->figures;
  switch (Fill(store_, thread, order, result, index, &why)) {
    case FillOutcome::kFilled:
      flight.end = Flight::End::kFilled;
      return figures.Add(RuleFigures::kFilled);
    case FillOutcome::kTooLarge:
      figures.Add(RuleFigures::kTooLarge);
      [[fallthrough]];
    case FillOutcome::kAbsent:
      flight.end = Flight::End::kAbsent;
      return figures.Add(RuleFigures::kAbsent);
    case FillOutcome::kDiscarded:
      flight.end = loader.of.withdrawn ? Flight::End::kWithdrawn : Flight::End::kDiscarded;
      return figures.Add(RuleFigures::kDiscarded);
    case FillOutcome::kFailed:
      NoteError(absl::InvalidArgumentError("rule " + rule.name + ": " + why));
      return Fail(flight, why);
  }
}

void Origin::Fail(Flight& flight, std::string_view why) {
  flight.end = Flight::End::kFailed;
  flight.error = why;
  flight.state->figures.Add(RuleFigures::kErrors);
}

void Origin::EndFlights(const Batch& batch) {
  for (Flight* flight : batch) {
    if (!IsUndone(*flight)) continue;
    // A mark that nobody needs any more; and what has changed in the database must not stay.
    if (flight->load != 0) {
      Shard& shard = store_.shard(store_.ShardIndex(flight->hash));
      shard.lock.Lock();
      if (shard.marks.Owns(flight->db, flight->view(), flight->load)) {
        shard.marks.Wipe(flight->db, flight->view());
      }
      shard.lock.Unlock();
    }
    if (flight->changed.exchange(false)) Invalidate(*flight->state, flight->view(), true);
  }
  std::lock_guard guard(mutex_);
  for (Flight* flight : batch) EndFlight(*flight);
}

// With mutex_ held.
void Origin::EndFlight(Flight& flight) {
  for (const Flight::Waiter& waiter : flight.waiters) {
    Wait& wait = *waiter.wait;
    std::erase(wait.flights_, &flight);
    Wait::Result& result = wait.result_;
    if (flight.end == Flight::End::kFilled) ++result.filled;
    if (flight.end == Flight::End::kAbsent) ++result.absent;
    if (flight.end == Flight::End::kFailed) {
      ++result.failed;
      if (!waiter.over) flight.state->figures.Add(RuleFigures::kUnanswered);
      const bool tell = flight.state->rule->on_error == OnError::kError && !waiter.over;
      if (tell && result.error.empty()) result.error = "ORIGINERR " + flight.error;
    }
    if (flight.end == Flight::End::kAbsent || flight.end == Flight::End::kFailed) {
      result.settled_keys.push_back(flight.hash);
    } else if (flight.end != Flight::End::kFilled) {
      result.again = true;
    }
    if (wait.sealed_ && wait.flights_.empty() && !wait.done_.exchange(true)) wait.wake_();
  }
  if (IsUndone(flight) && flight.changed) ForgetSoon(flight.state, flight.key);
  // Even of a value that has been put in place: the change may have been told of behind that.
  const bool again = flight.asked_again && !IsUndone(flight) &&
                     !flight.state->retired.load(std::memory_order_relaxed);
  const std::shared_ptr<RuleState> state = flight.state;
  const int db = flight.db;
  const std::string key = flight.key;
  const bool changed = flight.changed;
  const bool forced = flight.forced;
  flights_.erase({db, key});
  under_way_.store(flights_.size(), std::memory_order_relaxed);
  if (!again) return;
  bool fresh = false;
  if (Flight* next = FindFlight(db, key, *state, &fresh)) {
    next->changed = true;
    if (forced) next->forced = true;
  } else if (changed) {
    ForgetSoon(state, key);
  }
}

// With mutex_ held. It may have changed just now, and whoever comes here may not wait for shards.
void Origin::ForgetSoon(const std::shared_ptr<RuleState>& state, const std::string& key) {
  auto left = std::make_shared<WriteFlight>();
  left->state = state;
  left->keys.push_back({key, Hash(key)});
  to_forget_.push_back(std::move(left));
  WakeDoubter();
}

// With mutex_ held: asks the database what it thinks of each rule.
void Origin::CheckRules() {
  for (const std::shared_ptr<RuleState>& state : owned_snapshot_->states) CheckRule(*state);
}

// With mutex_ held.
void Origin::CheckRule(RuleState& rule_state) {
  rule_state.checked_ns = NowNanos();
  LoaderCall check = [this, state = rule_state.shared_from_this()](Source& source,
                                                                   const Connections* connections) {
    const absl::Status status =
        source.Check(*state->rule, std::chrono::milliseconds(state->rule->timeout_ms));
    // The database in its place is asked as well.
    if (connections == nullptr || connections->withdrawn) return;
    NoteAnswer(status);
    const std::string why(status.message().data(), status.message().size());
    std::lock_guard guard(mutex_);
    state->trouble = why;
    if (!status.ok()) {
      Log(LogLevel::kWarning, "Rule %s of the origin: %s", state->rule->name.c_str(), why.c_str());
    }
  };
  const int64_t timeout_ns = kCheckPatience * rule_state.rule->timeout_ms * kNanosPerMilli;
  calls_.push_back({std::move(check), timeout_ns, INT64_MAX});
  WakeLoader();
}

// A rule that the database had something against has loaded a key: what it was may have been put right.
void Origin::CheckAgain(RuleState& state) {
  constexpr int64_t kBetweenNanos = 1'000'000'000;
  std::lock_guard guard(mutex_);
  if (state.trouble.empty() || NowNanos() - state.checked_ns < kBetweenNanos) return;
  CheckRule(state);
}

}  // namespace alai::origin
