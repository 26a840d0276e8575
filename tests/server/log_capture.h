// Collects the log's lines while it lives.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/base/log.h"

namespace alai {

class LogCapture final : public LogSink {
 public:
  LogCapture() : before_(SetLogSink(this)) {}
  LogCapture(const LogCapture&) = delete;
  LogCapture& operator=(const LogCapture&) = delete;
  ~LogCapture() override { SetLogSink(before_); }

  void Write(LogLevel, std::string_view line) override { lines.emplace_back(line); }

  // Whether a line has this in it.
  bool Has(std::string_view part) const {
    for (const std::string& line : lines) {
      if (line.find(part) != std::string::npos) return true;
    }
    return false;
  }

  std::vector<std::string> lines;

 private:
  LogSink* before_;
};

}  // namespace alai
