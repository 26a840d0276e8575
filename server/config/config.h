// Every setting of one server, as typed fields that have the directive's name.
//
// The directive table (directives.h) says how each field is spelled, ranged and printed and what
// its default is; a Config starts with those defaults. Fields carry the unit that redis.conf
// documents.
//
// Threads     Every field may be read from any thread. Fields are written by the loader before the
//             workers start, later under `change_mutex` (see config_set.h).
// Invariants  A field always holds a value that its directive allows.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/config/setting.h"

namespace alai {

namespace origin {
struct Rule;
}

enum class Verbosity : uint8_t { kDebug, kVerbose, kNotice, kWarning, kNothing };
enum class LogFormat : uint8_t { kLegacy, kLogfmt, kJson };
enum class LogTimestampFormat : uint8_t { kLegacy, kIso8601, kMilliseconds };
enum class Supervision : uint8_t { kNone, kAutodetect, kSystemd, kUpstart };
enum class OomScoreAdj : uint8_t { kNo, kRelative, kAbsolute };
enum class MaxmemoryPolicy : uint8_t {
  kVolatileLru,
  kVolatileLfu,
  kVolatileRandom,
  kVolatileTtl,
  kAllkeysLru,
  kAllkeysLfu,
  kAllkeysRandom,
  kNoEviction,
};
enum class AppendFsync : uint8_t { kEverySecond, kAlways, kNo };
enum class DisklessLoad : uint8_t { kDisabled, kOnEmptyDb, kSwapDb, kFlushBeforeLoad };
enum class RdbVersionCheck : uint8_t { kStrict, kRelaxed };
enum class SanitizeDump : uint8_t { kNo, kYes, kClients };
// Who may use DEBUG, MODULE or change protected settings.
enum class ProtectedAction : uint8_t { kNo, kYes, kLocal };
enum class AclPubsubDefault : uint8_t { kAllChannels, kResetChannels };
enum class TlsAuthClients : uint8_t { kNo, kYes, kOptional };
enum class TlsClientUser : uint8_t { kOff, kCommonName, kUri };
enum class PropagationErrors : uint8_t { kIgnore, kPanic, kPanicOnReplicas };
enum class ClusterEndpointType : uint8_t { kIp, kHostname, kUnknown };
enum class ClusterConfigSave : uint8_t { kSync, kBestEffort };

// Bits of shutdown-on-sigint and shutdown-on-sigterm; none set is "default".
enum ShutdownFlag : uint32_t {
  kShutdownNoSave = 1 << 0,
  kShutdownSave = 1 << 1,
  kShutdownNow = 1 << 2,
  kShutdownForce = 1 << 3,
};

// Bits of notify-keyspace-events. The lower ones are 1 << KeyEventClass (engine/key_events.h).
enum NotifyFlag : uint32_t {
  kNotifyGeneric = 1 << 0,
  kNotifyString = 1 << 1,
  kNotifyList = 1 << 2,
  kNotifySet = 1 << 3,
  kNotifyHash = 1 << 4,
  kNotifySortedSet = 1 << 5,
  kNotifyStream = 1 << 6,
  kNotifyExpired = 1 << 7,
  kNotifyEvicted = 1 << 8,
  kNotifyNew = 1 << 9,
  kNotifyMiss = 1 << 10,
  kNotifyModule = 1 << 11,
  kNotifyKeyspace = 1 << 16,  // K: __keyspace@<db>__ channels
  kNotifyKeyevent = 1 << 17,  // E: __keyevent@<db>__ channels
};

// Classes of client-output-buffer-limit.
enum class ClientClass : uint8_t { kNormal, kReplica, kPubsub };
constexpr int kClientClasses = 3;

// Bytes of pending replies that close a client at once, and those that do after some seconds.
// 0 means no limit.
struct OutputBufferLimit {
  Relaxed<int64_t> hard_bytes;
  Relaxed<int64_t> soft_bytes;
  Relaxed<int64_t> soft_seconds;
};

// "Save after this many seconds if there are at least so many changes."
struct SavePoint {
  int64_t seconds = 0;
  int64_t changes = 0;
  bool operator==(const SavePoint&) const = default;
};

struct ReplicaOf {
  std::string host;  // empty: this server is a primary
  int port = 0;
  bool empty() const { return host.empty(); }
  bool operator==(const ReplicaOf&) const = default;
};

// A `keyclass` line.
struct KeyClassRule {
  std::string name;
  std::string prefix;       // without the trailing '*'
  int64_t ttl_seconds = 0;  // 0: keys keep what they were written with
  bool sliding = false;
  bool unlimited = false;
  int64_t limit = 0;  // 0: not a rate class
  int64_t period_seconds = 0;
  int64_t burst = 0;             // how many more than one may come at once
  uint64_t max_value_bytes = 0;  // 0: as long as proto-max-bulk-len
  bool operator==(const KeyClassRule&) const = default;
};

using Words = std::vector<std::string>;

struct Config {
  Config();  // every field at its directive's default
  Config(const Config&) = delete;
  Config& operator=(const Config&) = delete;

