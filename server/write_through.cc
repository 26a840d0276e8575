// Writes of keys whose rule passes them on. Through: the database has them first, and only when it has taken them
// is the command run. Behind: the command is run, and its writes are in the journal before its reply leaves. What
// cannot be told to the database as a whole value, a field or a removal is refused.
//
// What a command leaves here is what the database has, or will have. Where that is not certain, the command is run for
// its reply, and the key is gone when its shard is unlocked: after writing through, when anything else has become of
// the key since before the statement; and when fields are set of a hash that is not in memory, or that is past its
// time, of which the database may know more.
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/ascii.h"
#include "engine/base/number.h"
#include "engine/store.h"
#include "server/client.h"
#include "server/dispatcher.h"
#include "server/server.h"
#include "server/worker.h"
#include "storage/origin/origin.h"
#include "storage/origin/utf8.h"

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
  // It lets fields go.
  if (command.spec->name == "hgetex") return false;
  return command.has(kOwnLocking | kReadThrough) ||
         OneOf(command.spec->name,
               {"expire", "pexpire", "expireat", "pexpireat", "persist", "touch"});
}

// What a command has for the database, all of it by one rule.
struct PassedWrites {
  std::shared_ptr<origin::RuleState> state;
  std::vector<origin::PassedKey> keys;
  std::vector<origin::WriteRequest> requests;
};

// Empty when all is well, and else why the command is refused. A command that will fail by itself has no keys.
std::string ReadPassed(const origin::Origin& origin, int db, std::string_view name, Arguments argv,
                       PassedWrites* writes) {
  const Passed passed = ReadWrite(name, argv);
  origin::KeyArguments arguments;
  for (const Passed::Key& key : passed.keys) {
    std::shared_ptr<origin::RuleState> state = origin.WriterOf(db, key.key, &arguments);
    if (writes->state == nullptr) writes->state = state;
    if (state == nullptr || state != writes->state) {
      return "keys of one command belong to different rules";
    }
    if (key.value.has_value() && passed.type != state->rule->type) {
      return "the rule of this key has values of another type";
    }
    const bool part = key.value.has_value() && passed.type == Type::kHash;
    writes->keys.push_back({std::string(key.key), Hash(key.key), part});
    writes->requests.push_back({arguments, key.value});
  }
  return passed.possible ? "" : "a rule that passes writes on takes SET with a time to live only";
}

// Whether the rule has written behind until now, and not all of it has been written.
bool AnyWaits(const origin::Origin& origin, int db, const std::vector<origin::PassedKey>& keys) {
  return std::any_of(keys.begin(), keys.end(), [&](const origin::PassedKey& key) {
    return origin.behind().Look(db, key.view()) != origin::WriteBehind::Known::kNothing;
  });
}

std::vector<std::shared_ptr<origin::PendingWrite>> PrepareBehind(int db, PassedWrites& writes) {
  std::vector<std::shared_ptr<origin::PendingWrite>> behind;
  for (size_t i = 0; i < writes.keys.size(); ++i) {
    auto write = std::make_shared<origin::PendingWrite>();
    write->rule = writes.state->rule->name;
    write->type = writes.state->rule->type;
    write->db = db;
    write->key = writes.keys[i].key;
    write->request = std::move(writes.requests[i]);
    behind.push_back(std::move(write));
  }
  return behind;
}

}  // namespace

bool Dispatcher::PassOn(Client& client, const Request& request, LockRequest* held,
                        Outcome* outcome) {
  const CommandInfo& command = *request.command;
  if (!command.has(kWrite) || ChangesNoValue(command)) return false;
  origin::Origin& origin = server_.origin();
  origin::KeyArguments arguments;
  bool any = false;
  ForEachKey(command, request.argv, [&](size_t index) {
    any = any || origin.WriterOf(client.db_index(), request.argv[index], &arguments) != nullptr;
  });
  if (!any) return false;
  PassedWrites writes;
  std::string why;
  if (!IsPassed(command.spec->name)) {
    why = "the rule of this key passes writes on, and this command cannot be passed on";
  } else {
    why = ReadPassed(origin, client.db_index(), command.spec->name, request.argv, &writes);
  }
  if (why.empty() && writes.keys.empty()) return false;
  if (why.empty() && writes.state->rule->write == origin::WritePolicy::kBehind) {
    behind_ = PrepareBehind(client.db_index(), writes);
    passed_state_ = writes.state.get();
    passed_ = writes.keys;
    *outcome = RunBehind(request, held, &why);
    passed_state_ = nullptr;
    behind_.clear();
    if (why.empty()) return true;
  } else if (why.empty() && AnyWaits(origin, client.db_index(), writes.keys)) {
    why = "earlier writes of the key have still to reach the database";
  } else if (why.empty()) {
    auto wait = std::make_unique<origin::Wait>(
        origin, [worker = &worker_, id = client.id()] { worker->WakeForOrigin(id); });
    if (origin.Write(writes.state, std::move(writes.keys), std::move(writes.requests), *wait,
                     &why)) {
      if (held != nullptr) held->Release();
      origin_wait_ = std::move(wait);
      ++client.origin_.waits;
      *outcome = Outcome::kOrigin;
      return true;
    }
  }
  if (held != nullptr) held->Release();
  Refuse(why.starts_with("ORIGIN") ? why : "ORIGINERR " + why);
  *outcome = Outcome::kDone;
  return true;
}

