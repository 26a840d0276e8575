// What a worker does about memory: keys are evicted before its commands and between its turns, clients
// that take too much are closed between its turns.
#include <algorithm>

#include "engine/store.h"
#include "server/client.h"
#include "server/client_eviction.h"
#include "server/config/config.h"
#include "server/latency_monitor.h"
#include "server/server.h"
#include "server/stats.h"
#include "server/worker.h"

namespace alai {
namespace {

// How long one visit may take, by maxmemory-eviction-tenacity: nothing at 0, half a millisecond at the
// default of 10 and below, then twice as long for each 10 more, and without an end at 100.
int64_t EvictionBudgetNanos(int64_t tenacity) {
  constexpr int64_t kDefault = 10;
  constexpr int64_t kDefaultNanos = 500'000;
  constexpr int64_t kWithoutEnd = 100;
  if (tenacity <= kDefault) return kDefaultNanos / kDefault * tenacity;
  if (tenacity >= kWithoutEnd) return INT64_MAX;
  return kDefaultNanos << ((tenacity - kDefault) / kDefault);
}

}  // namespace

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