  // Held by whoever changes several settings as one.
  std::mutex change_mutex;
  // Directives without effect of which the log has said so; for whoever holds the mutex.
  std::vector<std::string_view> said_without_effect;

  // Where the settings came from: the file's absolute path, empty without one.
  Guarded<std::string> config_file;

  // Process.
  Relaxed<bool> daemonize;
  Relaxed<Supervision> supervised;
  Guarded<std::string> pidfile;
  Guarded<std::string> dir;  // the process's working directory, absolute
  Relaxed<bool> set_proc_title;
  Guarded<std::string> proc_title_template;
  Relaxed<OomScoreAdj> oom_score_adj;
  Relaxed<int64_t> oom_score_adj_values[3];  // primary, replica, background child
  Relaxed<bool> disable_thp;
  Relaxed<bool> crash_log_enabled;
  Relaxed<bool> crash_memcheck_enabled;
  Relaxed<bool> use_exit_on_panic;
  Relaxed<int64_t> watchdog_period;  // milliseconds
  Relaxed<bool> hide_user_data_from_log;
  Relaxed<bool> always_show_logo;
  Relaxed<int64_t> shutdown_timeout;      // seconds
  Relaxed<uint32_t> shutdown_on_sigint;   // ShutdownFlag bits
  Relaxed<uint32_t> shutdown_on_sigterm;  // ShutdownFlag bits
  Guarded<std::string> server_cpulist;
  Guarded<std::string> bio_cpulist;
  Guarded<std::string> aof_rewrite_cpulist;
  Guarded<std::string> bgsave_cpulist;
  Guarded<std::string> ignore_warnings;
  Guarded<std::string> locale_collate;
  Guarded<std::string> availability_zone;
  Guarded<Words> loadmodule;  // one element per line, its words joined as they stood

  // Log.
  Relaxed<Verbosity> loglevel;
  Guarded<std::string> logfile;  // empty: standard output
  Relaxed<LogFormat> log_format;
  Relaxed<LogTimestampFormat> log_timestamp_format;
  Relaxed<bool> syslog_enabled;
  Guarded<std::string> syslog_ident;
  Relaxed<int> syslog_facility;  // LOG_USER, LOG_LOCAL0 … of <syslog.h>

  // Network.
  Guarded<Words> bind;
  Guarded<std::string> bind_source_addr;
  Relaxed<int64_t> port;
  Relaxed<int64_t> tcp_backlog;
  Relaxed<int64_t> tcp_keepalive;  // seconds, 0: off
  Relaxed<int64_t> socket_mark_id;
  Relaxed<bool> mptcp;
  Relaxed<bool> repl_mptcp;
  Guarded<std::string> unixsocket;
  Guarded<std::string> unixsocketgroup;
  Relaxed<int64_t> unixsocketperm;  // mode bits, 0: leave to the umask
  Relaxed<bool> protected_mode;
  Relaxed<int64_t> timeout;  // seconds of idleness before a client is closed, 0: never
  Relaxed<int64_t> max_new_connections_per_cycle;
  Relaxed<int64_t> max_new_tls_connections_per_cycle;
  Guarded<std::string> rdma_bind;
  Relaxed<int64_t> rdma_port;
  Relaxed<int64_t> rdma_rx_size;
  Relaxed<int64_t> rdma_completion_vector;

