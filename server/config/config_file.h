// Reads redis.conf: files, standard input and command-line options, all in the same syntax.
//
// A line is a directive's name and its words, split as protocol/word_splitter.h says; a line whose
// first character is '#' is a comment. `include` takes a file, or a pattern whose files are read in
// the order of their names; none need exist. Whatever is not right ends the loading: a server with
// half of its settings is worse than none.
//
// Threads     The main thread, before there are others.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/config/command_line.h"
#include "server/config/config.h"
#include "server/config/directives.h"

namespace alai {

constexpr int kIncludeDepthMax = 16;
constexpr size_t kConfigFileBytesMax = 64 * 1024 * 1024;

// Why loading ended.
struct ConfigError {
  enum class Kind : uint8_t {
    kLine,  // a line is wrong: shown on stderr as a block
    kLog,   // something around it: one warning in the log
  };

  Kind kind = Kind::kLine;
  std::string message;
  int line = 0;      // 1 for the first; 0 when it is about no line
  std::string text;  // the line, trimmed

  // The block for stderr, or the log line.
  std::string Report() const;
};

class ConfigLoader {
 public:
  // Judges a `rename-command`: an empty text, or what is wrong in Redis's words.
  using Renamer =
      std::function<std::string_view(std::string_view old_name, std::string_view new_name)>;

  explicit ConfigLoader(Config& config, Renamer renamer = nullptr)
      : config_(config), renamer_(std::move(renamer)) {}

  // Reads the lines of a text. May be called several times; later settings win.
  std::optional<ConfigError> Load(std::string_view text);

  // What can only be judged when everything has been read. Call it last.
  std::optional<ConfigError> Finish();

 private:
  std::optional<ConfigError> LoadLine(std::string_view line, int number, int depth);
  std::optional<ConfigError> LoadText(std::string_view text, int depth);
  std::optional<ConfigError> Include(const std::string& pattern, int depth);
  std::optional<ConfigError> IncludeFile(const std::string& path, int depth);
  std::string AssignWords(const std::vector<std::string>& words);

  Config& config_;
  Renamer renamer_;
  std::vector<const Directive*> accumulated_;  // those that a line has been read for
  bool module_settings_ = false;
};

// Reads what a command line names: the file, standard input, the options. A relative path is remembered
// as an absolute one for CONFIG REWRITE.
std::optional<ConfigError> LoadConfig(const CommandLine& line, int stdin_fd, Config& config,
                                      ConfigLoader::Renamer renamer = nullptr);

// What counts of a line: up to a zero byte, without the blanks and line ends on both sides.
std::string_view TrimLine(std::string_view line);

// The whole of a file. Zero, or errno; EFBIG above kConfigFileBytesMax.
int ReadConfigFile(const std::string& path, std::string* text);

}  // namespace alai
