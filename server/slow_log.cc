#include "server/slow_log.h"

#include <algorithm>

#include "engine/base/ascii.h"
#include "server/command_table.h"
#include "server/config/directives.h"

namespace alai {
namespace {

constexpr std::string_view kRedacted = "(redacted)";

std::string CutArgument(std::string_view argument) {
  if (argument.size() <= kCommandLogArgumentBytesMax) return std::string(argument);
  std::string cut(argument.substr(0, kCommandLogArgumentBytesMax));
  cut += "... (";
  cut += std::to_string(argument.size() - kCommandLogArgumentBytesMax);
  cut += " more bytes)";
  return cut;
}

std::vector<std::string> LoggedArguments(const FinishedCommand& finished) {
  const Arguments argv = finished.argv;
  // The last place is needed to say how many there were more.
  const bool cut = argv.size() > kCommandLogArgumentsMax;
  const size_t shown = cut ? kCommandLogArgumentsMax - 1 : argv.size();
  std::vector<std::string> logged;
  logged.reserve(shown + 1);
  for (size_t i = 0; i < shown; ++i) {
    logged.push_back(IsSecretArgument(*finished.command, argv, i) ? std::string(kRedacted)
                                                                  : CutArgument(argv[i]));
  }
  if (cut) {
    logged.push_back("... (" + std::to_string(argv.size() - shown) + " more arguments)");
  }
  return logged;
}

bool IsSecretSetting(std::string_view name) {
  const Directive* const directive = FindDirective(name);
  return directive != nullptr && directive->has(Directive::kSensitive);
}

// Whether `index` is among the `count` arguments that follow the word `word`.
bool Follows(Arguments argv, size_t index, std::string_view word, size_t count) {
  for (size_t back = 1; back <= count && back < index; ++back) {
    if (EqualsIgnoreCase(argv[index - back], word)) return true;
  }
  return false;
}

}  // namespace

bool IsSecretArgument(const CommandInfo& command, Arguments argv, size_t index) {
  const std::string_view name = command.full_name;
  if (name == "auth") return index >= 1;
  if (name == "hello") return Follows(argv, index, "AUTH", 2);
  if (name == "config|set") return index >= 3 && index % 2 == 1 && IsSecretSetting(argv[index - 1]);
  if (name == "acl|setuser") return index >= 2;
  if (name == "migrate") return Follows(argv, index, "AUTH", 1) || Follows(argv, index, "AUTH2", 2);
  return false;
}

void CommandLog::Append(CommandLogKind kind, int64_t value, size_t length_max,
                        const FinishedCommand& finished, int64_t time_s) {
  if (length_max == 0) return Clear(kind);
  auto entry = std::make_shared<CommandLogEntry>();
  entry->time_s = time_s;
  entry->value = value;
  entry->arguments = LoggedArguments(finished);
  entry->client_address = finished.client_address;
  entry->client_name = finished.client_name;
  std::lock_guard lock(mutex_);
  List& list = lists_[static_cast<size_t>(kind)];
  entry->id = list.next_id++;
  list.entries.push_front(std::move(entry));
  if (list.entries.size() > length_max) list.entries.resize(length_max);
}

void CommandLog::Add(const FinishedCommand& finished, int64_t time_s) {
  if (finished.command->has(kSkipCommandLog)) return;
  const int64_t micros = finished.nanos / 1000;
  const auto request = static_cast<int64_t>(finished.request_bytes);
  const auto reply = static_cast<int64_t>(finished.reply_bytes);
  if (Reaches(micros, config_.slowlog_log_slower_than)) {
    Append(CommandLogKind::kSlow, micros, static_cast<size_t>(config_.slowlog_max_len.get()),
           finished, time_s);
  }
  if (Reaches(request, config_.commandlog_request_larger_than)) {
    Append(CommandLogKind::kLargeRequest, request,
           static_cast<size_t>(config_.commandlog_large_request_max_len.get()), finished, time_s);
  }
  if (Reaches(reply, config_.commandlog_reply_larger_than)) {
    Append(CommandLogKind::kLargeReply, reply,
           static_cast<size_t>(config_.commandlog_large_reply_max_len.get()), finished, time_s);
  }
}

std::vector<std::shared_ptr<const CommandLogEntry>> CommandLog::Newest(CommandLogKind kind,
                                                                       size_t count) const {
  std::lock_guard lock(mutex_);
  const auto& entries = lists_[static_cast<size_t>(kind)].entries;
  const auto end = entries.begin() + static_cast<ptrdiff_t>(std::min(count, entries.size()));
  return {entries.begin(), end};
}

size_t CommandLog::Length(CommandLogKind kind) const {
  std::lock_guard lock(mutex_);
  return lists_[static_cast<size_t>(kind)].entries.size();
}

void CommandLog::Clear(CommandLogKind kind) {
  std::lock_guard lock(mutex_);
  lists_[static_cast<size_t>(kind)].entries.clear();
}

}  // namespace alai
