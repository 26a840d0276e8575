// Writes of keys whose rule passes them on: the database has them first, and only when it has taken them is the
// command run. What cannot be told to the database as a whole value, a field or a removal is refused.
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/ascii.h"
#include "engine/base/number.h"
#include "server/client.h"
#include "server/dispatcher.h"
#include "server/server.h"
#include "server/worker.h"
#include "storage/origin/origin.h"

namespace alai {
namespace {

// What a command means for its keys.
struct Passed {
  struct Key {
    std::string_view key;
    std::optional<std::string> value;
  };
  std::vector<Key> keys;
  Type type = Type::kString;  // of the values
  bool possible = true;       // otherwise there is no statement for it
};

bool OneOf(std::string_view name, std::initializer_list<std::string_view> names) {
  for (const std::string_view one : names) {
    if (one == name) return true;
  }
  return false;
}

// What SET may say besides its key and value: when the key ends, and nothing that depends on what is there.
bool PlainSet(Arguments argv) {
  for (size_t i = 3; i < argv.size(); ++i) {
    if (EqualsIgnoreCase(argv[i], "KEEPTTL")) continue;
    int64_t number;
    const bool deadline = EqualsIgnoreCase(argv[i], "EX") || EqualsIgnoreCase(argv[i], "PX") ||
                          EqualsIgnoreCase(argv[i], "EXAT") || EqualsIgnoreCase(argv[i], "PXAT");
    if (!deadline || ++i == argv.size() || !ParseInt64(argv[i], &number) || number <= 0) {
      return false;
    }
  }
  return true;
}

void AppendJson(std::string_view text, std::string* out) {
  constexpr char kDigits[] = "0123456789abcdef";
  *out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') *out += '\\';
    if (byte >= 0x20) {
      *out += c;
      continue;
    }
    out->append("\\u00");
    *out += kDigits[byte >> 4];
    *out += kDigits[byte & 15];
  }
  *out += '"';
}

// The fields that are set, as an object.
std::string JsonOf(Arguments pairs) {
  std::string json = "{";
  for (size_t i = 0; i + 1 < pairs.size(); i += 2) {
    if (json.size() > 1) json += ',';
    AppendJson(pairs[i], &json);
    json += ':';
    AppendJson(pairs[i + 1], &json);
  }
  return json + "}";
}

// Requests that the command itself will refuse have no keys.
Passed ReadWrite(std::string_view name, Arguments argv) {
  Passed passed;
  const auto put = [&passed](std::string_view key, std::string_view value) {
    passed.keys.push_back({key, std::string(value)});
  };
  if (name == "set") {
    passed.possible = PlainSet(argv);
    put(argv[1], argv[2]);
  } else if (name == "setex" || name == "psetex") {
    int64_t number;
    if (ParseInt64(argv[2], &number) && number > 0) put(argv[1], argv[3]);
  } else if (name == "getset") {
    put(argv[1], argv[2]);
  } else if (name == "mset") {
    for (size_t i = 1; argv.size() % 2 == 1 && i < argv.size(); i += 2) put(argv[i], argv[i + 1]);
  } else if (name == "hset" || name == "hmset") {
    passed.type = Type::kHash;
    if (argv.size() % 2 == 0) put(argv[1], JsonOf(argv.subspan(2)));
  } else {
    for (size_t i = 1; i < argv.size(); ++i) passed.keys.push_back({argv[i], std::nullopt});
  }
  return passed;
}

bool IsPassed(std::string_view name) {
  return OneOf(name, {"set", "setex", "psetex", "getset", "mset", "hset", "hmset", "del", "unlink",
                      "getdel"});
}

// What changes no value: when keys end, and what the origin itself does.
bool ChangesNoValue(const CommandInfo& command) {
  return command.has(kOwnLocking | kReadThrough) ||
         OneOf(command.spec->name,
               {"expire", "pexpire", "expireat", "pexpireat", "persist", "touch"});
}

}  // namespace

bool Dispatcher::WriteThrough(Client& client, const Request& request, Outcome* outcome) {
  const CommandInfo& command = *request.command;
  if (!command.has(kWrite) || ChangesNoValue(command)) return false;
  origin::Origin& origin = server_.origin();
  std::shared_ptr<origin::RuleState> state;
  std::string why;
  origin::KeyArguments arguments;
  const auto note = [&](std::string_view key) {
    auto other = origin.WriterOf(client.db_index(), key, &arguments);
    if (state != nullptr && other != state) why = "keys of one command belong to different rules";
    if (state == nullptr) state = std::move(other);
    return state != nullptr;
  };
  bool any = false;
  bool all = true;
  ForEachKey(command, request.argv, [&](size_t index) {
    const bool mine =
        origin.WriterOf(client.db_index(), request.argv[index], &arguments) != nullptr;
    any = any || mine;
    all = all && mine;
  });
  if (!any) return false;
  std::vector<origin::WriteRequest> requests;
  if (!IsPassed(command.spec->name)) {
    why = "the rule of this key passes writes on, and this command cannot be passed on";
  } else {
    const Passed passed = ReadWrite(command.spec->name, request.argv);
    if (passed.keys.empty()) return false;
    if (!all) why = "keys of one command belong to different rules";
    for (const Passed::Key& key : passed.keys) {
      if (!note(key.key)) continue;
      requests.push_back({arguments, key.value});
      if (key.value.has_value() && passed.type != state->rule->type) {
        why = "the rule of this key has values of another type";
      }
    }
    if (!passed.possible) why = "a rule that passes writes on takes SET with a time to live only";
  }
  auto wait = std::make_unique<origin::Wait>(
      origin, [worker = &worker_, id = client.id()] { worker->WakeForOrigin(id); });
  if (why.empty() && origin.Write(state, std::move(requests), *wait, &why)) {
    origin_wait_ = std::move(wait);
    ++client.origin_.waits;
    *outcome = Outcome::kOrigin;
    return true;
  }
  Refuse("ORIGINERR " + why);
  *outcome = Outcome::kDone;
  return true;
}

}  // namespace alai
