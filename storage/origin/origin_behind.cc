// The thread that writes behind: from what waits to the database, in transactions of up to batch-keys statements.
//
// A transaction that fails as a whole is tried again with half of its statements, until one is left that fails
// alone. What the database will never take is dropped then; anything else that it does not take holds up its own key
// only. While there is no database nothing is lost and nothing is dropped.
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "storage/origin/flight.h"
#include "storage/origin/origin.h"

namespace alai::origin {
namespace {

constexpr uint64_t kBatchBytesMax = uint64_t{4} << 20;
// How long the thread rests when nothing can be written for now.
constexpr int64_t kRestMillis = 20;
// While the database does not answer, beside what the breaker says.
constexpr int64_t kPauseNanosMin = 10 * kNanosPerMilli;
constexpr int64_t kPauseNanosMax = 1000 * kNanosPerMilli;
// Of a key whose statement failed, and may not the next time.
constexpr int64_t kHoldNanosMin = 100 * kNanosPerMilli;
constexpr int64_t kHoldNanosMax = 30'000 * kNanosPerMilli;
// So often a statement may fail in a way that says nothing about the next time.
constexpr int kHoldsMax = 12;
// A transaction may take twice the time of one statement, and this share of it for each.
constexpr int64_t kBatchPatience = 2;
constexpr int64_t kStatementsPerTimeout = 16;
constexpr size_t kRefusalsMax = 1000;

bool IsUnreachable(const absl::Status& status) { return absl::IsUnavailable(status); }

// The database will say the same whenever it is asked.
bool IsRefusal(const absl::Status& status) {
  return absl::IsInvalidArgument(status) || absl::IsFailedPrecondition(status) ||
         absl::IsPermissionDenied(status);
}

// What a batch, which may be by several rules, goes by.
struct BatchLimits {
  int64_t window_us = 0;
  size_t items_max = SIZE_MAX;
};

BatchLimits LimitsOf(const RuleStates& states) {
  const Rule defaults;
  BatchLimits limits{defaults.batch_window_us, defaults.batch_keys_max};
  bool any = false;
  for (const auto& state : states) {
    const Rule& rule = *state->rule;
    if (rule.write != WritePolicy::kBehind) continue;
    limits.window_us =
        any ? std::min(limits.window_us, rule.batch_window_us) : rule.batch_window_us;
    limits.items_max =
        any ? std::min<size_t>(limits.items_max, rule.batch_keys_max) : rule.batch_keys_max;
    any = true;
  }
  return limits;
}

int64_t TimeoutOf(const WriteBehind::Batch& batch) {
  int64_t timeout_ms = 1;
  for (const WriteBehind::Item& item : batch) {
    timeout_ms = std::max(timeout_ms, item.state->rule->timeout_ms);
  }
  return timeout_ms;
}

// What tells one refusal from another: the rule and the SQLSTATE.
std::string ReasonOf(const std::string& rule, const absl::Status& status) {
  const auto state = status.GetPayload(absl::string_view(kSqlState.data(), kSqlState.size()));
  return rule + " " +
         (state.has_value() ? std::string(*state) : absl::StatusCodeToString(status.code()));
}

}  // namespace

void Origin::OpenJournal(bool needed) {
  std::string path;
  {
    std::lock_guard guard(mutex_);
    path = options_.journal;
  }
  const bool found = started_ && access(path.c_str(), F_OK) == 0;
  if (path.empty()) return;
  if (needed || found) behind_.Open(path);
  StartWriter();
}

void Origin::StartWriter() {
  std::lock_guard guard(mutex_);
  if (connections_ == nullptr || connections_->writer != nullptr) return;
  if (writers_ending_ > 0 || !behind_.in_use()) return;
  behind_.Begin();
  batch_max_ = SIZE_MAX;
  write_again_ns_ = write_pause_ns_ = 0;
  draining_ = false;
  connections_->writer = std::make_unique<Loader>(*connections_, connections_->factory->Make());
  Loader& writer = *connections_->writer;
  writer.thread = std::thread([this, &writer] { WriterMain(writer); });
}

void Origin::WriterMain(Loader& writer) {
  pthread_setname_np(pthread_self(), "alai-writer");
  StoreThread* thread = store_.RegisterThread();
  if (writer.of.meter != nullptr) writer.of.meter(*thread);
  thread->GoOffline();
  RuleStates rules = states();
  BatchLimits limits = LimitsOf(rules);
  while (behind_.WaitForWork(limits.window_us, limits.items_max)) {
    rules = states();
    limits = LimitsOf(rules);
    if (paused() || (!draining_ && NowNanos() < write_again_ns_)) {
      behind_.Rest(kRestMillis);
      continue;
    }
    const WriteBehind::Batch batch =
        behind_.Take(rules, std::min(batch_max_, limits.items_max), kBatchBytesMax);
    if (batch.empty()) {
      behind_.Rest(kRestMillis);
      continue;
    }
    if (!draining_ && !breaker_.Admits(NowNanos(), TimeoutOf(batch) * kNanosPerMilli)) {
      behind_.Retry(batch);
      behind_.Rest(kRestMillis);
      continue;
    }
    SendBehind(writer, batch);
  }
  store_.UnregisterThread(thread);
  writer.ended = true;
}

void Origin::SendBehind(Loader& writer, const WriteBehind::Batch& batch) {
  const int64_t timeout_ms = TimeoutOf(batch);
  std::vector<RuledWrite> writes;
  for (const WriteBehind::Item& item : batch) writes.push_back({*item.state->rule, item.request()});
  const auto statements = static_cast<int64_t>(writes.size());
  const int64_t patience_ms =
      kBatchPatience * timeout_ms + timeout_ms * statements / kStatementsPerTimeout;
  writer.call_until_ns = NowNanos() + (patience_ms + kWriteWatchMillis) * kNanosPerMilli;
  const absl::Status status = writer.source->Write(writes, std::chrono::milliseconds(timeout_ms),
                                                   std::chrono::milliseconds(patience_ms));
  writer.call_until_ns = INT64_MAX;
  // Were the breaker to open for a statement that takes too long, that one would be each time the one that it lets
  // through.
  if (!writer.of.withdrawn) NoteWriteAnswer(status);
  behind_failing_ = IsUnreachable(status);
  if (status.ok()) {
    NoteWritten(batch);
  } else if (writer.of.withdrawn) {
    // What the database before has against it says nothing of this one.
    behind_.Retry(batch);
  } else {
    NoteFailed(batch, status);
  }
  behind_.Mark();
  std::lock_guard guard(mutex_);
  LookAtParked();
}

void Origin::NoteWritten(const WriteBehind::Batch& batch) {
  const int64_t now_ns = NowNanos();
  write_pause_ns_ = 0;
  batch_max_ = batch_max_ > SIZE_MAX / 2 ? SIZE_MAX : batch_max_ * 2;
  behind_.Written(batch);
  behind_totals_.written += batch.size();
  ++behind_totals_.batches;
  const RuleState* counted = nullptr;
  for (const WriteBehind::Item& item : batch) {
    RuleFigures& figures = item.state->figures;
    const int64_t lag_ms = (now_ns - item.writes.front()->since_ns) / kNanosPerMilli;
    const uint64_t replaced = item.writes.size() - 1;
    if (std::exchange(counted, item.state.get()) != item.state.get()) {
      figures.Add(RuleFigures::kWriteBatches);
    }
    figures.Add(RuleFigures::kWrites);
    figures.Add(RuleFigures::kWritesReplaced, replaced);
    figures.RecordWriteLag(lag_ms);
    behind_totals_.replaced += replaced;
    behind_totals_.lag_ms = lag_ms;
  }
}

void Origin::NoteFailed(const WriteBehind::Batch& batch, const absl::Status& status) {
  const int64_t now_ns = NowNanos();
  const WriteBehind::Item& first = batch.front();
  const bool refused = batch.size() == 1 && IsRefusal(status);
  for (const WriteBehind::Item& item : batch) {
    item.state->figures.Add(RuleFigures::kWriteErrors);
    if (!refused) item.state->figures.Add(RuleFigures::kWriteRetries);
  }
  if (refused) return DropRefused(first, status);
  behind_totals_.retries += batch.size();
  if (batch.size() > 1) batch_max_ = batch.size() / 2;
  if (IsUnreachable(status)) {
    write_pause_ns_ = std::clamp(write_pause_ns_ * 2, kPauseNanosMin, kPauseNanosMax);
    write_again_ns_ = now_ns + write_pause_ns_;
    return behind_.Retry(batch);
  }
  if (batch.size() > 1) return behind_.Retry(batch);
  const int holds = behind_.Hold(first, kHoldNanosMin, kHoldNanosMax);
  const bool may_do = status.code() != absl::StatusCode::kUnknown || holds < kHoldsMax;
  if (!may_do) DropRefused(first, status);
}

// The cache goes by what the database has.
void Origin::DropRefused(const WriteBehind::Item& item, const absl::Status& status) {
  RuleState& state = *item.state;
  const PendingWrite& write = *item.writes.back();
  state.figures.Add(RuleFigures::kWritesDropped);
  state.figures.Add(RuleFigures::kWritesReplaced, item.writes.size() - 1);
  ++behind_totals_.dropped;
  behind_totals_.replaced += item.writes.size() - 1;
  if (refusals_.size() < kRefusalsMax && refusals_.insert(ReasonOf(write.rule, status)).second) {
    Log(LogLevel::kWarning,
        "Rule %s of the origin: the database refuses a write, which is dropped, as are others that "
        "it "
        "refuses so: %.*s",
        write.rule.c_str(), static_cast<int>(status.message().size()), status.message().data());
  }
  behind_.Drop(item);
  const KeyView key = MakeKey(write.key);
  if (behind_.Look(write.db, key) == WriteBehind::Known::kNothing) Invalidate(state, key, true);
}

void Origin::Drain(int64_t ms) {
  {
    std::lock_guard guard(mutex_);
    if (connections_ == nullptr || connections_->writer == nullptr) return;
  }
  if (paused() || behind_.writes() == 0) return;
  Log(LogLevel::kNotice, "%llu writes wait for the origin.",
      static_cast<unsigned long long>(behind_.writes()));
  behind_failing_ = false;
  draining_ = true;
  behind_.Hurry();
  for (int64_t waited_ms = 0; waited_ms < ms && !behind_failing_ && !behind_.Idle(); ++waited_ms) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  draining_ = false;
  if (behind_.writes() == 0) return;
  Log(LogLevel::kWarning, "%llu writes stay in the journal until the next start.",
      static_cast<unsigned long long>(behind_.writes()));
}

}  // namespace alai::origin
