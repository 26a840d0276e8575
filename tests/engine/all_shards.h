// Every shard of a store, held as long as this lives: for tests in which nobody else holds one.
#pragma once

#include "engine/lock_request.h"
#include "engine/store.h"
#include "tests/catch.h"

namespace alai {

class AllShards {
 public:
  explicit AllShards(Store& store)
      : request_(
            store, [](void*) {}, nullptr) {
    request_.shards().AddAll(store.shard_count());
    REQUIRE(request_.Acquire());
  }

 private:
  LockRequest request_;
};

}  // namespace alai
