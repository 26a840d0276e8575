// Values in the form of PostgreSQL, and the connection string.

#include <unistd.h>

#include <cstdio>
#include <string>

#include "storage/origin/postgres_address.h"
#include "storage/origin/postgres_connection.h"
#include "storage/origin/postgres_text.h"
#include "tests/catch.h"

namespace alai::origin {
namespace {

std::string Completed(const std::string& url, const std::string& password_file = "") {
  std::string text;
  const absl::Status status = ConnectionString({url, password_file}, &text);
  return status.ok() ? text : std::string(status.message());
}

TEST_CASE("Elements of an array keep their quotes, backslashes and commas") {
  ArrayLiteral array;
  array.Add("a");
  array.Add("");
  array.Add("b\"c\\d,{}'");
  array.Add("NULL");
  CHECK(array.Finish() == R"({"a","","b\"c\\d,{}'","NULL"})");
  CHECK(ArrayLiteral().Finish() == "{}");
}

TEST_CASE("Bytes of a bytea are decoded") {
  std::string bytes;
  REQUIRE(DecodeBytea("\\x00fF41", &bytes));
  CHECK(bytes == std::string("\x00\xff\x41", 3));
  CHECK(ByteaSize("\\x00fF41") == 3);
  REQUIRE(DecodeBytea("\\x", &bytes));
  CHECK(bytes.empty());
  CHECK_FALSE(DecodeBytea("\\x0", &bytes));
  CHECK_FALSE(DecodeBytea("\\x0g", &bytes));
  CHECK_FALSE(DecodeBytea("abc\\001", &bytes));
}

TEST_CASE("What a database says becomes one line") {
  CHECK(OneLine("ERROR:  relation \"m\" does not exist\nLINE 1: SELECT * FROM m\n                  "
                "    ^\n"
                "HINT:  None.\n") == "relation \"m\" does not exist; HINT:  None.");
  CHECK(OneLine("FATAL:  no\n") == "FATAL:  no");
  CHECK(OneLine("a\tb\r\n\nc") == "a b ; c");
  CHECK(OneLine("") == "");
}

TEST_CASE("A connection string is completed with what was not said") {
  const std::string text = Completed("postgresql://me@db.example/app?connect_timeout=9");
  CHECK(text.find("user='me'") != std::string::npos);
  CHECK(text.find("host='db.example'") != std::string::npos);
  CHECK(text.find("dbname='app'") != std::string::npos);
  CHECK(text.find("connect_timeout='9'") != std::string::npos);
  CHECK(text.find("connect_timeout='2'") == std::string::npos);
  CHECK(text.find("tcp_user_timeout='10000'") != std::string::npos);
  CHECK(text.find("client_encoding='UTF8'") != std::string::npos);
  CHECK(Completed("dbname = 'a\\'b\\\\c'").find("dbname='a\\'b\\\\c'") != std::string::npos);
  CHECK(Completed("host").find("missing \"=\" after \"host\"") != std::string::npos);
}

TEST_CASE("A password is read from the first line of its file") {
  const std::string path = "/tmp/alai-password-" + std::to_string(getpid());
  std::FILE* file = std::fopen(path.c_str(), "w");
  REQUIRE(file != nullptr);
  std::fputs("it's\r\nnot this\n", file);
  std::fclose(file);
  CHECK(Completed("dbname=app", path).ends_with(" password='it\\'s'"));
  std::remove(path.c_str());
  CHECK(Completed("dbname=app", path) == "the password file " + path + " cannot be read");
}

}  // namespace
}  // namespace alai::origin