  // TLS.
  Relaxed<int64_t> tls_port;
  Relaxed<int64_t> tls_session_cache_size;
  Relaxed<int64_t> tls_session_cache_timeout;
  Relaxed<int64_t> tls_auto_reload_interval;
  Relaxed<bool> tls_cluster;
  Relaxed<bool> tls_replication;
  Relaxed<TlsAuthClients> tls_auth_clients;
  Relaxed<TlsClientUser> tls_auth_clients_user;
  Relaxed<bool> tls_prefer_server_ciphers;
  Relaxed<bool> tls_session_caching;
  Guarded<std::string> tls_cert_file;
  Guarded<std::string> tls_key_file;
  Guarded<std::string> tls_key_file_pass;
  Guarded<std::string> tls_client_cert_file;
  Guarded<std::string> tls_client_key_file;
  Guarded<std::string> tls_client_key_file_pass;
  Guarded<std::string> tls_dh_params_file;
  Guarded<std::string> tls_ca_cert_file;
  Guarded<std::string> tls_ca_cert_dir;
  Guarded<std::string> tls_protocols;
  Guarded<std::string> tls_ciphers;
  Guarded<std::string> tls_ciphersuites;

  // Clients and protocol.
  Relaxed<int64_t> maxclients;
  Relaxed<int64_t> maxmemory_clients;  // bytes; negative: percent of maxmemory; 0: no limit
  Relaxed<int64_t> proto_max_bulk_len;
  Relaxed<int64_t> client_query_buffer_limit;
  OutputBufferLimit client_output_buffer_limit[kClientClasses];
  Relaxed<int64_t> tracking_table_max_keys;
  Relaxed<uint32_t> notify_keyspace_events;  // NotifyFlag bits
  Relaxed<bool> extended_redis_compatibility;
  Relaxed<int64_t> min_string_size_avoid_copy_reply;
  Relaxed<int64_t> min_io_threads_avoid_copy_reply;
  Relaxed<int64_t> min_string_size_avoid_copy_reply_threaded;

  // Access.
  Guarded<std::string> requirepass;
  Guarded<std::string> aclfile;
  Relaxed<int64_t> acllog_max_len;
  Relaxed<AclPubsubDefault> acl_pubsub_default;
  Guarded<Words> users;  // the `user` lines without that word
  Guarded<std::vector<std::pair<std::string, std::string>>>
      renamed_commands;  // old, new (or empty)
  Relaxed<ProtectedAction> enable_debug_command;
  Relaxed<ProtectedAction> enable_module_command;
  Relaxed<ProtectedAction> enable_protected_configs;

  // Keyspace and execution.
  Relaxed<int64_t> databases;
  Relaxed<int64_t> io_threads;  // workers
  Relaxed<bool> io_threads_do_reads;
  Relaxed<bool> io_threads_always_active;
  Relaxed<int64_t> events_per_io_thread;
  Relaxed<int64_t> lookahead;
  Relaxed<int64_t> prefetch_batch_max_size;
  Guarded<std::string> hash_seed;  // empty: random
  Relaxed<int64_t> hz;
  Relaxed<bool> dynamic_hz;
  Relaxed<bool> activerehashing;
  Relaxed<int64_t> active_expire_effort;
  Relaxed<int64_t> busy_reply_threshold;  // milliseconds
  Relaxed<bool> lua_enable_insecure_api;
  Guarded<std::vector<KeyClassRule>> keyclass;

  // The database behind the keyspace.
  Guarded<std::vector<std::shared_ptr<const origin::Rule>>> origin_rule;
  Guarded<std::string> origin_url;
  Guarded<std::string> origin_listen_url;  // empty: the same
  Guarded<std::string> origin_password_file;
  Relaxed<int64_t> origin_connections;
  Relaxed<int64_t> origin_queue_max;         // keys
  Relaxed<int64_t> origin_breaker_failures;  // in a row
  Relaxed<int64_t> origin_breaker_open_ms;
  Relaxed<int64_t> origin_negative_max;  // keys
  Guarded<std::string> origin_journal;   // of writes behind
  Relaxed<int64_t> origin_journal_rows_max;
  Relaxed<uint64_t> origin_journal_bytes_max;
  Relaxed<int64_t> origin_journal_sync_ms;  // 0: never
  Relaxed<int64_t> origin_drain_ms;         // at an orderly shutdown

