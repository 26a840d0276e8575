#include "server/process/process_title.h"

#include <unistd.h>

#include <cstdlib>
#include <cstring>

namespace alai {
namespace {

// Moves the string elsewhere if it begins where the area ends, and lets the area grow over it.
void Annex(char** text, char** end) {
  if (*text != *end) return;
  *end += std::strlen(*text) + 1;
  if (char* copy = strdup(*text)) *text = copy;
}

// "*:6379", the first address otherwise, or the unix socket when there is no port.
std::string ListenAddress(const Config& config) {
  const int64_t port = config.port != 0 ? config.port.get() : config.tls_port.get();
  if (port == 0) return config.unixsocket.get();
  const Words addresses = config.bind.get();
  return (addresses.empty() ? std::string("*") : addresses[0]) + ":" + std::to_string(port);
}

std::string Variable(std::string_view name, const Config& config, std::string_view program) {
  if (name == "title") return std::string(program);
  if (name == "listen-addr") return ListenAddress(config);
  if (name == "server-mode") return config.cluster_enabled ? "[cluster]" : "";
  if (name == "port") return std::to_string(config.port);
  if (name == "tls-port") return std::to_string(config.tls_port);
  if (name == "unixsocket") return config.unixsocket.get();
  if (name == "config-file") return config.config_file.get();
  return {};
}

}  // namespace

void ProcessTitle::Take(int argc, char** argv) {
  if (argc == 0) return;
  program_ = argv[0];
  begin_ = argv[0];
  char* end = begin_;
  for (int i = 0; i < argc; ++i) Annex(&argv[i], &end);
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    Annex(variable, &end);
  }
  room_ = static_cast<size_t>(end - begin_);
}

void ProcessTitle::Set(std::string_view title) {
  if (room_ == 0) return;
  title = title.substr(0, room_ - 1);
  std::memcpy(begin_, title.data(), title.size());
  std::memset(begin_ + title.size(), 0, room_ - title.size());
}

std::string ExpandProcTitle(const Config& config, std::string_view program) {
  const std::string pattern = config.proc_title_template.get();
  std::string title;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const size_t end = pattern[i] == '{' ? pattern.find('}', i) : std::string::npos;
    if (end == std::string::npos) {
      title += pattern[i];
      continue;
    }
    title += Variable(std::string_view(pattern).substr(i + 1, end - i - 1), config, program);
    i = end;
  }
  title.erase(title.find_last_not_of(' ') + 1);
  return title;
}

}  // namespace alai
