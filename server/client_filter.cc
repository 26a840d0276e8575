#include "server/client_filter.h"

#include <algorithm>

#include "engine/base/number.h"
#include "protocol/error_text.h"
#include "server/client.h"
#include "server/client_description.h"

namespace alai {
namespace {

constexpr std::string_view kIdNotPositive = "ERR client-id should be greater than 0";
// The letters of CLIENT LIST's flags and of what clients say they can do, as far as Valkey knows them.
constexpr std::string_view kFlagLetters = "bcdeirtuxABEIMNOPRSTU";
constexpr std::string_view kCapabilityLetters = "r";

// Gives false for a type that does not exist. All clients are normal ones.
bool ReadType(std::string_view word, int64_t* normal) {
  *normal = EqualsIgnoreCase(word, "normal") ? 1 : 0;
  return *normal != 0 || EqualsIgnoreCase(word, "master") || EqualsIgnoreCase(word, "primary") ||
         EqualsIgnoreCase(word, "slave") || EqualsIgnoreCase(word, "replica") ||
         EqualsIgnoreCase(word, "pubsub");
}

std::string_view HostOf(std::string_view address) {
  std::string_view host = address.substr(0, address.rfind(':'));
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  return host;
}

bool HasAllLetters(std::string_view letters, std::string_view wanted) {
  return std::all_of(wanted.begin(), wanted.end(),
                     [&](char c) { return letters.find(c) != std::string_view::npos; });
}

// A number of seconds; `name` is what errors call it.
std::string ReadSeconds(ArgReader& args, std::string_view name, int64_t* seconds) {
  *seconds = args.Int64();
  if (!args.ok()) return "ERR " + std::string(name) + " is not an integer or out of range";
  if (*seconds <= 0) return "ERR " + std::string(name) + " should be greater than 0";
  return {};
}

// Letters of `known`; the error calls them `name`, and where they stand `place`.
std::string ReadLetters(ArgReader& args, std::string_view known, std::string_view name,
                        std::string_view place, std::string* letters) {
  *letters = args.String();
  if (HasAllLetters(known, *letters)) return {};
  std::string error = "ERR Unknown ";
  return error.append(name).append(" found in the ").append(place).append(" filter: ") + *letters;
}

}  // namespace

bool ClientFilter::FindField(std::string_view word, Field* field) {
  constexpr struct {
    std::string_view word;
    Field field;
  } kWords[] = {
      {"ID", Field::kId},
      {"TYPE", Field::kType},
      {"USER", Field::kUser},
      {"ADDR", Field::kAddress},
      {"LADDR", Field::kLocalAddress},
      {"IP", Field::kIp},
      {"NAME", Field::kName},
      {"LIB-NAME", Field::kLibraryName},
      {"LIB-VER", Field::kLibraryVersion},
      {"FLAGS", Field::kFlags},
      {"CAPA", Field::kCapabilities},
      {"DB", Field::kDb},
      {"IDLE", Field::kIdle},
      {"MAXAGE", Field::kMaxAge},
  };
  for (const auto& entry : kWords) {
    if (EqualsIgnoreCase(word, entry.word)) {
      *field = entry.field;
      return true;
    }
  }
  return false;
}

std::string ClientFilter::Read(ArgReader& args) {
  while (args.remaining() > 0) {
    const std::string_view word = args.String();
    if (args.remaining() == 0) return std::string(error_text::kSyntax);
    if (EqualsIgnoreCase(word, "SKIPME")) {
      const std::string_view choice = args.String();
      const bool yes = EqualsIgnoreCase(choice, "yes");
      if (!yes && !EqualsIgnoreCase(choice, "no")) return std::string(error_text::kSyntax);
      skip_self_ = yes ? Skip::kYes : Skip::kNo;
      continue;
    }
    std::string error = ReadCondition(word, args);
    if (!error.empty()) return error;
  }
  return {};
}

std::string ClientFilter::ReadCondition(std::string_view word, ArgReader& args) {
  constexpr std::string_view kNot = "NOT-";
  Condition condition{};
  condition.negated =
      word.size() > kNot.size() && EqualsIgnoreCase(word.substr(0, kNot.size()), kNot);
  if (condition.negated) word.remove_prefix(kNot.size());
  const bool known = FindField(word, &condition.field);
  const bool one_way = condition.field == Field::kIdle || condition.field == Field::kMaxAge;
  if (!known || (condition.negated && one_way)) return std::string(error_text::kSyntax);
  std::string error = ReadValue(args, &condition);
  if (error.empty()) Add(std::move(condition));
  return error;
}

// Of conditions of one kind the last holds, but identifiers, of which there may be many, add up.
void ClientFilter::Add(Condition condition) {
  for (Condition& other : conditions_) {
    if (other.field != condition.field || other.negated != condition.negated) continue;
    if (other.field == Field::kId) {
      other.ids.insert(other.ids.end(), condition.ids.begin(), condition.ids.end());
    } else {
      other = std::move(condition);
    }
    return;
  }
  conditions_.push_back(std::move(condition));
}

std::string ClientFilter::ReadValue(ArgReader& args, Condition* condition) const {
  const bool negated = condition->negated;
  switch (condition->field) {
    case Field::kId:
      return ReadIds(args, condition);
    case Field::kType: {
      const std::string_view type = args.String();
      if (ReadType(type, &condition->number)) return {};
      return "ERR Unknown client type '" + std::string(type) + "'";
    }
    case Field::kUser:
      condition->text = args.String();
      if (condition->text == "default") return {};
      return "ERR No such user '" + condition->text + "'";
    case Field::kFlags:
      return ReadLetters(args, kFlagLetters, "flags", negated ? "NOT-FLAGS" : "provided",
                         &condition->text);
    case Field::kCapabilities:
      return ReadLetters(args, kCapabilityLetters, "capa", negated ? "NOT-CAPA" : "provided",
                         &condition->text);
    case Field::kDb:
      return ReadDb(args, condition);
    case Field::kIdle:
      return ReadSeconds(args, "idle", &condition->number);
    case Field::kMaxAge:
      return ReadSeconds(args, "maxage", &condition->number);
    default:
      condition->text = args.String();
      return {};
  }
}

// One id, and as many more as follow. What is wrong with ID is said as in Redis 7.0, which has no NOT-ID.
std::string ClientFilter::ReadIds(ArgReader& args, Condition* condition) const {
  int64_t id = 0;
  bool first = true;
  while (args.remaining() > 0) {
    const bool number = ParseInt64(args.rest()[0], &id);
    if (!number && !first) break;
    if (condition->negated && !number) return std::string(error_text::kSyntax);
    const bool strict = use_ == Use::kKill || condition->negated;
    if (strict && (!number || id < 1)) return std::string(kIdNotPositive);
    if (!number) return std::string(error_text::kInvalidClientId);
    args.String();
    condition->ids.push_back(static_cast<uint64_t>(id));
    first = false;
  }
  return {};
}

std::string ClientFilter::ReadDb(ArgReader& args, Condition* condition) const {
  const std::string name = condition->negated ? "ERR NOT-DB" : "ERR DB";
  condition->number = args.Int64(INT32_MIN, INT32_MAX);
  if (!args.ok()) return name + " is not an integer or out of range";
  if (condition->number >= 0 && condition->number < databases_) return {};
  return name + " number should be between 0 and " + std::to_string(databases_ - 1);
}

const std::vector<uint64_t>* ClientFilter::only_ids() const {
  const bool only = conditions_.size() == 1 && conditions_[0].field == Field::kId &&
                    !conditions_[0].negated && skip_self_ == Skip::kUnsaid;
  return only ? &conditions_[0].ids : nullptr;
}

bool ClientFilter::Matches(const Client& client, UnixMillis now) const {
  if (client.kill_requested()) return false;
  return std::all_of(conditions_.begin(), conditions_.end(), [&](const Condition& condition) {
    return Holds(condition, client, now) != condition.negated;
  });
}

bool ClientFilter::Holds(const Condition& condition, const Client& client, UnixMillis now) {
  switch (condition.field) {
    case Field::kId:
      return std::find(condition.ids.begin(), condition.ids.end(), client.id()) !=
             condition.ids.end();
    case Field::kType:
      return condition.number != 0;
    case Field::kUser:
      return true;  // there is no other
    case Field::kAddress:
      return client.address == condition.text;
    case Field::kLocalAddress:
      return client.local_address == condition.text;
    case Field::kIp:
      return HostOf(client.address) == condition.text;
    case Field::kName:
      return client.name == condition.text;
    case Field::kLibraryName:
      return client.library_name == condition.text;
    case Field::kLibraryVersion:
      return client.library_version == condition.text;
    case Field::kFlags:
      return HasAllLetters(FlagLetters(client), condition.text);
    case Field::kCapabilities:
      return condition.text.empty();  // CLIENT CAPA, which would say so, is not there
    case Field::kDb:
      return client.db_index() == condition.number;
    case Field::kIdle:
      return (now - client.last_interaction_ms.load(std::memory_order_relaxed)) / 1000 >=
             condition.number;
    case Field::kMaxAge:
      return (now - client.created_ms) / 1000 >= condition.number;
  }
  return false;
}

}  // namespace alai
