// Listening sockets: TCP on each configured address, and the unix socket.
//
// Threads     Any; a Listener is owned by one at a time.
// Invariants  A Listener's socket is non-blocking, close-on-exec and listening. Destroying it closes
//             the socket and, if it is a unix socket, removes its file.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace alai {

class Listener {
 public:
  Listener(int fd, std::string address, std::string unix_path)
      : fd_(fd), address_(std::move(address)), unix_path_(std::move(unix_path)) {}
  Listener(Listener&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)),
        address_(std::move(other.address_)),
        unix_path_(std::move(other.unix_path_)) {}
  Listener& operator=(Listener&&) = delete;
  ~Listener();

  int fd() const { return fd_; }
  // As configured, "*" or "-::1" or a path.
  const std::string& address() const { return address_; }
  bool is_unix() const { return !unix_path_.empty(); }
  const std::string& unix_path() const { return unix_path_; }

 private:
  int fd_;
  std::string address_;
  std::string unix_path_;
};

struct ListenOptions {
  int backlog = 511;
  uint32_t mark = 0;  // SO_MARK, 0: none
};

// Listens on each of `addresses`: names, numbers, "*" for all of IPv4 and "::*" for all of IPv6; those
// with a '-' before them are left out when this machine does not have them. Empty unless all others
// succeed. Every address that is not listened on is logged.
std::vector<Listener> ListenTcp(std::span<const std::string> addresses, int port,
                                const ListenOptions& options, bool* ok);

// Listens on a path, with these permission bits (0: as the umask has it) and group (empty: as is).
// What was at the path is removed first. Nothing, with the failure logged, on failure.
std::vector<Listener> ListenUnix(const std::string& path, mode_t permissions,
                                 const std::string& group, const ListenOptions& options, bool* ok);

// Logs a warning when the kernel allows less than `backlog`.
void WarnIfBacklogIsCut(int backlog);

// Where an accepted socket comes from (`peer`) or came in, as CLIENT LIST prints it.
std::string AddressOf(int fd, bool peer);

// Whether the peer's address is of this machine's loopback.
bool IsLoopback(const std::string& address);

// TCP_NODELAY, and keepalive probes after `keepalive_s` seconds of silence (0: none).
void PrepareTcp(int fd, int keepalive_s);

}  // namespace alai