  // Memory.
  Relaxed<uint64_t> maxmemory;         // bytes, 0: no limit
  Relaxed<int64_t> maxmemory_percent;  // what it was given as, 0: as bytes
  Relaxed<MaxmemoryPolicy> maxmemory_policy;
  Relaxed<int64_t> maxmemory_samples;
  Relaxed<int64_t> maxmemory_eviction_tenacity;
  Relaxed<int64_t> lfu_log_factor;
  Relaxed<int64_t> lfu_decay_time;  // minutes
  Relaxed<bool> lazyfree_lazy_eviction;
  Relaxed<bool> lazyfree_lazy_expire;
  Relaxed<bool> lazyfree_lazy_server_del;
  Relaxed<bool> lazyfree_lazy_user_del;
  Relaxed<bool> lazyfree_lazy_user_flush;
  Relaxed<bool> jemalloc_bg_thread;
  Relaxed<bool> activedefrag;
  Relaxed<int64_t> active_defrag_cycle_min;
  Relaxed<int64_t> active_defrag_cycle_max;
  Relaxed<int64_t> active_defrag_cycle_us;
  Relaxed<int64_t> active_defrag_threshold_lower;
  Relaxed<int64_t> active_defrag_threshold_upper;
  Relaxed<int64_t> active_defrag_ignore_bytes;
  Relaxed<int64_t> active_defrag_max_scan_fields;

  // Encodings.
  Relaxed<int64_t> hash_max_listpack_entries;
  Relaxed<int64_t> hash_max_listpack_value;
  Relaxed<int64_t> list_max_listpack_size;  // negative: a size class, -1 4 KB … -5 64 KB
  Relaxed<int64_t> list_compress_depth;
  Relaxed<int64_t> set_max_intset_entries;
  Relaxed<int64_t> set_max_listpack_entries;
  Relaxed<int64_t> set_max_listpack_value;
  Relaxed<int64_t> zset_max_listpack_entries;
  Relaxed<int64_t> zset_max_listpack_value;
  Relaxed<int64_t> hll_sparse_max_bytes;
  Relaxed<int64_t> stream_node_max_bytes;
  Relaxed<int64_t> stream_node_max_entries;

  // Observation.
  Relaxed<int64_t> slowlog_log_slower_than;  // microseconds, negative: off
  Relaxed<int64_t> slowlog_max_len;
  Relaxed<int64_t> commandlog_request_larger_than;  // bytes, negative: off
  Relaxed<int64_t> commandlog_large_request_max_len;
  Relaxed<int64_t> commandlog_reply_larger_than;
  Relaxed<int64_t> commandlog_large_reply_max_len;
  Relaxed<int64_t> latency_monitor_threshold;  // milliseconds, 0: off
  Relaxed<bool> latency_tracking;
  Guarded<std::vector<double>> latency_tracking_info_percentiles;

  // Snapshots.
  Guarded<std::vector<SavePoint>> save;
  Guarded<std::string> dbfilename;
  Relaxed<bool> rdbcompression;
  Relaxed<bool> rdbchecksum;
  Relaxed<bool> rdb_save_incremental_fsync;
  Relaxed<bool> rdb_del_sync_files;
  Relaxed<RdbVersionCheck> rdb_version_check;
  Relaxed<bool> stop_writes_on_bgsave_error;
  Relaxed<int64_t> rdb_key_save_delay;  // microseconds
  Relaxed<int64_t> key_load_delay;      // microseconds
  Relaxed<int64_t> loading_process_events_interval_bytes;
  Relaxed<SanitizeDump> sanitize_dump_payload;

