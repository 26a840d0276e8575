// Latency spikes by kind of event, for LATENCY LATEST, HISTORY, GRAPH and DOCTOR.
//
// Everything that can hold a client up reports how long it took: commands, the removal of expired
// keys, the cron. What took at least latency-monitor-threshold is kept, one sample a second and
// event.
//
// Threads     Any. Below the threshold an event costs one comparison, above it a mutex.
// Invariants  An event keeps its last kLatencySamples samples, oldest first; their times never fall
//             unless the wall clock does.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "server/config/setting.h"

namespace alai {

constexpr size_t kLatencySamples = 160;

// Names of events as clients see them.
namespace latency_event {
inline constexpr std::string_view kCommand = "command";
inline constexpr std::string_view kFastCommand = "fast-command";
inline constexpr std::string_view kExpireCycle = "expire-cycle";
inline constexpr std::string_view kEvictionCycle = "eviction-cycle";
inline constexpr std::string_view kEvictionDel = "eviction-del";
inline constexpr std::string_view kEvictionLazyfree = "eviction-lazyfree";
inline constexpr std::string_view kCron = "cron";
}  // namespace latency_event

struct LatencySample {
  int64_t time_s = 0;
  int64_t ms = 0;
};

struct LatencyEvent {
  std::string name;
  std::vector<LatencySample> samples;  // oldest first, never empty
  int64_t max_ms = 0;                  // since the event was last reset
};

// What DOCTOR says about an event.
struct LatencyFigures {
  int64_t max_ms = 0;
  int64_t min_ms = 0;
  double mean_ms = 0;
  double mean_deviation_ms = 0;
  int64_t seconds_covered = 0;  // from the oldest sample until now
};

class LatencyMonitor {
 public:
  explicit LatencyMonitor(const Relaxed<int64_t>& threshold_ms) : threshold_ms_(threshold_ms) {}
  LatencyMonitor(const LatencyMonitor&) = delete;
  LatencyMonitor& operator=(const LatencyMonitor&) = delete;

  bool enabled() const { return threshold_ms_ != 0; }
  bool IsSpike(int64_t nanos) const {
    const int64_t threshold_ms = threshold_ms_;
    return threshold_ms != 0 && nanos / 1'000'000 >= threshold_ms;
  }
  // Keeps a sample if it is a spike.
  void Report(std::string_view event, int64_t nanos, int64_t time_s) {
    if (IsSpike(nanos)) [[unlikely]]
      Add(event, nanos / 1'000'000, time_s);
  }

  // In the order of their names; what has no sample is not there.
  std::vector<LatencyEvent> Events() const;
  std::vector<LatencySample> History(std::string_view event) const;
  // Forgets the events named, or all; gives how many there were.
  size_t Reset(std::string_view event);
  size_t ResetAll();

 private:
  struct Series {
    std::array<LatencySample, kLatencySamples> ring{};
    size_t next = 0;
    size_t count = 0;
    int64_t max_ms = 0;
  };

  void Add(std::string_view event, int64_t ms, int64_t time_s);
  static std::vector<LatencySample> InOrder(const Series& series);

  const Relaxed<int64_t>& threshold_ms_;
  mutable std::mutex mutex_;
  std::map<std::string, Series, std::less<>> series_;
};

LatencyFigures FiguresOf(const LatencyEvent& event, int64_t now_s);

// The samples as columns of ASCII dots, each with its age below, with no line wider than 80.
std::string LatencyGraph(const LatencyEvent& event, int64_t now_s);

// Advice in plain words.
std::string LatencyAdvice(const std::vector<LatencyEvent>& events, int64_t threshold_ms,
                          int64_t now_s);

}  // namespace alai
