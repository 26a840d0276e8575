// Writes that a rule passes on to the database before they take effect here.
//
//   worker   command ── Write() ──> waits ───────────────────────> run, its shards locked: marks still there?
//                          │                                  ^      yes: as any write       no: its keys go
//   loader                 └──> marks, statements, COMMIT ────┘
//
// When nobody waits any more, or nobody knows whether the database has committed, the loader forgets the keys; when
// who waited goes after it was told, the doubter does.
#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "engine/base/clock.h"
#include "storage/origin/flight.h"
#include "storage/origin/origin.h"

namespace alai::origin {
namespace {

// From the end of a write that takes too long to its being known; longer than kWriteWatchMillis.
constexpr int64_t kWriteGraceNanos = 100 * kNanosPerMilli;
// From the end of its time to that of a COMMIT of which nothing is heard any more.
constexpr int64_t kCommitGraceNanos = 1000 * kNanosPerMilli;

}  // namespace

std::shared_ptr<RuleState> Origin::WriterOf(int db, std::string_view key,
                                            KeyArguments* arguments) const {
  const Snapshot& rules = snapshot();
  Captures captures;
  const uint32_t index = rules.set.Match(db, key, &captures);
  if (index == RuleSet::kNone) return nullptr;
  std::shared_ptr<RuleState> state = rules.states[index];
  if (state->rule->write == WritePolicy::kNone) return nullptr;
  arguments->assign(captures.begin(), captures.end());
  return state;
}

bool Origin::Write(const std::shared_ptr<RuleState>& state, std::vector<PassedKey> keys,
                   std::vector<WriteRequest> requests, Wait& wait, std::string* why) {
  const Rule& rule = *state->rule;
  if (paused()) {
    *why = "the origin is paused";
    return false;
  }
  if (!breaker_.Admits(NowNanos(), rule.timeout_ms * kNanosPerMilli)) {
    *why = "the origin does not answer";
    return false;
  }
  auto flight = std::make_shared<WriteFlight>();
  flight->state = state;
  flight->deadline_ns = NowNanos() + rule.timeout_ms * kNanosPerMilli;
  flight->keys = std::move(keys);
  for (PassedKey& key : flight->keys) {
    key.mark = next_load_.fetch_add(1, std::memory_order_relaxed);
  }
  {
    std::lock_guard guard(mutex_);
    flight->waiters.push_back({&wait, false});
    wait.flights_.push_back(flight.get());
    wait.write_ = flight;
    wait.deadline_ns_ = flight->deadline_ns + kWriteGraceNanos;
  }
  LoaderCall send = [this, flight, sent = std::move(requests)](Source& source,
                                                               const Connections* connections) {
    SendWrite(flight, sent, source, connections);
  };
  // When both come at one time, the database's word is better: it says that it is well.
  const int64_t watched_ns = flight->deadline_ns + kWriteWatchMillis * kNanosPerMilli;
  if (SubmitCall(std::move(send), rule.timeout_ms + kWriteWatchMillis, watched_ns)) return true;
  *why = "there is no origin, or too much waits for it";
  return false;
}

void Origin::SendWrite(const std::shared_ptr<WriteFlight>& sent,
                       const std::vector<WriteRequest>& requests, Source& source,
                       const Connections* connections) {
  WriteFlight& flight = *sent;
  absl::Status status = absl::UnavailableError("the origin is no longer there");
  if (connections != nullptr && !connections->withdrawn) {
    status = SendNow(sent, requests, source, *connections);
  }
  const auto outcome = status.ok() ? RuleFigures::kWrites : RuleFigures::kWriteErrors;
  flight.state->figures.Add(outcome, requests.size());
  if (!EndWrite(flight, status) && status.ok()) Forget(flight);
}

absl::Status Origin::SendNow(const std::shared_ptr<WriteFlight>& sent,
                             const std::vector<WriteRequest>& requests, Source& source,
                             const Connections& connections) {
  const WriteFlight& flight = *sent;
  const Rule& rule = *flight.state->rule;
  const auto left_ms = [&] { return (flight.deadline_ns - NowNanos()) / kNanosPerMilli; };
  absl::Status status = absl::DeadlineExceededError("the origin takes too long");
  if (left_ms() <= 0) return status;
  BeginMarks(flight);
  // Their shards may have been busy for longer than there was time.
  const int64_t timeout_ms = left_ms();
  if (timeout_ms > 0) {
    std::vector<RuledWrite> writes;
    for (const WriteRequest& request : requests) writes.push_back({rule, request});
    const std::chrono::milliseconds timeout(timeout_ms);
    status = source.Write(writes, timeout, timeout);
    // Another database has its own breaker to mind.
    if (!connections.withdrawn) NoteWriteAnswer(status);
  }
  if (IsInDoubt(status)) {
    Forget(flight);
    std::lock_guard guard(mutex_);
    in_doubt_.push_back({sent, NowNanos() + timeout_ms * kNanosPerMilli + kCommitGraceNanos});
  } else if (!status.ok()) {
    EndMarks(flight);
  }
  return status;
}

// Whatever else becomes of a key from here on, a write, a load or a change that is heard of, takes its mark away.
void Origin::BeginMarks(const WriteFlight& flight) {
  for (const PassedKey& key : flight.keys) {
    Shard& shard = store_.shard(store_.ShardIndex(key.hash));
    shard.lock.Lock();
    shard.marks.BeginLoad(flight.state->rule->db, key.view(), key.mark);
    shard.lock.Unlock();
  }
}

void Origin::EndMarks(const WriteFlight& flight) {
  const int db = flight.state->rule->db;
  for (const PassedKey& key : flight.keys) {
    Shard& shard = store_.shard(store_.ShardIndex(key.hash));
    shard.lock.Lock();
    if (shard.marks.Owns(db, key.view(), key.mark)) shard.marks.Wipe(db, key.view());
    shard.lock.Unlock();
  }
}

bool Origin::EndWrite(WriteFlight& flight, const absl::Status& status) {
  std::lock_guard guard(mutex_);
  const bool told = !flight.waiters.empty();
  flight.taken = told && status.ok();
  for (const Flight::Waiter& waiter : flight.waiters) {
    Wait& wait = *waiter.wait;
    wait.flights_.clear();
    wait.result_.settled = true;
    if (!status.ok()) {
      wait.result_.error =
          "ORIGINERR " + std::string(status.message().data(), status.message().size());
    }
    if (!wait.done_.exchange(true)) wait.wake_();
  }
  flight.waiters.clear();
  return told;
}

void Origin::Forget(const WriteFlight& flight) {
  for (const PassedKey& key : flight.keys) Invalidate(*flight.state, key.view(), true);
}

// The database may have gone on with a COMMIT for as long as a statement takes, and what was there before may have been
// loaded meanwhile.
void Origin::ForgetInDoubt() {
  const int64_t now_ns = NowNanos();
  const auto is_over = [now_ns](const InDoubt& each) { return each.until_ns <= now_ns; };
  for (const InDoubt& each : in_doubt_) {
    if (is_over(each)) to_forget_.push_back(each.flight);
  }
  std::erase_if(in_doubt_, is_over);
  if (!to_forget_.empty()) WakeDoubter();
}

// Without a database nothing of what was there before is loaded any more, and nobody waits for an end. Should there be
// one again before it must have ended, it may be the same.
void Origin::SettleInDoubt(bool had_database) {
  if (!started_) {
    for (const InDoubt& each : in_doubt_) to_forget_.push_back(each.flight);
    if (!to_forget_.empty()) WakeDoubter();
  } else if (!had_database) {
    const int64_t now_ns = NowNanos();
    std::erase_if(in_doubt_, [now_ns](const InDoubt& each) { return each.until_ns <= now_ns; });
  }
}

// A database that takes no writes, as a standby, answers all the same; and that a statement takes too long, as one
// does whose row is locked, says nothing of others: were the breaker to open, reads would suffer for it. Nor does what
// is refused before it is sent, in which the database has no part.
void Origin::NoteWriteAnswer(const absl::Status& status) {
  const bool answered = status.GetPayload({kSqlState.data(), kSqlState.size()}).has_value();
  if (IsReadOnly(status)) NoteAnswer(absl::OkStatus());
  if (IsReadOnly(status) || absl::IsDeadlineExceeded(status) ||
      (absl::IsInvalidArgument(status) && !answered)) {
    NoteError(status);
  } else {
    NoteAnswer(status);
  }
}

UnixMillis Origin::DeadlineOfWritten(const Rule& rule, uint64_t hash, UnixMillis now) const {
  const int64_t life_ms = LifeMillis(rule, hash);
  return life_ms == 0 ? kNoDeadline : now + life_ms;
}

bool Origin::IsOver(const Rule& rule, const Record& record, UnixMillis now) {
  return record.from_origin() && record.has_deadline() && !record.pinned() &&
         record.deadline() - now <= rule.stale_ttl_ms;
}

std::span<const PassedKey> Wait::written() const {
  if (write_ == nullptr || !write_->taken) return {};
  return write_->keys;
}

const RuleState& Wait::writer() const { return *write_->state; }

}  // namespace alai::origin
