// Checks that a recorded concurrent history of a few keys is linearizable: that there is one order of
// all operations, agreeing with real time, in which each gives the result that was recorded.
//
// The search is that of Wing and Gong with Lowe's memory of visited states ("Testing for
// linearizability", 2017): exponential in the number of operations that overlap, linear otherwise.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace alai {

constexpr size_t kHistoryKeys = 4;

// A missing key is 0 here, so histories write other values.
using HistoryState = std::array<int64_t, kHistoryKeys>;

struct Operation {
  enum class Kind : uint8_t {
    kGet,        // result[key]
    kSet,        // value
    kErase,      // result[key]: 1 when there was a key
    kIncrement,  // value is added, result[key] is the sum
    kSetAll,     // every key of `keys` gets `value`
    kGetAll,     // result of every key of `keys`
  };

  Kind kind = Kind::kGet;
  uint8_t keys = 0;  // bit i: key i takes part
  int64_t value = 0;
  HistoryState result{};
  // Positions in one global order of invocations and responses.
  uint64_t invoked = 0;
  uint64_t returned = 0;
};

// Performs `operation` on `state`; false when its recorded result is another.
bool Apply(const Operation& operation, HistoryState& state);

bool IsLinearizable(std::vector<Operation> history);

// For a failing test's message.
std::string Describe(const std::vector<Operation>& history);

}  // namespace alai
