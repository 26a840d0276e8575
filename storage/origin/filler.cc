#include "storage/origin/filler.h"

#include <charconv>
#include <chrono>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <thread>

#include "engine/base/number.h"
#include "engine/types/collections.h"
#include "engine/types/strings.h"
#include "storage/dump_payload.h"

namespace alai::origin {
namespace {

using Cell = Loaded::Cell;

uint64_t BytesOf(const Loaded& loaded) {
  uint64_t bytes = 0;
  for (const auto& row : loaded.rows) {
    for (const Cell& cell : row) bytes += cell.has_value() ? cell->size() : 0;
  }
  return bytes;
}

PackedValue TextValue(std::string_view text) { return PackedValue::Of(text); }

bool BuildHash(const LoadResult& result, const Loaded& loaded, CollectionBuilder& builder) {
  std::map<std::string_view, std::string_view> fields;
  if (loaded.rows.empty()) return false;
  const std::vector<Cell>& row = loaded.rows.front();
  for (size_t i = 0; i < row.size() && i < result.columns.size(); ++i) {
    if (row[i].has_value()) fields[result.columns[i]] = *row[i];
  }
  for (const auto& [field, value] : fields) {
    if (!builder.Field(TextValue(field), TextValue(value))) return false;
  }
  return builder.Finish();
}

bool BuildList(const Loaded& loaded, CollectionBuilder& builder) {
  for (const auto& row : loaded.rows) {
    if (row.empty() || !row[0].has_value()) continue;
    if (!builder.Element(TextValue(*row[0]))) return false;
  }
  return builder.Finish();
}

bool BuildSet(const Loaded& loaded, CollectionBuilder& builder) {
  std::set<std::string_view> members;
  for (const auto& row : loaded.rows) {
    if (!row.empty() && row[0].has_value()) members.insert(*row[0]);
  }
  for (const std::string_view member : members) {
    if (!builder.Member(TextValue(member))) return false;
  }
  return builder.Finish();
}

bool BuildSortedSet(const Loaded& loaded, CollectionBuilder& builder, std::string* why) {
  std::map<std::string_view, double> members;
  for (const auto& row : loaded.rows) {
    if (row.size() < 2 || !row[0].has_value() || !row[1].has_value()) continue;
    double score = 0;
    if (!ParseDoubleLoosely(*row[1], &score) || score != score) {
      *why = "a score is no number";
      return false;
    }
    members[*row[0]] = score;
  }
  for (const auto& [member, score] : members) {
    if (!builder.Scored(TextValue(member), score)) return false;
  }
  return builder.Finish();
}

// Whether there is anything to keep.
bool HasValue(const Rule& rule, const LoadResult& result, const Loaded& loaded) {
  const size_t cells = rule.type == Type::kSortedSet ? 2 : 1;
  for (const auto& row : loaded.rows) {
    if (rule.type == Type::kHash) {
      for (const Cell& cell : row) {
        if (cell.has_value()) return !result.columns.empty();
      }
      return false;
    }
    bool whole = row.size() >= cells;
    for (size_t i = 0; whole && i < cells; ++i) whole = row[i].has_value();
    if (whole) return true;
    if (rule.type == Type::kString) return false;
  }
  return false;
}

// A draft that has not been made into a record owns what lies outside of it.
class Value {
 public:
  // nullptr builder: a string.
  bool Build(Store& store, const Rule& rule, const LoadResult& result, const Loaded& loaded,
             std::string* why) {
    if (rule.type == Type::kString) {
      text_ = &*loaded.rows.front().front();
      return true;
    }
    builder_ = NewCollectionBuilder(rule.type, store.packing);
    bool built = false;
    if (rule.type == Type::kHash) built = BuildHash(result, loaded, *builder_);
    if (rule.type == Type::kList) built = BuildList(loaded, *builder_);
    if (rule.type == Type::kSet) built = BuildSet(loaded, *builder_);
    if (rule.type == Type::kSortedSet) built = BuildSortedSet(loaded, *builder_, why);
    if (!built && why->empty()) *why = "the rows make no value of the rule's type";
    return built;
  }
  Record::Draft Take(KeyView key) {
    return builder_ == nullptr ? strings::DraftOf(key, *text_) : builder_->TakeDraft(key);
  }
  bool is_string() const { return builder_ == nullptr; }

