// Loading from a real PostgreSQL: values of every type, what keys may hold, and what can go wrong.

#include <string>
#include <thread>

#include "engine/base/random.h"
#include "tests/storage/postgres/fixture.h"

namespace alai::origin {
namespace {

using Row = std::vector<Loaded::Cell>;
using Rows = std::vector<Row>;

constexpr auto kNothing = std::nullopt;

LoadResult Load(PostgresSource* source, const Rule& rule, const std::vector<KeyArguments>& keys) {
  LoadResult result;
  const absl::Status status = source->Load(rule, keys, kTimeout, &result);
  INFO(status.ToString());
  REQUIRE(status.ok());
  REQUIRE(result.keys.size() == keys.size());
  return result;
}

absl::Status StatusOfLoad(PostgresSource* source, const Rule& rule,
                          std::chrono::milliseconds timeout = kTimeout) {
  LoadResult result;
  const std::vector<KeyArguments> keys = {{"1"}};
  return source->Load(rule, keys, timeout, &result);
}

Rule Number() { return MakeRule("n:{id:int}", Type::kString, "SELECT $1::text"); }

void RequireGood(PostgresSource* source) {
  CHECK(Load(source, Number(), {{"1"}}).keys[0].rows == Rows{{"1"}});
}

TEST_CASE_METHOD(EmptySchema, "Many keys are loaded by one query, in their order") {
  Sql("CREATE TABLE m AS SELECT i AS id, 'value ' || i AS v FROM generate_series(1, 1000) i");
  PostgresSource source(Local());
  const Rule rule = MakeRule("m:{id:int}", Type::kString, "SELECT v FROM m WHERE id = $1");
  const LoadResult result = Load(&source, rule, {{"7"}, {"0"}, {"999"}, {"7"}});
  CHECK(result.keys[0].rows == Rows{{"value 7"}});
  CHECK(result.keys[1].rows.empty());
  CHECK(result.keys[2].rows == Rows{{"value 999"}});
  CHECK(result.keys[3].rows == Rows{{"value 7"}});
  CHECK(Load(&source, rule, {}).keys.empty());
}

TEST_CASE_METHOD(EmptySchema, "A batch query that was given names the key of each row") {
  Sql("CREATE TABLE p AS SELECT a, b, a || '/' || b AS v"
      "  FROM generate_series(1, 5) a, unnest('{x,\"y z\"}'::text[]) b");
  PostgresSource source(Local());
  Rule rule = MakeRule("p:{a:int}:{b:text}", Type::kString, "SELECT v FROM p WHERE a = $1");
  rule.batch_query_given = true;
  rule.batch_query =
      "SELECT p.* FROM p JOIN unnest($1::integer[], $2::text[]) AS k(a, b) USING (a, b) ORDER BY a "
      "DESC";
  const LoadResult result = Load(&source, rule, {{"2", "x"}, {"9", "x"}, {"5", "y z"}});
  CHECK(result.columns == std::vector<std::string>{"v"});
  CHECK(result.keys[0].rows == Rows{{"2/x"}});
  CHECK(result.keys[1].rows.empty());
  CHECK(result.keys[2].rows == Rows{{"5/y z"}});
  rule.batch_query = "SELECT * FROM p WHERE a = ANY($1) AND b <> ALL($2)";
  LoadResult wrong;
  const std::vector<KeyArguments> keys = {{"2", "x"}};
  // No single key's fault, so the batch is not to be split.
  CHECK(
      source.Load(rule, keys, kTimeout, &wrong) ==
      absl::FailedPreconditionError("the batch query gave a row of a key that was not asked for"));
}

TEST_CASE_METHOD(EmptySchema, "Columns have names, cells may be NULL, bytes are decoded") {
  Sql("CREATE TABLE u (id bigint, name text, photo bytea, data jsonb);"
      "INSERT INTO u VALUES (1, '', '\\x00ff', '{\"a\": 1}'), (2, NULL, NULL, NULL)");
  PostgresSource source(Local());
  const Rule rule =
      MakeRule("u:{id:bigint}", Type::kHash, "SELECT name, photo, data FROM u WHERE id = $1");
  const LoadResult result = Load(&source, rule, {{"1"}, {"2"}});
  CHECK(result.columns == std::vector<std::string>{"name", "photo", "data"});
  CHECK(result.keys[0].rows == Rows{{"", std::string("\0\xff", 2), "{\"a\": 1}"}});
  CHECK(result.keys[1].rows == Rows{{kNothing, kNothing, kNothing}});
}

TEST_CASE_METHOD(EmptySchema, "Lists and sorted sets have a row for each element, strings one") {
  PostgresSource source(Local());
  const std::string series = "SELECT i::text AS e, i * 0.5 AS score FROM generate_series(1, $1) i";
  const Rule zset = MakeRule("z:{n:int}", Type::kSortedSet, series);
  CHECK(Load(&source, zset, {{"2"}, {"0"}}).keys[0].rows == Rows{{"1", "0.5"}, {"2", "1.0"}});
  const Rule list =
      MakeRule("l:{n:int}", Type::kList, "SELECT i::text FROM generate_series(1, $1) i");
  const LoadResult lists = Load(&source, list, {{"1"}, {"3"}});
  CHECK(lists.keys[0].rows == Rows{{"1"}});
  CHECK(lists.keys[1].rows == Rows{{"1"}, {"2"}, {"3"}});
  Rule string = list;
  string.type = Type::kString;
  CHECK(Load(&source, string, {{"3"}}).keys[0].rows == Rows{{"1"}});
}

TEST_CASE_METHOD(EmptySchema, "Of a string the first column counts") {
  PostgresSource source(Local());
  const Rule rule = MakeRule("n:{n:int}", Type::kString, "SELECT $1::text AS a, 'more' AS b");
  CHECK(source.Check(rule, kTimeout).ok());
  const LoadResult result = Load(&source, rule, {{"7"}});
  CHECK(result.columns == std::vector<std::string>{"a"});
  CHECK(result.keys[0].rows == Rows{{"7"}});
}

TEST_CASE_METHOD(EmptySchema, "What a key holds arrives as it is, whatever its characters") {
  PostgresSource source(Local());
  const Rule rule = MakeRule("t:{t:text}", Type::kString, "SELECT $1 || '!'");
  std::vector<KeyArguments> keys = {
      {"'; DROP TABLE m; --"}, {"{\"a\\\",NULL}"}, {"NULL"}, {" "}, {"\xc3\xa9\xf0\x9f\x98\x80"}};
  Random random(20261129);
  constexpr std::string_view kPieces[] = {"\"", "\\", ",",  "{", "}",
                                          "'",  "$1", "\n", "x", "\xc3\xbc"};
  for (int i = 0; i < 200; ++i) {
    std::string text;
    for (uint64_t n = random.Below(12) + 1; n > 0; --n)
      text += kPieces[random.Below(std::size(kPieces))];
    keys.push_back({text});
  }
  const LoadResult result = Load(&source, rule, keys);
  for (size_t i = 0; i < keys.size(); ++i) CHECK(result.keys[i].rows == Rows{{keys[i][0] + "!"}});
}

TEST_CASE_METHOD(EmptySchema, "Keys that no text can equal are not there, and the others are") {
  PostgresSource source(Local());
  const Rule rule = MakeRule("t:{t:text}", Type::kString, "SELECT $1 || '!'");
  const LoadResult result =
      Load(&source, rule, {{std::string("\0", 1)}, {"a"}, {"\xff"}, {"\xed\xa0\x80"}, {"b"}});
  CHECK(result.keys[0].rows.empty());
  CHECK(result.keys[1].rows == Rows{{"a!"}});
  CHECK(result.keys[2].rows.empty());
  CHECK(result.keys[3].rows.empty());
  CHECK(result.keys[4].rows == Rows{{"b!"}});
}

TEST_CASE_METHOD(EmptySchema, "A value beyond its limit is said to be too large") {
  PostgresSource source(Local());
  Rule rule = MakeRule("n:{n:int}", Type::kString, "SELECT repeat('x', $1)");
  rule.value_bytes_max = 100;
  const LoadResult result = Load(&source, rule, {{"100"}, {"101"}, {"1"}});
  CHECK(result.keys[0].rows == Rows{{std::string(100, 'x')}});
  CHECK_FALSE(result.keys[0].too_large);
  CHECK(result.keys[1].too_large);
  CHECK(result.keys[1].rows.empty());
  CHECK(result.keys[2].rows == Rows{{"x"}});
  Rule bytes =
      MakeRule("n:{n:int}", Type::kList, "SELECT '\\x00ff'::bytea FROM generate_series(1, $1)");
  bytes.value_bytes_max = 10;
  const LoadResult lists = Load(&source, bytes, {{"5"}, {"6"}});
  CHECK(lists.keys[0].rows.size() == 5);
  CHECK(lists.keys[1].too_large);
}

TEST_CASE_METHOD(EmptySchema, "A statement that fails leaves a good connection") {
  PostgresSource source(Local());
  const Rule dropped = MakeRule("m:{id:int}", Type::kString, "SELECT v FROM gone WHERE id = $1");
  const absl::Status missing = StatusOfLoad(&source, dropped);
  CHECK(missing.code() == absl::StatusCode::kFailedPrecondition);
  CHECK(missing.message() == "relation \"gone\" does not exist");
  const std::string process =
      Sql("SELECT pid FROM pg_stat_activity WHERE application_name = 'alai'");
  RequireGood(&source);
  const Rule by_zero = MakeRule("m:{id:int}", Type::kString, "SELECT (1 / ($1 - 1))::text");
  CHECK(StatusOfLoad(&source, by_zero).code() == absl::StatusCode::kInvalidArgument);
  RequireGood(&source);
  const Rule many =
      MakeRule("m:{id:int}", Type::kString, "SELECT (SELECT generate_series(0, $1))::text");
  const auto state =
      StatusOfLoad(&source, many).GetPayload(absl::string_view(kSqlState.data(), kSqlState.size()));
  CHECK((state.has_value() && *state == "21000"));
  RequireGood(&source);
  CHECK(Sql("SELECT pid FROM pg_stat_activity WHERE application_name = 'alai'") == process);
}

TEST_CASE_METHOD(EmptySchema, "A statement that takes too long is ended by the database") {
  PostgresSource source(Local());
  const Rule slow = MakeRule("m:{id:int}", Type::kString, "SELECT pg_sleep($1 * 30)::text");
  const absl::Status status = StatusOfLoad(&source, slow, std::chrono::milliseconds(50));
  CHECK(status.code() == absl::StatusCode::kDeadlineExceeded);
  CHECK(status.message() == "canceling statement due to statement timeout");
  RequireGood(&source);
}

TEST_CASE_METHOD(EmptySchema, "A query may not write") {
  Sql("CREATE TABLE log (id integer);"
      "CREATE FUNCTION noted(i integer) RETURNS text LANGUAGE sql AS "
      "'INSERT INTO log VALUES (i) RETURNING id::text'");
  PostgresSource source(Local());
  const Rule writing = MakeRule("m:{id:int}", Type::kString, "SELECT noted($1)");
  const absl::Status status = StatusOfLoad(&source, writing);
  CHECK(status.message() == "cannot execute INSERT in a read-only transaction");
  CHECK(Sql("SELECT count(*) FROM log") == "0");
}

void EndBackends() {
  Sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'alai'");
}

TEST_CASE_METHOD(EmptySchema, "A connection that died while it was idle is replaced at once") {
  PostgresSource source(Local());
  RequireGood(&source);
  EndBackends();
  REQUIRE(WaitFor([] {
    return Sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'alai'") == "0";
  }));
  RequireGood(&source);
}

TEST_CASE_METHOD(EmptySchema, "A connection that breaks under a statement is not used again") {
  PostgresSource source(Local());
  const Rule slow = MakeRule("m:{id:int}", Type::kString, "SELECT pg_sleep($1 * 30)::text");
  absl::Status status;
  std::thread call([&] { status = StatusOfLoad(&source, slow, std::chrono::minutes(1)); });
  CHECK(WaitFor([] {
    return Sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == "1";
  }));
  EndBackends();
  call.join();
  CHECK(status.code() == absl::StatusCode::kUnavailable);
  RequireGood(&source);
}

TEST_CASE_METHOD(EmptySchema, "An interrupted call ends, and the next one works") {
  PostgresSource source(Local());
  source.Interrupt();
  RequireGood(&source);
  source.Interrupt();
  const Rule slow = MakeRule("m:{id:int}", Type::kString, "SELECT pg_sleep($1 * 30)::text");
  absl::Status status;
  std::thread call([&] { status = StatusOfLoad(&source, slow, std::chrono::seconds(2)); });
  CHECK(WaitFor([] {
    return Sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == "1";
  }));
  source.Interrupt();
  call.join();
  CHECK(status.code() == absl::StatusCode::kUnavailable);
  CHECK(status.message() == "the database did not answer in time");
  RequireGood(&source);
}

TEST_CASE("Nobody there, a wrong password and an impossible url are told") {
  const std::string tcp = Variable("ALAI_POSTGRES_TCP_URL");
  PostgresSource right({tcp, ""});
  RequireGood(&right);
  std::string url = tcp;
  PostgresSource wrong({url.replace(url.find(":correct"), 8, ":wrong"), ""});
  const absl::Status refused = wrong.Ping(kTimeout);
  CHECK(refused.code() == absl::StatusCode::kUnavailable);
  CHECK(refused.message().find("password authentication failed for user \"app\"") !=
        absl::string_view::npos);
  PostgresSource nobody({"host=127.0.0.1 port=1", ""});
  CHECK(nobody.Ping(kTimeout).code() == absl::StatusCode::kUnavailable);
  PostgresSource nonsense({"postgresql://[", ""});
  CHECK(nonsense.Ping(kTimeout).code() == absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace alai::origin
