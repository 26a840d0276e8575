#include "tests/concurrency/linearizability.h"

#include <algorithm>
#include <set>
#include <sstream>
#include <utility>

namespace alai {
namespace {

bool Takes(const Operation& operation, size_t key) { return (operation.keys >> key & 1) != 0; }

// A depth-first search over which operation takes effect next.
class Search {
 public:
  explicit Search(std::vector<Operation> history)
      : history_(std::move(history)), done_(history_.size(), false) {}

  bool Run() { return Extend(0, HistoryState{}, 0); }

 private:
  // `first` is the earliest operation that has not taken effect.
  bool Extend(size_t first, const HistoryState& state, size_t depth) {
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
      HistoryState next = state;
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
  std::set<std::pair<std::vector<size_t>, HistoryState>> visited_;
};

}  // namespace

bool Apply(const Operation& operation, HistoryState& state) {
  for (size_t key = 0; key < kHistoryKeys; ++key) {
    if (!Takes(operation, key)) continue;
    switch (operation.kind) {
      case Operation::Kind::kGet:
      case Operation::Kind::kGetAll:
        if (state[key] != operation.result[key]) return false;
        break;
      case Operation::Kind::kSet:
      case Operation::Kind::kSetAll:
        state[key] = operation.value;
        break;
      case Operation::Kind::kErase:
        if ((state[key] != 0) != (operation.result[key] != 0)) return false;
        state[key] = 0;
        break;
      case Operation::Kind::kIncrement:
        state[key] += operation.value;
        if (state[key] != operation.result[key]) return false;
        break;
    }
  }
  return true;
}

bool IsLinearizable(std::vector<Operation> history) {
  std::sort(history.begin(), history.end(),
            [](const Operation& a, const Operation& b) { return a.invoked < b.invoked; });
  return Search(std::move(history)).Run();
}

std::string Describe(const std::vector<Operation>& history) {
  static constexpr const char* kNames[] = {"get",       "set",     "erase",
                                           "increment", "set-all", "get-all"};
  std::ostringstream text;
  for (const Operation& op : history) {
    text << '[' << op.invoked << ", " << op.returned << "] " << kNames[static_cast<int>(op.kind)]
         << " keys " << static_cast<int>(op.keys) << " value " << op.value << " ->";
    for (const int64_t r : op.result) text << ' ' << r;
    text << '\n';
  }
  return text.str();
}

}  // namespace alai
