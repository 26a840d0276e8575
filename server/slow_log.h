// Commands worth looking at: slow ones (SLOWLOG), and those whose request or reply was large
// (COMMANDLOG).
//
// Threads     Any. What nearly every command costs is three comparisons in Notable(); the mutex is
//             taken only by commands that are logged and by those who read the log.
// Invariants  A log holds at most as many entries as its setting says, newest first. Ids grow by one
//             with each entry and are never used again. Arguments that hold a password are logged
//             as "(redacted)".
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "server/command_spec.h"
#include "server/config/config.h"

namespace alai {

struct CommandInfo;

enum class CommandLogKind : uint8_t { kSlow, kLargeRequest, kLargeReply };
constexpr size_t kCommandLogKinds = 3;

// More arguments and longer ones are cut, and the entry says by how much.
constexpr size_t kCommandLogArgumentsMax = 32;
constexpr size_t kCommandLogArgumentBytesMax = 128;

struct CommandLogEntry {
  int64_t id = 0;
  int64_t time_s = 0;  // when the command ended
  int64_t value = 0;   // microseconds, or bytes
  std::vector<std::string> arguments;
  std::string client_address;
  std::string client_name;
};

// One command that has just run.
struct FinishedCommand {
  const CommandInfo* command;
  Arguments argv;
  int64_t nanos = 0;
  size_t request_bytes = 0;
  size_t reply_bytes = 0;
  std::string_view client_address;
  std::string_view client_name;
};

class CommandLog {
 public:
  explicit CommandLog(const Config& config) : config_(config) {}
  CommandLog(const CommandLog&) = delete;
  CommandLog& operator=(const CommandLog&) = delete;

  // Whether a command with these figures belongs into any log.
  bool Notable(int64_t nanos, size_t request_bytes, size_t reply_bytes) const {
    return Reaches(nanos / 1000, config_.slowlog_log_slower_than) ||
           Reaches(static_cast<int64_t>(request_bytes), config_.commandlog_request_larger_than) ||
           Reaches(static_cast<int64_t>(reply_bytes), config_.commandlog_reply_larger_than);
  }
  // Enters a command into the logs that it belongs into.
  void Add(const FinishedCommand& finished, int64_t time_s);

  // The newest entries, at most `count`.
  std::vector<std::shared_ptr<const CommandLogEntry>> Newest(CommandLogKind kind,
                                                             size_t count) const;
  size_t Length(CommandLogKind kind) const;
  void Clear(CommandLogKind kind);

 private:
  struct List {
    int64_t next_id = 0;
    std::deque<std::shared_ptr<const CommandLogEntry>> entries;  // newest first
  };

  static bool Reaches(int64_t value, int64_t threshold) {
    return threshold >= 0 && value >= threshold;
  }
  void Append(CommandLogKind kind, int64_t value, size_t length_max,
              const FinishedCommand& finished, int64_t time_s);

  const Config& config_;
  mutable std::mutex mutex_;
  std::array<List, kCommandLogKinds> lists_;
};

// Whether an argument holds a secret, so that it appears in no log and not in MONITOR: passwords of
// AUTH, HELLO, CONFIG SET and MIGRATE, rules of ACL SETUSER.
bool IsSecretArgument(const CommandInfo& command, Arguments argv, size_t index);

}  // namespace alai
