// The command table: lookup against a plain map, renames, where keys are, and every row of ours against
// what running servers say about the same command.
#include "server/command_table.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <string>

#include "engine/base/ascii.h"
#include "engine/base/random.h"
#include "server/command_names.h"
#include "tests/catch.h"
#include "tests/server/reference_rows.h"

namespace alai {
namespace {

void Nothing(Call&) {}

constexpr KeySpec Keyword(uint16_t use, std::string_view word, int16_t start, int16_t last,
                          int16_t limit) {
  return {.use = use,
          .begin = KeySpec::Begin::kKeyword,
          .keyword = word,
          .start_from = start,
          .last_key = last,
          .limit = limit};
}

uint16_t UseOfSecond(Arguments argv) { return argv.size() > 2 ? kRW : kOW; }

bool FindLastOnly(Arguments argv, KeyList& keys) {
  if (argv.size() < 3) return false;
  keys.push_back({static_cast<uint32_t>(argv.size() - 1), kRM});
  return true;
}

constexpr CommandSpec kSubs[] = {
    {.name = "get", .run = Nothing, .arity = -3, .summary = "s"},
    {.name = "a-subcommand-of-many-letters", .run = Nothing, .arity = 2, .summary = "s"},
};

constexpr CommandSpec kRows[] = {
    {.name = "get", .run = Nothing, .arity = 2, .flags = kReadOnly, .keys = {OneKey(kRO)}},
    {.name = "mset", .run = Nothing, .arity = -3, .keys = {KeyRange(kOW, 1, -1, 2)}},
    {.name = "mget", .run = Nothing, .arity = -2, .keys = {KeyRange(kRO, 1)}},
    {.name = "blpop", .run = Nothing, .arity = -3, .keys = {KeyRange(kRW, 1, -2)}},
    {.name = "rename", .run = Nothing, .arity = 3, .keys = {OneKey(kRW), OneKey(kOW, 2)}},
    {.name = "bitop", .run = Nothing, .arity = -4, .keys = {OneKey(kOW, 2), KeyRange(kRO, 3)}},
    {.name = "zunion", .run = Nothing, .arity = -3, .keys = {CountedKeys(kRO, 1)}},
    {.name = "zunionstore",
     .run = Nothing,
     .arity = -4,
     .keys = {OneKey(kOW), CountedKeys(kRO, 2)}},
    {.name = "msetex", .run = Nothing, .arity = -4, .keys = {CountedKeys(kOW, 1, 2)}},
    {.name = "xread", .run = Nothing, .arity = -4, .keys = {Keyword(kRO, "STREAMS", 1, -1, 2)}},
    {.name = "migrate",
     .run = Nothing,
     .arity = -6,
     .keys = {OneKey(kRW, 3), Keyword(kRW | kIncomplete, "KEYS", -2, -1, 0)}},
    {.name = "publish", .run = Nothing, .arity = 3, .keys = {OneKey(kNotKey)}},
    {.name = "varies",
     .run = Nothing,
     .arity = -2,
     .keys = {OneKey(kRW | kVariableFlags)},
     .key_use = UseOfSecond},
    {.name = "finds",
     .run = Nothing,
     .arity = -2,
     .keys = {OneKey(kRW)},
     .find_keys = FindLastOnly},
    {.name = "ping", .run = Nothing, .arity = -1},
    {.name = "sixteen-letters!", .run = Nothing, .arity = 1},
    {.name = "seventeen-letters", .run = Nothing, .arity = 1},
    {.name = "seventeen-lotters", .run = Nothing, .arity = 1},
    {.name = "config", .arity = -2, .subcommands = kSubs},
};

std::string AnyCase(std::string_view text, Random& random) {
  std::string mixed(text);
  for (char& c : mixed) {
    if (random.OneIn(2)) c = ToUpper(c);
  }
  return mixed;
}

// "1 3" for keys at these positions; "none" when the arguments do not say.
std::string Keys(const CommandTable& table, std::vector<std::string_view> argv) {
  const CommandInfo* command = table.Find(argv[0]);
  KeyList keys;
  std::string text;
  std::string for_dispatcher;
  const bool found = FindKeys(*command, argv, keys);
  const bool found_again = ForEachKey(
      *command, argv, [&](size_t index) { for_dispatcher += std::to_string(index) + ' '; });
  if (found) {
    for (const KeyAt& key : keys) text += std::to_string(key.index) + ' ';
    CHECK(found_again);
    CHECK(for_dispatcher == text);
  } else {
    text = "none ";
    CHECK_FALSE(found_again);
  }
  if (!text.empty()) text.pop_back();
  return text;
}

TEST_CASE("A command is found by its name in any mixture of cases", "[command_table]") {
  const CommandTable table(kRows);
  const auto seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  for (const CommandSpec& row : kRows) {
    for (int i = 0; i < 20; ++i) {
      const CommandInfo* found = table.Find(AnyCase(row.name, random));
      REQUIRE(found != nullptr);
      CHECK(found->spec == &row);
    }
  }
  CHECK(table.Find("") == nullptr);
  CHECK(table.Find(std::string(100'000, 'a')) == nullptr);
}

TEST_CASE("Lookup agrees with a map for names that are nearly right", "[command_table]") {
  const CommandTable table(kRows);
  std::map<std::string, const CommandSpec*> model;
  for (const CommandSpec& row : kRows) model.emplace(row.name, &row);
  const auto seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  for (int i = 0; i < 200'000; ++i) {
    std::string name = AnyCase(kRows[random.Below(std::size(kRows))].name, random);
    switch (random.Below(4)) {
      case 0:
        // One bit: '@' for '`' and the like, which no folding may confuse.
        name[random.Below(name.size())] ^= static_cast<char>(1 << random.Below(8));
        break;
      case 1:
        name.pop_back();
        break;
      case 2:
        name += static_cast<char>(random.Below(256));
        break;
      default:
        std::swap(name[random.Below(name.size())], name[random.Below(name.size())]);
    }
    const auto expected = model.find(ToLower(name));
    const CommandInfo* found = table.Find(name);
    INFO("name " << name);
    REQUIRE((found != nullptr) == (expected != model.end()));
    if (found != nullptr) {
      CHECK(found->spec == expected->second);
    }
  }
}

TEST_CASE("Subcommands belong to their container", "[command_table]") {
  const CommandTable table(kRows);
  const CommandInfo& config = *table.Find("config");
  CHECK(config.is_container());
  const CommandInfo* get = table.FindSubcommand(config, "GET");
  REQUIRE(get != nullptr);
  CHECK(get != table.Find("get"));
  CHECK(get->full_name == "config|get");
  CHECK(get->container == &config);
  CHECK(get->args_from == 2);
  CHECK(table.Find("get")->container == nullptr);
  CHECK(table.FindFullName("Config|Get") == get);
  CHECK(table.FindFullName("get") == table.Find("get"));
  CHECK(table.FindFullName("get|get") == nullptr);
  CHECK(table.FindFullName("config|nosuch") == nullptr);
  CHECK(table.FindFullName("|get") == nullptr);
  CHECK(table.FindSubcommand(config, "A-SUBCOMMAND-of-many-letters") != nullptr);
  CHECK(table.Find("a-subcommand-of-many-letters") == nullptr);
  CHECK(table.FindSubcommand(*table.Find("get"), "get") == nullptr);
  CHECK(config.subcommands.size() == 2);
  CHECK(&config.subcommands[0] == get);
}

TEST_CASE("Ids are dense and in order", "[command_table]") {
  const CommandTable table(kRows);
  REQUIRE(table.size() == std::size(kRows) + std::size(kSubs));
  for (size_t id = 0; id < table.size(); ++id) {
    CHECK(table.commands()[id].id == id);
    CHECK(&table.command(static_cast<uint16_t>(id)) == &table.commands()[id]);
  }
  CHECK(table.TopLevel().size() == std::size(kRows));
}

TEST_CASE("Arity counts the name", "[command_table]") {
  const CommandTable table(kRows);
  const CommandInfo& get = *table.Find("get");
  CHECK_FALSE(get.ArityFits(1));
  CHECK(get.ArityFits(2));
  CHECK_FALSE(get.ArityFits(3));
  const CommandInfo& mget = *table.Find("mget");
  CHECK_FALSE(mget.ArityFits(1));
  CHECK(mget.ArityFits(2));
  CHECK(mget.ArityFits(1000));
}

TEST_CASE("Commands are renamed and taken away", "[command_table]") {
  CommandTable table(kRows);
  const CommandInfo* get = table.Find("get");
  CHECK(table.Rename("GET", "Fetch").empty());
  CHECK(table.Find("get") == nullptr);
  CHECK(table.Find("FETCH") == get);
  CHECK(get->full_name == "get");
  CHECK(table.Rename("get", "other") == "No such command in rename-command");
  CHECK(table.Rename("mget", "ping") == "Target command name already exists");
  CHECK(table.Rename("config", "").empty());
  CHECK(table.Find("config") == nullptr);
  CHECK(table.TopLevel().size() == std::size(kRows) - 2);  // mget's new name was taken
  const std::string secret(64, 'x');
  CHECK(table.Rename("ping", secret).empty());
  CHECK(table.Find(secret) != nullptr);
  // Its old name is free, and a command may come back under its own.
  CHECK(table.Rename("fetch", "get").empty());
  CHECK(table.Find("get") == get);
}

TEST_CASE("Keys are found where the key specs say", "[command_table]") {
  const CommandTable table(kRows);
  CHECK(Keys(table, {"get", "k"}) == "1");
  CHECK(Keys(table, {"ping"}).empty());
  CHECK(Keys(table, {"publish", "channel", "m"}).empty());
  CHECK(Keys(table, {"mset", "a", "1", "b", "2"}) == "1 3");
  CHECK(Keys(table, {"mset", "a", "1", "b"}) == "1 3");
  CHECK(Keys(table, {"mget", "a", "b", "c"}) == "1 2 3");
  CHECK(Keys(table, {"blpop", "a", "b", "0"}) == "1 2");
  CHECK(Keys(table, {"rename", "a", "b"}) == "1 2");
  CHECK(Keys(table, {"bitop", "and", "d", "a", "b"}) == "2 3 4");
  CHECK(Keys(table, {"zunion", "2", "a", "b", "withscores"}) == "2 3");
  CHECK(Keys(table, {"zunionstore", "d", "2", "a", "b"}) == "1 3 4");
  CHECK(Keys(table, {"msetex", "2", "a", "1", "b", "2", "nx"}) == "2 4");
  CHECK(Keys(table, {"xread", "count", "1", "Streams", "a", "b", "0", "0"}) == "4 5");
  CHECK(Keys(table, {"xread", "count", "1", "block", "0"}).empty());
  CHECK(Keys(table, {"migrate", "h", "p", "k", "0", "9"}) == "3");
  CHECK(Keys(table, {"migrate", "h", "p", "", "0", "9", "keys", "a", "b"}) == "3 7 8");
  CHECK(Keys(table, {"finds", "a", "b"}) == "2");
}

TEST_CASE("Arguments that contradict the key specs give no keys", "[command_table]") {
  const CommandTable table(kRows);
  CHECK(Keys(table, {"zunion", "x", "a"}) == "none");
  CHECK(Keys(table, {"zunion", "-1", "a"}) == "none");
  CHECK(Keys(table, {"zunion", "3", "a", "b"}) == "none");
  CHECK(Keys(table, {"zunion", "9223372036854775807", "a"}) == "none");
  CHECK(Keys(table, {"zunion", "0", "a"}).empty());
  CHECK(Keys(table, {"msetex", "2", "a", "1", "b"}) == "2 4");
  CHECK(Keys(table, {"msetex", "3", "a", "1", "b", "2"}) == "none");
  CHECK(Keys(table, {"finds", "a"}) == "none");
}

TEST_CASE("What a call does with its keys may depend on its arguments", "[command_table]") {
  const CommandTable table(kRows);
  KeyList keys;
  const std::string_view two[] = {"varies", "k"};
  const std::string_view three[] = {"varies", "k", "x"};
  REQUIRE(FindKeys(*table.Find("varies"), two, keys));
  REQUIRE(FindKeys(*table.Find("varies"), three, keys));
  REQUIRE(keys.size() == 2);
  CHECK(keys[0].use == kOW);
  CHECK(keys[1].use == kRW);
}

TEST_CASE("The dispatcher is told the simplest pattern that fits", "[command_table]") {
  const CommandTable table(kRows);
  const auto pattern = [&](std::string_view name) { return table.Find(name)->key_pattern; };
  CHECK(pattern("get") == KeyPattern::kOne);
  CHECK(pattern("varies") == KeyPattern::kOne);
  CHECK(pattern("ping") == KeyPattern::kNone);
  CHECK(pattern("publish") == KeyPattern::kNone);
  CHECK(pattern("mset") == KeyPattern::kRange);
  CHECK(pattern("rename") == KeyPattern::kRange);
  CHECK(pattern("bitop") == KeyPattern::kRange);
  CHECK(pattern("zunion") == KeyPattern::kGeneral);
  CHECK(pattern("zunionstore") == KeyPattern::kGeneral);
  CHECK(pattern("finds") == KeyPattern::kGeneral);
}

// The rest compares our rows with facts.

std::string Names(uint32_t bits, std::span<const BitName> names, std::string_view sign,
                  std::string_view between) {
  std::string text;
  for (const BitName& entry : names) {
    if ((bits & entry.bit) == 0) continue;
    if (!text.empty()) text += between;
    text.append(sign).append(entry.name);
  }
  return text;
}

std::string KeySpecText(const KeySpec& key) {
  std::string text = Names(key.use, KeyUseNames(), "", "|");
  const auto number = [](int16_t n) { return std::to_string(n); };
  switch (key.begin) {
    case KeySpec::Begin::kIndex:
      text += " index:index=" + number(key.index);
      break;
    case KeySpec::Begin::kKeyword:
      text +=
          " keyword:keyword=" + std::string(key.keyword) + ",startfrom=" + number(key.start_from);
      break;
    case KeySpec::Begin::kUnknown:
    case KeySpec::Begin::kNone:
      return text + " unknown: unknown:";
  }
  if (key.find == KeySpec::Find::kRange) {
    return text + " range:lastkey=" + number(key.last_key) + ",keystep=" + number(key.key_step) +
           ",limit=" + number(key.limit);
  }
  return text + " keynum:keynumidx=" + number(key.count_index) +
         ",firstkey=" + number(key.first_key) + ",keystep=" + number(key.key_step);
}

std::string KeySpecsText(const CommandSpec& spec) {
  std::string text;
  for (const KeySpec& key : spec.keys) {
    if (key.begin == KeySpec::Begin::kNone) break;
    if (!text.empty()) text += " ; ";
    text += KeySpecText(key);
  }
  return text;
}

std::set<std::string> Words(std::string_view text) {
  std::set<std::string> words;
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    // Valkey's newer name of the same flag.
    const std::string word(text.substr(0, end));
    words.insert(word == "skip_commandlog" ? "skip_slowlog" : word);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

TEST_CASE("Every command is described as running servers describe it", "[command_table]") {
  enum Column {
    kName,
    kArity,
    kFlags,
    kFirst,
    kLast,
    kStep,
    kCategories,
    kTips,
    kKeySpecs,
    kSince,
    kGroup,
    kColumns
  };
  std::map<std::string, std::vector<std::string>> reference;
  for (auto& row : ReadReference(ALAI_SOURCE_DIR "/tests/server/reference_commands.tsv")) {
    REQUIRE(row.size() == kColumns);
    reference.emplace(row[kName], row);
  }
  REQUIRE(reference.size() > 300);
  const CommandTable table;
  REQUIRE(table.size() > 100);
  for (const CommandInfo& command : table.commands()) {
    const CommandSpec& spec = *command.spec;
    INFO(command.full_name);
    if (IsOursAlone(spec.group)) continue;
    const auto found = reference.find(command.full_name);
    REQUIRE(found != reference.end());
    const std::vector<std::string>& fact = found->second;
    CHECK(std::to_string(command.arity) == fact[kArity]);
    CHECK(Words(Names(command.flags, CommandFlagNames(), "", " ")) == Words(fact[kFlags]));
    CHECK(std::to_string(command.first_key) == fact[kFirst]);
    CHECK(std::to_string(command.last_key) == fact[kLast]);
    CHECK(std::to_string(command.key_step) == fact[kStep]);
    CHECK(Words(Names(command.categories, AclCategoryNames(), "@", " ")) ==
          Words(fact[kCategories]));
    CHECK(Words(spec.tips) == Words(fact[kTips]));
    CHECK(KeySpecsText(spec) == fact[kKeySpecs]);
    CHECK(spec.since == fact[kSince]);
    CHECK(GroupName(spec.group) == fact[kGroup]);
    CHECK_FALSE(spec.summary.empty());
  }
}

TEST_CASE("KEYCLASS has a category of its own", "[command_table]") {
  const CommandTable table;
  const auto categories = [&](std::string_view name) {
    return Names(table.FindFullName(name)->categories, AclCategoryNames(), "@", " ");
  };
  CHECK(categories("keyclass|set") == "@admin @slow @dangerous @keyclass");
  CHECK(categories("keyclass|del") == "@admin @slow @dangerous @keyclass");
  CHECK(categories("keyclass|purge") == "@write @slow @dangerous @keyclass");
  for (const char* name : {"get", "help", "list", "stats"}) {
    CHECK(categories("keyclass|" + std::string(name)) == "@slow @keyclass");
  }
}

TEST_CASE("The server's commands are all found", "[command_table]") {
  const CommandTable table;
  for (const CommandInfo& command : table.commands()) {
    CHECK(table.FindFullName(command.full_name) == &command);
  }
}

}  // namespace
}  // namespace alai
