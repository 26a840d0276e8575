#include "server/process/daemon.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "engine/base/log.h"
#include "server/config/command_line.h"
#include "server/config/config_file.h"

namespace alai {

bool Daemonize() {
  const pid_t child = fork();
  if (child < 0) {
    Log(LogLevel::kWarning, "Can't daemonize: %s", std::strerror(errno));
    return false;
  }
  if (child > 0) _exit(EXIT_SUCCESS);
  setsid();
  const int null = open("/dev/null", O_RDWR);
  if (null < 0) return true;
  dup2(null, STDIN_FILENO);
  dup2(null, STDOUT_FILENO);
  dup2(null, STDERR_FILENO);
  if (null > STDERR_FILENO) close(null);
  return true;
}

void PidFile::Create(const Config& config, bool daemon) {
  std::string path = config.pidfile.get();
  if (path.empty() && daemon) path = kDaemonPidFile;
  if (path.empty()) return;
  path_ = AbsolutePath(path);
  const int fd = open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  const std::string text = std::to_string(getpid()) + "\n";
  const bool written =
      fd >= 0 && write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (!written) Log(LogLevel::kWarning, "Failed to write PID file: %s", std::strerror(errno));
  if (fd >= 0) close(fd);
}

void PidFile::Remove() {
  if (path_.empty()) return;
  std::string text;
  if (ReadConfigFile(path_, &text) != 0 || text != std::to_string(getpid()) + "\n") return;
  Log(LogLevel::kNotice, "Removing the pid file.");
  unlink(path_.c_str());
}

}  // namespace alai
