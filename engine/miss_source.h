// Where a missing key might still exist: the interface through which a read-through origin fills
// the cache.
//
// Threads     MayHold() from any thread, without a shard locked.
#pragma once

#include "engine/key_view.h"

namespace alai {

class MissSource {
 public:
  virtual ~MissSource() = default;

  // True when a load of this key is worth waiting for: the command that missed is suspended, the
  // source loads the key and wakes it.
  virtual bool MayHold(int db, KeyView key) = 0;
};

}  // namespace alai
