// The part of the store that deals with key classes: which there are, what is counted of them, and what is
// done for their keys beside the commands.
#include <algorithm>
#include <utility>

#include "engine/base/assert.h"
#include "engine/base/number.h"
#include "engine/change_log.h"
#include "engine/store.h"

namespace alai {

// A class keeps the slot that it had; a new one is given a free slot, whose figures start from 0.
void Store::GiveSlots(std::vector<KeyClass>& classes) {
  std::array<bool, KeyClasses::kClassesMax> taken{};
  std::vector<KeyClass*> fresh;
  for (KeyClass& key_class : classes) {
    const KeyClass* old =
        owned_classes_ == nullptr ? nullptr : owned_classes_->FindByName(key_class.name);
    if (old == nullptr) {
      fresh.push_back(&key_class);
      continue;
    }
    key_class.slot = old->slot;
    taken[old->slot] = true;
  }
  for (KeyClass* key_class : fresh) {
    const auto slot = std::find(taken.begin(), taken.end(), false) - taken.begin();
    key_class->slot = static_cast<uint8_t>(slot);
    taken[key_class->slot] = true;
    class_eras_[key_class->slot].fetch_add(1, std::memory_order_relaxed);
  }
}

void Store::SetKeyClasses(StoreThread& thread, std::vector<KeyClass> classes) {
  ASSERT(classes.size() <= KeyClasses::kClassesMax);
  GiveSlots(classes);
  std::unique_ptr<const KeyClasses> fresh;
  if (!classes.empty()) fresh = std::make_unique<const KeyClasses>(std::move(classes));
  // First the counts, which refer to the set.
  for (uint32_t i = 0; i < shard_count_; ++i) shards_[i].SetClasses(thread, fresh.get());
  key_classes_.store(fresh.get(), std::memory_order_release);
  std::swap(owned_classes_, fresh);
  const uint64_t epoch = reclaimer_.EpochAfterUnlinking();
  std::erase_if(old_classes_, [epoch](const OldClasses& old) { return old.epoch + 2 <= epoch; });
  if (fresh != nullptr) old_classes_.push_back({std::move(fresh), epoch});
  const uint64_t changes = class_changes_.fetch_add(1, std::memory_order_acq_rel) + 1;
  // Without classes there is nothing to count.
  if (owned_classes_ == nullptr) {
    class_changes_counted_.store(changes, std::memory_order_release);
  }
}

bool Store::ClassWork(StoreThread& thread, UnixMillis now, int64_t budget_ns) {
  const bool counting = counting_classes();
  // A purge goes on when its class has gone.
  if (!counting && !purge_.pending()) [[likely]]
    return false;
  const int64_t until_ns = clock_.MonotonicNanos() + budget_ns;
  if (counting && CountByClass(until_ns)) return true;
  return purge_.Step(thread, now, std::max<int64_t>(until_ns - clock_.MonotonicNanos(), 0));
}

// Goes round over the shards; one round without anything left to count is the end. Should classes change during
// the round, it has counted for those before, and another follows.
bool Store::CountByClass(int64_t until_ns) {
  std::unique_lock guard(counting_mutex_, std::try_to_lock);
  if (!guard.owns_lock()) return false;
  uint64_t changes_counted = class_changes_counted_.load(std::memory_order_acquire);
  const uint64_t changes = class_changes_.load(std::memory_order_acquire);
  uint32_t counted = 0;
  while (counted < shard_count_) {
    Shard& shard = shards_[counting_shard_];
    bool more = false;
    bool busy = !shard.lock.TryLock();
    for (int db = 0; !busy && db < databases_; ++db) {
      Table* table = shard.table(db);
      if (table != nullptr) more = shard.CountSegmentByClass(*table, counting_shard_) || more;
    }
    if (!busy) shard.lock.Unlock();
    if (more || busy) {
      counted = 0;
    } else {
      ++counted;
      counting_shard_ = (counting_shard_ + 1) % shard_count_;
    }
    if (clock_.MonotonicNanos() >= until_ns && counted < shard_count_) return true;
  }
  // Unless all classes have gone during the round, which has settled more changes than this one.
  class_changes_counted_.compare_exchange_strong(changes_counted, changes,
                                                 std::memory_order_acq_rel);
  return counting_classes();
}

void Store::CountClass(StoreThread& thread, std::string_view key, ClassFigures::Count count) {
  const KeyClasses* classes = key_classes();
  const KeyClass* key_class = classes == nullptr ? nullptr : classes->Find(key);
  if (key_class != nullptr) FiguresOf(thread, key_class->slot).counts[count].Add();
}

void Store::SumClass(uint32_t slot, ClassTotals* totals) const {
  const uint32_t era = class_eras_[slot].load(std::memory_order_relaxed);
  reclaimer_.ForEachThread([&](const StoreThread& thread) {
    const ClassFigures* figures = thread.class_figures.Find(slot, era);
    if (figures == nullptr) return;
    for (size_t i = 0; i < totals->counts.size(); ++i) {
      totals->counts[i] += figures->counts[i].Get();
    }
    totals->read_nanos.Merge(figures->read_nanos);
  });
  for (uint32_t i = 0; i < shard_count_; ++i) {
    for (int db = 0; db < databases_; ++db) {
      const Table* table = shards_[i].table(db);
      const ClassCensus* census = table == nullptr ? nullptr : table->census();
      if (census == nullptr || slot >= census->slots()) continue;
      totals->keys += census->figures(slot).keys.Get();
      totals->bytes += census->figures(slot).bytes.Get();
    }
  }
  totals->counting = counting_classes();
}

void Store::ResetClassFigures() {
  for (std::atomic<uint32_t>& era : class_eras_) era.fetch_add(1, std::memory_order_relaxed);
}

void Store::RenewSeenSliding(StoreThread& thread, uint32_t count, UnixMillis now) {
  // As for removals: not on a replica, nor while writes are paused.
  if (!may_remove_expired()) return;
  for (uint32_t i = 0; i < count; ++i) {
    const StoreThread::SeenSliding& seen = thread.seen_sliding()[i];
    if (!MayWrite(seen.record->key().size() + kEffectOverhead)) return;
    ShardLock& lock = LockOf(seen.hash);
    if (!lock.TryLockOnce()) continue;
    RenewOne(thread, seen, now);
    lock.Unlock();
  }
}

// The record is judged again, as what a client has done to it since stands, and passed over when another
// has taken its place, this command's own perhaps: that one was not read. It keeps its generation, as it was
// not written.
void Store::RenewOne(StoreThread& thread, const StoreThread::SeenSliding& seen, UnixMillis now) {
  Shard& shard = shards_[ShardIndex(seen.hash)];
  Table* table = shard.table(seen.db);
  if (table == nullptr) return;
  const KeyView key = {seen.record->key(), seen.hash};
  const SlotPlace place = shard.Locate(*table, key);
  if (!place || place.word().record() != seen.record) return;
  Record* record = place.word().record();
  const KeyClass* key_class = key_classes() == nullptr ? nullptr : key_classes()->Find(key.bytes);
  if (key_class == nullptr) return;
  if (Expired(*record, now) || !key_class->MayRenew(*record, now)) return;
  const UnixMillis deadline = key_class->RenewedDeadline(now);
  if (!record->CanHoldDeadline(deadline)) return;
  if (change_log_ != nullptr) {
    char digits[kInt64CharsMax];
    const std::string_view command[] = {
        "PEXPIREAT", key.bytes, {digits, FormatInt64(deadline, digits)}, "GT"};
    change_log_->Append(seen.db, command);
  }
  Shard::PutOffDeadline(*table, record, deadline);
  FiguresOf(thread, key_class->slot).counts[ClassFigures::kRenewed].Add();
}

}  // namespace alai
