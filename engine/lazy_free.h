// Large containers that nothing refers to any more: freed in slices by a thread that has the time, so
// that nobody who deletes, overwrites or evicts a collection waits for a million blocks to be freed.
//
// Threads     Any.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include "engine/base/clock.h"
#include "engine/containers/container.h"

namespace alai {

class MemoryLimit;

class LazyFree {
 public:
  // Containers up to this size are freed where they are.
  static constexpr size_t kAtOnceBytes = 16 * 1024;

  LazyFree() = default;
  LazyFree(const LazyFree&) = delete;
  LazyFree& operator=(const LazyFree&) = delete;
  ~LazyFree();

  // What waits here is made known to a limit from now on, until nullptr is given. While no other thread
  // calls.
  void Follow(MemoryLimit* limit) { limit_ = limit; }
  // Called when there is something to do; before other threads call.
  void set_wake(std::function<void()> wake) { wake_ = std::move(wake); }

  // Frees a container, or keeps it for FreeSome() when it is large.
  void Add(Container* container);
  // Goes on freeing until the monotonic clock shows `until_ns`; true when there is more.
  bool FreeSome(const Clock& clock, int64_t until_ns);

  // Containers that wait here, and how many have been freed here since the start.
  uint64_t pending() const { return pending_.load(std::memory_order_relaxed); }
  uint64_t freed() const { return freed_.load(std::memory_order_relaxed); }

 private:
  void Note(int64_t bytes);

  MemoryLimit* limit_ = nullptr;
  std::function<void()> wake_;
  std::mutex mutex_;  // guards waiting_
  std::vector<Container*> waiting_;
  std::atomic<uint64_t> pending_{0};
  std::atomic<uint64_t> freed_{0};
};

}  // namespace alai
