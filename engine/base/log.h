// The log: levels, one threshold and one sink for the whole process.
//
// Here a line is only composed; the sink decides about time stamps, files and syslog. Whoever
// embeds the engine gets plain lines on stderr until a sink is set.
//
// Threads     Any thread may log at any time. SetLogSink() does not wait for lines that are being
//             written, so a sink lives until the process ends or until nobody else logs.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace alai {

enum class LogLevel : uint8_t { kDebug, kVerbose, kNotice, kWarning };

// Longer lines are cut.
constexpr size_t kLogLineBytesMax = 1023;

class LogSink {
 public:
  virtual ~LogSink() = default;

  // `line` has no newline at its end and is valid during the call only. Called from any thread,
  // from several at once too.
  virtual void Write(LogLevel level, std::string_view line) = 0;
};

// Gives the sink in use before; nullptr stands for the one that writes to stderr.
LogSink* SetLogSink(LogSink* sink);

// Lines below this level are dropped; kNotice at the start.
void SetLogThreshold(LogLevel level);

namespace log_internal {
extern std::atomic<LogLevel> threshold;
}  // namespace log_internal

inline LogLevel LogThreshold() { return log_internal::threshold.load(std::memory_order_relaxed); }

// For callers whose arguments are costly to make.
inline bool LogEnabled(LogLevel level) { return level >= LogThreshold(); }

// Leaves errno as it was, so "%m" may stand anywhere in a format.
void Log(LogLevel level, const char* format, ...) __attribute__((format(printf, 2, 3)));

}  // namespace alai
