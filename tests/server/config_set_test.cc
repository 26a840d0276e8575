// CONFIG GET and CONFIG SET: all or nothing, in Redis's words.
#include "server/config/config_set.h"

#include "tests/catch.h"
#include "tests/server/log_capture.h"

namespace alai {
namespace {

class FakeHost final : public ConfigHost {
 public:
  std::string Apply(ApplyHook hook) override {
    applied.push_back(hook);
    return hook == refused ? "the fake host refuses" : "";
  }
  void ResetStats() override { ++resets; }
  bool loading() const override { return is_loading; }

  std::vector<ApplyHook> applied;
  ApplyHook refused = ApplyHook::kNone;
  bool is_loading = false;
  int resets = 0;
};

struct Fixture {
  Config config;
  FakeHost host;
  LogCapture log;

  std::string Set(std::vector<SettingChange> changes, bool local = true) {
    return SetConfig(config, host, changes, local);
  }
  std::string Get(std::string_view name) {
    const auto settings = GetConfig(config, {&name, 1});
    return settings.size() == 1 ? settings[0].second : "(" + std::to_string(settings.size()) + ")";
  }
};

TEST_CASE_METHOD(Fixture, "CONFIG SET changes several settings", "[config]") {
  CHECK(Set({{"TIMEOUT", "7"}, {"maxmemory", "5mb"}, {"save", "10 20 30 40"}}) == "");
  CHECK(config.timeout == 7);
  CHECK(Get("maxmemory") == "5242880");
  CHECK(Get("save") == "10 20 30 40");
  CHECK(host.applied == std::vector<ApplyHook>{ApplyHook::kMaxmemory});
}

TEST_CASE_METHOD(Fixture, "CONFIG SET checks everything before it changes anything", "[config]") {
  CHECK(Set({{"maxmemory", "10"}, {"timeout", "abc"}, {"hz", "zz"}}) ==
        "ERR CONFIG SET failed (possibly related to argument 'timeout') - argument couldn't be "
        "parsed into an integer");
  CHECK(Get("maxmemory") == "0");
  CHECK(host.applied.empty());
}

TEST_CASE_METHOD(Fixture, "CONFIG SET refuses what it may not change", "[config]") {
  const auto failed = [](const std::string& name, const std::string& reason) {
    return "ERR CONFIG SET failed (possibly related to argument '" + name + "') - " + reason;
  };
  CHECK(Set({{"a", "b"}}) == "ERR Unknown option or number of arguments for CONFIG SET - 'a'");
  CHECK(Set({{"DAEMONIZE", "yes"}}) == failed("DAEMONIZE", "can't set immutable config"));
  CHECK(Set({{"timeout", "1"}, {"Timeout", "2"}}) == failed("Timeout", "duplicate parameter"));
  // The value is wrong too, but what may not be changed is found first, in the order given.
  CHECK(Set({{"timeout", "abc"}, {"daemonize", "yes"}, {"nosuch", "1"}}) ==
        failed("daemonize", "can't set immutable config"));
  CHECK(Set({{"nosuch", "1"}, {"daemonize", "yes"}}) ==
        "ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'");
  for (const char* name : {"user", "rename-command", "include", "loadmodule", "keyclass"}) {
    CHECK(Set({{name, "x"}}) == std::string("ERR Unknown option or number of arguments for CONFIG "
                                            "SET - '") +
                                    name + "'");
  }
  // An error about a value names the setting as the table does.
  CHECK(Set({{"SLAVE-priority", "x"}}) ==
        failed("slave-priority", "argument couldn't be parsed into an integer"));
  // Two names of one setting are two parameters; the last one wins.
  CHECK(Set({{"slave-priority", "1"}, {"replica-priority", "2"}}) == "");
  CHECK(config.replica_priority == 2);
}

TEST_CASE_METHOD(Fixture, "A locale has to be there", "[config]") {
  CHECK(Set({{"locale-collate", "foo"}}) ==
        "ERR CONFIG SET failed (possibly related to argument 'locale-collate') - Invalid locale "
        "name");
  CHECK(Set({{"locale-collate", "C"}}) == "");
  CHECK(Get("locale-collate") == "C");
  CHECK(Set({{"locale-collate", ""}}) == "");
}

TEST_CASE_METHOD(Fixture, "The forms of the log", "[config]") {
  for (const char* form : {"legacy", "logfmt", "json"}) {
    CHECK(Set({{"log-format", form}}) == "");
    CHECK(Get("log-format") == form);
  }
  CHECK(Set({{"log-format", "xml"}})
            .ends_with("argument(s) must be one of the following: legacy, logfmt, json"));
}

TEST_CASE_METHOD(Fixture, "Protected settings", "[config]") {
  constexpr const char* kRefused =
      "ERR CONFIG SET failed (possibly related to argument 'dbfilename') - can't set protected "
      "config";
  CHECK(Set({{"dbfilename", "x.rdb"}}, true) == kRefused);
  config.enable_protected_configs.set(ProtectedAction::kLocal);
  CHECK(Set({{"dbfilename", "x.rdb"}}, false) == kRefused);
  CHECK(Set({{"dbfilename", "x.rdb"}}, true) == "");
  config.enable_protected_configs.set(ProtectedAction::kYes);
  CHECK(Set({{"dbfilename", "y.rdb"}}, false) == "");
  CHECK(Get("dbfilename") == "y.rdb");
}

TEST_CASE_METHOD(Fixture, "While loading some settings wait", "[config]") {
  host.is_loading = true;
  CHECK(Set({{"daemonize", "yes"}, {"appendonly", "yes"}}) ==
        "LOADING Redis is loading the dataset in memory");
  CHECK(Set({{"timeout", "1"}}) == "");
}

TEST_CASE_METHOD(Fixture, "A hook that fails restores every setting", "[config]") {
  host.refused = ApplyHook::kMaxclients;
  CHECK(Set({{"timeout", "9"}, {"hz", "20"}, {"maxclients", "100000"}, {"port", "7000"}}) ==
        "ERR CONFIG SET failed (possibly related to argument 'maxclients') - the fake host "
        "refuses");
  CHECK(config.timeout == 0);
  CHECK(config.hz == 10);
  CHECK(config.maxclients == 10000);
  CHECK(config.port == 6379);
  // hz was applied and, with its old value, applied again.
  CHECK(host.applied ==
        std::vector<ApplyHook>{ApplyHook::kHz, ApplyHook::kMaxclients, ApplyHook::kHz});
  REQUIRE(log.lines.size() == 1);
  CHECK(log.lines[0] ==
        "Failed applying new configuration. Possibly related to new maxclients setting. Restoring "
        "previous settings.");
}

TEST_CASE_METHOD(Fixture, "Hooks run once, and only for what has changed", "[config]") {
  CHECK(Set({{"port", "6379"}, {"bind", "* -::*"}}) == "");
  CHECK(host.applied.empty());
  CHECK(Set({{"port", "7000"}, {"bind", "127.0.0.1"}}) == "");
  CHECK(host.applied == std::vector<ApplyHook>{ApplyHook::kListeners});
}

TEST_CASE_METHOD(Fixture, "CONFIG SET names what has no effect, once", "[config]") {
  CHECK(Set({{"appendonly", "yes"}, {"timeout", "5"}}) == "");
  CHECK(log.lines == std::vector<std::string>{
                         "Directive 'appendonly' is accepted but has no effect in this version."});
  CHECK(Set({{"appendonly", "no"}, {"save", ""}}) == "");
  CHECK(log.lines.size() == 1);
  // What the engine does in a way of its own has nothing left to set.
  CHECK(Set({{"active-expire-effort", "5"}, {"hz", "50"}}) == "");
  CHECK(log.lines.size() == 3);
  CHECK(Set({{"appendonly", "yes"}, {"hz", "60"}}) == "");
  CHECK(Set({{"timeout", "6"}}) == "");
  CHECK(log.lines.size() == 3);
  // What has failed did not happen.
  CHECK(Set({{"import-mode", "yes"}, {"timeout", "abc"}}) != "");
  CHECK(log.lines.size() == 3);
}

TEST_CASE_METHOD(Fixture, "CONFIG SET splits values at single blanks", "[config]") {
  CHECK(Set({{"shutdown-on-sigint", "nosave force"}}) == "");
  CHECK(Get("shutdown-on-sigint") == "nosave force");
  CHECK(Set({{"save", "  10 20"}}) ==
        "ERR CONFIG SET failed (possibly related to argument 'save') - Invalid save parameters");
  CHECK(Set({{"bind", ""}}) == "");
  CHECK(config.bind.empty());
  CHECK(Set({{"client-output-buffer-limit", ""}}) == "");
  CHECK(Set({{"cluster-announce-ip", "a b"}}) == "");
  CHECK(Get("cluster-announce-ip") == "a b");
}

TEST_CASE_METHOD(Fixture, "CONFIG SET of rules of the origin puts all in the place of all",
                 "[config]") {
  const std::string a = "a \"a:{x:int}\" query \"SELECT $1\"";
  const std::string b = "b \"b:{x:int}\" ttl 60 query \"SELECT $1\"";
  CHECK(Set({{"origin-rule", a + "\n" + b}, {"timeout", "5"}}) == "");
  CHECK(Get("origin-rule") == a + "\n" + b);
  CHECK(host.applied == std::vector<ApplyHook>{ApplyHook::kOriginRules});
  CHECK(Set({{"origin-rule", b + "\nc c:{x:int} query 'SELECT 1'"}, {"timeout", "7"}}) ==
        "ERR CONFIG SET failed (possibly related to argument 'origin-rule') - rule 2: "
        "origin-rule option 'query': it does not use $1, which is capture 'x'");
  CHECK(Get("origin-rule") == a + "\n" + b);
  CHECK(config.timeout == 5);
  // What fails afterwards takes them back.
  host.refused = ApplyHook::kMaxclients;
  CHECK(Set({{"origin-rule", ""}, {"maxclients", "5"}}).ends_with("the fake host refuses"));
  CHECK(Get("origin-rule") == a + "\n" + b);
  CHECK(Set({{"origin-rule", b}}) == "");
  CHECK(Get("origin-rule") == b);
  CHECK(Set({{"origin-rule", ""}}) == "");
  CHECK(Get("origin-rule") == "");
}

TEST_CASE_METHOD(Fixture, "CONFIG GET", "[config]") {
  const auto get = [&](std::vector<std::string_view> patterns) {
    std::string names;
    for (const auto& [name, value] : GetConfig(config, patterns)) names += name + " ";
    return names;
  };
  CHECK(get({"port"}) == "port ");
  CHECK(get({"PORT", "port", "p?rt"}) == "PORT ");
  CHECK(get({"[p]ort"}) == "port ");
  CHECK(get({"nosuch", "zz*"}) == "");
  CHECK(get({"MAXMEMORY-s*", "maxmemory-samples"}) == "maxmemory-samples ");
  CHECK(get({"*slave-priority", "*replica-priority"}) == "slave-priority replica-priority ");
  CHECK(get({"user", "include", "keyclass", "rename-command", "loadmodule"}) == "");
  // Hidden settings answer to their name only.
  CHECK(get({"key-load-del*"}) == "");
  CHECK(get({"key-load-delay"}) == "key-load-delay ");
  CHECK(GetConfig(config, std::vector<std::string_view>{"*"}).size() > 237);
}

}  // namespace
}  // namespace alai
