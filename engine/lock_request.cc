#include "engine/lock_request.h"

#include <algorithm>

#include "engine/base/assert.h"
#include "engine/store.h"

namespace alai {

void ShardSet::AddAll(uint32_t shard_count) {
  for (uint32_t shard = 0; shard < shard_count; ++shard) Add(shard);
  keys_ = std::max(keys_, 2u);
}

uint32_t ShardSet::size() const {
  uint32_t n = 0;
  for (uint64_t word : words_) n += static_cast<uint32_t>(std::popcount(word));
  return n;
}

bool Turn::Take(LockRequest& request) {
  std::lock_guard guard(mutex_);
  if (owner_ == nullptr) {
    owner_ = &request;
    return true;
  }
  queue_.push_back(&request);
  return false;
}

bool Turn::OwnedBy(const LockRequest& request) {
  std::lock_guard guard(mutex_);
  return owner_ == &request;
}

void Turn::Leave(LockRequest& request) {
  std::lock_guard guard(mutex_);
  if (owner_ != &request) {
    std::erase(queue_, &request);
    return;
  }
  owner_ = nullptr;
  if (queue_.empty()) return;
  owner_ = queue_.front();
  queue_.pop_front();
  owner_->WakeForLock();
}

bool LockRequest::Acquire() {
  DASSERT(!held_);
  StopSleeping();
  if (!in_turn_ && failed_tries_ >= kTriesBeforeTurn) {
    in_turn_ = true;
    if (!store_.turn().Take(*this)) return false;
  }
  if (in_turn_) {
    if (!store_.turn().OwnedBy(*this) || !WaitAsOwner()) return false;
  } else if (!TryAll()) {
    ++failed_tries_;
    return false;
  }
  if (transaction()) {
    shards_.ForEach([this](uint32_t shard) { LockOf(shard).BeginTransaction(); });
  }
  held_ = true;
  return true;
}

void LockRequest::Release() {
  DASSERT(held_);
  if (transaction()) {
    shards_.ForEach([this](uint32_t shard) { LockOf(shard).EndTransaction(); });
  }
  held_ = false;
  GiveBack();
  if (in_turn_) store_.turn().Leave(*this);
  in_turn_ = false;
  failed_tries_ = 0;
}

void LockRequest::Cancel() {
  if (held_) return Release();
  StopSleeping();
  GiveBack();
  if (in_turn_) store_.turn().Leave(*this);
  in_turn_ = false;
  failed_tries_ = 0;
}

bool LockRequest::several_shards() const { return shards_.size() > 1; }

bool LockRequest::transaction() const { return shards_.keys() > 1; }

ShardLock& LockRequest::LockOf(uint32_t shard) { return store_.shard(shard).lock; }

bool LockRequest::TryAll() {
  const bool several = several_shards();
  ShardLock* busy = nullptr;
  shards_.ForEach([&](uint32_t shard) {
    if (busy != nullptr) return;
    ShardLock& lock = LockOf(shard);
    if (several ? lock.TryClaim() : lock.TryLock()) {
      (several ? claimed_ : locked_).Add(shard);
    } else {
      busy = &lock;
    }
  });
  if (several && busy == nullptr) {
    shards_.ForEach([&](uint32_t shard) {
      if (busy != nullptr) return;
      if (LockOf(shard).TryLockClaimed()) {
        locked_.Add(shard);
      } else {
        busy = &LockOf(shard);
      }
    });
  }
  if (busy == nullptr) return true;
  GiveBack();
  SleepOn(*busy, false);
  return false;
}

bool LockRequest::WaitAsOwner() {
  bool waiting = false;
  shards_.ForEach([&](uint32_t shard) {
    while (!waiting && !claimed_.Contains(shard)) {
      if (LockOf(shard).TryClaim()) {
        claimed_.Add(shard);
      } else {
        holds_claim_ = false;
        waiting = LockOf(shard).Sleep(*this, true);
        if (waiting) sleeping_on_ = &LockOf(shard);
      }
    }
  });
  shards_.ForEach([&](uint32_t shard) {
    while (!waiting && !locked_.Contains(shard)) {
      if (LockOf(shard).TryLockClaimed()) {
        locked_.Add(shard);
      } else {
        holds_claim_ = true;
        waiting = LockOf(shard).Sleep(*this, true);
        if (waiting) sleeping_on_ = &LockOf(shard);
      }
    }
  });
  return !waiting;
}

// Asks to be woken when `lock` is free; when it is free already, wakes itself.
void LockRequest::SleepOn(ShardLock& lock, bool first) {
  holds_claim_ = false;
  if (lock.Sleep(*this, first)) {
    sleeping_on_ = &lock;
  } else {
    WakeForLock();
  }
}

void LockRequest::StopSleeping() {
  if (sleeping_on_ == nullptr) return;
  sleeping_on_->CancelSleep(*this);
  sleeping_on_ = nullptr;
}

void LockRequest::GiveBack() {
  claimed_.ForEach([this](uint32_t shard) {
    if (locked_.Contains(shard)) {
      LockOf(shard).UnlockClaimed();
    } else {
      LockOf(shard).Unclaim();
    }
  });
  locked_.ForEach([this](uint32_t shard) {
    if (!claimed_.Contains(shard)) LockOf(shard).Unlock();
  });
  claimed_.Clear();
  locked_.Clear();
}

}  // namespace alai
