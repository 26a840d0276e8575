#include "server/origin_report.h"

#include <algorithm>

#include "engine/base/clock.h"
#include "server/ratio.h"

namespace alai {
namespace {

using origin::RuleFigures;

// A query for each lookup that was answered is what there would be without a cache; what failed would have failed
// there as well.
uint64_t QueriesSaved(const RuleFigures& figures) {
  const uint64_t lookups = figures.hits() + figures.Get(RuleFigures::kMisses);
  const uint64_t lost =
      figures.Get(RuleFigures::kUnanswered) + figures.Get(RuleFigures::kBatches) -
      std::min(figures.Get(RuleFigures::kFailedBatches), figures.Get(RuleFigures::kBatches));
  return lookups > lost ? lookups - lost : 0;
}

// Also of what is known not to be in the database, which memory answers as well.
double HitRatio(const RuleFigures& figures) {
  const uint64_t lookups = figures.hits() + figures.Get(RuleFigures::kMisses);
  const uint64_t known = figures.hits() + figures.Get(RuleFigures::kNegativeHits);
  return Ratio(std::min(known, lookups), lookups);
}

std::string_view BreakerStateName(origin::Breaker::State state) {
  switch (state) {
    case origin::Breaker::State::kOpen:
      return "open";
    case origin::Breaker::State::kHalfOpen:
      return "half-open";
    default:
      return "closed";
  }
}

}  // namespace

BreakerReport ReportBreaker(const origin::Origin& origin, int64_t now_ns) {
  const origin::Breaker::Report report = origin.breaker().report(now_ns);
  const int64_t probe_in_ns = std::max<int64_t>(report.probe_ns - now_ns, 0);
  const int64_t for_ns = report.since_ns < 0 ? 0 : now_ns - report.since_ns;
  return {BreakerStateName(report.state), for_ns / kNanosPerMilli, probe_in_ns / kNanosPerMilli};
}

std::vector<OriginFigure> OriginFigures(const origin::Origin& origin,
                                        const origin::RuleState& state) {
  constexpr uint64_t kNanosPerMicro = 1000;
  const RuleFigures& figures = state.figures;
  std::vector<OriginFigure> list;
  const auto number = [&list](std::string_view name, uint64_t value) {
    list.push_back({.name = name, .value = static_cast<int64_t>(value)});
  };
  const auto ratio = [&list](std::string_view name, double value) {
    list.push_back({.name = name, .is_ratio = true, .ratio = value});
  };
  const uint64_t batches = figures.Get(RuleFigures::kBatches);
  const uint64_t loads = figures.Get(RuleFigures::kLoads);
  number("hits", figures.hits());
  number("misses", figures.Get(RuleFigures::kMisses));
  number("unanswered", figures.Get(RuleFigures::kUnanswered));
  ratio("hit_ratio", HitRatio(figures));
  number("loads", loads);
  number("filled", figures.Get(RuleFigures::kFilled));
  number("absent", figures.Get(RuleFigures::kAbsent));
  number("coalesced", figures.Get(RuleFigures::kCoalesced));
  number("batches", batches);
  ratio("batch_size", Ratio(loads, batches));
  number("queries_saved", QueriesSaved(figures));
  number("negative_hits", figures.Get(RuleFigures::kNegativeHits));
  number("stale_served", figures.Get(RuleFigures::kStaleServed));
  number("refreshes", figures.Get(RuleFigures::kRefreshes));
  number("loads_ahead", figures.Get(RuleFigures::kLoadsAhead));
  number("errors", figures.Get(RuleFigures::kErrors));
  number("timeouts", figures.Get(RuleFigures::kTimeouts));
  number("overloads", figures.Get(RuleFigures::kOverloads));
  number("discarded", figures.Get(RuleFigures::kDiscarded));
  number("too_large", figures.Get(RuleFigures::kTooLarge));
  number("load_p50_us", figures.LoadPercentile(50) / kNanosPerMicro);
  number("load_p99_us", figures.LoadPercentile(99) / kNanosPerMicro);
  number("load_p999_us", figures.LoadPercentile(99.9) / kNanosPerMicro);
  number("invalidations", figures.Get(RuleFigures::kInvalidations));
  number("lag_p50_ms", figures.LagPercentile(50));
  number("lag_p99_ms", figures.LagPercentile(99));
  const origin::WriteBehind::Backlog backlog = origin.behind().BacklogOf(state.rule->name);
  number("writes", figures.Get(RuleFigures::kWrites));
  number("write_errors", figures.Get(RuleFigures::kWriteErrors));
  number("write_batches", figures.Get(RuleFigures::kWriteBatches));
  number("write_retries", figures.Get(RuleFigures::kWriteRetries));
  number("writes_replaced", figures.Get(RuleFigures::kWritesReplaced));
  number("writes_dropped", figures.Get(RuleFigures::kWritesDropped));
  number("writes_pending", backlog.writes);
  number("writes_pending_bytes", backlog.bytes);
  number("writes_oldest_ms", static_cast<uint64_t>(backlog.oldest_ns) / kNanosPerMilli);
  number("write_lag_p50_ms", figures.WriteLagPercentile(50));
  number("write_lag_p99_ms", figures.WriteLagPercentile(99));
  return list;
}

}  // namespace alai
