// An event loop without sockets, moved by hand: bytes are put in, replies are taken out.
//
// It hands out bytes in memory of its own, as a completion-based loop does, and can be told to take
// replies as slowly as a busy peer.
//
// Threads     One, except Interrupt().
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>

#include "server/net/event_loop.h"

namespace alai {

class ManualLoop final : public EventLoop {
 public:
  // What the peer of connection `fd` does.
  void Put(int fd, std::string_view bytes);
  void End(int fd);
  // Takes what was sent so far.
  std::string Take(int fd);
  // How many more bytes the peer takes; without limit at the start.
  void SetWindow(int fd, size_t bytes);
  bool Has(int fd) const { return peers_.contains(fd); }
  // Whether a turn would deliver something.
  bool ready() const;

  bool Add(Connection& connection) override;
  void Remove(Connection& connection) override;
  void SetReading(Connection& connection, bool on) override { connection.reading = on; }
  void SetWriting(Connection& connection, bool on) override { connection.writing = on; }
  ssize_t Send(Connection& connection, const iovec* vectors, size_t count) override;
  void Wait(int64_t timeout_ns) override {}
  void Deliver(LoopEvents& events) override;
  void Interrupt() override {}

 private:
  struct Peer {
    Connection* connection = nullptr;
    std::string to_server;
    std::string from_server;
    bool ended = false;
    size_t window = SIZE_MAX;
  };

  bool IsReady(const Peer& peer) const;

  std::unordered_map<int, Peer> peers_;
  std::unordered_map<int, std::string> left_;  // by peers whose connection was closed
  std::deque<std::string> delivered_;          // stays until the next turn
};

}  // namespace alai
