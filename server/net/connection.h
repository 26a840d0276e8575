// One connection as its event loop sees it.
//
// Threads     The thread of the loop that it was added to.
// Invariants  `reading`, `writing` and `ended` are the loop's own. `fd`
// is
//             negative once the connection has been removed.
#pragma once

#include <sys/types.h>

#include <cstddef>

struct iovec;

namespace alai {

// How bytes get to and from a peer when that is not by plain system calls on the socket (TLS).
// Results and errno are those of recv(2) and writev(2).
class Transport {
 public:
  virtual ~Transport() = default;
  virtual ssize_t Read(int fd, char* room, size_t size) = 0;
  virtual ssize_t Write(int fd, const iovec* vectors, size_t count) = 0;
};

struct Connection {
  int fd = -1;
  bool reading = false;
  bool writing = false;
  bool ended = false;              // the peer sends no more, and OnClosed() has said so
  Transport* transport = nullptr;  // nullptr: the socket itself
};

}  // namespace alai
