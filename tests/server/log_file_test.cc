// The log's lines: their form, where they go, and what happens when the file goes away.
#include "server/log_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <thread>
#include <vector>

#include "server/config/config_file.h"
#include "tests/catch.h"
#include "tests/server/temporary_folder.h"

namespace alai {
namespace {

constexpr int64_t kWhenUs = 1767614400123456;  // 2026-01-05 12:00:00.123456 UTC

// The local time zone while it lives.
class TimeZone {
 public:
  explicit TimeZone(const char* zone) {
    const char* old = std::getenv("TZ");
    had_ = old != nullptr;
    if (had_) old_ = old;
    setenv("TZ", zone, 1);
    tzset();
  }
  ~TimeZone() {
    had_ ? setenv("TZ", old_.c_str(), 1) : unsetenv("TZ");
    tzset();
  }

 private:
  bool had_;
  std::string old_;
};

std::string Format(LogFormat format, LogTimestampFormat timestamps, LogLevel level,
                   std::string_view line, LogRole role = LogRole::kPrimary) {
  return LogFile::Format(format, timestamps, role, 42, kWhenUs, level, line);
}

std::string ReadText(const std::string& path) {
  std::string text;
  REQUIRE(ReadConfigFile(path, &text) == 0);
  return text;
}

TEST_CASE("A line in Redis's form", "[log]") {
  const TimeZone zone("UTC0");
  constexpr auto kLegacy = LogFormat::kLegacy;
  constexpr auto kStamps = LogTimestampFormat::kLegacy;
  CHECK(Format(kLegacy, kStamps, LogLevel::kNotice, "hello") ==
        "42:M 05 Jan 2026 12:00:00.123 * hello\n");
  CHECK(Format(kLegacy, kStamps, LogLevel::kDebug, "a", LogRole::kStarting) ==
        "42:C 05 Jan 2026 12:00:00.123 . a\n");
  CHECK(Format(kLegacy, kStamps, LogLevel::kVerbose, "a", LogRole::kReplica) ==
        "42:S 05 Jan 2026 12:00:00.123 - a\n");
  CHECK(Format(kLegacy, kStamps, LogLevel::kWarning, "") == "42:M 05 Jan 2026 12:00:00.123 # \n");
}

TEST_CASE("Timestamps are local and may be ISO 8601 or milliseconds", "[log]") {
  constexpr auto kLegacy = LogFormat::kLegacy;
  {
    const TimeZone zone("IST-5:30");
    CHECK(Format(kLegacy, LogTimestampFormat::kLegacy, LogLevel::kNotice, "x") ==
          "42:M 05 Jan 2026 17:30:00.123 * x\n");
    CHECK(Format(kLegacy, LogTimestampFormat::kIso8601, LogLevel::kNotice, "x") ==
          "42:M 2026-01-05T17:30:00.123+05:30 * x\n");
  }
  const TimeZone zone("NST3:30");
  CHECK(Format(kLegacy, LogTimestampFormat::kIso8601, LogLevel::kNotice, "x") ==
        "42:M 2026-01-05T08:30:00.123-03:30 * x\n");
  CHECK(Format(kLegacy, LogTimestampFormat::kMilliseconds, LogLevel::kNotice, "x") ==
        "42:M 1767614400123 * x\n");
}

TEST_CASE("logfmt", "[log]") {
  const TimeZone zone("UTC0");
  CHECK(Format(LogFormat::kLogfmt, LogTimestampFormat::kIso8601, LogLevel::kVerbose,
               "say \"hi\"\r\nbye") ==
        "pid=42 role=primary timestamp=\"2026-01-05T12:00:00.123+00:00\" level=info "
        "message=\"say 'hi'  bye\"\n");
  CHECK(Format(LogFormat::kLogfmt, LogTimestampFormat::kMilliseconds, LogLevel::kWarning, "x",
               LogRole::kReplica) ==
        "pid=42 role=replica timestamp=\"1767614400123\" level=warning message=\"x\"\n");
}

TEST_CASE("JSON", "[log]") {
  const TimeZone zone("UTC0");
  CHECK(Format(LogFormat::kJson, LogTimestampFormat::kLegacy, LogLevel::kNotice, "hello") ==
        "{\"pid\":42,\"role\":\"primary\",\"timestamp\":\"05 Jan 2026 12:00:00.123\","
        "\"level\":\"notice\",\"message\":\"hello\"}\n");
  CHECK(
      Format(LogFormat::kJson, LogTimestampFormat::kMilliseconds, LogLevel::kWarning,
             std::string_view("\0\x01\b\t\n\v\f\r\x1f \"'/\\\x7f\xc3\xa9\xff", 18),
             LogRole::kReplica) ==
      "{\"pid\":42,\"role\":\"replica\",\"timestamp\":\"1767614400123\",\"level\":\"warning\","
      "\"message\":\"\\u0000\\u0001\\b\\t\\n\\u000b\\f\\r\\u001f \\\"'/\\\\\x7f\xc3\xa9\xff\"}\n");
}

TEST_CASE("Lines are appended to the file", "[log]") {
  const TemporaryFolder folder;
  const TimeZone zone("UTC0");
  FakeClock clock(kWhenUs / 1000);
  Config config;
  config.logfile.set(folder.path() + "/x.log");
  const std::string pid = std::to_string(getpid());
  {
    LogFile log(clock);
    REQUIRE(log.Open(config) == 0);
    log.Write(LogLevel::kNotice, "one");
    log.SetRole(LogRole::kPrimary);
    clock.AdvanceMillis(1);
    log.Write(LogLevel::kWarning, "two");
  }
  LogFile log(clock);
  config.log_format.set(LogFormat::kLogfmt);
  config.log_timestamp_format.set(LogTimestampFormat::kMilliseconds);
  REQUIRE(log.Open(config) == 0);
  log.SetRole(LogRole::kPrimary);
  log.Write(LogLevel::kDebug, "three");
  CHECK(ReadText(folder.path() + "/x.log") ==
        pid + ":C 05 Jan 2026 12:00:00.123 * one\n" + pid +
            ":M 05 Jan 2026 12:00:00.124 # two\npid=" + pid +
            " role=primary timestamp=\"1767614400124\" level=debug message=\"three\"\n");
}

TEST_CASE("A file that was moved or deleted is made anew", "[log]") {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/x.log";
  FakeClock clock(kWhenUs / 1000);
  Config config;
  config.logfile.set(path);
  LogFile log(clock);
  REQUIRE(log.Open(config) == 0);
  log.Write(LogLevel::kNotice, "first");
  REQUIRE(rename(path.c_str(), (path + ".1").c_str()) == 0);
  log.Write(LogLevel::kNotice, "second");
  REQUIRE(unlink(path.c_str()) == 0);
  log.Write(LogLevel::kNotice, "third");
  CHECK(ReadText(path).find("third") != std::string::npos);
  CHECK(ReadText(path).find("second") == std::string::npos);
  CHECK(ReadText(path + ".1").find("first") != std::string::npos);

  const int descriptor = log.descriptor();
  log.RequestReopen();
  CHECK(log.descriptor() == descriptor);
  log.Write(LogLevel::kNotice, "reopened");
  CHECK(log.descriptor() != descriptor);
  CHECK(ReadText(path).find("reopened") != std::string::npos);

  // Without a folder to make it in, lines go where they went.
  REQUIRE(rename(folder.path().c_str(), (folder.path() + "-moved").c_str()) == 0);
  log.Write(LogLevel::kNotice, "fourth");
  REQUIRE(rename((folder.path() + "-moved").c_str(), folder.path().c_str()) == 0);
  CHECK(ReadText(path).find("fourth") != std::string::npos);
}

TEST_CASE("A file that cannot be opened changes nothing", "[log]") {
  const TemporaryFolder folder;
  Config config;
  LogFile log;
  config.logfile.set(folder.path() + "/x.log");
  REQUIRE(log.Open(config) == 0);
  const int descriptor = log.descriptor();
  config.logfile.set(folder.path() + "/none/x.log");
  CHECK(log.Open(config) == ENOENT);
  CHECK(log.descriptor() == descriptor);
  log.Write(LogLevel::kNotice, "still here");
  CHECK(ReadText(folder.path() + "/x.log").find("still here") != std::string::npos);
  // The empty name is standard output again.
  config.logfile.set("");
  REQUIRE(log.Open(config) == 0);
  CHECK(log.descriptor() == STDOUT_FILENO);
}

TEST_CASE("Lines of many threads do not mix", "[log]") {
  constexpr int kThreads = 4;
  constexpr int kLines = 200;
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/x.log";
  Config config;
  config.logfile.set(path);
  LogFile log;
  REQUIRE(log.Open(config) == 0);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      const std::string line(100, static_cast<char>('a' + i));
      for (int j = 0; j < kLines; ++j) log.Write(LogLevel::kNotice, line);
    });
  }
  for (std::thread& thread : threads) thread.join();
  const std::string text = ReadText(path);
  int counts[kThreads] = {};
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    REQUIRE(end != std::string::npos);
    const std::string_view line = std::string_view(text).substr(at, end - at);
    const int writer = line.back() - 'a';
    REQUIRE(writer >= 0);
    REQUIRE(writer < kThreads);
    CHECK(line.ends_with(" * " + std::string(100, line.back())));
    ++counts[writer];
    at = end + 1;
  }
  for (const int count : counts) CHECK(count == kLines);
}

TEST_CASE("loglevel nothing is above every level", "[log]") {
  CHECK(ThresholdOf(Verbosity::kDebug) == LogLevel::kDebug);
  CHECK(ThresholdOf(Verbosity::kWarning) == LogLevel::kWarning);
  CHECK(ThresholdOf(Verbosity::kNothing) > LogLevel::kWarning);
}

}  // namespace
}  // namespace alai