 private:
  const std::string* text_ = nullptr;
  std::unique_ptr<CollectionBuilder> builder_;
};

std::string_view EventOf(Type type) {
  switch (type) {
    case Type::kHash:
      return "hset";
    case Type::kList:
      return "rpush";
    case Type::kSet:
      return "sadd";
    case Type::kSortedSet:
      return "zadd";
    default:
      return "set";
  }
}

KeyEventClass EventClassOf(Type type) {
  switch (type) {
    case Type::kHash:
      return KeyEventClass::kHash;
    case Type::kList:
      return KeyEventClass::kList;
    case Type::kSet:
      return KeyEventClass::kSet;
    case Type::kSortedSet:
      return KeyEventClass::kSortedSet;
    default:
      return KeyEventClass::kString;
  }
}

// The log gets what a client would have written, as RESTORE, which is one command for every type.
void LogFill(Db& db, KeyView key, const Record& record) {
  const std::string payload = EncodeDump(record, db.now(), false);
  const UnixMillis deadline = record.deadline();
  const std::string ttl = std::to_string(deadline == kNoDeadline ? 0 : deadline);
  db.LogEffect({"RESTORE", key.bytes, ttl, payload, "REPLACE", "ABSTTL"});
}

// Waits a moment for memory, as long as there will be some.
bool HasRoom(Store& store, StoreThread& thread, size_t bytes) {
  constexpr int kTries = 100;
  constexpr int64_t kEvictNanos = 1'000'000;
  for (int i = 0; i < kTries; ++i) {
    Room room = Room::kEnough;
    if (store.memory_limit().on() && !store.eviction().HasRoom(thread)) {
      room = store.eviction().MakeRoom(thread, store.clock().WallMillis(), kEvictNanos).room;
    }
    if (room == Room::kNone) return false;
    if (room == Room::kEnough && store.MayWrite(bytes)) return true;
    thread.Quiescent();
    std::this_thread::sleep_for(std::chrono::nanoseconds(Store::kWriteRetryNanos));
  }
  return false;
}

void Place(Store& store, StoreThread& thread, Db& db, const FillOrder& order, Value& value) {
  Record::Draft draft = value.Take(order.key);
  draft.deadline = order.deadline;
  draft.from_origin = true;
  Record* record = db.Put(order.key, draft).record;
  if (db.logs_changes()) LogFill(db, order.key, *record);
  db.Notify(EventClassOf(order.rule.type), EventOf(order.rule.type), order.key);
}

void TakeAway(Db& db, const FillOrder& order) {
  const Record* record = db.Find(order.key, Lookup::kPeek);
  if (record != nullptr && record->from_origin() && db.Erase(order.key, FreeCause::kUnlink)) {
    db.Notify(KeyEventClass::kGeneric, "del", order.key);
  }
}

}  // namespace

FillOutcome Fill(Store& store, StoreThread& thread, const FillOrder& order, LoadResult& result,
                 size_t index, std::string* why) {
  const Loaded& loaded = result.keys[index];
  const uint64_t bytes = BytesOf(loaded);
  const bool too_large = loaded.too_large || bytes > order.value_bytes_max;
  const bool present = !too_large && HasValue(order.rule, result, loaded);
  Value value;
  if (present && !value.Build(store, order.rule, result, loaded, why)) return FillOutcome::kFailed;
  if (present && !HasRoom(store, thread, bytes + order.key.bytes.size())) {
    *why = "out of memory";
    return FillOutcome::kFailed;
  }
  Tally tally;
  Db db(store, thread, tally, order.db, Access::kLocked, store.clock().WallMillis());
  const uint32_t shard_index = store.ShardIndex(order.key.hash);
  Shard& shard = store.shard(shard_index);
  shard.lock.Lock();
  const bool withdrawn =
      order.withdrawn != nullptr && order.withdrawn->load(std::memory_order_relaxed);
  const bool owned = !withdrawn && shard.marks.Owns(order.db, order.key, order.load);
  if (owned && present) Place(store, thread, db, order, value);
  if (owned && !present) TakeAway(db, order);
  if (owned && !present && order.absent_until != 0) {
    shard.marks.SetAbsent(order.db, order.key, order.absent_until, order.absent_max);
  }
  if (owned && !present && order.absent_until == 0) shard.marks.Wipe(order.db, order.key);
  store.ServeWaiters(thread, db.now(), shard_index);
  shard.lock.Unlock();
  if (!owned) return FillOutcome::kDiscarded;
  if (present) return FillOutcome::kFilled;
  return too_large ? FillOutcome::kTooLarge : FillOutcome::kAbsent;
}

}  // namespace alai::origin
