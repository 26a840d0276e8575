// The event loop on epoll: level-triggered, each socket registered once, one read per ready socket
// and turn.
//
// Threads     As EventLoop.
// Why         Asio's reactor arms a socket again for every operation and re-tries each read until
// it
//             would block, which costs a second system call per wake-up; with requests of a few
//             microseconds that is a tenth of everything.
#pragma once

#include <sys/epoll.h>

#include <cstddef>

#include "server/net/event_loop.h"

namespace alai {

class EpollLoop final : public EventLoop {
 public:
  // `events_max`: most sockets that one turn serves.
  explicit EpollLoop(int events_max = 256);
  EpollLoop(const EpollLoop&) = delete;
  EpollLoop& operator=(const EpollLoop&) = delete;
  ~EpollLoop() override;

  bool Add(Connection& connection) override;
  void Remove(Connection& connection) override;
  void SetReading(Connection& connection, bool on) override;
  void SetWriting(Connection& connection, bool on) override;
  ssize_t Send(Connection& connection, const iovec* vectors, size_t count) override;
  void Wait(int64_t timeout_ns) override;
  void Deliver(LoopEvents& events) override;
  void Interrupt() override;

 private:
  void Modify(Connection& connection);
  void Receive(Connection& connection, LoopEvents& events);

  const int epoll_fd_;
  const int wake_fd_;
  const int events_max_;
  int ready_ = 0;
  epoll_event* const events_;
};

}  // namespace alai
