// DEBUG's subcommands on the whole data set: DIGEST, POPULATE, HTSTATS.
#include <algorithm>
#include <cstdio>
#include <limits>
#include <memory>
#include <string>

#include "engine/lock_request.h"
#include "engine/store.h"
#include "engine/types/strings.h"
#include "protocol/error_text.h"
#include "server/client.h"
#include "server/commands/debug_subcommands.h"
#include "server/data_digest.h"
#include "server/server.h"
#include "server/worker.h"

namespace alai {
namespace {

// Of one instant: with every shard locked, as long as it takes.
class DigestWork final : public Suspension {
 public:
  explicit DigestWork(Call& call)
      : worker_(call.worker()),
        client_id_(call.client().id()),
        request_(call.server().store(), &DigestWork::Wake, this) {
    first = Next::kWait;
    request_.shards().AddAll(call.server().store().shard_count());
  }

  Next Resume(Call& call) override {
    if (!request_.Acquire()) return Next::kWait;
    const std::string digest = OfAll(call.db());
    request_.Release();
    call.reply().SimpleString(digest);
    return Next::kDone;
  }

  static std::string OfAll(const Db& db) {
    DataDigest digest;
    for (int index = 0; index < db.store().databases(); ++index) {
      bool begun = false;
      uint64_t cursor = 0;
      do {
        cursor = db.store().Scan(db.thread(), index, cursor, kKeysPerStep, db.now(),
                                 [&](const Record& record) {
                                   if (!begun) digest.AddDatabase(index);
                                   begun = true;
                                   digest.AddKey(record, db.now());
                                 });
      } while (cursor != 0);
    }
    return digest.Hex();
  }

 private:
  static constexpr uint64_t kKeysPerStep = 4096;

  static void Wake(void* self) {
    auto* work = static_cast<DigestWork*>(self);
    work->worker_.Wake(work->client_id_);
  }

  Worker& worker_;
  const uint64_t client_id_;
  LockRequest request_;
};

// Adds keys a slice at a time, each under its own shard's lock.
class Population final : public Suspension {
 public:
  Population(int64_t keys, std::string_view prefix, size_t value_bytes)
      : keys_(keys), prefix_(prefix), value_bytes_(value_bytes) {}

  Next Resume(Call& call) override {
    const Clock& clock = call.server().clock();
    const int64_t until_ns = clock.MonotonicNanos() + kSliceNanos;
    for (int visited = 1; next_ < keys_; ++visited) {
      if (!AddOne(call)) return Next::kAgain;
      if (visited % kKeysPerLook == 0 && clock.MonotonicNanos() >= until_ns) return Next::kAgain;
    }
    call.reply().Ok();
    return Next::kDone;
  }

 private:
  static constexpr int64_t kSliceNanos = 100'000;
  static constexpr int kKeysPerLook = 16;

  // False: the shard is busy.
  bool AddOne(Call& call) {
    const std::string number = std::to_string(next_);
    const std::string name = prefix_ + ':' + number;
    const KeyView key = MakeKey(name);
    Db& open = call.db();
    ShardLock& lock = open.store().LockOf(key.hash);
    const bool locked = open.access() == Access::kLocked;
    if (!locked && !lock.TryLock()) return false;
    Tally tally;
    Db db(open.store(), open.thread(), tally, open.index(), Access::kLocked, open.now());
    if (db.Find(key, Lookup::kPeek) == nullptr) {
      std::string value = "value:" + number;
      // Given a size, the value is cut or filled up with zero bytes.
      if (value_bytes_ != 0) value.resize(value_bytes_);
      strings::Set(db, key, value);
    }
    if (!open.thread().ready_keys().empty()) {
      open.store().ServeWaiters(open.thread(), tally, open.now(),
                                OneShard(open.store().ShardIndex(key.hash)));
    }
    if (!locked) lock.Unlock();
    ++next_;
    return true;
  }

  const int64_t keys_;
  const std::string prefix_;
  const size_t value_bytes_;
  int64_t next_ = 0;
};

struct TableFigures {
  uint64_t keys = 0;
  uint64_t expires = 0;
  uint64_t slots = 0;
  uint64_t bytes = 0;
  uint32_t shards = 0;
};

TableFigures FiguresOf(Store& store, int db) {
  constexpr uint64_t kBucketBytes = 64;
  constexpr uint64_t kSlotsPerBucket = 7;
  TableFigures figures;
  for (uint32_t i = 0; i < store.shard_count(); ++i) {
    const Table* table = store.shard(i).table(db);
    if (table == nullptr) continue;
    ++figures.shards;
    figures.keys += table->keys.Get();
    figures.expires += table->expires.Get();
    figures.bytes += table->segment_bytes.Get();
  }
  figures.slots = figures.bytes / kBucketBytes * kSlotsPerBucket;
  return figures;
}

}  // namespace

void DebugDigest(Call& call) {
  if (call.db().access() == Access::kLocked) {
    return call.reply().SimpleString(DigestWork::OfAll(call.db()));
  }
  auto work = std::make_unique<DigestWork>(call);
  if (work->Resume(call) != Suspension::Next::kDone) call.Suspend(std::move(work));
}

void DebugPopulate(Call& call) {
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  ArgReader args(call.argv().subspan(2));
  const int64_t keys =
      args.Int64(0, kMax, error_text::kMustBePositive, error_text::kMustBePositive);
  const std::string_view prefix = args.remaining() > 0 ? args.String() : "key";
  const int64_t bytes = args.remaining() > 0 ? args.Int64(0, kMax, error_text::kMustBePositive,
                                                          error_text::kMustBePositive)
                                             : 0;
  if (!args.Done()) return call.Fail(args.error());
  if (bytes > call.server().config().proto_max_bulk_len) {
    return call.Fail(error_text::kStringTooLong);
  }
  auto work = std::make_unique<Population>(keys, prefix, static_cast<size_t>(bytes));
  if (call.db().access() == Access::kLocked) {
    while (work->Resume(call) == Suspension::Next::kAgain) {
    }
    return;
  }
  if (work->Resume(call) == Suspension::Next::kAgain) call.Suspend(std::move(work));
}

void DebugHtStats(Call& call) {
  ArgReader args(call.argv().subspan(2));
  const int64_t db = args.Int64();
  if (args.remaining() > 0 && !args.TakeWord("FULL")) {
    return call.Fail(error_text::SubcommandSyntax("debug", call.argv()[1]));
  }
  if (!args.Done()) return call.Fail(args.error());
  Store& store = call.server().store();
  if (db < 0 || db >= store.databases()) return call.Fail("ERR Out of range database");
  const TableFigures f = FiguresOf(store, static_cast<int>(db));
  char text[512];
  if (f.keys == 0) {
    std::snprintf(text, sizeof text,
                  "[Dictionary HT]\nNo stats available for empty dictionaries\n\n[Expires HT]\nNo "
                  "stats available for empty dictionaries\n");
  } else {
    std::snprintf(text, sizeof text,
                  "[Dictionary HT]\nHash table 0 stats (main hash table):\n table size: %llu\n "
                  "number of elements: %llu\n shards: %u\n table bytes: %llu\n bytes per element: "
                  "%.2f\n\n[Expires HT]\n number of elements: %llu (kept in the main table)\n",
                  static_cast<unsigned long long>(f.slots), static_cast<unsigned long long>(f.keys),
                  f.shards, static_cast<unsigned long long>(f.bytes),
                  static_cast<double>(f.bytes) / static_cast<double>(f.keys),
                  static_cast<unsigned long long>(f.expires));
  }
  call.reply().Verbatim("txt", text);
}

}  // namespace alai
