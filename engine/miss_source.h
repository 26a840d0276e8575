// Where a missing key might still exist: the interface through which an origin fills the cache.
//
// A lookup asks it about keys that are missing, and about values that it has loaded before, and notes the
// answer (StoreThread::origin_uses()); what follows from that is up to whoever runs the command, once the
// attempt has been validated.
//
// Threads     Judge() from any thread, with or without the key's shard locked; it never waits.
#pragma once

#include <cstdint>
#include <string>

#include "engine/key_view.h"
#include "engine/record.h"

namespace alai {

// What a source keeps of its keys' rules; known to the source alone. It stays valid until the thread's next
// quiescent point.
struct OriginRule {};

// A key that a source may have, as a lookup met it.
struct OriginUse {
  enum class Kind : uint8_t {
    kHit,    // there, and good
    kLate,   // good for now, and worth loading again in the background
    kOver,   // so old that it is served only when nothing better is to be had
    kMissed  // not there
  };
  struct Met {
    OriginRule* rule = nullptr;  // nullptr: no key of the source's
    Kind kind = Kind::kMissed;
  };

  Met met;
  // Of all but hits.
  int db = 0;
  uint64_t hash = 0;
  std::string key;
};

class MissSource {
 public:
  virtual ~MissSource() = default;

  // Whether the key is the source's, and what to think of its record, which may also be a client's; nullptr
  // when it is missing.
  virtual OriginUse::Met Judge(int db, KeyView key, const Record* record, UnixMillis now) = 0;
};

}  // namespace alai
