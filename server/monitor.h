// MONITOR: every command that runs, told to the clients that asked for it.
//
// Workers append lines to one queue per worker that has monitors; that worker sends them between
// two requests. Writes are told while their shards are locked, so a monitor sees the writes of a
// key in their order, as it does the commands of a client.
//
// Threads     Any. Without monitors a command pays one load of a word that nobody writes.
// Invariants  Feed() never blocks but for the short time in which another thread appends.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "server/command_spec.h"

namespace alai {

class Client;
class Worker;
struct CommandInfo;

class Monitors {
 public:
  // `workers`: how many there are; each is told of lines through Worker::Post().
  explicit Monitors(size_t workers) : queues_(workers) {}
  Monitors(const Monitors&) = delete;
  Monitors& operator=(const Monitors&) = delete;

  bool any() const { return count_.load(std::memory_order_relaxed) != 0; }
  // A client of `worker` has become a monitor, or is none any more.
  void Add(const Worker& worker);
  void Remove(const Worker& worker);

  void Feed(const CommandInfo& command, Arguments argv, const Client& client, int64_t wall_us);
  // The lines for `worker`'s monitors since it last took them, as protocol text.
  std::string Take(const Worker& worker);
  // The same, but they stay.
  std::string Pending(const Worker& worker);

 private:
  struct Queue {
    std::mutex mutex;
    int monitors = 0;
    std::string lines;
  };

  std::atomic<int> count_{0};
  std::vector<Queue> queues_;
};

// `+1700000000.123456 [0 127.0.0.1:50000] "get" "k"` and the line end. Secrets are hidden.
std::string MonitorLine(const CommandInfo& command, Arguments argv, const Client& client,
                        int64_t wall_us);

// Appends `text` in double quotes, with \n \r \t \a \b \\ \" and \xHH for what cannot be printed.
void AppendQuoted(std::string* out, std::string_view text);

}  // namespace alai
