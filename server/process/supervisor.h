// Telling the init system how the server is doing: systemd's notification socket, upstart's SIGSTOP.
//
// The socket's protocol is sd_notify(3)'s: datagrams of VARIABLE=value lines, sent to the address in
// NOTIFY_SOCKET; '@' at its beginning stands for the zero byte of an abstract address.
//
// Threads     Begin() on the main thread before there are others; the Notify… from any, afterwards.
#pragma once

#include <string>
#include <string_view>

#include "server/config/config.h"

namespace alai {

class Supervisor {
 public:
  // Finds out who supervises, when `mode` asks to look; with upstart stops this process until it is
  // continued. Removes the supervisor's variables from the environment.
  void Begin(Supervision mode);

  // Somebody supervises: then the server does not daemonize.
  bool active() const { return active_; }

  void NotifyReady();
  void NotifyStopping();
  // A line for people, shown by `systemctl status`.
  void NotifyStatus(std::string_view status);

 private:
  void BeginSystemd();
  void BeginUpstart();
  void Send(std::string_view state);

  bool active_ = false;
  std::string address_;  // the notification socket's; empty without systemd
};

}  // namespace alai
