// ORIGIN WARM: loading the keys that a query names, in the background, no faster than the queue takes them.
//
// Threads     Any. The work is done by a thread of its own with a connection of its own.
// Invariants  At most one runs at a time, and it fills at most half of the queue.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "engine/store.h"
#include "storage/origin/source.h"

namespace alai::origin {

class Origin;
struct RuleState;

class Warming {
 public:
  Warming(Origin& origin, Store& store) : origin_(origin), store_(store) {}
  Warming(const Warming&) = delete;
  Warming& operator=(const Warming&) = delete;
  ~Warming() { Stop(); }

  // False: one is running. `limit` 0: all.
  bool Start(std::shared_ptr<RuleState> state, std::string query, uint64_t limit,
             std::unique_ptr<Source> source);
  // False: none is running.
  bool Cancel();
  void Stop();

  struct Progress {
    bool running = false;
    std::string rule;      // of the last one
    uint64_t listed = 0;   // rows that the query has given
    uint64_t skipped = 0;  // of these, those that make no key of the rule
    uint64_t present = 0;  // those whose key was there
    uint64_t asked = 0;    // and those that were asked for
    std::string error;     // why it ended early
  };
  Progress progress() const;

 private:
  void Main(const std::string& query, uint64_t limit);
  bool Visit(StoreThread& thread, const KeyArguments& key);
  bool GoesOn() const;

  Origin& origin_;
  Store& store_;
  mutable std::mutex mutex_;  // guards what follows, but for its thread
  std::thread thread_;
  std::unique_ptr<Source> source_;
  std::shared_ptr<RuleState> state_;
  Progress progress_;
  std::atomic<bool> cancelled_{false};
};

}  // namespace alai::origin
