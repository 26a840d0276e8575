#include "server/client_eviction.h"

#include <algorithm>
#include <vector>

#include "engine/base/log.h"
#include "server/client.h"
#include "server/client_description.h"
#include "server/client_registry.h"
#include "server/config/config.h"
#include "server/server.h"
#include "server/stats.h"
#include "server/worker.h"

namespace alai {
namespace {

struct Candidate {
  uint64_t memory;
  uint64_t id;
  Worker* worker;
};

// Those that may be closed, in any order. What is on its way out already is taken off the sum.
std::vector<Candidate> FindCandidates(Server& server, uint64_t* sum) {
  std::vector<Candidate> found;
  for (const auto& worker : server.workers()) {
    worker->clients().ForEach([&](const Client& client) {
      const uint64_t memory = client.memory();
      if (client.kill_requested()) {
        *sum -= std::min(*sum, memory);
      } else if (!client.has(kClientNoEvict)) {
        found.push_back({memory, client.id(), worker.get()});
      }
    });
  }
  return found;
}

void Close(Worker& worker, uint64_t id) {
  Client* client = worker.clients().Find(id);
  if (client != nullptr) worker.CloseClient(*client);
}

}  // namespace

uint64_t ClientMemoryLimit(const Config& config) {
  constexpr unsigned __int128 kWhole = 100;
  const int64_t limit = config.maxmemory_clients;
  if (limit >= 0) return static_cast<uint64_t>(limit);
  return static_cast<uint64_t>(config.maxmemory.get() * static_cast<unsigned __int128>(-limit) /
                               kWhole);
}

void EvictClients(Worker& worker) {
  Server& server = worker.server();
  const uint64_t limit = ClientMemoryLimit(server.config());
  uint64_t sum = server.stats().Sum(&WorkerStats::client_memory);
  if (limit == 0 || sum <= limit) return;
  std::vector<Candidate> candidates = FindCandidates(server, &sum);
  std::sort(candidates.begin(), candidates.end(),
            [](const Candidate& a, const Candidate& b) { return a.memory > b.memory; });
  for (const Candidate& candidate : candidates) {
    if (sum <= limit) return;
    candidate.worker->clients().With(candidate.id, [&](Client& client) {
      Log(LogLevel::kNotice, "Evicting client: %s", DescribeClient(client, worker.now()).c_str());
      client.RequestKill();
    });
    if (candidate.worker == &worker) {
      Close(worker, candidate.id);
    } else {
      candidate.worker->Post([id = candidate.id](Worker& owner) { Close(owner, id); });
    }
    sum -= std::min(sum, candidate.memory);
    worker.stats().Add(Count::kEvictedClients);
  }
}

uint64_t ClientBytesLeaving(Server& server) {
  const uint64_t limit = ClientMemoryLimit(server.config());
  const uint64_t sum = server.stats().Sum(&WorkerStats::client_memory);
  uint64_t leaving = server.stats().Sum(&WorkerStats::closed_memory);
  if (limit == 0 || sum <= limit) return leaving;
  uint64_t staying = sum;
  uint64_t closable = 0;
  for (const Candidate& candidate : FindCandidates(server, &staying)) closable += candidate.memory;
  leaving += sum - staying;
  return leaving + (staying > limit ? std::min(staying - limit, closable) : 0);
}

}  // namespace alai
