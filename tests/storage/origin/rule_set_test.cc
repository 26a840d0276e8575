// Which rule a key belongs to.
#include "storage/origin/rule_set.h"

#include "tests/catch.h"

namespace alai::origin {
namespace {

std::shared_ptr<const Rule> MakeRule(const std::string& name, std::string_view pattern,
                                     int db = 0) {
  auto rule = std::make_shared<Rule>();
  rule->name = name;
  rule->db = db;
  REQUIRE(KeyPattern::Parse(pattern, &rule->pattern).ok());
  return rule;
}

RuleSet Set(std::vector<std::shared_ptr<const Rule>> given) {
  Rules rules;
  for (std::shared_ptr<const Rule>& rule : given) REQUIRE(AddRule(std::move(rule), &rules).ok());
  return RuleSet(std::move(rules));
}

std::string NameOf(const RuleSet& set, std::string_view key, int db = 0) {
  Captures captures;
  const uint32_t index = set.Match(db, key, &captures);
  CHECK(set.Match(db, key, nullptr) == index);
  if (index == RuleSet::kNone) return "(none)";
  CHECK(captures.size() == set.rule(index).pattern.captures().size());
  return set.rule(index).name;
}

TEST_CASE("The longest prefix that fits has the key") {
  const RuleSet set =
      Set({MakeRule("any", "user:{rest:text}"), MakeRule("admin", "user:admin:{n:int}"),
           MakeRule("memory", "memory:{id:uuid}")});
  CHECK(NameOf(set, "user:admin:5") == "admin");
  CHECK(NameOf(set, "user:admin:x") == "any");
  CHECK(NameOf(set, "user:5") == "any");
  CHECK(NameOf(set, "user:") == "(none)");
  CHECK(NameOf(set, "memory:5") == "(none)");
  CHECK(NameOf(set, "other:5") == "(none)");
  CHECK(NameOf(set, "") == "(none)");
}

TEST_CASE("Rules with one prefix are told apart by their captures, then by their order") {
  const RuleSet set = Set({MakeRule("one", "m:{id:int}"), MakeRule("two", "m:{user:int}:{id:int}"),
                           MakeRule("uuid", "m:{id:uuid}"), MakeRule("big", "m:{id:bigint}"),
                           MakeRule("slug", "m:{id:slug}"), MakeRule("text", "m:{id:text}")});
  CHECK(NameOf(set, "m:5") == "one");
  CHECK(NameOf(set, "m:5:6") == "two");
  CHECK(NameOf(set, "m:0b9f0a6e-7c1d-4e5f-8a2b-1c3d5e7f9a0b") == "uuid");
  CHECK(NameOf(set, "m:5000000000") == "big");
  CHECK(NameOf(set, "m:05") == "slug");
  CHECK(NameOf(set, "m:a.b") == "text");
  const RuleSet reversed = Set({MakeRule("slug", "m:{id:slug}"), MakeRule("int", "m:{id:int}")});
  CHECK(NameOf(reversed, "m:5") == "slug");
}

TEST_CASE("A rule is about one database") {
  const RuleSet set = Set({MakeRule("zero", "m:{id:int}"), MakeRule("one", "m:{id:int}", 1)});
  CHECK(NameOf(set, "m:5", 0) == "zero");
  CHECK(NameOf(set, "m:5", 1) == "one");
  CHECK(NameOf(set, "m:5", 2) == "(none)");
}

TEST_CASE("A rule without a prefix is asked last") {
  const RuleSet set = Set({MakeRule("all", "{id:uuid}"), MakeRule("a", "0b{n:int}")});
  CHECK(NameOf(set, "0b9f0a6e-7c1d-4e5f-8a2b-1c3d5e7f9a0b") == "all");
  CHECK(NameOf(set, "0b9") == "a");
  CHECK(NameOf(set, "") == "(none)");
}

TEST_CASE("Names and keys belong to one rule each") {
  Rules rules;
  REQUIRE(AddRule(MakeRule("a", "m:{id:int}"), &rules).ok());
  CHECK(AddRule(MakeRule("a", "n:{id:int}"), &rules).message() ==
        "origin rule 'a' is defined twice");
  CHECK(AddRule(MakeRule("b", "m:{x:int}"), &rules).message() ==
        "origin rule 'b' is about the same keys as 'a'");
  REQUIRE(AddRule(MakeRule("b", "m:{x:int}", 1), &rules).ok());
  // Replacing looks at the others only.
  CHECK(ReplaceRule(MakeRule("b", "m:{x:int}"), &rules).message() ==
        "origin rule 'b' is about the same keys as 'a'");
  REQUIRE(ReplaceRule(MakeRule("a", "m:{y:int}"), &rules).ok());
  REQUIRE(ReplaceRule(MakeRule("c", "c:{y:int}"), &rules).ok());
  const RuleSet set(rules);
  CHECK(set.Find("a") == 0);
  CHECK(set.Find("c") == 2);
  CHECK(set.Find("d") == RuleSet::kNone);
  CHECK(set.rule(0).pattern.captures()[0].name == "y");
  CHECK(set.all().size() == 3);
}

TEST_CASE("There is a greatest number of rules") {
  Rules rules;
  for (size_t i = 0; i < RuleSet::kRulesMax; ++i) {
    REQUIRE(AddRule(MakeRule(std::to_string(i), std::to_string(i) + ":{id:int}"), &rules).ok());
  }
  CHECK(AddRule(MakeRule("more", "more:{id:int}"), &rules).message() ==
        "there are 256 origin rules already");
  REQUIRE(ReplaceRule(MakeRule("7", "seven:{id:int}"), &rules).ok());
  const RuleSet set(rules);
  CHECK(NameOf(set, "seven:1") == "7");
  CHECK(NameOf(set, "7:1") == "(none)");
  CHECK(NameOf(set, "255:1") == "255");
  CHECK(RuleSet().empty());
  CHECK(NameOf(RuleSet(), "a") == "(none)");
}

}  // namespace
}  // namespace alai::origin
