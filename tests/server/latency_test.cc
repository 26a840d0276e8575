// Latency spikes: what is kept, how it is drawn and explained.
#include <string>
#include <vector>

#include "server/latency_monitor.h"
#include "tests/catch.h"

namespace alai {
namespace {

constexpr int64_t kMilli = 1'000'000;

struct Fixture {
  Relaxed<int64_t> threshold_ms{10};
  LatencyMonitor monitor{threshold_ms};
};

TEST_CASE_METHOD(Fixture, "Only spikes are kept", "[latency]") {
  CHECK_FALSE(monitor.IsSpike(9'999'999));
  CHECK(monitor.IsSpike(10 * kMilli));
  monitor.Report("command", 9 * kMilli, 100);
  CHECK(monitor.Events().empty());
  monitor.Report("command", 12 * kMilli, 100);
  threshold_ms.set(0);
  CHECK_FALSE(monitor.enabled());
  CHECK_FALSE(monitor.IsSpike(INT64_MAX));
  monitor.Report("command", 1000 * kMilli, 101);
  const auto events = monitor.Events();
  REQUIRE(events.size() == 1);
  CHECK(events[0].name == "command");
  REQUIRE(events[0].samples.size() == 1);
  CHECK(events[0].samples[0].time_s == 100);
  CHECK(events[0].samples[0].ms == 12);
}

TEST_CASE_METHOD(Fixture, "The worst spike of a second stands for it", "[latency]") {
  monitor.Report("command", 20 * kMilli, 100);
  monitor.Report("command", 50 * kMilli, 100);
  monitor.Report("command", 30 * kMilli, 100);
  monitor.Report("command", 15 * kMilli, 101);
  const auto history = monitor.History("command");
  REQUIRE(history.size() == 2);
  CHECK(history[0].ms == 50);
  CHECK(history[1].ms == 15);
  CHECK(monitor.Events()[0].max_ms == 50);
  CHECK(monitor.History("nosuch").empty());
}

TEST_CASE_METHOD(Fixture, "The oldest samples give way, the maximum stays", "[latency]") {
  monitor.Report("cron", 999 * kMilli, 0);
  for (int second = 1; second <= 500; ++second) monitor.Report("cron", 11 * kMilli, second);
  const auto history = monitor.History("cron");
  REQUIRE(history.size() == kLatencySamples);
  CHECK(history.front().time_s == 500 - static_cast<int64_t>(kLatencySamples) + 1);
  CHECK(history.back().time_s == 500);
  CHECK(monitor.Events()[0].max_ms == 999);
}

TEST_CASE_METHOD(Fixture, "Events are forgotten one by one or together", "[latency]") {
  for (const char* event : {"a", "b", "c"}) monitor.Report(event, 11 * kMilli, 1);
  CHECK(monitor.Reset("b") == 1);
  CHECK(monitor.Reset("b") == 0);
  CHECK(monitor.Events().size() == 2);
  CHECK(monitor.ResetAll() == 2);
  CHECK(monitor.Events().empty());
}

TEST_CASE("Figures of an event", "[latency]") {
  const LatencyEvent event{"command", {{100, 10}, {110, 20}, {130, 60}}, 80};
  const LatencyFigures figures = FiguresOf(event, 160);
  CHECK(figures.min_ms == 10);
  CHECK(figures.max_ms == 60);
  CHECK(figures.mean_ms == Approx(30));
  CHECK(figures.mean_deviation_ms == Approx(20));
  CHECK(figures.seconds_covered == 60);
}

TEST_CASE("A graph has a column for each sample and is never too wide", "[latency]") {
  const LatencyEvent event{"command", {{100, 10}, {110, 60}, {4000, 35}}, 80};
  const std::string graph = LatencyGraph(event, 4005);
  CHECK(graph.starts_with("command - high 60 ms, low 10 ms (all time high 80 ms)\n"));
  // The highest sample alone reaches the top row; ages stand below, read downwards.
  CHECK(graph.find("\n # \n") != std::string::npos);
  CHECK(graph.ends_with("---\n665\n54s\nmm \n"));

  LatencyEvent many{"command", {}, 159};
  for (int i = 0; i < 160; ++i) many.samples.push_back({i, i});
  const std::string wide = LatencyGraph(many, 160);
  size_t line = 0;
  for (const char c : wide) {
    line = c == '\n' ? 0 : line + 1;
    REQUIRE(line <= 80);
  }
  const LatencyEvent one{"command", {{5, 7}}, 7};
  CHECK(LatencyGraph(one, 5).find('#') != std::string::npos);
}

TEST_CASE("Advice depends on what was seen", "[latency]") {
  CHECK(LatencyAdvice({}, 0, 1).find("latency-monitor-threshold") != std::string::npos);
  CHECK(LatencyAdvice({}, 25, 1).find("25 ms") != std::string::npos);
  const LatencyEvent command{"command", {{1, 30}}, 30};
  const LatencyEvent expiry{"expire-cycle", {{1, 30}}, 30};
  const std::string both = LatencyAdvice({command, expiry}, 10, 5);
  CHECK(both.find("SLOWLOG GET") != std::string::npos);
  CHECK(both.find("expire-cycle: 1 spikes") != std::string::npos);
  CHECK(LatencyAdvice({expiry}, 10, 5).find("SLOWLOG") == std::string::npos);
}

}  // namespace
}  // namespace alai
