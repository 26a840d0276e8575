// CLIENT PAUSE: which commands wait at present, and until when.
//
// The state is here; each worker keeps a copy and looks again when it is told to or when the end
// has come. While clients are paused no key is removed because of its age, so that a failover sees
// a data set that stands still.
//
// Threads     Any.
// Invariants  A second pause may lengthen the first and widen it, never the opposite.
#pragma once

#include <cstdint>
#include <mutex>

namespace alai {

class Store;

enum class PauseKind : uint8_t { kNone, kWrite, kAll };

class Pause {
 public:
  struct State {
    PauseKind kind = PauseKind::kNone;
    int64_t end_ns = INT64_MAX;  // monotonic
  };

  explicit Pause(Store& store) : store_(store) {}
  Pause(const Pause&) = delete;
  Pause& operator=(const Pause&) = delete;

  void Start(PauseKind kind, int64_t end_ns);
  void Stop();
  State Current(int64_t now_ns);

 private:
  Store& store_;
  std::mutex mutex_;
  State state_;
};

}  // namespace alai
