// The pool never hands out the same bytes twice, and gives chunks back when they are empty.
#include "engine/segment_pool.h"

#include <map>

#include "engine/base/random.h"
#include "tests/catch.h"

namespace alai {
namespace {

TEST_CASE("blocks do not overlap and chunks come and go") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  SegmentPool& pool = SegmentPool::Get();
  const SegmentPool::Usage before = pool.usage();
  std::map<char*, size_t> blocks;
  size_t allocated = 0;
  for (int i = 0; i < 50'000; ++i) {
    // Grows for a while, then shrinks.
    if (blocks.empty() || random.Below(i < 25'000 ? 3 : 6) < 2) {
      const size_t size = (4 + random.Below(5)) * SegmentPool::kUnitBytes;
      REQUIRE(SegmentPool::Serves(size));
      auto* block = static_cast<char*>(pool.Allocate(size));
      REQUIRE(reinterpret_cast<uintptr_t>(block) % 64 == 0);
      const auto next = blocks.lower_bound(block);
      if (next != blocks.end()) REQUIRE(block + size <= next->first);
      if (next != blocks.begin())
        REQUIRE(std::prev(next)->first + std::prev(next)->second <= block);
      blocks[block] = size;
      allocated += size;
    } else {
      const auto it = blocks.lower_bound(
          std::next(blocks.begin(),
                    static_cast<ptrdiff_t>(random.Below(std::min<size_t>(blocks.size(), 50))))
              ->first);
      allocated -= it->second;
      pool.Free(it->first, it->second);
      blocks.erase(it);
    }
    REQUIRE(pool.usage().allocated_bytes == before.allocated_bytes + allocated);
  }
  for (const auto& [block, size] : blocks) pool.Free(block, size);
  CHECK(pool.usage().allocated_bytes == before.allocated_bytes);
  CHECK(pool.usage().chunk_bytes == before.chunk_bytes);
}

TEST_CASE("only sizes of large segments are served") {
  CHECK_FALSE(SegmentPool::Serves(64));
  CHECK_FALSE(SegmentPool::Serves(28 * 64));
  CHECK(SegmentPool::Serves(32 * 64));
  CHECK(SegmentPool::Serves(64 * 64));
  CHECK_FALSE(SegmentPool::Serves(65 * 64));
}

}  // namespace
}  // namespace alai
