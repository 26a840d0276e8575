// Rules as an administrator writes them, on a real PostgreSQL: their derived batch queries, and their triggers
// with a listener behind them.

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <string>

#include "engine/base/clock.h"
#include "engine/base/random.h"
#include "storage/origin/postgres_listener.h"
#include "storage/origin/rule_text.h"
#include "storage/origin/trigger_sql.h"
#include "tests/storage/postgres/fixture.h"

namespace alai::origin {
namespace {

using std::chrono::milliseconds;

Rule Read(const std::vector<std::string>& words) {
  Rule rule;
  const absl::Status status = ReadRule(words, &rule);
  INFO(status.ToString());
  REQUIRE(status.ok());
  return rule;
}

std::vector<Loaded> Load(PostgresSource* source, const Rule& rule,
                         const std::vector<KeyArguments>& keys) {
  LoadResult result;
  const absl::Status checked = source->Check(rule, kTimeout);
  INFO(checked.ToString());
  REQUIRE(checked.ok());
  const absl::Status status = source->Load(rule, keys, kTimeout, &result);
  INFO(status.ToString());
  REQUIRE(status.ok());
  return result.keys;
}

const std::string kId = "00000000-0000-0000-0000-00000000000";

struct Memories : EmptySchema {
  Memories() {
    Sql("CREATE TABLE memories (id uuid PRIMARY KEY, user_id integer, n bigint, body jsonb, tag "
        "text);"
        "INSERT INTO memories SELECT ('" +
        kId +
        "' || i)::uuid, i % 3, i, jsonb_build_object('i', i),"
        "  'tag ' || i % 2 FROM generate_series(1, 9) i");
  }
};

TEST_CASE_METHOD(Memories, "Derived batch queries of every type of capture and of value") {
  PostgresSource source(Local());
  const auto strings = Load(
      &source,
      Read({"memory", "memory:{id:uuid}", "query", "SELECT body FROM memories m WHERE id = $1;"}),
      {{kId + "3"}, {kId + "0"}, {kId + "9"}});
  CHECK(strings[0].rows[0][0] == "{\"i\": 3}");
  CHECK(strings[1].rows.empty());
  CHECK(strings[2].rows[0][0] == "{\"i\": 9}");
  const auto of_two = Load(&source,
                           Read({"two", "two:{user:int}:{n:bigint}", "type", "hash", "query",
                                 "SELECT * FROM memories WHERE user_id=$1 AND n=$2 -- one"}),
                           {{"1", "4"}, {"2", "4"}});
  CHECK(of_two[0].rows[0].size() == 5);
  CHECK(of_two[1].rows.empty());
  const auto sets = Load(
      &source,
      Read({"s", "s:{t:text}", "type", "set", "query", "SELECT n FROM memories WHERE tag = $1"}),
      {{"tag 0"}, {"tag \"\\,{}"}, {"tag 1"}});
  CHECK(sets[0].rows.size() == 4);
  CHECK(sets[1].rows.empty());
  CHECK(sets[2].rows.size() == 5);
  const auto zsets = Load(&source,
                          Read({"z", "z:{u:int}", "type", "zset", "query",
                                "SELECT tag || n, n FROM memories WHERE user_id = $1"}),
                          {{"0"}});
  CHECK(zsets[0].rows.size() == 3);
}

TEST_CASE_METHOD(Memories, "Lists keep the order of their query in batches of every size") {
  Sql("CREATE TABLE posts AS SELECT i % 50 AS author, i AS id, (i * 7919) % 1009 AS rank"
      "  FROM generate_series(1, 1000) i; ANALYZE posts");
  PostgresSource source(Local());
  const Rule rule = Read({"posts", "posts:{author:int}", "type", "list", "query",
                          "SELECT id FROM posts WHERE author = $1 ORDER BY rank DESC LIMIT 15"});
  std::vector<KeyArguments> keys;
  for (int i = 49; i >= 0; --i) keys.push_back({std::to_string(i)});
  const auto lists = Load(&source, rule, keys);
  for (size_t i = 0; i < keys.size(); ++i) {
    std::string ids;
    for (const auto& row : lists[i].rows) ids += (ids.empty() ? "" : ",") + *row[0];
    CHECK(ids == Sql("SELECT string_agg(id::text, ',') FROM (SELECT id FROM posts WHERE author = " +
                     keys[i][0] + " ORDER BY rank DESC LIMIT 15) AS p"));
  }
}

// Counts what it hears of each key.
class Counter final : public ChangeSink {
 public:
  void OnChange(std::string_view rule, const KeyArguments& key, int64_t lag_ms) override {
    const std::lock_guard lock(mutex_);
    std::string name(rule);
    for (const std::string& capture : key) name += " " + capture;
    ++heard_[name];
    lags_ms_.push_back(lag_ms);
  }
  void OnAllChanged(std::string_view rule) override {
    const std::lock_guard lock(mutex_);
    ++heard_[std::string(rule) + " *"];
  }
  void OnDeaf(std::string_view) override { listening_ = false; }
  void OnListening() override { listening_ = true; }

