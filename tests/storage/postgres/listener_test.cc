// The listening connection on a real PostgreSQL: what it hears, and that it notices when it hears nothing
// any more.

#include <signal.h>

#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "engine/base/clock.h"
#include "storage/origin/postgres_listener.h"
#include "tests/storage/postgres/fixture.h"

namespace alai::origin {
namespace {

using std::chrono::milliseconds;

constexpr PostgresListener::Times kTimes = {milliseconds(200), milliseconds(500), milliseconds(20),
                                            milliseconds(100)};

// Writes down what it is told.
class Notebook final : public ChangeSink {
 public:
  void OnChange(std::string_view rule, const KeyArguments& key, int64_t lag_ms) override {
    std::string line = "changed " + std::string(rule);
    for (const std::string& capture : key) line += " [" + capture + "]";
    Write(line + (lag_ms < 0 ? " at an unknown time" : lag_ms < 10'000 ? "" : " too late"));
  }
  void OnAllChanged(std::string_view rule) override { Write("all changed " + std::string(rule)); }
  void OnDeaf(std::string_view why) override {
    Write("deaf");
    const std::lock_guard lock(mutex_);
    why_ = why;
  }
  void OnListening() override { Write("listening"); }

  std::vector<std::string> lines() {
    const std::lock_guard lock(mutex_);
    return lines_;
  }
  std::string why() {
    const std::lock_guard lock(mutex_);
    return why_;
  }
  bool Holds(const std::vector<std::string>& lines) {
    return WaitFor([&] { return this->lines().size() >= lines.size(); }) && this->lines() == lines;
  }

 private:
  void Write(std::string line) {
    const std::lock_guard lock(mutex_);
    lines_.push_back(std::move(line));
  }

  std::mutex mutex_;
  std::vector<std::string> lines_;
  std::string why_;
};

const std::string kListening =
    " FROM pg_stat_activity WHERE application_name = 'alai' AND query LIKE '%alai_beat_%'";

std::string Notify(const std::string& payload) {
  return "SELECT pg_notify('alai', '" + payload + "')";
}

int64_t Millis() { return SystemClock::Get()->MonotonicNanos() / 1'000'000; }

TEST_CASE("Changes are heard with their keys, in the order of their commits", "[listener]") {
  Notebook notes;
  PostgresListener listener(Local(), notes, kTimes);
  REQUIRE(notes.Holds({"listening"}));
  const std::string now = Sql("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint");
  Sql(Notify("memory 1:7 5:a b:c @" + now));
  Sql(Notify("memory 0:"));
  Sql(Notify("memory * @" + now));
  Sql(Notify("memory 9:short"));
  Sql("BEGIN; " + Notify("never 1:1 @" + now) + "; ROLLBACK");
  Sql(Notify("other 4:\xc3\xa9\xc3\xa9 @" + now));
  CHECK(notes.Holds({"listening", "changed memory [7] [a b:c]",
                     "changed memory [] at an unknown time", "all changed memory",
                     "changed other [\xc3\xa9\xc3\xa9]"}));
}

TEST_CASE("A lost connection is told, and so is that it is back", "[listener]") {
  Notebook notes;
  PostgresListener listener(Local(), notes, kTimes);
  REQUIRE(notes.Holds({"listening"}));
  Sql("SELECT pg_terminate_backend(pid)" + kListening);
  CHECK(notes.Holds({"listening", "deaf", "listening"}));
  Sql(Notify("memory 1:7"));
  CHECK(notes.Holds({"listening", "deaf", "listening", "changed memory [7] at an unknown time"}));
}

TEST_CASE("A database that does not answer any more is noticed", "[listener]") {
  Notebook notes;
  PostgresListener listener(Local(), notes, kTimes);
  REQUIRE(notes.Holds({"listening"}));
  const pid_t process = std::stoi(Sql("SELECT pid" + kListening));
  REQUIRE(kill(process, SIGSTOP) == 0);
  const bool noticed = notes.Holds({"listening", "deaf", "listening"});
  kill(process, SIGCONT);
  CHECK(noticed);
}

std::string SuperuserSql(const std::string& statements) {
  std::string url = Variable("ALAI_POSTGRES_URL");
  pqxx::connection connection(url.replace(url.find("app@"), 4, "postgres@"));
  pqxx::nontransaction transaction(connection);
  const pqxx::result rows = transaction.exec(statements);
  return rows.empty() || rows.columns() == 0 ? "" : rows[0][0].as<std::string>("");
}

// While it lives, commits that ask for it wait for a standby that never comes.
class EndlessCommits {
 public:
  EndlessCommits() { Set("SET synchronous_standby_names = 'nobody'"); }
  EndlessCommits(const EndlessCommits&) = delete;
  EndlessCommits& operator=(const EndlessCommits&) = delete;
  ~EndlessCommits() { Set("RESET synchronous_standby_names"); }

 private:
  static void Set(const std::string& what) {
    SuperuserSql("ALTER SYSTEM " + what);
    SuperuserSql("SELECT pg_reload_conf()");
  }
};

// How many sessions wait for this.
std::string Waiting(const std::string& condition) {
  return SuperuserSql("SELECT count(*) FROM pg_stat_activity WHERE " + condition);
}

TEST_CASE_METHOD(EmptySchema, "What was committed is heard while another commit takes long",
                 "[listener]") {
  Sql("CREATE TABLE log (id integer)");
  Notebook notes;
  PostgresListener::Times times = kTimes;
  times.heartbeat = milliseconds(10);
  times.answer_within = milliseconds(120'000);
  PostgresListener listener(Local(), notes, times);
  REQUIRE(notes.Holds({"listening"}));
  const auto commit = [](const std::string& number) {
    Sql("SET synchronous_commit = on; INSERT INTO log VALUES (1); " + Notify("memory 1:" + number));
  };
  std::optional<EndlessCommits> endless(std::in_place);
  std::thread first(commit, "1");
  CHECK(WaitFor([] { return Waiting("wait_event = 'SyncRep'") == "1"; }));
  // Behind the first one's lock another commit waits, and behind that the listener's beat.
  std::thread second(commit, "2");
  CHECK(
      WaitFor([] { return Waiting("wait_event_type = 'Lock' AND query LIKE '%memory%'") == "1"; }));
  CHECK(
      WaitFor([] { return Waiting("wait_event_type = 'Lock' AND query LIKE '%_beat_%'") == "1"; }));
  SuperuserSql("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
  first.join();
  CHECK(WaitFor([] { return Waiting("wait_event = 'SyncRep'") == "1"; }));
  CHECK(notes.Holds({"listening", "changed memory [1] at an unknown time"}));
  endless.reset();
  second.join();
  CHECK(notes.Holds({"listening", "changed memory [1] at an unknown time",
                     "changed memory [2] at an unknown time"}));
}

TEST_CASE("Being deaf from the start is told once, and whoever tries again ends quickly",
          "[listener]") {
  Notebook notes;
  const int64_t began_ms = Millis();
  {
    PostgresListener listener({"host=127.0.0.1 port=1", ""}, notes, kTimes);
    REQUIRE(notes.Holds({"deaf"}));
    usleep(300'000);
  }
  CHECK(notes.lines() == std::vector<std::string>{"deaf"});
  CHECK(Millis() - began_ms < 5000);
}

TEST_CASE("A listener ends quickly", "[listener]") {
  Notebook notes;
  PostgresListener::Times slow = kTimes;
  slow.heartbeat = slow.pause_min = slow.pause_max = milliseconds(60'000);
  int64_t began_ms = 0;
  {
    PostgresListener listener(Local(), notes, slow);
    REQUIRE(notes.Holds({"listening"}));
    PostgresListener waiting({"host=127.0.0.1 port=1", ""}, notes, slow);
    REQUIRE(notes.Holds({"listening", "deaf"}));
    began_ms = Millis();
  }
  CHECK(Millis() - began_ms < 5000);
  { const PostgresListener connecting(Local(), notes, slow); }
  CHECK(Millis() - began_ms < 10'000);
}

TEST_CASE("Through a pooler nothing is heard, and that is said", "[.pooler]") {
  Notebook notes;
  const PostgresListener listener(Local(), notes, kTimes);
  REQUIRE(notes.Holds({"deaf"}));
  REQUIRE(WaitFor([&] { return !notes.why().empty(); }));
  CHECK(notes.why() ==
        "a pooler stands before the database, through which changes are not heard; see "
        "origin-listen-url");
}

}  // namespace
}  // namespace alai::origin
