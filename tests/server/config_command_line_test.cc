// The command line, with redis-server 7's rules.
#include <vector>

#include "server/config/command_line.h"
#include "server/memory_report.h"
#include "tests/catch.h"

namespace alai {
namespace {

using Action = CommandLine::Action;

CommandLine Parse(std::vector<std::string_view> args) { return ParseCommandLine(args); }

// Option lines without the blanks at their ends.
std::string Options(std::vector<std::string_view> args) {
  std::string lines = Parse(std::move(args)).options;
  for (size_t at; (at = lines.find(" \n")) != std::string::npos;) lines.erase(at, 1);
  if (lines.ends_with(' ')) lines.pop_back();
  return lines;
}

TEST_CASE("Nothing at all", "[config]") {
  const CommandLine line = Parse({});
  CHECK(line.action == Action::kServe);
  CHECK(line.config_file.empty());
  CHECK_FALSE(line.reads_stdin);
  CHECK(line.options.empty());
}

TEST_CASE("Options that are not directives", "[config]") {
  CHECK(Parse({"-v"}).action == Action::kShowVersion);
  CHECK(Parse({"--version", "--port", "1"}).action == Action::kShowVersion);
  CHECK(Parse({"-h"}).action == Action::kShowHelp);
  CHECK(Parse({"--help", "x"}).action == Action::kShowHelp);
  CHECK(Parse({"--check-system"}).action == Action::kCheckSystem);
  CHECK(Parse({"--test-memory"}).action == Action::kTestMemory);
  CHECK(Parse({"--test-memory"}).memory_megabytes.empty());
  CHECK(Parse({"--test-memory", "64"}).memory_megabytes == "64");
  // Only in the first place; later they are directives like others.
  CHECK(Parse({"--port", "1", "--version"}).action == Action::kServe);
  CHECK(Options({"--port", "1", "--version"}) == "port \"1\"\nversion");
}

TEST_CASE("File and standard input", "[config]") {
  CHECK(Parse({"a.conf"}).config_file == "a.conf");
  CHECK(Parse({"a.conf", "--port", "1"}).config_file == "a.conf");
  CHECK(Parse({"-"}).reads_stdin);
  CHECK(Parse({"-"}).config_file.empty());
  CHECK(Parse({"a.conf", "-"}).reads_stdin);
  CHECK(Parse({"--port", "1", "-"}).reads_stdin);
  CHECK(Options({"--port", "1", "-"}) == "port \"1\"");
  CHECK(Parse({"-", "--port", "1"}).reads_stdin);
  CHECK(Options({"-", "--port", "1"}) == "port \"1\"");
  // In the middle it is an argument.
  CHECK_FALSE(Parse({"a.conf", "-", "--port", "1"}).reads_stdin);
  CHECK(Options({"a.conf", "-", "--port", "1"}) == "\"-\"\nport \"1\"");
}

TEST_CASE("Directives and their values", "[config]") {
  CHECK(Options({"--port", "1", "--appendonly", "yes"}) == "port \"1\"\nappendonly \"yes\"");
  CHECK(Options({"--save", "60", "100", "300", "10"}) == "save \"60\" \"100\" \"300\" \"10\"");
  CHECK(Options({"--port"}) == "port");
  CHECK(Options({"--requirepass", ""}) == "requirepass \"\"");
  CHECK(Options({"--dir", "a\"b\\c\n\x01"}) == "dir \"a\\\"b\\\\c\\n\\x01\"");
  CHECK(Options({"a.conf", "b.conf"}) == "\"b.conf\"");
  CHECK(Options({"-p", "1"}) == "\"-p\" \"1\"");
  CHECK(Options({"--", "port"}) == " \"port\"");
}

TEST_CASE("A directive's first value may begin with dashes", "[config]") {
  CHECK(Options({"--proc-title-template", "--x--", "--port", "1"}) ==
        "proc-title-template \"--x--\"\nport \"1\"");
  CHECK(Options({"--unixsocket", "--dir", "/x"}) == "unixsocket \"--dir\" \"/x\"");
  CHECK(Options({"--port", "--save"}) == "port \"--save\"");
}

TEST_CASE("save may stand without a value", "[config]") {
  CHECK(Options({"--save"}) == "save \"\"");
  CHECK(Options({"--save", "--port", "1"}) == "save \"\"\nport \"1\"");
  CHECK(Options({"--SAVE", "--save", "--port", "1"}) == "SAVE \"\"\nsave \"\"\nport \"1\"");
  CHECK(Options({"--save", "", "--port", "1"}) == "save \"\"\nport \"1\"");
  CHECK(Options({"--sentinel"}) == "sentinel \"\"");
}

TEST_CASE("A word with blanks brings its values along", "[config]") {
  CHECK(Options({"--port 1", "--dir", "/x"}) == "port 1\ndir \"/x\"");
  CHECK(Options({"--save 900 1", "--port 1"}) == "save 900 1\nport 1");
  CHECK(Options({"--dir /x y"}) == "dir /x y");
}

TEST_CASE("What the program says of itself", "[config]") {
  CHECK(VersionText().starts_with("Alai server v="));
  CHECK(VersionText().find(" malloc=" + std::string(AllocatorName()) + " bits=") !=
        std::string::npos);
  CHECK(VersionText().ends_with("\n"));
  CHECK(HelpText("./alai-server").starts_with("Usage: ./alai-server [/path/to/redis.conf]"));
  CHECK(AbsolutePath("/a/b") == "/a/b");
  CHECK(AbsolutePath("a").front() == '/');
  CHECK(AbsolutePath("a").ends_with("/a"));
}

}  // namespace
}  // namespace alai
