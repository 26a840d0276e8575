// Large containers that nothing refers to any more: freed in slices by a thread that has the time, so
// that nobody who deletes, overwrites or evicts a collection waits for a million blocks to be freed.
//
// For each cause but kUnlink this can be switched off: what goes for it is then freed whole by the thread that
// has retired it, as soon as no reader can see it. Settings count when a value is retired.
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
#include "engine/free_cause.h"

namespace alai {

class MemoryLimit;

class LazyFree {
 public:
  // Containers up to this size are freed where they are.
  static constexpr size_t kAtOnceBytes = 16 * 1024;
  // Those with more parts count as freed lazily, wherever that happens: what Redis hands to its thread.
  static constexpr uint64_t kCountedPartsMin = 65;

  LazyFree() = default;
  LazyFree(const LazyFree&) = delete;
  LazyFree& operator=(const LazyFree&) = delete;
  ~LazyFree();

  // What waits here is made known to a limit from now on, until nullptr is given. While no other thread
  // calls.
  void Follow(MemoryLimit* limit) { limit_ = limit; }
  // Called when there is something to do; before other threads call.
  void set_wake(std::function<void()> wake) { wake_ = std::move(wake); }

  // Switches this on or off for a cause. Any thread.
  void SetLazy(FreeCause cause, bool lazy);
  bool lazy(FreeCause cause) const {
    return (not_lazy_.load(std::memory_order_relaxed) & Bit(cause)) == 0;
  }

  // Whether what becomes of a container shows in pending() and freed().
  static bool Counts(const Container& container) { return container.parts() >= kCountedPartsMin; }
  // One that counts is retired: it is pending before Add() is called, for which no reader may see it any
  // more. Then UnseenByAll(), also when another record has kept the container.
  void Retired() { retired_.fetch_add(1, std::memory_order_relaxed); }
  void UnseenByAll() { retired_.fetch_sub(1, std::memory_order_release); }

  // Frees a container, or keeps it for FreeSome() when it is large.
  void Add(Container* container);
  // Goes on freeing until the monotonic clock shows `until_ns`; true when there is more.
  bool FreeSome(const Clock& clock, int64_t until_ns);

  // Containers that wait here or to come here, and how many that count have been freed since the start or
  // ResetFreed(). In this order, freed() holds what pending() does no longer.
  uint64_t pending() const {
    return retired_.load(std::memory_order_acquire) +
           waiting_count_.load(std::memory_order_acquire);
  }
  uint64_t freed() const { return freed_.load(std::memory_order_relaxed); }
  void ResetFreed() { freed_.store(0, std::memory_order_relaxed); }

 private:
  struct Waiting {
    Container* container;
    bool counts;
  };

  static constexpr uint8_t Bit(FreeCause cause) {
    return static_cast<uint8_t>(1 << static_cast<int>(cause));
  }
  void CountFreed(bool counts) {
    if (counts) freed_.fetch_add(1, std::memory_order_relaxed);
  }
  void Note(int64_t bytes);

  MemoryLimit* limit_ = nullptr;
  std::function<void()> wake_;
  std::mutex mutex_;  // guards waiting_
  std::vector<Waiting> waiting_;
  std::atomic<uint64_t> retired_{0};
  std::atomic<uint64_t> waiting_count_{0};
  std::atomic<uint64_t> freed_{0};
  std::atomic<uint8_t> not_lazy_{0};  // bits of causes
};

}  // namespace alai
