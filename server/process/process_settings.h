// What belongs to the process rather than to one server in it: log, title, limits, crash report. One
// object ties them to the settings, for main() and for CONFIG SET.
//
// Threads     Begin() and End() on the main thread; Apply() one at a time, from any.
#pragma once

#include <string>

#include "server/config/config.h"
#include "server/config/directives.h"
#include "server/log_file.h"
#include "server/process/crash_report.h"
#include "server/process/daemon.h"
#include "server/process/process_limits.h"
#include "server/process/process_title.h"
#include "server/process/supervisor.h"

namespace alai {

class ProcessSettings {
 public:
  // `config` and `log` outlive this object. `write_current_command`: see CrashReportOptions.
  ProcessSettings(Config& config, LogFile& log,
                  void (*write_current_command)(CrashWriter&, bool) = nullptr);
  ProcessSettings(const ProcessSettings&) = delete;
  ProcessSettings& operator=(const ProcessSettings&) = delete;
  ~ProcessSettings();

  // The object of this process, through which CONFIG SET reaches it; nullptr where a server is only a
  // guest in a process.
  static ProcessSettings* Current();

  // The steps of a start and an end, in their order.

  // With the settings loaded and the log open: takes the arguments' memory for the title, finds out who
  // supervises, becomes a daemon if asked to. False after logging what stands against it.
  bool Detach(int argc, char** argv);
  // Before there are threads: signals, crash report, title, limits; names in the log the settings that
  // govern nothing. False when the limits are too low to start.
  bool Prepare();
  // The server listens: writes the pid file and tells the supervisor.
  void Ready();
  // The server is about to end.
  void Stopping();
  // Removes the pid file.
  void End();

  // For ConfigHost::Apply(): the hooks that concern the process; an empty text for all others.
  std::string Apply(ApplyHook hook);

 private:
  void SetCrashReport();
  void SetTitle();

  Config& config_;
  LogFile& log_;
  void (*const write_current_command_)(CrashWriter&, bool);
  CrashStack crash_stack_;
  Supervisor supervisor_;
  PidFile pid_file_;
  bool daemon_ = false;
  ProcessTitle title_;
  OomScore oom_score_;
};

}  // namespace alai
