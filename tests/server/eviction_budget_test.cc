// How long a worker evicts at a time, over the whole range of the setting.
#include "server/eviction_budget.h"

#include <cstdint>

#include "tests/catch.h"

namespace alai {
namespace {

TEST_CASE("maxmemory-eviction-tenacity says how long a worker evicts at a time") {
  CHECK(EvictionBudgetNanos(0) == 0);
  CHECK(EvictionBudgetNanos(1) == 50'000);
  CHECK(EvictionBudgetNanos(10) == 500'000);
  CHECK(EvictionBudgetNanos(20) == 1'000'000);
  CHECK(EvictionBudgetNanos(99) == 128'000'000);
  CHECK(EvictionBudgetNanos(100) == INT64_MAX);
  for (int64_t tenacity = 1; tenacity <= 100; ++tenacity) {
    CHECK(EvictionBudgetNanos(tenacity - 1) <= EvictionBudgetNanos(tenacity));
  }
}

}  // namespace
}  // namespace alai
