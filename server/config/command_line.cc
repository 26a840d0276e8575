#include "server/config/command_line.h"

#include <unistd.h>

#include <climits>

#include "engine/base/ascii.h"
#include "server/config/directives.h"
#include "server/memory_report.h"
#include "server/version.h"

namespace alai {
namespace {

// Options that only work in the first place.
bool ReadPseudoOption(std::span<const std::string_view> args, CommandLine* line) {
  using Action = CommandLine::Action;
  const std::string_view first = args[0];
  if (first == "-v" || first == "--version") {
    line->action = Action::kShowVersion;
  } else if (first == "-h" || first == "--help") {
    line->action = Action::kShowHelp;
  } else if (first == "--check-system") {
    line->action = Action::kCheckSystem;
  } else if (first == "--test-memory") {
    line->action = Action::kTestMemory;
    if (args.size() == 2) line->memory_megabytes = args[1];
  } else {
    return false;
  }
  return true;
}

// Directives that may stand without a value.
bool NeedsNoValue(std::string_view option) {
  return EqualsIgnoreCase(option, "--save") || EqualsIgnoreCase(option, "--sentinel");
}

std::string OptionLines(std::span<const std::string_view> args) {
  std::string lines;
  bool value_due = false;
  for (size_t i = 0; i < args.size(); ++i) {
    const std::string_view word = args[i];
    if (!word.starts_with("--") || value_due) {
      if (!lines.empty() && lines.back() != ' ') lines += ' ';
      lines.append(Quoted(word)).append(" ");
      value_due = false;
      continue;
    }
    if (!lines.empty()) lines += '\n';
    lines.append(word.substr(2)).append(" ");
    const bool last = i + 1 == args.size();
    if (NeedsNoValue(word) && (last || args[i + 1].starts_with("--"))) {
      lines += "\"\"";
      value_due = false;
    } else {
      value_due = word.find(' ') == std::string_view::npos;
    }
  }
  return lines;
}

}  // namespace

CommandLine ParseCommandLine(std::span<const std::string_view> args) {
  CommandLine line;
  if (args.empty() || ReadPseudoOption(args, &line)) return line;
  if (!args[0].starts_with('-')) {
    line.config_file = args[0];
    args = args.subspan(1);
  } else if (args[0] == "-") {
    line.reads_stdin = true;
    args = args.subspan(1);
  }
  if (!args.empty() && args.back() == "-") {
    line.reads_stdin = true;
    args = args.first(args.size() - 1);
  }
  line.options = OptionLines(args);
  return line;
}

std::string HelpText(std::string_view program) {
  const std::string name(program);
  const std::string indent(7, ' ');
  return "Usage: " + name + " [/path/to/redis.conf] [options] [-]\n" +  //
         indent + name + " - (read config from stdin)\n" +              //
         indent + name + " -v or --version\n" +                         //
         indent + name + " -h or --help\n" +                            //
         indent + name + " --test-memory <megabytes>\n" +               //
         indent + name + " --check-system\n\n" +                        //
         "Examples:\n" +                                                //
         indent + name + " (run the server with default settings)\n" +  //
         indent + "echo 'maxmemory 128mb' | " + name + " -\n" +         //
         indent + name + " /etc/alai/alai.conf\n" +                     //
         indent + name + " --port 7777\n" +                             //
         indent + name + " /etc/redis/redis.conf --loglevel verbose -\n";
}

// Scripts that look for "v=" want to know which Redis they have before them.
std::string VersionText() {
  std::string text = "Alai server v=";
  text.append(kRedisVersion).append(" sha=00000000:0 malloc=").append(AllocatorName());
  text.append(" bits=").append(std::to_string(sizeof(void*) * 8));
  text.append(" build=").append(BuildId());
  return text.append(" alai=").append(kAlaiVersion).append("\n");
}

std::string AbsolutePath(const std::string& path) {
  if (path.starts_with('/')) return path;
  char folder[PATH_MAX];
  if (getcwd(folder, sizeof folder) == nullptr) return path;
  return std::string(folder) + "/" + path;
}

}  // namespace alai
