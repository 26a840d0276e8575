// Statements of rules: what is refused, which batch query follows, which table is read.
#include "storage/origin/statement.h"

#include "tests/catch.h"

namespace alai::origin {
namespace {

std::string TextOf(std::string_view sql) {
  Statement statement;
  const absl::Status status = ReadStatement(sql, &statement);
  return status.ok() ? std::string(statement.text) : "error: " + std::string(status.message());
}

std::string ParameterError(std::string_view sql, const std::vector<std::string>& names) {
  Statement statement;
  REQUIRE(ReadStatement(sql, &statement).ok());
  return std::string(CheckParameters(statement, names).message());
}

std::string Batch(std::string_view sql, Type type, std::string_view pattern_text) {
  Statement statement;
  REQUIRE(ReadStatement(sql, &statement).ok());
  KeyPattern pattern;
  REQUIRE(KeyPattern::Parse(pattern_text, &pattern).ok());
  return DeriveBatchQuery(statement, type, pattern);
}

// "table: columns", or "-".
std::string TableOf(std::string_view sql, size_t parameters = 1) {
  Statement statement;
  REQUIRE(ReadStatement(sql, &statement).ok());
  std::string table;
  std::vector<std::string> columns;
  if (!FindTable(statement, parameters, &table, &columns)) return "-";
  return table + ": " + ColumnNamesText(columns);
}

TEST_CASE("A statement stands alone") {
  CHECK(TextOf("SELECT 1") == "SELECT 1");
  CHECK(TextOf("  /* a */ SELECT /* b */ 1 ;; -- c") == "SELECT /* b */ 1");
  CHECK(TextOf("SELECT ';'") == "SELECT ';'");
  CHECK(TextOf("") == "error: it is empty");
  CHECK(TextOf(" -- nothing\n;") == "error: it is empty");
  CHECK(TextOf("SELECT 1; DELETE FROM t") == "error: it holds more than one statement");
  CHECK(TextOf("; SELECT 1") == "error: it holds more than one statement");
  CHECK(TextOf("SELECT 1) AS x, (SELECT 2") == "error: its brackets are not in pairs");
  CHECK(TextOf("SELECT (1") == "error: its brackets are not in pairs");
  CHECK(TextOf("SELECT (a[1)]") == "error: its brackets are not in pairs");
  CHECK(TextOf("SELECT 'a") == "error: a quote is not closed at character 8");
}

TEST_CASE("Queries are told from other statements") {
  const auto is_query = [](std::string_view sql) {
    Statement statement;
    REQUIRE(ReadStatement(sql, &statement).ok());
    return IsQuery(statement);
  };
  for (const char* sql :
       {"select 1", "WITH a AS (SELECT 1) TABLE a", "VALUES (1)", "TABLE t", "(SELECT 1)"}) {
    CHECK(is_query(sql));
  }
  for (const char* sql :
       {"INSERT INTO t VALUES (1)", "DELETE FROM t", "\"select\" 1", "EXPLAIN SELECT 1"}) {
    CHECK_FALSE(is_query(sql));
  }
}

TEST_CASE("Every parameter is used, and no other") {
  const std::vector<std::string> two = {"capture 'user'", "capture 'id'"};
  CHECK(ParameterError("SELECT $1, $2", two) == "");
  CHECK(ParameterError("SELECT $2, $1, $2", two) == "");
  CHECK(ParameterError("SELECT $1, $3", two) == "there is nothing for $3, only 2 parameters");
  CHECK(ParameterError("SELECT $2", {"capture 'id'"}) ==
        "there is nothing for $2, only 1 parameter");
  CHECK(ParameterError("SELECT $1, '$2'", two) == "it does not use $2, which is capture 'id'");
  CHECK(ParameterError("SELECT 1 -- $1", two) == "it does not use $1, which is capture 'user'");
}

TEST_CASE("The query of many keys follows from that of one") {
  CHECK(Batch("SELECT to_jsonb(m) FROM memories m WHERE id = $1;", Type::kString, "m:{id:uuid}") ==
        "SELECT alai_key.n, alai_row.* FROM unnest($1::uuid[]) WITH ORDINALITY AS alai_key(c1, n), "
        "LATERAL (SELECT to_jsonb(m) FROM memories m WHERE id = alai_key.c1) AS alai_row");
  CHECK(Batch("SELECT '$1', $2::text, $1 -- $1", Type::kHash, "m:{a:int}:{b:slug}") ==
        "SELECT alai_key.n, alai_row.* FROM unnest($1::integer[], $2::text[]) WITH ORDINALITY AS "
        "alai_key(c1, c2, n), LATERAL (SELECT '$1', alai_key.c2::text, alai_key.c1) AS alai_row");
  CHECK(
      Batch("SELECT t FROM tags WHERE id=$1 ORDER BY t", Type::kList, "m:{a:bigint}") ==
      "SELECT alai_key.n, alai_row.element FROM unnest($1::bigint[]) WITH ORDINALITY AS "
      "alai_key(c1, n), "
      "LATERAL (SELECT row_number() OVER (), alai_query.* FROM (SELECT t FROM tags WHERE "
      "id=alai_key.c1 "
      "ORDER BY t) AS alai_query) AS alai_row(place, element) ORDER BY alai_key.n, alai_row.place");
}

TEST_CASE("The table of a simple query is found") {
  CHECK(TableOf("SELECT to_jsonb(m) FROM memories m WHERE id = $1") == "memories: id");
  CHECK(TableOf("select * from App.Memories as m where m.ID = $1::uuid limit 1") ==
        "app.memories: id");
  CHECK(TableOf("SELECT x FROM ONLY \"My Table\" WHERE \"My Table\".\"Key\"=$1 ORDER BY x") ==
        "\"My Table\": \"Key\"");
  CHECK(TableOf("SELECT x FROM t WHERE $1 = id AND deleted IS NULL AND n IN (1, 2)") == "t: id");
  CHECK(TableOf("SELECT x FROM t WHERE b = $2 AND a = $1 FOR SHARE", 2) == "t: a,b");
  CHECK(TableOf("SELECT extract(day FROM d) FROM t WHERE id = $1 GROUP BY d") == "t: id");
}

TEST_CASE("Of other queries no table is taken for granted") {
  for (const char* sql : {"SELECT $1",
                          "SELECT x FROM t",
                          "SELECT x FROM t, u WHERE id = $1",
                          "SELECT x FROM t JOIN u USING (id) WHERE id = $1",
                          "SELECT x FROM f($1) WHERE id = $1",
                          "SELECT x FROM (SELECT * FROM t) s WHERE id = $1",
                          "SELECT x FROM t WHERE id = $1 OR id = 5",
                          "SELECT x FROM t WHERE id > $1",
                          "SELECT x FROM t WHERE id = $1 + 1",
                          "SELECT x FROM t WHERE NOT id = $1",
                          "SELECT x FROM t WHERE id = ANY(ARRAY[$1])",
                          "SELECT x FROM t WHERE lower(id) = $1",
                          "SELECT x FROM t WHERE u.id = $1",
                          "SELECT x FROM t WHERE a BETWEEN 1 AND id = $1",
                          "SELECT x FROM t WHERE id = $1 UNION SELECT y FROM u",
                          "SELECT x FROM t WHERE id = $1 LIMIT 1 UNION SELECT y FROM u",
                          "WITH t AS (TABLE u) SELECT x FROM t WHERE id = $1",
                          "SELECT x FROM",
                          "SELECT x FROM t.",
                          "VALUES ($1)",
                          "(SELECT x FROM t WHERE id = $1)"}) {
    INFO(sql);
    CHECK(TableOf(sql) == "-");
  }
  CHECK(TableOf("SELECT x FROM t WHERE a = $1", 2) == "-");
}

TEST_CASE("Names of tables and columns are read as SQL") {
  std::string table;
  REQUIRE(ReadTableName("App . \"Big One\"", &table).ok());
  CHECK(table == "app.\"Big One\"");
  CHECK(TableNameParts(table) == std::vector<std::string>{"app", "Big One"});
  for (const char* text : {"", "a b", "a.b.c", "a.", ".a", "a;b", "a,b", "'a'", "1"}) {
    INFO(text);
    CHECK(ReadTableName(text, &table).message() ==
          "it must be a table's name, perhaps with its schema");
  }
  std::vector<std::string> columns;
  REQUIRE(ReadColumnNames("a, B,\"C,d\"", &columns).ok());
  CHECK(columns == std::vector<std::string>{"a", "b", "C,d"});
  CHECK(ColumnNamesText(columns) == "a,b,\"C,d\"");
  CHECK(ReadColumnNames("a,,b", &columns).message() ==
        "it must be the names of columns, with commas between them");
}

}  // namespace
}  // namespace alai::origin
