// What the server counts: each worker in counters of its own, summed when somebody asks.
//
// Threads     A WorkerStats is written by its worker alone, except for the errors, which a mutex of
//             its own guards. Everything can be read from any thread; the counters of one worker
//             are not read at one instant. Sample() is called by the cron alone.
// Invariants  CONFIG RESETSTAT starts a new era: each worker clears its counters when it next begins
//             a turn, and until then readers take them for 0.
// Why         Counters that several cores write cost more than the commands they count.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/counter.h"
#include "engine/base/histogram.h"
#include "server/memory_report.h"

namespace alai {

// Scripts can make codes up. When there are more different ones than this, counting by code stops
// until CONFIG RESETSTAT, and the one entry "ERRORSTATS_DISABLED" says so.
constexpr size_t kErrorCodesMax = 128;
constexpr size_t kErrorCodeBytesMax = 64;

// The counters of a worker that CONFIG RESETSTAT clears; INFO's names.
enum class Count : uint8_t {
  kConnectionsReceived,
  kConnectionsRejected,
  kNetInputBytes,
  kNetOutputBytes,
  kReads,   // reads of a socket
  kWrites,  // writes to a socket
  kKeyspaceHits,
  kKeyspaceMisses,
  kExpiredOnAccess,
  kQueryBufferLimitDisconnections,
  kOutputBufferLimitDisconnections,
  kEvictedClients,
  kDeniedAuth,  // acl_access_denied_*
  kDeniedCommand,
  kDeniedKey,
  kDeniedChannel,
  kErrorReplies,
  kUnexpectedErrorReplies,
  kLoopCycles,
  kLoopNanos,  // time between two waits
  kSweepNanos,
  kPrefetchBatches,
  kPrefetchEntries,
  kRetriedReads,       // lookups that ran again because a transaction came in between
  kSuspendedCommands,  // had to wait for a shard, or for retired memory to be freed
  kReplyBufferShrinks,
  kReplyBufferExpands,
  kLeftToFree,  // keys flushed for the background thread to free
};
constexpr size_t kWorkerCounts = static_cast<size_t>(Count::kLeftToFree) + 1;

// One command on one worker.
struct CommandCounters {
  Counter calls;
  Counter nanos;
  Counter rejected;  // never ran: wrong arity, no permission, out of memory …
  Counter failed;    // ran and replied with an error
  std::atomic<Histogram*> latency{nullptr};
};

// The sum of a command over all workers.
struct CommandTotals {
  uint64_t calls = 0;
  uint64_t nanos = 0;
  uint64_t rejected = 0;
  uint64_t failed = 0;
};

class alignas(64) WorkerStats {
 public:
  explicit WorkerStats(size_t commands, const std::atomic<uint32_t>& era);
  ~WorkerStats();
  WorkerStats(const WorkerStats&) = delete;
  WorkerStats& operator=(const WorkerStats&) = delete;

  // At the start of each loop turn, and after the worker has itself called Stats::Reset().
  void BeginTurn() {
    if (own_era_.load(std::memory_order_relaxed) != era_.load(std::memory_order_relaxed))
        [[unlikely]]
      ClearForNewEra();
  }

  void Add(Count which, uint64_t n = 1) { counts_[static_cast<size_t>(which)].Add(n); }

  // A command ran. `track_latency` is latency-tracking.
  [[gnu::always_inline]] void CommandDone(uint16_t id, int64_t nanos, bool failed,
                                          bool track_latency) {
    CommandCounters& command = commands_[id];
    command.calls.Add();
    command.nanos.Add(static_cast<uint64_t>(nanos));
    if (failed) [[unlikely]]
      command.failed.Add();
    if (track_latency) {
      Histogram* latency = command.latency.load(std::memory_order_relaxed);
      if (latency == nullptr) [[unlikely]]
        latency = AddHistogram(command);
      latency->Record(nanos);
    }
  }
  void CommandRejected(uint16_t id) { commands_[id].rejected.Add(); }

  // Every error reply that leaves, rejected or failed: `line` is the error's text, which starts
  // with its code ("WRONGTYPE Operation …"), with or without the leading '-'.
  void ErrorReplied(std::string_view line);

  // Not cleared by CONFIG RESETSTAT.
  Counter connected_clients;
  Counter blocked_clients;
  Counter clients_in_timeout_table;  // blocked with a deadline
  Counter monitors;
  Counter changes;        // to the data set, since the start: rdb_changes_since_last_save
  Counter client_memory;  // bytes held for normal clients: buffers and structures
  Counter closed_memory;  // of those that are closed, and freed at the end of their worker's turn
  Counter recent_max_input;  // largest query buffer and output of the last seconds
  Counter recent_max_output;

