#include "engine/db.h"

#include <algorithm>

#include "engine/access_clock.h"
#include "engine/base/assert.h"
#include "engine/change_log.h"
#include "engine/containers/container.h"
#include "engine/frequency_sketch.h"
#include "engine/key_events.h"
#include "engine/miss_source.h"
#include "engine/store.h"

namespace alai {

inline void Db::Touch(KeyView key, const Record* record) const {
  if (store_.sketch() != nullptr || store_.access_clock() != AccessClock::kLru) [[unlikely]]
    return TouchFrequency(key, record);
  if (record != nullptr) record->set_access(LruClock(now_));
}

// Keys that are missing count as well: the ones that are asked for again are worth keeping.
[[gnu::noinline]] void Db::TouchFrequency(KeyView key, const Record* record) const {
  if (FrequencySketch* sketch = store_.sketch()) sketch->Count(key.hash, thread_.sketch_uses());
  if (record == nullptr) return;
  if (store_.access_clock() == AccessClock::kLru) {
    record->set_access(LruClock(now_));
    return;
  }
  record->set_access(
      LfuTouched(record->access(), now_, store_.lfu_log_factor.load(std::memory_order_relaxed),
                 store_.lfu_decay_time.load(std::memory_order_relaxed), thread_.random()));
}

Record* Db::Find(KeyView key, Lookup lookup) {
  Shard& shard = store_.shards_[store_.ShardIndex(key.hash)];
  Table* table = shard.table(index_);
  Record* record = table == nullptr ? nullptr : table->Find(key);
  if (record != nullptr && store_.Expired(*record, now_)) {
    MeetExpired(shard, *table, key);
    record = nullptr;
  } else if (record != nullptr && record->read_under_lock()) {
    tally_.needs_lock = true;
    if (access_ == Access::kOptimistic) return nullptr;
  }
  if (tally_.read_through) [[unlikely]]
    record = AskOrigin(key, record);
  // Who looks for a key in order to write changes what is known of it, whatever becomes of the write.
  if (lookup == Lookup::kWrite && access_ == Access::kLocked && !tally_.read_through) {
    WipeMark(shard, key);
  }
  if (lookup == Lookup::kUse) {
    ++(record != nullptr ? tally_.hits : tally_.misses);
    if (record == nullptr && access_ == Access::kLocked) {
      Notify(KeyEventClass::kMiss, "keymiss", key);
    }
  }
  if (lookup == Lookup::kUse && store_.key_classes() != nullptr) [[unlikely]]
    NoteClassUse(key, record);
  if (lookup != Lookup::kPeek && !tally_.no_touch) Touch(key, record);
  return record;
}

// A value that is too old to be served is as good as missing, unless there is nothing better.
[[gnu::noinline]] Record* Db::AskOrigin(KeyView key, Record* record) {
  MissSource* source = store_.miss_source();
  if (source == nullptr) return record;
  const OriginUse::Met met = source->Judge(index_, key, record, now_);
  if (met.rule == nullptr) return record;
  std::vector<OriginUse>& uses = thread_.origin_uses();
  if (tally_.origin_uses++ == 0) uses.clear();
  OriginUse& use = uses.emplace_back();
  use.met = met;
  if (met.kind == OriginUse::Kind::kHit) return record;
  use.db = index_;
  use.hash = key.hash;
  use.key = key.bytes;
  if (met.kind == OriginUse::Kind::kLate || tally_.origin_settled) return record;
  ++tally_.origin_wants;
  return nullptr;
}

inline void Db::WipeMark(Shard& shard, KeyView key) {
  if (shard.marks.any()) [[unlikely]]
    shard.marks.Wipe(index_, key);
}

inline void Db::NoteWrite(Shard& shard, KeyView key) {
  WipeMark(shard, key);
  if (shard.watches.any()) [[unlikely]]
    shard.watches.Written(index_, key);
}

Record* Db::FindEvenOver(KeyView key, bool* over) {
  DASSERT(access_ == Access::kLocked);
  const Table* table = store_.shards_[store_.ShardIndex(key.hash)].table(index_);
  Record* record = table == nullptr ? nullptr : table->Find(key);
  *over = record != nullptr && store_.Expired(*record, now_);
  if (!tally_.no_touch) Touch(key, *over ? nullptr : record);
  return record;
}

void Db::Revive(KeyView key) {
  if (!store_.may_remove_expired()) return;
  Notify(KeyEventClass::kExpired, "expired", key);
  store_.CountExpired(thread_, key.bytes);
}

[[gnu::noinline, gnu::cold]] void Db::MeetExpired(Shard& shard, Table& table, KeyView key) {
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

Db::PutOutcome Db::Put(KeyView key, const Record::Draft& draft) {
  DASSERT(access_ == Access::kLocked);
  if (store_.key_classes() != nullptr && draft.deadline == kNoDeadline) [[unlikely]] {
    return Publish(key, CreateWithClassDeadline(key, draft));
  }
  return Publish(key, Record::Create(draft));
}

[[gnu::noinline]] Record* Db::CreateWithClassDeadline(KeyView key, Record::Draft draft) {
  draft.deadline = ClassDeadline(key);
  if (draft.deadline != kNoDeadline) LogClassDeadline(key, draft.deadline);
  return Record::Create(draft);
}

inline Db::PutOutcome Db::Publish(KeyView key, Record* fresh) {
  Shard& shard = store_.shards_[store_.ShardIndex(key.hash)];
  Table* table = shard.table(index_);
  if (table == nullptr) table = &shard.MakeTable(index_);
  fresh->set_generation(store_.generation());
  NoteWrite(shard, key);
  if (shard.waiters.any()) [[unlikely]]
    NoteReady(key);
  const bool lru = store_.access_clock() == AccessClock::kLru;
  fresh->set_access(lru ? LruClock(now_) : LfuNew(now_));
  const SlotPlace place = shard.Locate(*table, key);
  if (!place) {
    shard.Insert(thread_, *table, key, fresh);
    return {fresh, false};
  }
  const Record& old = *place.word().record();
  // A key keeps its frequency when its value is replaced.
  if (!lru) fresh->set_access(old.access());
  const bool live = !store_.Expired(old, now_);
  if (!live) [[unlikely]]
    Revive(key);
  shard.Replace(thread_, *table, key, place, fresh);
  return {fresh, live};
}

bool Db::Erase(KeyView key, FreeCause cause) {
  DASSERT(access_ == Access::kLocked);
  Shard& shard = store_.shards_[store_.ShardIndex(key.hash)];
  NoteWrite(shard, key);
  Table* table = shard.table(index_);
  if (table == nullptr) return false;
  const SlotPlace place = shard.Locate(*table, key);
  if (!place) return false;
  if (store_.Expired(*place.word().record(), now_)) {
    MeetExpired(shard, *table, key);
    return false;
  }
  LogEffect({"DEL", key.bytes});
  shard.Remove(thread_, *table, place, cause);
  if (shard.waiters.any_minds_absence()) [[unlikely]]
    NoteReady(key);
  if (place.bucket->Empty()) [[unlikely]]
    shard.ShrinkIfSparse(thread_, *table, key.hash);
  return true;
}

Record* Db::SetDeadline(KeyView key, Record* record, UnixMillis deadline) {
  DASSERT(access_ == Access::kLocked);
  // Of any class, or none: the key may be renamed into one that slides, or its class begin to.
  const bool has_classes = store_.key_classes() != nullptr;
  const bool pinned = (has_classes && deadline != kNoDeadline) || record->from_origin();
  if (record->deadline() == deadline && record->pinned() == pinned) return record;
  if (logs_changes()) {
    if (deadline == kNoDeadline) {
      LogEffect({"PERSIST", key.bytes});
    } else {
      LogEffect({"PEXPIREAT", key.bytes, std::to_string(deadline)});
    }
  }
  if (deadline != kNoDeadline && record->CanHoldDeadline(deadline) && record->pinned() == pinned) {
    MoveDeadline(key, record, deadline);
    return record;
  }
  return ReplaceDeadline(key, record, deadline, pinned, record->from_origin());
}

void Db::Hasten(KeyView key, Record* record, UnixMillis deadline) {
  DASSERT(access_ == Access::kLocked && record->from_origin());
  const bool sooner = deadline < record->deadline();
  if (!sooner && !record->pinned()) return;
  if (sooner) LogEffect({"PEXPIREAT", key.bytes, std::to_string(deadline)});
  ReplaceDeadline(key, record, std::min(deadline, record->deadline()), false, true);
}

Record* Db::ReplaceDeadline(KeyView key, Record* record, UnixMillis deadline, bool pinned,
                            bool from_origin) {
  Shard& shard = store_.shards_[store_.ShardIndex(key.hash)];
  Table& table = *shard.table(index_);
  const SlotPlace place = shard.Locate(table, key);
  DASSERT(place && place.word().record() == record);
  NoteWrite(shard, key);
  Record* fresh = record->CopyWithDeadline(deadline, pinned, from_origin);
  Stamp(fresh);
  shard.Replace(thread_, table, key, place, fresh);
  return fresh;
}

void Db::MoveDeadline(KeyView key, Record* record, UnixMillis deadline) {
  DASSERT(access_ == Access::kLocked && record->CanHoldDeadline(deadline));
  Shard& shard = store_.shards_[store_.ShardIndex(key.hash)];
  Table& table = *shard.table(index_);
  NoteWrite(shard, key);
  Stamp(record);
  if (deadline >= record->deadline()) return Shard::PutOffDeadline(table, record, deadline);
  const SlotPlace place = shard.Locate(table, key);
  DASSERT(place && place.word().record() == record);
  shard.ChangeDeadline(table, key, place, deadline);
}

void Db::Stamp(Record* record) { record->set_generation(store_.generation()); }

void Db::Changed(KeyView key, Record* record) {
  Stamp(record);
  NoteWrite(store_.shards_[store_.ShardIndex(key.hash)], key);
  if (record->from_origin()) [[unlikely]]
    record = ReplaceDeadline(key, record, record->deadline(), record->pinned());
  if (store_.key_classes() == nullptr || record->has_deadline()) [[likely]]
    return;
  const UnixMillis deadline = ClassDeadline(key);
  if (deadline == kNoDeadline) return;
  LogClassDeadline(key, deadline);
  ReplaceDeadline(key, record, deadline, false);
}

void Db::ContainerChanged(KeyView key, Record* record, size_t bytes_before) {
  if (store_.shards_[store_.ShardIndex(key.hash)].waiters.any()) [[unlikely]]
    NoteReady(key);
  ContainerChangedQuietly(key, record, bytes_before);
}

void Db::ContainerChangedQuietly(KeyView key, Record* record, size_t bytes_before) {
  const size_t bytes = record->container()->allocated_bytes();
  if (bytes != bytes_before) {
    Table& table = *store_.shards_[store_.ShardIndex(key.hash)].table(index_);
    table.CountGrown(*record, static_cast<int64_t>(bytes) - static_cast<int64_t>(bytes_before));
  }
  Changed(key, record);
}

void Db::PartsChanged(KeyView key) {
  Shard& shard = store_.shards_[store_.ShardIndex(key.hash)];
  Table& table = *shard.table(index_);
  shard.PartsChanged(table, key, shard.Locate(table, key));
}

[[gnu::noinline, gnu::cold]] void Db::NoteReady(KeyView key) {
  store_.NoteReady(thread_, store_.shards_[store_.ShardIndex(key.hash)], index_, key.bytes);
}

const KeyClass* Db::ClassOf(KeyView key) const {
  const KeyClasses* classes = store_.key_classes();
  if (classes == nullptr) [[likely]]
    return nullptr;
  return classes->Find(key.bytes);
}

UnixMillis Db::ClassDeadline(KeyView key) const {
  const KeyClass* key_class = ClassOf(key);
  return key_class == nullptr || key_class->ttl_ms == 0 ? kNoDeadline : now_ + key_class->ttl_ms;
}

void Db::LogClassDeadline(KeyView key, UnixMillis deadline) {
  if (logs_changes()) LogEffect({"PEXPIREAT", key.bytes, std::to_string(deadline), "NX"});
}

// A lookup that counts as a use of a key, when there are classes. Whether a deadline is put off is
// decided again when the command is done.
[[gnu::noinline]] void Db::NoteClassUse(KeyView key, const Record* record) {
  const KeyClass* key_class = ClassOf(key);
  if (key_class == nullptr) return;
  std::vector<StoreThread::ClassUse>& uses = thread_.class_uses();
  if (tally_.class_uses++ == 0) uses.clear();
  uses.push_back({key_class->slot, record != nullptr});
  if (record == nullptr || !key_class->MayRenew(*record, now_)) return;
  // More than this in one command keep the deadlines that they have.
  constexpr uint32_t kSlidingSeenMax = 65'536;
  if (tally_.sliding_seen == kSlidingSeenMax) return;
  std::vector<StoreThread::SeenSliding>& seen = thread_.seen_sliding();
  if (tally_.sliding_seen++ == 0) seen.clear();
  seen.push_back({index_, key.hash, record});
}

bool Db::logs_changes() const { return store_.change_log() != nullptr; }

bool Db::ReserveLog(size_t effect_bytes) {
  ChangeLog* log = store_.change_log();
  if (log == nullptr || log->Reserve(effect_bytes)) return true;
  tally_.lacks_log_space = true;
  return false;
}

void Db::LogEffect(std::span<const std::string_view> command) {
  if (ChangeLog* log = store_.change_log()) log->Append(index_, command);
}

void Db::Notify(KeyEventClass event_class, std::string_view name, KeyView key) {
  if (KeyEventSink* sink = store_.key_events()) sink->OnKeyEvent(event_class, name, index_, key);
}

}  // namespace alai
