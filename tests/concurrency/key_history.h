// Operations on a few keys with small values and deadlines, and what each does to them, for
// tests/concurrency/linearizability.h.
//
// Time is part of an operation, not of the state: each says at which time it looked. Whoever looks at a
// key's deadline or later finds it gone. Whoever has looked at the clock before that, and is a little
// behind, may still find it (and give it another deadline), unless it has been removed meanwhile, which
// no result tells: both are allowed.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <vector>

namespace alai {

constexpr size_t kHistoryKeys = 4;

struct KeyState {
  int64_t value = 0;         // 0: missing, so histories write other values
  int64_t deadline = 0;      // 0: none
  bool may_be_gone = false;  // somebody has seen it past its deadline

  auto operator<=>(const KeyState&) const = default;
};

using HistoryState = std::array<KeyState, kHistoryKeys>;
using HistoryResult = std::array<int64_t, kHistoryKeys>;

struct Operation {
  enum class Kind : uint8_t {
    kGet,          // result[key]
    kSet,          // value; removes the deadline
    kErase,        // result[key]: 1 when there was a key
    kIncrement,    // value is added, result[key] is the sum; keeps the deadline
    kSetAll,       // every key of `keys` gets `value`
    kGetAll,       // result of every key of `keys`
    kExpire,       // the deadline becomes `value`; result[key]: 1 when there was a key
    kPersist,      // result[key]: 1 when there was a deadline
    kGetDeadline,  // result[key], 0 when there is none, -1 when there is no key
    kRename,  // key `from` becomes key `to` with its deadline; result[from]: 1 when it was there
    kMove,    // the same when `to` is missing; result[from]: 1 when that was done
    kSweep,   // nothing but time
  };

  Kind kind = Kind::kGet;
  uint8_t keys = 0;  // bit i: key i takes part
  int64_t value = 0;
  HistoryResult result{};
  uint64_t invoked = 0;
  uint64_t returned = 0;
  int64_t now = 0;
  uint8_t from = 0;
  uint8_t to = 0;
};

bool Apply(const Operation& operation, HistoryState& state);

// For a failing test's message.
std::string Describe(const std::vector<Operation>& history);

}  // namespace alai
