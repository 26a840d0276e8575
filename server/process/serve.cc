#include "server/process/serve.h"

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "engine/base/clock.h"
#include "engine/base/hash.h"
#include "engine/base/log.h"
#include "server/command_table.h"
#include "server/config/command_line.h"
#include "server/config/config_file.h"
#include "server/current_command.h"
#include "server/log_file.h"
#include "server/process/memory_test.h"
#include "server/process/process_settings.h"
#include "server/process/system_check.h"
#include "server/server.h"
#include "server/version.h"

namespace alai {
namespace {

// Reads the settings and says what is wrong with them.
bool ReadSettings(const CommandLine& line, Config& config) {
  CommandTable commands;  // only to judge rename-command
  const std::optional<ConfigError> error = LoadConfig(
      line, STDIN_FILENO, config,
      [&](std::string_view from, std::string_view to) { return commands.Rename(from, to); });
  if (!error) return true;
  if (error->kind == ConfigError::Kind::kLine) {
    std::fputs(error->Report().c_str(), stderr);
  } else {
    Log(LogLevel::kWarning, "%s", error->Report().c_str());
  }
  return false;
}

void LogStart(const CommandLine& line, std::string_view program) {
  Log(LogLevel::kWarning, "oO0OoO0OoO0Oo Alai is starting oO0OoO0OoO0Oo");
  Log(LogLevel::kWarning, "Alai version=%s, bits=%d, build=%s, pid=%d, just started",
      std::string(kAlaiVersion).c_str(), static_cast<int>(sizeof(void*) * 8), BuildId().c_str(),
      static_cast<int>(getpid()));
  if (line.config_file.empty() && !line.reads_stdin && line.options.empty()) {
    Log(LogLevel::kWarning,
        "Warning: no config file specified, using the default config. In order to specify a config "
        "file use %s /path/to/redis.conf",
        std::string(program).c_str());
  } else {
    Log(LogLevel::kWarning, "Configuration loaded");
  }
}

// A person who watches the start gets a drawing; tools that ask for it read the process's number there.
void LogMode(const Config& config) {
  const long long port = config.port.get();
  if (config.always_show_logo.get() ||
      (config.logfile.get().empty() && isatty(STDOUT_FILENO) != 0)) {
    Log(LogLevel::kNotice, " .-'-.  .-'-.   Alai %s, standalone",
        std::string(kAlaiVersion).c_str());
    Log(LogLevel::kNotice, "'     ''     ''  Port: %lld", port);
    Log(LogLevel::kNotice, "~~~~~~~~~~~~~~  PID: %d", static_cast<int>(getpid()));
  } else {
    Log(LogLevel::kNotice, "Running mode=standalone, port=%lld.", port);
  }
}

// The server is ending, and its handlers with it: a signal that asks for that once more must not kill it
// half-way.
void IgnoreRequestsToEnd() {
  sigset_t requests;
  sigemptyset(&requests);
  sigaddset(&requests, SIGTERM);
  sigaddset(&requests, SIGINT);
  pthread_sigmask(SIG_BLOCK, &requests, nullptr);
}

int RunServer(Config& config, ProcessSettings& process) {
  const std::string seed = config.hash_seed.get();
  seed.empty() ? SeedHashRandomly() : SeedHash(seed);
  Server server(config, *SystemClock::Get());
  LogMode(config);
  Log(LogLevel::kWarning, "Server initialized");
  if (!server.Listen()) return EXIT_FAILURE;
  process.Ready();
  server.Run();
  IgnoreRequestsToEnd();
  process.Stopping();
  process.End();
  return EXIT_SUCCESS;
}

int StartServer(const CommandLine& line, int argc, char** argv) {
  // Lives as long as anything may still be logged.
  static LogFile log;
  SetLogSink(&log);
  Config config;
  if (!ReadSettings(line, config)) return EXIT_FAILURE;
  SetLogThreshold(ThresholdOf(config.loglevel));
  if (const int error = log.Open(config); error != 0) {
    Log(LogLevel::kWarning, "Can't open the log file: %s", std::strerror(error));
    return EXIT_FAILURE;
  }
  ProcessSettings process(config, log, WriteCurrentCommand);
  const std::string program = argv[0];
  if (!process.Detach(argc, argv)) return EXIT_FAILURE;
  LogStart(line, program);
  if (!process.Prepare()) return EXIT_FAILURE;
  return RunServer(config, process);
}

}  // namespace

int Serve(int argc, char** argv) {
  const std::vector<std::string_view> args(argv + 1, argv + argc);
  const CommandLine line = ParseCommandLine(args);
  switch (line.action) {
    case CommandLine::Action::kShowVersion:
      std::fputs(VersionText().c_str(), stdout);
      return EXIT_SUCCESS;
    case CommandLine::Action::kShowHelp:
      std::fputs(HelpText(argv[0]).c_str(), stderr);
      return EXIT_FAILURE;
    case CommandLine::Action::kCheckSystem:
      return CheckSystem() ? EXIT_SUCCESS : EXIT_FAILURE;
    case CommandLine::Action::kTestMemory:
      return RunMemoryTest(line.memory_megabytes.c_str());
    case CommandLine::Action::kServe:
      break;
  }
  return StartServer(line, argc, argv);
}

}  // namespace alai
