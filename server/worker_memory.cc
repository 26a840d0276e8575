// What a worker does about memory: keys are evicted before its commands and between its turns, clients
// that take too much are closed between its turns.
#include <algorithm>

#include "engine/store.h"
#include "server/client.h"
#include "server/client_eviction.h"
#include "server/config/config.h"
#include "server/eviction_budget.h"
#include "server/latency_monitor.h"
#include "server/server.h"
#include "server/stats.h"
#include "server/worker.h"

namespace alai {

Room Worker::MakeRoom() {
  const int64_t budget_ns = EvictionBudgetNanos(server_.config().maxmemory_eviction_tenacity);
  MemoryLimit& limit = store_.memory_limit();
  const bool exceeded = limit.on() && limit.Excess(*thread_) > 0;
  const uint64_t leaving = exceeded ? ClientBytesLeaving(server_) : 0;
  const EvictionSlice slice = store_.eviction().MakeRoom(*thread_, now_, budget_ns, leaving);
  eviction_pending_ = slice.more;
  if (slice.evicted != 0) {
    LatencyMonitor& monitor = server_.latency_monitor();
    monitor.Report(latency_event::kEvictionDel, slice.longest_ns, now_ / 1000);
    monitor.Report(latency_event::kEvictionCycle, slice.nanos, now_ / 1000);
  }
  return slice.room;
}

void Worker::CountMemory(Client& client) {
  const uint64_t memory = client.memory();
  if (memory == client.counted_memory_ || client.closed()) return;
  clients_grew_ = clients_grew_ || memory > client.counted_memory_;
  stats_.client_memory.Add(memory - std::exchange(client.counted_memory_, memory));
}

void Worker::LookAtClientMemory() {
  clients_grew_ = false;
  EvictClients(*this);
}

// In every housekeeping, and in every turn while the limit is exceeded.
void Worker::LookAtMemory() {
  store_.memory_limit().Publish(*thread_);
  MakeRoom();
}

}  // namespace alai