  int heard(const std::string& name) {
    const std::lock_guard lock(mutex_);
    return heard_[name];
  }
  size_t keys() {
    const std::lock_guard lock(mutex_);
    return heard_.size();
  }
  std::vector<int64_t> lags_ms() {
    const std::lock_guard lock(mutex_);
    return lags_ms_;
  }
  bool listening() const { return listening_; }

 private:
  std::mutex mutex_;
  std::map<std::string, int> heard_;
  std::vector<int64_t> lags_ms_;
  std::atomic<bool> listening_ = false;
};

struct Triggered : Memories {
  Triggered() : source(Local()), listener(Local(), counter) {
    rule = Read({"memory", "memory:{id:uuid}", "query", "SELECT body FROM memories WHERE id = $1"});
    std::string statements;
    REQUIRE(TriggerSql(rule, &statements).ok());
    const absl::Status status = source.Execute(statements, kTimeout);
    INFO(status.ToString() << statements);
    REQUIRE(status.ok());
    REQUIRE(WaitFor([this] { return counter.listening(); }));
  }
  bool Heard(const std::string& name, int times) {
    return WaitFor([&] { return counter.heard(name) >= times; }) && counter.heard(name) == times;
  }

  Counter counter;
  PostgresSource source;
  PostgresListener listener;
  Rule rule;
};

TEST_CASE_METHOD(Triggered, "A rule's trigger tells of every row that a commit has changed",
                 "[listener]") {
  Sql("UPDATE memories SET n = n + 1 WHERE user_id = 1");
  for (const char* id : {"1", "4", "7"}) CHECK(Heard("memory " + kId + id, 1));
  Sql("UPDATE memories SET id = '" + kId + "a' WHERE id = '" + kId + "2'");
  CHECK(Heard("memory " + kId + "2", 1));
  CHECK(Heard("memory " + kId + "a", 1));
  Sql("DELETE FROM memories WHERE id = '" + kId + "3'");
  CHECK(Heard("memory " + kId + "3", 1));
  Sql("INSERT INTO memories (id) VALUES ('" + kId + "b')");
  CHECK(Heard("memory " + kId + "b", 1));
  Sql("BEGIN; DELETE FROM memories; ROLLBACK");
  Sql("TRUNCATE memories");
  CHECK(Heard("memory *", 1));
  CHECK(counter.keys() == 8);
}

TEST_CASE_METHOD(Triggered, "From commit to heard it takes less than 50 ms", "[listener]") {
  for (int i = 0; i < 50; ++i) Sql("UPDATE memories SET n = n + 1 WHERE id = '" + kId + "1'");
  REQUIRE(WaitFor([this] { return counter.lags_ms().size() == 50; }));
  std::vector<int64_t> lags = counter.lags_ms();
  std::sort(lags.begin(), lags.end());
  WARN("lag of a change, ms: median " << lags[25] << ", highest " << lags.back());
  CHECK(lags.front() >= 0);
  CHECK(lags[25] <= 50);
}

}  // namespace
}  // namespace alai::origin
