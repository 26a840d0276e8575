// Loading redis.conf: syntax, includes, accumulation, and every reason to refuse a file.
#include "server/config/config_file.h"

#include <unistd.h>

#include "server/version.h"
#include "tests/catch.h"
#include "tests/server/temporary_folder.h"

namespace alai {
namespace {

// Restores the working directory, which `dir` changes.
class WorkingDirectory {
 public:
  WorkingDirectory() : path_(AbsolutePath("")) {}
  ~WorkingDirectory() { [[maybe_unused]] int status = chdir(path_.c_str()); }

 private:
  std::string path_;
};

// "line: message" of the first error, or an empty text.
std::string Load(Config& config, std::string_view text) {
  ConfigLoader loader(config);
  std::optional<ConfigError> error = loader.Load(text);
  if (!error) error = loader.Finish();
  if (!error) return {};
  return error->kind == ConfigError::Kind::kLog
             ? "log: " + error->message
             : std::to_string(error->line) + ": " + error->message;
}

std::string Load(std::string_view text) {
  Config config;
  return Load(config, text);
}

TEST_CASE("Words, quotes and comments", "[config]") {
  Config config;
  CHECK(Load(config,
             "# comment\n\n \t\n  port 7000 \r\n\t# indented comment\n\"timeout\" '5'\n"
             "REQUIREPASS \"a\\x41\\n\\\"\\q 'b'\"\nsyslog-ident 'it\\'s \"'\nhz 20") == "");
  CHECK(config.port == 7000);
  CHECK(config.timeout == 5);
  CHECK(config.requirepass.get() == "aA\n\"q 'b'");
  CHECK(config.syslog_ident.get() == "it's \"");
  CHECK(config.hz == 20);
}

TEST_CASE("Lines that are refused", "[config]") {
  constexpr const char* kBad = "Bad directive or wrong number of arguments";
  constexpr const char* kUnbalanced = "Unbalanced quotes in configuration line";
  struct Example {
    std::string text;
    std::string error;
  };
  const Example examples[] = {
      {"\n\nport abc\n", "3: argument couldn't be parsed into an integer"},
      {"port 1\r\nport x\r\n", "2: argument couldn't be parsed into an integer"},
      {"port", "1: wrong number of arguments"},
      {"port 1 2", "1: wrong number of arguments"},
      {"port 70000 # no comment here", "1: wrong number of arguments"},
      {"nosuch 3", std::string("1: ") + kBad},
      {"\"\" 1", std::string("1: ") + kBad},
      {"\" port\" 1", std::string("1: ") + kBad},
      {"port \"1", std::string("1: ") + kUnbalanced},
      {"port \"1\"x", std::string("1: ") + kUnbalanced},
      {"port ''x", std::string("1: ") + kUnbalanced},
      {std::string("dir a\0b", 7), "1: No such file or directory"},
      {"user", std::string("1: ") + kBad},
      {"include", std::string("1: ") + kBad},
      {"include a b", std::string("1: ") + kBad},
      {"loadmodule", std::string("1: ") + kBad},
      {"rename-command get", std::string("1: ") + kBad},
      {"rename-command a b c", std::string("1: ") + kBad},
      {"keyclass a", std::string("1: ") + kBad},
      {"list-max-ziplist-entries", std::string("1: ") + kBad},
      {"list-max-ziplist-entries 1 2", std::string("1: ") + kBad},
      {"sentinel monitor x", "1: sentinel directive while not in sentinel mode"},
      {"my.module", "1: Module config specified without value"},
      {"my.module 1",
       "log: Module Configuration detected without loadmodule directive or no ApplyConfig call: "
       "aborting"},
      {"dir /nonexistent", "1: No such file or directory"},
      {"dir \"\"", "1: No such file or directory"},
      {"include /nonexistent.conf",
       "log: Fatal error, can't open config file '/nonexistent.conf': No such file or directory"},
      {"include /tmp", "log: Fatal error, can't open config file '/tmp': Is a directory"},
      {"logfile /nonexistent/x.log", "0: Can't open the log file: No such file or directory"},
      {"logfile /tmp", "0: Can't open the log file: Is a directory"},
      {"replicaof a 1\ncluster-enabled yes", "0: replicaof directive not allowed in cluster mode"},
      {"shutdown-on-sigint",
       "1: argument(s) must be one of the following: default, save, nosave, now, force"},
      {"oom-score-adj-values", "1: wrong number of arguments"},
      {"replicaof", "1: wrong number of arguments"},
  };
  const WorkingDirectory restore;
  for (const Example& example : examples) {
    INFO(example.text);
    CHECK(Load(example.text) == example.error);
  }
}

TEST_CASE("Lines that are accepted although they look odd", "[config]") {
  for (const char* text :
       {"", "\n", "sentinel", "lua-replicate-commands yes", "list-max-ziplist-value 64", "bind",
        "save", "client-output-buffer-limit", "shutdown-on-sigint \"save now\"",
        "client-output-buffer-limit \"normal 0 0 0\"", "latency-tracking-info-percentiles",
        "save \"900 1\"", "io-threads-do-reads yes", "unixsocketperm \"\"", "loadmodule /x.so a b",
        "user default on nopass ~* +@all", "include /tmp/none-*.conf"}) {
    INFO(text);
    CHECK(Load(text) == "");
  }
}

TEST_CASE("The report is a block that names the line", "[config]") {
  Config config;
  const auto error = ConfigLoader(config).Load("timeout 1\n  timeout x y  \n");
  REQUIRE(error.has_value());
  CHECK(error->Report() == "\n*** FATAL CONFIG FILE ERROR (Alai " + std::string(kAlaiVersion) +
                               ") ***\nReading the configuration file, at line 2\n"
                               ">>> 'timeout x y'\nwrong number of arguments\n");
  const ConfigError without_line{ConfigError::Kind::kLine, "message", 0, ""};
  CHECK(without_line.Report() ==
        "\n*** FATAL CONFIG FILE ERROR (Alai " + std::string(kAlaiVersion) + ") ***\nmessage\n");
}

TEST_CASE("The first save line replaces the default, others add", "[config]") {
  Config config;
  CHECK(Load(config, "timeout 1") == "");
  CHECK(config.save.get().size() == 3);
  CHECK(Load(config, "save 900 1\nsave 300 10 60 20\n") == "");
  CHECK(config.save.get() == std::vector<SavePoint>{{900, 1}, {300, 10}, {60, 20}});
  CHECK(Load(config, "save 900 1\nsave \"\"\nsave 5 5\n") == "");
  CHECK(config.save.get() == std::vector<SavePoint>{{5, 5}});
  CHECK(Load(config, "save 900 1\nsave\n") == "");
  CHECK(config.save.get().empty());
}

TEST_CASE("Lines that add up", "[config]") {
  Config config;
  CHECK(Load(config,
             "user default on \"nopass\" ~* +@all\nuser default on nopass allkeys "
             "+@all\nrename-command FLUSHALL \"\"\n"
             "rename-command CONFIG cfg\nloadmodule /a.so x\nkeyclass a a:* ttl 5\n"
             "keyclass b b:*\n") == "");
  CHECK(config.users.get() ==
        Words{"default on nopass ~* +@all", "default on nopass allkeys +@all"});
  const std::vector<std::pair<std::string, std::string>> renamed = {{"FLUSHALL", ""},
                                                                    {"CONFIG", "cfg"}};
  CHECK(config.renamed_commands.get() == renamed);
  CHECK(config.loadmodule.get() == Words{"/a.so x"});
  CHECK(config.keyclass.get().size() == 2);
  CHECK(Load(config, "keyclass a x:*").find("keyclass 'a' is defined twice") != std::string::npos);
  CHECK(
      Load(
          config,
          "origin-rule a a:{x:int} query 'SELECT $1'\norigin-rule b b:{x:int} query 'SELECT $1'") ==
      "");
  CHECK(config.origin_rule.get().size() == 2);
  const std::string a = "origin-rule a a:{x:int} query 'SELECT $1'\n";
  CHECK(Load(config, a + "origin-rule a c:{x:int} query 'SELECT $1'")
            .find("origin rule 'a' is defined twice") != std::string::npos);
  const std::string far = "origin-rule far a:{x:int} db 3 query 'SELECT $1'\n";
  CHECK(Load(config, far + "databases 3") ==
        "0: origin rule 'far' is about database 3, the last one is 2 (see databases)");
  CHECK(Load(config, far + "databases 4") == "");
  CHECK(Load(config, a + "origin-rule \"\"") == "");
  CHECK(config.origin_rule.get().empty());
}

TEST_CASE("rename-command asks who knows the commands", "[config]") {
  Config config;
  ConfigLoader loader(config, [](std::string_view old_name, std::string_view) -> std::string_view {
    return old_name == "get" ? "" : "No such command in rename-command";
  });
  CHECK_FALSE(loader.Load("rename-command get g").has_value());
  const auto error = loader.Load("\nrename-command foo g");
  REQUIRE(error.has_value());
  CHECK(error->line == 2);
  CHECK(error->message == "No such command in rename-command");
  CHECK(config.renamed_commands.get().size() == 1);
}

TEST_CASE("Users in the file exclude an ACL file", "[config]") {
  CHECK(Load("user a on\naclfile /x").find("log: Configuring users") == 0);
}

TEST_CASE("Users who are restricted end the loading, since nobody would be", "[config]") {
  for (const char* line :
       {"user default on nopass ~* &* +@all",
        "user default ON nopass allkeys allchannels allcommands",
        "user default on nopass sanitize-payload ~* &* +@all", "aclfile \"\"",
        // What a stock server writes beside requirepass.
        "requirepass secret\nuser default on sanitize-payload "
        "#2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b ~* &* +@all",
        "user default on >secret ~* &* +@all\nrequirepass secret"}) {
    INFO(line);
    CHECK(Load(line) == "");
  }
  for (const char* line :
       {"user default on >secret ~* +@all", "user default off", "user default",
        "user default on ~* &* +@all", "user default nopass ~* &* +@all",
        "user default on nopass +@all", "user default on nopass ~* &*",
        "user default on nopass ~a:* +@all", "user default on nopass ~* +@all -flushall",
        "user default on \"\"", "user Default on",
        "user default on nopass\nuser bob on >secret ~* +@all", "user bob on nopass ~* &* +@all",
        "user default on nopass (~a:* +get)", "requirepass other\nuser default on >secret ~* +@all",
        "requirepass other\nuser default on nopass ~* +@all", "aclfile /etc/redis/users.acl"}) {
    INFO(line);
    const std::string error = Load(line);
    CHECK(error.find("ACL users are not part of this version") != std::string::npos);
    CHECK(error.find("secret") == std::string::npos);
  }
  CHECK(Load("user bob on").starts_with("0: user bob: "));
  CHECK(Load("aclfile /x").starts_with("0: aclfile: "));
}

TEST_CASE("Includes", "[config]") {
  const TemporaryFolder folder;
  folder.Write("b.conf", "timeout 2\n");
  folder.Write("a.conf", "timeout 1\nport 7001\n");
  folder.Write("broken.con", "\n\nnosuch 1\n");
  folder.Write("self.conf.x", "include " + folder.Path("self.conf.x") + "\n");
  Config config;
  CHECK(Load(config, "include " + folder.Path("*.conf") + "\n") == "");
  CHECK(config.timeout == 2);  // in the order of their names
  CHECK(config.port == 7001);
  CHECK(Load(config, "include \"" + folder.Path("a.conf") + "\"\ntimeout 9") == "");
  CHECK(config.timeout == 9);
  // The line is that of the included file.
  CHECK(Load(config, "include " + folder.Path("broken.con")) ==
        "3: Bad directive or wrong number of arguments");
  CHECK(Load(config, "include " + folder.Path("self.conf.x")) ==
        "1: Too many nested include directives");
}

TEST_CASE("Includes nest to a depth", "[config]") {
  const TemporaryFolder folder;
  for (int i = 1; i < kIncludeDepthMax; ++i) {
    folder.Write(std::to_string(i), "include " + folder.Path(std::to_string(i + 1)));
  }
  folder.Write(std::to_string(kIncludeDepthMax), "timeout 77");
  Config config;
  CHECK(Load(config, "include " + folder.Path("1")) == "");
  CHECK(config.timeout == 77);
}

TEST_CASE("dir is the working directory from its line on", "[config]") {
  const WorkingDirectory restore;
  const TemporaryFolder folder;
  folder.Write("here.conf", "timeout 3\n");
  Config config;
  CHECK(Load(config, "dir " + folder.Path("") + "\ninclude here.conf\nlogfile x.log\n") == "");
  CHECK(config.timeout == 3);
  CHECK(config.dir.get() + "/" == AbsolutePath(""));
  CHECK(access(folder.Path("x.log").c_str(), F_OK) == 0);
}

TEST_CASE("File, standard input and options in this order", "[config]") {
  const TemporaryFolder folder;
  const std::string file = folder.Write("x.conf", "timeout 1\nport 7001\nhz 11");
  int input[2];
  REQUIRE(pipe(input) == 0);
  const std::string text = "port 7002\nhz 12\n";
  REQUIRE(write(input[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  close(input[1]);
  Config config;
  const std::string_view args[] = {file, "--hz", "13", "-"};
  CHECK_FALSE(LoadConfig(ParseCommandLine(args), input[0], config).has_value());
  close(input[0]);
  CHECK(config.timeout == 1);
  CHECK(config.port == 7002);
  CHECK(config.hz == 13);
  CHECK(config.config_file.get() == file);
}

TEST_CASE("Options count as lines after the file and an empty line", "[config]") {
  const TemporaryFolder folder;
  const std::string file = folder.Write("x.conf", "port 7912\ntimeout 5\n");
  Config config;
  const std::string_view args[] = {file, "--port", "x"};
  auto error = LoadConfig(ParseCommandLine(args), STDIN_FILENO, config);
  REQUIRE(error.has_value());
  CHECK(error->line == 4);
  CHECK(error->text == "port \"x\"");
  const std::string_view alone[] = {"--port", "x"};
  error = LoadConfig(ParseCommandLine(alone), STDIN_FILENO, config);
  REQUIRE(error.has_value());
  CHECK(error->line == 2);
}

TEST_CASE("A file that is not there", "[config]") {
  Config config;
  const std::string_view args[] = {"/nonexistent.conf"};
  const auto error = LoadConfig(ParseCommandLine(args), STDIN_FILENO, config);
  REQUIRE(error.has_value());
  CHECK(error->Report() ==
        "Fatal error, can't open config file '/nonexistent.conf': No such file or directory");
  std::string text;
  CHECK(ReadConfigFile("/dev/zero", &text) == EFBIG);
}

}  // namespace
}  // namespace alai
