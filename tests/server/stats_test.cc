// Statistics: sums over workers, resets while workers count, rates, error codes.
#include "server/stats.h"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "server/memory_report.h"
#include "tests/catch.h"

namespace alai {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kTick = kSecond / 10;

TEST_CASE("Counters are summed over the workers", "[stats]") {
  Stats stats(3);
  WorkerStats& a = stats.AddWorker();
  WorkerStats& b = stats.AddWorker();
  a.Add(Count::kReads);
  b.Add(Count::kReads, 41);
  a.CommandDone(1, 1500, false, true);
  b.CommandDone(1, 2500, true, false);
  b.CommandDone(2, 10, false, false);
  a.CommandRejected(1);
  CHECK(stats.Sum(Count::kReads) == 42);
  CHECK(stats.Sum(Count::kWrites) == 0);
  const CommandTotals totals = stats.Command(1);
  CHECK(totals.calls == 2);
  CHECK(totals.nanos == 4000);
  CHECK(totals.rejected == 1);
  CHECK(totals.failed == 1);
  CHECK(stats.Command(0).calls == 0);
  CHECK(stats.CommandsProcessed() == 3);
  CHECK(stats.CommandNanos() == 4010);
  Histogram latency;
  stats.AddLatency(1, latency);
  CHECK(latency.count() == 1);  // only one call was tracked
}

TEST_CASE("Gauges are summed or compared", "[stats]") {
  Stats stats(1);
  WorkerStats& a = stats.AddWorker();
  WorkerStats& b = stats.AddWorker();
  a.blocked_clients.Add(2);
  b.blocked_clients.Add(3);
  b.blocked_clients.Sub();
  a.recent_max_input.Set(100);
  b.recent_max_input.Set(70);
  CHECK(stats.Sum(&WorkerStats::blocked_clients) == 4);
  CHECK(stats.Max(&WorkerStats::recent_max_input) == 100);
}

TEST_CASE("A reset is seen at once, even of workers that do nothing", "[stats]") {
  Stats stats(2);
  WorkerStats& active = stats.AddWorker();
  WorkerStats& idle = stats.AddWorker();
  for (WorkerStats* worker : {&active, &idle}) {
    worker->Add(Count::kNetInputBytes, 10);
    worker->CommandDone(0, 1000, false, true);
    worker->ErrorReplied("ERR something");
    worker->connected_clients.Add();
    worker->changes.Add(5);
  }
  stats.Reset(7);
  CHECK(stats.Sum(Count::kNetInputBytes) == 0);
  CHECK(stats.Command(0).calls == 0);
  CHECK(stats.CommandsProcessed() == 0);
  CHECK(stats.Errors().empty());
  Histogram latency;
  stats.AddLatency(0, latency);
  CHECK(latency.count() == 0);
  CHECK(stats.expired_keys_at_reset() == 7);
  // What says how things stand is not reset.
  CHECK(stats.Sum(&WorkerStats::connected_clients) == 2);
  CHECK(stats.Sum(&WorkerStats::changes) == 10);

  active.BeginTurn();
  active.CommandDone(0, 1000, false, true);
  CHECK(stats.Command(0).calls == 1);
  idle.BeginTurn();
  CHECK(stats.Command(0).calls == 1);
  CHECK(stats.Sum(Count::kNetInputBytes) == 0);
  Histogram fresh;
  stats.AddLatency(0, fresh);
  CHECK(fresh.count() == 1);
}

TEST_CASE("Errors are counted by their first word", "[stats]") {
  Stats stats(1);
  WorkerStats& a = stats.AddWorker();
  WorkerStats& b = stats.AddWorker();
  a.ErrorReplied("WRONGTYPE Operation against a key");
  b.ErrorReplied("-WRONGTYPE again");
  b.ErrorReplied("ERR");
  b.ErrorReplied(std::string(1000, 'X'));
  const auto errors = stats.Errors();
  REQUIRE(errors.size() == 3);
  CHECK(errors.at("WRONGTYPE") == 2);
  CHECK(errors.at("ERR") == 1);
  CHECK(errors.at(std::string(kErrorCodeBytesMax, 'X')) == 1);
  CHECK(stats.Sum(Count::kErrorReplies) == 4);
}

TEST_CASE("Too many error codes turn counting by code off until a reset", "[stats]") {
  Stats stats(1);
  WorkerStats& worker = stats.AddWorker();
  for (size_t i = 0; i < kErrorCodesMax; ++i) worker.ErrorReplied("E" + std::to_string(i));
  CHECK(stats.Errors().size() == kErrorCodesMax);
  worker.ErrorReplied("ONEMORE");
  worker.ErrorReplied("E1");
  const auto errors = stats.Errors();
  REQUIRE(errors.size() == 1);
  CHECK(errors.at("ERRORSTATS_DISABLED") == 1);
  CHECK(stats.Sum(Count::kErrorReplies) == kErrorCodesMax + 2);
  stats.Reset(0);
  worker.BeginTurn();
  worker.ErrorReplied("ERR");
  CHECK(stats.Errors().at("ERR") == 1);
}

TEST_CASE("The limit of error codes holds for all workers together", "[stats]") {
  Stats stats(1);
  WorkerStats& a = stats.AddWorker();
  WorkerStats& b = stats.AddWorker();
  for (size_t i = 0; i < kErrorCodesMax / 2 + 1; ++i) {
    a.ErrorReplied("A" + std::to_string(i));
    b.ErrorReplied("B" + std::to_string(i));
  }
  CHECK(stats.Errors().count("ERRORSTATS_DISABLED") == 1);
}

TEST_CASE("Rates are the mean of the last sixteen samples", "[stats]") {
  Stats stats(1);
  WorkerStats& worker = stats.AddWorker();
  int64_t now_ns = 5 * kSecond;
  stats.Sample(now_ns, 0);
  CHECK(stats.PerSecond(Rate::kCommands) == 0);
  // 100 commands and 2048 bytes in each tenth of a second.
  for (int i = 0; i < 16; ++i) {
    for (int n = 0; n < 100; ++n) worker.CommandDone(0, 10, false, false);
    worker.Add(Count::kNetInputBytes, 2048);
    worker.Add(Count::kLoopCycles, 10);
    worker.Add(Count::kLoopNanos, 10 * 250);
    now_ns += kTick;
    stats.Sample(now_ns, 0);
  }
  CHECK(stats.PerSecond(Rate::kCommands) == Approx(1000));
  CHECK(stats.PerSecond(Rate::kNetInput) == Approx(20480));
  CHECK(stats.PerSecond(Rate::kLoopCycles) == Approx(100));
  CHECK(stats.PerSecond(Rate::kLoopNanos) == Approx(250));
  // Eight samples of silence halve the mean, sixteen bring it to nothing.
  for (int i = 0; i < 8; ++i) stats.Sample(now_ns += kTick, 0);
  CHECK(stats.PerSecond(Rate::kCommands) == Approx(500));
  for (int i = 0; i < 8; ++i) stats.Sample(now_ns += kTick, 0);
  CHECK(stats.PerSecond(Rate::kCommands) == 0);
  CHECK(stats.PerSecond(Rate::kLoopNanos) == 0);
}

TEST_CASE("A reset between two samples makes no rate negative or huge", "[stats]") {
  Stats stats(1);
  WorkerStats& worker = stats.AddWorker();
  worker.Add(Count::kNetInputBytes, 1'000'000);
  stats.Sample(kSecond, 0);
  stats.Sample(kSecond + kTick, 0);
  stats.Reset(0);
  worker.BeginTurn();
  worker.Add(Count::kNetInputBytes, 100);
  stats.Sample(kSecond + 2 * kTick, 0);
  worker.Add(Count::kNetInputBytes, 100);
  stats.Sample(kSecond + 3 * kTick, 0);
  const double rate = stats.PerSecond(Rate::kNetInput);
  CHECK(rate >= 0);
  CHECK(rate <= 1000);
}

TEST_CASE("The memory peak never falls and the start is remembered", "[stats]") {
  MemoryPeak peak;
  peak.Sample(1000);
  peak.Sample(5000);
  peak.Sample(3000);
  CHECK(peak.startup() == 1000);
  CHECK(peak.Peak(2000) == 5000);
  CHECK(peak.Peak(6000) == 6000);
  CHECK(peak.Peak(1) == 6000);
}

TEST_CASE("Counting goes on while others read and reset", "[stats]") {
  Stats stats(4);
  std::vector<WorkerStats*> workers;
  for (int i = 0; i < 2; ++i) workers.push_back(&stats.AddWorker());
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (WorkerStats* worker : workers) {
    threads.emplace_back([&, worker] {
      for (uint64_t i = 0; !stop.load(std::memory_order_relaxed); ++i) {
        worker->BeginTurn();
        worker->CommandDone(static_cast<uint16_t>(i % 4), static_cast<int64_t>(i % 1000), false,
                            true);
        worker->Add(Count::kReads);
        if (i % 64 == 0) worker->ErrorReplied("ERR no");
      }
    });
  }
  for (int round = 0; round < 200; ++round) {
    uint64_t calls = 0;
    for (uint16_t id = 0; id < 4; ++id) {
      calls += stats.Command(id).calls;
      Histogram latency;
      stats.AddLatency(id, latency);
      CHECK(latency.ValueAtPercentile(99) <= 1100);
    }
    CHECK(stats.CommandsProcessed() >= calls);
    stats.Errors();
    stats.Sample((round + 1) * kTick, 0);
    if (round % 50 == 49) stats.Reset(0);
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  stats.Reset(0);
  for (WorkerStats* worker : workers) worker->BeginTurn();
  CHECK(stats.CommandsProcessed() == 0);
}

}  // namespace
}  // namespace alai
