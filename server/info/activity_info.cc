// INFO's sections about what clients do: clients, stats, commandstats, errorstats, latencystats.
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "engine/base/clock.h"
#include "engine/base/histogram.h"
#include "engine/store.h"
#include "server/command_table.h"
#include "server/config/config.h"
#include "server/info/info.h"
#include "server/pause.h"
#include "server/server.h"
#include "server/stats.h"
#include "server/worker.h"

namespace alai {
namespace {

constexpr double kNanosPerMicro = 1e3;
constexpr double kBytesPerKilobyte = 1024;

template <class... Args>
void AppendLine(InfoText& info, const char* format, Args... args) {
  char line[512];
  const int size = std::snprintf(line, sizeof line, format, args...);
  info.Line(std::string_view(line, std::min(static_cast<size_t>(size), sizeof line - 1)));
}

void AppendPause(const InfoContext& context, InfoText& info) {
  const Pause::State pause = context.server.pause().Current(context.monotonic_ns);
  const bool paused = pause.kind != PauseKind::kNone;
  const int64_t left_ns = paused ? pause.end_ns - context.monotonic_ns : 0;
  info.Field("paused_reason", paused ? "client_pause" : "none");
  info.Field("paused_actions", !paused ? "none" : pause.kind == PauseKind::kAll ? "all" : "write");
  info.Field("paused_timeout_milliseconds",
             std::max<int64_t>(left_ns, 0) / static_cast<int64_t>(kNanosPerMilli));
}

void AppendTraffic(const Stats& stats, InfoText& info) {
  const auto kilobytes = [&](Rate rate) { return stats.PerSecond(rate) / kBytesPerKilobyte; };
  const uint64_t repl_in = stats.repl_input_bytes.load(std::memory_order_relaxed);
  const uint64_t repl_out = stats.repl_output_bytes.load(std::memory_order_relaxed);
  info.Field("total_connections_received", stats.Sum(Count::kConnectionsReceived));
  info.Field("total_commands_processed", stats.CommandsProcessed());
  info.Field("instantaneous_ops_per_sec", static_cast<uint64_t>(stats.PerSecond(Rate::kCommands)));
  info.Field("total_net_input_bytes", stats.Sum(Count::kNetInputBytes) + repl_in);
  info.Field("total_net_output_bytes", stats.Sum(Count::kNetOutputBytes) + repl_out);
  info.Field("total_net_repl_input_bytes", repl_in);
  info.Field("total_net_repl_output_bytes", repl_out);
  info.Decimals("instantaneous_input_kbps", kilobytes(Rate::kNetInput), 2);
  info.Decimals("instantaneous_output_kbps", kilobytes(Rate::kNetOutput), 2);
  info.Decimals("instantaneous_input_repl_kbps", kilobytes(Rate::kReplInput), 2);
  info.Decimals("instantaneous_output_repl_kbps", kilobytes(Rate::kReplOutput), 2);
  info.Field("rejected_connections", stats.Sum(Count::kConnectionsRejected));
  info.Field("sync_full", 0);
  info.Field("sync_partial_ok", 0);
  info.Field("sync_partial_err", 0);
}

void AppendKeys(const InfoContext& context, InfoText& info) {
  const Stats& stats = context.server.stats();
  const uint64_t expired = context.server.store().ExpiredKeys();
  info.Field("expired_keys", expired - std::min(stats.expired_keys_at_reset(), expired));
  const uint64_t fields = context.server.store().ExpiredFields();
  info.Field("expired_fields", fields - std::min(stats.expired_fields_at_reset(), fields));
  info.Field("expired_stale_perc", "0.00");
  info.Field("expired_time_cap_reached_count", 0);
  info.Field("expire_cycle_cpu_milliseconds", stats.Sum(Count::kSweepNanos) / kNanosPerMilli);
  const uint64_t evicted = context.server.store().EvictedKeys();
  info.Field("evicted_keys", evicted - std::min(stats.evicted_keys_at_reset(), evicted));
  info.Field("evicted_clients", stats.Sum(Count::kEvictedClients));
  const Eviction& eviction = context.server.store().eviction();
  const auto millis = [](int64_t nanos) { return static_cast<uint64_t>(nanos) / kNanosPerMilli; };
  info.Field("total_eviction_exceeded_time", millis(eviction.exceeded_ns()));
  info.Field("current_eviction_exceeded_time", millis(eviction.exceeded_now_ns()));
  info.Field("keyspace_hits", stats.Sum(Count::kKeyspaceHits));
  info.Field("keyspace_misses", stats.Sum(Count::kKeyspaceMisses));
  info.Field("pubsub_channels", 0);
  info.Field("pubsub_patterns", 0);
  info.Field("pubsubshard_channels", 0);
  info.Field("latest_fork_usec", 0);
  info.Field("total_forks", 0);
  info.Field("migrate_cached_sockets", 0);
  info.Field("slave_expires_tracked_keys", 0);
  info.Field("active_defrag_hits", 0);
  info.Field("active_defrag_misses", 0);
  info.Field("active_defrag_key_hits", 0);
  info.Field("active_defrag_key_misses", 0);
  info.Field("total_active_defrag_time", 0);
  info.Field("current_active_defrag_time", 0);
  info.Field("tracking_total_keys", 0);
  info.Field("tracking_total_items", 0);
  info.Field("tracking_total_prefixes", 0);
}

void AppendLoop(const Stats& stats, InfoText& info) {
  const auto micros = [&](Count count) {
    return static_cast<uint64_t>(static_cast<double>(stats.Sum(count)) / kNanosPerMicro);
  };
  info.Field("unexpected_error_replies", stats.Sum(Count::kUnexpectedErrorReplies));
  info.Field("total_error_replies", stats.Sum(Count::kErrorReplies));
  info.Field("dump_payload_sanitizations", 0);
  info.Field("total_reads_processed", stats.Sum(Count::kReads));
  info.Field("total_writes_processed", stats.Sum(Count::kWrites));
  // Every worker is what Redis calls the main thread: none reads or writes for another.
  info.Field("io_threaded_reads_processed", 0);
  info.Field("io_threaded_writes_processed", 0);
  info.Field("io_threaded_freed_objects", 0);
  info.Field("io_threaded_accept_processed", 0);
  info.Field("io_threaded_poll_processed", 0);
  info.Field("io_threaded_total_prefetch_batches", stats.Sum(Count::kPrefetchBatches));
  info.Field("io_threaded_total_prefetch_entries", stats.Sum(Count::kPrefetchEntries));
  info.Field("reply_buffer_shrinks", stats.Sum(Count::kReplyBufferShrinks));
  info.Field("reply_buffer_expands", stats.Sum(Count::kReplyBufferExpands));
  info.Field("eventloop_cycles", stats.Sum(Count::kLoopCycles));
  info.Field("eventloop_duration_sum", micros(Count::kLoopNanos));
  info.Field("eventloop_duration_cmd_sum",
             static_cast<uint64_t>(static_cast<double>(stats.CommandNanos()) / kNanosPerMicro));
  info.Field("instantaneous_eventloop_cycles_per_sec",
             static_cast<uint64_t>(stats.PerSecond(Rate::kLoopCycles)));
  info.Field("instantaneous_eventloop_duration_usec",
             static_cast<uint64_t>(stats.PerSecond(Rate::kLoopNanos) / kNanosPerMicro));
  info.Field("acl_access_denied_auth", stats.Sum(Count::kDeniedAuth));
  info.Field("acl_access_denied_cmd", stats.Sum(Count::kDeniedCommand));
  info.Field("acl_access_denied_key", stats.Sum(Count::kDeniedKey));
  info.Field("acl_access_denied_channel", stats.Sum(Count::kDeniedChannel));
  info.Field("evicted_scripts", 0);
  info.Field("client_query_buffer_limit_disconnections",
             stats.Sum(Count::kQueryBufferLimitDisconnections));
  info.Field("client_output_buffer_limit_disconnections",
             stats.Sum(Count::kOutputBufferLimitDisconnections));
  info.Field("retried_reads", stats.Sum(Count::kRetriedReads));
  info.Field("suspended_commands", stats.Sum(Count::kSuspendedCommands));
}

// "p99.9=1024.000" for each percentile, joined by commas.
std::string Percentiles(const Histogram& latency, const std::vector<double>& percentiles) {
  std::string text;
  for (const double percentile : percentiles) {
    char one[80];
    const double micros =
        static_cast<double>(latency.ValueAtPercentile(percentile)) / kNanosPerMicro;
    std::snprintf(one, sizeof one, "%sp%.10g=%.3f", text.empty() ? "" : ",", percentile, micros);
    text += one;
  }
  return text;
}

}  // namespace

void AppendClientsInfo(const InfoContext& context, InfoText& info) {
  const Stats& stats = context.server.stats();
  info.Section("Clients");
  info.Field("connected_clients", context.server.connected_clients());
  info.Field("cluster_connections", 0);
  info.Field("maxclients", context.server.config().maxclients.get());
  info.Field("client_recent_max_input_buffer", stats.Max(&WorkerStats::recent_max_input));
  info.Field("client_recent_max_output_buffer", stats.Max(&WorkerStats::recent_max_output));
  info.Field("blocked_clients", stats.Sum(&WorkerStats::blocked_clients));
  info.Field("tracking_clients", 0);
  info.Field("clients_in_timeout_table", stats.Sum(&WorkerStats::clients_in_timeout_table));
  info.Field("total_blocking_keys", 0);
  info.Field("total_blocking_keys_on_nokey", 0);
  info.Field("pubsub_clients", 0);
  info.Field("watching_clients", 0);
  info.Field("total_watched_keys", 0);
  AppendPause(context, info);
  info.Field("monitors", stats.Sum(&WorkerStats::monitors));
}

void AppendThreadsInfo(const InfoContext& context, InfoText& info) {
  const Stats& stats = context.server.stats();
  info.Section("Threads");
  for (size_t i = 0; i < context.server.workers().size(); ++i) {
    const WorkerStats& worker = *stats.workers()[i];
    info.Field("io_thread_" + std::to_string(i),
               "clients=" + std::to_string(worker.connected_clients.Get()) +
                   ",reads=" + std::to_string(stats.Of(worker, Count::kReads)) +
                   ",writes=" + std::to_string(stats.Of(worker, Count::kWrites)));
  }
}

void AppendStatsInfo(const InfoContext& context, InfoText& info) {
  info.Section("Stats");
  AppendTraffic(context.server.stats(), info);
  AppendKeys(context, info);
  AppendLoop(context.server.stats(), info);
}

void AppendCommandStatsInfo(const InfoContext& context, InfoText& info) {
  info.Section("Commandstats");
  for (const CommandInfo& command : context.server.commands().commands()) {
    const CommandTotals t = context.server.stats().Command(command.id);
    if (t.calls == 0 && t.failed == 0 && t.rejected == 0) continue;
    const double micros = static_cast<double>(t.nanos) / kNanosPerMicro;
    AppendLine(info,
               "cmdstat_%s:calls=%llu,usec=%llu,usec_per_call=%.2f,rejected_calls=%llu,"
               "failed_calls=%llu",
               command.full_name.c_str(), static_cast<unsigned long long>(t.calls),
               static_cast<unsigned long long>(micros),
               t.calls == 0 ? 0.0 : micros / static_cast<double>(t.calls),
               static_cast<unsigned long long>(t.rejected),
               static_cast<unsigned long long>(t.failed));
  }
}

void AppendErrorStatsInfo(const InfoContext& context, InfoText& info) {
  info.Section("Errorstats");
  for (const auto& [code, count] : context.server.stats().Errors()) {
    // A script may have put anything into its error; a field's name cannot hold these.
    std::string name = "errorstat_" + code;
    std::ranges::replace_if(
        name, [](char c) { return c == ':' || c == '#' || c == '\n'; }, '_');
    info.Field(name, "count=" + std::to_string(count));
  }
}

void AppendLatencyStatsInfo(const InfoContext& context, InfoText& info) {
  info.Section("Latencystats");
  const Config& config = context.server.config();
  if (!config.latency_tracking) return;
  const std::vector<double> percentiles = config.latency_tracking_info_percentiles.get();
  for (const CommandInfo& command : context.server.commands().commands()) {
    if (context.server.stats().Command(command.id).calls == 0) continue;
    Histogram latency;
    context.server.stats().AddLatency(command.id, latency);
    if (latency.count() == 0) continue;
    info.Field("latency_percentiles_usec_" + command.full_name, Percentiles(latency, percentiles));
  }
}

}  // namespace alai
