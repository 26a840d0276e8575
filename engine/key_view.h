// A key together with its hash, so that nobody hashes it twice.
#pragma once

#include <cstdint>
#include <string_view>

#include "engine/base/hash.h"

namespace alai {

// The hash's bits: the highest choose the shard, the next the segment, the lowest 16 are the tag
// that chooses the bucket in the segment and is compared before the key.
struct KeyView {
  std::string_view bytes;
  uint64_t hash = 0;

  uint16_t tag() const { return static_cast<uint16_t>(hash); }
};

inline KeyView MakeKey(std::string_view bytes) { return {bytes, Hash(bytes)}; }

}  // namespace alai
