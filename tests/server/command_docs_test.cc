// The notation of arguments: each construct, what is wrong in it, and every row of ours against what
// running servers document.
#include "server/command_docs.h"

#include <algorithm>
#include <map>
#include <string>

#include "engine/base/random.h"
#include "server/command_table.h"
#include "tests/catch.h"
#include "tests/server/reference_rows.h"

namespace alai {
namespace {

// A tree on one line: name/type, then what else there is in a fixed order.
std::string Show(const std::vector<ArgumentDoc>& arguments);

std::string Show(const ArgumentDoc& a) {
  std::string text = a.name + "/" + std::string(ArgumentTypeName(a.type));
  if (a.has_token) text += " token=" + a.token;
  if (a.key_spec >= 0) text += " spec=" + std::to_string(a.key_spec);
  if (!a.display_text.empty()) text += " display=" + a.display_text;
  if (!a.since.empty()) text += " since=" + a.since;
  if (!a.deprecated_since.empty()) text += " deprecated=" + a.deprecated_since;
  if (a.optional) text += " optional";
  if (a.multiple) text += " multiple";
  if (a.multiple_token) text += " multiple_token";
  if (!a.children.empty()) text += " {" + Show(a.children) + "}";
  return text;
}

std::string Show(const std::vector<ArgumentDoc>& arguments) {
  std::string text;
  for (const ArgumentDoc& argument : arguments) {
    if (!text.empty()) text += ", ";
    text += Show(argument);
  }
  return text;
}

std::string Parsed(std::string_view notation, int key_specs = 0) {
  const ArgumentDocs docs = ParseArgumentDocs(notation, key_specs);
  return docs.error.empty() ? Show(docs.arguments) : "error: " + docs.error;
}

TEST_CASE("Each construct of the notation gives its tree", "[command_docs]") {
  CHECK(Parsed("").empty());
  CHECK(Parsed("value:string") == "value/string");
  CHECK(Parsed("  a:integer   b:double ") == "a/integer, b/double");
  CHECK(Parsed("EX seconds:integer") == "seconds/integer token=EX");
  CHECK(Parsed("NX") == "nx/pure-token token=NX");
  CHECK(Parsed("NX XX") == "nx/pure-token token=NX, xx/pure-token token=XX");
  CHECK(Parsed("GET get-it=GET value:string") ==
        "get/pure-token token=GET, get-it/pure-token token=GET, value/string");
  CHECK(Parsed("auto=\"*\" empty=\"\"") == "auto/pure-token token=*, empty/pure-token token=");
  CHECK(Parsed("\"\" pattern:pattern") == "pattern/pattern token=");
  CHECK(Parsed("(data: a:string b:string)*") == "data/block multiple {a/string, b/string}");
  CHECK(Parsed("LIMIT (limit: offset:integer count:integer)") ==
        "limit/block token=LIMIT {offset/integer, count/integer}");
  CHECK(Parsed("(mode: YES | NO)") ==
        "mode/oneof {yes/pure-token token=YES, no/pure-token token=NO}");
  CHECK(Parsed("[GET]") == "get/pure-token token=GET optional");
  CHECK(Parsed("[MATCH pattern:pattern]") == "pattern/pattern token=MATCH optional");
  CHECK(Parsed("[c: NX | IFEQ v:string]") ==
        "c/oneof optional {nx/pure-token token=NX, v/string token=IFEQ}");
  CHECK(Parsed("TYPE [t: A | B]") ==
        "t/oneof token=TYPE optional {a/pure-token token=A, b/pure-token token=B}");
  CHECK(Parsed("[(b: x:string y:string)]") == "b/block optional {x/string, y/string}");
  CHECK(Parsed("[a: (b: [X] [Y]) | Z]") ==
        "a/oneof optional {b/block {x/pure-token token=X optional, y/pure-token token=Y optional}, "
        "z/pure-token token=Z}");
}

TEST_CASE("Suffixes stand within brackets or behind them", "[command_docs]") {
  CHECK(Parsed("[v:string*]") == "v/string optional multiple");
  CHECK(Parsed("[v:string]*") == "v/string optional multiple");
  CHECK(Parsed("[GET v:pattern**]") == "v/pattern token=GET optional multiple multiple_token");
  CHECK(Parsed("[GET]@6.2.0") == "get/pure-token token=GET since=6.2.0 optional");
  CHECK(Parsed("(f: old:string'ip:port'!2.8.12 | N)") ==
        "f/oneof {old/string display=ip:port deprecated=2.8.12, n/pure-token token=N}");
  CHECK(Parsed("v:string@1.0!2.0") == "v/string since=1.0 deprecated=2.0");
}

TEST_CASE("Keys are numbered by their key specs", "[command_docs]") {
  CHECK(Parsed("a:key b:key", 2) == "a/key spec=0, b/key spec=1");
  CHECK(Parsed("a:key b:key c:key", 2) == "a/key spec=0, b/key spec=1, c/key spec=1");
  CHECK(Parsed("a:key", 0) == "a/key");
  CHECK(Parsed("a:key#1 b:key", 3) == "a/key spec=1, b/key spec=2");
  CHECK(Parsed("a:key#- b:key", 1) == "a/key, b/key spec=0");
  CHECK(Parsed("(pair: k:key v:string)*", 1) == "pair/block multiple {k/key spec=0, v/string}");
}

TEST_CASE("What is wrong in the notation is named", "[command_docs]") {
  for (const char* wrong :
       {"value",     "value:",         ":string",      "value:text",   "value:block",
        "[GET",      "GET]",           "()",           "(a:)",         "(a: )",
        "[]",        "(a: X | )",      "(a: X Y | Z)", "(a: X | Y Z)", "A [B c:string]",
        "v:string@", "v:string#0",     "k:key#5",      "k:key#x",      "v:string'open",
        "\"open",    "(a: (b: (c: X)", "a=b",          "v:string %"}) {
    INFO(wrong);
    CHECK(Parsed(wrong, 1).starts_with("error: "));
  }
  std::string deep;
  for (int i = 0; i < 10'000; ++i) deep += "(a: ";
  CHECK(Parsed(deep).starts_with("error: "));
}

TEST_CASE("Any text is parsed or refused", "[command_docs]") {
  constexpr std::string_view kAlphabet = "ab:GET x[]()|*@!#'\"=-19.";
  const auto seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  int accepted = 0;
  for (int i = 0; i < 100'000; ++i) {
    std::string text(random.Below(24), ' ');
    for (char& c : text) c = kAlphabet[random.Below(kAlphabet.size())];
    const ArgumentDocs docs = ParseArgumentDocs(text, 1);
    if (docs.error.empty()) ++accepted;
    if (!docs.error.empty()) CHECK(docs.arguments.empty());
  }
  CHECK(accepted > 0);
}

int KeySpecs(const CommandSpec& spec) {
  return static_cast<int>(std::ranges::count_if(
      spec.keys, [](const KeySpec& key) { return key.begin != KeySpec::Begin::kNone; }));
}

TEST_CASE("The arguments of every command are documented as running servers do", "[command_docs]") {
  std::map<std::string, std::string> reference;
  for (const auto& row : ReadReference(ALAI_SOURCE_DIR "/tests/server/reference_arguments.tsv")) {
    REQUIRE(row.size() == 2);
    reference.emplace(row[0], row[1]);
  }
  REQUIRE(reference.size() > 300);
  const CommandTable table;
  for (const CommandInfo& command : table.commands()) {
    INFO(command.full_name);
    const int key_specs = KeySpecs(*command.spec);
    const std::string ours = Parsed(command.spec->arguments, key_specs);
    CHECK_FALSE(ours.starts_with("error: "));
    if (IsOursAlone(command.spec->group)) continue;
    const auto found = reference.find(command.full_name);
    REQUIRE(found != reference.end());
    CHECK(ours == Parsed(found->second, key_specs));
  }
}

}  // namespace
}  // namespace alai
