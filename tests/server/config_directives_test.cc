// The directive table: names, defaults, ranges, messages, and that what is printed can be read again.
#include <climits>
#include <set>
#include <thread>

#include "server/config/config_set.h"
#include "server/config/directives.h"
#include "server/memory_report.h"
#include "storage/origin/rule.h"
#include "tests/catch.h"
#include "tests/server/config_defaults.h"

namespace alai {
namespace {

std::string Print(const Config& config, std::string_view name) {
  const Directive* directive = FindDirective(name);
  REQUIRE(directive != nullptr);
  return directive->Print(config);
}

// The error of assigning these words, or an empty text.
std::string Assign(Config& config, std::string_view name, std::vector<std::string> words) {
  const Directive* directive = FindDirective(name);
  REQUIRE(directive != nullptr);
  const std::string checked = directive->Assign(words, nullptr);
  std::string error = directive->Assign(words, &config);
  CHECK(checked == error);
  return error;
}

TEST_CASE("Every known setting has its default", "[config]") {
  const Config config;
  for (const SettingDefault& setting : kSettingDefaults) {
    INFO(setting.name);
    CHECK(Print(config, setting.name) == setting.value);
  }
  const unsigned cores = std::thread::hardware_concurrency();
  CHECK(Print(config, "io-threads") == std::to_string(std::clamp(cores, 1u, 128u)));
  CHECK(Print(config, "dir").front() == '/');
}

TEST_CASE("No name belongs to two settings", "[config]") {
  std::set<std::string_view> names;
  for (const Directive& directive : Directives()) {
    INFO(directive.name);
    CHECK(names.insert(directive.name).second);
    if (!directive.alias.empty()) CHECK(names.insert(directive.alias).second);
  }
  CHECK(FindDirective("no-such-directive") == nullptr);
  CHECK(FindDirective("MAXMEMORY") == FindDirective("maxmemory"));
  CHECK(FindDirective("slave-priority") == FindDirective("replica-priority"));
}

TEST_CASE("Switches", "[config]") {
  Config config;
  CHECK(Assign(config, "activerehashing", {"NO"}).empty());
  CHECK_FALSE(config.activerehashing.get());
  CHECK(Assign(config, "activerehashing", {"Yes"}).empty());
  CHECK(config.activerehashing.get());
  CHECK(Assign(config, "activerehashing", {"1"}) == "argument must be 'yes' or 'no'");
  CHECK(Assign(config, "activerehashing", {""}) == "argument must be 'yes' or 'no'");
  CHECK(Assign(config, "activerehashing", {}) == "wrong number of arguments");
  CHECK(Assign(config, "activerehashing", {"yes", "no"}) == "wrong number of arguments");
}

TEST_CASE("Numbers", "[config]") {
  Config config;
  CHECK(Assign(config, "port", {"0"}).empty());
  CHECK(Assign(config, "port", {"65535"}).empty());
  CHECK(config.port == 65535);
  CHECK(Assign(config, "port", {"65536"}) == "argument must be between 0 and 65535 inclusive");
  CHECK(Assign(config, "port", {"-1"}) == "argument must be between 0 and 65535 inclusive");
  for (const char* word : {"", "x", "5x", " 5", "+5", "05", "0x5", "99999999999999999999"}) {
    INFO(word);
    CHECK(Assign(config, "port", {word}) == "argument couldn't be parsed into an integer");
  }
  CHECK(config.port == 65535);
  CHECK(Assign(config, "maxclients", {"4294967295"}).empty());
  CHECK(Assign(config, "maxclients", {"0"}) ==
        "argument must be between 1 and 4294967295 inclusive");
  CHECK(Assign(config, "slowlog-max-len", {"9223372036854775807"}).empty());
  CHECK(Assign(config, "slowlog-log-slower-than", {"-2"}) ==
        "argument must be between -1 and 9223372036854775807 inclusive");
  CHECK(Assign(config, "list-max-listpack-size", {"-2147483649"}) ==
        "argument must be between -2147483648 and 2147483647 inclusive");
}

TEST_CASE("hz is clamped to what the housekeeping can do", "[config]") {
  Config config;
  CHECK(Assign(config, "hz", {"0"}).empty());
  CHECK(Print(config, "hz") == "1");
  CHECK(Assign(config, "hz", {"10000"}).empty());
  CHECK(Print(config, "hz") == "500");
  CHECK(Assign(config, "hz", {"-1"}) == "argument must be between 0 and 2147483647 inclusive");
}

TEST_CASE("Memory values", "[config]") {
  Config config;
  struct Example {
    const char* word;
    uint64_t bytes;
  };
  for (const Example& example : {Example{"1gb", 1073741824},
                                 {"1G", 1000000000},
                                 {"1k", 1000},
                                 {"64Kb", 65536},
                                 {"5b", 5},
                                 {"7", 7},
                                 {"", 0},
                                 {"18446744073709551615", UINT64_MAX}}) {
    INFO(example.word);
    CHECK(Assign(config, "maxmemory", {example.word}).empty());
    CHECK(config.maxmemory == example.bytes);
    CHECK(Print(config, "maxmemory") == std::to_string(example.bytes));
  }
  for (const char* word : {"1zb", "-1", "1.5gb", "+5", " 5", "5 ", "k1", "%", "-1%"}) {
    INFO(word);
    CHECK(Assign(config, "maxmemory", {word}) == "argument must be a memory value");
  }
  CHECK(Assign(config, "repl-backlog-size", {"0"}) ==
        "argument must be between 1 and 9223372036854775807 inclusive");
  CHECK(Assign(config, "repl-backlog-size", {"1"}).empty());
  CHECK(Print(config, "repl-backlog-size") == "16384");
  CHECK(Assign(config, "proto-max-bulk-len", {"1kb"}) ==
        "argument must be between 1048576 and 9223372036854775807 inclusive");
  CHECK(Assign(config, "slowlog-max-len", {"1kb"}) ==
        "argument couldn't be parsed into an integer");
}

TEST_CASE("maxmemory as a percentage is one of the machine's memory", "[config]") {
  Config config;
  CHECK(Assign(config, "maxmemory", {"50%"}).empty());
  CHECK(config.maxmemory == SystemMemoryBytes() / 2);
  CHECK(Print(config, "maxmemory") == std::to_string(SystemMemoryBytes() / 2));
  CHECK(Assign(config, "maxmemory", {"101%"}) ==
        "percentage argument must be less or equal to 100");
  CHECK(config.maxmemory_percent == 50);
  CHECK(Assign(config, "maxmemory", {"1mb"}).empty());
  CHECK(config.maxmemory_percent == 0);
}

TEST_CASE("maxmemory-clients takes memory or a percentage", "[config]") {
  Config config;
  CHECK(Assign(config, "maxmemory-clients", {"20%"}).empty());
  CHECK(config.maxmemory_clients == -20);
  CHECK(Print(config, "maxmemory-clients") == "20%");
  CHECK(Assign(config, "maxmemory-clients", {"5mb"}).empty());
  CHECK(Print(config, "maxmemory-clients") == "5242880");
  CHECK(Assign(config, "maxmemory-clients", {"0%"}).empty());
  CHECK(Print(config, "maxmemory-clients") == "0");
  CHECK(Assign(config, "maxmemory-clients", {"101%"}) ==
        "percentage argument must be less or equal to 100");
  for (const char* word : {"%", "-1%", "-5", "20x"}) {
    INFO(word);
    CHECK(Assign(config, "maxmemory-clients", {word}) ==
          "argument must be a memory or percent value");
  }
}

TEST_CASE("Octal permissions", "[config]") {
  Config config;
  CHECK(Assign(config, "unixsocketperm", {"0770"}).empty());
  CHECK(config.unixsocketperm == 0770);
  CHECK(Print(config, "unixsocketperm") == "770");
  CHECK(Assign(config, "unixsocketperm", {"999"}) ==
        "argument couldn't be parsed as an octal number");
  CHECK(Assign(config, "unixsocketperm", {"1000"}) ==
        "argument must be between 0 and 777 inclusive");
  CHECK(Assign(config, "unixsocketperm", {"-1"}) == "argument must be between 0 and 777 inclusive");
  CHECK(Assign(config, "unixsocketperm", {"7777777777777777777777777"}) ==
        "argument couldn't be parsed as an octal number");
}

TEST_CASE("Choices", "[config]") {
  Config config;
  CHECK(Assign(config, "maxmemory-policy", {"ALLKEYS-lfu"}).empty());
  CHECK(config.maxmemory_policy == MaxmemoryPolicy::kAllkeysLfu);
  CHECK(Print(config, "maxmemory-policy") == "allkeys-lfu");
  CHECK(Assign(config, "maxmemory-policy", {"lru"}) ==
        "argument(s) must be one of the following: volatile-lru, volatile-lfu, volatile-random, "
        "volatile-ttl, allkeys-lru, allkeys-lfu, allkeys-random, noeviction");
  CHECK(Assign(config, "supervised", {"yes"}) ==
        "argument(s) must be one of the following: upstart, systemd, auto, no");
  // One value with two names is shown by the first.
  CHECK(Assign(config, "oom-score-adj", {"relative"}).empty());
  CHECK(Print(config, "oom-score-adj") == "yes");
  // Newer than the servers whose messages we speak: accepted, not offered.
  CHECK(Assign(config, "loglevel", {"nothing"}).empty());
  CHECK(Print(config, "loglevel") == "nothing");
  CHECK(Assign(config, "loglevel", {"all"}) ==
        "argument(s) must be one of the following: debug, verbose, notice, warning");
  CHECK(Assign(config, "loglevel", {"debug", "notice"}) == "wrong number of arguments");
}

TEST_CASE("Several choices at once", "[config]") {
  constexpr const char* kOffer =
      "argument(s) must be one of the following: default, save, nosave, now, force";
  Config config;
  CHECK(Assign(config, "shutdown-on-sigterm", {"force", "NOSAVE"}).empty());
  CHECK(config.shutdown_on_sigterm == (kShutdownForce | kShutdownNoSave));
  CHECK(Print(config, "shutdown-on-sigterm") == "nosave force");
  CHECK(Assign(config, "shutdown-on-sigterm", {"now", "default"}).empty());
  CHECK(Print(config, "shutdown-on-sigterm") == "now");
  CHECK(Assign(config, "shutdown-on-sigterm", {"default"}).empty());
  CHECK(Print(config, "shutdown-on-sigterm") == "default");
  CHECK(Assign(config, "shutdown-on-sigterm", {}) == kOffer);
  CHECK(Assign(config, "shutdown-on-sigterm", {""}) == kOffer);
  CHECK(Assign(config, "shutdown-on-sigterm", {"save", "nosave"}) ==
        "shutdown options SAVE and NOSAVE can't be used simultaneously");
}

TEST_CASE("Texts with rules", "[config]") {
  Config config;
  CHECK(Assign(config, "dbfilename", {"a/b"}) == "dbfilename can't be a path, just a filename");
  CHECK(Assign(config, "appendfilename", {"a/b"}) ==
        "appendfilename can't be a path, just a filename");
  CHECK(Assign(config, "appendfilename", {""}) == "appendfilename can't be empty");
  CHECK(Assign(config, "appenddirname", {"a/b"}) ==
        "appenddirname can't be a path, just a dirname");
  CHECK(Assign(config, "appenddirname", {""}) == "appenddirname can't be empty");
  CHECK(Assign(config, "cluster-announce-hostname", {"a_b"}) ==
        "Hostnames may only contain alphanumeric characters, hyphens or dots");
  CHECK(Assign(config, "cluster-announce-hostname", {std::string(256, 'a')}) ==
        "Hostnames must be less than 256 characters");
  CHECK(Assign(config, "cluster-announce-hostname", {"a-b.C1"}).empty());
  CHECK(Assign(config, "requirepass", {"any \"thing\"\n"}).empty());
  CHECK(config.requirepass.get() == "any \"thing\"\n");
}

TEST_CASE("proc-title-template knows its variables", "[config]") {
  constexpr const char* kInvalid = "template format is invalid or contains unknown variables";
  Config config;
  for (const char* word : {"", "  ", "{zz}", "{title", "}{", "title}", "{}"}) {
    INFO(word);
    CHECK(Assign(config, "proc-title-template", {word}) == kInvalid);
  }
  CHECK(Assign(config, "proc-title-template",
               {"{title}{listen-addr}{server-mode}{port}{tls-port}{unixsocket}{config-file} x"})
            .empty());
}

TEST_CASE("save", "[config]") {
  Config config;
  CHECK(Assign(config, "save", {"10", "20", "30", "40"}).empty());
  CHECK(config.save.get() == std::vector<SavePoint>{{10, 20}, {30, 40}});
  CHECK(Print(config, "save") == "10 20 30 40");
  const std::vector<std::vector<std::string>> wrong = {
      {"10"}, {"0", "1"}, {"-1", "1"}, {"10", "-1"}, {"10", "x"}, {"1x", "1"}, {"", "1", "2"}};
  for (const auto& words : wrong) CHECK(Assign(config, "save", words) == "Invalid save parameters");
  CHECK(Print(config, "save") == "10 20 30 40");
  CHECK(Assign(config, "save", {""}).empty());
  CHECK(Print(config, "save").empty());
}

TEST_CASE("client-output-buffer-limit", "[config]") {
  Config config;
  CHECK(Assign(config, "client-output-buffer-limit",
               {"NORMAL", "1", "2kb", "3", "replica", "4mb", "5", "6"})
            .empty());
  CHECK(Print(config, "client-output-buffer-limit") ==
        "normal 1 2048 3 slave 4194304 5 6 pubsub 33554432 8388608 60");
  CHECK(config.client_output_buffer_limit[0].soft_bytes == 2048);
  CHECK(Assign(config, "client-output-buffer-limit", {}).empty());
  CHECK(Assign(config, "client-output-buffer-limit", {"normal", "1", "2"}) ==
        "Wrong number of arguments in buffer limit configuration.");
  CHECK(Assign(config, "client-output-buffer-limit", {"master", "1", "2", "3"}) ==
        "Invalid client class specified in buffer limit configuration.");
  const std::vector<std::vector<std::string>> wrong = {{"normal", "-1", "2", "3"},
                                                       {"normal", "1", "x", "3"},
                                                       {"normal", "1", "2", "x"},
                                                       {"normal", "1", "2", "-1"},
                                                       {"pubsub", "9223372036854775808", "0", "0"}};
  for (const auto& words : wrong) {
    CHECK(Assign(config, "client-output-buffer-limit", words) ==
          "Error in hard, soft or soft_seconds setting in buffer limit configuration.");
  }
  // Nothing of a wrong line is taken.
  CHECK_FALSE(Assign(config, "client-output-buffer-limit",
                     {"normal", "9", "9", "9", "pubsub", "x", "0", "0"})
                  .empty());
  CHECK(config.client_output_buffer_limit[0].hard_bytes == 1);
}

TEST_CASE("oom-score-adj-values", "[config]") {
  constexpr const char* kInvalid =
      "Invalid oom-score-adj-values, elements must be between -2000 and 2000.";
  Config config;
  CHECK(Assign(config, "oom-score-adj-values", {"-2000", "+5", "2000"}).empty());
  CHECK(Print(config, "oom-score-adj-values") == "-2000 5 2000");
  CHECK(Assign(config, "oom-score-adj-values", {"1", "2"}) == "wrong number of arguments");
  CHECK(Assign(config, "oom-score-adj-values", {"1", "2", "2001"}) == kInvalid);
  CHECK(Assign(config, "oom-score-adj-values", {"1", "2", "x"}) == kInvalid);
}

TEST_CASE("notify-keyspace-events", "[config]") {
  Config config;
  struct Example {
    const char* given;
    const char* shown;
  };
  for (const Example& example : {Example{"KEA", "AKE"},
                                 {"AmKE", "AKEm"},
                                 {"g$lshzxetd", "A"},
                                 {"gxE", "gxE"},
                                 {"Kmn", "nKm"},
                                 {"ndtexzhsl$", "$lshzxetdn"},
                                 {"An", "An"},
                                 {"", ""}}) {
    INFO(example.given);
    CHECK(Assign(config, "notify-keyspace-events", {example.given}).empty());
    CHECK(Print(config, "notify-keyspace-events") == example.shown);
  }
  CHECK(Assign(config, "notify-keyspace-events", {"KQ"}) ==
        "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.");
  CHECK(Assign(config, "notify-keyspace-events", {"K", "E"}) == "wrong number of arguments");
}

TEST_CASE("latency-tracking-info-percentiles", "[config]") {
  Config config;
  CHECK(Assign(config, "latency-tracking-info-percentiles",
               {"50", "99.99", "100", "0.1", "33.333333333", "0x10"})
            .empty());
  CHECK(Print(config, "latency-tracking-info-percentiles") == "50 99.99 100 0.1 33.333333 16");
  CHECK(Assign(config, "latency-tracking-info-percentiles", {"50", "zz"}) ==
        "Invalid latency-tracking-info-percentiles parameters");
  for (const char* word : {"101", "-1", "inf"}) {
    INFO(word);
    CHECK(Assign(config, "latency-tracking-info-percentiles", {word}) ==
          "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]");
  }
  CHECK(Assign(config, "latency-tracking-info-percentiles", {""}).empty());
  CHECK(Print(config, "latency-tracking-info-percentiles").empty());
}

TEST_CASE("bind and replicaof", "[config]") {
  Config config;
  CHECK(Assign(config, "bind", {"127.0.0.1", "-::1"}).empty());
  CHECK(config.bind.get() == Words{"127.0.0.1", "-::1"});
  CHECK(Assign(config, "bind", Words(17, "a")) == "Too many bind addresses specified.");
  CHECK(Assign(config, "bind", {""}).empty());
  CHECK(config.bind.get().empty());

  CHECK(Assign(config, "replicaof", {"db1", "6380"}).empty());
  CHECK(config.replicaof.get() == ReplicaOf{"db1", 6380});
  CHECK(Print(config, "slaveof") == "db1 6380");
  for (const char* port : {"65536", "-1", "x", "80x"}) {
    INFO(port);
    CHECK(Assign(config, "replicaof", {"db1", port}) == "Invalid master port");
  }
  CHECK(Assign(config, "replicaof", {"db1"}) == "wrong number of arguments");
  CHECK(Assign(config, "replicaof", {"NO", "one"}).empty());
  CHECK(config.replicaof.empty());
}

TEST_CASE("origin-rule", "[config]") {
  Config config;
  const std::string query = "SELECT to_jsonb(m) FROM memories m WHERE id = $1";
  const Directive* directive = FindDirective("origin-rule");
  CHECK(Assign(config, "origin-rule", {"memory", "memory:{id:uuid}", "ttl", "60", "query", query})
            .empty());
  const std::vector<std::string> more = {"n", "n:{id:int}", "query", query};
  CHECK(directive->Assign(more, &config, true).empty());
  const std::string text = "memory \"memory:{id:uuid}\" ttl 60 query \"" + query +
                           "\"\nn \"n:{id:int}\" query \"" + query + "\"";
  CHECK(Print(config, "origin-rule") == text);
  const auto rules = config.origin_rule.get();
  REQUIRE(rules.size() == 2);
  CHECK(rules[0]->ttl_ms == 60'000);
  CHECK(rules[1]->pattern.prefix() == "n:");
  CHECK(Assign(config, "origin-rule", {"x"}) == "Bad directive or wrong number of arguments");
  CHECK(Assign(config, "origin-rule", {"x", "x:{id:int}", "foo", "1"}) ==
        "unknown origin-rule option 'foo'");
  // What speaks of other rules shows only where there are others.
  const std::vector<std::string> twice = {"memory", "x:{id:int}", "query", query};
  CHECK(directive->Assign(twice, nullptr, true).empty());
  CHECK(directive->Assign(twice, &config, true) == "origin rule 'memory' is defined twice");
  const std::vector<std::string> same = {"x", "n:{x:int}", "query", query};
  CHECK(directive->Assign(same, &config, true) == "origin rule 'x' is about the same keys as 'n'");
  CHECK(config.origin_rule.get().size() == 2);
  Config other;
  CHECK(directive->Assign(directive->SplitValue(text), &other).empty());
  CHECK(Print(other, "origin-rule") == text);
}

TEST_CASE("Rules of the origin in one value", "[config]") {
  const Directive* directive = FindDirective("origin-rule");
  const auto error = [&](std::string_view value) {
    return directive->Assign(directive->SplitValue(value), nullptr);
  };
  const auto words = [&](std::string_view value) { return directive->SplitValue(value); };
  CHECK(words("").empty());
  CHECK(words("\n \n").empty());
  CHECK(words("a b\n\nc") == std::vector<std::string>{"a", "b", "\n", "c"});
  CHECK(words("a \"b\nc\" 'd\n\\'e'\n\"\\\"\n\"") ==
        std::vector<std::string>{"a", "b\nc", "d\n'e", "\n", "\"\n"});
  CHECK(error("a a:{x:int} query 'SELECT $1'") == "");
  CHECK(error("a a:{x:int} query 'SELECT $1") == "unbalanced quotes");
  CHECK(error("a a:{x:int} query 'SELECT $1'\nb b:{x:int} query 'SELECT $1") ==
        "rule 2: unbalanced quotes");
  CHECK(error("a a:{x:int} query 'SELECT $1'\na b:{x:int} query 'SELECT $1'") ==
        "rule 2: origin rule 'a' is defined twice");
  CHECK(error("a a:{x:int} query") == "Bad directive or wrong number of arguments");
}

TEST_CASE("keyclass", "[config]") {
  Config config;
  CHECK(Assign(config, "keyclass", {"session", "session:*", "ttl", "1800", "sliding", "yes"})
            .empty());
  CHECK(
      Assign(config, "keyclass", {"rate", "rate:*", "LIMIT", "100", "period", "60", "burst", "20"})
          .empty());
  CHECK(Assign(config, "keyclass", {"all", "*"}).empty());
  const std::vector<KeyClassRule> rules = config.keyclass.get();
  REQUIRE(rules.size() == 3);
  CHECK(rules[0].prefix == "session:");
  CHECK(rules[0].ttl_seconds == 1800);
  CHECK(rules[0].sliding);
  CHECK(rules[1].burst == 20);
  CHECK(Assign(config, "keyclass",
               {"whole", "w:*", "limit", "50", "period", "1", "max-value-bytes", "2kb"})
            .empty());
  CHECK(config.keyclass.get().back().burst == 49);
  CHECK(config.keyclass.get().back().max_value_bytes == 2048);
  CHECK(rules[2].prefix.empty());

  const Directive* directive = FindDirective("keyclass");
  const auto error = [&](const std::vector<std::string>& words) {
    return directive->Assign(words, &config);
  };
  CHECK(error({"x"}) == "Bad directive or wrong number of arguments");
  CHECK(error({"x", "x:*", "ttl"}) == "Bad directive or wrong number of arguments");
  CHECK(error({"", "x:*"}) == "keyclass name must not be empty");
  constexpr const char* kName =
      "keyclass name must be at most 64 letters, digits, '-', '_' and '.'";
  CHECK(error({"a b", "x:*"}) == kName);
  CHECK(error({"a:b", "x:*"}) == kName);
  CHECK(error({std::string(65, 'a'), "x:*"}) == kName);
  constexpr const char* kPattern = "keyclass pattern must be a literal prefix followed by '*'";
  for (const char* pattern : {"", "x:", "x:*y*", "x?*", "[a]*", "x\\*"}) {
    INFO(pattern);
    CHECK(error({"x", pattern}) == kPattern);
  }
  CHECK(error({"x", "x:*", "foo", "1"}) == "unknown keyclass option 'foo'");
  CHECK(error({"x", "x:*", "ttl", "0"}) ==
        "keyclass option 'ttl' must be between 1 and 2147483647 inclusive");
  CHECK(error({"x", "x:*", "ttl", "1h"}) ==
        "keyclass option 'ttl' must be between 1 and 2147483647 inclusive");
  CHECK(error({"x", "x:*", "sliding", "1"}) == "keyclass option 'sliding' must be 'yes' or 'no'");
  CHECK(error({"x", "x:*", "sliding", "yes"}) == "keyclass option 'sliding' needs 'ttl'");
  CHECK(error({"x", "x:*", "limit", "1"}) ==
        "keyclass options 'limit' and 'period' belong together");
  CHECK(error({"x", "x:*", "burst", "1"}) == "keyclass option 'burst' needs 'limit' and 'period'");
  CHECK(error({"x", "x:*", "limit", "1", "period", "1", "unlimited", "yes"}) ==
        "keyclass option 'unlimited' excludes 'limit'");
  for (const char* size : {"0", "-1", "1x", ""}) {
    CHECK(error({"x", "x:*", "max-value-bytes", size}) ==
          "keyclass option 'max-value-bytes' must be a memory value of at least 1");
  }
  CHECK(error({"x", "x:*", "max-value-bytes", "9223372036854775808"}) ==
        "keyclass option 'max-value-bytes' must be between 1 and 9223372036854775807 inclusive");
  CHECK(error({"x", "x:*", "limit", "2000000000", "period", "1"}) ==
        "keyclass option 'limit' is out of range together with 'period' and 'burst'");
  CHECK(error({"x", "x:*", "limit", "1", "period", "2147483647", "burst", "2147483647"}) ==
        "keyclass option 'limit' is out of range together with 'period' and 'burst'");
  CHECK(error({"rate", "x:*"}) == "keyclass 'rate' is defined twice");
  CHECK(error({"x", "rate:*"}) == "keyclass 'x' has the same prefix as 'rate'");
}

TEST_CASE("What is printed can be assigned again", "[config]") {
  Config config;
  for (const Directive& directive : Directives()) {
    if (directive.has(Directive::kFileOnly)) continue;
    INFO(directive.name);
    const std::string value = directive.Print(config);
    if (directive.name == "replicaof") continue;  // "no one" is shown as nothing
    CHECK(directive.Assign(directive.SplitValue(value), &config) == "");
    CHECK(directive.Print(config) == value);
  }
}

TEST_CASE("Only settings that ask for what is missing are named", "[config]") {
  Config config;
  CHECK(SettingsWithoutEffect(config).empty());
  CHECK(Assign(config, "save", {""}).empty());
  CHECK(Assign(config, "rdbcompression", {"no"}).empty());
  CHECK(Assign(config, "timeout", {"5"}).empty());
  CHECK(SettingsWithoutEffect(config).empty());
  CHECK(Assign(config, "appendonly", {"yes"}).empty());
  CHECK(SettingsWithoutEffect(config) == std::vector<std::string_view>{"appendonly"});
}

TEST_CASE("Spelling of values for files", "[config]") {
  CHECK(Quoted("a \"b\" \\ \n\r\t\a\b\x01\xff") == R"("a \"b\" \\ \n\r\t\a\b\x01\xff")");
  CHECK(MemoryText(0) == "0");
  CHECK(MemoryText(4097) == "4097");
  CHECK(MemoryText(100000) == "100000");
  CHECK(MemoryText(65536) == "64kb");
  CHECK(MemoryText(100 << 20) == "100mb");
  CHECK(MemoryText(uint64_t{3} << 30) == "3gb");
}

}  // namespace
}  // namespace alai
