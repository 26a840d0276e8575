// Leaving the terminal: `daemonize yes`, and the file that says which process the server is.
//
// Threads     The main thread. Daemonize() before there are others.
#pragma once

#include <string>
#include <string_view>

#include "server/config/config.h"

namespace alai {

// Where a daemon without `pidfile` says which process it is.
inline constexpr std::string_view kDaemonPidFile = "/var/run/alai.pid";

// Goes on in a child that is the leader of a session of its own, with the standard streams on
// /dev/null; the parent ends with status 0. The working directory and the umask stay. False when
// there can be no child.
bool Daemonize();

// The file with the process's number. Written for a daemon, and for whoever sets `pidfile`.
class PidFile {
 public:
  PidFile() = default;
  PidFile(const PidFile&) = delete;
  PidFile& operator=(const PidFile&) = delete;

  // `daemon`: this process has been daemonized. A file that cannot be written is logged and no
  // reason to stop, as in Redis.
  void Create(const Config& config, bool daemon);

  // Removes the file, unless another process has put its number there meanwhile.
  void Remove();

  const std::string& path() const { return path_; }

 private:
  std::string path_;  // absolute; empty: there is none
};

}  // namespace alai
