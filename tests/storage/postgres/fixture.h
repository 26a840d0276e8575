// What the tests of PostgreSQL share: the private database that tests/system/postgres.py has started, and
// rules whose batch queries are written out.
#pragma once

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <functional>
#include <pqxx/pqxx>
#include <string>
#include <string_view>
#include <vector>

#include "storage/origin/postgres_source.h"
#include "tests/catch.h"

namespace alai::origin {

constexpr std::chrono::milliseconds kTimeout{5000};

inline std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr) FAIL(name << " is not set: tests/system/postgres.py run PROGRAM sets it");
  return value;
}

// How sources and listeners reach the database: over the unix socket, without a password, or through the
// pooler that ALAI_POOLER_URL names.
inline PostgresAddress Local() {
  const char* pooler = std::getenv("ALAI_POOLER_URL");
  return {pooler == nullptr ? Variable("ALAI_POSTGRES_URL") : pooler, ""};
}

// Runs statements over a connection of its own and gives the first cell of the last result.
inline std::string Sql(const std::string& statements) {
  pqxx::connection connection(Variable("ALAI_POSTGRES_URL"));
  pqxx::nontransaction transaction(connection);
  const pqxx::result rows = transaction.exec(statements);
  return rows.empty() || rows.columns() == 0 ? "" : rows[0][0].as<std::string>("");
}

// An empty schema for a test case.
struct EmptySchema {
  EmptySchema() { Sql("DROP OWNED BY app; CREATE SCHEMA app"); }
};

// `batch_query` as it would be made from `query`, for one capture: every "$1" is "k.c1" there.
inline Rule MakeRule(std::string_view pattern, Type type, std::string query) {
  Rule rule;
  rule.name = "test";
  REQUIRE(KeyPattern::Parse(pattern, &rule.pattern).ok());
  rule.type = type;
  rule.query = query;
  for (size_t at; (at = query.find("$1")) != std::string::npos;) query.replace(at, 2, "k.c1");
  rule.batch_query =
      "SELECT k.n, q.* FROM unnest($1::" + std::string(SqlType(rule.pattern.captures()[0].type)) +
      "[]) WITH ORDINALITY AS k(c1, n), LATERAL (" + query + "\n) AS q";
  return rule;
}

inline bool WaitFor(const std::function<bool()>& condition,
                    std::chrono::milliseconds time = std::chrono::seconds(10)) {
  for (; time.count() > 0; time -= std::chrono::milliseconds(10)) {
    if (condition()) return true;
    usleep(10'000);
  }
  return condition();
}

}  // namespace alai::origin
