// Checks of rules, writes, lists of keys and statements on a real PostgreSQL.

#include <string>

#include "tests/storage/postgres/fixture.h"

namespace alai::origin {
namespace {

std::string Check(const Rule& rule) {
  PostgresSource source(Local());
  return std::string(source.Check(rule, kTimeout).message());
}

struct Table : EmptySchema {
  Table() {
    Sql("CREATE TABLE m (id integer PRIMARY KEY, v text NOT NULL);"
        "INSERT INTO m SELECT i, 'v' || i FROM generate_series(1, 10) i");
  }
};

Rule OfType(Type type, std::string query) { return MakeRule("m:{id:int}", type, std::move(query)); }

TEST_CASE_METHOD(Table, "A rule whose statements fit its type passes") {
  CHECK(Check(OfType(Type::kString, "SELECT v FROM m WHERE id = $1")) == "");
  CHECK(Check(OfType(Type::kHash, "SELECT * FROM m WHERE id = $1")) == "");
  CHECK(Check(OfType(Type::kList, "SELECT v FROM m WHERE id < $1 -- all below")) == "");
  CHECK(Check(OfType(Type::kSortedSet, "SELECT v, id FROM m WHERE id < $1")) == "");
}

TEST_CASE_METHOD(Table,
                 "What a rule's statements lack is told in the database's words or in ours") {
  CHECK(Check(OfType(Type::kString, "SELECT v FROM n WHERE id = $1")) ==
        "relation \"n\" does not exist");
  CHECK(Check(OfType(Type::kString, "SELECT w FROM m WHERE id = $1")) ==
        "column \"w\" does not exist");
  CHECK(Check(OfType(Type::kString, "SELEC v")) == "syntax error at or near \"SELEC\"");
  CHECK(Check(OfType(Type::kString, "SELECT v FROM m WHERE id = $1::uuid")) ==
        "cannot cast type integer to uuid");
  CHECK(Check(OfType(Type::kSet, "SELECT v, id FROM m WHERE id = $1")) ==
        "a set takes 1 column; the query gives 2");
  CHECK(Check(OfType(Type::kList, "SELECT v, id FROM m WHERE id = $1")) ==
        "a list takes 1 column; the query gives 2");
  CHECK(Check(OfType(Type::kSortedSet, "SELECT v FROM m WHERE id = $1")) ==
        "a zset takes 2 columns, member and score; the query gives 1");
  CHECK(Check(OfType(Type::kSortedSet, "SELECT id, v FROM m WHERE id = $1")) ==
        "the second column of a zset is its score, a number");
  CHECK(Check(OfType(Type::kHash, "SELECT v, v FROM m WHERE id = $1")) ==
        "a hash needs columns of different names, two are \"v\"");
  CHECK(Check(OfType(Type::kString, "SELECT row(id, v) FROM m WHERE id = $1")) ==
        "the query's column \"row\" has no single value");
  CHECK(Check(OfType(Type::kString, "SELECT v FROM m WHERE id = $1; DROP TABLE m"))
            .starts_with("cannot insert multiple commands"));
  CHECK(Sql("SELECT count(*) FROM m") == "10");
}

TEST_CASE_METHOD(Table, "A batch query that was given has to say which key a row is of") {
  Rule rule = OfType(Type::kString, "SELECT v FROM m WHERE id = $1");
  rule.batch_query_given = true;
  rule.batch_query = "SELECT id, v FROM m WHERE id = ANY($1)";
  CHECK(Check(rule) == "");
  rule.batch_query = "SELECT v FROM m WHERE id = ANY($1)";
  CHECK(Check(rule) ==
        "the batch query gives 1 columns, of which the first 1 say which key a row is of");
  rule.type = Type::kList;
  rule.batch_query = "SELECT id, id, v FROM m WHERE id = ANY($1)";
  CHECK(Check(rule) == "a list takes 1 column; the query gives 2");
}

TEST_CASE_METHOD(Table, "Statements that write are checked, too") {
  Rule rule = OfType(Type::kString, "SELECT v FROM m WHERE id = $1");
  rule.upsert = "INSERT INTO m VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET v = $2";
  rule.erase = "DELETE FROM m WHERE id = $1";
  CHECK(Check(rule) == "");
  rule.erase = "DELETE FROM n WHERE id = $1";
  CHECK(Check(rule) == "relation \"n\" does not exist");
  CHECK(Sql("SELECT count(*) FROM m") == "10");
}

TEST_CASE_METHOD(Table, "The table of a trigger is there, and has the columns of which it tells") {
  Sql("CREATE TABLE \"Odd name\" (\"K\" text); CREATE VIEW app.seen AS SELECT id, v FROM m");
  Rule rule = OfType(Type::kString, "SELECT v FROM m WHERE id = $1");
  const auto check = [&rule](std::string table, std::vector<std::string> columns) {
    rule.table = std::move(table);
    rule.columns = std::move(columns);
    return Check(rule);
  };
  CHECK(check("m", {"id"}) == "");
  CHECK(check("app.m", {"id", "v"}) == "");
  CHECK(check("seen", {"v"}) == "");
  CHECK(check("\"Odd name\"", {"K"}) == "");
  CHECK(check("n", {"id"}) == "the table \"n\", which a trigger would watch, does not exist");
  CHECK(check("nosuch.m", {"id"}) ==
        "the table \"nosuch\".\"m\", which a trigger would watch, does not exist");
  CHECK(check("m", {"id", "w", "x"}) ==
        "the table \"m\" has no column \"w\", of which a trigger would tell");
  CHECK(check("\"Odd name\"", {"k"}) ==
        "the table \"Odd name\" has no column \"k\", of which a trigger would tell");
  Sql("ALTER TABLE m DROP COLUMN v CASCADE; ALTER TABLE m ADD v text");
  CHECK(check("m", {"v"}) == "");
}

TEST_CASE_METHOD(Table, "Writes reach the database all or none") {
  PostgresSource source(Local());
  const auto write = [&source](const Rule& rule, const std::vector<WriteRequest>& requests) {
    std::vector<RuledWrite> writes;
    for (const WriteRequest& request : requests) writes.push_back({rule, request});
    return source.Write(writes, kTimeout, kTimeout);
  };
  Rule rule = OfType(Type::kString, "SELECT v FROM m WHERE id = $1");
  rule.upsert = "INSERT INTO m VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET v = $2";
  rule.erase = "DELETE FROM m WHERE id = $1";
  const std::vector<WriteRequest> good = {{{"1"}, "it's"}, {{"11"}, ""}, {{"2"}, std::nullopt}};
  CHECK(write(rule, good).ok());
  CHECK(Sql("SELECT string_agg(id || '=' || v, ' ' ORDER BY id) FROM m WHERE id IN (1, 2, 11)") ==
        "1=it's 11=");
  Sql("ALTER TABLE m ADD CHECK (v <> 'bad')");
  const std::vector<WriteRequest> bad = {{{"3"}, "x"}, {{"4"}, "bad"}};
  const absl::Status status = write(rule, bad);
  CHECK(std::string(status.message())
            .starts_with("new row for relation \"m\" violates check constraint"));
  CHECK(status.code() == absl::StatusCode::kFailedPrecondition);
  const auto state = status.GetPayload(absl::string_view(kSqlState.data(), kSqlState.size()));
  REQUIRE(state.has_value());
  CHECK(*state == "23514");
  CHECK(Sql("SELECT v FROM m WHERE id = 3") == "v3");
  const std::vector<WriteRequest> no_text = {{{"3"}, std::string("a\0b", 3)}};
  CHECK(write(rule, no_text).code() == absl::StatusCode::kInvalidArgument);
}

TEST_CASE_METHOD(Table, "Each statement of a write has the time that is left for all of them") {
  PostgresSource source(Local());
  Rule rule = OfType(Type::kString, "SELECT v FROM m WHERE id = $1");
  rule.upsert =
      "INSERT INTO m SELECT $1::integer, current_setting('statement_timeout')"
      " FROM pg_sleep($2::text::float)";
  const std::vector<WriteRequest> requests = {{{"21"}, "0"}, {{"22"}, "0.3"}, {{"23"}, "0"}};
  std::vector<RuledWrite> writes;
  for (const WriteRequest& request : requests) writes.push_back({rule, request});
  const auto share_of = [](const std::string& id) {
    return std::stoi(Sql("SELECT extract(epoch FROM v::interval) * 1000 FROM m WHERE id = " + id));
  };
  using std::chrono::milliseconds;
  SECTION("One that comes late has less of it") {
    REQUIRE(source.Write(writes, milliseconds(30'000), milliseconds(30'000)).ok());
    CHECK(share_of("23") <= 29'700);
    CHECK(share_of("23") > 0);
  }
  SECTION("While there is enough, as much as one may take") {
    REQUIRE(source.Write(writes, milliseconds(20'000), milliseconds(300'000)).ok());
    for (const char* id : {"21", "22", "23"}) CHECK(share_of(id) == 20'000);
  }
  SECTION("None outlasts the time of all") {
    const absl::Status status = source.Write(writes, milliseconds(20'000), milliseconds(290));
    CHECK(absl::IsDeadlineExceeded(status));
    CHECK(Sql("SELECT count(*) FROM m WHERE id > 20") == "0");
  }
}

TEST_CASE_METHOD(Table, "Keys are listed up to a limit, or until enough have come") {
  PostgresSource source(Local());
  Sql("INSERT INTO m SELECT i, '' FROM generate_series(11, 2500) i");
  const Rule rule = OfType(Type::kString, "SELECT v FROM m WHERE id = $1");
  std::vector<std::string> ids;
  const auto visit = [&](KeyArguments key) {
    ids.push_back(key[0]);
    return ids.size() != 2200;
  };
  REQUIRE(source.ListKeys(rule, "SELECT id FROM m ORDER BY id", 1500, visit).ok());
  CHECK(ids.size() == 1500);
  CHECK(ids.back() == "1500");
  ids.clear();
  REQUIRE(source.ListKeys(rule, "SELECT id FROM m", 1'000'000, visit).ok());
  CHECK(ids.size() == 2200);
  ids.clear();
  REQUIRE(source.ListKeys(rule, "SELECT NULLIF(id, 2) FROM m WHERE id < 4", 10, visit).ok());
  CHECK(ids == std::vector<std::string>{"1", "3"});
  CHECK(source.ListKeys(rule, "SELECT id, v FROM m", 10, visit).message() ==
        "the query gives 2 columns, keys of the rule have 1 captures");
  CHECK_FALSE(source.ListKeys(rule, "SELECT 1; DROP TABLE m", 10, visit).ok());
  CHECK_FALSE(source.ListKeys(rule, "DELETE FROM m", 10, visit).ok());
  CHECK(Sql("SELECT count(*) FROM m") == "2500");
}

TEST_CASE_METHOD(Table, "Statements are executed all or none, and leave no setting behind") {
  PostgresSource source(Local());
  CHECK(source.Execute("CREATE TABLE a (x int); CREATE TABLE b (x int)", kTimeout).ok());
  const absl::Status status =
      source.Execute("CREATE TABLE c (x int); CREATE TABLE a (x int)", kTimeout);
  CHECK(status.message() == "relation \"a\" already exists");
  CHECK(Sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'app'") == "3");
  std::string left;
  const Rule rule = MakeRule("t:{t:text}", Type::kString, "SELECT $1");
  REQUIRE(source
              .ListKeys(rule, "SELECT current_setting('statement_timeout')", 1,
                        [&](KeyArguments key) { return left = key[0], true; })
              .ok());
  CHECK(left == "0");
}

}  // namespace
}  // namespace alai::origin
