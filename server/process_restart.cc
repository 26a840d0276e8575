#include "server/process_restart.h"

#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "engine/base/log.h"

namespace alai {
namespace {

// The kernel's record of the arguments, read before anybody can write a title over them.
std::string ReadCommandLine() {
  std::string line;
  std::FILE* file = std::fopen("/proc/self/cmdline", "re");
  if (file == nullptr) return line;
  char buffer[4096];
  for (size_t size; (size = std::fread(buffer, 1, sizeof buffer, file)) > 0;) {
    line.append(buffer, size);
  }
  std::fclose(file);
  return line;
}

const std::string command_line_at_start = ReadCommandLine();

}  // namespace

void RestartProcess(int64_t delay_ms) {
  if (command_line_at_start.empty()) {
    Log(LogLevel::kWarning, "Cannot restart: the arguments of this process are unknown");
    return;
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(delay_ms));
  std::string line = command_line_at_start;
  std::vector<char*> argv;
  for (size_t at = 0; at < line.size(); at += std::strlen(&line[at]) + 1) argv.push_back(&line[at]);
  argv.push_back(nullptr);
  // Standard streams stay open. Every other descriptor is closed by a successful execv alone.
  constexpr unsigned kFirstOther = 3;
  close_range(kFirstOther, ~0U, CLOSE_RANGE_CLOEXEC);
  execv("/proc/self/exe", argv.data());
  Log(LogLevel::kWarning, "Cannot restart: %s", std::strerror(errno));
}

}  // namespace alai
