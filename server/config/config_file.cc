#include "server/config/config_file.h"

#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>

#include "engine/base/ascii.h"
#include "engine/base/log.h"
#include "protocol/word_splitter.h"
#include "server/authentication.h"
#include "server/config/directives.h"
#include "server/config/origin_directive.h"
#include "server/version.h"

namespace alai {
namespace {

ConfigError CannotOpen(const std::string& path, int error) {
  return {ConfigError::Kind::kLog,
          "Fatal error, can't open config file '" + path + "': " + std::strerror(error),
          0,
          {}};
}

bool IsPattern(std::string_view path) {
  return path.find_first_of("*?[") != std::string_view::npos;
}

// Zero or errno.
int ReadAll(int fd, std::string* text) {
  struct stat status;
  if (fstat(fd, &status) != 0) return errno;
  if (S_ISDIR(status.st_mode)) return EISDIR;
  char buffer[16384];
  for (;;) {
    const ssize_t got = read(fd, buffer, sizeof buffer);
    if (got == 0) return 0;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno;
    if (text->size() + static_cast<size_t>(got) > kConfigFileBytesMax) return EFBIG;
    text->append(buffer, static_cast<size_t>(got));
  }
}

// `>password` or `#digest`, as SETUSER takes it and as a stock server writes it for requirepass.
bool NamesPassword(std::string_view word, const std::string& password) {
  if (password.empty()) return false;
  if (word.starts_with('>')) return word.substr(1) == password;
  return word.starts_with('#') && EqualsIgnoreCase(word.substr(1), Sha256Hex(password));
}

// Whether a `user` line says of the default user exactly what holds for everybody: that it may do all, and
// that its password is that of `requirepass`, or that there is none. Such a line starts from a user that may do
// nothing.
bool DescribesDefaultUser(std::string_view line, const std::string& password) {
  std::vector<std::string_view> words;
  UnquotedWords unquoted;
  if (!SplitWords(line, words, unquoted) || words.empty() || words[0] != "default") return false;
  bool on = false, keys = false, commands = false, right_password = false;
  for (const std::string_view word : std::span(words).subspan(1)) {
    const auto is = [word](std::string_view rule) { return EqualsIgnoreCase(word, rule); };
    if (is("on")) {
      on = true;
    } else if (is("~*") || is("allkeys")) {
      keys = true;
    } else if (is("+@all") || is("allcommands")) {
      commands = true;
    } else if ((password.empty() && is("nopass")) || NamesPassword(word, password)) {
      right_password = true;
    } else if (!is("&*") && !is("allchannels") && !is("sanitize-payload")) {
      return false;
    }
  }
  return on && keys && commands && right_password;
}

// Who restricts users must not come to a server that lets everybody in. The line itself may hold a
// password, so it is not shown.
std::string RefusalOfUsers(const Config& config) {
  constexpr const char* kReason =
      ": ACL users are not part of this version, and without them everybody would be let in. Take "
      "the line out; requirepass sets a password for all.";
  if (!config.aclfile.empty()) return std::string("aclfile") + kReason;
  for (const std::string& line : config.users.get()) {
    if (!DescribesDefaultUser(line, config.requirepass.get()))
      return "user " + line.substr(0, line.find(' ')) + kReason;
  }
  return {};
}

}  // namespace

std::string_view TrimLine(std::string_view line) {
  constexpr std::string_view kBlanks = " \t\r\n";
  line = line.substr(0, line.find('\0'));
  const size_t begin = line.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return line.substr(begin, line.find_last_not_of(kBlanks) - begin + 1);
}

std::string ConfigError::Report() const {
  if (kind == Kind::kLog) return message;
  std::string report = "\n*** FATAL CONFIG FILE ERROR (Alai ";
  report.append(kAlaiVersion).append(") ***\n");
  if (line > 0) {
    report.append("Reading the configuration file, at line ").append(std::to_string(line));
    report.append("\n>>> '").append(text).append("'\n");
  }
  return report.append(message).append("\n");
}

int ReadConfigFile(const std::string& path, std::string* text) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  const int error = ReadAll(fd, text);
  close(fd);
  return error;
}

std::optional<ConfigError> LoadConfig(const CommandLine& line, int stdin_fd, Config& config,
                                      ConfigLoader::Renamer renamer) {
  std::string text;
  if (!line.config_file.empty()) {
    const std::string path = AbsolutePath(line.config_file);
    if (const int error = ReadConfigFile(path, &text); error != 0) return CannotOpen(path, error);
    config.config_file.set(path);
  }
  if (line.reads_stdin) {
    Log(LogLevel::kWarning, "Reading config from stdin");
    if (!text.empty() && text.back() != '\n') text += '\n';
    if (const int error = ReadAll(stdin_fd, &text); error != 0) return CannotOpen("-", error);
  }
  if (!line.options.empty()) text.append("\n").append(line.options);
  ConfigLoader loader(config, std::move(renamer));
  if (std::optional<ConfigError> error = loader.Load(text)) return error;
  return loader.Finish();
}

