// The last words of a server that dies of a bug: where, with which registers, by which calls, and what
// it was executing.
//
// Installed for SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT. The report goes to the log's descriptor;
// then the signal takes its usual course, core dump included.
//
// Threads     Install and Remove one at a time. The report is written by the thread that crashed, on
//             its alternate stack if it has one, with nothing but async-signal-safe means; backtrace()
//             is made safe by calling it once beforehand. A second thread that crashes waits for the
//             end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace alai {

class LogFile;

// Writes text to a descriptor from a signal handler: no allocation, no lock, no locale.
class CrashWriter {
 public:
  explicit CrashWriter(int fd) : fd_(fd) {}
  CrashWriter(const CrashWriter&) = delete;
  CrashWriter& operator=(const CrashWriter&) = delete;
  ~CrashWriter() { Flush(); }

  CrashWriter& Text(std::string_view text);
  CrashWriter& Decimal(int64_t value);
  CrashWriter& Hex(uint64_t value, int digits = 16);
  // What a client has sent: printable bytes as they are, others as \xHH, at most 128 of them.
  CrashWriter& Escaped(std::string_view bytes);
  void Flush();
  int fd() const { return fd_; }

 private:
  int fd_;
  size_t used_ = 0;
  char buffer_[512];
};

struct CrashReportOptions {
  // Where the report goes; standard error without one.
  const LogFile* log = nullptr;
  // Says what the crashed thread was executing. `redact`: without the data of users
  // (hide-user-data-from-log). Called from the handler.
  void (*write_current_command)(CrashWriter& out, bool redact) = nullptr;
};

void InstallCrashReport(const CrashReportOptions& options);
// Gives the signals their usual course back.
void RemoveCrashReport();
// Follows hide-user-data-from-log; on at the start.
void SetCrashRedaction(bool redact);

// A stack for the handler of the thread that makes it, so that even a stack overflow is reported.
class CrashStack {
 public:
  CrashStack();
  CrashStack(const CrashStack&) = delete;
  CrashStack& operator=(const CrashStack&) = delete;
  ~CrashStack();

 private:
  std::unique_ptr<char[]> memory_;
};

}  // namespace alai
