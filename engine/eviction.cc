#include "engine/eviction.h"

#include <algorithm>
#include <bit>

#include "engine/access_clock.h"
#include "engine/change_log.h"
#include "engine/frequency_sketch.h"
#include "engine/key_events.h"
#include "engine/store.h"

namespace alai {
namespace {

// Keys that are looked at for each of maxmemory-samples.
constexpr size_t kKeysPerSample = 6;
// One draw looks at no more buckets than this, however few of their keys have a deadline.
constexpr uint32_t kBucketsPerDraw = 512;
// Attempts in a row that may fail, because shards are locked, before a slice ends.
constexpr int kMissesMax = 64;
// How soon the sketch forgets: in so many uses for each of its words, which serve two to four keys.
constexpr uint32_t kUsesPerWord = 12;
// What a key counts as that the sketch has not seen of late.
constexpr double kUnseenUses = 0.5;

// How far below the limit eviction goes once it is exceeded, so that not every write begins anew.
int64_t HeadroomOf(uint64_t limit) {
  constexpr uint64_t kHeadroomMax = 4096;
  return static_cast<int64_t>(std::min(limit / 256, kHeadroomMax));
}

double LruIdleSeconds(const Record& record, UnixMillis now) {
  return static_cast<double>(LruIdleMillis(record.access(), now)) / 1000;
}

// What LFU's logarithmic counter is worth: a new key's 1, each step above more than the one before, as
// it took more uses.
double WorthOf(uint8_t counter) {
  if (counter < kLfuNewKey) return (counter + 1) / static_cast<double>(kLfuNewKey + 1);
  const double steps = counter - kLfuNewKey + 1;
  return steps * steps;
}

// What a key takes that could hold others. Above half a kilobyte size makes no difference, so that a few keys that are
// much larger than most do not have to be used much more than most.
double RoomOf(const Record& record) {
  constexpr size_t kPlaceBytes = 16;  // in the table and the wheel
  constexpr size_t kBytesMax = 512;
  if (IsOutside(record.encoding())) return kBytesMax;
  return static_cast<double>(std::min(record.block_size() + kPlaceBytes, kBytesMax));
}

}  // namespace

void Store::Evict(StoreThread& thread, Shard& shard, Table& table, SlotPlace place) {
  thread.evicted.Add();
  if (key_classes() != nullptr) [[unlikely]]
    CountClass(thread, place.word().record()->key(), ClassFigures::kEvicted);
  Drop(thread, shard, table, place, KeyEventClass::kEvicted, "evicted", FreeCause::kEvicted);
}

EvictionRules Eviction::rules() const {
  return {.policy = policy_.load(std::memory_order_relaxed),
          .volatile_only = volatile_only_.load(std::memory_order_relaxed),
          .samples = samples_.load(std::memory_order_relaxed)};
}

bool Eviction::WantsSketch() const {
  const EvictionPolicy policy = policy_.load(std::memory_order_relaxed);
  return store_.memory_limit().on() &&
         (policy == EvictionPolicy::kLru || policy == EvictionPolicy::kLfu);
}

void Eviction::Follow(const EvictionRules& rules) {
  policy_.store(rules.policy, std::memory_order_relaxed);
  volatile_only_.store(rules.volatile_only, std::memory_order_relaxed);
  samples_.store(rules.samples, std::memory_order_relaxed);
  if (store_.sketch() == nullptr && WantsSketch()) {
    store_.sketch_.store(FrequencySketch::Create(FrequencySketch::kWordsMin, kUsesPerWord),
                         std::memory_order_release);
  }
}

void Eviction::Maintain(StoreThread& thread) {
  FrequencySketch* sketch = store_.sketch();
  if (sketch == nullptr) return;
  FrequencySketch* fresh = nullptr;
  if (WantsSketch()) {
    uint64_t keys = 0;
    for (int db = 0; db < store_.databases(); ++db) keys += store_.KeyCount(db);
    if (keys <= sketch->words() * FrequencySketch::kKeysPerWord) return;
    fresh = sketch->Resized(std::bit_ceil(keys / FrequencySketch::kKeysPerWord));
  }
  // Follow() may have made another meanwhile.
  if (store_.sketch_.compare_exchange_strong(sketch, fresh, std::memory_order_acq_rel)) {
    thread.RetireBlock(sketch, sketch->block_size());
  } else if (fresh != nullptr) {
    fresh->Delete();
  }
}

bool Eviction::HasRoom(StoreThread& thread) {
  const int64_t excess = store_.memory_limit().Excess(thread);
  return excess <= 0 && !TooMuchWaits(excess);
}

// Whether memory that waits to be freed takes what the limit tolerates.
bool Eviction::TooMuchWaits(int64_t excess) const {
  const MemoryLimit& limit = store_.memory_limit();
  const auto bound = static_cast<int64_t>(limit.tolerance() / 4 * 3);
  return excess + static_cast<int64_t>(limit.waiting_bytes()) > bound;
}

EvictionSlice Eviction::MakeRoom(StoreThread& thread, UnixMillis now, int64_t budget_ns,
                                 uint64_t leaving) {
  EvictionSlice slice;
  MemoryLimit& limit = store_.memory_limit();
  const auto going = static_cast<int64_t>(leaving);
  int64_t excess = limit.on() ? limit.Excess(thread) - going : INT64_MIN / 2;
  if (excess > 0 && store_.may_remove_expired()) {
    const EvictionRules rules = this->rules();
    const int64_t began_ns = store_.clock_.MonotonicNanos();
    int64_t last_ns = began_ns;
    bool nothing = rules.policy == EvictionPolicy::kNone;
    const int64_t headroom = HeadroomOf(limit.bytes());
    for (int misses = 0; excess > -headroom && !nothing && misses < kMissesMax;) {
      const Attempt attempt = EvictOne(thread, now, rules);
      misses = attempt == Attempt::kMissed ? misses + 1 : 0;
      nothing = attempt == Attempt::kNothing;
      if (attempt == Attempt::kEvicted) ++slice.evicted;
      const int64_t now_ns = store_.clock_.MonotonicNanos();
      slice.longest_ns = std::max(slice.longest_ns, now_ns - last_ns);
      last_ns = now_ns;
      excess = limit.Excess(thread) - going;
      if (now_ns - began_ns >= budget_ns) break;
    }
    slice.nanos = last_ns - began_ns;
    slice.more = excess > 0 && !nothing;
    if (excess > 0 && nothing) slice.room = Room::kNone;
  }
  if (slice.room == Room::kEnough && limit.on() && TooMuchWaits(excess + going))
    slice.room = Room::kLater;
  NoteExceeded(excess > 0);
  return slice;
}

Eviction::Attempt Eviction::EvictOne(StoreThread& thread, UnixMillis now,
                                     const EvictionRules& rules) {
  Candidates candidates;
  candidates.wanted = rules.policy == EvictionPolicy::kRandom
                          ? 1
                          : std::clamp<size_t>(static_cast<size_t>(rules.samples) * kKeysPerSample,
                                               1, kCandidatesMax);
  Gather(thread.random(), rules.volatile_only, &candidates);
  if (candidates.count == 0) {
    return AnythingToEvict(rules.volatile_only) ? Attempt::kMissed : Attempt::kNothing;
  }
  const Candidate& victim = LeastValuable(candidates, now, rules.policy);
  NoteVictim(*victim.record, now, rules.policy);
  return Remove(thread, victim, now) ? Attempt::kEvicted : Attempt::kMissed;
}

// Draws from one shard what there is, and from the next ones what is missing then.
void Eviction::Gather(Random& random, bool volatile_only, Candidates* out) const {
  const uint32_t shards = store_.shard_count();
  const auto first = static_cast<uint32_t>(random.Below(shards));
  for (uint32_t i = 0; i < shards && out->count < out->wanted; ++i) {
    const uint32_t index = (first + i) & (shards - 1);
    Table* table = PickTable(store_.shard(index), store_.databases(), random, volatile_only);
    if (table != nullptr) Draw(*table, random, volatile_only, {nullptr, table, index}, out);
  }
}

// One of the shard's tables, each with a probability proportional to the keys that may go.
Table* Eviction::PickTable(const Shard& shard, int databases, Random& random, bool volatile_only) {
  const auto keys_of = [volatile_only](const Table& table) {
    return volatile_only ? table.expires.Get() : table.keys.Get();
  };
  uint64_t sum = 0;
  Table* last = nullptr;
  for (int db = 0; db < databases; ++db) {
    Table* table = shard.table(db);
    const uint64_t keys = table == nullptr ? 0 : keys_of(*table);
    if (keys == 0) continue;
    sum += keys;
    // Reservoir sampling: the later one takes the place of those before with its share of the sum.
    if (last == nullptr || random.Below(sum) < keys) last = table;
  }
  return last;
}

// Goes through a table's buckets from a random one on.
void Eviction::Draw(const Table& table, Random& random, bool volatile_only, Candidate like,
                    Candidates* out) {
  const Directory* directory = table.directory();
  const auto collect = [&](const Bucket& bucket) {
    for (uint32_t slot = 0; slot < kSlots && out->count < out->wanted; ++slot) {
      const SlotWord word = bucket.Load(slot);
      if (!word || (volatile_only && !word.has_deadline())) continue;
      __builtin_prefetch(word.record());
      like.record = word.record();
      out->list[out->count++] = like;
    }
  };
  const auto drawn = static_cast<uint32_t>(random.Below(directory->size()));
  SegmentRef segment = directory->segment(drawn);
  const auto first_entry = drawn & ~((1u << (directory->depth() - segment.depth())) - 1);
  const auto first_bucket = static_cast<uint32_t>(random.Below(segment.count()));
  uint32_t entry = first_entry;
  uint32_t bucket = first_bucket;
  for (uint32_t looked = 0; looked < kBucketsPerDraw && out->count < out->wanted; ++looked) {
    collect(segment.buckets()[bucket]);
    if (++bucket == segment.count()) {
      for (Bucket* b = segment.overflow(); b != nullptr; b = SegmentRef::NextOverflow(*b)) {
        collect(*b);
      }
      entry = (entry + (1u << (directory->depth() - segment.depth()))) & (directory->size() - 1);
      segment = directory->segment(entry);
      bucket = 0;
    }
    if (entry == first_entry && bucket == first_bucket) break;
  }
}

const Eviction::Candidate& Eviction::LeastValuable(const Candidates& candidates, UnixMillis now,
                                                   EvictionPolicy policy) const {
  if (candidates.count == 1 || policy == EvictionPolicy::kRandom) return candidates.list[0];
  const Candidate* least = nullptr;
  double least_value = 0;
  for (size_t i = 0; i < candidates.count; ++i) {
    const Record& record = *candidates.list[i].record;
    if (store_.Expired(record, now)) return candidates.list[i];
    const double value = ValueOf(record, now, policy);
    if (least != nullptr && value >= least_value) continue;
    least = &candidates.list[i];
    least_value = value;
  }
  return *least;
}

// Orders keys by what is lost with them; comparable within one policy.
double Eviction::ValueOf(const Record& record, UnixMillis now, EvictionPolicy policy) const {
  if (policy == EvictionPolicy::kTtl) return static_cast<double>(record.deadline());
  const FrequencySketch* sketch = store_.sketch();
  const double uses = sketch == nullptr ? 0 : sketch->Estimate(Hash(record.key()));
  const double value = uses + kUnseenUses;
  if (policy == EvictionPolicy::kLru) {
    const double idle_s = LruIdleSeconds(record, now);
    const double waits_s = idle_s + mean_idle_s_.load(std::memory_order_relaxed) / 2;
    return value / (waits_s * RoomOf(record));
  }
  const int decay = store_.lfu_decay_time.load(std::memory_order_relaxed);
  return value * WorthOf(LfuCounter(record.access(), now, decay)) / RoomOf(record);
}

// How old victims are tells how long a key can wait here for its next use.
void Eviction::NoteVictim(const Record& record, UnixMillis now, EvictionPolicy policy) {
  constexpr double kWeight = 1.0 / 1024;
  if (policy != EvictionPolicy::kLru) return;
  const double mean_s = mean_idle_s_.load(std::memory_order_relaxed);
  const double idle_s = LruIdleSeconds(record, now);
  mean_idle_s_.store(mean_s + (idle_s - mean_s) * kWeight, std::memory_order_relaxed);
}

// False when the shard is locked or the record is no longer there.
bool Eviction::Remove(StoreThread& thread, const Candidate& victim, UnixMillis now) {
  const KeyView key = MakeKey(victim.record->key());
  ChangeLog* log = store_.change_log();
  if (log != nullptr && !log->Reserve(key.bytes.size() + kEffectOverhead)) return false;
  Shard& shard = store_.shard(victim.shard);
  if (!shard.lock.TryLockOnce()) return false;
  const int db = victim.table->db();
  Table* table = shard.table(db);
  const SlotPlace place = table == victim.table ? shard.Locate(*table, key) : SlotPlace();
  const bool there = place && place.word().record() == victim.record;
  if (there) {
    if (store_.Expired(*victim.record, now)) {
      store_.Expire(thread, shard, *table, place);
    } else {
      store_.Evict(thread, shard, *table, place);
    }
    if (place.bucket->Empty()) shard.ShrinkIfSparse(thread, *table, key.hash);
  }
  store_.ServeWaiters(thread, now, victim.shard);
  shard.lock.Unlock();
  return there;
}

bool Eviction::AnythingToEvict(bool volatile_only) const {
  for (uint32_t i = 0; i < store_.shard_count(); ++i) {
    for (int db = 0; db < store_.databases(); ++db) {
      const Table* table = store_.shard(i).table(db);
      if (table == nullptr) continue;
      if ((volatile_only ? table->expires.Get() : table->keys.Get()) != 0) return true;
    }
  }
  return false;
}

void Eviction::NoteExceeded(bool exceeded) {
  const int64_t since_ns = exceeded_since_ns_.load(std::memory_order_relaxed);
  if (exceeded == (since_ns != 0)) return;
  const int64_t now_ns = store_.clock_.MonotonicNanos();
  if (exceeded) {
    exceeded_since_ns_.store(now_ns, std::memory_order_relaxed);
  } else if (const int64_t began_ns = exceeded_since_ns_.exchange(0, std::memory_order_relaxed)) {
    exceeded_ns_.fetch_add(now_ns - began_ns, std::memory_order_relaxed);
  }
}

int64_t Eviction::exceeded_now_ns() const {
  const int64_t since_ns = exceeded_since_ns_.load(std::memory_order_relaxed);
  return since_ns == 0 ? 0 : store_.clock_.MonotonicNanos() - since_ns;
}

void Eviction::ResetExceeded() {
  exceeded_ns_.store(0, std::memory_order_relaxed);
  exceeded_since_ns_.store(0, std::memory_order_relaxed);
}

int64_t Eviction::exceeded_ns() const {
  return exceeded_ns_.load(std::memory_order_relaxed) + exceeded_now_ns();
}

}  // namespace alai
