// Composes a line on the caller's stack and hands it to the sink: no lock, no allocation.
#include "engine/base/log.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>

namespace alai {

namespace log_internal {
std::atomic<LogLevel> threshold{LogLevel::kNotice};
}  // namespace log_internal

namespace {

std::atomic<LogSink*> current_sink{nullptr};

// One write per line keeps the lines of several threads apart.
void WriteToStderr(char* line, size_t length) {
  line[length] = '\n';
  size_t written = 0;
  while (written <= length) {
    const ssize_t n = write(STDERR_FILENO, line + written, length + 1 - written);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    written += static_cast<size_t>(n);
  }
}

}  // namespace

LogSink* SetLogSink(LogSink* sink) {
  return current_sink.exchange(sink, std::memory_order_acq_rel);
}

void SetLogThreshold(LogLevel level) {
  log_internal::threshold.store(level, std::memory_order_relaxed);
}

void Log(LogLevel level, const char* format, ...) {
  if (!LogEnabled(level)) return;
  const int saved_errno = errno;
  char line[kLogLineBytesMax + 1];
  va_list arguments;
  va_start(arguments, format);
  const int wanted = std::vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  const size_t length = std::min(static_cast<size_t>(std::max(wanted, 0)), kLogLineBytesMax);
  if (LogSink* sink = current_sink.load(std::memory_order_acquire)) {
    sink->Write(level, {line, length});
  } else {
    WriteToStderr(line, length);
  }
  errno = saved_errno;
}

}  // namespace alai
