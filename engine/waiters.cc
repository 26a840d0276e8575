#include "engine/waiters.h"

#include <algorithm>

#include "engine/db.h"
#include "engine/store_thread.h"

namespace alai {

void Waiters::Add(int db, std::string_view key, std::shared_ptr<Waiter> waiter) {
  std::lock_guard guard(mutex_);
  if (waiter->minds_absence()) minding_.fetch_add(1, std::memory_order_relaxed);
  queues_[Name(db, key)].emplace(++last_number_, std::move(waiter));
  count_.fetch_add(1, std::memory_order_relaxed);
}

bool Waiters::Remove(int db, std::string_view key, const Waiter* waiter) {
  std::lock_guard guard(mutex_);
  const auto queue = queues_.find(Name(db, key));
  if (queue == queues_.end()) return false;
  const auto it = std::find_if(queue->second.begin(), queue->second.end(),
                               [&](const auto& entry) { return entry.second.get() == waiter; });
  if (it == queue->second.end()) return false;
  queue->second.erase(it);
  if (queue->second.empty()) queues_.erase(queue);
  if (waiter->minds_absence()) minding_.fetch_sub(1, std::memory_order_relaxed);
  count_.fetch_sub(1, std::memory_order_relaxed);
  return true;
}

bool Waiters::HasQueue(int db, std::string_view key) const {
  std::lock_guard guard(mutex_);
  return queues_.count(Name(db, key)) != 0;
}

std::shared_ptr<Waiter> Waiters::Next(const Name& name, uint64_t* after) const {
  std::lock_guard guard(mutex_);
  const auto queue = queues_.find(name);
  if (queue == queues_.end()) return nullptr;
  const auto it = queue->second.upper_bound(*after);
  if (it == queue->second.end()) return nullptr;
  *after = it->first;
  return it->second;
}

// Others may leave the queue meanwhile, so places in it are told apart by number.
void Waiters::Serve(Db& db, KeyView key, const HeldShards& held) {
  const Name name(db.index(), key.bytes);
  uint64_t number = 0;
  while (const std::shared_ptr<Waiter> waiter = Next(name, &number)) {
    if (!waiter->claimed()) {
      const Waiter::Readiness ready = waiter->Ready(db, key, held);
      if (ready == Waiter::Readiness::kElsewhere) {
        db.thread().served_next().push_back({name.first, name.second, waiter});
        return;
      }
      if (ready == Waiter::Readiness::kNo) continue;
      if (waiter->Claim()) waiter->Serve(db, key);
    }
    Remove(name.first, name.second, waiter.get());
  }
}

}  // namespace alai
