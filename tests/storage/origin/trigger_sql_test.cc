// The SQL of triggers: names, quoting, and that it is SQL.
#include "storage/origin/trigger_sql.h"

#include "storage/origin/rule_text.h"
#include "storage/origin/sql_lexer.h"
#include "tests/catch.h"

namespace alai::origin {
namespace {

Rule ReadWords(const std::vector<std::string>& words) {
  Rule rule;
  REQUIRE(ReadRule(words, &rule).ok());
  return rule;
}

std::string Create(const Rule& rule) {
  std::string statements;
  REQUIRE(TriggerSql(rule, &statements).ok());
  std::vector<SqlToken> tokens;
  CHECK(TokenizeSql(statements, &tokens).ok());
  return statements;
}

bool Holds(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("A trigger watches the rule's table") {
  const Rule rule =
      ReadWords({"mem", "m:{user:int}:{id:uuid}", "query",
                 "SELECT to_jsonb(m) FROM app.Memories m WHERE user_id = $1 AND id = $2"});
  const std::string sql = Create(rule);
  INFO(sql);
  CHECK(sql.starts_with(
      "CREATE OR REPLACE FUNCTION \"app\".\"alai_changed_mem\"() RETURNS trigger LANGUAGE "
      "plpgsql AS $alai$\nDECLARE\n"));
  CHECK(Holds(sql,
              "key_before := ' ' || "
              "pg_catalog.octet_length(pg_catalog.convert_to(OLD.\"user_id\"::pg_catalog.text, "
              "'UTF8')) || ':' || OLD.\"user_id\"::pg_catalog.text\n        || ' ' || "
              "pg_catalog.octet_length(pg_catalog.convert_to(OLD.\"id\"::pg_catalog.text, 'UTF8')) "
              "|| ':' || "
              "OLD.\"id\"::pg_catalog.text;\n"));
  CHECK(Holds(sql, "PERFORM pg_catalog.pg_notify('alai', 'mem' || key_now || sent);\n"));
  CHECK(sql.ends_with(
      "END\n$alai$;\n"
      "CREATE OR REPLACE TRIGGER \"alai_changed_mem\" AFTER INSERT OR UPDATE OR DELETE ON "
      "\"app\".\"memories\"\n"
      "  FOR EACH ROW EXECUTE FUNCTION \"app\".\"alai_changed_mem\"();\n"
      "CREATE OR REPLACE TRIGGER \"alai_truncated_mem\" AFTER TRUNCATE ON \"app\".\"memories\"\n"
      "  FOR EACH STATEMENT EXECUTE FUNCTION \"app\".\"alai_changed_mem\"();\n"));
  std::string drop;
  REQUIRE(DropTriggerSql(rule, &drop).ok());
  CHECK(drop ==
        "DROP TRIGGER IF EXISTS \"alai_changed_mem\" ON \"app\".\"memories\";\n"
        "DROP TRIGGER IF EXISTS \"alai_truncated_mem\" ON \"app\".\"memories\";\n"
        "DROP FUNCTION IF EXISTS \"app\".\"alai_changed_mem\"();\n");
}

TEST_CASE("Names of any sort are quoted, and long ones stay apart") {
  const auto rule = [](const std::string& name) {
    return ReadWords({name, "m:{id:int}", "table", "\"Odd \"\"$alai$\"\" name\"", "columns",
                      "\"a'b\"", "query", "SELECT $1"});
  };
  const std::string sql = Create(rule("a.b-c"));
  CHECK(sql.starts_with("CREATE OR REPLACE FUNCTION \"alai_changed_a.b-c\"()"));
  CHECK(Holds(sql, " ON \"Odd \"\"$alai$\"\" name\"\n"));
  CHECK(Holds(sql, "NEW.\"a'b\"::pg_catalog.text"));
  const std::string one = Create(rule(std::string(63, 'x') + "1"));
  const std::string two = Create(rule(std::string(63, 'x') + "2"));
  const auto name = [](const std::string& text) {
    const size_t start = text.find('"') + 1;
    return text.substr(start, text.find('"', start) - start);
  };
  CHECK(name(one).size() == 63);
  CHECK(name(one).starts_with("alai_changed_xxxx"));
  CHECK(name(one) != name(two));
}

TEST_CASE("A column whose name looks like the end of the body does not end it") {
  const Rule rule =
      ReadWords({"a", "m:{id:int}", "table", "t", "columns", "\"$alai$\"", "query", "SELECT $1"});
  const std::string sql = Create(rule);
  CHECK(Holds(sql, "AS $alai1$\nDECLARE"));
  CHECK(Holds(sql, "END\n$alai1$;\n"));
}

TEST_CASE("A rule without a table has no trigger") {
  const Rule rule = ReadWords({"a", "m:{id:int}", "query", "SELECT x FROM f($1)"});
  std::string sql = "as before";
  CHECK(TriggerSql(rule, &sql).message() ==
        "origin rule 'a' does not say which table to watch: its query is not as simple as SELECT … "
        "FROM table "
        "WHERE column = $1, and the options 'table' and 'columns' are not given");
  CHECK_FALSE(DropTriggerSql(rule, &sql).ok());
  CHECK(sql == "as before");
}

}  // namespace
}  // namespace alai::origin
