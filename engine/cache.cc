#include "engine/cache.h"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>
#include <vector>

#include "engine/store.h"
#include "engine/types/keys.h"
#include "engine/types/strings.h"
#include "engine/types/token_buckets.h"

namespace alai {
namespace {

constexpr std::chrono::milliseconds kSweepInterval(25);
constexpr int64_t kSweepBudgetNanos = 1'000'000;

// Seeds the hash before the first store of the process exists.
void SeedHashOnce() {
  static const bool seeded = [] {
    SeedHashRandomly();
    return true;
  }();
  static_cast<void>(seeded);
}

Result<TokenQuota> QuotaOf(const Cache::RateLimit& limit) {
  return TokenQuota::Make(limit.burst_max, limit.count, limit.period.count());
}

Result<Cache::RateDecision> DecisionOf(const Result<TokenDecision>& decision) {
  if (!decision.ok()) return decision.error();
  Cache::RateDecision result{.allowed = !decision->limited,
                             .limit = decision->limit,
                             .remaining = decision->remaining,
                             .reset_after = std::chrono::nanoseconds(decision->reset_after_ns)};
  if (decision->retry_after_ns >= 0) {
    result.retry_after = std::chrono::nanoseconds(decision->retry_after_ns);
  }
  return result;
}

}  // namespace

class Cache::Impl {
 public:
  explicit Impl(const Options& options)
      : clock_(options.clock != nullptr ? *options.clock : *SystemClock::Get()),
        store_({.databases = options.databases, .workers = options.threads, .clock = &clock_}) {
    if (options.background_expiry) sweeper_ = std::thread([this] { SweepLoop(); });
  }

  ~Impl() {
    {
      std::lock_guard guard(mutex_);
      stopping_ = true;
    }
    wake_.notify_one();
    if (sweeper_.joinable()) sweeper_.join();
  }

  // Lends a StoreThread to the calling thread for one operation, during which the store keeps all that
  // it can see.
  class Pin {
   public:
    explicit Pin(Impl& impl) : impl_(impl), thread_(impl.Borrow()) { thread_.GoOnline(); }
    Pin(const Pin&) = delete;
    Pin& operator=(const Pin&) = delete;
    ~Pin() {
      thread_.GoOffline();
      impl_.GiveBack(thread_);
    }
    StoreThread& thread() { return thread_; }

   private:
    Impl& impl_;
    StoreThread& thread_;
  };

  // Reads without locking; once more with the shard locked when the record asks for that.
  template <class F>
  auto Read(int database, std::string_view bytes, F read) {
    Pin pin(*this);
    const KeyView key = MakeKey(bytes);
    const ShardLock& lock = store_.LockOf(key.hash);
    for (;;) {
      Tally tally;
      const uint32_t before = lock.txn_seq();
      Db db(store_, pin.thread(), tally, database, Access::kOptimistic, clock_.WallMillis());
      auto result = read(db, key);
      if (tally.needs_lock) break;
      if (before % 2 == 0 && lock.txn_seq() == before) {
        if (tally.saw_expired) store_.RemoveSeenExpired(pin.thread(), clock_.WallMillis());
        return result;
      }
      std::this_thread::yield();
    }
    return WithLock(pin, database, key, read);
  }

  template <class F>
  auto Write(int database, std::string_view bytes, F write) {
    while (!store_.MayWrite(0)) {
      ReclaimIdle();
      std::this_thread::sleep_for(std::chrono::nanoseconds(Store::kWriteRetryNanos));
    }
    Pin pin(*this);
    return WithLock(pin, database, MakeKey(bytes), write);
  }

  uint64_t Sweep(int64_t budget_ns) {
    Pin pin(*this);
    const uint64_t removed = store_.Sweep(pin.thread(), clock_.WallMillis(), budget_ns).removed;
    store_.FreeDetached(pin.thread(), budget_ns);
    ReclaimIdle();
    return removed;
  }

  void Clear(int database) {
    Pin pin(*this);
    for (uint32_t i = 0; i < store_.shard_count(); ++i) store_.shard(i).lock.Lock();
    store_.FlushDatabase(pin.thread(), database);
    for (uint32_t i = 0; i < store_.shard_count(); ++i) store_.shard(i).lock.Unlock();
  }

  Store& store() { return store_; }
  UnixMillis now() const { return clock_.WallMillis(); }

 private:
  template <class F>
  auto WithLock(Pin& pin, int database, KeyView key, F f) {
    ShardLock& lock = store_.LockOf(key.hash);
    lock.Lock();
    Tally tally;
    Db db(store_, pin.thread(), tally, database, Access::kLocked, clock_.WallMillis());
    auto result = f(db, key);
    lock.Unlock();
    return result;
  }

  StoreThread& Borrow() {
    std::lock_guard guard(mutex_);
    if (idle_.empty()) return *store_.RegisterThread();
    StoreThread& thread = *idle_.back();
    idle_.pop_back();
    return thread;
  }

  // Frees what was retired through StoreThreads that nobody borrows any more.
  void ReclaimIdle() {
    std::lock_guard guard(mutex_);
    for (StoreThread* thread : idle_) thread->GoOffline();
  }

  void GiveBack(StoreThread& thread) {
    std::lock_guard guard(mutex_);
    idle_.push_back(&thread);
  }

  void SweepLoop() {
    std::unique_lock guard(mutex_);
    while (!stopping_) {
      wake_.wait_for(guard, kSweepInterval);
      guard.unlock();
      Sweep(kSweepBudgetNanos);
      guard.lock();
    }
  }

