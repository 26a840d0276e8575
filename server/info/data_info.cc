// INFO's sections about the data set: persistence, replication, keyspace.
#include <string>

#include "engine/store.h"
#include "server/config/config.h"
#include "server/info/info.h"
#include "server/server.h"
#include "server/stats.h"

namespace alai {

void AppendPersistenceInfo(const InfoContext& context, InfoText& info) {
  Server& server = context.server;
  info.Section("Persistence");
  info.Field("loading", 0);
  info.Field("async_loading", 0);
  info.Field("current_cow_peak", 0);
  info.Field("current_cow_size", 0);
  info.Field("current_cow_size_age", 0);
  info.Field("current_fork_perc", "0.00");
  info.Field("current_save_keys_processed", 0);
  info.Field("current_save_keys_total", 0);
  info.Field("rdb_changes_since_last_save", server.stats().Sum(&WorkerStats::changes));
  info.Field("rdb_bgsave_in_progress", 0);
  // Nothing was changed before the start, so that is when the data set was last "saved".
  info.Field("rdb_last_save_time", server.started_ms() / 1000);
  info.Field("rdb_last_bgsave_status", "ok");
  info.Field("rdb_last_bgsave_time_sec", -1);
  info.Field("rdb_current_bgsave_time_sec", -1);
  info.Field("rdb_saves", 0);
  info.Field("rdb_last_cow_size", 0);
  info.Field("rdb_last_load_keys_expired", 0);
  info.Field("rdb_last_load_keys_loaded", 0);
  info.Field("aof_enabled", 0);
  info.Field("aof_rewrite_in_progress", 0);
  info.Field("aof_rewrite_scheduled", 0);
  info.Field("aof_last_rewrite_time_sec", -1);
  info.Field("aof_current_rewrite_time_sec", -1);
  info.Field("aof_last_bgrewrite_status", "ok");
  info.Field("aof_rewrites", 0);
  info.Field("aof_rewrites_consecutive_failures", 0);
  info.Field("aof_last_write_status", "ok");
  info.Field("aof_last_cow_size", 0);
  info.Field("module_fork_in_progress", 0);
  info.Field("module_fork_last_cow_size", 0);
}

void AppendReplicationInfo(const InfoContext& context, InfoText& info) {
  Server& server = context.server;
  info.Section("Replication");
  info.Field("role", "master");
  info.Field("connected_slaves", 0);
  info.Field("replicas_waiting_psync", 0);
  info.Field("master_failover_state", "no-failover");
  info.Field("master_replid", server.replication_identity().id());
  info.Field("master_replid2", server.replication_identity().previous_id());
  info.Field("master_repl_offset", 0);
  info.Field("second_repl_offset", -1);
  info.Field("repl_backlog_active", 0);
  info.Field("repl_backlog_size", server.config().repl_backlog_size.get());
  info.Field("repl_backlog_first_byte_offset", 0);
  info.Field("repl_backlog_histlen", 0);
}

void AppendKeyspaceInfo(const InfoContext& context, InfoText& info) {
  const Store& store = context.server.store();
  info.Section("Keyspace");
  for (int db = 0; db < store.databases(); ++db) {
    const DatabaseStats stats = store.StatsOf(db, context.now_ms);
    if (stats.keys == 0) continue;
    info.Field("db" + std::to_string(db), "keys=" + std::to_string(stats.keys) +
                                              ",expires=" + std::to_string(stats.expires) +
                                              ",avg_ttl=" + std::to_string(stats.avg_ttl_ms));
  }
}

}  // namespace alai
