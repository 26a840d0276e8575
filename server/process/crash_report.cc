#include "server/process/crash_report.h"

#include <execinfo.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <iterator>

#include "engine/base/assert.h"
#include "engine/base/clock.h"
#include "server/log_file.h"
#include "server/process/symbol_table.h"
#include "server/version.h"

namespace alai {
namespace {

constexpr int kSignals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
constexpr int kFramesMax = 100;
constexpr size_t kHandlerStackBytes = 64 * 1024;
constexpr size_t kEscapedBytesMax = 128;

// Handlers get no arguments of ours, so what they need lies here.
std::atomic<const LogFile*> crash_log{nullptr};
std::atomic<void (*)(CrashWriter&, bool)> current_command_writer{nullptr};
std::atomic<bool> redaction{true};
std::atomic<pid_t> crashed_thread{0};

std::string_view SignalName(int signal) {
  switch (signal) {
    case SIGSEGV:
      return "SIGSEGV";
    case SIGBUS:
      return "SIGBUS";
    case SIGFPE:
      return "SIGFPE";
    case SIGILL:
      return "SIGILL";
    case SIGABRT:
      return "SIGABRT";
    default:
      return "signal";
  }
}

CrashWriter& Head(CrashWriter& out) {
  return out.Decimal(getpid())
      .Text(":signal-handler (")
      .Decimal(SystemClock::Get()->WallMillis() / 1000)
      .Text(") ");
}

uint64_t ProgramCounter(const ucontext_t& context) {
#if defined(__x86_64__)
  return static_cast<uint64_t>(context.uc_mcontext.gregs[REG_RIP]);
#elif defined(__aarch64__)
  return context.uc_mcontext.pc;
#else
  return 0;
#endif
}

void WriteRegister(CrashWriter& out, std::string_view name, uint64_t value, bool end_line) {
  out.Text(name).Text(":").Hex(value).Text(end_line ? "\n" : " ");
}

void WriteRegisters(CrashWriter& out, const ucontext_t& context) {
  out.Text("\n------ REGISTERS ------\n");
#if defined(__x86_64__)
  struct Register {
    std::string_view name;
    int index;
  };
  constexpr Register kRegisters[] = {
      {"RAX", REG_RAX}, {"RBX", REG_RBX}, {"RCX", REG_RCX}, {"RDX", REG_RDX}, {"RDI", REG_RDI},
      {"RSI", REG_RSI}, {"RBP", REG_RBP}, {"RSP", REG_RSP}, {"R8 ", REG_R8},  {"R9 ", REG_R9},
      {"R10", REG_R10}, {"R11", REG_R11}, {"R12", REG_R12}, {"R13", REG_R13}, {"R14", REG_R14},
      {"R15", REG_R15}, {"RIP", REG_RIP}, {"EFL", REG_EFL}};
  for (size_t i = 0; i < std::size(kRegisters); ++i) {
    const auto value = static_cast<uint64_t>(context.uc_mcontext.gregs[kRegisters[i].index]);
    WriteRegister(out, kRegisters[i].name, value, i % 4 == 3 || i + 1 == std::size(kRegisters));
  }
#elif defined(__aarch64__)
  for (int i = 0; i < 31; ++i) {
    out.Text("X").Decimal(i);
    WriteRegister(out, "", context.uc_mcontext.regs[i], i % 4 == 3);
  }
  out.Text("\n");
  WriteRegister(out, "SP", context.uc_mcontext.sp, false);
  WriteRegister(out, "PC", context.uc_mcontext.pc, false);
  WriteRegister(out, "PSTATE", context.uc_mcontext.pstate, true);
#else
  out.Text("Not shown on this architecture.\n");
#endif
}

// All but the crashed function are known by the address they will go on at, which lies behind their last
// instruction when what they have called does not return.
void WriteStackTrace(CrashWriter& out, uint64_t crashed_at) {
  out.Text("\n------ STACK TRACE ------\nBacktrace:\n");
  out.Flush();
  void* frames[kFramesMax];
  const int count = backtrace(frames, kFramesMax);
  const SymbolTable symbols;
  for (int i = 0; i < count; ++i) {
    const auto address = reinterpret_cast<uintptr_t>(frames[i]);
    uint64_t offset = 0;
    const bool called = address != crashed_at;
    const std::string_view name = symbols.NameOf(address - (called ? 1 : 0), &offset);
    if (name.empty()) {  // a library's
      out.Flush();
      backtrace_symbols_fd(&frames[i], 1, out.fd());
    } else {
      out.Text(name)
          .Text("+0x")
          .Hex(offset + (called ? 1 : 0), 4)
          .Text(" [0x")
          .Hex(address)
          .Text("]\n");
    }
  }
}

void WriteFailedAssertion(CrashWriter& out) {
  const FailedAssertion* failed = LastFailedAssertion();
  if (failed == nullptr) return;
  Head(out).Text("Assertion failed: ").Text(failed->file).Text(":").Decimal(failed->line);
  out.Text(" '").Text(failed->expression).Text("' is not true\n");
}

void WriteReport(int fd, int signal, const siginfo_t& info, const ucontext_t& context) {
  CrashWriter out(fd);
  out.Text("\n\n=== ALAI BUG REPORT START: Cut & paste starting from here ===\n");
  Head(out).Text("Alai ").Text(kAlaiVersion).Text(" crashed by signal: ").Decimal(signal);
  out.Text(" (").Text(SignalName(signal)).Text("), si_code: ").Decimal(info.si_code).Text("\n");
  WriteFailedAssertion(out);
  if (info.si_code <= 0) {
    Head(out).Text("Killed by PID: ").Decimal(info.si_pid);
    out.Text(", UID: ").Decimal(info.si_uid).Text("\n");
  } else {
    Head(out).Text("Accessing address: 0x");
    out.Hex(reinterpret_cast<uintptr_t>(info.si_addr)).Text("\n");
  }
  Head(out).Text("Crashed running the instruction at: 0x").Hex(ProgramCounter(context)).Text("\n");
  WriteStackTrace(out, ProgramCounter(context));
  WriteRegisters(out, context);
  if (auto* const write_command = current_command_writer.load()) {
    out.Text("\n------ CURRENT COMMAND ------\n");
    out.Flush();
    write_command(out, redaction.load());
  }
  out.Text("\n=== ALAI BUG REPORT END. Make sure to include from START to END. ===\n\n");
}

void HandleCrash(int signal, siginfo_t* info, void* context) {
  const auto self = static_cast<pid_t>(syscall(SYS_gettid));
  pid_t nobody = 0;
  if (crashed_thread.compare_exchange_strong(nobody, self)) {
    const LogFile* log = crash_log.load();
    WriteReport(log != nullptr ? log->descriptor() : STDERR_FILENO, signal, *info,
                *static_cast<const ucontext_t*>(context));
  } else if (nobody != self) {
    // Another thread is writing its report, which ends the process.
    for (;;) pause();
  }
  // Also when the report itself crashed. Pending until the handler returns; the core dump then shows
  // the state at the crash.
  std::signal(signal, SIG_DFL);
  raise(signal);
}

}  // namespace

CrashWriter& CrashWriter::Text(std::string_view text) {
  while (!text.empty()) {
    if (used_ == sizeof buffer_) Flush();
    const size_t part = std::min(text.size(), sizeof buffer_ - used_);
    std::memcpy(buffer_ + used_, text.data(), part);
    used_ += part;
    text.remove_prefix(part);
  }
  return *this;
}

CrashWriter& CrashWriter::Decimal(int64_t value) {
  char digits[20];
  size_t at = sizeof digits;
  uint64_t rest = value < 0 ? 0 - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
  do {
    digits[--at] = static_cast<char>('0' + rest % 10);
    rest /= 10;
  } while (rest != 0);
  if (value < 0) Text("-");
  return Text({digits + at, sizeof digits - at});
}

CrashWriter& CrashWriter::Hex(uint64_t value, int digits) {
  char text[16];
  for (int i = 0; i < digits; ++i) {
    text[i] = "0123456789abcdef"[value >> (4 * (digits - 1 - i)) & 15];
  }
  return Text({text, static_cast<size_t>(digits)});
}

CrashWriter& CrashWriter::Escaped(std::string_view bytes) {
  for (const char c : bytes.substr(0, kEscapedBytesMax)) {
    if (c >= 0x20 && c < 0x7f && c != '\\') {
      Text({&c, 1});
    } else {
      Text("\\x").Hex(static_cast<unsigned char>(c), 2);
    }
  }
  if (bytes.size() > kEscapedBytesMax) {
    Text("... (").Decimal(static_cast<int64_t>(bytes.size() - kEscapedBytesMax));
    Text(" more bytes)");
  }
  return *this;
}

void CrashWriter::Flush() {
  size_t done = 0;
  while (done < used_) {
    const ssize_t written = write(fd_, buffer_ + done, used_ - done);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) break;
    done += static_cast<size_t>(written);
  }
  used_ = 0;
}

void InstallCrashReport(const CrashReportOptions& options) {
  crash_log.store(options.log);
  current_command_writer.store(options.write_current_command);
  // The first call loads a library, which a handler must not do.
  void* frame;
  backtrace(&frame, 1);
  struct sigaction action = {};
  action.sa_sigaction = HandleCrash;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  for (const int signal : kSignals) sigaction(signal, &action, nullptr);
}

void RemoveCrashReport() {
  for (const int signal : kSignals) std::signal(signal, SIG_DFL);
}

void SetCrashRedaction(bool redact) { redaction.store(redact); }

CrashStack::CrashStack() : memory_(std::make_unique<char[]>(kHandlerStackBytes)) {
  stack_t stack = {};
  stack.ss_sp = memory_.get();
  stack.ss_size = kHandlerStackBytes;
  sigaltstack(&stack, nullptr);
}

CrashStack::~CrashStack() {
  stack_t stack = {};
  stack.ss_flags = SS_DISABLE;
  sigaltstack(&stack, nullptr);
}

}  // namespace alai
