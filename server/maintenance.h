// The thread that frees what FLUSHALL and FLUSHDB took out of the keyspace, so that no worker spends
// its time on it.
//
// Threads     Start() and Stop() by the main thread.
// Invariants  The thread holds no reference into the store while it rests, so it never delays
//             anybody else's reclamation.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

namespace alai {

class Server;

class Maintenance {
 public:
  explicit Maintenance(Server& server) : server_(server) {}
  Maintenance(const Maintenance&) = delete;
  Maintenance& operator=(const Maintenance&) = delete;
  ~Maintenance() { Stop(); }

  void Start();
  void Stop();

 private:
  void Run();

  Server& server_;
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable stopped_;
  bool stopping_ = false;
};

}  // namespace alai