std::optional<ConfigError> ConfigLoader::Load(std::string_view text) { return LoadText(text, 0); }

std::optional<ConfigError> ConfigLoader::LoadText(std::string_view text, int depth) {
  for (int number = 1; !text.empty(); ++number) {
    const size_t end = text.find('\n');
    std::optional<ConfigError> error = LoadLine(TrimLine(text.substr(0, end)), number, depth);
    if (error) return error;
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return std::nullopt;
}

std::optional<ConfigError> ConfigLoader::LoadLine(std::string_view line, int number, int depth) {
  if (line.empty() || line.starts_with('#')) return std::nullopt;
  const auto wrong = [&](std::string message) {
    return ConfigError{ConfigError::Kind::kLine, std::move(message), number, std::string(line)};
  };
  std::vector<std::string_view> views;
  UnquotedWords unquoted;
  if (!SplitWords(line, views, unquoted)) {
    return wrong("Unbalanced quotes in configuration line");
  }
  if (views.empty()) return std::nullopt;
  const std::vector<std::string> words(views.begin(), views.end());
  if (EqualsIgnoreCase(words[0], "include")) {
    if (words.size() != 2) return wrong(kBadDirective);
    if (depth == kIncludeDepthMax) return wrong("Too many nested include directives");
    return Include(words[1], depth + 1);
  }
  if (std::string message = AssignWords(words); !message.empty()) return wrong(std::move(message));
  return std::nullopt;
}

std::optional<ConfigError> ConfigLoader::Include(const std::string& pattern, int depth) {
  if (!IsPattern(pattern)) return IncludeFile(pattern, depth);
  glob_t found = {};
  std::optional<ConfigError> error;
  if (glob(pattern.c_str(), 0, nullptr, &found) == 0) {
    for (size_t i = 0; i < found.gl_pathc && !error; ++i) {
      error = IncludeFile(found.gl_pathv[i], depth);
    }
  }
  globfree(&found);
  return error;
}

std::optional<ConfigError> ConfigLoader::IncludeFile(const std::string& path, int depth) {
  std::string text;
  if (const int error = ReadConfigFile(path, &text); error != 0) return CannotOpen(path, error);
  return LoadText(text, depth);
}

// An empty text, or what is wrong.
std::string ConfigLoader::AssignWords(const std::vector<std::string>& words) {
  const std::string& name = words[0];
  const Directive::Arguments args = std::span(words).subspan(1);
  const Directive* directive = FindDirective(name);
  if (directive == nullptr) {
    if (IsObsoleteDirective(name) && args.size() == 1) return {};
    if (EqualsIgnoreCase(name, "sentinel")) {
      return args.empty() ? "" : "sentinel directive while not in sentinel mode";
    }
    if (name.find('.') == std::string::npos) return kBadDirective;
    if (args.empty()) return "Module config specified without value";
    module_settings_ = true;
    return {};
  }
  if (directive->name == "rename-command" && args.size() == 2 && renamer_) {
    if (const std::string_view message = renamer_(args[0], args[1]); !message.empty()) {
      return std::string(message);
    }
  }
  bool append = false;
  if (directive->has(Directive::kAccumulates)) {
    append = std::find(accumulated_.begin(), accumulated_.end(), directive) != accumulated_.end();
    if (!append) accumulated_.push_back(directive);
  }
  // One quoted word may hold all the values, as in CONFIG SET.
  if (directive->has(Directive::kMultiArg) && !directive->has(Directive::kFileOnly) &&
      args.size() == 1) {
    return directive->Assign(directive->SplitValue(args[0]), &config_, append);
  }
  return directive->Assign(args, &config_, append);
}

std::optional<ConfigError> ConfigLoader::Finish() {
  const auto wrong = [](std::string message) {
    return ConfigError{ConfigError::Kind::kLine, std::move(message), 0, {}};
  };
  if (const std::string path = config_.logfile.get(); !path.empty()) {
    const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0) return wrong(std::string("Can't open the log file: ") + std::strerror(errno));
    close(fd);
  }
  if (config_.cluster_enabled && !config_.replicaof.empty()) {
    return wrong("replicaof directive not allowed in cluster mode");
  }
  std::string misplaced = CheckRuleDatabases(config_.origin_rule.get(), config_.databases);
  if (!misplaced.empty()) return wrong(std::move(misplaced));
  if (!config_.users.empty() && !config_.aclfile.empty()) {
    return ConfigError{ConfigError::Kind::kLog,
                       "Configuring users in the configuration file and at the same time an ACL "
                       "file path is invalid: define either an ACL file or users, but not both.",
                       0,
                       {}};
  }
  std::string refusal = RefusalOfUsers(config_);
  if (!refusal.empty()) return wrong(std::move(refusal));
  if (module_settings_) {
    return ConfigError{ConfigError::Kind::kLog,
                       "Module Configuration detected without loadmodule directive or no "
                       "ApplyConfig call: aborting",
                       0,
                       {}};
  }
  return std::nullopt;
}

}  // namespace alai
