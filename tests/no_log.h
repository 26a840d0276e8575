// Keeps what a server logs out of the way of a test that runs one in its process.
#pragma once

#include <string_view>

#include "engine/base/log.h"

namespace alai {

// From here on nothing is logged.
inline void SilenceLog() {
  class NoLog final : public LogSink {
   public:
    void Write(LogLevel, std::string_view) override {}
  };
  static NoLog log;
  SetLogSink(&log);
}

}  // namespace alai
