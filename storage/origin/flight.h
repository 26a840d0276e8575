// A key on its way from the database: see origin.h.
//
// Threads     Its loader's once it has been taken from the queue; `waiters` and `asked_again` are guarded by the
//             origin's mutex, under which `changed` and `forced` are set, which the loader reads without.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/key_view.h"
#include "storage/origin/origin.h"

namespace alai::origin {

// While changes in the database may go unheard, nothing is kept for longer.
inline constexpr int64_t kDeafTtlMillis = 1000;
// From the end of a write's time, at which the database ends it, to its connection's being shut.
inline constexpr int64_t kWriteWatchMillis = 50;

struct Flight {
  // kWithdrawn: it was asked of a database that is no longer the origin's, or by a rule that no longer has the key.
  enum class End : uint8_t { kNone, kFilled, kAbsent, kDiscarded, kWithdrawn, kFailed };
  struct Waiter {
    Wait* wait;
    bool over;  // a value too old to be served otherwise is at hand
  };

  KeyView view() const { return {key, hash}; }

  std::shared_ptr<RuleState> state;
  int db = 0;
  std::string key;
  uint64_t hash = 0;
  KeyArguments arguments;
  uint64_t load = 0;
  uint64_t era = 0;
  int64_t asked_ns = 0;
  int64_t deadline_ns = 0;
  std::atomic<bool> changed{
      false};                // the database told of a change: what cannot be loaded again must go
  bool asked_again = false;  // and it did so after the query may have been sent
  std::atomic<bool> forced{false};  // it is to take the place of a client's value as well
  std::vector<Waiter> waiters;
  End end = End::kNone;
  std::string error;
};

// A command's writes on their way to the database. Known to who sends them and to who waits; whichever ends first
// leaves the other alone.
struct WriteFlight : Flight {
  std::vector<PassedKey> keys;
  bool taken = false;  // by the database, as who waits has been told; guarded by the origin's mutex
};

}  // namespace alai::origin
