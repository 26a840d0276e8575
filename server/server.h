// The server: the keyspace, the workers that serve it, and what they share.
//
// Threads     Construction, Run() and destruction on one thread, the main thread. Everything that
//             is not marked otherwise may be called from any.
// Invariants  There are no globals but the log sink and the hash secret, so several servers can
//             live in one process. The config and the clock outlive the server.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/clock.h"
#include "server/config/config_set.h"
#include "server/debug_switches.h"
#include "server/origin_link.h"
#include "server/replication_identity.h"

namespace alai {

class CommandLog;
class CommandTable;
class Frontend;
class LatencyMonitor;
class Monitors;
class Pause;
class PeerLinks;
class Stats;
class Store;
class Worker;
namespace origin {
class Origin;
}  // namespace origin

class Server final : public ConfigHost {
 public:
  // Drives a server without threads and sockets, step by step: tests and fuzzers. See
  // server/local.h.
  class Local;

  // Builds the store and the command table and makes the workers, which do not run yet. `config`
  // has been loaded.
  Server(Config& config, const Clock& clock);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server() override;

  // Listens on every address of the config. False after logging what went wrong.
  bool Listen();
  // Starts the workers, accepts connections, and returns when a shutdown was requested and
  // everything has come to rest.
  void Run();
  // Ends Run(): ShutdownFlag bits of server/config/config.h. Not for signal handlers.
  void RequestShutdown(uint32_t flags);
  bool shutdown_requested() const { return shutdown_requested_.load(std::memory_order_relaxed); }

  Config& config() const { return config_; }
  const Clock& clock() const { return clock_; }
  Store& store() const { return *store_; }
  const CommandTable& commands() const { return *commands_; }
  Stats& stats() const { return *stats_; }
  CommandLog& command_log() const { return *command_log_; }
  LatencyMonitor& latency_monitor() const { return *latency_monitor_; }
  std::span<const std::unique_ptr<Worker>> workers() const { return workers_; }
  Pause& pause() const { return *pause_; }
  Monitors& monitors() const { return *monitors_; }
  PeerLinks& peer_links() const { return *peer_links_; }
  origin::Origin& origin() const { return *origin_; }
  DebugSwitches& debug_switches() { return debug_switches_; }
  ReplicationIdentity& replication_identity() { return replication_identity_; }

  // 40 hexadecimal digits, another in each process.
  std::string_view run_id() const { return run_id_; }
  UnixMillis started_ms() const { return started_ms_; }
  int64_t started_ns() const { return started_ns_; }  // monotonic
  uint64_t NextClientId() { return next_client_id_.fetch_add(1, std::memory_order_relaxed); }
  // Ten times a second, on the main thread.
  void Cron();

  std::string Apply(ApplyHook hook) override;
  void ResetStats() override;

  // Config::origin_rule has changed.
  void FollowOriginRules();

  // Databases were flushed.
  void FreeFlushed();

  // Connections handed to a worker and not yet closed.
  int64_t connected_clients() const;
  // Where it listens: "name=tcp,bind=127.0.0.1,bind=-::1,port=6379", as INFO shows it.
  std::vector<std::string> ListenerDescriptions() const;

 private:
  // maxmemory-policy and what belongs to it.
  void FollowMemoryPolicy();
  void FollowPackingLimits();
  void FollowLazyFree();
  void FollowOriginLimits();
  // Connects, or takes the connections down. Gives why that cannot be.
  std::string FollowOriginUrl();
  void WarnIfMemoryIsShort();

  enum class Loops : uint8_t { kEpoll, kManual };
  Server(Config& config, const Clock& clock, Loops loops, SourceMaker sources);

  Config& config_;
  const Clock& clock_;
  std::unique_ptr<CommandTable> commands_;
  std::unique_ptr<Stats> stats_;
  std::unique_ptr<CommandLog> command_log_;
  std::unique_ptr<LatencyMonitor> latency_monitor_;
  std::unique_ptr<Store> store_;
  const SourceMaker make_sources_;
  OriginAddress origin_address_;            // where it is connected to
  std::unique_ptr<origin::Origin> origin_;  // outlives the clients that wait for it
  std::unique_ptr<Pause> pause_;
  std::unique_ptr<Monitors> monitors_;
  std::unique_ptr<PeerLinks> peer_links_;  // outlives the suspended clients that have links
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<Frontend> frontend_;
  DebugSwitches debug_switches_;
  ReplicationIdentity replication_identity_;
  std::string run_id_;
  bool renamed_ = true;  // every rename-command could be followed
  UnixMillis started_ms_ = 0;
  int64_t started_ns_ = 0;
  uint64_t maxmemory_ = 0;  // as it was last changed to
  uint64_t cron_runs_ = 0;
  uint64_t allocated_ = 0;  // as the cron last saw it
  std::atomic<uint64_t> next_client_id_{1};
  std::atomic<bool> shutdown_requested_{false};
  std::atomic<uint32_t> shutdown_flags_{0};
};

}  // namespace alai
