#include "engine/db.h"

#include "engine/access_clock.h"
#include "engine/base/assert.h"
#include "engine/change_log.h"
#include "engine/key_events.h"
#include "engine/store.h"

namespace alai {

Record* Db::Find(KeyView key, Lookup lookup) {
  Shard& shard = store_.shards_[store_.ShardIndex(key.hash)];
  Table* table = shard.table(index_);
  Record* record = table == nullptr ? nullptr : table->Find(key);
  if (record != nullptr && store_.Expired(*record, now_)) {
    MeetExpired(shard, *table, key);
    record = nullptr;
  } else if (record != nullptr && record->read_under_lock() && access_ == Access::kOptimistic) {
    tally_.needs_lock = true;
    return nullptr;
  }
  if (lookup == Lookup::kUse) {
    ++(record != nullptr ? tally_.hits : tally_.misses);
    if (record == nullptr && access_ == Access::kLocked) {
      Notify(KeyEventClass::kMiss, "keymiss", key);
    }
  }
  if (record != nullptr && lookup != Lookup::kPeek && !tally_.no_touch) Touch(*record);
  return record;
}

void Db::MeetExpired(Shard& shard, Table& table, KeyView key) {
  if (!store_.may_remove_expired()) return;
  if (access_ == Access::kLocked) {
    if (const SlotPlace place = shard.Locate(table, key)) {
      store_.Expire(thread_, shard, table, place);
      if (place.bucket->Empty()) shard.ShrinkIfSparse(thread_, table, key.hash);
    }
    return;
  }
  // More than this in one turn are left to the sweep.
  constexpr size_t kSeenMax = 64;
  tally_.saw_expired = true;
  auto& seen = thread_.seen_expired();
  if (seen.size() < kSeenMax) seen.push_back({index_, key.hash, std::string(key.bytes)});
}

void Db::Touch(const Record& record) const {
  if (store_.access_clock() == AccessClock::kLru) {
    record.set_access(LruClock(now_));
    return;
  }
  record.set_access(
      LfuTouched(record.access(), now_, store_.lfu_log_factor.load(std::memory_order_relaxed),
                 store_.lfu_decay_time.load(std::memory_order_relaxed), thread_.random()));
}

bool Db::Put(KeyView key, Record* fresh) {
  DASSERT(access_ == Access::kLocked);
  Shard& shard = store_.shards_[store_.ShardIndex(key.hash)];
  Table* table = shard.table(index_);
  if (table == nullptr) table = &shard.MakeTable(index_);
  fresh->set_generation(store_.generation());
  const bool lru = store_.access_clock() == AccessClock::kLru;
  fresh->set_access(lru ? LruClock(now_) : LfuNew(now_));
  const SlotPlace place = shard.Locate(*table, key);
  if (!place) {
    shard.Insert(thread_, *table, key, fresh);
    return false;
  }
  const Record& old = *place.word().record();
  // A key keeps its frequency when its value is replaced.
  if (!lru) fresh->set_access(old.access());
  const bool live = !store_.Expired(old, now_);
  if (!live && store_.may_remove_expired()) [[unlikely]] {
    // No DEL is logged: what the caller has logged replaces the key.
    Notify(KeyEventClass::kExpired, "expired", key);
    thread_.expired.Add();
  }
  shard.Replace(thread_, *table, key, place, fresh);
  return live;
}

bool Db::Erase(KeyView key) {
  DASSERT(access_ == Access::kLocked);
  Shard& shard = store_.shards_[store_.ShardIndex(key.hash)];
  Table* table = shard.table(index_);
  if (table == nullptr) return false;
  const SlotPlace place = shard.Locate(*table, key);
  if (!place) return false;
  if (store_.Expired(*place.word().record(), now_)) {
    MeetExpired(shard, *table, key);
    return false;
  }
  LogEffect({"DEL", key.bytes});
  shard.Remove(thread_, *table, place);
  if (place.bucket->Empty()) [[unlikely]]
    shard.ShrinkIfSparse(thread_, *table, key.hash);
  return true;
}

Record* Db::SetDeadline(KeyView key, Record* record, UnixMillis deadline) {
  DASSERT(access_ == Access::kLocked);
  if (record->deadline() == deadline) return record;
  if (logs_changes()) {
    if (deadline == kNoDeadline) {
      LogEffect({"PERSIST", key.bytes});
    } else {
      LogEffect({"PEXPIREAT", key.bytes, std::to_string(deadline)});
    }
  }
  if (deadline != kNoDeadline && record->CanHoldDeadline(deadline)) {
    MoveDeadline(key, record, deadline);
    return record;
  }
  Shard& shard = store_.shards_[store_.ShardIndex(key.hash)];
  Table& table = *shard.table(index_);
  const SlotPlace place = shard.Locate(table, key);
  DASSERT(place && place.word().record() == record);
  Record* fresh = record->CopyWithDeadline(deadline);
  fresh->set_generation(store_.generation());
  shard.Replace(thread_, table, key, place, fresh);
  return fresh;
}

void Db::MoveDeadline(KeyView key, Record* record, UnixMillis deadline) {
  DASSERT(access_ == Access::kLocked && record->CanHoldDeadline(deadline));
  Shard& shard = store_.shards_[store_.ShardIndex(key.hash)];
  Table& table = *shard.table(index_);
  const SlotPlace place = shard.Locate(table, key);
  DASSERT(place && place.word().record() == record);
  Changed(record);
  shard.ChangeDeadline(table, key, place, deadline);
}

void Db::Changed(Record* record) { record->set_generation(store_.generation()); }

bool Db::logs_changes() const { return store_.change_log() != nullptr; }

void Db::LogEffect(std::initializer_list<std::string_view> command) {
  if (ChangeLog* log = store_.change_log()) {
    log->Append(index_, std::span<const std::string_view>(command.begin(), command.size()));
  }
}

void Db::Notify(KeyEventClass event_class, std::string_view name, KeyView key) {
  if (KeyEventSink* sink = store_.key_events()) sink->OnKeyEvent(event_class, name, index_, key);
}

}  // namespace alai
