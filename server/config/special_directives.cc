#include "server/config/special_directives.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "engine/base/ascii.h"
#include "engine/base/log.h"
#include "engine/base/number.h"

namespace alai {
namespace {

constexpr size_t kBindAddressesMax = 16;
constexpr int64_t kOomScoreAdjMax = 2000;

// A decimal integer as C reads it: blanks before it, a plus sign and leading zeros are allowed, and
// an empty word counts as 0.
bool ParseCInteger(const std::string& word, int64_t* value) {
  char* end = nullptr;
  errno = 0;
  *value = std::strtoll(word.c_str(), &end, 10);
  return errno == 0 && end == word.c_str() + word.size();
}

// The words as one line, those with blanks or quotes in them quoted.
std::string JoinWords(Directive::Arguments words) {
  std::string line;
  for (const std::string& word : words) {
    if (!line.empty()) line += ' ';
    const bool plain = !word.empty() && std::all_of(word.begin(), word.end(), [](char c) {
      return c > ' ' && c < 0x7f && c != '"' && c != '\'' && c != '\\';
    });
    line += plain ? word : Quoted(word);
  }
  return line;
}

bool OneEmptyWord(Directive::Arguments args) { return args.size() == 1 && args[0].empty(); }

std::string NotPrinted(const Config&) { return {}; }
std::vector<Directive::Line> NoLines(const Config&, const Config&) { return {}; }

// One line with what CONFIG GET shows.
template <std::string (*print)(const Config&)>
std::vector<Directive::Line> PrintedLine(const Config& config, const Config& defaults) {
  const std::string value = print(config);
  return {{value, value != print(defaults)}};
}

// The same, with an empty value spelled "".
template <std::string (*print)(const Config&)>
std::vector<Directive::Line> QuotedWhenEmptyLine(const Config& config, const Config& defaults) {
  std::vector<Directive::Line> lines = PrintedLine<print>(config, defaults);
  if (lines[0].value.empty()) lines[0].value = "\"\"";
  return lines;
}

std::string AssignDir(Directive::Arguments args, Config* target, bool) {
  if (target == nullptr) {
    return access(args[0].c_str(), X_OK) == 0 ? std::string() : std::strerror(errno);
  }
  if (chdir(args[0].c_str()) != 0) return std::strerror(errno);
  char path[PATH_MAX];
  if (getcwd(path, sizeof path) == nullptr) return std::strerror(errno);
  target->dir.set(path);
  return {};
}

std::string PrintDir(const Config& config) { return config.dir.get(); }

// Whoever starts the server elsewhere with the rewritten file must find the same data.
std::vector<Directive::Line> DirLines(const Config& config, const Config&) {
  return {{Quoted(config.dir.get()), true}};
}

std::string AssignBind(Directive::Arguments args, Config* target, bool) {
  if (args.size() > kBindAddressesMax) return "Too many bind addresses specified.";
  if (target != nullptr) {
    target->bind.set(OneEmptyWord(args) ? Words() : Words(args.begin(), args.end()));
  }
  return {};
}

std::string PrintBind(const Config& config) {
  std::string value;
  for (const std::string& address : config.bind.get()) {
    if (!value.empty()) value += ' ';
    value += address;
  }
  return value;
}

std::vector<Directive::Line> BindLines(const Config& config, const Config& defaults) {
  const Words addresses = config.bind.get();
  return {{addresses.empty() ? "\"\"" : JoinWords(addresses), addresses != defaults.bind.get()}};
}

std::string AssignReplicaOf(Directive::Arguments args, Config* target, bool) {
  if (args.size() != 2) return kWrongArgumentCount;
  if (EqualsIgnoreCase(args[0], "no") && EqualsIgnoreCase(args[1], "one")) {
    if (target != nullptr) target->replicaof.set({});
    return {};
  }
  int64_t port;
  if (!ParseCInteger(args[1], &port) || port < 0 || port > 65535) return "Invalid master port";
  if (target != nullptr) target->replicaof.set({args[0], static_cast<int>(port)});
  return {};
}

std::string PrintReplicaOf(const Config& config) {
  const ReplicaOf primary = config.replicaof.get();
  return primary.empty() ? std::string() : primary.host + " " + std::to_string(primary.port);
}

// No line at all says that the server is a primary.
std::vector<Directive::Line> ReplicaOfLines(const Config& config, const Config&) {
  const ReplicaOf primary = config.replicaof.get();
  if (primary.empty()) return {};
  const std::string words[] = {primary.host, std::to_string(primary.port)};
  return {{JoinWords(words), true}};
}

std::string AssignSave(Directive::Arguments args, Config* target, bool append) {
  std::vector<SavePoint> points;
  if (OneEmptyWord(args)) args = {};
  // No words at all take back what earlier lines have asked for.
  if (append && !args.empty() && target != nullptr) points = target->save.get();
  if (args.size() % 2 != 0) return "Invalid save parameters";
  for (size_t i = 0; i < args.size(); i += 2) {
    SavePoint point;
    if (!ParseCInteger(args[i], &point.seconds) || !ParseCInteger(args[i + 1], &point.changes) ||
        point.seconds < 1 || point.changes < 0) {
      return "Invalid save parameters";
    }
    points.push_back(point);
  }
  if (target != nullptr) target->save.set(std::move(points));
  return {};
}

std::string SavePointText(const SavePoint& point) {
  return std::to_string(point.seconds) + " " + std::to_string(point.changes);
}

std::string PrintSave(const Config& config) {
  std::string value;
  for (const SavePoint& point : config.save.get()) {
    if (!value.empty()) value += ' ';
    value += SavePointText(point);
  }
  return value;
}

// Written whole also when it is the default, as Redis does: a file that has one line of it would
// otherwise lose the others.
std::vector<Directive::Line> SaveLines(const Config& config, const Config&) {
  const std::vector<SavePoint> points = config.save.get();
  if (points.empty()) return {{"\"\"", true}};
  std::vector<Directive::Line> lines;
  for (const SavePoint& point : points) lines.push_back({SavePointText(point), true});
  return lines;
}

// The class of a name, or -1.
int FindClientClass(std::string_view name) {
  if (EqualsIgnoreCase(name, "normal")) return static_cast<int>(ClientClass::kNormal);
  if (EqualsIgnoreCase(name, "slave") || EqualsIgnoreCase(name, "replica")) {
    return static_cast<int>(ClientClass::kReplica);
  }
  if (EqualsIgnoreCase(name, "pubsub")) return static_cast<int>(ClientClass::kPubsub);
  return -1;
}

std::string AssignOutputBufferLimit(Directive::Arguments args, Config* target, bool) {
  if (args.size() % 4 != 0) return "Wrong number of arguments in buffer limit configuration.";
  struct Limit {
    uint64_t hard = 0, soft = 0;
    int64_t seconds = 0;
    bool given = false;
  } limits[kClientClasses];
  for (size_t i = 0; i < args.size(); i += 4) {
    const int client_class = FindClientClass(args[i]);
    if (client_class < 0) return "Invalid client class specified in buffer limit configuration.";
    Limit& limit = limits[client_class];
    limit.given = true;
    if (!ParseMemorySize(args[i + 1], &limit.hard) || limit.hard > INT64_MAX ||
        !ParseMemorySize(args[i + 2], &limit.soft) || limit.soft > INT64_MAX ||
        !ParseCInteger(args[i + 3], &limit.seconds) || limit.seconds < 0) {
      return "Error in hard, soft or soft_seconds setting in buffer limit configuration.";
    }
  }
  for (int i = 0; i < kClientClasses && target != nullptr; ++i) {
    if (!limits[i].given) continue;
    OutputBufferLimit& limit = target->client_output_buffer_limit[i];
    limit.hard_bytes.set(static_cast<int64_t>(limits[i].hard));
    limit.soft_bytes.set(static_cast<int64_t>(limits[i].soft));
    limit.soft_seconds.set(limits[i].seconds);
  }
  return {};
}

std::string PrintOutputBufferLimit(const Config& config) {
  constexpr std::string_view kNames[kClientClasses] = {"normal", "slave", "pubsub"};
  std::string value;
  for (int i = 0; i < kClientClasses; ++i) {
    const OutputBufferLimit& limit = config.client_output_buffer_limit[i];
    if (i > 0) value += ' ';
    value.append(kNames[i]).append(" ").append(std::to_string(limit.hard_bytes));
    value.append(" ").append(std::to_string(limit.soft_bytes));
    value.append(" ").append(std::to_string(limit.soft_seconds));
  }
  return value;
}

std::vector<Directive::Line> OutputBufferLimitLines(const Config& config, const Config& defaults) {
  constexpr std::string_view kNames[kClientClasses] = {"normal", "replica", "pubsub"};
  std::vector<Directive::Line> lines;
  for (int i = 0; i < kClientClasses; ++i) {
    const OutputBufferLimit& limit = config.client_output_buffer_limit[i];
    const OutputBufferLimit& initial = defaults.client_output_buffer_limit[i];
    const bool forced = limit.hard_bytes.get() != initial.hard_bytes.get() ||
                        limit.soft_bytes.get() != initial.soft_bytes.get() ||
                        limit.soft_seconds.get() != initial.soft_seconds.get();
    std::string value(kNames[i]);
    value.append(" ").append(MemoryText(static_cast<uint64_t>(limit.hard_bytes.get())));
    value.append(" ").append(MemoryText(static_cast<uint64_t>(limit.soft_bytes.get())));
    value.append(" ").append(std::to_string(limit.soft_seconds));
    lines.push_back({std::move(value), forced});
  }
  // What has to be said takes the places of existing lines first.
  std::stable_partition(lines.begin(), lines.end(),
                        [](const Directive::Line& line) { return line.forced; });
  return lines;
}

std::string AssignOomScoreAdjValues(Directive::Arguments args, Config* target, bool) {
  int64_t values[3];
  if (args.size() != std::size(values)) return kWrongArgumentCount;
  for (size_t i = 0; i < std::size(values); ++i) {
    if (!ParseCInteger(args[i], &values[i]) || values[i] < -kOomScoreAdjMax ||
        values[i] > kOomScoreAdjMax) {
      return "Invalid oom-score-adj-values, elements must be between -2000 and 2000.";
    }
  }
  if (target == nullptr) return {};
  if (values[1] < values[0] || values[2] < values[1]) {
    Log(LogLevel::kWarning,
        "The oom-score-adj-values configuration may not work for non-privileged processes! "
        "Please consult the documentation.");
  }
  for (size_t i = 0; i < std::size(values); ++i) target->oom_score_adj_values[i].set(values[i]);
  return {};
}

std::string PrintOomScoreAdjValues(const Config& config) {
  std::string value;
  for (const Relaxed<int64_t>& element : config.oom_score_adj_values) {
    if (!value.empty()) value += ' ';
    value += std::to_string(element);
  }
  return value;
}

struct NotifyLetter {
  char letter;
  uint32_t flag;
};
// In the order in which they are printed.
constexpr NotifyLetter kEventClassLetters[] = {
    {'g', kNotifyGeneric}, {'$', kNotifyString},    {'l', kNotifyList},    {'s', kNotifySet},
    {'h', kNotifyHash},    {'z', kNotifySortedSet}, {'x', kNotifyExpired}, {'e', kNotifyEvicted},
    {'t', kNotifyStream},  {'d', kNotifyModule}};
constexpr NotifyLetter kOtherLetters[] = {
    {'K', kNotifyKeyspace}, {'E', kNotifyKeyevent}, {'m', kNotifyMiss}};
// What 'A' stands for.
constexpr uint32_t kAllEventClasses = kNotifyGeneric | kNotifyString | kNotifyList | kNotifySet |
                                      kNotifyHash | kNotifySortedSet | kNotifyExpired |
                                      kNotifyEvicted | kNotifyStream | kNotifyModule;

// 0 for a character that is none of them.
uint32_t NotifyFlagOf(char c) {
  if (c == 'A') return kAllEventClasses;
  if (c == 'n') return kNotifyNew;
  for (const NotifyLetter& entry : kEventClassLetters) {
    if (entry.letter == c) return entry.flag;
  }
  for (const NotifyLetter& entry : kOtherLetters) {
    if (entry.letter == c) return entry.flag;
  }
  return 0;
}

std::string AssignNotifyKeyspaceEvents(Directive::Arguments args, Config* target, bool) {
  uint32_t flags = 0;
  for (const char c : args[0]) {
    const uint32_t flag = NotifyFlagOf(c);
    if (flag == 0) return "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.";
    flags |= flag;
  }
  if (target != nullptr) target->notify_keyspace_events.set(flags);
  return {};
}

std::string PrintNotifyKeyspaceEvents(const Config& config) {
  const uint32_t flags = config.notify_keyspace_events;
  const bool all = (flags & kAllEventClasses) == kAllEventClasses;
  const bool fresh = (flags & kNotifyNew) != 0;
  std::string value;
  if (all) {
    value += 'A';
  } else {
    for (const NotifyLetter& entry : kEventClassLetters) {
      if ((flags & entry.flag) != 0) value += entry.letter;
    }
    if (fresh) value += 'n';
  }
  for (const NotifyLetter& entry : kOtherLetters) {
    if ((flags & entry.flag) != 0) value += entry.letter;
  }
  if (all && fresh) value += 'n';
  return value;
}

std::vector<Directive::Line> NotifyKeyspaceEventsLines(const Config& config,
                                                       const Config& defaults) {
  const std::string value = PrintNotifyKeyspaceEvents(config);
  return {{Quoted(value), value != PrintNotifyKeyspaceEvents(defaults)}};
}

std::string AssignLatencyPercentiles(Directive::Arguments args, Config* target, bool) {
  std::vector<double> percentiles;
  if (OneEmptyWord(args)) args = {};
  for (const std::string& word : args) {
    double percentile;
    if (!ParseDouble(word, &percentile)) {
      return "Invalid latency-tracking-info-percentiles parameters";
    }
    if (percentile < 0.0 || percentile > 100.0) {
      return "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]";
    }
    percentiles.push_back(percentile);
  }
  if (target != nullptr) target->latency_tracking_info_percentiles.set(std::move(percentiles));
  return {};
}

// Six decimals without trailing zeros.
std::string PercentileText(double percentile) {
  char digits[32];
  std::snprintf(digits, sizeof digits, "%.6f", percentile);
  std::string text = digits;
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

std::string PrintLatencyPercentiles(const Config& config) {
  std::string value;
  for (const double percentile : config.latency_tracking_info_percentiles.get()) {
    if (!value.empty()) value += ' ';
    value += PercentileText(percentile);
  }
  return value;
}

std::string AssignLoadModule(Directive::Arguments args, Config* target, bool) {
  if (args.empty()) return kBadDirective;
  if (target != nullptr) {
    Words modules = target->loadmodule.get();
    modules.push_back(JoinWords(args));
    target->loadmodule.set(std::move(modules));
  }
  return {};
}

std::string PrintLoadModule(const Config& config) { return JoinWords(config.loadmodule.get()); }

std::string AssignUser(Directive::Arguments args, Config* target, bool) {
  if (args.empty()) return kBadDirective;
  if (target != nullptr) {
    Words users = target->users.get();
    users.push_back(JoinWords(args));
    target->users.set(std::move(users));
  }
  return {};
}

std::string PrintUsers(const Config& config) { return JoinWords(config.users.get()); }

std::string AssignRenameCommand(Directive::Arguments args, Config* target, bool) {
  if (args.size() != 2) return kBadDirective;
  if (target != nullptr) {
    auto renamed = target->renamed_commands.get();
    renamed.emplace_back(args[0], args[1]);
    target->renamed_commands.set(std::move(renamed));
  }
  return {};
}

}  // namespace

std::string_view CheckProcTitleTemplate(std::string_view text) {
  constexpr std::string_view kInvalid = "template format is invalid or contains unknown variables";
  constexpr std::string_view kVariables[] = {"title",    "listen-addr", "server-mode", "port",
                                             "tls-port", "unixsocket",  "config-file"};
  if (text.find_first_not_of(' ') == std::string_view::npos) return kInvalid;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '}') return kInvalid;
    if (text[i] != '{') continue;
    const size_t end = text.find('}', i);
    if (end == std::string_view::npos) return kInvalid;
    const std::string_view variable = text.substr(i + 1, end - i - 1);
    if (std::find(std::begin(kVariables), std::end(kVariables), variable) == std::end(kVariables)) {
      return kInvalid;
    }
    i = end;
  }
  return {};
}

