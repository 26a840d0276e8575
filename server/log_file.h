// Where the server's log lines go: standard output or a file, and the system log besides.
//
//   legacy   1234:M 05 Jan 2026 12:00:00.123 * Ready to accept connections
//   logfmt   pid=1234 role=primary timestamp="05 Jan 2026 12:00:00.123" level=notice message="…"
//   json     {"pid":1234,"role":"primary","timestamp":"…","level":"notice","message":"…"}
//
// The marks . - * # stand for debug, verbose, notice and warning.
//
// Threads     Any, for every method. A line is one write() to a descriptor in append mode, so lines
//             of several processes do not mix.
// Invariants  A file that was moved or deleted under its name is created again with the next line.
//             When it cannot be, lines go on to where they went before.
#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <string_view>

#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "server/config/config.h"

namespace alai {

// What a line says about the process that wrote it; the letter is the legacy format's.
enum class LogRole : char { kStarting = 'C', kPrimary = 'M', kReplica = 'S' };

class LogFile final : public LogSink {
 public:
  // Writes to standard output until Open().
  explicit LogFile(const Clock& clock = *SystemClock::Get());
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;
  ~LogFile() override;

  // Takes file, system log and formats from the settings. Zero, or errno when the file cannot be
  // opened; then nothing has changed.
  int Open(const Config& config);
  // Takes log-format and log-timestamp-format anew.
  void SetFormats(const Config& config);
  void SetRole(LogRole role) { role_.store(role, std::memory_order_relaxed); }
  // The next line opens the file again under its name: for whoever moves files and then says so. Safe
  // in a signal handler.
  void RequestReopen() { reopen_.store(true, std::memory_order_relaxed); }
  // Where lines go now, for a crash report.
  int descriptor() const { return fd_.load(std::memory_order_relaxed); }

  void Write(LogLevel level, std::string_view line) override;

  // One line as it is written, line end included. `wall_us` since the epoch, shown in local time.
  static std::string Format(LogFormat format, LogTimestampFormat timestamps, LogRole role, int pid,
                            int64_t wall_us, LogLevel level, std::string_view line);

 private:
  bool MovedAway() const;
  int OpenPath();
  void WriteSystemLog(LogLevel level, std::string_view line);

  const Clock& clock_;
  std::mutex mutex_;
  std::string path_;   // absolute; empty: standard output
  std::string ident_;  // the system log keeps a pointer to it
  bool syslog_ = false;
  std::atomic<int> fd_;
  std::atomic<bool> reopen_{false};
  std::atomic<LogRole> role_{LogRole::kStarting};
  std::atomic<LogFormat> format_{LogFormat::kLegacy};
  std::atomic<LogTimestampFormat> timestamps_{LogTimestampFormat::kLegacy};
};

// The threshold for a loglevel.
LogLevel ThresholdOf(Verbosity verbosity);

}  // namespace alai
