// A configuration file or a command line of any bytes. The first byte says which.
//
// A file that loads must survive CONFIG REWRITE: what is written loads again, gives the same settings,
// and is written the same way the next time. Lines that touch the machine are left out: `dir` changes
// the working directory, `include` reads other files.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/ascii.h"
#include "engine/base/assert.h"
#include "protocol/word_splitter.h"
#include "server/config/command_line.h"
#include "server/config/config_file.h"
#include "server/config/config_rewrite.h"
#include "server/config/directives.h"
#include "server/config/origin_directive.h"
#include "tests/no_log.h"

namespace alai {
namespace {

bool TouchesMachine(std::string_view line) {
  std::vector<std::string_view> words;
  UnquotedWords unquoted;
  if (!SplitWords(TrimLine(line), words, unquoted) || words.empty()) return false;
  return EqualsIgnoreCase(words[0], "dir") || EqualsIgnoreCase(words[0], "include");
}

std::string Harmless(std::string_view text) {
  std::string kept;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    if (!TouchesMachine(text.substr(0, end))) kept.append(text.substr(0, end)).append("\n");
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return kept;
}

std::vector<std::string> RuleTexts(const Config& config) {
  std::vector<std::string> texts;
  for (const auto& rule : config.origin_rule.get()) texts.push_back(OriginRuleText(*rule));
  return texts;
}

void CheckFile(std::string_view bytes) {
  const std::string text = Harmless(bytes);
  Config config;
  if (ConfigLoader(config).Load(text)) return;
  const std::string rewritten = RewrittenConfig(text, config);
  Config again;
  ASSERT(!ConfigLoader(again).Load(rewritten));
  for (const Directive& directive : Directives()) {
    // Of users a server starts only with those of whom requirepass says it all.
    if (directive.name == "user") continue;
    ASSERT(directive.Print(again) == directive.Print(config));
  }
  ASSERT(again.keyclass.get() == config.keyclass.get());
  ASSERT(RuleTexts(again) == RuleTexts(config));
  ASSERT(again.users.empty());
  ASSERT(RewrittenConfig(rewritten, again) == rewritten);
}

// Whatever the words of a command line are, their lines split into words again.
void CheckCommandLine(std::string_view bytes) {
  std::vector<std::string_view> args;
  for (;;) {
    const size_t end = bytes.find('\n');
    args.push_back(bytes.substr(0, end));
    if (end == std::string_view::npos) break;
    bytes.remove_prefix(end + 1);
  }
  const CommandLine line = ParseCommandLine(args);
  Config config;
  ConfigLoader(config).Load(Harmless(line.options));
}

}  // namespace
}  // namespace alai

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  alai::SilenceLog();
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  if ((data[0] & 1) == 0) {
    alai::CheckFile(input);
  } else {
    alai::CheckCommandLine(input);
  }
  return 0;
}
