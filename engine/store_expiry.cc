// How keys leave the store when their time has come: met by a command, or found by the sweep.
#include <algorithm>

#include "engine/change_log.h"
#include "engine/key_events.h"
#include "engine/store.h"
#include "engine/token_bucket.h"

namespace alai {
namespace {

// A clock that went back further than this rebases the wheels; less is waited for.
constexpr int64_t kBackwardStepMillis = 1000;
// How many stale wheel slots one visit to a shard cleans.
constexpr int kPurgeStepsPerVisit = 16;

}  // namespace

bool Store::TokenBucketExpired(const Record& record) const {
  const UnixMillis full_at = FullAtMillis(record.integer());
  return record.deadline() != full_at || full_at <= steady_time_.Millis();
}

void Store::Drop(StoreThread& thread, Shard& shard, Table& table, SlotPlace place,
                 KeyEventClass event_class, std::string_view event, FreeCause cause) {
  const std::string_view key = place.word().record()->key();
  if (change_log_ != nullptr) {
    const std::string_view command[] = {"DEL", key};
    change_log_->Append(table.db(), command);
  }
  if (key_events_ != nullptr) {
    key_events_->OnKeyEvent(event_class, event, table.db(), MakeKey(key));
  }
  shard.Remove(thread, table, place, cause);
  if (shard.waiters.any_minds_absence()) [[unlikely]]
    NoteReady(thread, shard, table.db(), key);
}

void Store::Expire(StoreThread& thread, Shard& shard, Table& table, SlotPlace place) {
  CountExpired(thread, place.word().record()->key());
  Drop(thread, shard, table, place, KeyEventClass::kExpired, "expired", FreeCause::kExpired);
}

void Store::RemoveSeenExpired(StoreThread& thread, UnixMillis now) {
  if (may_remove_expired()) {
    for (const StoreThread::SeenExpired& seen : thread.seen_expired()) {
      Shard& shard = shards_[ShardIndex(seen.hash)];
      if (!shard.lock.TryLockOnce()) continue;
      if (Table* table = shard.table(seen.db)) {
        const SlotPlace place = shard.Locate(*table, {seen.key, seen.hash});
        if (place && Expired(*place.word().record(), now)) {
          Expire(thread, shard, *table, place);
          if (place.bucket->Empty()) shard.ShrinkIfSparse(thread, *table, seen.hash);
        }
      }
      ServeWaiters(thread, now, ShardIndex(seen.hash));
      shard.lock.Unlock();
    }
  }
  thread.seen_expired().clear();
}

SweepResult Store::Sweep(StoreThread& thread, UnixMillis now, int64_t budget_ns) {
  SweepResult result;
  if (!active_expiry_.load(std::memory_order_relaxed) || !may_remove_expired()) return result;
  // What it removes would have to wait, too.
  if (reclaimer_.congested()) return result;
  const int64_t until_ns = clock_.MonotonicNanos() + budget_ns;
  for (uint32_t visited = 0; visited < shard_count_; ++visited) {
    const uint32_t i = sweep_cursor_.fetch_add(1, std::memory_order_relaxed) & (shard_count_ - 1);
    Shard& shard = shards_[i];
    if (!shard.has_deadlines()) continue;
    // Another thread was here within this tick.
    const UnixMillis swept_at = shard.swept_at.load(std::memory_order_relaxed);
    if (swept_at <= now && now - swept_at < Wheel::kTickMillis) continue;
    bool more = false;
    result.removed += SweepShard(thread, shard, now, until_ns, &more);
    if (more) {
      result.more = true;
      sweep_cursor_.store(i, std::memory_order_relaxed);
      break;
    }
  }
  return result;
}

uint64_t Store::SweepShard(StoreThread& thread, Shard& shard, UnixMillis now, int64_t until_ns,
                           bool* more) {
  uint64_t removed = 0;
  std::vector<Shard::DueBucket>& due = thread.due_scratch();
  for (;;) {
    if (!shard.lock.TryLockOnce()) return removed;
    if (now + kBackwardStepMillis < shard.wheel_time || shard.wheel()->NearsItsEnd()) {
      shard.RebaseWheel(now);
    }
    for (int i = 0; i < kPurgeStepsPerVisit && shard.wheel_is_bloated(); ++i) {
      shard.PurgeWheelStep();
    }
    const bool any = shard.TakeDue(now, &due);
    Emptied emptied;
    for (const Shard::DueBucket& bucket : due) {
      removed += ExpireDue(thread, shard, bucket, now, &emptied);
    }
    // Not before: the buckets that are due may be those of the segments that become smaller.
    for (uint32_t i = 0; i < emptied.count; ++i) {
      shard.ShrinkIfSparse(thread, *emptied.tables[i], emptied.hashes[i]);
    }
    shard.wheel_bytes.Set(shard.wheel()->allocated_bytes());
    if (!any && !shard.wheel_is_bloated()) shard.swept_at.store(now, std::memory_order_relaxed);
    const bool done = !any;
    ServeWaiters(thread, now, static_cast<uint32_t>(&shard - shards_.get()));
    shard.lock.Unlock();
    if (done) return removed;
    if (clock_.MonotonicNanos() >= until_ns) {
      *more = true;
      return removed;
    }
  }
}

// Gives whether that was all of the record, which is gone then; `more` when other parts are due as well.
bool Store::ExpireParts(StoreThread& thread, Shard& shard, Table& table, SlotPlace place,
                        UnixMillis now, bool* more) {
  // As long as nobody minds the shard to be locked for; the sweep comes back to the rest.
  constexpr size_t kPartsAtOnce = 1024;
  Record* record = place.word().record();
  Container& container = *record->container();
  const std::string_view key = record->key();
  const size_t before = container.allocated_bytes();
  std::vector<std::string> names;
  container.TakeDue(now, kPartsAtOnce,
                    [&names](std::string_view name) { names.emplace_back(name); });
  if (names.empty()) return false;
  if (change_log_ != nullptr) {
    std::vector<std::string_view> command = {"HDEL", key};
    command.insert(command.end(), names.begin(), names.end());
    change_log_->Append(table.db(), command);
  }
  if (key_events_ != nullptr) {
    key_events_->OnKeyEvent(KeyEventClass::kHash, "hexpired", table.db(), MakeKey(key));
  }
  thread.expired_parts.Add(names.size());
  table.CountGrown(
      *record, static_cast<int64_t>(container.allocated_bytes()) - static_cast<int64_t>(before));
  if (container.EarliestDeadline() <= now) *more = true;
  if (!container.empty()) return false;
  if (key_events_ != nullptr) {
    key_events_->OnKeyEvent(KeyEventClass::kGeneric, "del", table.db(), MakeKey(key));
  }
  shard.Remove(thread, table, place, FreeCause::kExpired);
  return true;
}

uint64_t Store::ExpireDue(StoreThread& thread, Shard& shard, const Shard::DueBucket& due,
                          UnixMillis now, Emptied* emptied) {
  // A second entry for the same bucket finds it armed for later.
  if (!shard.StillDue(due)) return 0;
  uint64_t removed = 0;
  std::string_view last;  // retired, but still there
  bool more_parts = false;
  const auto expire_parts = [&](SlotPlace place) {
    if (place.word().record()->earliest_due() > now) return;
    if (ExpireParts(thread, shard, *due.table, place, now, &more_parts)) ++removed;
  };
  const auto expire_slots = [&](Bucket& bucket, bool all) {
    for (uint32_t j = 0; j < kSlots; ++j) {
      const SlotWord word = bucket.Load(j);
      if (!word.comes_due()) continue;
      if (!all && HomeOf(word.tag(), due.segment.count()) != due.index) continue;
      if (!Expired(*word.record(), now)) {
        last = word.record()->key();
        if (word.has_due_parts()) expire_parts({&bucket, j, due.index});
        continue;
      }
      last = word.record()->key();
      Expire(thread, shard, *due.table, {&bucket, j, due.index});
      ++removed;
    }
  };
  expire_slots(due.segment.buckets()[due.index], true);
  for (Bucket* b = due.segment.overflow(); b != nullptr; b = SegmentRef::NextOverflow(*b)) {
    expire_slots(*b, false);
  }
  shard.Rearm(due, more_parts);
  if (removed != 0 && due.segment.buckets()[due.index].Empty()) {
    emptied->tables[emptied->count] = due.table;
    emptied->hashes[emptied->count++] = Hash(last);
  }
  return removed;
}

}  // namespace alai
