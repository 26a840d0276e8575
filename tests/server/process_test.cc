// What surrounds a server in its process: daemon, pid file, supervision, title, limits, crash report.
// What changes the process for good runs in a child.
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <functional>

#include "engine/base/assert.h"
#include "engine/base/log.h"
#include "server/config/config_file.h"
#include "server/process/crash_report.h"
#include "server/process/daemon.h"
#include "server/process/memory_test.h"
#include "server/process/process_limits.h"
#include "server/process/process_settings.h"
#include "server/process/process_title.h"
#include "server/process/supervisor.h"
#include "server/process/symbol_table.h"
#include "server/process/system_check.h"
#include "tests/catch.h"
#include "tests/server/log_capture.h"
#include "tests/server/temporary_folder.h"

namespace alai {
namespace {

std::string ReadText(const std::string& path) {
  std::string text;
  ReadConfigFile(path, &text);
  return text;
}

// The wait status of a child that runs this and then exits with what it gives.
int RunInChild(const std::function<int()>& body) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) _exit(body());
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return status;
}

TEST_CASE("A daemon leaves its parent, its session and its terminal", "[process]") {
  int result[2];
  REQUIRE(pipe(result) == 0);
  const pid_t test_session = getsid(0);
  const int status = RunInChild([&] {
    if (!Daemonize()) return 1;
    char null[64] = {};
    const bool detached = getsid(0) == getpid() && getsid(0) != test_session &&
                          readlink("/proc/self/fd/1", null, sizeof null - 1) > 0 &&
                          std::string_view(null) == "/dev/null";
    return write(result[1], detached ? "y" : "n", 1) == 1 ? 0 : 1;
  });
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  char answer = '?';
  CHECK(read(result[0], &answer, 1) == 1);
  CHECK(answer == 'y');
  close(result[0]);
  close(result[1]);
}

TEST_CASE("The pid file", "[process]") {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/x.pid";
  const LogCapture log;
  Config config;
  {
    PidFile none;
    none.Create(config, false);
    CHECK(none.path().empty());
  }
  config.pidfile.set(path);
  PidFile file;
  file.Create(config, false);
  CHECK(ReadText(path) == std::to_string(getpid()) + "\n");
  file.Remove();
  CHECK(access(path.c_str(), F_OK) != 0);
  CHECK(log.Has("Removing the pid file."));

  // Another server has started meanwhile: its file stays.
  file.Create(config, false);
  REQUIRE(std::system(("echo 1 > " + path).c_str()) == 0);
  file.Remove();
  CHECK(ReadText(path) == "1\n");

  config.pidfile.set(folder.path() + "/none/x.pid");
  file.Create(config, true);
  CHECK(log.Has("Failed to write PID file: No such file or directory"));
}

// The receiving end of NOTIFY_SOCKET.
class NotifySocket {
 public:
  explicit NotifySocket(const std::string& address) {
    fd_ = socket(AF_UNIX, SOCK_DGRAM, 0);
    sockaddr_un name = {};
    name.sun_family = AF_UNIX;
    std::memcpy(name.sun_path, address.data(), address.size());
    if (address[0] == '@') name.sun_path[0] = '\0';
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address.size());
    REQUIRE(bind(fd_, reinterpret_cast<sockaddr*>(&name), length) == 0);
    setenv("NOTIFY_SOCKET", address.c_str(), 1);
  }
  ~NotifySocket() {
    close(fd_);
    unsetenv("NOTIFY_SOCKET");
  }
  std::string Receive() {
    char text[256];
    const ssize_t got = recv(fd_, text, sizeof text, MSG_DONTWAIT);
    return got < 0 ? "" : std::string(text, static_cast<size_t>(got));
  }

 private:
  int fd_;
};

