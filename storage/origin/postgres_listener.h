// The connection that hears what changes in the database: LISTEN on the channel `alai`, which the
// triggers of rules notify.
//
// Threads     Two of its own: one listens and calls the sink; one watches that the first is not stuck with a
//             database that does not answer. The destructor ends both.
// Invariants  (1) Between OnListening() and OnDeaf() no notification is missed: OnListening() comes after
//                 LISTEN was answered and a notification of its own has been heard.
//             (2) What was committed is heard at once, a beat under way or not: those who commit notifications
//                 hold a lock until their commit is on the disk, and a beat does not wait long for it, as the
//                 database delivers nothing to a session that waits.
//             (3) A connection on which nothing arrives any more, a half-open one too, is given up after
//                 heartbeat + answer_within.
// Why         A heartbeat is a notification to itself: it shows that the database answers and that notifications
//             come through. A pooler answers but does not pass on what others notify, so a connection
//             whose process is not the one it was told of is refused.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "absl/status/status.h"
#include "storage/origin/postgres_address.h"
#include "storage/origin/source.h"

namespace alai::origin {

class PostgresConnection;

class PostgresListener final : public Listener {
 public:
  struct Times {
    std::chrono::milliseconds heartbeat{1000};
    std::chrono::milliseconds answer_within{2000};
    // Between two attempts to connect; doubles.
    std::chrono::milliseconds pause_min{50};
    std::chrono::milliseconds pause_max{2000};
  };

  // The sink outlives it.
  PostgresListener(PostgresAddress address, ChangeSink& sink);
  PostgresListener(PostgresAddress address, ChangeSink& sink, Times times);
  // Ends within a moment, or, while it connects, within connect_timeout.
  ~PostgresListener() override;

 private:
  class Receiver;
  struct Session;

  void Run();
  // Until the connection fails or Stop(); says why.
  absl::Status ListenOnce();
  absl::Status Subscribe(Session* session);
  absl::Status RefusePooler();
  absl::Status Attend(Session* session);
  // Sends a notification to itself and waits for it.
  absl::Status Beat(Session* session);
  // kDeadlineExceeded: others who notify kept it waiting for so long; nothing was sent.
  absl::Status SendBeat(Session* session, std::chrono::milliseconds lock_timeout);
  absl::Status Await(std::chrono::milliseconds time);
  void Hear(std::string_view payload);
  void BecomeDeaf(std::string_view why);
  void BecomeListening();
  void Watch();
  // False when it is to end.
  bool Pause(std::chrono::milliseconds time);
  bool stopping();

  ChangeSink& sink_;
  const Times times_;
  const std::unique_ptr<PostgresConnection> connection_;

  // Of the listening thread.
  bool listening_ = false;
  bool deafness_told_ = false;
  int64_t clock_ahead_ms_ = 0;  // the database's clock, of ours

  // When the statement under way began, monotonic; 0: none is.
  std::atomic<int64_t> asking_since_ns_{0};

  std::mutex mutex_;
  std::condition_variable stopped_;
  bool stopping_ = false;  // guarded by mutex_
  std::thread thread_;
  std::thread watch_;
};

}  // namespace alai::origin
