// The main thread of a server that listens: it accepts connections, waits for signals, and does ten
// times a second what is nobody else's work. A second thread frees what FLUSHALL took away.
//
// Accepted sockets go to the worker that has the fewest.
//
// Threads     Made, Listen()ed and Run() by the main thread; the rest from any.
// Invariants  A failing accept (no descriptors, no memory) rests its own listener until the next
//             tenth of a second and holds up no other.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace alai {

class Server;
class WorkerStats;

class Frontend {
 public:
  // Counts in `stats`, which is this thread's own.
  Frontend(Server& server, WorkerStats& stats);
  Frontend(const Frontend&) = delete;
  Frontend& operator=(const Frontend&) = delete;
  ~Frontend();

  // Opens every listener of the config. False after logging what went wrong.
  bool Listen();
  // Accepts until Stop().
  void Run();
  void Stop();

  // Databases were flushed, which a thread of its own frees. Any thread.
  void FreeFlushed();

  // Follows a changed `bind` or `port` (CONFIG SET): new listeners take the place of the old ones, or
  // nothing changes. Empty, or what went wrong.
  std::string ListenAnew();
  // "name=tcp,bind=*,bind=-::*,port=6379" for each kind of listener, as INFO shows them.
  std::vector<std::string> Descriptions() const;

 private:
  struct Parts;

  const std::unique_ptr<Parts> parts_;
};

}  // namespace alai