  // Append-only file.
  Relaxed<bool> appendonly;
  Guarded<std::string> appendfilename;
  Guarded<std::string> appenddirname;
  Relaxed<AppendFsync> appendfsync;
  Relaxed<bool> no_appendfsync_on_rewrite;
  Relaxed<int64_t> auto_aof_rewrite_percentage;
  Relaxed<int64_t> auto_aof_rewrite_min_size;
  Relaxed<bool> aof_load_truncated;
  Relaxed<int64_t> aof_load_corrupt_tail_max_size;
  Relaxed<bool> aof_use_rdb_preamble;
  Relaxed<bool> aof_timestamp_enabled;
  Relaxed<bool> aof_rewrite_incremental_fsync;
  Relaxed<bool> aof_disable_auto_gc;

  // Replication.
  Guarded<ReplicaOf> replicaof;
  Guarded<std::string> primaryauth;
  Guarded<std::string> primaryuser;
  Relaxed<bool> replica_serve_stale_data;
  Relaxed<bool> replica_read_only;
  Relaxed<bool> replica_lazy_flush;
  Relaxed<bool> replica_ignore_maxmemory;
  Relaxed<bool> replica_ignore_disk_write_errors;
  Relaxed<int64_t> replica_priority;
  Relaxed<bool> replica_announced;
  Guarded<std::string> replica_announce_ip;
  Relaxed<int64_t> replica_announce_port;
  Relaxed<int64_t> replica_full_sync_buffer_limit;
  Relaxed<int64_t> repl_backlog_size;
  Relaxed<int64_t> repl_backlog_ttl;
  Relaxed<bool> repl_disable_tcp_nodelay;
  Relaxed<DisklessLoad> repl_diskless_load;
  Relaxed<bool> repl_diskless_sync;
  Relaxed<int64_t> repl_diskless_sync_delay;
  Relaxed<int64_t> repl_diskless_sync_max_replicas;
  Relaxed<bool> repl_rdb_channel;
  Relaxed<int64_t> repl_ping_replica_period;
  Relaxed<int64_t> repl_timeout;
  Relaxed<bool> dual_channel_replication_enabled;
  Relaxed<int64_t> min_replicas_to_write;
  Relaxed<int64_t> min_replicas_max_lag;
  Relaxed<bool> import_mode;
  Relaxed<PropagationErrors> propagation_error_behavior;

  // Cluster.
  Relaxed<bool> cluster_enabled;
  Guarded<std::string> cluster_config_file;
  Relaxed<int64_t> cluster_node_timeout;
  Relaxed<int64_t> cluster_manual_failover_timeout;
  Relaxed<int64_t> cluster_migration_barrier;
  Relaxed<int64_t> cluster_port;
  Relaxed<int64_t> cluster_announce_port;
  Relaxed<int64_t> cluster_announce_bus_port;
  Relaxed<int64_t> cluster_announce_tls_port;
  Relaxed<int64_t> cluster_announce_client_port;
  Relaxed<int64_t> cluster_announce_client_tls_port;
  Guarded<std::string> cluster_announce_ip;
  Guarded<std::string> cluster_announce_client_ipv4;
  Guarded<std::string> cluster_announce_client_ipv6;
  Guarded<std::string> cluster_announce_hostname;
  Guarded<std::string> cluster_announce_human_nodename;
  Relaxed<int64_t> cluster_replica_validity_factor;
  Relaxed<bool> cluster_replica_no_failover;
  Relaxed<bool> cluster_require_full_coverage;
  Relaxed<bool> cluster_allow_reads_when_down;
  Relaxed<bool> cluster_allow_pubsubshard_when_down;
  Relaxed<bool> cluster_allow_replica_migration;
  Relaxed<uint64_t> cluster_link_sendbuf_limit;
  Relaxed<ClusterEndpointType> cluster_preferred_endpoint_type;
  Relaxed<ClusterConfigSave> cluster_config_save_behavior;
  Relaxed<int64_t> cluster_ping_interval;  // milliseconds
  Relaxed<int64_t> cluster_compatibility_sample_ratio;
  Relaxed<int64_t> cluster_blacklist_ttl;
  Relaxed<int64_t> cluster_databases;
  Relaxed<bool> cluster_slot_stats_enabled;
  Relaxed<int64_t> cluster_slot_migration_log_max_len;
  Relaxed<int64_t> slot_migration_max_failover_repl_bytes;
};

}  // namespace alai