  const Clock& clock_;
  Store store_;
  std::mutex mutex_;  // guards idle_ and stopping_
  std::vector<StoreThread*> idle_;
  bool stopping_ = false;
  std::condition_variable wake_;
  std::thread sweeper_;
};

Cache::Cache() : Cache(Options{}) {}

Cache::Cache(const Options& options) {
  SeedHashOnce();
  impl_ = std::make_unique<Impl>(options);
}

Cache::~Cache() = default;

bool Cache::Set(std::string_view key, std::string_view value) { return Set(key, value, {}); }

bool Cache::Set(std::string_view key, std::string_view value, const SetOptions& options) {
  if (options.ttl && options.ttl->count() <= 0 && options.only == Only::kAlways) {
    Erase(key, options.database);
    return true;
  }
  strings::SetOptions set;
  set.keep_deadline = options.keep_ttl;
  if (options.only == Only::kIfAbsent) set.condition = strings::SetCondition::kMissing;
  if (options.only == Only::kIfPresent) set.condition = strings::SetCondition::kPresent;
  return impl_->Write(options.database, key, [&](Db& db, KeyView k) {
    if (options.ttl) set.deadline = db.now() + options.ttl->count();
    const Result<strings::SetOutcome> outcome = strings::Set(db, k, value, set);
    return outcome.ok() && outcome->done;
  });
}

std::optional<std::string> Cache::Get(std::string_view key, int database) {
  return impl_->Read(database, key, [](Db& db, KeyView k) -> std::optional<std::string> {
    const Result<Record*> found = strings::Find(db, k, Lookup::kUse);
    if (!found.ok() || *found == nullptr) return std::nullopt;
    return std::string(strings::Text(**found).view());
  });
}

Result<size_t> Cache::Get(std::string_view key, std::span<char> buffer, int database) {
  return impl_->Read(database, key, [buffer](Db& db, KeyView k) -> Result<size_t> {
    const Result<Record*> found = strings::Find(db, k, Lookup::kUse);
    if (!found.ok()) return found.error();
    if (*found == nullptr) return Errc::kNoKey;
    const strings::Text text(**found);
    std::memcpy(buffer.data(), text.view().data(), std::min(buffer.size(), text.view().size()));
    return text.view().size();
  });
}

bool Cache::Contains(std::string_view key, int database) {
  return impl_->Read(database, key,
                     [](Db& db, KeyView k) { return db.Find(k, Lookup::kPeek) != nullptr; });
}

Result<int64_t> Cache::Increment(std::string_view key, int64_t by, int database) {
  return impl_->Write(database, key,
                      [by](Db& db, KeyView k) { return strings::Increment(db, k, by); });
}

Result<Cache::RateDecision> Cache::Take(std::string_view key, const RateLimit& limit,
                                        int64_t quantity, int database) {
  const Result<TokenQuota> quota = QuotaOf(limit);
  if (!quota.ok() || quantity < 0) return Errc::kOutOfRange;
  return DecisionOf(impl_->Write(database, key, [&](Db& db, KeyView k) {
    return token_buckets::Take(db, k, *quota, quantity);
  }));
}

Result<Cache::RateDecision> Cache::Peek(std::string_view key, const RateLimit& limit,
                                        int database) {
  const Result<TokenQuota> quota = QuotaOf(limit);
  if (!quota.ok()) return quota.error();
  return DecisionOf(impl_->Read(
      database, key, [&](Db& db, KeyView k) { return token_buckets::Peek(db, k, *quota); }));
}

bool Cache::Erase(std::string_view key, int database) {
  return impl_->Write(database, key,
                      [](Db& db, KeyView k) { return keys::Delete(db, k, FreeCause::kUnlink); });
}

bool Cache::Expire(std::string_view key, Millis ttl, int database) {
  return impl_->Write(database, key, [ttl](Db& db, KeyView k) {
    return keys::Expire(db, k, db.now() + ttl.count(), keys::kExpireAlways);
  });
}

bool Cache::Persist(std::string_view key, int database) {
  return impl_->Write(database, key, [](Db& db, KeyView k) { return keys::Persist(db, k); });
}

std::optional<Cache::Millis> Cache::Ttl(std::string_view key, int database) {
  return impl_->Read(database, key, [](Db& db, KeyView k) -> std::optional<Millis> {
    const Record* record = db.Find(k, Lookup::kPeek);
    if (record == nullptr) return std::nullopt;
    const UnixMillis deadline = keys::DeadlineOf(db, *record);
    if (deadline == 0) return std::nullopt;
    return deadline == kNoDeadline ? Millis::max() : Millis(deadline - db.now());
  });
}

uint64_t Cache::Scan(uint64_t cursor, size_t count,
                     const std::function<void(std::string_view)>& visit, int database) {
  Impl::Pin pin(*impl_);
  return impl_->store().Scan(pin.thread(), database, cursor, count, impl_->now(),
                             [&visit](const Record& record) { visit(record.key()); });
}

void Cache::Clear(int database) { impl_->Clear(database); }

uint64_t Cache::Sweep(std::chrono::microseconds budget) {
  return impl_->Sweep(std::chrono::nanoseconds(budget).count());
}

Cache::Stats Cache::GetStats(int database) {
  const DatabaseStats of_database = impl_->store().StatsOf(database, impl_->now());
  return {.keys = of_database.keys,
          .keys_with_ttl = of_database.expires,
          .bytes = impl_->store().UsedBytes(),
          .expired = impl_->store().ExpiredKeys()};
}

}  // namespace alai
