#include "server/pause.h"

#include <algorithm>

#include "engine/store.h"

namespace alai {

void Pause::Start(PauseKind kind, int64_t end_ns) {
  std::lock_guard lock(mutex_);
  const bool paused = state_.kind != PauseKind::kNone;
  state_.kind = std::max(state_.kind, kind);
  state_.end_ns = paused ? std::max(state_.end_ns, end_ns) : end_ns;
  store_.set_may_remove_expired(false);
}

void Pause::Stop() {
  std::lock_guard lock(mutex_);
  state_ = State{};
  store_.set_may_remove_expired(true);
}

Pause::State Pause::Current(int64_t now_ns) {
  std::lock_guard lock(mutex_);
  if (state_.kind != PauseKind::kNone && state_.end_ns <= now_ns) {
    state_ = State{};
    store_.set_may_remove_expired(true);
  }
  return state_;
}

}  // namespace alai