TEST_CASE("systemd is told how the server is doing", "[process]") {
  const TemporaryFolder folder;
  const LogCapture log;
  for (const std::string& address :
       {folder.path() + "/notify", "@alai-test-" + std::to_string(getpid())}) {
    for (const Supervision mode : {Supervision::kSystemd, Supervision::kAutodetect}) {
      unlink(address.c_str());
      NotifySocket systemd(address);
      Supervisor supervisor;
      supervisor.Begin(mode);
      CHECK(supervisor.active());
      CHECK(std::getenv("NOTIFY_SOCKET") == nullptr);
      supervisor.NotifyReady();
      CHECK(systemd.Receive() == "READY=1\nSTATUS=Ready to accept connections\n");
      supervisor.NotifyStatus("two\nlines");
      CHECK(systemd.Receive() == "STATUS=two lines\n");
      supervisor.NotifyStopping();
      CHECK(systemd.Receive() == "STOPPING=1\nSTATUS=Shutting down\n");
    }
  }
  CHECK(log.Has("Systemd supervision detected."));
  CHECK(log.Has("Supervised by systemd. Please make sure you set appropriate values"));
}

TEST_CASE("Nobody supervises", "[process]") {
  const LogCapture log;
  unsetenv("NOTIFY_SOCKET");
  unsetenv("UPSTART_JOB");
  for (const Supervision mode : {Supervision::kNone, Supervision::kAutodetect,
                                 Supervision::kSystemd, Supervision::kUpstart}) {
    Supervisor supervisor;
    supervisor.Begin(mode);
    CHECK_FALSE(supervisor.active());
    supervisor.NotifyReady();
  }
  CHECK(log.lines ==
        std::vector<std::string>{"systemd supervision error: NOTIFY_SOCKET not found!",
                                 "upstart supervision requested, but UPSTART_JOB not found!"});
}

TEST_CASE("A notification that cannot be sent is logged", "[process]") {
  const LogCapture log;
  setenv("NOTIFY_SOCKET", "/nonexistent/notify", 1);
  Supervisor supervisor;
  supervisor.Begin(Supervision::kSystemd);
  supervisor.NotifyReady();
  CHECK(log.Has("systemd supervision error: sd_notify: No such file or directory"));
  setenv("NOTIFY_SOCKET", std::string(200, '/').c_str(), 1);
  supervisor.Begin(Supervision::kSystemd);
  supervisor.NotifyReady();
  CHECK(log.Has("systemd supervision error: NOTIFY_SOCKET is too long"));
}

TEST_CASE("upstart's job stops until it is continued", "[process]") {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const LogCapture log;
    setenv("UPSTART_JOB", "alai", 1);
    Supervisor supervisor;
    supervisor.Begin(Supervision::kAutodetect);
    _exit(supervisor.active() && std::getenv("UPSTART_JOB") == nullptr ? 0 : 1);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, WUNTRACED) == child);
  CHECK(WIFSTOPPED(status));
  kill(child, SIGCONT);
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("The title's template", "[process]") {
  Config config;
  CHECK(ExpandProcTitle(config, "alai-server") == "alai-server *:6379");
  config.bind.set({"127.0.0.1", "-::1"});
  config.cluster_enabled.set(true);
  CHECK(ExpandProcTitle(config, "./a") == "./a 127.0.0.1:6379 [cluster]");
  config.port.set(0);
  config.unixsocket.set("/x.sock");
  CHECK(ExpandProcTitle(config, "a") == "a /x.sock [cluster]");
  config.tls_port.set(7000);
  config.config_file.set("/x.conf");
  config.proc_title_template.set("{port}|{tls-port}|{unixsocket}|{config-file}|{listen-addr} ");
  CHECK(ExpandProcTitle(config, "a") == "0|7000|/x.sock|/x.conf|127.0.0.1:7000");
}

TEST_CASE("The title lies over arguments and environment", "[process]") {
  // As the kernel lays them out: one after the other.
  char memory[] = "server\0--port\0001\0";
  char* argv[] = {memory, memory + 7, memory + 14, nullptr};
  char** const environment = environ;
  char variables[1] = {0};
  char* fake_environment[] = {variables, nullptr};  // elsewhere: not to be written over
  environ = fake_environment;
  ProcessTitle title;
  title.Set("nothing yet");
  title.Take(3, argv);
  environ = environment;
  CHECK(title.program() == "server");
  title.Set("alai *:1");
  CHECK(std::string_view(memory, 16) == std::string_view("alai *:1\0\0\0\0\0\0\0\0", 16));
  CHECK(std::string(argv[1]) == "--port");
  CHECK(std::string(argv[2]) == "1");
  title.Set("a title that is longer than the room");
  CHECK(std::string_view(memory, 16) == std::string_view("a title that is\0", 16));
  std::free(argv[0]);
  std::free(argv[1]);
  std::free(argv[2]);
}

