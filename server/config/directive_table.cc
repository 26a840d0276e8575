// The rows of the directive table, and the defaults of a Config, which come from them.
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <iterator>
#include <thread>

#include "engine/base/assert.h"
#include "server/config/directive_builders.h"
#include "server/config/directives.h"
#include "server/config/special_directives.h"

namespace alai {

// Inside the builders' namespace, so that rows read as words.
namespace directive_builders {
namespace {

constexpr Directive kRows[] = {
    Choice<&Config::acl_pubsub_default>("acl-pubsub-default", kAclPubsubNames, "resetchannels")
        .With(kNotYet),
    Text<&Config::aclfile>("aclfile", "").With(kImmutable | kNotYet),
    Number<&Config::acllog_max_len>("acllog-max-len", 0, kLongMax, "128").With(kNotYet),
    Number<&Config::active_defrag_cycle_max>("active-defrag-cycle-max", 1, 99, "25")
        .With(kNotYet)
        .Then(ApplyHook::kDefragment),
    Number<&Config::active_defrag_cycle_min>("active-defrag-cycle-min", 1, 99, "1")
        .With(kNotYet)
        .Then(ApplyHook::kDefragment),
    Number<&Config::active_defrag_cycle_us>("active-defrag-cycle-us", 0, 100000, "500")
        .With(kNotYet)
        .Then(ApplyHook::kDefragment),
    Memory<&Config::active_defrag_ignore_bytes>("active-defrag-ignore-bytes", 1, kLongMax,
                                                "104857600")
        .With(kNotYet),
    Number<&Config::active_defrag_max_scan_fields>("active-defrag-max-scan-fields", 1, kLongMax,
                                                   "1000")
        .With(kNotYet),
    Number<&Config::active_defrag_threshold_lower>("active-defrag-threshold-lower", 0, 1000, "10")
        .With(kNotYet),
    Number<&Config::active_defrag_threshold_upper>("active-defrag-threshold-upper", 0, 1000, "100")
        .With(kNotYet)
        .Then(ApplyHook::kDefragment),
    Number<&Config::active_expire_effort>("active-expire-effort", 1, 10, "1").With(kNotYet),
    Switch<&Config::activedefrag>("activedefrag", "no").With(kNotYet).Then(ApplyHook::kDefragment),
    Switch<&Config::activerehashing>("activerehashing", "yes").With(kNotYet),
    Switch<&Config::always_show_logo>("always-show-logo", "no").With(kImmutable),
    Switch<&Config::aof_disable_auto_gc>("aof-disable-auto-gc", "no").With(kHidden | kNotYet),
    Memory<&Config::aof_load_corrupt_tail_max_size>("aof-load-corrupt-tail-max-size", 0, kIntMax,
                                                    "0")
        .With(kNotYet),
    Switch<&Config::aof_load_truncated>("aof-load-truncated", "yes").With(kNotYet),
    Switch<&Config::aof_rewrite_incremental_fsync>("aof-rewrite-incremental-fsync", "yes")
        .With(kNotYet),
    Switch<&Config::aof_timestamp_enabled>("aof-timestamp-enabled", "no").With(kNotYet),
    Switch<&Config::aof_use_rdb_preamble>("aof-use-rdb-preamble", "yes").With(kNotYet),
    Text<&Config::aof_rewrite_cpulist>("aof_rewrite_cpulist", "")
        .Alias("aof-rewrite-cpulist")
        .With(kImmutable | kNotYet),
    Text<&Config::appenddirname>("appenddirname", "appendonlydir", CheckAppendDirname)
        .With(kImmutable | kNotYet),
    Text<&Config::appendfilename>("appendfilename", "appendonly.aof", CheckAppendFilename)
        .With(kImmutable | kNotYet),
    Choice<&Config::appendfsync>("appendfsync", kAppendFsyncNames, "everysec")
        .With(kNotYet)
        .Then(ApplyHook::kAppendFsync),
    Switch<&Config::appendonly>("appendonly", "no")
        .With(kDenyLoading | kNotYet)
        .Then(ApplyHook::kAppendOnly),
    Memory<&Config::auto_aof_rewrite_min_size>("auto-aof-rewrite-min-size", 0, kLongMax, "67108864")
        .With(kNotYet),
    Number<&Config::auto_aof_rewrite_percentage>("auto-aof-rewrite-percentage", 0, kIntMax, "100")
        .With(kNotYet),
    Text<&Config::availability_zone>("availability-zone", ""),
    Text<&Config::bgsave_cpulist>("bgsave_cpulist", "")
        .Alias("bgsave-cpulist")
        .With(kImmutable | kNotYet),
    Special("bind", kBindSpecial, "* -::*").With(kMultiArg).Then(ApplyHook::kListeners),
    Text<&Config::bind_source_addr>("bind-source-addr", "").With(kNotYet),
    Text<&Config::bio_cpulist>("bio_cpulist", "").Alias("bio-cpulist").With(kImmutable | kNotYet),
    Number<&Config::busy_reply_threshold>("busy-reply-threshold", 0, kLongMax, "5000")
        .Alias("lua-time-limit")
        .With(kNotYet),
    Special("client-output-buffer-limit", kOutputBufferLimitSpecial,
            "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60")
        .With(kMultiArg),
    Memory<&Config::client_query_buffer_limit>("client-query-buffer-limit", kMegabyte, kLongMax,
                                               "1073741824"),
    Switch<&Config::cluster_allow_pubsubshard_when_down>("cluster-allow-pubsubshard-when-down",
                                                         "yes")
        .With(kNotYet),
    Switch<&Config::cluster_allow_reads_when_down>("cluster-allow-reads-when-down", "no")
        .With(kNotYet),
    Switch<&Config::cluster_allow_replica_migration>("cluster-allow-replica-migration", "yes")
        .With(kNotYet),
    Number<&Config::cluster_announce_bus_port>("cluster-announce-bus-port", 0, kPortMax, "0")
        .With(kNotYet)
        .Then(ApplyHook::kCluster),
    Text<&Config::cluster_announce_client_ipv4>("cluster-announce-client-ipv4", "")
        .With(kNotYet)
        .Then(ApplyHook::kCluster),
    Text<&Config::cluster_announce_client_ipv6>("cluster-announce-client-ipv6", "")
        .With(kNotYet)
        .Then(ApplyHook::kCluster),
    Number<&Config::cluster_announce_client_port>("cluster-announce-client-port", 0, kPortMax, "0")
        .With(kNotYet)
        .Then(ApplyHook::kCluster),
    Number<&Config::cluster_announce_client_tls_port>("cluster-announce-client-tls-port", 0,
                                                      kPortMax, "0")
        .With(kNotYet)
        .Then(ApplyHook::kCluster),
    Text<&Config::cluster_announce_hostname>("cluster-announce-hostname", "", CheckHostname)
        .With(kNotYet)
        .Then(ApplyHook::kCluster),
    Text<&Config::cluster_announce_human_nodename>("cluster-announce-human-nodename", "",
                                                   CheckNodeName)
        .With(kNotYet)
        .Then(ApplyHook::kCluster),
    Text<&Config::cluster_announce_ip>("cluster-announce-ip", "")
        .With(kNotYet)
        .Then(ApplyHook::kCluster),
    Number<&Config::cluster_announce_port>("cluster-announce-port", 0, kPortMax, "0")
        .With(kNotYet)
        .Then(ApplyHook::kCluster),
    Number<&Config::cluster_announce_tls_port>("cluster-announce-tls-port", 0, kPortMax, "0")
        .With(kNotYet)
        .Then(ApplyHook::kCluster),
    Number<&Config::cluster_blacklist_ttl>("cluster-blacklist-ttl", 0, kLongMax, "60")
        .With(kNotYet),
    Number<&Config::cluster_compatibility_sample_ratio>("cluster-compatibility-sample-ratio", 0,
                                                        100, "0")
        .With(kNotYet),
    Text<&Config::cluster_config_file>("cluster-config-file", "nodes.conf")
        .With(kImmutable | kNotYet),
    Choice<&Config::cluster_config_save_behavior>("cluster-config-save-behavior",
                                                  kClusterConfigSaveNames, "sync")
        .With(kNotYet),
    Number<&Config::cluster_databases>("cluster-databases", 1, kIntMax, "1")
        .With(kImmutable | kNotYet),
    Switch<&Config::cluster_enabled>("cluster-enabled", "no").With(kImmutable | kNotYet),
    Memory<&Config::cluster_link_sendbuf_limit>("cluster-link-sendbuf-limit", 0, UINT64_MAX, "0")
        .With(kNotYet),
    Number<&Config::cluster_manual_failover_timeout>("cluster-manual-failover-timeout", 1, kIntMax,
                                                     "5000")
        .With(kNotYet),
    Number<&Config::cluster_migration_barrier>("cluster-migration-barrier", 0, kIntMax, "1")
        .With(kNotYet),
    Number<&Config::cluster_node_timeout>("cluster-node-timeout", 0, kLongMax, "15000")
        .With(kNotYet),
    Number<&Config::cluster_ping_interval>("cluster-ping-interval", 0, kLongMax, "0")
        .With(kHidden | kNotYet),
    Number<&Config::cluster_port>("cluster-port", 0, kPortMax, "0").With(kImmutable | kNotYet),
    Choice<&Config::cluster_preferred_endpoint_type>("cluster-preferred-endpoint-type",
                                                     kEndpointTypeNames, "ip")
        .With(kNotYet),
    Switch<&Config::cluster_replica_no_failover>("cluster-replica-no-failover", "no")
        .Alias("cluster-slave-no-failover")
        .With(kNotYet)
        .Then(ApplyHook::kCluster),
    Number<&Config::cluster_replica_validity_factor>("cluster-replica-validity-factor", 0, kIntMax,
                                                     "10")
        .Alias("cluster-slave-validity-factor")
        .With(kNotYet),
    Switch<&Config::cluster_require_full_coverage>("cluster-require-full-coverage", "yes")
        .With(kNotYet),
    Number<&Config::cluster_slot_migration_log_max_len>("cluster-slot-migration-log-max-len", 0,
                                                        kLongMax, "1000")
        .With(kNotYet),
    Switch<&Config::cluster_slot_stats_enabled>("cluster-slot-stats-enabled", "no").With(kNotYet),
    Number<&Config::commandlog_large_reply_max_len>("commandlog-large-reply-max-len", 0, kLongMax,
                                                    "128"),
    Number<&Config::commandlog_large_request_max_len>("commandlog-large-request-max-len", 0,
                                                      kLongMax, "128"),
    Number<&Config::commandlog_reply_larger_than>("commandlog-reply-larger-than", -1, kLongMax,
                                                  "1048576"),
    Number<&Config::commandlog_request_larger_than>("commandlog-request-larger-than", -1, kLongMax,
                                                    "1048576"),
    Switch<&Config::crash_log_enabled>("crash-log-enabled", "yes").Then(ApplyHook::kCrashLog),
    Switch<&Config::crash_memcheck_enabled>("crash-memcheck-enabled", "yes").With(kNotYet),
    Switch<&Config::daemonize>("daemonize", "no").With(kImmutable),
    Number<&Config::databases>("databases", 1, kIntMax, "16").With(kImmutable),
    Text<&Config::dbfilename>("dbfilename", "dump.rdb", CheckDbFilename).With(kGuarded | kNotYet),
    Special("dir", kDirSpecial, "./").With(kGuarded | kDenyLoading),
    Switch<&Config::disable_thp>("disable-thp", "yes").With(kImmutable),
    Switch<&Config::dual_channel_replication_enabled>("dual-channel-replication-enabled", "no")
        .With(kNotYet),
    Switch<&Config::dynamic_hz>("dynamic-hz", "yes").With(kNotYet),
    Choice<&Config::enable_debug_command>("enable-debug-command", kProtectedActionNames, "no")
        .With(kImmutable),
    Choice<&Config::enable_module_command>("enable-module-command", kProtectedActionNames, "no")
        .With(kImmutable | kNotYet),
    Choice<&Config::enable_protected_configs>("enable-protected-configs", kProtectedActionNames,
                                              "no")
        .With(kImmutable),
    Number<&Config::events_per_io_thread>("events-per-io-thread", 0, kIntMax, "2").With(kHidden),
    Switch<&Config::extended_redis_compatibility>("extended-redis-compatibility", "no")
        .With(kNotYet),
    Number<&Config::hash_max_listpack_entries>("hash-max-listpack-entries", 0, kLongMax, "512")
        .Alias("hash-max-ziplist-entries")
        .Then(ApplyHook::kPacking),
    Memory<&Config::hash_max_listpack_value>("hash-max-listpack-value", 0, kLongMax, "64")
        .Alias("hash-max-ziplist-value")
        .Then(ApplyHook::kPacking),
    Text<&Config::hash_seed>("hash-seed", "").With(kImmutable),
    Switch<&Config::hide_user_data_from_log>("hide-user-data-from-log", "yes")
        .Then(ApplyHook::kCrashLog),
    Memory<&Config::hll_sparse_max_bytes>("hll-sparse-max-bytes", 0, kLongMax, "3000")
        .With(kNotYet),
    Hz().With(kNotYet),
    Text<&Config::ignore_warnings>("ignore-warnings", ""),
    Switch<&Config::import_mode>("import-mode", "no").With(kNotYet),
    Number<&Config::io_threads>("io-threads", 1, kWorkersMax, "1").With(kImmutable),
    Switch<&Config::io_threads_always_active>("io-threads-always-active", "no").With(kHidden),
    Switch<&Config::io_threads_do_reads>("io-threads-do-reads", "no").With(kImmutable | kNotYet),
    Switch<&Config::jemalloc_bg_thread>("jemalloc-bg-thread", "yes")
        .Then(ApplyHook::kDatabaseMemory),
    Number<&Config::key_load_delay>("key-load-delay", kIntMin, kIntMax, "0")
        .With(kHidden | kNotYet),
    Special("keyclass", kKeyClassSpecial, "").With(kMultiArg | kFileOnly | kAccumulates),
    Number<&Config::latency_monitor_threshold>("latency-monitor-threshold", 0, kLongMax, "0"),
    Switch<&Config::latency_tracking>("latency-tracking", "yes"),
    Special("latency-tracking-info-percentiles", kLatencyPercentilesSpecial, "50 99 99.9")
        .With(kMultiArg),
    Switch<&Config::lazyfree_lazy_eviction>("lazyfree-lazy-eviction", "yes")
        .Then(ApplyHook::kLazyFree),
    Switch<&Config::lazyfree_lazy_expire>("lazyfree-lazy-expire", "yes").Then(ApplyHook::kLazyFree),
    Switch<&Config::lazyfree_lazy_server_del>("lazyfree-lazy-server-del", "yes")
        .Then(ApplyHook::kLazyFree),
    Switch<&Config::lazyfree_lazy_user_del>("lazyfree-lazy-user-del", "yes")
        .Then(ApplyHook::kLazyFree),
    Switch<&Config::lazyfree_lazy_user_flush>("lazyfree-lazy-user-flush", "yes"),
    Number<&Config::lfu_decay_time>("lfu-decay-time", 0, kIntMax, "1").Then(ApplyHook::kMaxmemory),
    Number<&Config::lfu_log_factor>("lfu-log-factor", 0, kIntMax, "10").Then(ApplyHook::kMaxmemory),
    Number<&Config::list_compress_depth>("list-compress-depth", 0, kIntMax, "0")
        .Then(ApplyHook::kPacking),
    Number<&Config::list_max_listpack_size>("list-max-listpack-size", kIntMin, kIntMax, "-2")
        .Alias("list-max-ziplist-size")
        .Then(ApplyHook::kPacking),
    Number<&Config::loading_process_events_interval_bytes>("loading-process-events-interval-bytes",
                                                           1024, kIntMax, "2097152")
        .With(kHidden | kNotYet),
    Special("loadmodule", kLoadModuleSpecial, "")
        .With(kMultiArg | kFileOnly | kAccumulates | kKeepLines | kNotYet),
    Text<&Config::locale_collate>("locale-collate", "", CheckLocale)
        .With(kNotYet)
        .Then(ApplyHook::kLocale),
    Choice<&Config::log_format>("log-format", kLogFormatNames, "legacy")
        .Then(ApplyHook::kLogFormat),
    Choice<&Config::log_timestamp_format>("log-timestamp-format", kLogTimestampNames, "legacy")
        .Then(ApplyHook::kLogFormat),
    Text<&Config::logfile>("logfile", "").With(kImmutable),
    Choice<&Config::loglevel>("loglevel", kVerbosityNames, "notice").Then(ApplyHook::kLogLevel),
    Number<&Config::lookahead>("lookahead", 1, kIntMax, "16").With(kNotYet),
    Switch<&Config::lua_enable_insecure_api>("lua-enable-insecure-api", "no")
        .Alias("lua-enable-deprecated-api")
        .With(kGuarded | kHidden | kNotYet),
    Text<&Config::primaryauth>("masterauth", "").Alias("primaryauth").With(kSensitive | kNotYet),
    Text<&Config::primaryuser>("masteruser", "").Alias("primaryuser").With(kSensitive | kNotYet),
    Number<&Config::max_new_connections_per_cycle>("max-new-connections-per-cycle", 1, 1000, "10"),
    Number<&Config::max_new_tls_connections_per_cycle>("max-new-tls-connections-per-cycle", 1, 1000,
                                                       "1")
        .With(kNotYet),
    Number<&Config::maxclients>("maxclients", 1, kUnsignedMax, "10000")
        .Then(ApplyHook::kMaxclients),
    Special("maxmemory", kMaxmemorySpecial, "0").Then(ApplyHook::kMaxmemory),
    Ranged<&Config::maxmemory_clients>("maxmemory-clients", Kind::kMemoryOrPercent, 0, kLongMax,
                                       "0")
        .Then(ApplyHook::kClientMemory),
    Number<&Config::maxmemory_eviction_tenacity>("maxmemory-eviction-tenacity", 0, 100, "10"),
    Choice<&Config::maxmemory_policy>("maxmemory-policy", kMaxmemoryPolicyNames, "noeviction")
        .Then(ApplyHook::kMaxmemory),
    Number<&Config::maxmemory_samples>("maxmemory-samples", 1, kIntMax, "5")
        .Then(ApplyHook::kMaxmemory),
    Number<&Config::min_io_threads_avoid_copy_reply>("min-io-threads-avoid-copy-reply", 0, kIntMax,
                                                     "7")
        .With(kHidden),
    Number<&Config::min_replicas_max_lag>("min-replicas-max-lag", 0, kIntMax, "10")
        .Alias("min-slaves-max-lag")
        .With(kNotYet)
        .Then(ApplyHook::kReplicas),
    Number<&Config::min_replicas_to_write>("min-replicas-to-write", 0, kIntMax, "0")
        .Alias("min-slaves-to-write")
        .With(kNotYet)
        .Then(ApplyHook::kReplicas),
    Number<&Config::min_string_size_avoid_copy_reply>("min-string-size-avoid-copy-reply", 0,
                                                      kIntMax, "16384")
        .With(kHidden),
    Number<&Config::min_string_size_avoid_copy_reply_threaded>(
        "min-string-size-avoid-copy-reply-threaded", 0, kIntMax, "65536")
        .With(kHidden),
    Switch<&Config::mptcp>("mptcp", "no").With(kImmutable | kNotYet),
    Switch<&Config::no_appendfsync_on_rewrite>("no-appendfsync-on-rewrite", "no").With(kNotYet),
    Special("notify-keyspace-events", kNotifyKeyspaceEventsSpecial, "").With(kNotYet),
    Choice<&Config::oom_score_adj>("oom-score-adj", kOomScoreAdjNames, "no")
        .Then(ApplyHook::kOomScoreAdj),
    Special("oom-score-adj-values", kOomScoreAdjValuesSpecial, "0 200 800")
        .With(kMultiArg)
        .Then(ApplyHook::kOomScoreAdj),
    Number<&Config::origin_breaker_failures>("origin-breaker-failures", 1, kIntMax, "5")
        .Then(ApplyHook::kOriginLimits),
    Number<&Config::origin_breaker_open_ms>("origin-breaker-open-ms", 1, kIntMax, "1000")
        .Then(ApplyHook::kOriginLimits),
    Number<&Config::origin_connections>("origin-connections", 1, 128, "4")
        .Then(ApplyHook::kOriginUrl),
    Number<&Config::origin_drain_ms>("origin-drain-ms", 0, kIntMax, "5000"),
    Text<&Config::origin_journal>("origin-journal", "origin.journal").With(kImmutable),
    Memory<&Config::origin_journal_bytes_max>("origin-journal-bytes-max", kMegabyte, kLongMax,
                                              "67108864")
        .Then(ApplyHook::kOriginLimits),
    Number<&Config::origin_journal_rows_max>("origin-journal-rows-max", 1, kIntMax, "100000")
        .Then(ApplyHook::kOriginLimits),
    Number<&Config::origin_journal_sync_ms>("origin-journal-sync-ms", 0, 3'600'000, "1000")
        .Then(ApplyHook::kOriginLimits),
    Text<&Config::origin_listen_url>("origin-listen-url", "")
        .With(kSensitive)
        .Then(ApplyHook::kOriginUrl),
    Number<&Config::origin_negative_max>("origin-negative-max", 0, kIntMax, "1000000")
        .Then(ApplyHook::kOriginLimits),
    Text<&Config::origin_password_file>("origin-password-file", "").Then(ApplyHook::kOriginUrl),
    Number<&Config::origin_queue_max>("origin-queue-max", 1, 1'000'000, "10000")
        .Then(ApplyHook::kOriginLimits),
    Special("origin-rule", kOriginRuleSpecial, "")
        .With(kMultiArg | kAccumulates)
        .Then(ApplyHook::kOriginRules),
    Text<&Config::origin_url>("origin-url", "").With(kSensitive).Then(ApplyHook::kOriginUrl),
    Text<&Config::pidfile>("pidfile", "").With(kImmutable),
    Number<&Config::port>("port", 0, kPortMax, "6379").Then(ApplyHook::kListeners),
    Number<&Config::prefetch_batch_max_size>("prefetch-batch-max-size", 0, 128, "16").With(kNotYet),
    Text<&Config::proc_title_template>("proc-title-template", "{title} {listen-addr} {server-mode}",
                                       CheckProcTitleTemplate)
        .Then(ApplyHook::kProcTitle),
    Choice<&Config::propagation_error_behavior>("propagation-error-behavior",
                                                kPropagationErrorNames, "ignore")
        .With(kNotYet),
    Switch<&Config::protected_mode>("protected-mode", "yes"),
    Memory<&Config::proto_max_bulk_len>("proto-max-bulk-len", kMegabyte, kLongMax, "536870912")
        .Then(ApplyHook::kOriginLimits),
    Switch<&Config::rdb_del_sync_files>("rdb-del-sync-files", "no").With(kNotYet),
    Number<&Config::rdb_key_save_delay>("rdb-key-save-delay", kIntMin, kIntMax, "0")
        .With(kHidden | kNotYet),
    Switch<&Config::rdb_save_incremental_fsync>("rdb-save-incremental-fsync", "yes").With(kNotYet),
    Choice<&Config::rdb_version_check>("rdb-version-check", kRdbVersionCheckNames, "strict")
        .With(kNotYet),
    Switch<&Config::rdbchecksum>("rdbchecksum", "yes").With(kImmutable | kNotYet),
    Switch<&Config::rdbcompression>("rdbcompression", "yes").With(kNotYet),
    Text<&Config::rdma_bind>("rdma-bind", "").With(kImmutable | kNotYet),
    Number<&Config::rdma_completion_vector>("rdma-completion-vector", -1, 1024, "-1")
        .With(kImmutable | kNotYet),
    Number<&Config::rdma_port>("rdma-port", 0, kPortMax, "0").With(kImmutable | kNotYet),
    Memory<&Config::rdma_rx_size>("rdma-rx-size", 64 * 1024, 16 * kMegabyte, "1048576")
        .With(kImmutable | kNotYet),
    Special("rename-command", kRenameCommandSpecial, "")
        .With(kMultiArg | kFileOnly | kAccumulates | kKeepLines),
    ReplBacklogSize().With(kNotYet).Then(ApplyHook::kReplicas),
    Number<&Config::repl_backlog_ttl>("repl-backlog-ttl", 0, kLongMax, "3600").With(kNotYet),
    Switch<&Config::repl_disable_tcp_nodelay>("repl-disable-tcp-nodelay", "no").With(kNotYet),
    Choice<&Config::repl_diskless_load>("repl-diskless-load", kDisklessLoadNames, "disabled")
        .With(kDenyLoading | kNotYet),
    Switch<&Config::repl_diskless_sync>("repl-diskless-sync", "yes").With(kNotYet),
    Number<&Config::repl_diskless_sync_delay>("repl-diskless-sync-delay", 0, kIntMax, "5")
        .With(kNotYet),
    Number<&Config::repl_diskless_sync_max_replicas>("repl-diskless-sync-max-replicas", 0, kIntMax,
                                                     "0")
        .With(kNotYet),
    Switch<&Config::repl_mptcp>("repl-mptcp", "no").With(kImmutable | kNotYet),
    Number<&Config::repl_ping_replica_period>("repl-ping-replica-period", 1, kIntMax, "10")
        .Alias("repl-ping-slave-period")
        .With(kNotYet),
    Switch<&Config::repl_rdb_channel>("repl-rdb-channel", "no").With(kNotYet),
    Number<&Config::repl_timeout>("repl-timeout", 1, kIntMax, "60").With(kNotYet),
    Text<&Config::replica_announce_ip>("replica-announce-ip", "")
        .Alias("slave-announce-ip")
        .With(kNotYet),
    Number<&Config::replica_announce_port>("replica-announce-port", 0, kPortMax, "0")
        .Alias("slave-announce-port")
        .With(kNotYet),
    Switch<&Config::replica_announced>("replica-announced", "yes").With(kNotYet),
    Memory<&Config::replica_full_sync_buffer_limit>("replica-full-sync-buffer-limit", 0, kLongMax,
                                                    "0")
        .With(kNotYet),
    Switch<&Config::replica_ignore_disk_write_errors>("replica-ignore-disk-write-errors", "no")
        .With(kNotYet),
    Switch<&Config::replica_ignore_maxmemory>("replica-ignore-maxmemory", "yes")
        .Alias("slave-ignore-maxmemory")
        .With(kNotYet),
    Switch<&Config::replica_lazy_flush>("replica-lazy-flush", "yes")
        .Alias("slave-lazy-flush")
        .With(kNotYet),
    Number<&Config::replica_priority>("replica-priority", 0, kIntMax, "100")
        .Alias("slave-priority")
        .With(kNotYet),
    Switch<&Config::replica_read_only>("replica-read-only", "yes")
        .Alias("slave-read-only")
        .With(kNotYet),
    Switch<&Config::replica_serve_stale_data>("replica-serve-stale-data", "yes")
        .Alias("slave-serve-stale-data")
        .With(kNotYet),
    Special("replicaof", kReplicaOfSpecial, "no one")
        .Alias("slaveof")
        .With(kImmutable | kMultiArg | kNotYet),
    Text<&Config::requirepass>("requirepass", "").With(kSensitive).Then(ApplyHook::kRequirepass),
    Choice<&Config::sanitize_dump_payload>("sanitize-dump-payload", kSanitizeDumpNames, "no"),
    Special("save", kSaveSpecial, "3600 1 300 100 60 10000")
        .With(kMultiArg | kAccumulates | kNotYet),
    Text<&Config::server_cpulist>("server_cpulist", "")
        .Alias("server-cpulist")
        .With(kImmutable | kNotYet),
    Number<&Config::set_max_intset_entries>("set-max-intset-entries", 0, kLongMax, "512")
        .Then(ApplyHook::kPacking),
    Number<&Config::set_max_listpack_entries>("set-max-listpack-entries", 0, kLongMax, "128")
        .Then(ApplyHook::kPacking),
    Number<&Config::set_max_listpack_value>("set-max-listpack-value", 0, kLongMax, "64")
        .Then(ApplyHook::kPacking),
    Switch<&Config::set_proc_title>("set-proc-title", "yes").With(kImmutable),
    ShutdownOn<&Config::shutdown_on_sigint>("shutdown-on-sigint"),
    ShutdownOn<&Config::shutdown_on_sigterm>("shutdown-on-sigterm"),
    Number<&Config::shutdown_timeout>("shutdown-timeout", 0, kIntMax, "10").With(kNotYet),
    Memory<&Config::slot_migration_max_failover_repl_bytes>(
        "slot-migration-max-failover-repl-bytes", 0, kLongMax, "0")
        .With(kNotYet),
    Number<&Config::slowlog_log_slower_than>("slowlog-log-slower-than", -1, kLongMax, "10000")
        .Alias("commandlog-execution-slower-than"),
    Number<&Config::slowlog_max_len>("slowlog-max-len", 0, kLongMax, "128")
        .Alias("commandlog-slow-execution-max-len"),
    Number<&Config::socket_mark_id>("socket-mark-id", 0, kUnsignedMax, "0").With(kImmutable),
    Switch<&Config::stop_writes_on_bgsave_error>("stop-writes-on-bgsave-error", "yes")
        .With(kNotYet),
    Memory<&Config::stream_node_max_bytes>("stream-node-max-bytes", 0, kLongMax, "4096")
        .Then(ApplyHook::kPacking),
    Number<&Config::stream_node_max_entries>("stream-node-max-entries", 0, kLongMax, "100")
        .Then(ApplyHook::kPacking),
    Choice<&Config::supervised>("supervised", kSupervisionNames, "no").With(kImmutable),
    Switch<&Config::syslog_enabled>("syslog-enabled", "no").With(kImmutable),
    Choice<&Config::syslog_facility>("syslog-facility", kSyslogFacilityNames, "local0")
        .With(kImmutable),
    Text<&Config::syslog_ident>("syslog-ident", "alai").With(kImmutable),
    Number<&Config::tcp_backlog>("tcp-backlog", 0, kIntMax, "511").With(kImmutable),
    Number<&Config::tcp_keepalive>("tcp-keepalive", 0, kIntMax, "300"),
    Number<&Config::timeout>("timeout", 0, kIntMax, "0"),
    Choice<&Config::tls_auth_clients>("tls-auth-clients", kTlsAuthClientsNames, "yes")
        .With(kNotYet),
    Choice<&Config::tls_auth_clients_user>("tls-auth-clients-user", kTlsClientUserNames, "off")
        .With(kNotYet),
    Number<&Config::tls_auto_reload_interval>("tls-auto-reload-interval", 0, kIntMax, "0")
        .With(kNotYet)
        .Then(ApplyHook::kTls),
    Text<&Config::tls_ca_cert_dir>("tls-ca-cert-dir", "").With(kNotYet).Then(ApplyHook::kTls),
    Text<&Config::tls_ca_cert_file>("tls-ca-cert-file", "").With(kNotYet).Then(ApplyHook::kTls),
    Text<&Config::tls_cert_file>("tls-cert-file", "").With(kNotYet).Then(ApplyHook::kTls),
    Text<&Config::tls_ciphers>("tls-ciphers", "").With(kNotYet).Then(ApplyHook::kTls),
    Text<&Config::tls_ciphersuites>("tls-ciphersuites", "").With(kNotYet).Then(ApplyHook::kTls),
    Text<&Config::tls_client_cert_file>("tls-client-cert-file", "")
        .With(kNotYet)
        .Then(ApplyHook::kTls),
    Text<&Config::tls_client_key_file>("tls-client-key-file", "")
        .With(kNotYet)
        .Then(ApplyHook::kTls),
    Text<&Config::tls_client_key_file_pass>("tls-client-key-file-pass", "")
        .With(kSensitive | kNotYet)
        .Then(ApplyHook::kTls),
    Switch<&Config::tls_cluster>("tls-cluster", "no").With(kNotYet).Then(ApplyHook::kTls),
    Text<&Config::tls_dh_params_file>("tls-dh-params-file", "").With(kNotYet).Then(ApplyHook::kTls),
    Text<&Config::tls_key_file>("tls-key-file", "").With(kNotYet).Then(ApplyHook::kTls),
    Text<&Config::tls_key_file_pass>("tls-key-file-pass", "")
        .With(kSensitive | kNotYet)
        .Then(ApplyHook::kTls),
    Number<&Config::tls_port>("tls-port", 0, kPortMax, "0")
        .With(kNotYet)
        .Then(ApplyHook::kTlsListener),
    Switch<&Config::tls_prefer_server_ciphers>("tls-prefer-server-ciphers", "no")
        .With(kNotYet)
        .Then(ApplyHook::kTls),
    Text<&Config::tls_protocols>("tls-protocols", "").With(kNotYet).Then(ApplyHook::kTls),
    Switch<&Config::tls_replication>("tls-replication", "no").With(kNotYet).Then(ApplyHook::kTls),
    Number<&Config::tls_session_cache_size>("tls-session-cache-size", 0, kIntMax, "20480")
        .With(kNotYet)
        .Then(ApplyHook::kTls),
    Number<&Config::tls_session_cache_timeout>("tls-session-cache-timeout", 0, kIntMax, "300")
        .With(kNotYet)
        .Then(ApplyHook::kTls),
    Switch<&Config::tls_session_caching>("tls-session-caching", "yes")
        .With(kNotYet)
        .Then(ApplyHook::kTls),
    Number<&Config::tracking_table_max_keys>("tracking-table-max-keys", 0, kLongMax, "1000000")
        .With(kNotYet),
    Text<&Config::unixsocket>("unixsocket", "").With(kImmutable),
    Text<&Config::unixsocketgroup>("unixsocketgroup", "").With(kImmutable),
    Ranged<&Config::unixsocketperm>("unixsocketperm", Kind::kOctal, 0, 0777, "0").With(kImmutable),
    Switch<&Config::use_exit_on_panic>("use-exit-on-panic", "no").With(kHidden),
    Special("user", kUserSpecial, "").With(kMultiArg | kFileOnly | kAccumulates | kNotYet),
    Number<&Config::watchdog_period>("watchdog-period", 0, kIntMax, "0").With(kHidden | kNotYet),
    Number<&Config::zset_max_listpack_entries>("zset-max-listpack-entries", 0, kLongMax, "128")
        .Alias("zset-max-ziplist-entries")
        .Then(ApplyHook::kPacking),
    Memory<&Config::zset_max_listpack_value>("zset-max-listpack-value", 0, kLongMax, "64")
        .Alias("zset-max-ziplist-value")
        .Then(ApplyHook::kPacking),
};

constexpr bool Ordered() {
  for (size_t i = 1; i < std::size(kRows); ++i) {
    if (!(kRows[i - 1].name < kRows[i].name)) return false;
  }
  return true;
}
static_assert(Ordered(), "rows stand in the order of their names, each once");

}  // namespace
}  // namespace directive_builders

std::span<const Directive> Directives() { return directive_builders::kRows; }

Config::Config() {
  for (const Directive& directive : Directives()) {
    if (directive.name == "dir" || directive.has(Directive::kFileOnly)) continue;
    std::vector<std::string> words = directive.SplitValue(directive.initial);
    const std::string error = directive.Assign(words, this);
    ASSERT(error.empty());
  }
  io_threads.set(
      std::clamp<int64_t>(std::thread::hardware_concurrency(), 1, directive_builders::kWorkersMax));
  char path[PATH_MAX];
  if (getcwd(path, sizeof path) != nullptr) dir.set(path);
}

}  // namespace alai