constinit const Directive::Special kDirSpecial = {AssignDir, PrintDir, DirLines};
constinit const Directive::Special kBindSpecial = {AssignBind, PrintBind, BindLines};
constinit const Directive::Special kReplicaOfSpecial = {AssignReplicaOf, PrintReplicaOf,
                                                        ReplicaOfLines};
constinit const Directive::Special kSaveSpecial = {AssignSave, PrintSave, SaveLines};
constinit const Directive::Special kOutputBufferLimitSpecial = {
    AssignOutputBufferLimit, PrintOutputBufferLimit, OutputBufferLimitLines};
constinit const Directive::Special kOomScoreAdjValuesSpecial = {
    AssignOomScoreAdjValues, PrintOomScoreAdjValues, PrintedLine<PrintOomScoreAdjValues>};
constinit const Directive::Special kNotifyKeyspaceEventsSpecial = {
    AssignNotifyKeyspaceEvents, PrintNotifyKeyspaceEvents, NotifyKeyspaceEventsLines};
constinit const Directive::Special kLatencyPercentilesSpecial = {
    AssignLatencyPercentiles, PrintLatencyPercentiles,
    QuotedWhenEmptyLine<PrintLatencyPercentiles>};
constinit const Directive::Special kLoadModuleSpecial = {AssignLoadModule, PrintLoadModule,
                                                         NoLines};
constinit const Directive::Special kUserSpecial = {AssignUser, PrintUsers, NoLines};
constinit const Directive::Special kRenameCommandSpecial = {AssignRenameCommand, NotPrinted,
                                                            NoLines};

}  // namespace alai
