#include "engine/store_thread.h"

#include "engine/record.h"

namespace alai {
namespace {

// A batch is closed when it holds this much, or after this many quiet turns when it holds anything.
constexpr size_t kBatchItems = 64;
constexpr uint64_t kBatchBytes = 256 * 1024;
constexpr uint32_t kQuietTurns = 64;

}  // namespace

StoreThread::StoreThread(Reclaimer& reclaimer) : reclaimer_(reclaimer), random_(RandomSeed()) {
  seen_epoch_.store(Reclaimer::kOffline, std::memory_order_relaxed);
  GoOnline();
}

void StoreThread::Quiescent() {
  // A full barrier: loads of the next turn must not be served before the announcement is visible.
  seen_epoch_.exchange(reclaimer_.epoch(), std::memory_order_seq_cst);
  if (current_.size() >= kBatchItems || retired_bytes_.Get() >= kBatchBytes) {
    Reclaim();
  } else if ((!current_.empty() || !waiting_.empty()) &&
             (++quiet_turns_ >= kQuietTurns || reclaimer_.congested())) {
    Reclaim();
  }
}

void StoreThread::GoOffline() {
  // What is retired here must not wait for this thread's return: close and free what can be freed.
  if (!current_.empty() || !waiting_.empty()) Reclaim();
  seen_epoch_.store(Reclaimer::kOffline, std::memory_order_release);
}

void StoreThread::GoOnline() {
  seen_epoch_.exchange(reclaimer_.epoch(), std::memory_order_seq_cst);
}

void StoreThread::RetireRecord(Record* record, size_t bytes, FreeCause cause) {
  RetiredKind kind = RetiredKind::kRecord;
  if (record->encoding() == Encoding::kContainer) {
    LazyFree& lazy_free = reclaimer_.lazy_free();
    if (!lazy_free.lazy(cause)) {
      kind = RetiredKind::kRecordAtOnce;
    } else if (LazyFree::Counts(*record->container())) {
      lazy_free.Retired();
      kind = RetiredKind::kRecordCounted;
    }
  }
  Retire(record, bytes, kind);
}

void StoreThread::RetireBlock(void* block, size_t size) {
  Retire(block, size, RetiredKind::kBlock);
}

void StoreThread::RetireSegment(void* block, size_t size) {
  Retire(block, size, RetiredKind::kSegment);
}

void StoreThread::Retire(void* block, size_t size, RetiredKind kind) {
  current_.push_back({block, static_cast<uint64_t>(size) << RetiredBatch::kKindBits |
                                 static_cast<uint64_t>(kind)});
  current_bytes_ += size;
  retired_bytes_.Add(size);
  // Within one turn this can be a lot, which others should know of.
  if (current_bytes_ >= kBatchBytes) [[unlikely]]
    CloseBatch();
}

void StoreThread::CloseBatch() {
  if (current_.empty()) return;
  waiting_.push_back({reclaimer_.CloseBatch(current_bytes_), current_bytes_, std::move(current_)});
  current_ = std::move(spare_);
  current_.clear();
  current_bytes_ = 0;
}

void StoreThread::Reclaim() {
  quiet_turns_ = 0;
  CloseBatch();
  const uint64_t epoch = reclaimer_.TryAdvance();
  while (!waiting_.empty() && waiting_.front().epoch + 2 <= epoch) {
    const uint64_t bytes = waiting_.front().bytes;
    waiting_.front().FreeItems(reclaimer_.lazy_free_);
    retired_bytes_.Sub(bytes);
    reclaimer_.NoteFreed(bytes);
    spare_ = std::move(waiting_.front().items);
    waiting_.pop_front();
  }
}

}  // namespace alai
