// The seam between a worker and the way in which its bytes come and go: readiness (epoll),
// completion (io_uring), or a test's memory.
//
// A loop tells a LoopEvents what has happened, with bytes that stay valid until the turn ends, and
// takes replies as vectors. It knows neither requests nor clients.
//
// Threads     Everything on the worker's thread, except Interrupt(), which any thread may call.
// Invariants  Within one Deliver() a connection gets bytes at most once, so that nobody with much
// to
//             say keeps others waiting. After Remove() a connection is not reported any more, not
//             even for what was already collected; its memory must stay until Deliver() returns.
#pragma once

#include <cstdint>
#include <span>

#include "server/net/connection.h"

namespace alai {

class LoopEvents {
 public:
  // Where to put what `connection` has sent; never empty. Loops with memory of their own do not
  // ask.
  virtual std::span<char> ReadRoom(Connection& connection) = 0;
  // `bytes` arrived. They are in the room given, or in memory that is valid until the turn ends.
  virtual void OnBytes(Connection& connection, std::span<char> bytes) = 0;
  // Replies can be sent again; only after SetWriting().
  virtual void OnWritable(Connection& connection) = 0;
  // The peer has ended (0; said once) or the connection is broken (an errno).
  virtual void OnClosed(Connection& connection, int error) = 0;

 protected:
  ~LoopEvents() = default;
};

class EventLoop {
 public:
  virtual ~EventLoop() = default;

  // Starts reading. False, with errno set, when the system has no room for it.
  virtual bool Add(Connection& connection) = 0;
  // Stops everything and closes the socket.
  virtual void Remove(Connection& connection) = 0;
  // While off, only OnClosed() comes.
  virtual void SetReading(Connection& connection, bool on) = 0;
  virtual void SetWriting(Connection& connection, bool on) = 0;
  // Sends as much as possible at once: bytes taken, or negative with errno set (EAGAIN: none now).
  virtual ssize_t Send(Connection& connection, const iovec* vectors, size_t count) = 0;

  // Waits until something happens, Interrupt() is called, or `timeout_ns` have passed (negative:
  // for ever; 0: does not wait).
  virtual void Wait(int64_t timeout_ns) = 0;
  // Reports what Wait() has found.
  virtual void Deliver(LoopEvents& events) = 0;
  // Ends the present Wait(), or the next one.
  virtual void Interrupt() = 0;
};

}  // namespace alai
