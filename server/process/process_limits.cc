#include "server/process/process_limits.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "engine/base/log.h"

namespace alai {
namespace {

constexpr int64_t kReservedDescriptorsMin = 32;
// What is assumed when the kernel does not tell the limit.
constexpr rlim_t kOpenFilesAssumed = 1024;
constexpr const char* kOomScoreFile = "/proc/self/oom_score_adj";
constexpr int64_t kOomScoreMax = 1000;

using PrintedCount = unsigned long long;  // as printf has it

// Raises the limit towards `wanted`, which an unprivileged process may do up to the hard limit. Gives
// the limit in force, and in `error` why it is not what was wanted, or 0.
rlim_t RaiseLimit(rlim_t wanted, int* error) {
  *error = 0;
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    *error = errno;
    return kOpenFilesAssumed;
  }
  if (limit.rlim_cur >= wanted) return limit.rlim_cur;
  const rlimit whole = {wanted, std::max(wanted, limit.rlim_max)};
  if (setrlimit(RLIMIT_NOFILE, &whole) == 0) return wanted;
  *error = errno;
  const rlimit part = {std::min(wanted, limit.rlim_max), limit.rlim_max};
  return setrlimit(RLIMIT_NOFILE, &part) == 0 ? part.rlim_cur : limit.rlim_cur;
}

bool WriteText(const char* path, const std::string& text) {
  const int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool written = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const int error = errno;
  close(fd);
  errno = error;
  return written;
}

std::optional<int64_t> ReadNumber(const char* path) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  char text[32] = {};
  const ssize_t got = read(fd, text, sizeof text - 1);
  const int error = errno;
  close(fd);
  errno = error;
  if (got <= 0) return std::nullopt;
  return std::strtoll(text, nullptr, 10);
}

}  // namespace

int64_t ReservedDescriptors(int64_t workers) {
  return std::max(kReservedDescriptorsMin, kReservedDescriptorsMin / 2 + 8 * workers);
}

bool PrepareOpenFiles(Config& config) {
  const int64_t reserved = ReservedDescriptors(config.io_threads);
  const int64_t maxclients = config.maxclients;
  const rlim_t wanted = static_cast<rlim_t>(maxclients + reserved);
  rlimit before;
  if (getrlimit(RLIMIT_NOFILE, &before) != 0) {
    Log(LogLevel::kWarning,
        "Unable to obtain the current NOFILE limit (%s), assuming 1024 and setting the max clients "
        "configuration accordingly.",
        std::strerror(errno));
    config.maxclients.set(static_cast<int64_t>(kOpenFilesAssumed) - reserved);
    return true;
  }
  int error;
  const rlim_t now = RaiseLimit(wanted, &error);
  if (now >= wanted) {
    if (before.rlim_cur < wanted) {
      Log(LogLevel::kNotice,
          "Increased maximum number of open files to %llu (it was originally set to %llu).",
          static_cast<PrintedCount>(wanted), static_cast<PrintedCount>(before.rlim_cur));
    }
    return true;
  }
  if (static_cast<int64_t>(now) <= reserved) {
    Log(LogLevel::kWarning,
        "Your current 'ulimit -n' of %llu is not enough for the server to start. Please increase "
        "your open file limit to at least %llu. Exiting.",
        static_cast<PrintedCount>(before.rlim_cur), static_cast<PrintedCount>(wanted));
    return false;
  }
  config.maxclients.set(static_cast<int64_t>(now) - reserved);
  Log(LogLevel::kWarning,
      "You requested maxclients of %lld requiring at least %llu max file descriptors.",
      static_cast<long long>(maxclients), static_cast<PrintedCount>(wanted));
  Log(LogLevel::kWarning, "Server can't set maximum open files to %llu because of OS error: %s.",
      static_cast<PrintedCount>(wanted), std::strerror(error));
  Log(LogLevel::kWarning,
      "Current maximum open files is %llu. maxclients has been reduced to %lld to compensate for "
      "low ulimit. If you need higher maxclients increase 'ulimit -n'.",
      static_cast<PrintedCount>(now), static_cast<long long>(config.maxclients.get()));
  return true;
}

std::string RaiseOpenFiles(const Config& config) {
  const int64_t reserved = ReservedDescriptors(config.io_threads);
  int error;
  const rlim_t wanted = static_cast<rlim_t>(config.maxclients + reserved);
  const rlim_t now = RaiseLimit(wanted, &error);
  if (now >= wanted) return {};
  const int64_t possible = std::max<int64_t>(static_cast<int64_t>(now) - reserved, 0);
  return "The operating system is not able to handle the specified number of clients, try with " +
         std::to_string(possible);
}

std::string OomScore::Apply(const Config& config, Role role) {
  constexpr const char* kError = "Failed to set current oom_score_adj. Check server logs.";
  const OomScoreAdj mode = config.oom_score_adj;
  if (mode == OomScoreAdj::kNo && !changed_) return {};
  if (!base_) base_ = ReadNumber(kOomScoreFile);
  if (!base_) {
    Log(LogLevel::kWarning, "Unable to read oom_score_adj: %s", std::strerror(errno));
    return kError;
  }
  int64_t score = config.oom_score_adj_values[static_cast<size_t>(role)];
  if (mode == OomScoreAdj::kRelative) score += *base_;
  if (mode == OomScoreAdj::kNo) score = *base_;
  score = std::clamp(score, -kOomScoreMax, kOomScoreMax);
  if (!WriteText(kOomScoreFile, std::to_string(score))) {
    Log(LogLevel::kWarning, "Unable to write oom_score_adj: %s", std::strerror(errno));
    return kError;
  }
  changed_ = true;
  return {};
}

void DisableHugePages(const Config& config) {
  if (!config.disable_thp) return;
  if (prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) != 0) {
    Log(LogLevel::kWarning, "Failed to disable THP for this process: %s", std::strerror(errno));
  }
}

}  // namespace alai
