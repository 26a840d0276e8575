#include "server/latency_monitor.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <tuple>
#include <utility>

namespace alai {
namespace {

constexpr size_t kGraphColumnsMax = 80;
constexpr int kGraphRows = 6;

template <class... Args>
std::string Format(const char* format, Args... args) {
  const int size = std::snprintf(nullptr, 0, format, args...);
  std::string text(static_cast<size_t>(size), '\0');
  std::snprintf(text.data(), text.size() + 1, format, args...);
  return text;
}

// "7s", "12m", "3h", "40d": at most three characters up to 99 days.
std::string ShortAge(int64_t seconds) {
  if (seconds < 100) return Format("%llds", static_cast<long long>(std::max<int64_t>(seconds, 0)));
  if (seconds < 100 * 60) return Format("%lldm", static_cast<long long>(seconds / 60));
  if (seconds < 100 * 3600) return Format("%lldh", static_cast<long long>(seconds / 3600));
  return Format("%lldd", static_cast<long long>(seconds / 86400));
}

std::pair<int64_t, int64_t> MinAndMax(const std::vector<LatencySample>& samples) {
  const auto [low, high] = std::ranges::minmax_element(samples, {}, &LatencySample::ms);
  return {low->ms, high->ms};
}

void AppendAges(const std::vector<LatencySample>& samples, int64_t now_s, std::string& graph) {
  std::vector<std::string> ages;
  size_t rows = 0;
  for (const LatencySample& sample : samples) {
    ages.push_back(ShortAge(now_s - sample.time_s));
    rows = std::max(rows, ages.back().size());
  }
  for (size_t row = 0; row < rows; ++row) {
    for (const std::string& age : ages) graph += row < age.size() ? age[row] : ' ';
    graph += '\n';
  }
}

}  // namespace

void LatencyMonitor::Add(std::string_view event, int64_t ms, int64_t time_s) {
  std::lock_guard lock(mutex_);
  auto found = series_.find(event);
  if (found == series_.end()) found = series_.emplace(event, Series{}).first;
  Series& series = found->second;
  series.max_ms = std::max(series.max_ms, ms);
  LatencySample& newest = series.ring[(series.next + kLatencySamples - 1) % kLatencySamples];
  if (series.count > 0 && newest.time_s == time_s) {
    newest.ms = std::max(newest.ms, ms);
    return;
  }
  series.ring[series.next] = {time_s, ms};
  series.next = (series.next + 1) % kLatencySamples;
  series.count = std::min(series.count + 1, kLatencySamples);
}

std::vector<LatencySample> LatencyMonitor::InOrder(const Series& series) {
  std::vector<LatencySample> samples;
  samples.reserve(series.count);
  for (size_t i = 0; i < series.count; ++i) {
    const size_t at = series.next + kLatencySamples - series.count + i;
    samples.push_back(series.ring[at % kLatencySamples]);
  }
  return samples;
}

std::vector<LatencyEvent> LatencyMonitor::Events() const {
  std::lock_guard lock(mutex_);
  std::vector<LatencyEvent> events;
  for (const auto& [name, series] : series_) {
    events.push_back({name, InOrder(series), series.max_ms});
  }
  return events;
}

std::vector<LatencySample> LatencyMonitor::History(std::string_view event) const {
  std::lock_guard lock(mutex_);
  const auto found = series_.find(event);
  return found == series_.end() ? std::vector<LatencySample>{} : InOrder(found->second);
}

size_t LatencyMonitor::Reset(std::string_view event) {
  std::lock_guard lock(mutex_);
  const auto found = series_.find(event);
  if (found == series_.end()) return 0;
  series_.erase(found);
  return 1;
}

size_t LatencyMonitor::ResetAll() {
  std::lock_guard lock(mutex_);
  const size_t events = series_.size();
  series_.clear();
  return events;
}

LatencyFigures FiguresOf(const LatencyEvent& event, int64_t now_s) {
  LatencyFigures figures;
  if (event.samples.empty()) return figures;
  std::tie(figures.min_ms, figures.max_ms) = MinAndMax(event.samples);
  const auto count = static_cast<double>(event.samples.size());
  for (const LatencySample& s : event.samples) figures.mean_ms += static_cast<double>(s.ms) / count;
  for (const LatencySample& s : event.samples) {
    figures.mean_deviation_ms += std::abs(static_cast<double>(s.ms) - figures.mean_ms) / count;
  }
  figures.seconds_covered = std::max<int64_t>(now_s - event.samples.front().time_s, 1);
  return figures;
}

std::string LatencyGraph(const LatencyEvent& event, int64_t now_s) {
  std::vector<LatencySample> shown = event.samples;
  if (shown.size() > kGraphColumnsMax) {
    shown.erase(shown.begin(), shown.end() - static_cast<ptrdiff_t>(kGraphColumnsMax));
  }
  const auto [low, high] = MinAndMax(event.samples);
  std::string graph = Format("%s - high %lld ms, low %lld ms (all time high %lld ms)\n",
                             event.name.c_str(), static_cast<long long>(high),
                             static_cast<long long>(low), static_cast<long long>(event.max_ms));
  graph.append(kGraphColumnsMax, '-');
  graph += '\n';
  const int64_t span = std::max<int64_t>(high - low, 1);
  for (int row = kGraphRows - 1; row >= 0; --row) {
    for (const LatencySample& sample : shown) {
      const int64_t height = (sample.ms - low) * (kGraphRows - 1) / span;
      graph += height > row ? '|' : height == row ? '#' : ' ';
    }
    graph += '\n';
  }
  graph.append(shown.size(), '-');
  graph += '\n';
  AppendAges(shown, now_s, graph);
  return graph;
}

std::string LatencyAdvice(const std::vector<LatencyEvent>& events, int64_t threshold_ms,
                          int64_t now_s) {
  if (threshold_ms == 0) {
    return "Latency monitoring is off, so there is nothing to say. Turn it on with CONFIG SET "
           "latency-monitor-threshold <milliseconds> and come back after a while.\n";
  }
  if (events.empty()) {
    return Format(
        "Nothing took %lld ms or longer since latency monitoring was turned on or reset. "
        "All is well.\n",
        static_cast<long long>(threshold_ms));
  }
  std::string advice = "Latency spikes by event:\n\n";
  bool commands = false;
  bool expiry = false;
  for (const LatencyEvent& event : events) {
    const LatencyFigures f = FiguresOf(event, now_s);
    advice += Format(
        "- %s: %zu spikes, mean %.0f ms, mean deviation %.0f ms, one every %.2f s, worst ever %lld "
        "ms.\n",
        event.name.c_str(), event.samples.size(), f.mean_ms, f.mean_deviation_ms,
        static_cast<double>(f.seconds_covered) / static_cast<double>(event.samples.size()),
        static_cast<long long>(event.max_ms));
    commands |= event.name == latency_event::kCommand || event.name == latency_event::kFastCommand;
    expiry |= event.name == latency_event::kExpireCycle;
  }
  advice += "\n";
  if (commands) {
    advice +=
        "Commands are slow. SLOWLOG GET names them, if slowlog-log-slower-than is not above the "
        "threshold. Fast commands that turn up here point at the machine rather than at the "
        "command: swapping, too few cores, a busy hypervisor.\n";
  }
  if (expiry) {
    advice +=
        "Removing expired keys takes long. Very large values with a TTL are the usual reason; "
        "several smaller keys expire more gently.\n";
  }
  if (!commands && !expiry) {
    advice += "No command was slow. Look at what else runs on this machine.\n";
  }
  return advice;
}

}  // namespace alai
