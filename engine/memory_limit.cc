#include "engine/memory_limit.h"

#include <numeric>

#include "engine/store.h"

namespace alai {

void MemoryLimit::Publish(StoreThread& thread) {
  if (by_threads_.load(std::memory_order_relaxed)) {
    const int64_t bytes = thread.TakeUnpublishedBytes(round_.load(std::memory_order_acquire));
    published_.fetch_add(bytes, std::memory_order_relaxed);
  } else {
    published_.store(static_cast<int64_t>(store_.UsedBytes()), std::memory_order_relaxed);
  }
}

MemoryLimit::Moment MemoryLimit::Now() const {
  return {published_.load(std::memory_order_acquire), detached_.load(std::memory_order_acquire)};
}

bool MemoryLimit::Correct(Moment asked, uint64_t allocated, Fit fit) {
  std::lock_guard guard(base_mutex_);
  const bool by_threads = by_threads_.load(std::memory_order_relaxed);
  if (!by_threads) {
    published_.store(static_cast<int64_t>(store_.UsedBytes()), std::memory_order_relaxed);
  }
  const Moment now = Now();
  if (by_threads) {
    const bool same = now.published == asked.published && now.detached == asked.detached;
    if (!same && fit == Fit::kExact) return false;
    const int64_t published = std::midpoint(asked.published, now.published);
    const int64_t detached = std::midpoint(asked.detached, now.detached);
    base_.store(static_cast<int64_t>(allocated) - detached - published, std::memory_order_relaxed);
  } else {
    base_.store(static_cast<int64_t>(allocated) - now.published, std::memory_order_relaxed);
  }
  round_.fetch_add(1, std::memory_order_release);
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
