// What is held for views, and when it is freed.
#include "engine/containers/versioned_blocks.h"

#include <vector>

#include "tests/catch.h"

namespace alai {
namespace {

constexpr size_t kBlockBytes = 64;
constexpr size_t kBlocks = 5'000;

std::vector<BlockStamp*> Make(VersionedBlocks& blocks, size_t count) {
  std::vector<BlockStamp*> made;
  for (size_t i = 0; i < count; ++i) {
    made.push_back(static_cast<BlockStamp*>(blocks.AllocateStamped(kBlockBytes)));
  }
  return made;
}

TEST_CASE("Blocks that a view shows are held until the last view goes") {
  VersionedBlocks blocks;
  const std::vector<BlockStamp*> made = Make(blocks, 3);
  CHECK_FALSE(blocks.Shared(*made[0]));
  blocks.Retire(made[0]);
  CHECK(blocks.bytes() == 2 * kBlockBytes);
  blocks.Freeze();
  const std::vector<BlockStamp*> later = Make(blocks, 1);
  CHECK(blocks.Shared(*made[1]));
  CHECK_FALSE(blocks.Shared(*later[0]));
  blocks.Freeze();
  CHECK(blocks.Shared(*later[0]));
  for (BlockStamp* block : {made[1], made[2], later[0]}) blocks.Retire(block);
  CHECK(made[1]->bytes == kBlockBytes);
  CHECK(made[1]->generation == made[2]->generation);
  CHECK(blocks.bytes() > 3 * kBlockBytes);
  blocks.Release();
  CHECK_FALSE(blocks.has_garbage());
  CHECK(blocks.FreeHeld(SIZE_MAX) == 0);
  CHECK(blocks.views() == 1);
  blocks.Release();
  CHECK(blocks.views() == 0);
  CHECK(blocks.bytes() == 0);
}

TEST_CASE("What was held for views is freed a bounded number of blocks at a time") {
  VersionedBlocks blocks;
  const std::vector<BlockStamp*> made = Make(blocks, kBlocks);
  blocks.Freeze();
  for (BlockStamp* block : made) blocks.Retire(block);
  const size_t held = blocks.bytes();
  CHECK(held >= kBlocks * kBlockBytes);
  blocks.Release();
  CHECK(blocks.has_garbage());
  const size_t left = blocks.bytes();
  CHECK(left < held);
  CHECK(left > held / 3);
  CHECK(blocks.FreeHeld(100) == 100);
  CHECK(blocks.bytes() <= left - 100 * kBlockBytes);
  // What is retired takes some of it along.
  for (size_t i = 0; i < kBlocks && blocks.has_garbage(); ++i) {
    const size_t before = blocks.bytes();
    blocks.Retire(Make(blocks, 1)[0]);
    CHECK(blocks.bytes() < before);
  }
  CHECK_FALSE(blocks.has_garbage());
  CHECK(blocks.bytes() == 0);
}

TEST_CASE("Memory that is no block is counted, too") {
  VersionedBlocks blocks;
  blocks.AddOther(100);
  CHECK(blocks.bytes() == 100);
  blocks.SubtractOther(100);
  CHECK(blocks.bytes() == 0);
}

}  // namespace
}  // namespace alai
