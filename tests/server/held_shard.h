// Shards that are busy, for tests of who waits for them.
#pragma once

#include <string>
#include <string_view>

#include "engine/base/hash.h"
#include "engine/store.h"
#include "tests/catch.h"
#include "tests/server/local_fixture.h"

namespace alai {

// Holds the shard of a key, as a transaction of another thread would.
class HeldShard {
 public:
  HeldShard(LocalFixture& fixture, std::string_view key)
      : lock_(fixture.local().server().store().LockOf(Hash(key))) {
    REQUIRE(lock_.TryLock());
  }
  ~HeldShard() { Release(); }
  void Release() {
    if (held_) lock_.Unlock();
    held_ = false;
  }

 private:
  ShardLock& lock_;
  bool held_ = true;
};

// A key in another shard.
inline std::string KeyElsewhere(LocalFixture& fixture, std::string_view than) {
  const Store& store = fixture.local().server().store();
  for (int i = 0;; ++i) {
    std::string key = "elsewhere" + std::to_string(i);
    if (store.ShardIndex(Hash(key)) != store.ShardIndex(Hash(than))) return key;
  }
}

}  // namespace alai
