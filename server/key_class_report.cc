#include "server/key_class_report.h"

#include "engine/store.h"
#include "server/ratio.h"

namespace alai {

std::vector<KeyClassFigure> KeyClassFigures(Store& store, const KeyClass& key_class) {
  ClassTotals totals;
  store.SumClass(key_class.slot, &totals);
  std::vector<KeyClassFigure> figures;
  const auto number = [&figures](std::string_view name, uint64_t value) {
    figures.push_back({.name = name, .value = static_cast<int64_t>(value)});
  };
  const auto percentile = [&](std::string_view name, double percent) {
    number(name, totals.read_nanos.ValueAtPercentile(percent));
  };
  const uint64_t hits = totals.counts[ClassFigures::kHits];
  const uint64_t misses = totals.counts[ClassFigures::kMisses];
  number("keys", totals.keys);
  number("bytes", totals.bytes);
  number("counting", totals.counting ? 1 : 0);
  number("hits", hits);
  number("misses", misses);
  figures.push_back({.name = "hit_ratio", .is_ratio = true, .ratio = Ratio(hits, hits + misses)});
  number("renewed", totals.counts[ClassFigures::kRenewed]);
  number("expired", totals.counts[ClassFigures::kExpired]);
  number("evicted", totals.counts[ClassFigures::kEvicted]);
  number("purged", totals.counts[ClassFigures::kPurged]);
  number("refused", totals.counts[ClassFigures::kRefused]);
  number("allowed", totals.counts[ClassFigures::kAllowed]);
  number("limited", totals.counts[ClassFigures::kLimited]);
  number("origin_loads", totals.counts[ClassFigures::kLoads]);
  percentile("read_p50_ns", 50);
  percentile("read_p99_ns", 99);
  percentile("read_p999_ns", 99.9);
  const uint64_t pending = store.purge().Pending(key_class.name);
  number("purges_pending", pending);
  number("purge_progress_percent",
         pending == 0 ? 0 : static_cast<uint64_t>(store.purge().ProgressPercent()));
  return figures;
}

}  // namespace alai
