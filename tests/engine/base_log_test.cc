// The log: levels, the sink, cutting of long lines, and many threads at once.

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "engine/base/log.h"
#include "tests/catch.h"

namespace alai {
namespace {

// Keeps the lines, and puts sink and threshold back at the end of the test.
class LinesSink final : public LogSink {
 public:
  LinesSink() : before_(SetLogSink(this)), threshold_before_(LogThreshold()) {}
  ~LinesSink() override {
    SetLogSink(before_);
    SetLogThreshold(threshold_before_);
  }

  void Write(LogLevel level, std::string_view line) override {
    errno = EBADF;
    const std::lock_guard lock(mutex_);
    lines_.emplace_back(level, line);
  }

  std::vector<std::pair<LogLevel, std::string>> Take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(lines_, {});
  }

 private:
  LogSink* const before_;
  const LogLevel threshold_before_;
  std::mutex mutex_;
  std::vector<std::pair<LogLevel, std::string>> lines_;
};

TEST_CASE("lines below the threshold are dropped") {
  LinesSink sink;
  constexpr LogLevel kLevels[] = {LogLevel::kDebug, LogLevel::kVerbose, LogLevel::kNotice,
                                  LogLevel::kWarning};
  for (const LogLevel threshold : kLevels) {
    SetLogThreshold(threshold);
    for (const LogLevel level : kLevels) {
      CHECK(LogEnabled(level) == (level >= threshold));
      Log(level, "at %d", static_cast<int>(level));
      const auto lines = sink.Take();
      REQUIRE(lines.size() == (level >= threshold ? 1 : 0));
      if (lines.empty()) continue;
      CHECK(lines[0].first == level);
      CHECK(lines[0].second == "at " + std::to_string(static_cast<int>(level)));
    }
  }
}

TEST_CASE("a line is cut at its limit") {
  LinesSink sink;
  for (const size_t size : {size_t{0}, kLogLineBytesMax - 1, kLogLineBytesMax, kLogLineBytesMax + 1,
                            10 * kLogLineBytesMax}) {
    const std::string text(size, 'x');
    Log(LogLevel::kWarning, "%s", text.c_str());
    const auto lines = sink.Take();
    REQUIRE(lines.size() == 1);
    CHECK(lines[0].second == text.substr(0, kLogLineBytesMax));
  }
}

TEST_CASE("errno can be logged and is left alone") {
  LinesSink sink;
  errno = ENOENT;
  Log(LogLevel::kWarning, "open: %m");
  CHECK(errno == ENOENT);
  CHECK(sink.Take().at(0).second == "open: No such file or directory");
}

TEST_CASE("lines of several threads arrive whole and in each thread's order") {
  LinesSink sink;
  constexpr int kThreads = 4;
  constexpr int kLines = 500;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([t] {
      for (int i = 0; i < kLines; ++i) Log(LogLevel::kNotice, "%d:%d", t, i);
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<int> next(kThreads);
  for (const auto& [level, line] : sink.Take()) {
    const int t = std::stoi(line);
    REQUIRE(line == std::to_string(t) + ":" + std::to_string(next.at(t)++));
  }
  CHECK(next == std::vector<int>(kThreads, kLines));
}

TEST_CASE("without a sink a line goes to stderr with one newline") {
  LogSink* const before = SetLogSink(nullptr);
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const int saved = dup(STDERR_FILENO);
  REQUIRE(dup2(ends[1], STDERR_FILENO) >= 0);
  Log(LogLevel::kWarning, "to %s", "stderr");
  Log(LogLevel::kDebug, "dropped");
  Log(LogLevel::kWarning, "%s", std::string(5000, 'y').c_str());
  dup2(saved, STDERR_FILENO);
  close(saved);
  close(ends[1]);
  char text[8192];
  size_t size = 0;
  for (ssize_t n; (n = read(ends[0], text + size, sizeof text - size)) > 0;) {
    size += static_cast<size_t>(n);
  }
  close(ends[0]);
  SetLogSink(before);
  CHECK(std::string(text, size) == "to stderr\n" + std::string(kLogLineBytesMax, 'y') + "\n");
}

}  // namespace
}  // namespace alai
