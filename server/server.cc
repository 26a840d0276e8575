#include "server/server.h"

#include <pthread.h>

#include <thread>
#include <utility>

#include "engine/base/log.h"
#include "engine/base/random.h"
#include "engine/base/ticks.h"
#include "engine/store.h"
#include "server/command_table.h"
#include "server/config/config.h"
#include "server/config/origin_directive.h"
#include "server/frontend.h"
#include "server/key_class_rules.h"
#include "server/latency_monitor.h"
#include "server/memory_report.h"
#include "server/monitor.h"
#include "server/net/epoll_loop.h"
#include "server/net/manual_loop.h"
#include "server/net/peer_link.h"
#include "server/pause.h"
#include "server/process/process_settings.h"
#include "server/slow_log.h"
#include "server/stats.h"
#include "server/worker.h"
#include "storage/origin/origin.h"

namespace alai {
namespace {

constexpr size_t kRunIdDigits = 40;
constexpr uint64_t kCronsPerAllocatorLook = 10;

std::unique_ptr<Store> MakeStore(const Config& config, const Clock& clock) {
  return std::make_unique<Store>(StoreOptions{.databases = static_cast<int>(config.databases),
                                              .workers = static_cast<int>(config.io_threads),
                                              .clock = &clock});
}

EvictionRules RulesOf(const Config& config) {
  EvictionRules rules;
  rules.samples = static_cast<int>(config.maxmemory_samples);
  switch (config.maxmemory_policy) {
    case MaxmemoryPolicy::kVolatileLru:
      rules.volatile_only = true;
      [[fallthrough]];
    case MaxmemoryPolicy::kAllkeysLru:
      rules.policy = EvictionPolicy::kLru;
      break;
    case MaxmemoryPolicy::kVolatileLfu:
      rules.volatile_only = true;
      [[fallthrough]];
    case MaxmemoryPolicy::kAllkeysLfu:
      rules.policy = EvictionPolicy::kLfu;
      break;
    case MaxmemoryPolicy::kVolatileRandom:
      rules.volatile_only = true;
      [[fallthrough]];
    case MaxmemoryPolicy::kAllkeysRandom:
      rules.policy = EvictionPolicy::kRandom;
      break;
    case MaxmemoryPolicy::kVolatileTtl:
      rules.volatile_only = true;
      rules.policy = EvictionPolicy::kTtl;
      break;
    case MaxmemoryPolicy::kNoEviction:
      break;
  }
  return rules;
}

}  // namespace

Server::Server(Config& config, const Clock& clock)
    : Server(config, clock, Loops::kEpoll, MakeOriginSources) {}

Server::Server(Config& config, const Clock& clock, Loops loops, SourceMaker sources)
    : config_(config),
      clock_(clock),
      commands_(std::make_unique<CommandTable>()),
      stats_(std::make_unique<Stats>(commands_->size())),
      command_log_(std::make_unique<CommandLog>(config)),
      latency_monitor_(std::make_unique<LatencyMonitor>(config.latency_monitor_threshold)),
      store_(MakeStore(config, clock)),
      make_sources_(std::move(sources)),
      origin_(std::make_unique<origin::Origin>(*store_)),
      pause_(std::make_unique<Pause>(*store_)),
      monitors_(std::make_unique<Monitors>(static_cast<size_t>(config.io_threads.get()))),
      peer_links_(std::make_unique<PeerLinks>()),
      run_id_(kRunIdDigits, '0'),
      started_ms_(clock.WallMillis()),
      started_ns_(clock.MonotonicNanos()) {
  Ticks::Calibrate();
  RandomHex(run_id_.data(), run_id_.size());
  for (const auto& [old_name, new_name] : config.renamed_commands.get()) {
    const std::string_view error = commands_->Rename(old_name, new_name);
    if (error.empty()) continue;
    Log(LogLevel::kWarning, "rename-command %s: %s", old_name.c_str(), std::string(error).c_str());
    renamed_ = false;
  }
  for (int i = 0; i < config.io_threads; ++i) {
    std::unique_ptr<EventLoop> loop;
    if (loops == Loops::kEpoll) {
      loop = std::make_unique<EpollLoop>();
    } else {
      loop = std::make_unique<ManualLoop>();
    }
    workers_.push_back(std::make_unique<Worker>(*this, i, std::move(loop), stats_->AddWorker()));
  }
  store_->SetKeyClasses(workers_[0]->thread(), KeyClassesOf(config.keyclass.get()));
  FollowMemoryPolicy();
  FollowPackingLimits();
  FollowLazyFree();
  store_->set_miss_source(origin_.get());
  FollowOriginLimits();
  FollowOriginRules();
  stats_->memory_peak.Sample(AllocatedBytes(*store_));
}

Server::~Server() {
  // From here on nobody calls the workers.
  peer_links_->Stop();
  origin_->Stop();
}

bool Server::Listen() {
  if (!renamed_) return false;
  frontend_ = std::make_unique<Frontend>(*this, stats_->AddWorker());
  return frontend_->Listen();
}

void Server::Run() {
  store_->reclaimer().lazy_free().set_wake([this] { FreeFlushed(); });
  if (HasAllocatorControl()) store_->memory_limit().CountByThreads();
  if (const std::string error = FollowOriginUrl(); !error.empty()) {
    Log(LogLevel::kWarning, "origin-url: %s", error.c_str());
  }
  std::vector<std::thread> threads;
  for (const auto& worker : workers_) {
    threads.emplace_back([&worker] {
      pthread_setname_np(pthread_self(), ("alai-" + std::to_string(worker->index())).c_str());
      worker->Run();
    });
  }
  SetAllocatorThreads(config_.jemalloc_bg_thread);
  Log(LogLevel::kNotice, "Ready to accept connections");
  frontend_->Run();
  for (const auto& worker : workers_) worker->Stop();
  for (std::thread& thread : threads) thread.join();
  if ((shutdown_flags_ & kShutdownNow) == 0) origin_->Drain(config_.origin_drain_ms);
  origin_->Stop();
  Log(LogLevel::kWarning, "Alai is now ready to exit, bye bye...");
}

void Server::RequestShutdown(uint32_t flags) {
  if (shutdown_requested_.exchange(true)) return;
  shutdown_flags_.store(flags, std::memory_order_relaxed);
  Log(LogLevel::kWarning, "User requested shutdown...");
  if ((flags & kShutdownSave) != 0) {
    Log(LogLevel::kWarning,
        "SAVE was asked for, but nothing is saved: this version has no snapshots.");
  }
  if (frontend_ != nullptr) frontend_->Stop();
}

void Server::Cron() {
  if (debug_switches_.pause_cron) return;
  const uint64_t began = Ticks::Now();
  // Asking the allocator costs it a walk over its arenas.
  const bool limited = store_->memory_limit().on();
  if (limited) {
    allocated_ = CorrectMemoryLimit(*store_);
  } else if (cron_runs_ % kCronsPerAllocatorLook == 0) {
    allocated_ = AllocatedBytes(*store_);
  }
  ++cron_runs_;
  stats_->Sample(clock_.MonotonicNanos(), allocated_);
  const int64_t nanos = Ticks::ToNanos(Ticks::Now() - began);
  latency_monitor_->Report(latency_event::kCron, nanos, clock_.WallMillis() / 1000);
}

void Server::FreeFlushed() {
  if (frontend_ != nullptr) frontend_->FreeFlushed();
}

int64_t Server::connected_clients() const {
  int64_t sum = 0;
  for (const auto& worker : workers_) sum += worker->connections();
  return sum;
}

std::vector<std::string> Server::ListenerDescriptions() const {
  return frontend_ == nullptr ? std::vector<std::string>() : frontend_->Descriptions();
}

void Server::FollowMemoryPolicy() {
  const EvictionRules rules = RulesOf(config_);
  store_->set_access_clock(rules.policy == EvictionPolicy::kLfu ? AccessClock::kLfu
                                                                : AccessClock::kLru);
  store_->lfu_log_factor.store(static_cast<int>(config_.lfu_log_factor));
  store_->lfu_decay_time.store(static_cast<int>(config_.lfu_decay_time));
  MemoryLimit& limit = store_->memory_limit();
  if (config_.maxmemory != 0) CorrectMemoryLimit(*store_);
  limit.Set(config_.maxmemory);
  store_->eviction().Follow(rules);
  // What is too much now goes without waiting for a write.
  for (const auto& worker : workers_) {
    worker->Post([](Worker& woken) {
      woken.MakeRoom();
      woken.LookAtClientMemory();
    });
  }
}

void Server::FollowLazyFree() {
  LazyFree& lazy_free = store_->reclaimer().lazy_free();
  lazy_free.SetLazy(FreeCause::kDelete, config_.lazyfree_lazy_user_del);
  lazy_free.SetLazy(FreeCause::kSideEffect, config_.lazyfree_lazy_server_del);
  lazy_free.SetLazy(FreeCause::kExpired, config_.lazyfree_lazy_expire);
  lazy_free.SetLazy(FreeCause::kEvicted, config_.lazyfree_lazy_eviction);
}

void Server::FollowPackingLimits() {
  const auto follow = [](auto& limit, const auto& setting) {
    limit.store(static_cast<decltype(limit.load())>(setting.get()), std::memory_order_relaxed);
  };
  PackingLimits& limits = store_->packing;
  follow(limits.hash_entries, config_.hash_max_listpack_entries);
  follow(limits.hash_value_bytes, config_.hash_max_listpack_value);
  follow(limits.set_intset_entries, config_.set_max_intset_entries);
  follow(limits.set_listpack_entries, config_.set_max_listpack_entries);
  follow(limits.set_value_bytes, config_.set_max_listpack_value);
  follow(limits.sorted_set_entries, config_.zset_max_listpack_entries);
  follow(limits.sorted_set_value_bytes, config_.zset_max_listpack_value);
  follow(limits.list_size, config_.list_max_listpack_size);
  follow(limits.list_depth, config_.list_compress_depth);
  follow(limits.stream_bytes, config_.stream_node_max_bytes);
  follow(limits.stream_entries, config_.stream_node_max_entries);
}

void Server::FollowOriginLimits() {
  origin::OriginOptions options;
  options.connections = static_cast<int>(config_.origin_connections);
  options.queue_max = static_cast<size_t>(config_.origin_queue_max);
  options.breaker_failures = static_cast<int>(config_.origin_breaker_failures);
  options.breaker_open_ms = config_.origin_breaker_open_ms;
  options.negative_max = static_cast<size_t>(config_.origin_negative_max);
  options.value_bytes_max = static_cast<uint64_t>(config_.proto_max_bulk_len);
  options.journal = config_.origin_journal.get();
  options.behind.rows_max = static_cast<uint64_t>(config_.origin_journal_rows_max);
  options.behind.bytes_max = config_.origin_journal_bytes_max;
  options.behind.sync_ms = config_.origin_journal_sync_ms;
  origin_->SetOptions(options);
}

void Server::FollowOriginRules() { origin_->SetRules(config_.origin_rule.get()); }

std::string Server::FollowOriginUrl() {
  const OriginAddress address{config_.origin_url.get(), config_.origin_listen_url.get(),
                              config_.origin_password_file.get()};
  const auto connections = static_cast<size_t>(config_.origin_connections);
  const bool same_size = address.url.empty() || origin_->connections() == connections;
  if (address == origin_address_ && same_size) return {};
  std::unique_ptr<origin::SourceFactory> sources;
  if (!address.url.empty()) sources = make_sources_(address);
  if (sources == nullptr && !address.url.empty()) {
    return "This server cannot connect to a database";
  }
  if (sources != nullptr) {
    const absl::Status status = sources->CheckAddresses();
    if (!status.ok()) return std::string(status.message().data(), status.message().size());
  }
  if (!origin_->MayStart()) return "Connections to earlier databases are still to be closed";
  origin_address_ = address;
  FollowOriginLimits();
  if (sources == nullptr) {
    origin_->Disconnect();
  } else {
    origin_->Start(std::move(sources), [](StoreThread& thread) { MeterThread(thread); });
  }
  return {};
}

// When a new maxmemory is already exceeded.
void Server::WarnIfMemoryIsShort() {
  const uint64_t limit = config_.maxmemory;
  if (std::exchange(maxmemory_, limit) == limit || limit == 0) return;
  const uint64_t used = AllocatedBytes(*store_);
  if (used <= limit) return;
  Log(LogLevel::kWarning, "maxmemory is %llu bytes now, less than the %llu bytes in use.",
      static_cast<unsigned long long>(limit), static_cast<unsigned long long>(used));
}

std::string Server::Apply(ApplyHook hook) {
  switch (hook) {
    case ApplyHook::kListeners:
      return frontend_ == nullptr ? std::string() : frontend_->ListenAnew();
    case ApplyHook::kPacking:
      FollowPackingLimits();
      return {};
    case ApplyHook::kLazyFree:
      FollowLazyFree();
      return {};
    case ApplyHook::kMaxmemory:
      FollowMemoryPolicy();
      WarnIfMemoryIsShort();
      return {};
    case ApplyHook::kOriginLimits:
      FollowOriginLimits();
      return {};
    case ApplyHook::kOriginRules: {
      std::string error = CheckRuleDatabases(config_.origin_rule.get(), config_.databases);
      if (error.empty()) FollowOriginRules();
      return error;
    }
    case ApplyHook::kOriginUrl:
      return FollowOriginUrl();
    case ApplyHook::kClientMemory:
      workers_[0]->Post([](Worker& worker) { worker.LookAtClientMemory(); });
      return {};
    case ApplyHook::kDatabaseMemory:
      SetAllocatorThreads(config_.jemalloc_bg_thread);
      return {};
    case ApplyHook::kDefragment:
      return config_.activedefrag ? "Active defragmentation is not available in this version." : "";
    case ApplyHook::kTls:
    case ApplyHook::kTlsListener:
      // Whoever asks for encryption must not believe to have it.
      return config_.tls_port != 0 || config_.tls_cluster || config_.tls_replication
                 ? "TLS is not available in this version."
                 : "";
    default:
      // The process's own settings, unless this server is only a guest in it.
      return ProcessSettings::Current() == nullptr ? std::string()
                                                   : ProcessSettings::Current()->Apply(hook);
  }
}

void Server::ResetStats() {
  origin_->ResetFigures();
  stats_->Reset(store_->ExpiredKeys(), store_->EvictedKeys(), store_->ExpiredFields());
  store_->eviction().ResetExceeded();
  store_->ResetClassFigures();
  store_->reclaimer().lazy_free().ResetFreed();
}

}  // namespace alai
