#include "engine/lazy_free.h"

#include "engine/memory_limit.h"

namespace alai {

LazyFree::~LazyFree() {
  for (Container* container : waiting_) delete container;
}

void LazyFree::Add(Container* container) {
  if (container->allocated_bytes() <= kAtOnceBytes) {
    delete container;
    return;
  }
  Note(static_cast<int64_t>(container->allocated_bytes()));
  pending_.fetch_add(1, std::memory_order_relaxed);
  {
    std::lock_guard guard(mutex_);
    waiting_.push_back(container);
  }
  if (wake_) wake_();
}

bool LazyFree::FreeSome(const Clock& clock, int64_t until_ns) {
  constexpr size_t kNodes = 64;
  if (pending() == 0) return false;
  Container* container = nullptr;
  {
    std::lock_guard guard(mutex_);
    if (waiting_.empty()) return false;
    container = waiting_.back();
    waiting_.pop_back();
  }
  const size_t before = container->allocated_bytes();
  bool more = true;
  while (more && clock.MonotonicNanos() < until_ns) more = container->FreeSome(kNodes);
  if (more) {
    Note(static_cast<int64_t>(container->allocated_bytes()) - static_cast<int64_t>(before));
    std::lock_guard guard(mutex_);
    waiting_.push_back(container);
    return true;
  }
  delete container;
  Note(-static_cast<int64_t>(before));
  freed_.fetch_add(1, std::memory_order_relaxed);
  return pending_.fetch_sub(1, std::memory_order_relaxed) > 1;
}

void LazyFree::Note(int64_t bytes) {
  if (limit_ != nullptr) limit_->NoteDetached(bytes);
}

}  // namespace alai
