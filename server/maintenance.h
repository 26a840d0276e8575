// The thread that does what takes long and waits for nobody, so that no worker spends its time on it: it
// frees what FLUSHALL and FLUSHDB took out of the keyspace, lets eviction's sketch grow, and, when there
// is a memory limit, moves records together where the allocator's pages have become sparse and gives
// empty ones back before resident memory goes far beyond the limit.
//
// Threads     Start() and Stop() by the main thread, Wake() from any.
// Invariants  The thread holds no reference into the store while it rests, so it never delays
//             anybody else's reclamation.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "engine/defragmenter.h"

namespace alai {

class Server;
class StoreThread;

class Maintenance {
 public:
  explicit Maintenance(Server& server);
  Maintenance(const Maintenance&) = delete;
  Maintenance& operator=(const Maintenance&) = delete;
  ~Maintenance() { Stop(); }

  void Start();
  void Stop();
  // There is something to free.
  void Wake();

 private:
  void Run();
  // With a memory limit; both give true when they should be called again soon.
  bool Defragment(StoreThread& thread);
  void EmptyThreadCaches(int64_t now_ns);
  bool GiveBackPages();

  Server& server_;
  Defragmenter defragmenter_;
  Defragmenter::Pass pass_;
  int64_t next_pass_ns_ = 0;
  int64_t caches_emptied_ns_ = 0;
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable stopped_;
  bool stopping_ = false;
  bool woken_ = false;
};

}  // namespace alai
