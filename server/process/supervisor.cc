#include "server/process/supervisor.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "engine/base/log.h"

namespace alai {
namespace {

constexpr const char* kUpstartVariable = "UPSTART_JOB";
constexpr const char* kSystemdVariable = "NOTIFY_SOCKET";

}  // namespace

void Supervisor::Begin(Supervision mode) {
  if (mode == Supervision::kAutodetect) {
    if (std::getenv(kUpstartVariable) != nullptr) {
      Log(LogLevel::kWarning, "Upstart supervision detected.");
      mode = Supervision::kUpstart;
    } else if (std::getenv(kSystemdVariable) != nullptr) {
      Log(LogLevel::kWarning, "Systemd supervision detected.");
      mode = Supervision::kSystemd;
    }
  }
  if (mode == Supervision::kUpstart) BeginUpstart();
  if (mode == Supervision::kSystemd) BeginSystemd();
}

void Supervisor::BeginUpstart() {
  if (std::getenv(kUpstartVariable) == nullptr) {
    Log(LogLevel::kWarning, "upstart supervision requested, but UPSTART_JOB not found!");
    return;
  }
  Log(LogLevel::kNotice, "supervised by upstart, will stop to signal readiness.");
  std::raise(SIGSTOP);
  unsetenv(kUpstartVariable);
  active_ = true;
}

void Supervisor::BeginSystemd() {
  const char* address = std::getenv(kSystemdVariable);
  if (address == nullptr) {
    Log(LogLevel::kWarning, "systemd supervision error: NOTIFY_SOCKET not found!");
    return;
  }
  address_ = address;
  unsetenv(kSystemdVariable);
  Log(LogLevel::kNotice,
      "Supervised by systemd. Please make sure you set appropriate values for TimeoutStartSec and "
      "TimeoutStopSec in your service unit.");
  active_ = true;
}

void Supervisor::NotifyReady() { Send("READY=1\nSTATUS=Ready to accept connections\n"); }

void Supervisor::NotifyStopping() { Send("STOPPING=1\nSTATUS=Shutting down\n"); }

void Supervisor::NotifyStatus(std::string_view status) {
  std::string line(status);
  std::replace(line.begin(), line.end(), '\n', ' ');
  Send("STATUS=" + line + "\n");
}

void Supervisor::Send(std::string_view state) {
  if (address_.empty()) return;
  sockaddr_un to = {};
  to.sun_family = AF_UNIX;
  if (address_.size() > sizeof to.sun_path) {
    Log(LogLevel::kWarning, "systemd supervision error: NOTIFY_SOCKET is too long");
    return;
  }
  std::memcpy(to.sun_path, address_.data(), address_.size());
  if (to.sun_path[0] == '@') to.sun_path[0] = '\0';
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const socklen_t length =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
  const ssize_t sent = fd < 0 ? -1
                              : sendto(fd, state.data(), state.size(), MSG_NOSIGNAL,
                                       reinterpret_cast<const sockaddr*>(&to), length);
  if (sent < 0) {
    Log(LogLevel::kWarning, "systemd supervision error: sd_notify: %s", std::strerror(errno));
  }
  if (fd >= 0) close(fd);
}

}  // namespace alai
