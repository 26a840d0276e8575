#include "engine/memory_limit.h"

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

void MemoryLimit::Correct(uint64_t allocated) {
  if (!by_threads_.load(std::memory_order_relaxed)) {
    published_.store(static_cast<int64_t>(store_.UsedBytes()), std::memory_order_relaxed);
  }
  const uint64_t waiting = store_.Memory().retired_bytes + store_.detached_bytes();
  base_.store(static_cast<int64_t>(allocated) - static_cast<int64_t>(waiting) -
                  published_.load(std::memory_order_relaxed),
              std::memory_order_relaxed);
  round_.fetch_add(1, std::memory_order_release);
}

uint64_t MemoryLimit::waiting_bytes() const {
  return store_.reclaimer().waiting_bytes() + store_.detached_bytes();
}

}  // namespace alai
