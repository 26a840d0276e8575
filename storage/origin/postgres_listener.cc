#include "storage/origin/postgres_listener.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "engine/base/steady_time.h"
#include "storage/origin/change_notice.h"
#include "storage/origin/postgres_connection.h"

namespace alai::origin {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kWatchInterval{100};
// How long a beat waits for others to commit their notifications, and how long it then lets others be heard.
constexpr milliseconds kLockTimeout{20};
constexpr milliseconds kLockPause{20};

constexpr char kNotHeard[] = "the database's notifications do not arrive";

int64_t NowNanos() { return SystemClock::Get()->MonotonicNanos(); }

// While it lives, the watch counts how long the database has been asked.
class Asking {
 public:
  explicit Asking(std::atomic<int64_t>* since_ns) : since_ns_(since_ns) { *since_ns_ = NowNanos(); }
  Asking(const Asking&) = delete;
  Asking& operator=(const Asking&) = delete;
  ~Asking() { *since_ns_ = 0; }

 private:
  std::atomic<int64_t>* const since_ns_;
};

}  // namespace

// Passes a channel's notifications on.
class PostgresListener::Receiver final : public pqxx::notification_receiver {
 public:
  Receiver(pqxx::connection& connection, const std::string& channel,
           std::function<void(std::string_view)> hear)
      : pqxx::notification_receiver(connection, channel), hear_(std::move(hear)) {}

  void operator()(const std::string& payload, int) override { hear_(payload); }

 private:
  const std::function<void(std::string_view)> hear_;
};

// What one connection listens with.
struct PostgresListener::Session {
  std::optional<Receiver> changes;
  std::optional<Receiver> beats;
  std::string beat_channel;
  uint64_t beats_sent = 0;
  uint64_t beats_heard = 0;
};

PostgresListener::PostgresListener(PostgresAddress address, ChangeSink& sink)
    : PostgresListener(std::move(address), sink, Times()) {}

PostgresListener::PostgresListener(PostgresAddress address, ChangeSink& sink, Times times)
    : sink_(sink),
      times_(times),
      connection_(std::make_unique<PostgresConnection>(std::move(address))),
      thread_([this] { Run(); }),
      watch_([this] { Watch(); }) {}

PostgresListener::~PostgresListener() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stopped_.notify_all();
  watch_.join();  // at its end it shuts the connection down
  thread_.join();
}

