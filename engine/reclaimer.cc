#include "engine/reclaimer.h"

#include <utility>

#include "engine/base/memory.h"
#include "engine/record.h"
#include "engine/segment.h"
#include "engine/store_thread.h"

namespace alai {

void RetiredBatch::FreeItems(LazyFree& lazy_free) {
  for (const Item& item : items) {
    const size_t size = item.size_and_kind >> kKindBits;
    const auto kind = static_cast<RetiredKind>(item.size_and_kind & ((1 << kKindBits) - 1));
    switch (kind) {
      case RetiredKind::kRecord:
      case RetiredKind::kRecordCounted:
        if (Container* last = static_cast<Record*>(item.block)->DestroyButContainer()) {
          lazy_free.Add(last);
        }
        if (kind == RetiredKind::kRecordCounted) lazy_free.UnseenByAll();
        break;
      case RetiredKind::kRecordAtOnce:
        static_cast<Record*>(item.block)->Destroy();
        break;
      case RetiredKind::kBlock:
        Free(item.block, size);
        break;
      case RetiredKind::kSegment:
        FreeSegmentBlock(item.block, size);
        break;
    }
  }
  items.clear();
}

Reclaimer::~Reclaimer() {
  // Nobody reads any more, so everything retired can go.
  while (!threads_.empty()) Unregister(threads_.back());
  for (RetiredBatch& batch : orphans_) batch.FreeItems(lazy_free_);
}

StoreThread* Reclaimer::Register() {
  auto* thread = new StoreThread(*this);
  std::lock_guard guard(mutex_);
  threads_.push_back(thread);
  return thread;
}

void Reclaimer::Unregister(StoreThread* thread) {
  thread->GoOffline();
  thread->CloseBatch();
  std::lock_guard guard(mutex_);
  std::erase(threads_, thread);
  expired_by_gone_ += thread->expired.Get();
  evicted_by_gone_ += thread->evicted.Get();
  expired_parts_by_gone_ += thread->expired_parts.Get();
  published_by_gone_ += thread->published_bytes();
  orphaned_bytes_ += thread->retired_bytes();
  for (RetiredBatch& batch : thread->waiting_) orphans_.push_back(std::move(batch));
  delete thread;
}

uint64_t Reclaimer::retired_bytes() const {
  std::lock_guard guard(mutex_);
  uint64_t sum = orphaned_bytes_;
  for (const StoreThread* thread : threads_) sum += thread->retired_bytes();
  return sum;
}

uint64_t Reclaimer::expired() const {
  std::lock_guard guard(mutex_);
  uint64_t sum = expired_by_gone_;
  for (const StoreThread* thread : threads_) sum += thread->expired.Get();
  return sum;
}

uint64_t Reclaimer::evicted() const {
  std::lock_guard guard(mutex_);
  uint64_t sum = evicted_by_gone_;
  for (const StoreThread* thread : threads_) sum += thread->evicted.Get();
  return sum;
}

uint64_t Reclaimer::expired_parts() const {
  std::lock_guard guard(mutex_);
  uint64_t sum = expired_parts_by_gone_;
  for (const StoreThread* thread : threads_) sum += thread->expired_parts.Get();
  return sum;
}

int64_t Reclaimer::metered_bytes() const {
  std::lock_guard guard(mutex_);
  int64_t sum = published_by_gone_;
  for (const StoreThread* thread : threads_) sum += thread->metered_bytes();
  return sum;
}

bool Reclaimer::StillCongested() const {
  if (closed_bytes_.load(std::memory_order_relaxed) > kRetiredBytesMax) return true;
  congested_.store(false, std::memory_order_relaxed);
  return false;
}

uint64_t Reclaimer::TryAdvance() {
  uint64_t epoch = epoch_.load(std::memory_order_acquire);
  std::unique_lock guard(mutex_, std::try_to_lock);
  if (!guard.owns_lock()) return epoch;
  for (const StoreThread* thread : threads_) {
    const uint64_t seen = thread->seen_epoch_.load(std::memory_order_acquire);
    if (seen != epoch && seen != kOffline) return epoch;
  }
  if (epoch_.compare_exchange_strong(epoch, epoch + 1, std::memory_order_acq_rel)) ++epoch;
  std::erase_if(orphans_, [&](RetiredBatch& batch) {
    if (batch.epoch + 2 > epoch) return false;
    orphaned_bytes_ -= batch.bytes;
    batch.FreeItems(lazy_free_);
    NoteFreed(batch.bytes);
    return true;
  });
  return epoch;
}

}  // namespace alai