TEST_CASE("Open files are raised for maxclients", "[process]") {
  CHECK(ReservedDescriptors(1) == 32);
  CHECK(ReservedDescriptors(2) == 32);
  CHECK(ReservedDescriptors(128) == 1040);
  const int status = RunInChild([] {
    const LogCapture log;
    Config config;
    config.io_threads.set(1);
    config.maxclients.set(200);
    const rlimit low = {100, 300};
    if (setrlimit(RLIMIT_NOFILE, &low) != 0) return 1;
    if (!PrepareOpenFiles(config)) return 2;
    rlimit now;
    getrlimit(RLIMIT_NOFILE, &now);
    if (now.rlim_cur != 232 || config.maxclients != 200) return 3;
    if (!log.Has("Increased maximum number of open files to 232 (it was originally set to 100).")) {
      return 4;
    }
    if (!RaiseOpenFiles(config).empty()) return 5;
    return 0;
  });
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("maxclients gives way to the hard limit", "[process]") {
  const int status = RunInChild([] {
    const LogCapture log;
    if (setgid(65534) != 0 || setuid(65534) != 0) return 77;  // root may raise the hard limit
    Config config;
    config.io_threads.set(1);
    const rlimit low = {100, 300};
    if (setrlimit(RLIMIT_NOFILE, &low) != 0) return 1;
    if (!PrepareOpenFiles(config)) return 2;
    if (config.maxclients != 268) return 3;
    if (log.lines.size() != 3) return 4;
    if (log.lines[0] !=
        "You requested maxclients of 10000 requiring at least 10032 max file descriptors.") {
      return 5;
    }
    if (log.lines[1] !=
        "Server can't set maximum open files to 10032 because of OS error: Operation not "
        "permitted.") {
      return 6;
    }
    if (log.lines[2] !=
        "Current maximum open files is 300. maxclients has been reduced to 268 to compensate for "
        "low ulimit. If you need higher maxclients increase 'ulimit -n'.") {
      return 7;
    }
    config.maxclients.set(100000);
    if (RaiseOpenFiles(config) !=
        "The operating system is not able to handle the specified number of clients, try with "
        "268") {
      return 8;
    }
    const rlimit tiny = {32, 32};
    if (setrlimit(RLIMIT_NOFILE, &tiny) != 0) return 9;
    if (PrepareOpenFiles(config)) return 10;
    return log.Has(
               "Your current 'ulimit -n' of 32 is not enough for the server to start. Please "
               "increase your open file limit to at least 100032. Exiting.")
               ? 0
               : 11;
  });
  const bool root = getuid() == 0;
  CHECK(WEXITSTATUS(status) == (root ? 0 : 77));
}

TEST_CASE("oom-score-adj", "[process]") {
  const int status = RunInChild([] {
    const LogCapture log;
    const auto score = [] { return std::atoi(ReadText("/proc/self/oom_score_adj").c_str()); };
    const int base = score();
    Config config;
    OomScore oom;
    if (!oom.Apply(config, OomScore::Role::kPrimary).empty() || score() != base) return 1;
    config.oom_score_adj.set(OomScoreAdj::kRelative);
    config.oom_score_adj_values[0].set(1);
    config.oom_score_adj_values[1].set(900);
    if (!oom.Apply(config, OomScore::Role::kPrimary).empty()) return 2;
    if (score() != std::min(base + 1, 1000)) return 3;
    config.oom_score_adj.set(OomScoreAdj::kAbsolute);
    if (!oom.Apply(config, OomScore::Role::kReplica).empty() || score() != 900) return 4;
    config.oom_score_adj_values[1].set(2000);  // clamped to what the kernel takes
    if (!oom.Apply(config, OomScore::Role::kReplica).empty() || score() != 1000) return 5;
    config.oom_score_adj.set(OomScoreAdj::kNo);
    const std::string error = oom.Apply(config, OomScore::Role::kPrimary);
    if (error.empty()) return score() == base ? 0 : 6;
    // Without privilege the score cannot be lowered again.
    return error == "Failed to set current oom_score_adj. Check server logs." &&
                   log.Has("Unable to write oom_score_adj: ")
               ? 0
               : 7;
  });
  CHECK(WEXITSTATUS(status) == 0);
}

void WriteCommand(CrashWriter& out, bool redact) {
  out.Text("cmd=set ").Escaped(redact ? "*redacted*" : "secret\x01").Text("\n");
}

// Runs `crash` in a child with a crash report installed; gives the report.
std::string Report(const std::function<void()>& crash, int expected_signal) {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/x.log";
  const int status = RunInChild([&] {
    const rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    Config config;
    config.logfile.set(path);
    static LogFile log;
    log.Open(config);
    const CrashStack stack;
    InstallCrashReport({&log, WriteCommand});
    crash();
    return 0;
  });
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == expected_signal);
  return ReadText(path);
}