bool PostgresListener::stopping() {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

bool PostgresListener::Pause(milliseconds time) {
  std::unique_lock lock(mutex_);
  return !stopped_.wait_for(lock, time, [this] { return stopping_; });
}

void PostgresListener::Run() {
  milliseconds pause = times_.pause_min;
  do {
    const absl::Status status = ListenOnce();
    if (stopping()) break;
    // A connection that was good is tried again soon.
    pause = listening_ ? times_.pause_min : std::min(2 * pause, times_.pause_max);
    BecomeDeaf(std::string(status.message()));
  } while (Pause(pause));
}

void PostgresListener::Watch() {
  while (Pause(kWatchInterval)) {
    const int64_t since_ns = asking_since_ns_;
    const int64_t limit_ns = times_.answer_within.count() * nanos::kPerMilli;
    if (since_ns != 0 && NowNanos() - since_ns > limit_ns) connection_->Shut();
  }
  connection_->Shut();
}

absl::Status PostgresListener::ListenOnce() {
  absl::Status status = connection_->Open();
  // Whoever stopped it before now had no connection to shut down.
  if (stopping()) return absl::CancelledError("it ends");
  if (!status.ok()) return status;
  {
    Session session;
    status = Subscribe(&session);
    if (status.ok()) status = Attend(&session);
    // Before the receivers go, which would tell the database so.
    connection_->Close();
  }
  return status;
}

absl::Status PostgresListener::Subscribe(Session* session) {
  if (absl::Status status = RefusePooler(); !status.ok()) return status;
  const Asking asking(&asking_since_ns_);
  return connection_->Guard([&](pqxx::connection& connection) {
    session->beat_channel = absl::StrCat("alai_beat_", connection.backendpid());
    session->changes.emplace(connection, std::string(kChangeChannel),
                             [this](std::string_view payload) { Hear(payload); });
    session->beats.emplace(connection, session->beat_channel, [session](std::string_view) {
      session->beats_heard = session->beats_sent;
    });
    return absl::OkStatus();
  });
}

absl::Status PostgresListener::RefusePooler() {
  const Asking asking(&asking_since_ns_);
  int process = 0;
  int promised = 0;
  absl::Status status = connection_->Guard([&](pqxx::connection& connection) {
    pqxx::nontransaction transaction(connection);
    process = transaction.exec("SELECT pg_backend_pid()")[0][0].as<int>();
    promised = connection.backendpid();
    return absl::OkStatus();
  });
  if (!status.ok() || process == promised) return status;
  return absl::FailedPreconditionError(
      "a pooler stands before the database, through which changes are not heard; see "
      "origin-listen-url");
}

absl::Status PostgresListener::Attend(Session* session) {
  while (!stopping()) {
    if (absl::Status status = Beat(session); !status.ok()) return status;
    if (!listening_) BecomeListening();
    const int64_t next_ns = NowNanos() + times_.heartbeat.count() * nanos::kPerMilli;
    while (!stopping() && NowNanos() < next_ns) {
      const int64_t left_ms = (next_ns - NowNanos()) / nanos::kPerMilli + 1;
      if (absl::Status status = Await(milliseconds(left_ms)); !status.ok()) return status;
    }
  }
  return absl::OkStatus();
}

absl::Status PostgresListener::SendBeat(Session* session, milliseconds lock_timeout) {
  const Asking asking(&asking_since_ns_);
  ++session->beats_sent;
  const int64_t before_ms = SystemClock::Get()->WallMillis();
  return connection_->Run([&](pqxx::nontransaction& transaction) {
    const pqxx::result row = transaction.exec(absl::StrCat(
        "SET lock_timeout = ", lock_timeout.count(), "; SELECT pg_notify('", session->beat_channel,
        "', ''), (extract(epoch FROM clock_timestamp()) * 1000)::bigint"));
    const int64_t after_ms = SystemClock::Get()->WallMillis();
    clock_ahead_ms_ = row[0][1].as<int64_t>() - (before_ms + after_ms) / 2;
    return absl::OkStatus();
  });
}

absl::Status PostgresListener::Beat(Session* session) {
  const int64_t began_ns = NowNanos();
  absl::Status status;
  do {
    // What is not said within half of the time is said whatever it takes, rather than not at all.
    const int64_t waited_ms = (NowNanos() - began_ns) / nanos::kPerMilli;
    const bool patient = waited_ms > times_.answer_within.count() / 2;
    if (!status.ok()) {
      if (waited_ms >= times_.answer_within.count()) return absl::UnavailableError(kNotHeard);
      if (absl::Status heard = Await(kLockPause); !heard.ok()) return heard;
      if (stopping()) return absl::CancelledError("it ends");
    }
    status = SendBeat(session, patient ? milliseconds(0) : kLockTimeout);
  } while (absl::IsDeadlineExceeded(status));
  if (!status.ok()) return status;
  while (session->beats_heard != session->beats_sent) {
    const int64_t waited_ms = (NowNanos() - began_ns) / nanos::kPerMilli;
    if (stopping()) return absl::CancelledError("it ends");
    if (waited_ms >= times_.answer_within.count()) return absl::UnavailableError(kNotHeard);
    const milliseconds left(times_.answer_within.count() - waited_ms);
    status = Await(left);
    if (!status.ok()) return status;
  }
  return status;
}

absl::Status PostgresListener::Await(milliseconds time) {
  return connection_->Guard([&](pqxx::connection& connection) {
    const int64_t us = time.count() * 1000;
    connection.await_notification(us / 1'000'000, us % 1'000'000);
    return absl::OkStatus();
  });
}

void PostgresListener::Hear(std::string_view payload) {
  ChangeNotice notice;
  if (!ParseChangeNotice(payload, &notice)) {
    Log(LogLevel::kWarning, "origin: a notification on channel %s is none of a rule's trigger",
        std::string(kChangeChannel).c_str());
    return;
  }
  if (notice.all) return sink_.OnAllChanged(notice.rule);
  int64_t lag_ms = -1;
  if (notice.sent_ms >= 0) {
    lag_ms =
        std::max<int64_t>(SystemClock::Get()->WallMillis() + clock_ahead_ms_ - notice.sent_ms, 0);
  }
  sink_.OnChange(notice.rule, notice.key, lag_ms);
}

void PostgresListener::BecomeDeaf(std::string_view why) {
  listening_ = false;
  if (std::exchange(deafness_told_, true)) return;
  Log(LogLevel::kWarning, "origin: changes of the database are not heard: %.*s",
      static_cast<int>(why.size()), why.data());
  sink_.OnDeaf(why);
}

void PostgresListener::BecomeListening() {
  listening_ = true;
  deafness_told_ = false;
  Log(LogLevel::kNotice, "origin: changes of the database are heard");
  sink_.OnListening();
}

}  // namespace alai::origin
