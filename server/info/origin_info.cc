// INFO's section on the origin, with one line for each rule: rule_memory:hits=10,misses=2,… Without an origin
// there is no such section, and INFO is what it is elsewhere.
#include <cstdio>
#include <string>

#include "engine/base/clock.h"
#include "server/info/info.h"
#include "server/origin_report.h"
#include "server/server.h"
#include "storage/origin/origin.h"

namespace alai {
namespace {

void AppendRule(const origin::Origin& origin, const origin::RuleState& state, InfoText& info) {
  std::string line = "rule_" + state.rule->name + ":";
  char separator = 0;
  for (const OriginFigure& figure : OriginFigures(origin, state)) {
    if (separator != 0) line += separator;
    separator = ',';
    line.append(figure.name).append("=");
    char ratio[32];
    std::snprintf(ratio, sizeof ratio, "%.4f", figure.ratio);
    line += figure.is_ratio ? ratio : std::to_string(figure.value);
  }
  info.Line(line);
}

// A message of the database's may have several lines.
std::string OneLine(std::string text) {
  for (char& c : text) {
    if (c == '\r' || c == '\n') c = ' ';
  }
  return text;
}

void AppendBehind(const origin::Origin& origin, InfoText& info) {
  const origin::WriteBehind& behind = origin.behind();
  if (!behind.in_use()) return;
  const origin::WriteBehind::Backlog backlog = behind.backlog();
  const origin::WriteBehind::JournalFigures journal = behind.journal_figures();
  const origin::Origin::BehindTotals& totals = origin.behind_totals();
  info.Field("origin_writes_pending", backlog.writes);
  info.Field("origin_writes_pending_bytes", backlog.bytes);
  info.Field("origin_writes_oldest_ms", backlog.oldest_ns / kNanosPerMilli);
  info.Field("origin_writes_written", totals.written.load());
  info.Field("origin_writes_batches", totals.batches.load());
  info.Field("origin_writes_retried", totals.retries.load());
  info.Field("origin_writes_replaced", totals.replaced.load());
  info.Field("origin_writes_dropped", totals.dropped.load());
  info.Field("origin_writes_lag_ms", totals.lag_ms.load());
  info.Field("origin_journal_bytes", journal.file_bytes);
  info.Field("origin_journal_unsynced", journal.unsynced);
  info.Field("origin_journal_set_aside", journal.set_aside);
  info.Field("origin_journal_error", OneLine(journal.trouble));
}

}  // namespace

void AppendOriginInfo(const InfoContext& context, InfoText& info) {
  origin::Origin& origin = context.server.origin();
  const auto states = origin.states();
  if (states.empty() && !origin.connected()) return;
  const size_t absent = origin.absent_keys();
  info.Section("Origin");
  info.Field("origin_connected", origin.connected() ? 1 : 0);
  info.Field("origin_rules", states.size());
  info.Field("origin_paused", origin.paused() ? 1 : 0);
  const BreakerReport breaker = ReportBreaker(origin, context.server.clock().MonotonicNanos());
  info.Field("origin_breaker", breaker.state);
  info.Field("origin_breaker_for_ms", breaker.for_ms);
  info.Field("origin_breaker_probe_in_ms", breaker.probe_in_ms);
  info.Field("origin_breaker_opened", origin.breaker().opened());
  info.Field("origin_listening", origin.listening() ? 1 : 0);
  info.Field("origin_keys_under_way", origin.keys_under_way());
  info.Field("origin_absent_keys", absent);
  info.Field("origin_absent_bytes", absent * KeyMarks::kBytesPerMark);
  AppendBehind(origin, info);
  info.Field("origin_last_error", OneLine(origin.last_error()));
  const origin::Warming::Progress warming = origin.warming().progress();
  info.Field("origin_warming", warming.running ? 1 : 0);
  info.Field("origin_warming_rule", warming.rule);
  info.Field("origin_warming_listed", warming.listed);
  info.Field("origin_warming_skipped", warming.skipped);
  info.Field("origin_warming_present", warming.present);
  info.Field("origin_warming_asked", warming.asked);
  info.Field("origin_warming_error", OneLine(warming.error));
  for (const auto& state : states) AppendRule(origin, *state, info);
}

}  // namespace alai
