// What is counted for each rule of the origin.
//
// Threads     Any. Hits are counted on the hot path, so they are spread over cache lines of their own.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "engine/base/histogram.h"

namespace alai::origin {

class RuleFigures {
 public:
  enum Count : uint8_t {
    kMisses,          // lookups of a key that was not there, or over; as many as a command names it
    kUnanswered,      // of these those that got neither a value nor that there is none
    kLoads,           // keys that were asked of the database
    kFilled,          // of them those that came and were kept
    kAbsent,          // that it does not have
    kCoalesced,       // lookups that waited for a load that was under way
    kBatches,         // queries
    kFailedBatches,   // of these those that failed
    kNegativeHits,    // lookups of a key that is known to be absent
    kStaleServed,     // values served beyond their time
    kRefreshes,       // loads in the background, ahead of time
    kLoadsAhead,      // loads for requests that had come and whose turn was still to come
    kErrors,          // keys whose load failed
    kTimeouts,        // lookups that waited too long
    kOverloads,       // lookups that found no place in the queue
    kDiscarded,       // loads thrown away because the key was written meanwhile
    kTooLarge,        // values beyond the rule's limit
    kInvalidations,   // changes that the database told of
    kWrites,          // that the database has taken
    kWriteErrors,     // failed to be sent, or once they were; of `write behind`, each time
    kWriteBatches,    // of `write behind`: transactions
    kWriteRetries,    // of writes that were sent and failed, and are sent again
    kWritesReplaced,  // that need not be sent since a later one of their key was
    kWritesDropped,   // that the database refused for good
    kCounts,
  };

  void Add(Count count, uint64_t n = 1) { counts_[count].fetch_add(n, std::memory_order_relaxed); }
  uint64_t Get(Count count) const { return counts_[count].load(std::memory_order_relaxed); }

  // `lane`: any number that differs between threads.
  void AddHit(size_t lane) { hits_[lane % kLanes].count.fetch_add(1, std::memory_order_relaxed); }
  uint64_t hits() const {
    uint64_t sum = 0;
    for (const Lane& lane : hits_) sum += lane.count.load(std::memory_order_relaxed);
    return sum;
  }

  void RecordLoad(int64_t nanos) {
    std::lock_guard guard(mutex_);
    load_.Record(nanos);
  }
  void RecordLag(int64_t ms) {
    std::lock_guard guard(mutex_);
    lag_.Record(ms);
  }
  void RecordWriteLag(int64_t ms) {
    std::lock_guard guard(mutex_);
    write_lag_.Record(ms);
  }
  // Nanoseconds from a query's start to its end, and milliseconds from a change in the database to its being
  // heard of; and milliseconds from a write's being answered to its being in the database.
  uint64_t LoadPercentile(double percentile) const { return load_.ValueAtPercentile(percentile); }
  uint64_t LagPercentile(double percentile) const { return lag_.ValueAtPercentile(percentile); }
  uint64_t WriteLagPercentile(double percentile) const {
    return write_lag_.ValueAtPercentile(percentile);
  }

  void Reset() {
    for (auto& count : counts_) count.store(0, std::memory_order_relaxed);
    for (Lane& lane : hits_) lane.count.store(0, std::memory_order_relaxed);
    std::lock_guard guard(mutex_);
    load_.Reset();
    lag_.Reset();
    write_lag_.Reset();
  }

 private:
  static constexpr size_t kLanes = 16;
  struct alignas(64) Lane {
    std::atomic<uint64_t> count{0};
  };

  std::array<std::atomic<uint64_t>, kCounts> counts_{};
  std::array<Lane, kLanes> hits_;
  std::mutex mutex_;  // of who records
  Histogram load_;
  Histogram lag_;
  Histogram write_lag_;
};

}  // namespace alai::origin
