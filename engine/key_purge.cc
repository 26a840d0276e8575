#include "engine/key_purge.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "engine/base/assert.h"
#include "engine/change_log.h"
#include "engine/key_classes.h"
#include "engine/store.h"

namespace alai {
namespace {

// Cursors of Store::Scan() lie below this.
constexpr int kCursorBits = 53;

// How many generations a record is older than `generation`; 0 also when it is younger.
uint8_t AgeOf(const Record& record, uint8_t generation) {
  const auto age = static_cast<uint8_t>(generation - record.generation());
  return age > INT8_MAX ? 0 : age;
}

}  // namespace

bool KeyPurge::MayCountUp() const {
  return static_cast<uint8_t>(store_.generation() - base_generation_) < kGenerationsMax;
}

void KeyPurge::Begin(Job& job, uint8_t generation) {
  job.generation = generation;
  job.began.store(true, std::memory_order_release);
}

KeyPurge::Entries KeyPurge::BeginWaiting() {
  Entries began;
  for (const Entry& entry : waiting_) {
    if (!entry.job->began.load(std::memory_order_relaxed)) began.push_back(entry);
  }
  if (began.empty() || !MayCountUp()) return {};
  const uint8_t generation = store_.NextGeneration();
  for (const Entry& entry : began) Begin(*entry.job, generation);
  return began;
}

// The prefixes by which keys that begin with `prefix` belong to other classes than this one: a longer one
// that `prefix` itself begins with leaves none to this class.
std::shared_ptr<const PrefixTable> KeyPurge::SparedBy(const KeyClasses& classes,
                                                      const KeyClass& key_class,
                                                      std::string_view prefix) {
  std::vector<std::string> spared;
  for (const KeyClass& other : classes.all()) {
    const std::string_view theirs = other.prefix;
    if (theirs.size() <= key_class.prefix.size()) continue;
    if (theirs.starts_with(prefix) || prefix.starts_with(theirs)) spared.emplace_back(theirs);
  }
  if (spared.empty()) return nullptr;
  const auto [at, fresh] = spared_.try_emplace(std::move(spared));
  if (fresh) at->second = std::make_shared<const PrefixTable>(at->first);
  return at->second;
}

std::shared_ptr<const KeyPurge::Job> KeyPurge::Add(const KeyClasses& classes,
                                                   const KeyClass& key_class,
                                                   std::string_view prefix,
                                                   std::function<void()> on_progress) {
  DASSERT(prefix.starts_with(key_class.prefix));
  std::lock_guard guard(mutex_);
  if (waiting_.size() >= kWaitingMax) return nullptr;
  Entry& entry = waiting_.emplace_back();
  entry.job = std::make_shared<Job>();
  entry.job->class_name = key_class.name;
  entry.job->prefix = prefix;
  entry.job->spared = SparedBy(classes, key_class, prefix);
  entry.on_progress = std::move(on_progress);
  if (MayCountUp()) Begin(*entry.job, store_.NextGeneration());
  pending_.store(true, std::memory_order_release);
  return entry.job;
}

uint64_t KeyPurge::Pending(std::string_view class_name) const {
  std::lock_guard guard(mutex_);
  uint64_t count = 0;
  const auto add = [&](const Entries& entries) {
    for (const Entry& entry : entries) count += entry.job->class_name == class_name ? 1 : 0;
  };
  add(waiting_);
  for (const std::vector<Group>& groups : groups_) {
    for (const Group& group : groups) add(group.entries);
  }
  return count;
}

void KeyPurge::BeginPass() {
  std::vector<std::string> prefixes;
  {
    std::lock_guard guard(mutex_);
    std::unordered_map<std::string_view, size_t> index_of;
    pass_generation_ = store_.generation();
    Entries left;  // without a generation, until this pass has been finished
    for (Entry& entry : waiting_) {
      const Job& job = *entry.job;
      if (!job.began.load(std::memory_order_relaxed)) {
        left.push_back(std::move(entry));
        continue;
      }
      const auto [at, fresh] = index_of.try_emplace(job.prefix, prefixes.size());
      if (fresh) {
        prefixes.push_back(job.prefix);
        groups_.emplace_back();
      }
      std::vector<Group>& groups = groups_[at->second];
      auto group = std::find_if(groups.rbegin(), groups.rend(), [&job](const Group& other) {
        return other.job().generation == job.generation && other.job().spared == job.spared;
      });
      Group& its = group == groups.rend() ? groups.emplace_back() : *group;
      its.entries.push_back(std::move(entry));
    }
    waiting_ = std::move(left);
  }
  prefixes_ = PrefixTable(prefixes);
  restart_.store(false, std::memory_order_relaxed);
  db_ = 0;
  cursor_ = 0;
  in_pass_ = true;
}

// Those that could not begin for want of generations can now: a pass has been finished.
void KeyPurge::EndPass() {
  Entries done;
  Entries began;
  {
    std::lock_guard guard(mutex_);
    for (std::vector<Group>& groups : groups_) {
      for (Group& group : groups) {
        for (Entry& entry : group.entries) {
          entry.job->removed.store(group.removed, std::memory_order_relaxed);
          entry.job->done.store(true, std::memory_order_release);
          done.push_back(std::move(entry));
        }
      }
    }
    groups_.clear();
    base_generation_ = pass_generation_;
    began = BeginWaiting();
    pending_.store(!waiting_.empty(), std::memory_order_relaxed);
    progress_.store(0, std::memory_order_relaxed);
  }
  in_pass_ = false;
  CallAll(done);
  CallAll(began);
  done.clear();
  std::lock_guard guard(mutex_);
  std::erase_if(spared_, [](const auto& table) { return table.second.use_count() == 1; });
}

void KeyPurge::CallAll(const Entries& entries) {
  for (const Entry& entry : entries) {
    if (entry.on_progress != nullptr) entry.on_progress();
  }
}

template <class F>
void KeyPurge::ForEachGroupOf(const Record& record, F f) {
  const PrefixTable* asked = nullptr;
  bool spared = false;
  uint32_t at = prefixes_.LongestMatch(record.key());
  for (; at != PrefixTable::kNone; at = prefixes_.Shorter(at)) {
    for (Group& group : groups_[at]) {
      if (AgeOf(record, group.job().generation) == 0) continue;
      const PrefixTable* table = group.job().spared.get();
      if (table != asked) {
        asked = table;
        spared = table != nullptr && table->LongestMatch(record.key()) != PrefixTable::kNone;
      }
      if (!spared) f(group);
    }
  }
}

bool KeyPurge::Step(StoreThread& thread, UnixMillis now, int64_t budget_ns) {
  if (!pending()) return false;
  // On a replica, or while writes are paused, nothing is removed.
  if (!store_.may_remove_expired()) return false;
  std::unique_lock step(step_mutex_, std::try_to_lock);
  if (!step.owns_lock()) return false;
  if (!in_pass_) BeginPass();
  if (restart_.exchange(false, std::memory_order_relaxed)) {
    db_ = 0;
    cursor_ = 0;
  }
  const int64_t until_ns = store_.clock().MonotonicNanos() + budget_ns;
  while (Visit(thread, now)) {
    if (db_ == store_.databases()) {
      EndPass();
      return pending();
    }
    if (store_.clock().MonotonicNanos() >= until_ns) break;
  }
  const double databases_done =
      db_ + static_cast<double>(cursor_) / static_cast<double>(uint64_t{1} << kCursorBits);
  progress_.store(static_cast<int>(100 * databases_done / store_.databases()),
                  std::memory_order_relaxed);
  return true;
}

// One segment. False when it has to be visited again later, because somebody else holds its shard or
// nobody may write at the moment.
bool KeyPurge::Visit(StoreThread& thread, UnixMillis now) {
  found_.clear();
  const uint64_t next = store_.Scan(
      thread, db_, cursor_, 1, now,
      [this](const Record& record) {
        bool purged = false;
        ForEachGroupOf(record, [&purged](Group&) { purged = true; });
        if (!purged && AgeOf(record, pass_generation_) <= kOldAge) return;
        found_.push_back({const_cast<Record*>(&record), purged});
      },
      ScanStop::kSegmentEnd);
  if (!Treat(thread, now)) return false;
  cursor_ = next;
  if (cursor_ == 0) ++db_;
  return true;
}

bool KeyPurge::Treat(StoreThread& thread, UnixMillis now) {
  for (size_t first = 0; first < found_.size();) {
    const size_t end = std::min(found_.size(), first + kRemovalsPerLock);
    size_t effect_bytes = 0;
    for (size_t i = first; i < end; ++i) {
      effect_bytes += found_[i].record->key().size() + kEffectOverhead;
    }
    if (!store_.MayWrite(effect_bytes)) return false;
    // All in one segment, so in one shard.
    const uint32_t shard = store_.ShardIndex(Hash(found_[first].record->key()));
    ShardLock& lock = store_.shard(shard).lock;
    if (!lock.TryLock()) return false;
    for (; first < end; ++first) TreatOne(thread, now, found_[first]);
    store_.ServeWaiters(thread, now, shard);
    lock.Unlock();
  }
  return true;
}

// Looks again, with the shard locked: the key may be gone, or written anew.
void KeyPurge::TreatOne(StoreThread& thread, UnixMillis now, const Found& found) {
  Tally tally;
  Db db(store_, thread, tally, db_, Access::kLocked, now);
  const KeyView key = MakeKey(found.record->key());
  Record* record = db.Find(key, Lookup::kPeek);
  if (record == nullptr) return;
  if (!found.purged) {
    if (AgeOf(*record, pass_generation_) <= kOldAge) return;
    return record->set_generation(static_cast<uint8_t>(pass_generation_ - 1));
  }
  bool purged = false;
  ForEachGroupOf(*record, [&purged](Group& group) {
    purged = true;
    ++group.removed;
  });
  if (!purged) return;
  store_.CountClass(thread, key.bytes, ClassFigures::kPurged);
  db.Erase(key, FreeCause::kUnlink);
  db.Notify(KeyEventClass::kGeneric, "del", key);
}

}  // namespace alai
