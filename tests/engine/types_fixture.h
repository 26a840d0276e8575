// A small store on a fake clock with all shards locked, whose effects and events are written down: for
// tests of what values mean.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/store.h"
#include "engine/types/keys.h"
#include "engine/types/strings.h"
#include "tests/catch.h"
#include "tests/engine/recorder.h"

namespace alai {

constexpr uint64_t kStringBytesMax = 1 << 20;

using Lines = std::vector<std::string>;

class TypesFixture {
 public:
  TypesFixture() : store_({.databases = 4, .shards = 2, .clock = &clock_}) {
    store_.set_change_log(&recorder_);
    store_.set_key_events(&recorder_);
    for (uint32_t i = 0; i < store_.shard_count(); ++i) store_.shard(i).lock.Lock();
  }
  ~TypesFixture() {
    for (uint32_t i = 0; i < store_.shard_count(); ++i) store_.shard(i).lock.Unlock();
  }

  Db db(int index = 0, Access access = Access::kLocked) {
    return Db(store_, thread_, tally_, index, access, clock_.WallMillis());
  }
  Record* Find(const std::string& key, int index = 0) {
    return db(index).Find(MakeKey(key), Lookup::kPeek);
  }
  std::string Get(const std::string& key, int index = 0) {
    const Record* record = Find(key, index);
    return record == nullptr ? "(nil)" : std::string(strings::Text(*record).view());
  }
  void Set(const std::string& key, std::string_view value, UnixMillis deadline = kNoDeadline) {
    Db d = db();
    REQUIRE(strings::Set(d, MakeKey(key), value, {.deadline = deadline})->done);
  }
  // A key that holds no string.
  void SetList(const std::string& key) {
    Record::Draft draft;
    draft.key = key;
    draft.type = Type::kList;
    db().Put(MakeKey(key), draft);
  }
  uint64_t Append(const std::string& key, std::string_view tail) {
    Db d = db();
    return *strings::Append(d, MakeKey(key), tail, kStringBytesMax);
  }
  uint64_t Overwrite(const std::string& key, uint64_t offset, std::string_view value) {
    Db d = db();
    return *strings::Overwrite(d, MakeKey(key), offset, value, kStringBytesMax);
  }
  Result<int64_t> Increment(const std::string& key, int64_t by) {
    Db d = db();
    return strings::Increment(d, MakeKey(key), by);
  }
  std::string Encoding(const std::string& key) {
    const Record* record = Find(key);
    return record == nullptr ? "(nil)" : std::string(keys::EncodingName(*record));
  }

  FakeClock clock_{1'700'000'000'000};
  Store store_;
  StoreThread& thread_ = *store_.RegisterThread();
  Tally tally_;
  Recorder recorder_;
};

}  // namespace alai
