// The index of earliest deadlines against a map, over several levels and with nodes that go.
#include "engine/containers/deadline_index.h"

#include <map>

#include "engine/base/random.h"
#include "engine/record.h"
#include "tests/catch.h"

namespace alai {
namespace {

TEST_CASE("the earliest of many nodes is what a map says") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  for (const size_t nodes : {1, 2, 63, 64, 65, 5'000, 300'000}) {
    VersionedBlocks blocks;
    {
      DeadlineIndex index(blocks);
      std::map<size_t, UnixMillis> model;
      std::multimap<UnixMillis, size_t> by_time;
      const auto forget = [&](size_t node) {
        const auto it = model.find(node);
        if (it == model.end()) return;
        auto [at, end] = by_time.equal_range(it->second);
        while (at != end && at->second != node) ++at;
        by_time.erase(at);
        model.erase(it);
      };
      CHECK(index.Earliest() == kNoDeadline);
      for (int i = 0; i < 6'000; ++i) {
        // Often the earliest, which is the one that matters.
        const size_t node =
            random.Below(3) == 0 && !by_time.empty() ? index.First() : random.Below(nodes);
        forget(node);
        const UnixMillis deadline =
            random.Below(3) == 0 ? kNoDeadline : static_cast<UnixMillis>(random.Below(5'000));
        index.Set(node, deadline);
        if (deadline != kNoDeadline) {
          model[node] = deadline;
          by_time.emplace(deadline, node);
        }
        REQUIRE(index.Get(node) == deadline);
        REQUIRE(index.Earliest() == (by_time.empty() ? kNoDeadline : by_time.begin()->first));
        if (!by_time.empty()) REQUIRE(model.at(index.First()) == by_time.begin()->first);
      }
      // As nodes go, from the last on.
      const size_t full = blocks.bytes();
      for (size_t left = nodes; left-- > 0;) {
        if (model.count(left) == 0 && left % 64 != 0) continue;
        forget(left);
        index.Set(left, kNoDeadline);
        index.Truncate(left);
        REQUIRE(index.Earliest() == (by_time.empty() ? kNoDeadline : by_time.begin()->first));
      }
      CHECK(index.Earliest() == kNoDeadline);
      CHECK(blocks.bytes() <= full);
      if (nodes > 1'000) CHECK(blocks.bytes() < full / 4);
    }
    CHECK(blocks.bytes() == 0);
  }
}

}  // namespace
}  // namespace alai
