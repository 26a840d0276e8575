#include "server/net/listener.h"

#include <arpa/inet.h>
#include <grp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "engine/base/log.h"

namespace alai {
namespace {

// What binding to an address that this machine does not have fails with.
bool IsUnavailable(int error) {
  return error == EADDRNOTAVAIL || error == ENOPROTOOPT || error == EPROTONOSUPPORT ||
         error == ESOCKTNOSUPPORT || error == EPFNOSUPPORT || error == EAFNOSUPPORT;
}

// -1 with errno set on failure; `*step` says where.
int OpenTcp(const addrinfo& where, const ListenOptions& options, const char** step) {
  *step = "socket";
  const int fd = socket(where.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  const int yes = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (where.ai_family == AF_INET6) {
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes);
  }
  if (options.mark != 0) {
    setsockopt(fd, SOL_SOCKET, SO_MARK, &options.mark, sizeof options.mark);
  }
  *step = "bind";
  if (bind(fd, where.ai_addr, where.ai_addrlen) == 0) {
    *step = "listen";
    if (listen(fd, options.backlog) == 0) return fd;
  }
  const int error = errno;
  close(fd);
  errno = error;
  return -1;
}

// Resolves and opens one address. On failure `*error` is an errno, or 0 when it was not resolved;
// `*text` says what happened.
int OpenAddress(const std::string& address, int port, const ListenOptions& options, int* error,
                std::string* text) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  hints.ai_family = AF_UNSPEC;
  const char* host = address.c_str();
  if (address == "*") {
    hints.ai_family = AF_INET;
    host = nullptr;
  } else if (address == "::*") {
    hints.ai_family = AF_INET6;
    host = nullptr;
  }
  addrinfo* found = nullptr;
  const int failure = getaddrinfo(host, std::to_string(port).c_str(), &hints, &found);
  if (failure != 0) {
    *error = failure == EAI_FAMILY || failure == EAI_ADDRFAMILY ? EAFNOSUPPORT : 0;
    *text = gai_strerror(failure);
    return -1;
  }
  int fd = -1;
  for (const addrinfo* one = found; one != nullptr && fd < 0; one = one->ai_next) {
    const char* step = "";
    fd = OpenTcp(*one, options, &step);
    *error = errno;
    if (fd < 0) *text = std::string(step) + ": " + std::strerror(errno);
  }
  freeaddrinfo(found);
  return fd;
}

bool ChangeGroup(const std::string& path, const std::string& group) {
  const struct group* entry = getgrnam(group.c_str());
  if (entry == nullptr) {
    errno = ENOENT;
    return false;
  }
  return chown(path.c_str(), static_cast<uid_t>(-1), entry->gr_gid) == 0;
}

}  // namespace

Listener::~Listener() {
  if (fd_ < 0) return;
  close(fd_);
  if (is_unix()) unlink(unix_path_.c_str());
}

std::vector<Listener> ListenTcp(std::span<const std::string> addresses, int port,
                                const ListenOptions& options, bool* ok) {
  std::vector<Listener> listeners;
  *ok = true;
  for (const std::string& configured : addresses) {
    if (configured.empty()) continue;
    const bool optional = configured[0] == '-';
    const std::string address = optional ? configured.substr(1) : configured;
    int error = 0;
    std::string text;
    const int fd = OpenAddress(address, port, options, &error, &text);
    if (fd >= 0) {
      listeners.emplace_back(fd, configured, "");
      continue;
    }
    Log(LogLevel::kWarning, "Warning: Could not create server TCP listening socket %s:%d: %s",
        address.c_str(), port, text.c_str());
    if (optional && IsUnavailable(error)) continue;
    *ok = false;
    listeners.clear();
    return listeners;
  }
  return listeners;
}

std::vector<Listener> ListenUnix(const std::string& path, mode_t permissions,
                                 const std::string& group, const ListenOptions& options, bool* ok) {
  std::vector<Listener> listeners;
  *ok = false;
  sockaddr_un where{};
  where.sun_family = AF_UNIX;
  if (path.size() >= sizeof where.sun_path) {
    Log(LogLevel::kWarning, "Failed opening Unix socket: bind: the path is longer than %zu bytes",
        sizeof where.sun_path - 1);
    return listeners;
  }
  std::memcpy(where.sun_path, path.c_str(), path.size());
  unlink(path.c_str());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    Log(LogLevel::kWarning, "Failed opening Unix socket: socket: %m");
    return listeners;
  }
  if (bind(fd, reinterpret_cast<const sockaddr*>(&where), sizeof where) != 0) {
    Log(LogLevel::kWarning, "Failed opening Unix socket: bind: %m");
    close(fd);
    return listeners;
  }
  listeners.emplace_back(fd, path, path);
  // Before anybody can connect.
  if (permissions != 0) chmod(path.c_str(), permissions);
  if (!group.empty() && !ChangeGroup(path, group)) {
    Log(LogLevel::kWarning, "Failed setting the group of the Unix socket to %s: %m", group.c_str());
    listeners.clear();
    return listeners;
  }
  if (listen(fd, options.backlog) != 0) {
    Log(LogLevel::kWarning, "Failed opening Unix socket: listen: %m");
    listeners.clear();
    return listeners;
  }
  *ok = true;
  return listeners;
}

void WarnIfBacklogIsCut(int backlog) {
  FILE* file = std::fopen("/proc/sys/net/core/somaxconn", "re");
  if (file == nullptr) return;
  int allowed = 0;
  if (std::fscanf(file, "%d", &allowed) == 1 && allowed > 0 && allowed < backlog) {
    Log(LogLevel::kWarning,
        "WARNING: The TCP backlog setting of %d cannot be enforced because "
        "/proc/sys/net/core/somaxconn is set to the lower value of %d.",
        backlog, allowed);
  }
  std::fclose(file);
}

std::string AddressOf(int fd, bool peer) {
  sockaddr_storage where{};
  socklen_t size = sizeof where;
  auto* generic = reinterpret_cast<sockaddr*>(&where);
  if ((peer ? getpeername : getsockname)(fd, generic, &size) != 0) return "?:0";
  char text[INET6_ADDRSTRLEN];
  if (where.ss_family == AF_INET) {
    const auto& in4 = reinterpret_cast<const sockaddr_in&>(where);
    inet_ntop(AF_INET, &in4.sin_addr, text, sizeof text);
    return std::string(text) + ":" + std::to_string(ntohs(in4.sin_port));
  }
  if (where.ss_family == AF_INET6) {
    const auto& in6 = reinterpret_cast<const sockaddr_in6&>(where);
    inet_ntop(AF_INET6, &in6.sin6_addr, text, sizeof text);
    return "[" + std::string(text) + "]:" + std::to_string(ntohs(in6.sin6_port));
  }
  return "?:0";
}

bool IsLoopback(const std::string& address) {
  return address.starts_with("127.") || address.starts_with("[::1]");
}

void PrepareTcp(int fd, int keepalive_s) {
  const int yes = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  if (keepalive_s == 0) return;
  // Three probes a third of the time apart, so that a dead peer is noticed after twice the time.
  const int between_s = std::max(keepalive_s / 3, 1);
  const int probes = 3;
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &keepalive_s, sizeof keepalive_s);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &between_s, sizeof between_s);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

}  // namespace alai
