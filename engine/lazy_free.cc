#include "engine/lazy_free.h"

#include "engine/base/assert.h"
#include "engine/memory_limit.h"

namespace alai {

LazyFree::~LazyFree() {
  for (const Waiting& waiting : waiting_) delete waiting.container;
}

void LazyFree::SetLazy(FreeCause cause, bool lazy) {
  DASSERT(cause != FreeCause::kUnlink);
  if (lazy) {
    not_lazy_.fetch_and(static_cast<uint8_t>(~Bit(cause)), std::memory_order_relaxed);
  } else {
    not_lazy_.fetch_or(Bit(cause), std::memory_order_relaxed);
  }
}

void LazyFree::Add(Container* container) {
  const bool counts = Counts(*container);
  if (container->allocated_bytes() <= kAtOnceBytes) {
    delete container;
    return CountFreed(counts);
  }
  Note(static_cast<int64_t>(container->allocated_bytes()));
  waiting_count_.fetch_add(1, std::memory_order_relaxed);
  {
    std::lock_guard guard(mutex_);
    waiting_.push_back({container, counts});
  }
  if (wake_) wake_();
}

bool LazyFree::FreeSome(const Clock& clock, int64_t until_ns) {
  constexpr size_t kNodes = 64;
  if (waiting_count_.load(std::memory_order_relaxed) == 0) return false;
  Waiting waiting{};
  {
    std::lock_guard guard(mutex_);
    if (waiting_.empty()) return false;
    waiting = waiting_.back();
    waiting_.pop_back();
  }
  Container* const container = waiting.container;
  const size_t before = container->allocated_bytes();
  bool more = true;
  while (more && clock.MonotonicNanos() < until_ns) more = container->FreeSome(kNodes);
  if (more) {
    Note(static_cast<int64_t>(container->allocated_bytes()) - static_cast<int64_t>(before));
    std::lock_guard guard(mutex_);
    waiting_.push_back(waiting);
    return true;
  }
  delete container;
  Note(-static_cast<int64_t>(before));
  CountFreed(waiting.counts);
  return waiting_count_.fetch_sub(1, std::memory_order_release) > 1;
}

void LazyFree::Note(int64_t bytes) {
  if (limit_ != nullptr) limit_->NoteDetached(bytes);
}

}  // namespace alai
