// What the server asks of the kernel for itself: open files, its place in the out-of-memory killer's
// order, no huge pages.
//
// Threads     Any, one at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "server/config/config.h"

namespace alai {

// Descriptors that the server needs besides those of clients.
int64_t ReservedDescriptors(int64_t workers);

// At the start: raises RLIMIT_NOFILE so that maxclients can connect, or lowers maxclients to what
// there is, and says so in the log. False when not even the server itself has enough.
bool PrepareOpenFiles(Config& config);

// After CONFIG SET maxclients: raises the limit, or gives the error text.
std::string RaiseOpenFiles(const Config& config);

// oom-score-adj: writes /proc/self/oom_score_adj.
class OomScore {
 public:
  enum class Role : uint8_t { kPrimary, kReplica, kBackgroundChild };

  // Without a change when the setting is off and always was. Gives an empty text or the error text.
  std::string Apply(const Config& config, Role role);

 private:
  std::optional<int64_t> base_;  // what the process started with
  bool changed_ = false;
};

// disable-thp: a fault must not clear 2 MB. Logs when the kernel refuses.
void DisableHugePages(const Config& config);

}  // namespace alai
