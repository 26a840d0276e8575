#include "server/process/process_settings.h"

#include <atomic>
#include <csignal>

#include "engine/base/assert.h"
#include "engine/base/log.h"
#include "server/config/config_set.h"

namespace alai {

namespace {

// A process has one of each; a signal handler and CONFIG SET can reach them no other way.
std::atomic<ProcessSettings*> current{nullptr};
std::atomic<LogFile*> hangup_log{nullptr};

void HandleHangup(int) {
  if (LogFile* log = hangup_log.load()) log->RequestReopen();
}

void SetSignals() {
  struct sigaction hangup = {};
  hangup.sa_handler = HandleHangup;
  hangup.sa_flags = SA_RESTART;
  sigemptyset(&hangup.sa_mask);
  sigaction(SIGHUP, &hangup, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

}  // namespace

ProcessSettings::ProcessSettings(Config& config, LogFile& log,
                                 void (*write_current_command)(CrashWriter&, bool))
    : config_(config), log_(log), write_current_command_(write_current_command) {
  ASSERT(current.exchange(this) == nullptr);
}

ProcessSettings::~ProcessSettings() {
  hangup_log.store(nullptr);
  current.store(nullptr);
}

ProcessSettings* ProcessSettings::Current() { return current.load(); }

bool ProcessSettings::Detach(int argc, char** argv) {
  title_.Take(argc, argv);
  supervisor_.Begin(config_.supervised);
  daemon_ = config_.daemonize && !supervisor_.active();
  return !daemon_ || Daemonize();
}

bool ProcessSettings::Prepare() {
  log_.SetRole(LogRole::kPrimary);
  hangup_log.store(&log_);
  SetSignals();
  SetCrashReport();
  SetTitle();
  DisableHugePages(config_);
  if (!oom_score_.Apply(config_, OomScore::Role::kPrimary).empty()) {
    Log(LogLevel::kWarning, "oom-score-adj could not be applied.");
  }
  LogWithoutEffect(config_);
  return PrepareOpenFiles(config_);
}

void ProcessSettings::Ready() {
  pid_file_.Create(config_, daemon_);
  supervisor_.NotifyReady();
}

void ProcessSettings::Stopping() { supervisor_.NotifyStopping(); }

void ProcessSettings::End() { pid_file_.Remove(); }

std::string ProcessSettings::Apply(ApplyHook hook) {
  switch (hook) {
    case ApplyHook::kLogLevel:
      SetLogThreshold(ThresholdOf(config_.loglevel));
      return {};
    case ApplyHook::kLogFormat:
      log_.SetFormats(config_);
      return {};
    case ApplyHook::kCrashLog:
      SetCrashReport();
      return {};
    case ApplyHook::kProcTitle:
      SetTitle();
      return {};
    case ApplyHook::kOomScoreAdj:
      return oom_score_.Apply(config_, OomScore::Role::kPrimary);
    case ApplyHook::kMaxclients:
      return RaiseOpenFiles(config_);
    default:
      return {};
  }
}

void ProcessSettings::SetCrashReport() {
  SetCrashRedaction(config_.hide_user_data_from_log);
  if (config_.crash_log_enabled) {
    InstallCrashReport({&log_, write_current_command_});
  } else {
    RemoveCrashReport();
  }
}

void ProcessSettings::SetTitle() {
  if (config_.set_proc_title) title_.Set(ExpandProcTitle(config_, title_.program()));
}

}  // namespace alai
