// Rules, and those who ask and wait. The connections are in origin_connections.cc, the loaders in origin_loader.cc,
// and what the database tells by itself is in origin_changes.cc.
#include "storage/origin/origin.h"

#include <algorithm>
#include <utility>

#include "engine/base/assert.h"
#include "engine/base/clock.h"
#include "engine/base/random.h"
#include "storage/origin/flight.h"
#include "storage/origin/rule_text.h"

namespace alai::origin {
namespace {

// Whether they have the same keys and find the same values for them.
bool LoadsAlike(const Rule& a, const Rule& b) {
  return a.name == b.name && a.db == b.db && a.pattern.text() == b.pattern.text() &&
         a.type == b.type && a.query == b.query && a.batch_query == b.batch_query;
}

RuleState& StateOfUse(OriginRule* rule) { return *static_cast<RuleState*>(rule); }

// What is thrown away or evicted as often as this before it could be read does not come.
constexpr int kWaitsMax = 4;
constexpr char kTooFickle[] = "the key changes or is evicted faster than it can be loaded";

// Whether who waits has an old value at hand.
bool HasOldValue(const Flight& flight, const Wait& wait) {
  return std::any_of(flight.waiters.begin(), flight.waiters.end(),
                     [&wait](const Flight::Waiter& w) { return w.wait == &wait && w.over; });
}

bool IsAsked(const OriginUse& use, const Origin::Tries& tries) {
  if (use.met.kind == OriginUse::Kind::kHit || use.met.kind == OriginUse::Kind::kLate) return false;
  return !std::binary_search(tries.settled_keys.begin(), tries.settled_keys.end(), use.hash);
}

}  // namespace

Wait::~Wait() { origin_.Leave(*this); }

Wait::Result Wait::Take(bool timed_out) {
  std::lock_guard guard(origin_.mutex_);
  // What is under way may still be done in the database; nobody here runs the command any more.
  if (timed_out && write_ != nullptr && !flights_.empty()) {
    write_->waiters.clear();
    write_.reset();
    flights_.clear();
    result_.settled = true;
    result_.error = "ORIGINERR the origin takes too long";
  }
  for (Flight* flight : timed_out ? std::exchange(flights_, {}) : std::vector<Flight*>()) {
    flight->state->figures.Add(RuleFigures::kTimeouts);
    const bool over = HasOldValue(*flight, *this);
    if (!over) flight->state->figures.Add(RuleFigures::kUnanswered);
    result_.settled_keys.push_back(flight->hash);
    ++result_.failed;
    if (flight->state->rule->on_error == OnError::kError && !over && result_.error.empty()) {
      result_.error = "ORIGINERR the origin takes too long";
    }
    std::erase_if(flight->waiters, [this](const Flight::Waiter& w) { return w.wait == this; });
  }
  result_.settled = result_.settled || (!result_.settled_keys.empty() && !result_.again);
  return result_;
}

// What was asked for may have come already.
void Wait::Seal() {
  std::lock_guard guard(origin_.mutex_);
  sealed_ = true;
  if (flights_.empty()) done_.store(true, std::memory_order_release);
}

Origin::Origin(Store& store)
    : store_(store),
      jitter_seed_(RandomSeed()),
      behind_(store.clock(), [this] { return states(); }) {
  owned_snapshot_ = std::make_unique<const Snapshot>();
  snapshot_.store(owned_snapshot_.get(), std::memory_order_release);
}

Origin::~Origin() { Stop(); }

void Origin::SetOptions(const OriginOptions& options) {
  std::lock_guard guard(mutex_);
  options_ = options;
  behind_.SetLimits(options.behind);
}

void Origin::SetRules(Rules rules) {
  const bool writes_behind = std::any_of(rules.begin(), rules.end(), [](const auto& rule) {
    return rule->write == WritePolicy::kBehind;
  });
  for (const auto& rule : rules) ASSERT(rule->db < store_.databases());
  auto fresh = std::make_unique<Snapshot>();
  std::unique_lock guard(mutex_);
  for (const std::shared_ptr<const Rule>& rule : rules) {
    std::shared_ptr<RuleState> state;
    for (const std::shared_ptr<RuleState>& old : owned_snapshot_->states) {
      if (RuleWords(*old->rule) == RuleWords(*rule)) state = old;
    }
    fresh->states.push_back(state != nullptr ? state : std::make_shared<RuleState>(rule));
  }
  fresh->set = RuleSet(std::move(rules));
  // Before writes by these rules can come.
  behind_.Adopt(fresh->states);
  RetireRules(owned_snapshot_->states, fresh->states);
  snapshot_.store(fresh.get(), std::memory_order_release);
  const uint64_t epoch = store_.reclaimer().TryAdvance();
  std::erase_if(retired_, [epoch](const Retired& old) { return old.epoch + 2 <= epoch; });
  retired_.push_back({std::exchange(owned_snapshot_, std::move(fresh)), epoch});
  passes_writes_ =
      std::any_of(owned_snapshot_->states.begin(), owned_snapshot_->states.end(),
                  [](const auto& state) { return state->rule->write != WritePolicy::kNone; });
  SetActive();
  if (started_) CheckRules();
  guard.unlock();
  OpenJournal(writes_behind);
}

// With mutex_ held. Also what a new rule takes from another, by its prefix or by its place, is doubted.
void Origin::RetireRules(const RuleStates& before, const RuleStates& after) {
  std::vector<size_t> places;
  RuleStates doubted;
  for (const std::shared_ptr<RuleState>& old : before) {
    const auto same = std::find_if(after.begin(), after.end(), [&](const auto& state) {
      return LoadsAlike(*state->rule, *old->rule);
    });
    if (same != after.end()) {
      places.push_back(static_cast<size_t>(same - after.begin()));
      continue;
    }
    old->retired.store(true, std::memory_order_relaxed);
    doubted.push_back(old);
  }
  const bool reordered = !std::is_sorted(places.begin(), places.end());
  for (size_t i = 0; i < after.size() && !before.empty(); ++i) {
    const bool known = std::find(places.begin(), places.end(), i) != places.end();
    if (!known || reordered) doubted.push_back(after[i]);
  }
  BeginDoubt(std::move(doubted), DoubtCause::kRules, nullptr);
}

bool Origin::doubting() const {
  std::lock_guard guard(mutex_);
  return doubting_;
}

bool Origin::AwaitRules(std::function<void()> wake) {
  std::lock_guard guard(mutex_);
  if (doubting_) when_doubted_.push_back(std::move(wake));
  return doubting_;
}

void Origin::SetActive() { active_ = started_ && !owned_snapshot_->set.empty(); }

OriginUse::Met Origin::Judge(int db, KeyView key, const Record* record, UnixMillis now) {
  const Snapshot& rules = snapshot();
  const uint32_t index = rules.set.Match(db, key.bytes, nullptr);
  if (index == RuleSet::kNone) return {};
  RuleState& state = *rules.states[index];
  if (record == nullptr) return {&state, OriginUse::Kind::kMissed};
  const Rule& rule = *state.rule;
  // A client's value is good for as long as it says, and so is a client's deadline.
  if (!record->from_origin() || !record->has_deadline() || record->pinned()) {
    return {&state, OriginUse::Kind::kHit};
  }
  const int64_t left_ms = record->deadline() - now;
  if (left_ms <= rule.stale_ttl_ms) return {&state, OriginUse::Kind::kOver};
  if (rule.refresh_ahead == 0) return {&state, OriginUse::Kind::kHit};
  const auto life_ms = static_cast<double>(LifeMillis(rule, key.hash));
  const auto late_ms = static_cast<int64_t>((1 - rule.refresh_ahead) * life_ms);
  const bool late = left_ms <= rule.stale_ttl_ms + late_ms;
  return {&state, late ? OriginUse::Kind::kLate : OriginUse::Kind::kHit};
}

int64_t Origin::LifeMillis(const Rule& rule, uint64_t hash) const {
  if (deaf_ && rule.on_change != OnChange::kNone) {
    return rule.ttl_ms == 0 ? kDeafTtlMillis : std::min(rule.ttl_ms, kDeafTtlMillis);
  }
  if (rule.ttl_ms == 0) return 0;
  constexpr int kShareBits = 20;
  const uint64_t mixed = (hash ^ jitter_seed_) * 0x9e3779b97f4a7c15;
  const double share = static_cast<double>(mixed >> (64 - kShareBits)) / (1 << kShareBits);
  const auto off = static_cast<int64_t>(rule.ttl_jitter * share * static_cast<double>(rule.ttl_ms));
  return std::max<int64_t>(rule.ttl_ms - off, 1);
}

UnixMillis Origin::DeadlineOf(const Rule& rule, uint64_t hash, UnixMillis now) const {
  const int64_t life_ms = LifeMillis(rule, hash);
  return life_ms == 0 ? kNoDeadline : now + life_ms + rule.stale_ttl_ms;
}

void Origin::Count(std::span<const OriginUse> uses, bool first, bool settled, size_t lane) {
  for (const OriginUse& use : uses) {
    RuleFigures& figures = StateOfUse(use.met.rule).figures;
    switch (use.met.kind) {
      case OriginUse::Kind::kHit:
      case OriginUse::Kind::kLate:
        if (first) figures.AddHit(lane);
        break;
      case OriginUse::Kind::kMissed:
        if (first) figures.Add(RuleFigures::kMisses);
        break;
      case OriginUse::Kind::kOver:
        if (first) figures.Add(RuleFigures::kMisses);
        if (settled) figures.Add(RuleFigures::kStaleServed);
        break;
    }
  }
}

bool Origin::KnownAbsent(int db, KeyView key, UnixMillis now) {
  Shard& shard = store_.shard(store_.ShardIndex(key.hash));
  // Whoever holds it may be writing this very key; the loader looks again.
  if (!shard.lock.TryLockOnce()) return false;
  const bool absent = shard.marks.Absent(db, key, now);
  shard.lock.Unlock();
  return absent;
}

Origin::Answer Origin::Ask(std::span<const OriginUse> uses, const Tries& tries, UnixMillis now,
                           Wait& wait) {
  Answer answer = Answer::kSettled;
  for (const OriginUse& use : uses) {
    if (!IsAsked(use, tries)) continue;
    const Asked asked = AskOne(use, tries, now, wait);
    if (asked == Asked::kRefused) {
      CountRefused(uses.subspan(static_cast<size_t>(&use - uses.data())), tries, wait);
      return Answer::kRefused;
    }
    const bool over = use.met.kind == OriginUse::Kind::kOver;
    if (asked == Asked::kNothing && !over) {
      StateOfUse(use.met.rule).figures.Add(RuleFigures::kUnanswered);
    }
    if (asked == Asked::kWaits) answer = Answer::kWait;
  }
  wait.Seal();
  return answer;
}

// Who is refused one key gets none of the others either: those asked for before, and the rest.
void Origin::CountRefused(std::span<const OriginUse> rest, const Tries& tries, const Wait& wait) {
  for (const OriginUse& use : rest) {
    const bool asked = IsAsked(use, tries) && use.met.kind != OriginUse::Kind::kOver;
    if (asked) StateOfUse(use.met.rule).figures.Add(RuleFigures::kUnanswered);
  }
  std::lock_guard guard(mutex_);
  for (const Flight* flight : wait.flights_) {
    if (!HasOldValue(*flight, wait)) flight->state->figures.Add(RuleFigures::kUnanswered);
  }
}

void Origin::Refresh(std::span<const OriginUse> uses) {
  for (const OriginUse& use : uses) {
    if (use.met.kind != OriginUse::Kind::kLate) continue;
    Reload(use.db, use.key, StateOfUse(use.met.rule), false);
  }
}

Origin::Asked Origin::AskOne(const OriginUse& use, const Tries& tries, UnixMillis now, Wait& wait) {
  RuleState& state = StateOfUse(use.met.rule);
  const Rule& rule = *state.rule;
  const bool over = use.met.kind == OriginUse::Kind::kOver;
  // What waits for the database says what it will have, whether it answers or not.
  const bool written = behind_.Look(use.db, {use.key, use.hash}) == WriteBehind::Known::kWhole;
  if (!over && !written && rule.negative_ttl_ms != 0 &&
      KnownAbsent(use.db, {use.key, use.hash}, now)) {
    if (tries.waits == 0) state.figures.Add(RuleFigures::kNegativeHits);
    return Asked::kKnown;
  }
  if ((paused() && !written) || !active()) return Asked::kNothing;
  std::lock_guard guard(mutex_);
  if (connections_ == nullptr) return Asked::kNothing;
  if (tries.waits >= kWaitsMax) {
    state.figures.Add(RuleFigures::kErrors);
    last_error_ = kTooFickle;
    if (over || rule.on_error == OnError::kNil) return Asked::kNothing;
    wait.result_.error = std::string("ORIGINERR ") + kTooFickle;
    return Asked::kRefused;
  }
  if (!written && !breaker_.Admits(NowNanos(), rule.timeout_ms * kNanosPerMilli)) {
    if (over || rule.on_error == OnError::kNil) return Asked::kNothing;
    wait.result_.error = "ORIGINERR the origin does not answer";
    return Asked::kRefused;
  }
  bool fresh = false;
  Flight* flight = FindFlight(use.db, use.key, state, &fresh);
  if (flight == nullptr) {
    state.figures.Add(RuleFigures::kOverloads);
    if (over || rule.on_overload == OnOverload::kNil) return Asked::kNothing;
    wait.result_.error = "ORIGINBUSY too many keys are being loaded from the origin";
    return Asked::kRefused;
  }
  // Who has waited as long as the rule allows got nothing; nor would the next.
  if (!fresh && flight->deadline_ns <= NowNanos()) return Asked::kNothing;
  if (!fresh) state.figures.Add(RuleFigures::kCoalesced);
  Join(*flight, over, wait);
  return Asked::kWaits;
}

Flight* Origin::FindFlight(int db, std::string_view key, RuleState& state, bool* fresh) {
  FlightKey place{db, std::string(key)};
  const auto at = flights_.find(place);
  *fresh = at == flights_.end();
  if (!*fresh) return at->second.get();
  if (connections_ == nullptr || flights_.size() >= options_.queue_max) return nullptr;
  auto made = std::make_unique<Flight>();
  Captures captures;
  if (!state.rule->pattern.Match(key, &captures)) return nullptr;
  made->state = state.shared_from_this();
  made->db = db;
  made->key = key;
  made->hash = Hash(key);
  made->arguments.assign(captures.begin(), captures.end());
  made->asked_ns = NowNanos();
  made->deadline_ns = made->asked_ns + state.rule->timeout_ms * kNanosPerMilli;
  Flight* flight = made.get();
  flights_.emplace(std::move(place), std::move(made));
  under_way_.store(flights_.size(), std::memory_order_relaxed);
  Queue(*flight);
  return flight;
}

void Origin::Queue(Flight& flight) {
  RuleState& state = *flight.state;
  if (state.queue.empty()) ready_.push_back(flight.state);
  state.queue.push_back(&flight);
  const size_t waiting = state.queue.size();
  if (waiting == 1 || waiting == state.rule->batch_keys_max) WakeLoader();
}

void Origin::Join(Flight& flight, bool over, Wait& wait) {
  wait.deadline_ns_ = std::max(wait.deadline_ns_, flight.deadline_ns);
  for (const Flight::Waiter& other : flight.waiters) {
    if (other.wait == &wait) return;
  }
  flight.waiters.push_back({&wait, over});
  wait.flights_.push_back(&flight);
}

void Origin::Leave(Wait& wait) {
  std::lock_guard guard(mutex_);
  for (Flight* flight : wait.flights_) {
    std::erase_if(flight->waiters, [&wait](const Flight::Waiter& w) { return w.wait == &wait; });
  }
  wait.flights_.clear();
  // Not here: threads with an event loop do not wait for shards.
  if (wait.write_ == nullptr || !wait.write_->taken || wait.run_) return;
  to_forget_.push_back(std::move(wait.write_));
  WakeDoubter();
}

bool Origin::Reload(int db, std::string_view key, RuleState& state, bool changed) {
  if (paused() || !active()) return false;
  std::lock_guard guard(mutex_);
  if (!changed && !breaker_.Admits(NowNanos(), state.rule->timeout_ms * kNanosPerMilli)) {
    return false;
  }
  bool fresh = false;
  Flight* flight = FindFlight(db, key, state, &fresh);
  if (flight == nullptr) return false;
  if (fresh && !changed) state.figures.Add(RuleFigures::kRefreshes);
  if (changed) flight->changed = true;
  flight->asked_again = flight->asked_again || (changed && !fresh);
  return true;
}

// The one load that the breaker lets try is not for those, nor is the half of the queue that is left to whoever waits.
void Origin::LoadAhead(std::span<const OriginUse> uses, UnixMillis now) {
  if (paused() || !active()) return;
  for (const OriginUse& use : uses) {
    if (use.met.kind != OriginUse::Kind::kMissed && use.met.kind != OriginUse::Kind::kOver)
      continue;
    RuleState& state = StateOfUse(use.met.rule);
    const bool known =
        state.rule->negative_ttl_ms != 0 && KnownAbsent(use.db, {use.key, use.hash}, now);
    if (known) continue;
    std::lock_guard guard(mutex_);
    if (breaker_.open() || flights_.size() >= options_.queue_max / 2) return;
    bool fresh = false;
    const Flight* flight = FindFlight(use.db, use.key, state, &fresh);
    if (flight != nullptr && fresh) state.figures.Add(RuleFigures::kLoadsAhead);
  }
}

bool Origin::Load(int db, std::string_view key, bool again, Wait* wait) {
  const Snapshot& rules = snapshot();
  const uint32_t index = rules.set.Match(db, key, nullptr);
  if (index == RuleSet::kNone || !active() || paused()) return false;
  RuleState& state = *rules.states[index];
  const KeyView view = MakeKey(key);
  Shard& shard = store_.shard(store_.ShardIndex(view.hash));
  // What is being loaded may be older than this request.
  if (again && shard.lock.TryLock()) {
    shard.marks.Wipe(db, view);
    shard.lock.Unlock();
  }
  std::lock_guard guard(mutex_);
  bool fresh = false;
  Flight* flight = FindFlight(db, key, state, &fresh);
  if (flight == nullptr) return false;
  flight->asked_again = flight->asked_again || (again && !fresh);
  if (again) flight->forced = true;
  if (wait != nullptr) Join(*flight, true, *wait);
  return true;
}

bool Origin::Submit(Call call, int64_t timeout_ms) {
  return SubmitCall([run = std::move(call)](Source& source, const Connections*) { run(source); },
                    timeout_ms, INT64_MAX);
}

bool Origin::SubmitCall(LoaderCall call, int64_t timeout_ms, int64_t until_ns) {
  constexpr size_t kCallsMax = 10'000;
  std::lock_guard guard(mutex_);
  if (connections_ == nullptr || calls_.size() >= kCallsMax) return false;
  calls_.push_back({std::move(call), timeout_ms * kNanosPerMilli, until_ns});
  WakeLoader();
  return true;
}

void Origin::Pause(bool paused) { paused_ = paused; }

std::vector<std::shared_ptr<RuleState>> Origin::states() const {
  std::lock_guard guard(mutex_);
  return owned_snapshot_->states;
}

std::shared_ptr<RuleState> Origin::StateOf(std::string_view name) const {
  std::lock_guard guard(mutex_);
  const uint32_t index = owned_snapshot_->set.Find(name);
  return index == RuleSet::kNone ? nullptr : owned_snapshot_->states[index];
}

std::string Origin::TroubleOf(const RuleState& state) const {
  std::lock_guard guard(mutex_);
  return state.trouble;
}

std::string Origin::last_error() const {
  std::lock_guard guard(mutex_);
  return last_error_;
}

size_t Origin::absent_keys() const {
  size_t sum = 0;
  for (uint32_t i = 0; i < store_.shard_count(); ++i) sum += store_.shard(i).marks.absent();
  return sum;
}

size_t Origin::connections() const {
  std::lock_guard guard(mutex_);
  return connections_ == nullptr ? 0 : connections_->loaders.size();
}

size_t Origin::queue_max() const {
  std::lock_guard guard(mutex_);
  return options_.queue_max;
}

std::string Origin::Warm(std::shared_ptr<RuleState> state, std::string query, uint64_t limit) {
  if (paused()) return "the origin is paused";
  std::unique_ptr<Source> source;
  {
    std::lock_guard guard(mutex_);
    if (connections_ == nullptr) return "there is no database";
    source = connections_->factory->Make();
  }
  const bool began = warming_.Start(std::move(state), std::move(query), limit, std::move(source));
  return began ? "" : "keys are being warmed already";
}

void Origin::ResetFigures() {
  for (const std::shared_ptr<RuleState>& state : states()) state->figures.Reset();
}

}  // namespace alai::origin
