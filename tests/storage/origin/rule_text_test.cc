// Rules as words: every option, its range and its message, and that what is printed reads the same.
#include "storage/origin/rule_text.h"

#include "tests/catch.h"

namespace alai::origin {
namespace {

using Words = std::vector<std::string>;

constexpr const char* kQuery = "SELECT to_jsonb(m) FROM memories m WHERE id = $1";

// The name, pattern and query of a rule, with more words between.
Words With(Words more) {
  more.insert(more.begin(), {"memory", "memory:{id:uuid}"});
  more.insert(more.end(), {"query", kQuery});
  return more;
}

Rule Read(const Words& words) {
  Rule rule;
  const absl::Status status = ReadRule(words, &rule);
  INFO(status.ToString());
  REQUIRE(status.ok());
  Rule again;
  REQUIRE(ReadRule(RuleWords(rule), &again).ok());
  CHECK(again == rule);
  CHECK(RuleWords(again) == RuleWords(rule));
  return rule;
}

std::string Error(const Words& words) {
  Rule rule;
  rule.name = "as before";
  const absl::Status status = ReadRule(words, &rule);
  CHECK(rule.name == (status.ok() ? words[0] : "as before"));
  return std::string(status.message());
}

TEST_CASE("A rule needs little") {
  const Rule rule = Read(With({}));
  CHECK(rule.name == "memory");
  CHECK(rule.pattern.text() == "memory:{id:uuid}");
  CHECK(rule.query == kQuery);
  CHECK(rule.batch_query.starts_with("SELECT alai_key.n, alai_row.* FROM unnest($1::uuid[])"));
  CHECK_FALSE(rule.batch_query_given);
  CHECK(rule.table == "memories");
  CHECK(rule.columns == Words{"id"});
  CHECK(rule.ttl_ms == 0);
  CHECK(rule.batch_window_us == 500);
  CHECK(rule.batch_keys_max == 256);
  CHECK(rule.timeout_ms == 1000);
  CHECK(RuleWords(rule) == Words{"memory", "memory:{id:uuid}", "query", kQuery});
}

TEST_CASE("A rule with everything is printed with everything") {
  const Words words = {"all.of-it_1",
                       "m:{user:int}:{id:bigint}",
                       "db",
                       "3",
                       "type",
                       "hash",
                       "ttl",
                       "3600",
                       "negative-ttl",
                       "0.5",
                       "stale-ttl",
                       "86400.025",
                       "refresh-ahead",
                       "0.8",
                       "ttl-jitter",
                       "0.1",
                       "max-value-bytes",
                       "1048576",
                       "batch-window-us",
                       "0",
                       "batch-keys",
                       "1",
                       "timeout-ms",
                       "250",
                       "on-overload",
                       "nil",
                       "on-error",
                       "error",
                       "on-change",
                       "reload",
                       "write",
                       "through",
                       "upsert",
                       "INSERT INTO t SELECT $1, $2, $3",
                       "delete",
                       "DELETE FROM t WHERE a = $1 AND b = $2",
                       "table",
                       "app.\"T\"",
                       "columns",
                       "a,\"B\"",
                       "batch-query",
                       "SELECT a, b, c FROM t JOIN unnest($1, $2) AS k(a, b) USING (a, b)",
                       "query",
                       "SELECT c FROM t WHERE a = $1 AND b = $2"};
  const Rule rule = Read(words);
  CHECK(RuleWords(rule) == words);
  CHECK(rule.db == 3);
  CHECK(rule.type == Type::kHash);
  CHECK(rule.ttl_ms == 3'600'000);
  CHECK(rule.negative_ttl_ms == 500);
  CHECK(rule.stale_ttl_ms == 86'400'025);
  CHECK(rule.refresh_ahead == 0.8);
  CHECK(rule.ttl_jitter == 0.1);
  CHECK(rule.value_bytes_max == 1048576);
  CHECK(rule.batch_window_us == 0);
  CHECK(rule.batch_keys_max == 1);
  CHECK(rule.timeout_ms == 250);
  CHECK(rule.on_overload == OnOverload::kNil);
  CHECK(rule.on_error == OnError::kError);
  CHECK(rule.on_change == OnChange::kReload);
  CHECK(rule.write == WritePolicy::kThrough);
  CHECK(rule.erase == "DELETE FROM t WHERE a = $1 AND b = $2");
  CHECK(rule.columns == Words{"a", "B"});
  CHECK(rule.batch_query_given);
}

TEST_CASE("A rule that writes behind is what its words say") {
  const Words words = {"a",      "a:{id:int}",
                       "write",  "behind",
                       "upsert", "INSERT INTO t VALUES ($1, $2)",
                       "delete", "DELETE FROM t WHERE a = $1",
                       "query",  "SELECT b FROM t WHERE a = $1"};
  const Rule rule = Read(words);
  CHECK(rule.write == WritePolicy::kBehind);
  CHECK(RuleWords(rule) == words);
  CHECK(Error({"a", "a:{id:int}", "write", "behind", "query", "SELECT $1"}) ==
        "origin-rule option 'write' needs 'upsert' and 'delete'");
}

TEST_CASE("Options come in any order and any case") {
  const Rule rule = Read({"a", "a:{id:int}", "QUERY", "SELECT $1; -- done", "Type", "ZSET",
                          "MAX-value-bytes", "1kb", "on-change", "NONE"});
  CHECK(rule.query == "SELECT $1");
  CHECK(rule.type == Type::kSortedSet);
  CHECK(rule.value_bytes_max == 1024);
  CHECK(rule.table.empty());
  CHECK(RuleWords(rule) == Words{"a", "a:{id:int}", "type", "zset", "max-value-bytes", "1024",
                                 "on-change", "none", "query", "SELECT $1"});
}

TEST_CASE("All options are shown with their values") {
  const auto options = RuleOptions(Read(With({"ttl", "1"})), true);
  CHECK(options.size() == 21);
  CHECK(options[0] == std::pair<std::string_view, std::string>("db", "0"));
  CHECK(options[1] == std::pair<std::string_view, std::string>("type", "string"));
  CHECK(options[2] == std::pair<std::string_view, std::string>("ttl", "1"));
  CHECK(options[17] == std::pair<std::string_view, std::string>("table", "memories"));
  CHECK(options[20] == std::pair<std::string_view, std::string>("query", kQuery));
  CHECK(RuleTypeName(Type::kList) == "list");
}

TEST_CASE("What a rule may not be is told") {
  constexpr const char* kShape = "Bad directive or wrong number of arguments";
  CHECK(Error({}) == kShape);
  CHECK(Error({"a"}) == kShape);
  CHECK(Error({"a", "a:{id:int}", "query"}) == kShape);
  CHECK(Error({"a", "a:{id:int}"}) == "origin-rule needs the option 'query'");
  CHECK(Error({"", "a:{id:int}"}) == "origin-rule name must not be empty");
  constexpr const char* kName =
      "origin-rule name must be at most 64 letters, digits, '-', '_' and '.'";
  CHECK(Error({"a b", "a:{id:int}"}) == kName);
  CHECK(Error({std::string(65, 'a'), "a:{id:int}"}) == kName);
  CHECK(Error({"a", "a:{id}"}) ==
        "pattern: a capture needs its type, as in {id:uuid} at character 3");
  CHECK(Error(With({"foo", "1"})) == "unknown origin-rule option 'foo'");
  CHECK(Error(With({"ttl", "1", "TTL", "2"})) == "origin-rule option 'ttl' is given twice");
  CHECK(Error(With({"query", "SELECT $1"})) == "origin-rule option 'query' is given twice");
  CHECK(Error(With({"db", "-1"})) ==
        "origin-rule option 'db' must be between 0 and 2147483646 inclusive");
  CHECK(Error(With({"type", "stream"})) ==
        "origin-rule option 'type' must be one of string, hash, list, set, zset");
  for (const char* seconds :
       {"", "-1", "-0.5", "2147483648", "2147483647.5", "1.", ".5", "1.0005", "1e3", "x"}) {
    INFO(seconds);
    CHECK(Error(With({"ttl", seconds})) ==
          "origin-rule option 'ttl' must be seconds between 0 and 2147483647, with at most three "
          "decimals");
  }
  for (const char* share : {"1", "-0.1", "nan", "x", ""}) {
    CHECK(Error(With({"ttl", "1", "refresh-ahead", share})) ==
          "origin-rule option 'refresh-ahead' must be at least 0 and below 1");
  }
  CHECK(Error(With({"max-value-bytes", "0"})) ==
        "origin-rule option 'max-value-bytes' must be a memory value of at least 1");
  CHECK(Error(With({"batch-window-us", "1000001"})) ==
        "origin-rule option 'batch-window-us' must be between 0 and 1000000 inclusive");
  CHECK(Error(With({"batch-keys", "0"})) ==
        "origin-rule option 'batch-keys' must be between 1 and 10000 inclusive");
  CHECK(Error(With({"timeout-ms", "0"})) ==
        "origin-rule option 'timeout-ms' must be between 1 and 600000 inclusive");
  CHECK(Error(With({"on-overload", "x"})) ==
        "origin-rule option 'on-overload' must be one of busy, nil");
  CHECK(Error(With({"on-error", "x"})) ==
        "origin-rule option 'on-error' must be one of nil, error");
  CHECK(Error(With({"on-change", "x"})) ==
        "origin-rule option 'on-change' must be one of delete, reload, none");
  CHECK(Error(With({"write", "x"})) ==
        "origin-rule option 'write' must be one of none, through, behind");
}

TEST_CASE("Options that need others say so") {
  CHECK(Error(With({"stale-ttl", "1"})) == "origin-rule option 'stale-ttl' needs 'ttl'");
  CHECK(Error(With({"refresh-ahead", "0.5"})) == "origin-rule option 'refresh-ahead' needs 'ttl'");
  CHECK(Error(With({"ttl-jitter", "0.5"})) == "origin-rule option 'ttl-jitter' needs 'ttl'");
  CHECK(Error(With({"upsert", "SELECT $1, $2"})) == "origin-rule option 'upsert' needs 'write'");
  CHECK(Error(With({"delete", "SELECT $1"})) == "origin-rule option 'delete' needs 'write'");
  CHECK(Error(With({"write", "through", "upsert", "SELECT $1, $2"})) ==
        "origin-rule option 'write' needs 'upsert' and 'delete'");
  CHECK(Error(With({"write", "through", "upsert", "SELECT $1, $2", "delete", "SELECT $1", "type",
                    "set"})) == "origin-rule option 'write' needs the type string or hash");
  CHECK(Error(With({"table", "t"})) == "origin-rule options 'table' and 'columns' belong together");
  CHECK(Error(With({"columns", "c"})) ==
        "origin-rule options 'table' and 'columns' belong together");
  CHECK(Error(With({"table", "t", "columns", "a,b"})) ==
        "origin-rule option 'columns' must name a column for each capture");
  CHECK(Error(With({"table", "t u", "columns", "a"})) ==
        "origin-rule option 'table': it must be a table's name, perhaps with its schema");
  CHECK(Error(With({"table", "t", "columns", "a b"})) ==
        "origin-rule option 'columns': it must be the names of columns, with commas between them");
}

TEST_CASE("Statements are held against the captures") {
  const auto error = [](const std::string& query) {
    return Error({"a", "a:{x:int}:{y:int}", "query", query});
  };
  CHECK(error("") == "origin-rule option 'query': it is empty");
  CHECK(error("SELECT $1, $2; SELECT 1") ==
        "origin-rule option 'query': it holds more than one statement");
  CHECK(error("SELECT $1, $2, $3") ==
        "origin-rule option 'query': there is nothing for $3, only 2 parameters");
  CHECK(error("SELECT $1") ==
        "origin-rule option 'query': it does not use $2, which is capture 'y'");
  CHECK(error("DELETE FROM t WHERE a = $1 AND b = $2") ==
        "origin-rule option 'query': it must be SELECT, WITH, VALUES or TABLE");
  CHECK(error("SELECT $1, '$2") ==
        "origin-rule option 'query': a quote is not closed at character 12");
  CHECK(Error(With({"batch-query", "SELECT id FROM t"})) ==
        "origin-rule option 'batch-query': it does not use $1, which is capture 'id'");
  CHECK(Error(With(
            {"write", "through", "upsert", "INSERT INTO t VALUES ($1)", "delete", "SELECT $1"})) ==
        "origin-rule option 'upsert': it does not use $2, which is the value");
  CHECK(Error(With({"write", "through", "upsert", "SELECT $1, $2", "delete", "SELECT $1, $2"})) ==
        "origin-rule option 'delete': there is nothing for $2, only 1 parameter");
}

}  // namespace
}  // namespace alai::origin
