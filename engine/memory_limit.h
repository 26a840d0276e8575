// How much memory the data may take, and how much is in use: the figure that decides when keys must
// go, cheap enough to be asked before every write.
//
//   in use = base + what threads have published + what the asking thread has not published yet
//
// A thread that knows the allocator's own counters of what it has allocated and freed
// (StoreThread::MeterAllocations) reads them and publishes their difference once it has grown by
// kPublishBytes. `base` is the rest: what the process allocated before, and in threads that nobody
// meters. Who can ask the allocator for everything corrects it a few times a second, by what the
// counters of all threads say at that moment, published or not. Where no thread is metered (the engine
// as a library, builds without jemalloc) the store's own sums take the place of what is published.
//
// Memory that waits to be freed, because it was retired or belonged to a flushed database, does not
// count: evicting keys would not free it any sooner. Too much of it holds writers up instead.
//
// Threads     Any. Correct() by one at a time.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <mutex>

#include "engine/store_thread.h"

namespace alai {

class Store;

class MemoryLimit {
 public:
  explicit MemoryLimit(const Store& store) : store_(store) {}
  MemoryLimit(const MemoryLimit&) = delete;
  MemoryLimit& operator=(const MemoryLimit&) = delete;

  // Whether there is a limit at all: what a write without one pays.
  bool on() const { return bytes_.load(std::memory_order_relaxed) != 0; }
  uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
  // 0: no limit.
  void Set(uint64_t bytes) { bytes_.store(bytes, std::memory_order_relaxed); }
  // By how much the limit may be exceeded while eviction catches up: 2%, at least 8 MB.
  uint64_t tolerance() const { return std::max(bytes() / 50, kToleranceMin); }

  // Threads are metered from now on. Before there are any.
  void CountByThreads();
  // A correction begins before the allocator is asked. When threads have allocated or freed since, what
  // the allocator said is of no one moment: then an exact correction does nothing but return false, an
  // approximate one takes the middle.
  enum class Fit { kExact, kApproximate };
  struct Moment {
    int64_t metered;
    int64_t detached;
    bool operator==(const Moment&) const = default;
  };
  Moment Now() const;
  // `allocated`: by the whole process, without what is retired but with what was flushed.
  bool Correct(Moment asked, uint64_t allocated, Fit fit = Fit::kExact);

  // Bytes in use above the limit as far as this thread can tell, negative below.
  int64_t Excess(StoreThread& thread) {
    return InUse(thread) - static_cast<int64_t>(bytes_.load(std::memory_order_relaxed));
  }
  int64_t InUse(StoreThread& thread);
  // Makes known to the others what this thread has allocated, however little.
  void Publish(StoreThread& thread);
  // Bytes that wait to be freed.
  uint64_t waiting_bytes() const;
  // Bytes of a flushed database, which no thread has retired: they wait from now on, or (negative) have
  // been freed.
  void NoteDetached(int64_t bytes);
  uint64_t detached_bytes() const {
    return static_cast<uint64_t>(detached_.load(std::memory_order_relaxed));
  }

 private:
  static constexpr uint64_t kToleranceMin = 8 * 1024 * 1024;
  static constexpr int64_t kPublishBytes = 16 * 1024;

  const Store& store_;
  std::atomic<uint64_t> bytes_{0};
  std::atomic<bool> by_threads_{false};
  alignas(64) std::atomic<int64_t> published_{0};
  std::atomic<int64_t> base_{0};
  std::mutex base_mutex_;  // held to change base_ and detached_ together
  std::atomic<int64_t> detached_{0};
};

inline int64_t MemoryLimit::InUse(StoreThread& thread) {
  if (thread.metered()) [[likely]] {
    const int64_t unpublished = thread.unpublished_bytes();
    if (unpublished <= kPublishBytes && unpublished >= -kPublishBytes) [[likely]] {
      return base_.load(std::memory_order_relaxed) + published_.load(std::memory_order_relaxed) +
             unpublished;
    }
  }
  Publish(thread);
  return base_.load(std::memory_order_relaxed) + published_.load(std::memory_order_relaxed);
}

}  // namespace alai