// With `why`, it has not been run. What does not take effect, whether since it fails or since it has to wait, is
// not passed on.
Dispatcher::Outcome Dispatcher::RunBehind(const Request& request, LockRequest* held,
                                          std::string* why) {
  origin::Origin& origin = server_.origin();
  for (const auto& write : behind_) {
    const auto& value = write->request.value;
    if (value.has_value() && !origin::IsDatabaseText(*value)) {
      *why = "what is written is no text: no UTF-8, or with a zero byte";
    }
  }
  if (!origin.connected()) *why = "there is no origin";
  if (!why->empty() || !origin.behind().Reserve(behind_, why)) return Outcome::kDone;
  behind_added_ = false;
  const Outcome outcome = held != nullptr ? RunHeld(request, *held) : RunWriteMany(request);
  if (!behind_added_) origin.behind().Release(behind_);
  behind_added_ = false;
  return outcome;
}

Dispatcher::Outcome Dispatcher::RunWritten(const Request& request, LockRequest* held,
                                           origin::Wait& written) {
  written_ = &written;
  passed_state_ = &written.writer();
  passed_ = written.written();
  const Outcome outcome = held != nullptr ? RunHeld(request, *held) : RunWriteMany(request);
  passed_state_ = nullptr;
  written_ = nullptr;
  return outcome;
}

void Dispatcher::BeginPassed() {
  const int db_index = frame_.client->db_index();
  Tally tally;
  Db db(store_, thread_, tally, db_index, Access::kLocked, worker_.now());
  passed_before_.clear();
  for (const origin::PassedKey& passed : passed_) {
    const KeyView key = passed.view();
    const KeyMarks& marks = store_.shard(store_.ShardIndex(key.hash)).marks;
    bool keep = passed.mark == 0 || marks.Owns(db_index, key, passed.mark);
    const Record* record = db.Find(key, Lookup::kPeek);
    if (keep && passed.part) {
      keep = record != nullptr &&
             !origin::Origin::IsOver(*passed_state_->rule, *record, worker_.now());
    }
    const bool loaded = record != nullptr && record->from_origin() && !record->pinned();
    passed_before_.push_back({keep, loaded ? record->deadline() : kNoDeadline});
  }
}

void Dispatcher::EndPassed(bool done) {
  origin::Origin& origin = server_.origin();
  if (!behind_.empty()) {
    // What fails here is not passed on, and has changed nothing.
    if (!done) return;
    origin.behind().Add(behind_);
    behind_added_ = true;
  }
  const int db_index = frame_.client->db_index();
  Tally tally;
  Db db(store_, thread_, tally, db_index, Access::kLocked, worker_.now());
  for (size_t i = 0; i < passed_.size(); ++i) {
    const KeyView key = passed_[i].view();
    if (written_ != nullptr) store_.shard(store_.ShardIndex(key.hash)).marks.Wipe(db_index, key);
    Record* record = db.Find(key, Lookup::kPeek);
    if (record == nullptr) continue;
    const origin::Rule& rule = *passed_state_->rule;
    const PassedBefore& before = passed_before_[i];
    if (!done || !before.keep) {
      if (db.Erase(key, FreeCause::kUnlink)) db.Notify(KeyEventClass::kGeneric, "del", key);
    } else if (!record->has_deadline()) {
      const UnixMillis deadline = origin.DeadlineOfWritten(rule, key.hash, worker_.now());
      if (deadline != kNoDeadline) db.SetDeadline(key, record, deadline);
    } else if (record->deadline() == before.loaded) {
      // What is written is served for the life of what was loaded, but not stale.
      db.SetDeadline(key, record, before.loaded - rule.stale_ttl_ms);
    }
  }
  if (written_ != nullptr) written_->NoteRun();
}

void Dispatcher::KeepBehind(const OutputBuffer::Mark& mark) {
  const absl::Status status = server_.origin().behind().Keep();
  if (status.ok()) return;
  Undo(mark);
  reply_.Error("ORIGINERR the write is done, but would be lost if the server ended now: " +
               std::string(status.message().data(), status.message().size()));
}

}  // namespace alai
