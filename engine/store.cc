#include "engine/store.h"

#include <algorithm>
#include <bit>

#include "engine/base/assert.h"
#include "engine/base/memory.h"
#include "engine/change_log.h"
#include "engine/frequency_sketch.h"
#include "engine/key_events.h"

namespace alai {
namespace {

constexpr uint32_t kShardsMin = 64;
constexpr uint32_t kShardsPerWorker = 16;

uint32_t ChooseShards(const StoreOptions& options) {
  if (options.shards != 0) return std::min(std::bit_ceil(options.shards), kShardsMax);
  const auto wanted = static_cast<uint32_t>(std::max(options.workers, 1)) * kShardsPerWorker;
  return std::clamp(std::bit_ceil(wanted), kShardsMin, kShardsMax);
}

}  // namespace

Store::Store(const StoreOptions& options)
    : databases_(options.databases),
      shard_count_(ChooseShards(options)),
      shard_shift_(64 - static_cast<uint32_t>(std::countr_zero(shard_count_))),
      shards_(std::make_unique<Shard[]>(shard_count_)),
      clock_(*options.clock),
      steady_time_(clock_) {
  ASSERT(options.databases > 0 && shard_count_ > 1);
  const UnixMillis now = clock_.WallMillis();
  for (uint32_t i = 0; i < shard_count_; ++i) {
    shards_[i].Init(databases_, 64 - shard_shift_, now, steady_time_);
  }
  reclaimer_.lazy_free().Follow(&memory_limit_);
}

Store::~Store() {
  for (Detached& detached : detached_) {
    while (FreeSome(detached, INT64_MAX)) {
    }
  }
  if (FrequencySketch* sketch = this->sketch()) sketch->Delete();
  reclaimer_.lazy_free().Follow(nullptr);
}

StoreThread* Store::RegisterThread() { return reclaimer_.Register(); }

void Store::UnregisterThread(StoreThread* thread) { reclaimer_.Unregister(thread); }

void Store::PrefetchBucket(int db, uint64_t hash) const {
  const Shard& shard = shards_[ShardIndex(hash)];
  __builtin_prefetch(&shard.lock);
  const Table* table = shard.table(db);
  if (table == nullptr) return;
  __builtin_prefetch(&table->SegmentOf(hash).home(static_cast<uint16_t>(hash)));
}

void Store::PrefetchRecord(int db, uint64_t hash) const {
  const Table* table = shards_[ShardIndex(hash)].table(db);
  if (table == nullptr) return;
  const auto tag = static_cast<uint16_t>(hash);
  const SegmentRef segment = table->SegmentOf(hash);
  const Bucket& home = segment.home(tag);
  if (const TagMatches m = home.MatchTag(tag)) {
    // The header and key, and the value, which is on the second line more often than not.
    const auto* record = reinterpret_cast<const char*>(home.Load(m.slot()).record());
    __builtin_prefetch(record);
    __builtin_prefetch(record + 64);
  } else if (home.MayOverflow(tag)) {
    const uint32_t at = HomeOf(tag, segment.count());
    __builtin_prefetch(&segment.buckets()[AlternateOf(tag, segment.count(), at)]);
  }
}

void Store::PrefetchParts(int db, KeyView key, std::span<const std::string_view> names) {
  Shard& shard = shards_[ShardIndex(key.hash)];
  const Table* table = shard.table(db);
  const Record* record = table == nullptr ? nullptr : table->Find(key);
  if (record == nullptr || record->encoding() != Encoding::kContainer) return;
  if (!shard.lock.TryLockOnce()) return;
  // What was found before may have been replaced.
  table = shard.table(db);
  record = table == nullptr ? nullptr : table->Find(key);
  if (record != nullptr && record->encoding() == Encoding::kContainer) {
    record->container()->Prefetch(names);
  }
  shard.lock.UnlockUnchanged();
}

bool Store::MayWriteLogged(size_t effect_bytes) {
  if (reclaimer_.congested()) return false;
  return change_log_ == nullptr || change_log_->Reserve(effect_bytes);
}

void Store::FlushDatabase(StoreThread& thread, int db) {
  std::lock_guard guard(detached_mutex_);
  const size_t first = detached_.size();
  for (uint32_t i = 0; i < shard_count_; ++i) {
    shards_[i].marks.WipeDatabase(db);
    shards_[i].watches.DatabaseWritten(db);
    std::unique_ptr<Table> table = shards_[i].Detach(db);
    if (table == nullptr) continue;
    const uint64_t bytes = table->record_bytes.Get() + table->segment_bytes.Get();
    detached_keys_.fetch_add(table->keys.Get(), std::memory_order_relaxed);
    memory_limit_.NoteDetached(static_cast<int64_t>(bytes));
    detached_.push_back({std::move(table), 0, bytes, bytes, 0});
  }
  const uint64_t epoch = reclaimer_.EpochAfterUnlinking();
  for (size_t i = first; i < detached_.size(); ++i) detached_[i].epoch = epoch;
  if (key_events_ != nullptr) key_events_->OnDatabaseReplaced(db);
}

void Store::SwapDatabases(int a, int b) {
  for (uint32_t i = 0; i < shard_count_; ++i) {
    for (const int db : {a, b}) {
      shards_[i].marks.WipeDatabase(db);
      shards_[i].watches.DatabaseWritten(db);
    }
    shards_[i].SwapTables(a, b);
  }
  purge_.Restart();
  if (key_events_ == nullptr) return;
  key_events_->OnDatabaseReplaced(a);
  key_events_->OnDatabaseReplaced(b);
}

void Store::ServeWaiters(StoreThread& thread, Tally& tally, UnixMillis now,
                         const HeldShards& held) {
  thread.served_next().clear();
  std::vector<StoreThread::ReadyKey>& ready = thread.ready_keys();
  for (size_t i = 0; i < ready.size(); ++i) {
    const StoreThread::ReadyKey next = std::move(ready[i]);
    const KeyView key = MakeKey(next.key);
    ASSERT(held.Contains(ShardIndex(key.hash)));
    Db db(*this, thread, tally, next.db, Access::kLocked, now);
    shards_[ShardIndex(key.hash)].waiters.Serve(db, key, held);
  }
  ready.clear();
}

void Store::ServeNext(StoreThread& thread, Tally& tally, UnixMillis now) {
  constexpr int kTries = 64;
  const auto ignore = [](void*) {};
  while (!thread.served_next().empty()) {
    for (const StoreThread::NextWaiter& next : std::exchange(thread.served_next(), {})) {
      LockRequest request(*this, ignore, nullptr);
      request.shards().Add(ShardIndex(Hash(next.key)));
      next.waiter->AddShards(*this, request.shards());
      bool locked = request.Acquire();
      for (int tries = 1; !locked && tries < kTries; ++tries) {
        request.Cancel();
        locked = request.Acquire();
      }
      if (!locked) continue;
      thread.ready_keys().push_back({next.db, next.key});
      ServeWaiters(thread, tally, now, HeldByRequest(request));
    }
  }
}

void Store::ServeWaiters(StoreThread& thread, UnixMillis now, uint32_t shard) {
  if (thread.ready_keys().empty()) return;
  Tally tally;
  ServeWaiters(thread, tally, now, OneShard(shard));
}

void Store::NoteReady(StoreThread& thread, Shard& shard, int db, std::string_view key) {
  if (shard.waiters.HasQueue(db, key)) thread.ready_keys().push_back({db, std::string(key)});
}

void Store::NoteAllReady(StoreThread& thread, int db) {
  for (uint32_t i = 0; i < shard_count_; ++i) {
    if (!shards_[i].waiters.any()) continue;
    shards_[i].waiters.ForEachKey(db, [&](const std::string& key) {
      thread.ready_keys().push_back({db, key});
    });
  }
}

bool Store::FreeDetached(StoreThread& thread, int64_t budget_ns) {
  const int64_t until_ns = clock_.MonotonicNanos() + budget_ns;
  const bool more = FreeDetachedTable(until_ns);
  return reclaimer_.lazy_free().FreeSome(clock_, until_ns) || more;
}

bool Store::FreeDetachedTable(int64_t until_ns) {
  Detached detached;
  {
    std::lock_guard guard(detached_mutex_);
    if (detached_.empty()) return false;
    // Two epochs further than at the flush, and the caller's own announcements make it advance.
    if (detached_.back().epoch + 2 > reclaimer_.TryAdvance()) return true;
    detached = std::move(detached_.back());
    detached_.pop_back();
  }
  const uint64_t keys = detached.table->keys.Get();
  const bool more = FreeSome(detached, until_ns);
  const uint64_t left = more ? detached.BytesLeft() : 0;
  memory_limit_.NoteDetached(-static_cast<int64_t>(std::exchange(detached.waiting, left) - left));
  std::lock_guard guard(detached_mutex_);
  if (more) {
    detached_.push_back(std::move(detached));
  } else {
    detached_keys_.fetch_sub(keys, std::memory_order_release);
  }
  return more || !detached_.empty();
}

// Frees segments of a table nobody can see until the time is over; true when some are left.
bool Store::FreeSome(Detached& detached, int64_t until_ns) {
  Directory* directory = detached.table->directory();
  uint32_t& i = detached.next_entry;
  while (i < directory->size()) {
    const SegmentRef segment = directory->segment(i);
    DeleteSegmentAndRecords(segment);
    i += 1u << (directory->depth() - segment.depth());
    if (until_ns != INT64_MAX && clock_.MonotonicNanos() >= until_ns) break;
  }
  return i < directory->size();
}

DatabaseStats Store::StatsOf(int db, UnixMillis now) const {
  DatabaseStats stats;
  uint64_t deadline_sum = 0;
  for (uint32_t i = 0; i < shard_count_; ++i) {
    const Table* table = shards_[i].table(db);
    if (table == nullptr) continue;
    stats.keys += table->keys.Get();
    stats.expires += table->expires.Get();
    deadline_sum += table->deadline_sum.Get();
  }
  if (stats.expires != 0) {
    stats.avg_ttl_ms =
        std::max<int64_t>(static_cast<int64_t>(deadline_sum / stats.expires) - now, 0);
  }
  return stats;
}

uint64_t Store::KeyCount(int db) const {
  uint64_t keys = 0;
  for (uint32_t i = 0; i < shard_count_; ++i) {
    if (const Table* table = shards_[i].table(db)) keys += table->keys.Get();
  }
  return keys;
}

MemoryStats Store::Memory() const {
  MemoryStats stats;
  for (uint32_t i = 0; i < shard_count_; ++i) {
    stats.wheel_bytes += shards_[i].wheel_bytes.Get();
    for (int db = 0; db < databases_; ++db) {
      const Table* table = shards_[i].table(db);
      if (table == nullptr) continue;
      stats.record_bytes += table->record_bytes.Get();
      stats.segment_bytes += table->segment_bytes.Get();
    }
  }
  stats.retired_bytes = reclaimer_.retired_bytes();
  stats.detached_keys = detached_keys_.load(std::memory_order_relaxed);
  stats.detached_bytes = detached_bytes();
  if (const FrequencySketch* sketch = this->sketch()) stats.sketch_bytes = sketch->block_size();
  return stats;
}

uint64_t Store::UsedBytes() const {
  const MemoryStats stats = Memory();
  return stats.record_bytes + stats.segment_bytes + stats.wheel_bytes + stats.sketch_bytes;
}

}  // namespace alai
