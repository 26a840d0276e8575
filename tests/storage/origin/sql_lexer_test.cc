// Tokens of SQL: above all what is none of its parameters, and where quotes end.
#include "storage/origin/sql_lexer.h"

#include "tests/catch.h"

namespace alai::origin {
namespace {

// The tokens with blanks between them, each with a letter for its kind.
std::string Tokens(std::string_view sql) {
  std::vector<SqlToken> tokens;
  const absl::Status status = TokenizeSql(sql, &tokens);
  if (!status.ok()) return "error: " + std::string(status.message());
  std::string text;
  for (const SqlToken& token : tokens) {
    if (!text.empty()) text += ' ';
    text.append(1, "WQTNPS"[static_cast<size_t>(token.kind)]).append(":").append(token.text);
  }
  return text;
}

TEST_CASE("SQL is taken apart into words, names, texts, numbers and parameters") {
  CHECK(Tokens("") == "");
  CHECK(Tokens(" \t\r\n\f\v") == "");
  CHECK(Tokens("SELECT a.b FROM t WHERE id=$1") ==
        "W:SELECT W:a S:. W:b W:FROM W:t W:WHERE W:id S:= P:$1");
  CHECK(Tokens("_x$1 gr\xc3\xbc\xc3\x9f e n b x u") ==
        "W:_x$1 W:gr\xc3\xbc\xc3\x9f W:e W:n W:b W:x W:u");
  CHECK(Tokens("1 1.5 .5 1e-5 1E+5 0x1f 1_000 1-5") ==
        "N:1 N:1.5 N:.5 N:1e-5 N:1E+5 N:0x1f N:1_000 N:1 S:- N:5");
  CHECK(Tokens("$1::uuid[]") == "P:$1 S:: S:: W:uuid S:[ S:]");
  CHECK(Tokens("$65535") == "P:$65535");
}

TEST_CASE("What is quoted is one token") {
  CHECK(Tokens("'$1'") == "T:'$1'");
  CHECK(Tokens("'it''s $1'$2") == "T:'it''s $1' P:$2");
  CHECK(Tokens(R"('a\' $1)") == R"(T:'a\' P:$1)");
  CHECK(Tokens(R"(E'a\' $1' $2)") == R"(T:E'a\' $1' P:$2)");
  CHECK(Tokens(R"(e'\\' $1)") == R"(T:e'\\' P:$1)");
  CHECK(Tokens("E'a'\n'\\' $1' $2") == "T:E'a'\n'\\' $1' P:$2");
  CHECK(Tokens("E'a'\n-- note\n '\\' $1' $2") == "T:E'a'\n-- note\n '\\' $1' P:$2");
  CHECK(Tokens("E'a' '\\' $1") == "T:E'a' T:'\\' P:$1");
  CHECK(Tokens("E'a''b' $1") == "T:E'a''b' P:$1");
  CHECK(Tokens("B'01' x'1F' N'$1' U&'d\\0061' u&\"$1\"") ==
        "T:B'01' T:x'1F' T:N'$1' T:U&'d\\0061' T:u&\"$1\"");
  CHECK(Tokens("\"a \"\"$1\"\" b\" $2") == "Q:\"a \"\"$1\"\" b\" P:$2");
  CHECK(Tokens("$$ $1 ' $$ $2") == "T:$$ $1 ' $$ P:$2");
  CHECK(Tokens("$a_1$ $$ $1 $a$ $a_1$,$2") == "T:$a_1$ $$ $1 $a$ $a_1$ S:, P:$2");
  CHECK(Tokens("a$b$ $1") == "W:a$b$ P:$1");
}

TEST_CASE("Comments are left out, and nest") {
  CHECK(Tokens("a--$1 '\nb") == "W:a W:b");
  CHECK(Tokens("a-- no end") == "W:a");
  CHECK(Tokens("a/* $1 /* ' */ \" */b") == "W:a W:b");
  CHECK(Tokens("a/**/b/***/c") == "W:a W:b W:c");
  CHECK(Tokens("a - -b * /c") == "W:a S:- S:- W:b S:* S:/ W:c");
}

TEST_CASE("What does not end is refused with its place") {
  CHECK(Tokens("a 'b") == "error: a quote is not closed at character 3");
  CHECK(Tokens("a 'b''") == "error: a quote is not closed at character 3");
  CHECK(Tokens("E'b\\'") == "error: a quote is not closed at character 2");
  CHECK(Tokens("E'b\\") == "error: a quote is not closed at character 2");
  CHECK(Tokens("E'b'\n'\\") == "error: a quote is not closed at character 6");
  CHECK(Tokens("\"b") == "error: a quote is not closed at character 1");
  CHECK(Tokens("\"\"") == "error: a quoted name is empty at character 1");
  CHECK(Tokens("$a$ $A$") == "error: a dollar quote is not closed at character 1");
  CHECK(Tokens("a /* /* */") == "error: a comment is not closed at character 3");
  CHECK(Tokens("/*") == "error: a comment is not closed at character 1");
  CHECK(Tokens("$") == "error: a '$' stands alone at character 1");
  CHECK(Tokens("$a b$") == "error: a '$' stands alone at character 1");
  CHECK(Tokens("$0") == "error: a parameter is not well formed at character 1");
  CHECK(Tokens("$65536") == "error: a parameter is not well formed at character 1");
  CHECK(Tokens("$99999999999999999999") == "error: a parameter is not well formed at character 1");
  CHECK(Tokens("$1and") == "error: a parameter is not well formed at character 1");
  CHECK(Tokens(std::string_view("a\0b", 3)) == "error: it must be UTF-8 without zero bytes");
  CHECK(Tokens("\xff") == "error: it must be UTF-8 without zero bytes");
  CHECK(Tokens(std::string(65537, ' ')) == "error: it is longer than 65536 bytes");
}

TEST_CASE("Names and texts are quoted as SQL reads them") {
  const auto name = [](std::string_view sql) {
    std::vector<SqlToken> tokens;
    REQUIRE(TokenizeSql(sql, &tokens).ok());
    REQUIRE(tokens.size() == 1);
    return SqlName(tokens[0]);
  };
  CHECK(name("MixedCase") == "mixedcase");
  CHECK(name("\"Mixed \"\"Case\"\"\"") == "Mixed \"Case\"");
  CHECK(QuotedSqlName("a\"b") == "\"a\"\"b\"");
  CHECK(name(QuotedSqlName("a\"B\"\"c")) == "a\"B\"\"c");
  CHECK(PlainSqlName("a_1") == "a_1");
  CHECK(PlainSqlName("A") == "\"A\"");
  CHECK(PlainSqlName("1a") == "\"1a\"");
  CHECK(PlainSqlName("a.b") == "\"a.b\"");
  CHECK(SqlText("it's") == "'it''s'");
  CHECK(SqlText("a\\'b") == "E'a\\\\''b'");
}

}  // namespace
}  // namespace alai::origin
