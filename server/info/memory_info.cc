// INFO's section about memory.
#include <algorithm>

#include "engine/store.h"
#include "server/config/config.h"
#include "server/info/info.h"
#include "server/memory_report.h"
#include "server/server.h"
#include "server/stats.h"

namespace alai {
namespace {

std::string_view PolicyName(MaxmemoryPolicy policy) {
  switch (policy) {
    case MaxmemoryPolicy::kVolatileLru:
      return "volatile-lru";
    case MaxmemoryPolicy::kVolatileLfu:
      return "volatile-lfu";
    case MaxmemoryPolicy::kVolatileRandom:
      return "volatile-random";
    case MaxmemoryPolicy::kVolatileTtl:
      return "volatile-ttl";
    case MaxmemoryPolicy::kAllkeysLru:
      return "allkeys-lru";
    case MaxmemoryPolicy::kAllkeysLfu:
      return "allkeys-lfu";
    case MaxmemoryPolicy::kAllkeysRandom:
      return "allkeys-random";
    case MaxmemoryPolicy::kNoEviction:
      break;
  }
  return "noeviction";
}

int64_t Difference(uint64_t a, uint64_t b) { return static_cast<int64_t>(a - b); }

void AppendUse(const MemoryFigures& m, InfoText& info) {
  info.Bytes("used_memory", m.used);
  info.Bytes("used_memory_rss", m.resident);
  info.Bytes("used_memory_peak", m.peak);
  info.Percent("used_memory_peak_perc", m.peak_percent());
  info.Field("used_memory_overhead", m.overhead);
  info.Field("used_memory_startup", m.startup);
  info.Field("used_memory_dataset", m.dataset);
  info.Percent("used_memory_dataset_perc", m.dataset_percent());
  info.Field("allocator_allocated", m.allocator.allocated);
  info.Field("allocator_active", m.allocator.active);
  info.Field("allocator_resident", m.allocator.resident);
  info.Bytes("total_system_memory", SystemMemoryBytes());
}

void AppendScripts(InfoText& info) {
  info.Field("used_memory_lua", 0);
  info.Field("used_memory_vm_eval", 0);
  info.Field("used_memory_lua_human", "0B");
  info.Field("used_memory_scripts_eval", 0);
  info.Field("number_of_cached_scripts", 0);
  info.Field("number_of_functions", 0);
  info.Field("number_of_libraries", 0);
  info.Field("used_memory_vm_functions", 0);
  info.Bytes("used_memory_vm_total", 0);
  info.Field("used_memory_functions", 0);
  info.Bytes("used_memory_scripts", 0);
}

void AppendFragmentation(const MemoryFigures& m, InfoText& info) {
  info.Decimals("allocator_frag_ratio", m.fragmentation_ratio(), 2);
  info.Field("allocator_frag_bytes", Difference(m.allocator.active, m.allocator.allocated));
  info.Decimals("allocator_rss_ratio", m.allocator_resident_ratio(), 2);
  info.Field("allocator_rss_bytes", Difference(m.allocator.resident, m.allocator.active));
  info.Decimals("rss_overhead_ratio", m.process_resident_ratio(), 2);
  info.Field("rss_overhead_bytes", Difference(m.resident, m.allocator.resident));
  info.Decimals("mem_fragmentation_ratio", m.total_ratio(), 2);
  info.Field("mem_fragmentation_bytes", Difference(m.resident, m.used));
}

}  // namespace

void AppendMemoryInfo(const InfoContext& context, InfoText& info) {
  const Config& config = context.server.config();
  const MemoryFigures m = MeasureMemory(context.server);
  info.Section("Memory");
  AppendUse(m, info);
  AppendScripts(info);
  info.Bytes("maxmemory", static_cast<uint64_t>(config.maxmemory.get()));
  info.Field("maxmemory_policy", PolicyName(config.maxmemory_policy));
  AppendFragmentation(m, info);
  // Unlinked memory is on its way out, so evicting keys because of it would be in vain.
  info.Field("mem_not_counted_for_evict", m.not_counted);
  info.Field("mem_replication_backlog", 0);
  info.Field("mem_total_replication_buffers", 0);
  info.Field("mem_clients_slaves", 0);
  info.Field("mem_clients_normal", m.clients);
  info.Field("mem_cluster_links", 0);
  info.Field("mem_replicas_repl_buffer", 0);
  info.Field("mem_replica_full_sync_buffer", 0);
  // Tables grow by replacing one segment at a time, within the command that needs the room.
  info.Field("mem_overhead_db_hashtable_rehashing", 0);
  info.Field("mem_aof_buffer", 0);
  info.Field("mem_allocator", AllocatorName());
  info.Field("active_defrag_running", 0);
  const uint64_t keys = context.server.store().detached_keys();
  const uint64_t left = context.server.stats().Sum(Count::kLeftToFree);
  const LazyFree& values = context.server.store().reclaimer().lazy_free();
  info.Field("lazyfree_pending_objects", keys + values.pending());
  info.Field("lazyfreed_objects", left - std::min(keys, left) + values.freed());
  info.Field("record_bytes", m.records);
  info.Field("table_bytes", m.tables);
  info.Field("retired_bytes", m.retired);
  info.Field("allocator_muzzy", m.allocator.muzzy);
  info.Field("allocator_retained", m.allocator.retained);
}

}  // namespace alai
