// The configuration file that is installed: it changes nothing, and it mentions what there is.
#include <set>
#include <sstream>

#include "server/config/config_file.h"
#include "server/config/directives.h"
#include "tests/catch.h"

namespace alai {
namespace {

std::string ShippedFile() {
  std::string text;
  REQUIRE(ReadConfigFile(ALAI_SOURCE_DIR "/server/alai.conf", &text) == 0);
  return text;
}

// The directives that the file shows: those of lines "#name …", with their lines.
std::vector<std::pair<std::string, std::string>> Examples(const std::string& text) {
  std::vector<std::pair<std::string, std::string>> examples;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.size() < 2 || line[0] != '#' || line[1] == ' ') continue;
    line.erase(0, 1);
    examples.emplace_back(line.substr(0, line.find(' ')), line);
  }
  return examples;
}

void CheckIsDefault(const Config& config) {
  for (const Directive& directive : Directives()) {
    // Of these two an example is shown.
    if (directive.name == "io-threads" || directive.name == "origin-rule") continue;
    if (directive.has(Directive::kFileOnly)) continue;
    INFO(directive.name);
    CHECK(directive.Print(config) == directive.Print(DefaultConfig()));
  }
}

TEST_CASE("The shipped file leaves every setting at its default", "[config]") {
  Config config;
  const auto error = ConfigLoader(config).Load(ShippedFile());
  INFO((error ? error->Report() : ""));
  CHECK_FALSE(error.has_value());
  CHECK(config.io_threads == DefaultConfig().io_threads);
  CheckIsDefault(config);
}

TEST_CASE("What the shipped file shows are the defaults", "[config]") {
  Config config;
  ConfigLoader loader(config);
  for (const auto& [name, line] : Examples(ShippedFile())) {
    INFO(line);
    CHECK((name == "include" || FindDirective(name) != nullptr));
    CHECK_FALSE(loader.Load(line).has_value());
  }
  CheckIsDefault(config);
}

TEST_CASE("The shipped file mentions everything that has an effect", "[config]") {
  std::set<std::string> shown;
  for (const auto& [name, line] : Examples(ShippedFile())) shown.insert(name);
  for (const Directive& directive : Directives()) {
    if (directive.has(Directive::kNotYet) || directive.has(Directive::kHidden)) continue;
    INFO(directive.name);
    CHECK(shown.count(std::string(directive.name)) == 1);
  }
}

}  // namespace
}  // namespace alai