 private:
  friend class Stats;

  void ClearForNewEra();
  Histogram* AddHistogram(CommandCounters& command);

  const std::atomic<uint32_t>& era_;
  std::atomic<uint32_t> own_era_;
  std::array<Counter, kWorkerCounts> counts_;
  const size_t command_count_;
  const std::unique_ptr<CommandCounters[]> commands_;

  struct Errors {
    std::map<std::string, uint64_t, std::less<>> by_code;
    bool overflowed = false;
  };
  mutable std::mutex errors_mutex_;
  Errors errors_;
};

// Figures that are shown as rates: sampled ten times a second, the mean of the last sixteen.
enum class Rate : uint8_t {
  kCommands,
  kNetInput,
  kNetOutput,
  kReplInput,
  kReplOutput,
  kLoopCycles,
  kLoopNanos
};
constexpr size_t kRates = static_cast<size_t>(Rate::kLoopNanos) + 1;

class Stats {
 public:
  // `commands`: the size of the command table. Workers are added before they start.
  explicit Stats(size_t commands) : commands_(commands) {}
  Stats(const Stats&) = delete;
  Stats& operator=(const Stats&) = delete;

  WorkerStats& AddWorker();
  std::span<const std::unique_ptr<WorkerStats>> workers() const { return workers_; }

  uint64_t Sum(Count which) const;
  uint64_t Of(const WorkerStats& worker, Count which) const;
  // Sums one of the public counters: Sum(&WorkerStats::connected_clients).
  uint64_t Sum(Counter WorkerStats::*gauge) const;
  uint64_t Max(Counter WorkerStats::*gauge) const;
  CommandTotals Command(uint16_t id) const;
  uint64_t CommandsProcessed() const;
  // Time spent in commands.
  uint64_t CommandNanos() const;
  // Adds the latencies of a command to `sum`.
  void AddLatency(uint16_t id, Histogram& sum) const;
  // Replies by error code.
  std::map<std::string, uint64_t> Errors() const;

  // Clears everything that CONFIG RESETSTAT clears. What the store counts, Store::ExpiredKeys(),
  // EvictedKeys() and ExpiredFields(), goes on. The worker that runs CONFIG RESETSTAT then calls its own BeginTurn().
  void Reset(uint64_t expired_keys, uint64_t evicted_keys = 0, uint64_t expired_fields = 0);
  uint64_t expired_keys_at_reset() const {
    return expired_keys_at_reset_.load(std::memory_order_relaxed);
  }

  uint64_t expired_fields_at_reset() const {
    return expired_fields_at_reset_.load(std::memory_order_relaxed);
  }
  uint64_t evicted_keys_at_reset() const {
    return evicted_keys_at_reset_.load(std::memory_order_relaxed);
  }

  // From the cron, every 100 ms. `mono_ns` is the monotonic clock, `allocated` AllocatedBytes() of
  // server/memory_report.h.
  void Sample(int64_t mono_ns, uint64_t allocated);
  // Per second; kLoopNanos: nanoseconds per cycle.
  double PerSecond(Rate rate) const;

  MemoryPeak memory_peak;
  // Bytes exchanged with replicas; counted by replication links.
  std::atomic<uint64_t> repl_input_bytes{0};
  std::atomic<uint64_t> repl_output_bytes{0};

 private:
  static constexpr size_t kSamples = 16;

  struct RateSamples {
    bool started = false;  // there is something to compare with
    uint64_t last_value = 0;
    uint64_t last_base = 0;
    std::array<double, kSamples> samples{};
    size_t next = 0;
  };

  // Whether what a worker holds was counted since the last reset.
  bool IsCurrent(const WorkerStats& worker) const;
  void SampleOne(Rate rate, uint64_t value, uint64_t base, double factor);

  const size_t commands_;
  std::atomic<uint32_t> era_{0};
  std::atomic<uint64_t> expired_keys_at_reset_{0};
  std::atomic<uint64_t> expired_fields_at_reset_{0};
  std::atomic<uint64_t> evicted_keys_at_reset_{0};
  std::vector<std::unique_ptr<WorkerStats>> workers_;
  mutable std::mutex rates_mutex_;
  std::array<RateSamples, kRates> rates_;
};

}  // namespace alai