bool Contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

volatile int endless_depth = 1'000'000'000;

__attribute__((noinline)) int Recurse(int depth) {
  volatile char frame[4096];
  frame[0] = static_cast<char>(depth);
  return depth == endless_depth ? 0 : Recurse(depth + 1) + frame[0];
}

TEST_CASE("A crash is reported", "[process]") {
  const std::string report =
      Report([] { *static_cast<volatile int*>(reinterpret_cast<int*>(0x10)) = 1; }, SIGSEGV);
  INFO(report);
  CHECK(Contains(report, "=== ALAI BUG REPORT START: Cut & paste starting from here ===\n"));
  CHECK(Contains(report, "crashed by signal: 11 (SIGSEGV), si_code: 1\n"));
  CHECK(Contains(report, "Accessing address: 0x0000000000000010\n"));
  CHECK(Contains(report, "Crashed running the instruction at: 0x"));
  CHECK(Contains(report, "------ STACK TRACE ------\n"));
  CHECK(Contains(report, "------ REGISTERS ------\n"));
#if defined(__x86_64__)
  CHECK(Contains(report, "RIP:"));
  CHECK(Contains(report, "R15:"));
#elif defined(__aarch64__)
  CHECK(Contains(report, "PC:"));
#endif
  CHECK(Contains(report, "------ CURRENT COMMAND ------\ncmd=set *redacted*\n"));
  CHECK(
      report.ends_with("=== ALAI BUG REPORT END. Make sure to include from START to END. ===\n\n"));
}

TEST_CASE("Every fatal signal is reported and then takes its course", "[process]") {
  for (const int signal : {SIGBUS, SIGFPE, SIGILL, SIGABRT}) {
    INFO(signal);
    const std::string report = Report([=] { raise(signal); }, signal);
    CHECK(Contains(report, "crashed by signal: " + std::to_string(signal)));
    CHECK(Contains(report, "Killed by PID: "));
  }
  CHECK(Contains(Report([] { abort(); }, SIGABRT), "(SIGABRT)"));
}

TEST_CASE("A failed assertion is reported", "[process]") {
  const std::string report =
      Report([] { AssertionFailed("sum == parts", "tally.cc", 17); }, SIGABRT);
  CHECK(Contains(report, "Assertion failed: tally.cc:17 'sum == parts' is not true\n"));
}

TEST_CASE("Symbols name the functions of this program", "[process]") {
  const SymbolTable symbols;
  uint64_t offset = 0;
  const auto inside = reinterpret_cast<uintptr_t>(&Recurse) + 3;
  CHECK(symbols.NameOf(inside, &offset).find("Recurse") != std::string_view::npos);
  CHECK(offset == 3);
  CHECK(symbols.NameOf(reinterpret_cast<uintptr_t>(&offset), &offset).empty());
}

TEST_CASE("A stack overflow is reported", "[process]") {
  const std::string report = Report([] { Recurse(0); }, SIGSEGV);
  CHECK(Contains(report, "crashed by signal: 11"));
  CHECK(Contains(report, "Recurse"));
  CHECK(Contains(report, "BUG REPORT END"));
}

TEST_CASE("User data is shown when asked for", "[process]") {
  const std::string report = Report(
      [] {
        SetCrashRedaction(false);
        raise(SIGSEGV);
      },
      SIGSEGV);
  CHECK(Contains(report, "cmd=set secret\\x01\n"));
}

