// From what the database has for a key to a value in the keyspace.
//
// Threads     A loader's, which is a thread of the store; nothing locked.
#pragma once

#include <absl/status/status.h>

#include <atomic>
#include <cstdint>
#include <string>

#include "engine/key_view.h"
#include "engine/store.h"
#include "storage/origin/rule.h"
#include "storage/origin/source.h"

namespace alai::origin {

struct FillOrder {
  const Rule& rule;
  int db;
  KeyView key;
  uint64_t load;             // whose mark the key has, unless somebody has written it
  UnixMillis deadline;       // of a value; kNoDeadline: none
  UnixMillis absent_until;   // what is not there is remembered so long; 0: not at all
  size_t absent_max;         // marks of absence in the key's shard
  uint64_t value_bytes_max;  // of all texts
  // Once this is set nothing is done any more; nullptr: it never is.
  const std::atomic<bool>* withdrawn = nullptr;
};

enum class FillOutcome : uint8_t {
  kFilled,
  kAbsent,     // there is no such key
  kTooLarge,   // and it was treated as absent
  kDiscarded,  // somebody has written the key meanwhile, or it is withdrawn; nothing was done
  kFailed,     // the value is none of the rule's type, or there is no memory for it
};

// Puts the value in place, or takes what was there away when there is none. `why` is set when it fails.
FillOutcome Fill(Store& store, StoreThread& thread, const FillOrder& order, LoadResult& result,
                 size_t index, std::string* why);

}  // namespace alai::origin
