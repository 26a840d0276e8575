#include "server/process/system_check.h"

#include <cstdio>
#include <string>
#include <string_view>

#include "engine/base/clock.h"
#include "server/config/config_file.h"

namespace alai {
namespace {

constexpr const char* kClockSourceFile =
    "/sys/devices/system/clocksource/clocksource0/current_clocksource";
constexpr const char* kHugePagesFile = "/sys/kernel/mm/transparent_hugepage/enabled";

// A reading of the clock without a system call takes a tenth of this.
constexpr int64_t kClockReadNanosMax = 500;
constexpr int kClockReads = 100'000;

// Empty when the file cannot be read: then the check passes.
std::string ReadLine(const char* path) {
  std::string text;
  if (ReadConfigFile(path, &text) != 0) return {};
  return std::string(TrimLine(text));
}

// Each check gives what is wrong, or an empty text.
std::string CheckClockSpeed() {
  const Clock& clock = *SystemClock::Get();
  const int64_t start = clock.MonotonicNanos();
  for (int i = 0; i < kClockReads; ++i) clock.MonotonicNanos();
  const int64_t each = (clock.MonotonicNanos() - start) / kClockReads;
  if (each <= kClockReadNanosMax) return {};
  return "Reading the clock takes " + std::to_string(each) + " ns: the clock source '" +
         ReadLine(kClockSourceFile) +
         "' needs a system call. Choose a faster one (tsc, kvm-clock) in " + kClockSourceFile + ".";
}

std::string CheckXenClock() {
  if (ReadLine(kClockSourceFile) != "xen") return {};
  return std::string("The clock source is 'xen', which is slow. Write 'tsc' to ") +
         kClockSourceFile + " as root if the machine offers it.";
}

std::string CheckHugePages() {
  if (ReadLine(kHugePagesFile).find("[always]") == std::string::npos) return {};
  return std::string(
             "Transparent huge pages are on for every program, which costs memory and makes "
             "page faults slow. Write 'madvise' to ") +
         kHugePagesFile + " as root; `disable-thp yes` does it for the server alone.";
}

}  // namespace

bool CheckSystem() {
  struct Check {
    const char* name;
    std::string (*run)();
  };
  constexpr Check kChecks[] = {{"slow-clocksource", CheckClockSpeed},
                               {"xen-clocksource", CheckXenClock},
                               {"THP", CheckHugePages}};
  bool good = true;
  for (const Check& check : kChecks) {
    std::printf("[%s]...", check.name);
    const std::string advice = check.run();
    if (advice.empty()) {
      std::printf("OK\n");
    } else {
      std::printf("WARNING:\n%s\n\n", advice.c_str());
      good = false;
    }
  }
  return good;
}

}  // namespace alai