TEST_CASE("Without a crash report a crash is silent", "[process]") {
  CHECK(Report(
            [] {
              RemoveCrashReport();
              raise(SIGSEGV);
            },
            SIGSEGV) == "");
}

TEST_CASE("A crash within the report still ends the process", "[process]") {
  const std::string report = Report(
      [] {
        InstallCrashReport({nullptr, [](CrashWriter&, bool) { raise(SIGBUS); }});
        raise(SIGSEGV);
      },
      SIGBUS);
  CHECK(report.empty());  // it went to standard error
}

TEST_CASE("The crash writer formats without the library", "[process]") {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  {
    CrashWriter out(ends[1]);
    out.Decimal(0).Text(" ").Decimal(INT64_MIN).Text(" ").Decimal(42).Text(" ");
    out.Hex(0xdeadbeef, 8).Text(" ").Hex(UINT64_MAX).Text(" ");
    out.Escaped(std::string(130, 'a')).Text(std::string(1000, 'b'));
  }
  close(ends[1]);
  std::string text(4096, '\0');
  text.resize(static_cast<size_t>(std::max<ssize_t>(read(ends[0], text.data(), text.size()), 0)));
  close(ends[0]);
  CHECK(text == "0 -9223372036854775808 42 deadbeef ffffffffffffffff " + std::string(128, 'a') +
                    "... (2 more bytes)" + std::string(1000, 'b'));
}

TEST_CASE("The memory test finds a stuck bit", "[process]") {
  std::vector<uint64_t> words(1000);
  CHECK(TestMemory(words, 2, false) == 0);
  CHECK(RunMemoryTest("") == EXIT_FAILURE);
  CHECK(RunMemoryTest("abc") == EXIT_FAILURE);
  CHECK(RunMemoryTest("0") == EXIT_FAILURE);
  // The same physical page twice: writing one half changes the other.
  const int fd = memfd_create("alai", 0);
  const auto page = static_cast<size_t>(getpagesize());
  REQUIRE(ftruncate(fd, static_cast<off_t>(page)) == 0);
  void* area = mmap(nullptr, 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  auto* const base = static_cast<char*>(area);
  REQUIRE(mmap(base, page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) != MAP_FAILED);
  REQUIRE(mmap(base + page, page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) !=
          MAP_FAILED);
  CHECK(TestMemory({reinterpret_cast<uint64_t*>(base), 2 * page / sizeof(uint64_t)}, 1, false) > 0);
  munmap(area, 2 * page);
  close(fd);
}

TEST_CASE("The settings of the process follow CONFIG SET", "[process]") {
  const LogLevel threshold = LogThreshold();
  Config config;
  LogFile log;
  ProcessSettings process(config, log);
  config.loglevel.set(Verbosity::kWarning);
  CHECK(process.Apply(ApplyHook::kLogLevel) == "");
  CHECK(LogThreshold() == LogLevel::kWarning);
  SetLogThreshold(threshold);
  CHECK(process.Apply(ApplyHook::kLogFormat) == "");
  CHECK(process.Apply(ApplyHook::kProcTitle) == "");
  CHECK(process.Apply(ApplyHook::kListeners) == "");
}

TEST_CASE("A server begins and ends in its process", "[process]") {
  const TemporaryFolder folder;
  const int status = RunInChild([&] {
    const LogCapture captured;
    Config config;
    config.pidfile.set(folder.path() + "/x.pid");
    config.appendonly.set(true);
    config.maxclients.set(10);
    LogFile log;
    ProcessSettings process(config, log);
    char name[] = "server";
    char* argv[] = {name, nullptr};
    if (!process.Detach(1, argv) || !process.Prepare()) return 1;
    if (access((folder.path() + "/x.pid").c_str(), F_OK) == 0) return 5;
    process.Ready();
    if (ReadText(folder.path() + "/x.pid") != std::to_string(getpid()) + "\n") return 2;
    if (!captured.Has("Directive 'appendonly' is accepted but has no effect in this version.")) {
      return 3;
    }
    process.Stopping();
    process.End();
    return access((folder.path() + "/x.pid").c_str(), F_OK) == 0 ? 4 : 0;
  });
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

}  // namespace
}  // namespace alai
