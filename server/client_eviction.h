// maxmemory-clients: when the clients of all workers together take more memory than they may, those
// that take most are disconnected, except for those that asked to be spared (CLIENT NO-EVICT).
//
// Threads     Any worker, between two clients: it closes its own ones and asks the other workers to
//             close theirs.
#pragma once

#include <cstdint>

namespace alai {

class Server;
class Worker;
struct Config;

// In bytes; 0: no limit. A percentage is one of maxmemory.
uint64_t ClientMemoryLimit(const Config& config);

// Closes clients, the largest first, until the limit holds.
void EvictClients(Worker& worker);

// How many bytes are about to be free because clients have been closed, or will be by EvictClients(): keys
// need not go for them.
uint64_t ClientBytesLeaving(Server& server);

}  // namespace alai
