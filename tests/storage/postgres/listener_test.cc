// The listening connection on a real PostgreSQL: what it hears, and that it notices when it hears nothing
// any more.

#include <signal.h>

#include <mutex>
#include <string>

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
  CHECK(notes.why() == "a pooler stands before the database, through which changes are not heard");
}

}  // namespace
}  // namespace alai::origin
