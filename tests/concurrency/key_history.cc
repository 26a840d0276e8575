#include "tests/concurrency/key_history.h"

#include <sstream>

namespace alai {
namespace {

// False when the recorded result is another.
bool ApplyToKey(const Operation& op, KeyState& key, int64_t result) {
  const bool there = key.value != 0;
  switch (op.kind) {
    case Operation::Kind::kGet:
    case Operation::Kind::kGetAll:
      return key.value == result;
    case Operation::Kind::kSet:
    case Operation::Kind::kSetAll:
      key = {op.value};
      return true;
    case Operation::Kind::kErase:
      key = {};
      return there == (result != 0);
    case Operation::Kind::kIncrement:
      key.value += op.value;
      return key.value == result;
    case Operation::Kind::kExpire:
      if (there) key = {key.value, op.value};
      if (op.value <= op.now) key = {};
      return there == (result != 0);
    case Operation::Kind::kPersist: {
      const bool had_one = key.deadline != 0;
      key = {key.value};
      return had_one == (result != 0);
    }
    case Operation::Kind::kGetDeadline:
      return (there ? key.deadline : -1) == result;
    case Operation::Kind::kRename:
    case Operation::Kind::kMove:
    case Operation::Kind::kSweep:
      break;
  }
  return true;
}

bool OnlyLooks(Operation::Kind kind) {
  return kind == Operation::Kind::kGet || kind == Operation::Kind::kGetAll ||
         kind == Operation::Kind::kGetDeadline || kind == Operation::Kind::kSweep;
}

// What the operation meets in a key is decided by its time, and if that leaves both open by its result.
bool ApplyInTime(const Operation& op, KeyState& key, int64_t result) {
  const bool past = key.deadline != 0 && key.deadline <= op.now;
  if (past && OnlyLooks(op.kind)) {
    key.may_be_gone = true;
    KeyState gone;
    return ApplyToKey(op, gone, result);
  }
  if (past) key = {};
  KeyState present = key;
  if (ApplyToKey(op, present, result)) {
    key = present;
    return true;
  }
  const bool may_be_gone = key.may_be_gone;
  key = {};
  return may_be_gone && ApplyToKey(op, key, result);
}

// What the operation may meet: a key past its deadline is gone for it, though perhaps not removed.
std::vector<KeyState> Possible(const Operation& op, KeyState& key) {
  if (key.deadline != 0 && key.deadline <= op.now) {
    key.may_be_gone = true;
    return {KeyState{}};
  }
  if (key.may_be_gone) return {key, KeyState{}};
  return {key};
}

bool ApplyTransfer(const Operation& op, HistoryState& state) {
  const std::vector<KeyState> froms = Possible(op, state[op.from]);
  const std::vector<KeyState> tos = Possible(op, state[op.to]);
  for (const KeyState& from : froms) {
    for (const KeyState& to : tos) {
      const bool free = op.kind == Operation::Kind::kRename || to.value == 0;
      const bool done = from.value != 0 && free;
      if (done != (op.result[op.from] != 0)) continue;
      // Not done, it leaves open which of the two was the reason.
      if (done) {
        state[op.to] = {from.value, from.deadline};
        state[op.from] = {};
      }
      return true;
    }
  }
  return false;
}

}  // namespace

bool Apply(const Operation& op, HistoryState& state) {
  if (op.kind == Operation::Kind::kRename || op.kind == Operation::Kind::kMove) {
    return ApplyTransfer(op, state);
  }
  for (size_t i = 0; i < kHistoryKeys; ++i) {
    if ((op.keys >> i & 1) != 0 && !ApplyInTime(op, state[i], op.result[i])) return false;
  }
  return true;
}

std::string Describe(const std::vector<Operation>& history) {
  static constexpr const char* kNames[] = {"get",          "set",     "erase",  "increment",
                                           "set-all",      "get-all", "expire", "persist",
                                           "get-deadline", "rename",  "move",   "sweep"};
  std::ostringstream text;
  for (const Operation& op : history) {
    text << '[' << op.invoked << ", " << op.returned << "] at " << op.now << ' '
         << kNames[static_cast<int>(op.kind)] << " keys " << static_cast<int>(op.keys) << " ("
         << static_cast<int>(op.from) << " to " << static_cast<int>(op.to) << ") value " << op.value
         << " ->";
    for (const int64_t r : op.result) text << ' ' << r;
    text << '\n';
  }
  return text.str();
}

}  // namespace alai
