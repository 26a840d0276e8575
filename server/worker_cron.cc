// What a worker does by the clock: expiry, and looking after its clients.
#include <algorithm>

#include "engine/base/log.h"
#include "engine/base/ticks.h"
#include "engine/store.h"
#include "server/client.h"
#include "server/config/config.h"
#include "server/latency_monitor.h"
#include "server/server.h"
#include "server/stats.h"
#include "server/worker.h"
#include "server/worker_limits.h"

namespace alai {

int64_t Worker::TimeoutNanos() const {
  if (busy()) return 0;
  int64_t next_ns = std::min({next_housekeeping_ns_, pause_end_ns_, space_retry_ns_});
  if (!deadlines_.empty()) next_ns = std::min(next_ns, deadlines_.begin()->first);
  return std::max<int64_t>(next_ns - monotonic_ns_, 0);
}

void Worker::Housekeeping() {
  ReadClock();
  if (server_.debug_switches().pause_cron) {
    next_housekeeping_ns_ = monotonic_ns_ + kHousekeepingNanos;
    // What was to be done soon waits until this ends, and no turn comes early for it.
    sweep_pending_ = false;
    eviction_pending_ = false;
    return;
  }
  Sweep();
  LookAtMemory();
  if (monotonic_ns_ < next_housekeeping_ns_) return;
  next_housekeeping_ns_ = monotonic_ns_ + kHousekeepingNanos;
  LookAfterClients();
}

void Worker::Sweep() {
  const uint64_t began = Ticks::Now();
  const SweepResult result = store_.Sweep(*thread_, now_, kSweepBudgetNanos);
  const int64_t nanos = Ticks::ToNanos(Ticks::Now() - began);
  sweep_pending_ = store_.ClassWork(*thread_, now_, kSweepBudgetNanos) || result.more;
  stats_.Add(Count::kSweepNanos, static_cast<uint64_t>(nanos));
  server_.latency_monitor().Report(latency_event::kExpireCycle, nanos, now_ / 1000);
}

// Looks at a part of the clients, so that thousands of them cause no pause.
void Worker::LookAfterClients() {
  const int64_t idle_ms_max = server_.config().timeout * 1000;
  const size_t count = client_list_.size() / kLookAfterSlices + 1;
  for (size_t i = 0; i < count; ++i) {
    if (next_looked_after_ >= client_list_.size()) {
      stats_.recent_max_input.Set(std::exchange(input_max_, 0));
      stats_.recent_max_output.Set(std::exchange(output_max_, 0));
      next_looked_after_ = 0;
      break;
    }
    Client& client = *client_list_[next_looked_after_++];
    const uint64_t input = client.unread_capacity.Get();
    const uint64_t output = client.unsent_memory.Get();
    input_max_ = std::max(input_max_, input);
    output_max_ = std::max(output_max_, output);
    const bool idle =
        idle_ms_max > 0 && !client.suspended() && !client.has(kClientMonitor) &&
        now_ - client.last_interaction_ms.load(std::memory_order_relaxed) > idle_ms_max;
    if (idle) {
      Log(LogLevel::kVerbose, "Closing idle client");
      CloseClient(client);
    } else if (!client.output_.empty()) {
      CloseIfOutputTooLarge(client, client.output_.size());
    }
  }
}

}  // namespace alai
