// Checks that a recorded concurrent history is linearizable: that there is one order of all operations,
// agreeing with real time, in which each gives the result that was recorded.
//
// The search is that of Wing and Gong with Lowe's memory of visited states ("Testing for
// linearizability", 2017): exponential in the number of operations that overlap, linear otherwise.
//
// `Operation` has `invoked` and `returned`, positions in one global order of invocations and responses;
// `bool Apply(const Operation&, State&)` performs one, false when its recorded result is another; states
// are ordered by `<` and begin as `State{}`.
#pragma once

#include <algorithm>
#include <cstdint>
#include <set>
#include <utility>
#include <vector>

namespace alai {

// A depth-first search over which operation takes effect next.
template <class State, class Operation>
class LinearizationSearch {
 public:
  // `history` in the order of invocation.
  explicit LinearizationSearch(std::vector<Operation> history)
      : history_(std::move(history)), done_(history_.size(), false) {}

  bool Run() { return Extend(0, State{}, 0); }

 private:
  // `first` is the earliest operation that has not taken effect.
  bool Extend(size_t first, const State& state, size_t depth) {
    if (depth == history_.size()) return true;
    while (done_[first]) ++first;
    if (!visited_.emplace(Configuration(first), state).second) return false;
    // Only what was invoked before the earliest pending response may come next.
    uint64_t limit = UINT64_MAX;
    for (size_t i = first; i < history_.size() && history_[i].invoked < limit; ++i) {
      if (!done_[i]) limit = std::min(limit, history_[i].returned);
    }
    for (size_t i = first; i < history_.size() && history_[i].invoked < limit; ++i) {
      if (done_[i]) continue;
      State next = state;
      if (!Apply(history_[i], next)) continue;
      done_[i] = true;
      if (Extend(first, next, depth + 1)) return true;
      done_[i] = false;
    }
    return false;
  }

  // Which operations have taken effect: all before `first` and these.
  std::vector<size_t> Configuration(size_t first) const {
    std::vector<size_t> configuration{first};
    // Nothing that was invoked after `first` returned can have taken effect before it.
    const uint64_t end = history_[first].returned;
    for (size_t i = first; i < history_.size() && history_[i].invoked < end; ++i) {
      if (done_[i]) configuration.push_back(i);
    }
    return configuration;
  }

  const std::vector<Operation> history_;
  std::vector<bool> done_;
  std::set<std::pair<std::vector<size_t>, State>> visited_;
};

template <class State, class Operation>
bool IsLinearizable(std::vector<Operation> history) {
  std::sort(history.begin(), history.end(),
            [](const Operation& a, const Operation& b) { return a.invoked < b.invoked; });
  return LinearizationSearch<State, Operation>(std::move(history)).Run();
}

}  // namespace alai
