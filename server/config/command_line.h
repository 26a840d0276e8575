// The command line of alai-server, with the rules of redis-server 7:
//
//   alai-server [FILE] [-] [--directive [value …]] … [-]
//
// A word that starts with "--" begins a directive, unless the one before it has no value yet: then it
// is that one's value, so `--proc-title-template --x--` works; only `--save` and `--sentinel` may
// stand without a value. A word that holds blanks, "--port 6380", brings its values along. What the
// options set wins over standard input, which wins over the file.
//
// Threads     Pure functions: any.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace alai {

struct CommandLine {
  enum class Action : uint8_t { kServe, kShowVersion, kShowHelp, kCheckSystem, kTestMemory };

  Action action = Action::kServe;
  std::string memory_megabytes;  // of --test-memory, as given; empty when it was left out
  std::string config_file;       // as given; empty without one
  bool reads_stdin = false;
  std::string options;  // as lines of a configuration file
};

// `args` without the program's name.
CommandLine ParseCommandLine(std::span<const std::string_view> args);

// What --help prints. `program` as it was called.
std::string HelpText(std::string_view program);

// What --version prints, with its line end.
std::string VersionText();

// `path` from the root on, "." and ".." left as they are.
std::string AbsolutePath(const std::string& path);

}  // namespace alai
