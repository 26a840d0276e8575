#include "server/stats.h"

#include <algorithm>
#include <utility>

#include "engine/base/log.h"

namespace alai {
namespace {

constexpr std::string_view kErrorsDisabled = "ERRORSTATS_DISABLED";

// The first word of an error line, as the key of its count.
std::string_view ErrorCode(std::string_view line) {
  if (line.starts_with('-')) line.remove_prefix(1);
  const size_t end = std::min(line.find(' '), line.size());
  return line.substr(0, std::min(end, kErrorCodeBytesMax));
}

}  // namespace

WorkerStats::WorkerStats(size_t commands, const std::atomic<uint32_t>& era)
    : era_(era),
      own_era_(era.load(std::memory_order_relaxed)),
      command_count_(commands),
      commands_(std::make_unique<CommandCounters[]>(commands)) {}

WorkerStats::~WorkerStats() {
  for (size_t id = 0; id < command_count_; ++id) {
    delete commands_[id].latency.load(std::memory_order_relaxed);
  }
}

Histogram* WorkerStats::AddHistogram(CommandCounters& command) {
  auto* histogram = new Histogram;
  command.latency.store(histogram, std::memory_order_release);
  return histogram;
}

void WorkerStats::ClearForNewEra() {
  const uint32_t era = era_.load(std::memory_order_acquire);
  for (Counter& count : counts_) count.Set(0);
  for (size_t id = 0; id < command_count_; ++id) {
    CommandCounters& command = commands_[id];
    command.calls.Set(0);
    command.nanos.Set(0);
    command.rejected.Set(0);
    command.failed.Set(0);
    Histogram* latency = command.latency.load(std::memory_order_relaxed);
    if (latency != nullptr) latency->Reset();
  }
  {
    std::lock_guard lock(errors_mutex_);
    errors_ = Errors{};
  }
  own_era_.store(era, std::memory_order_release);
}

void WorkerStats::ErrorReplied(std::string_view line) {
  Add(Count::kErrorReplies);
  const std::string_view code = ErrorCode(line);
  std::lock_guard lock(errors_mutex_);
  if (errors_.overflowed) return;
  const auto found = errors_.by_code.find(code);
  if (found != errors_.by_code.end()) {
    ++found->second;
  } else if (errors_.by_code.size() < kErrorCodesMax) {
    errors_.by_code.emplace(code, 1);
  } else {
    Log(LogLevel::kWarning,
        "Errorstats stopped adding new errors because the number of errors reached the limit (%zu)",
        kErrorCodesMax);
    errors_.overflowed = true;
    errors_.by_code.clear();
  }
}

WorkerStats& Stats::AddWorker() {
  workers_.push_back(std::make_unique<WorkerStats>(commands_, era_));
  return *workers_.back();
}

bool Stats::IsCurrent(const WorkerStats& worker) const {
  return worker.own_era_.load(std::memory_order_acquire) == era_.load(std::memory_order_relaxed);
}

uint64_t Stats::Of(const WorkerStats& worker, Count which) const {
  return IsCurrent(worker) ? worker.counts_[static_cast<size_t>(which)].Get() : 0;
}

uint64_t Stats::Sum(Count which) const {
  uint64_t sum = 0;
  for (const auto& worker : workers_) sum += Of(*worker, which);
  return sum;
}

uint64_t Stats::Sum(Counter WorkerStats::*gauge) const {
  uint64_t sum = 0;
  for (const auto& worker : workers_) sum += (*worker.*gauge).Get();
  return sum;
}

uint64_t Stats::Max(Counter WorkerStats::*gauge) const {
  uint64_t largest = 0;
  for (const auto& worker : workers_) largest = std::max(largest, (*worker.*gauge).Get());
  return largest;
}

CommandTotals Stats::Command(uint16_t id) const {
  CommandTotals totals;
  for (const auto& worker : workers_) {
    if (!IsCurrent(*worker)) continue;
    const CommandCounters& command = worker->commands_[id];
    totals.calls += command.calls.Get();
    totals.nanos += command.nanos.Get();
    totals.rejected += command.rejected.Get();
    totals.failed += command.failed.Get();
  }
  return totals;
}

uint64_t Stats::CommandsProcessed() const {
  uint64_t sum = 0;
  for (const auto& worker : workers_) {
    if (!IsCurrent(*worker)) continue;
    for (size_t id = 0; id < commands_; ++id) sum += worker->commands_[id].calls.Get();
  }
  return sum;
}

uint64_t Stats::CommandNanos() const {
  uint64_t sum = 0;
  for (const auto& worker : workers_) {
    if (!IsCurrent(*worker)) continue;
    for (size_t id = 0; id < commands_; ++id) sum += worker->commands_[id].nanos.Get();
  }
  return sum;
}

void Stats::AddLatency(uint16_t id, Histogram& sum) const {
  for (const auto& worker : workers_) {
    const Histogram* latency = worker->commands_[id].latency.load(std::memory_order_acquire);
    if (latency != nullptr && IsCurrent(*worker)) sum.Merge(*latency);
  }
}

std::map<std::string, uint64_t> Stats::Errors() const {
  std::map<std::string, uint64_t> sum;
  bool overflowed = false;
  for (const auto& worker : workers_) {
    if (!IsCurrent(*worker)) continue;
    std::lock_guard lock(worker->errors_mutex_);
    overflowed |= worker->errors_.overflowed;
    for (const auto& [code, count] : worker->errors_.by_code) sum[code] += count;
  }
  if (overflowed || sum.size() > kErrorCodesMax) return {{std::string(kErrorsDisabled), 1}};
  return sum;
}

void Stats::Reset(uint64_t expired_keys, uint64_t evicted_keys, uint64_t expired_fields) {
  expired_fields_at_reset_.store(expired_fields, std::memory_order_relaxed);
  expired_keys_at_reset_.store(expired_keys, std::memory_order_relaxed);
  evicted_keys_at_reset_.store(evicted_keys, std::memory_order_relaxed);
  era_.fetch_add(1, std::memory_order_release);
  std::lock_guard lock(rates_mutex_);
  rates_ = {};
}

// `value` grew by a difference over `base`'s difference; the sample is their quotient times
// `factor`.
void Stats::SampleOne(Rate rate, uint64_t value, uint64_t base, double factor) {
  RateSamples& r = rates_[static_cast<size_t>(rate)];
  // After a reset a counter starts again below what was seen last.
  const uint64_t gained = value >= r.last_value ? value - r.last_value : value;
  const uint64_t over = base >= r.last_base ? base - r.last_base : base;
  if (r.started) {
    r.samples[r.next] =
        over > 0 ? static_cast<double>(gained) * factor / static_cast<double>(over) : 0;
    r.next = (r.next + 1) % kSamples;
  }
  r.started = true;
  r.last_value = value;
  r.last_base = base;
}

void Stats::Sample(int64_t mono_ns, uint64_t allocated) {
  memory_peak.Sample(allocated);
  constexpr double kNanosPerSecond = 1e9;
  const auto now = static_cast<uint64_t>(mono_ns);
  const uint64_t commands = CommandsProcessed();
  const uint64_t cycles = Sum(Count::kLoopCycles);
  std::lock_guard lock(rates_mutex_);
  SampleOne(Rate::kCommands, commands, now, kNanosPerSecond);
  SampleOne(Rate::kNetInput, Sum(Count::kNetInputBytes), now, kNanosPerSecond);
  SampleOne(Rate::kNetOutput, Sum(Count::kNetOutputBytes), now, kNanosPerSecond);
  SampleOne(Rate::kReplInput, repl_input_bytes.load(std::memory_order_relaxed), now,
            kNanosPerSecond);
  SampleOne(Rate::kReplOutput, repl_output_bytes.load(std::memory_order_relaxed), now,
            kNanosPerSecond);
  SampleOne(Rate::kLoopCycles, cycles, now, kNanosPerSecond);
  SampleOne(Rate::kLoopNanos, Sum(Count::kLoopNanos), cycles, 1);
}

double Stats::PerSecond(Rate rate) const {
  std::lock_guard lock(rates_mutex_);
  const RateSamples& r = rates_[static_cast<size_t>(rate)];
  double sum = 0;
  for (const double sample : r.samples) sum += sample;
  return sum / kSamples;
}

}  // namespace alai
