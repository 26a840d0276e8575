#include "engine/memory_limit.h"

#include <numeric>

#include "engine/store.h"

namespace alai {

void MemoryLimit::CountByThreads() {
  by_threads_.store(true, std::memory_order_relaxed);
  base_.fetch_add(published_.exchange(0, std::memory_order_relaxed), std::memory_order_relaxed);
}

void MemoryLimit::Publish(StoreThread& thread) {
  if (by_threads_.load(std::memory_order_relaxed)) {
    published_.fetch_add(thread.TakeUnpublishedBytes(), std::memory_order_relaxed);
  } else {
    published_.store(static_cast<int64_t>(store_.UsedBytes()), std::memory_order_relaxed);
  }
}

MemoryLimit::Moment MemoryLimit::Now() const {
  return {store_.reclaimer().metered_bytes(), detached_.load(std::memory_order_acquire)};
}

bool MemoryLimit::Correct(Moment asked, uint64_t allocated, Fit fit) {
  std::lock_guard guard(base_mutex_);
  if (!by_threads_.load(std::memory_order_relaxed)) {
    const auto published = static_cast<int64_t>(store_.UsedBytes());
    published_.store(published, std::memory_order_relaxed);
    base_.store(static_cast<int64_t>(allocated) - published, std::memory_order_relaxed);
    return true;
  }
  const Moment now = Now();
  if (now != asked && fit == Fit::kExact) return false;
  const int64_t metered = std::midpoint(asked.metered, now.metered);
  const int64_t detached = std::midpoint(asked.detached, now.detached);
  base_.store(static_cast<int64_t>(allocated) - detached - metered, std::memory_order_relaxed);
  return true;
}

void MemoryLimit::NoteDetached(int64_t bytes) {
  std::lock_guard guard(base_mutex_);
  detached_.fetch_add(bytes, std::memory_order_release);
  if (by_threads_.load(std::memory_order_relaxed)) {
    base_.fetch_sub(bytes, std::memory_order_relaxed);
  }
}

uint64_t MemoryLimit::waiting_bytes() const {
  return store_.reclaimer().waiting_bytes() + detached_bytes();
}

}  // namespace alai
