// Writes that a rule passes on to the database before they take effect here.
#include <utility>
#include <vector>

#include "engine/base/clock.h"
#include "storage/origin/flight.h"
#include "storage/origin/origin.h"

namespace alai::origin {

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

bool Origin::Write(const std::shared_ptr<RuleState>& state, std::vector<WriteRequest> requests,
                   Wait& wait, std::string* why) {
  const Rule& rule = *state->rule;
  if (paused()) {
    *why = "the origin is paused";
    return false;
  }
  if (!breaker_.Admits(NowNanos(), rule.timeout_ms * kNanosPerMilli)) {
    *why = "the origin does not answer";
    return false;
  }
  // Known to the call and to who waits; whichever ends first leaves the other alone.
  auto flight = std::make_shared<Flight>();
  flight->state = state;
  {
    std::lock_guard guard(mutex_);
    flight->waiters.push_back({&wait, false});
    wait.flights_.push_back(flight.get());
    wait.write_ = flight;
    wait.deadline_ns_ = INT64_MAX;
  }
  const bool begun = Submit([this, flight, sent = std::move(requests)](Source& source) {
    const Rule& of = *flight->state->rule;
    std::vector<RuledWrite> writes;
    for (const WriteRequest& request : sent) writes.push_back({of, request});
    const absl::Status status = source.Write(writes, std::chrono::milliseconds(of.timeout_ms));
    NoteAnswer(status);
    flight->state->figures.Add(RuleFigures::kWrites, sent.size());
    if (!status.ok()) flight->state->figures.Add(RuleFigures::kWriteErrors, sent.size());
    std::lock_guard guard(mutex_);
    EndWrite(*flight, status);
  });
  if (begun) return true;
  *why = "there is no origin, or too much waits for it";
  return false;
}

// With mutex_ held.
void Origin::EndWrite(Flight& flight, const absl::Status& status) {
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
}

}  // namespace alai::origin
