#include "server/log_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <ctime>

#include "server/config/command_line.h"

namespace alai {
namespace {

// The wall time as text: milliseconds in every format.
std::string TimestampText(LogTimestampFormat format, int64_t wall_us) {
  const int64_t wall_ms = wall_us / 1000;
  if (format == LogTimestampFormat::kMilliseconds) return std::to_string(wall_ms);
  const time_t seconds = static_cast<time_t>(wall_ms / 1000);
  struct tm local = {};
  localtime_r(&seconds, &local);
  const bool iso = format == LogTimestampFormat::kIso8601;
  char text[80];
  size_t length =
      std::strftime(text, sizeof text, iso ? "%Y-%m-%dT%H:%M:%S" : "%d %b %Y %H:%M:%S", &local);
  length += static_cast<size_t>(std::snprintf(text + length, sizeof text - length, ".%03d",
                                              static_cast<int>(wall_ms % 1000)));
  if (iso) {
    const long minutes = local.tm_gmtoff / 60;
    const long distance = minutes < 0 ? -minutes : minutes;
    length +=
        static_cast<size_t>(std::snprintf(text + length, sizeof text - length, "%c%02ld:%02ld",
                                          minutes < 0 ? '-' : '+', distance / 60, distance % 60));
  }
  return std::string(text, length);
}

std::string_view RoleName(LogRole role) {
  switch (role) {
    case LogRole::kStarting:
      return "RDB/AOF";
    case LogRole::kPrimary:
      return "primary";
    case LogRole::kReplica:
      return "replica";
  }
  return "";
}

// logfmt has no agreed way to escape a quote, so what would end the value is replaced.
std::string LogfmtValue(std::string_view line) {
  std::string value(line);
  for (char& c : value) {
    if (c == '"') c = '\'';
    if (c == '\n' || c == '\r') c = ' ';
  }
  return value;
}

// What JSON wants escaped; bytes that are not UTF-8 stay what they are.
std::string JsonValue(std::string_view line) {
  constexpr std::string_view kShort = "\b\f\n\r\t\"\\";
  constexpr std::string_view kNames = "bfnrt\"\\";
  std::string value;
  for (const char c : line) {
    if (const size_t at = kShort.find(c); at != std::string_view::npos) {
      value.append({'\\', kNames[at]});
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
      value += escape;
    } else {
      value += c;
    }
  }
  return value;
}

constexpr std::string_view kLevelNames[] = {"debug", "info", "notice", "warning"};
constexpr char kLevelMarks[] = {'.', '-', '*', '#'};
constexpr int kSystemLogLevels[] = {LOG_DEBUG, LOG_INFO, LOG_NOTICE, LOG_WARNING};

size_t IndexOf(LogLevel level) {
  return std::min(static_cast<size_t>(level), std::size(kLevelMarks) - 1);
}

void AppendAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;  // a full disk must not stop the server
    bytes.remove_prefix(static_cast<size_t>(written));
  }
}

}  // namespace

LogFile::LogFile(const Clock& clock) : clock_(clock), fd_(STDOUT_FILENO) {}

LogFile::~LogFile() {
  if (fd_ != STDOUT_FILENO) close(fd_);
  if (syslog_) closelog();
}

int LogFile::Open(const Config& config) {
  const std::lock_guard lock(mutex_);
  const std::string path = config.logfile.get();
  const std::string old_path = path_;
  path_ = path.empty() ? path : AbsolutePath(path);
  if (const int error = OpenPath(); error != 0) {
    path_ = old_path;
    return error;
  }
  SetFormats(config);
  if (syslog_) closelog();
  syslog_ = config.syslog_enabled;
  if (syslog_) {
    ident_ = config.syslog_ident.get();
    openlog(ident_.c_str(), LOG_PID | LOG_NDELAY | LOG_NOWAIT, config.syslog_facility);
  }
  return 0;
}

void LogFile::SetFormats(const Config& config) {
  format_.store(config.log_format, std::memory_order_relaxed);
  timestamps_.store(config.log_timestamp_format, std::memory_order_relaxed);
}

// Opens what path_ names and closes what was open. Zero or errno.
int LogFile::OpenPath() {
  int fresh = STDOUT_FILENO;
  if (!path_.empty()) {
    fresh = open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fresh < 0) return errno;
  }
  const int old = fd_.exchange(fresh, std::memory_order_relaxed);
  if (old != STDOUT_FILENO) close(old);
  return 0;
}

bool LogFile::MovedAway() const {
  struct stat named, opened;
  if (stat(path_.c_str(), &named) != 0) return errno == ENOENT;
  if (fstat(fd_, &opened) != 0) return true;
  return named.st_ino != opened.st_ino || named.st_dev != opened.st_dev;
}

void LogFile::Write(LogLevel level, std::string_view line) {
  const std::string text =
      Format(format_.load(std::memory_order_relaxed), timestamps_.load(std::memory_order_relaxed),
             role_.load(std::memory_order_relaxed), static_cast<int>(getpid()), clock_.WallMicros(),
             level, line);
  const std::lock_guard lock(mutex_);
  const bool reopen = reopen_.exchange(false, std::memory_order_relaxed);
  if (!path_.empty() && (reopen || MovedAway())) OpenPath();
  AppendAll(fd_, text);
  if (syslog_) WriteSystemLog(level, line);
}

void LogFile::WriteSystemLog(LogLevel level, std::string_view line) {
  syslog(kSystemLogLevels[IndexOf(level)], "%.*s", static_cast<int>(line.size()), line.data());
}

std::string LogFile::Format(LogFormat format, LogTimestampFormat timestamps, LogRole role, int pid,
                            int64_t wall_us, LogLevel level, std::string_view line) {
  const std::string timestamp = TimestampText(timestamps, wall_us);
  std::string text;
  if (format == LogFormat::kLogfmt) {
    text.append("pid=").append(std::to_string(pid)).append(" role=").append(RoleName(role));
    text.append(" timestamp=\"").append(timestamp).append("\" level=");
    text.append(kLevelNames[IndexOf(level)]);
    return text.append(" message=\"").append(LogfmtValue(line)).append("\"\n");
  }
  if (format == LogFormat::kJson) {
    text.append("{\"pid\":").append(std::to_string(pid)).append(",\"role\":\"");
    text.append(RoleName(role)).append("\",\"timestamp\":\"").append(timestamp);
    text.append("\",\"level\":\"").append(kLevelNames[IndexOf(level)]);
    return text.append("\",\"message\":\"").append(JsonValue(line)).append("\"}\n");
  }
  text.append(std::to_string(pid)).append(":");
  text += static_cast<char>(role);
  text.append(" ").append(timestamp).append(" ");
  text += kLevelMarks[IndexOf(level)];
  return text.append(" ").append(line).append("\n");
}

LogLevel ThresholdOf(Verbosity verbosity) {
  static_assert(static_cast<int>(Verbosity::kWarning) == static_cast<int>(LogLevel::kWarning));
  return static_cast<LogLevel>(verbosity);  // "nothing" is above every level
}

}  // namespace alai
