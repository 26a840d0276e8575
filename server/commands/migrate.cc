// MIGRATE: moves or copies keys to another server, by what DUMP gives and RESTORE takes.
//
// The keys are not locked while they are on their way. When the other server has them, their shards are
// locked and what has not changed meanwhile is deleted here; what has changed is sent once more, and what
// has gone is deleted there, with the shards still locked. So the keys move at one instant, whatever others
// do to them, and who they belong to waits only for keys that are written to while they move.
#include <algorithm>
#include <chrono>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/ascii.h"
#include "engine/base/number.h"
#include "engine/lock_request.h"
#include "engine/store.h"
#include "engine/types/keys.h"
#include "protocol/error_text.h"
#include "server/call.h"
#include "server/client.h"
#include "server/command_spec.h"
#include "server/config/config.h"
#include "server/net/peer_link.h"
#include "server/server.h"
#include "server/worker.h"
#include "storage/dump_payload.h"
#include "storage/record_writer.h"

namespace alai {
namespace {

constexpr size_t kFirstOption = 6;

constexpr std::string_view kKeyAndKeys =
    "ERR When using MIGRATE KEYS option, the key argument must be set to the empty string";

struct MigrateOptions {
  PeerLink::Target target;
  std::string database;
  bool copy = false;
  bool replace = false;
  std::vector<std::string> authentication;  // the request, if there is one
  std::vector<std::string> keys;
};

// Everything behind the time-out. False: the call has failed.
bool ReadWords(Call& call, MigrateOptions* options) {
  const std::string_view key = call.argv()[3];
  ArgReader args(call.argv().subspan(kFirstOption));
  options->keys = {std::string(key)};
  while (args.remaining() > 0) {
    if (args.TakeWord("COPY")) {
      options->copy = true;
    } else if (args.TakeWord("REPLACE")) {
      options->replace = true;
    } else if (args.TakeWord("AUTH")) {
      options->authentication = {"AUTH", std::string(args.String())};
    } else if (args.TakeWord("AUTH2")) {
      const std::span<const std::string_view> words = args.Take(2);
      options->authentication = {"AUTH"};
      options->authentication.insert(options->authentication.end(), words.begin(), words.end());
    } else if (args.TakeWord("KEYS")) {
      if (!key.empty()) args.Fail(kKeyAndKeys);
      const std::span<const std::string_view> keys = args.Take(args.remaining());
      options->keys.assign(keys.begin(), keys.end());
    } else {
      args.Fail(error_text::kSyntax);
    }
  }
  if (args.Done()) return true;
  call.Fail(args.error());
  return false;
}

bool ReadOptions(Call& call, MigrateOptions* options) {
  constexpr int64_t kDefaultTimeoutMillis = 1000;
  constexpr int64_t kTimeoutMillisMax = INT64_MAX / 1'000'000'000;  // the timer counts nanoseconds
  if (!ReadWords(call, options)) return false;
  const Arguments argv = call.argv();
  int64_t port = 0;
  int64_t database = 0;
  int64_t timeout = 0;
  if (!ParseInt64(argv[5], &timeout) || !ParseInt64(argv[4], &database)) {
    call.Fail(error_text::kNotInteger);
    return false;
  }
  if (timeout <= 0) timeout = kDefaultTimeoutMillis;
  // Another port cannot be connected to, which is what the client hears.
  if (!ParseInt64(argv[2], &port) || port < 0 || port > UINT16_MAX) port = 0;
  options->target = {std::string(argv[1]), static_cast<int>(port),
                     std::chrono::milliseconds(std::min(timeout, kTimeoutMillisMax))};
  options->database = std::to_string(database);
  std::set<std::string> seen;
  std::erase_if(options->keys, [&](const std::string& key) { return !seen.insert(key).second; });
  return true;
}

std::string RequestOf(std::span<const std::string_view> words) {
  size_t bytes = 16;
  for (const std::string_view word : words) bytes += word.size() + 16;
  std::string request;
  request.reserve(bytes);
  request += '*' + std::to_string(words.size()) + "\r\n";
  for (const std::string_view word : words) {
    request += '$' + std::to_string(word.size()) + "\r\n";
    request += word;
    request += "\r\n";
  }
  return request;
}

class Migration final : public Suspension {
 public:
  Migration(Call& call, MigrateOptions options)
      : server_(call.server()),
        worker_(call.worker()),
        client_id_(call.client().id()),
        options_(std::move(options)),
        shards_(call.db().store(), &Migration::WakeForShards, this) {
    for (const std::string& key : options_.keys) {
      shards_.shards().Add(call.db().store().ShardIndex(Hash(key)));
      moving_.emplace_back().key = key;
    }
  }
  ~Migration() override {
    if (link_ != nullptr) link_->Close();
  }

  Next Resume(Call& call) override {
    if (step_ == Step::kEncode) {
      if (!shards_.Acquire()) return Next::kWait;
      Encode(call);
      Release(call);
      if (moving_.empty()) {
        call.reply().SimpleString("NOKEY");
        return Next::kDone;
      }
      SendAll();
      step_ = Step::kSend;
    }
    if (step_ == Step::kSend) {
      if (!link_->done()) return Next::kWait;
      TakeReplies();
      if (options_.copy) return Finish(call);
      step_ = Step::kSettle;
    }
    if (step_ == Step::kSettle) {
      if (!shards_.Acquire()) return Next::kWait;
      if (!Settle(call)) return Finish(call);
      // Others run before the shards are released.
      ServeWaiters(call);
      step_ = Step::kSendAgain;
    }
    if (!link_->done()) return Next::kWait;
    TakeReplies();
    for (const Moving& moving : moving_) {
      if (moving.state == State::kArrived) Delete(call, moving);
    }
    return Finish(call);
  }

 private:
  enum class Step : uint8_t {
    kEncode,     // locks the shards for an instant and encodes the keys
    kSend,       // waits until the other server has them
    kSettle,     // locks the shards and deletes what has arrived
    kSendAgain,  // waits, with the shards locked, until it has what had changed
  };
  enum class State : uint8_t { kSent, kArrived, kKept };
  struct Moving {
    std::string key;
    std::string payload;
    UnixMillis deadline = kNoDeadline;
    State state = State::kKept;  // without a request of its own under way
  };

  static void WakeForShards(void* migration) {
    auto* self = static_cast<Migration*>(migration);
    self->worker_.Wake(self->client_id_);
  }

  Db LockedDb(Call& call) const {
    Db& db = call.db();
    return Db(db.store(), db.thread(), db.tally(), db.index(), Access::kLocked, call.now());
  }

  // False: the key is missing.
  bool EncodeKey(Call& call, Lookup lookup, Moving* moving) const {
    Db db = LockedDb(call);
    const Record* record = db.Find(MakeKey(moving->key), lookup);
    if (record == nullptr || AllOver(*record, call.now())) return false;
    moving->payload = EncodeDump(*record, call.now(), server_.config().rdbcompression);
    moving->deadline = record->deadline();
    return true;
  }

  void Encode(Call& call) {
    now_ = call.now();
    std::erase_if(moving_, [&](Moving& moving) { return !EncodeKey(call, Lookup::kUse, &moving); });
  }

  std::string Restore(Moving& moving, bool replace) {
    const UnixMillis ttl =
        moving.deadline == kNoDeadline ? 0 : std::max<UnixMillis>(moving.deadline - now_, 1);
    const std::string ttl_text = std::to_string(ttl);
    std::vector<std::string_view> words = {"RESTORE", moving.key, ttl_text, moving.payload};
    if (replace) words.emplace_back("REPLACE");
    moving.state = State::kSent;
    return RequestOf(words);
  }

  void SendAll() {
    link_ = server_.peer_links().Open(
        options_.target, [worker = &worker_, client = client_id_] { worker->Wake(client); });
    std::vector<std::string> requests;
    if (!options_.authentication.empty()) {
      const std::vector<std::string>& words = options_.authentication;
      requests.push_back(RequestOf(std::vector<std::string_view>(words.begin(), words.end())));
    }
    const std::string_view select[] = {"SELECT", options_.database};
    requests.push_back(RequestOf(select));
    greetings_ = requests.size();
    for (Moving& moving : moving_) requests.push_back(Restore(moving, options_.replace));
    link_->Send(std::move(requests));
  }

  // Notes which keys the other server has taken, and the first error.
  void TakeReplies() {
    size_t index = 0;
    bool greeted = true;
    const auto succeeded = [&] {
      if (index == link_->replies().size()) return false;
      const std::string& reply = link_->replies()[index++];
      const bool failed = reply.starts_with('-');
      if (failed && error_.empty()) {
        error_ = "ERR Target instance replied with error: " + reply.substr(1);
      }
      return !failed;
    };
    for (; greetings_ > 0; --greetings_) greeted = succeeded() && greeted;
    for (Moving& moving : moving_) {
      if (moving.state != State::kSent) continue;
      moving.state = succeeded() && greeted ? State::kArrived : State::kKept;
    }
    if (link_->failure() != PeerLink::Failure::kNone && error_.empty()) {
      error_ = FailureText(link_->failure());
    }
  }

  static std::string_view FailureText(PeerLink::Failure failure) {
    switch (failure) {
      case PeerLink::Failure::kConnect:
        return "IOERR error or timeout connecting to the client";
      case PeerLink::Failure::kWrite:
        return "IOERR error or timeout writing to target instance";
      default:
        return "IOERR error or timeout reading to target instance";
    }
  }

  // With the shards locked: deletes what is as it was sent and sends what is not. False: there is nothing to
  // send.
  bool Settle(Call& call) {
    now_ = call.now();
    std::vector<std::string> requests;
    for (Moving& moving : moving_) {
      if (moving.state != State::kArrived) continue;
      Moving present;
      present.key = moving.key;
      if (!EncodeKey(call, Lookup::kPeek, &present)) {
        const std::string_view words[] = {"DEL", moving.key};
        requests.push_back(RequestOf(words));
        moving.state = State::kSent;
      } else if (present.payload == moving.payload && present.deadline == moving.deadline) {
        Delete(call, moving);
        moving.state = State::kKept;
      } else {
        moving = std::move(present);
        requests.push_back(Restore(moving, true));
      }
    }
    if (requests.empty() || link_->failure() != PeerLink::Failure::kNone) return false;
    link_->Send(std::move(requests));
    return true;
  }

  void Delete(Call& call, const Moving& moving) const {
    Db db = LockedDb(call);
    keys::Delete(db, MakeKey(moving.key));
  }

  void ServeWaiters(Call& call) {
    StoreThread& thread = call.db().thread();
    if (thread.ready_keys().empty()) return;
    call.db().store().ServeWaiters(thread, call.db().tally(), call.now(), HeldByRequest(shards_));
  }

  void Release(Call& call) {
    if (!shards_.held()) return;
    ServeWaiters(call);
    shards_.Release();
  }

  Next Finish(Call& call) {
    Release(call);
    if (error_.empty()) {
      call.reply().Ok();
    } else {
      call.Fail(error_);
    }
    return Next::kDone;
  }

  Server& server_;
  Worker& worker_;
  const uint64_t client_id_;
  const MigrateOptions options_;
  Step step_ = Step::kEncode;
  UnixMillis now_ = 0;  // when the keys were encoded
  std::vector<Moving> moving_;
  size_t greetings_ = 0;  // requests before those for keys, whose replies have not been looked at
  std::string error_;     // what the client is told
  std::shared_ptr<PeerLink> link_;
  LockRequest shards_;
};

void Migrate(Call& call) {
  MigrateOptions options;
  if (!ReadOptions(call, &options)) return;
  call.Suspend(std::make_unique<Migration>(call, std::move(options)));
}

// The key, or those behind KEYS, which is not looked for where a password may stand.
bool MigrateKeys(Arguments argv, KeyList& keys) {
  constexpr uint16_t kUse = kRW | kKeyAccess | kKeyDelete;
  if (!argv[3].empty()) {
    keys.push_back({3, kUse});
    return true;
  }
  for (size_t i = kFirstOption; i < argv.size(); ++i) {
    if (EqualsIgnoreCase(argv[i], "AUTH")) {
      ++i;
    } else if (EqualsIgnoreCase(argv[i], "AUTH2")) {
      i += 2;
    } else if (EqualsIgnoreCase(argv[i], "KEYS")) {
      while (++i < argv.size()) keys.push_back({static_cast<uint32_t>(i), kUse});
    }
  }
  return true;
}

constexpr CommandSpec kMigrateCommands[] = {
    {.name = "migrate",
     .run = Migrate,
     .arity = -6,
     .flags = kWrite | kOwnLocking,
     .keys = {OneKey(kRW | kKeyAccess | kKeyDelete, 3),
              {.use = kRW | kKeyAccess | kKeyDelete | kIncomplete,
               .begin = KeySpec::Begin::kKeyword,
               .keyword = "KEYS",
               .start_from = -2,
               .last_key = -1}},
     .categories = kCatKeyspace | kCatDangerous,
     .since = "2.6.0",
     .complexity = "O(N) where N is the size of the values, which both servers read and write",
     .summary = "Moves keys to another server.",
     .arguments =
         "host:string port:integer (key-selector: key:key | empty-string=\"\")"
         " destination-db:integer timeout:integer [COPY]@3.0.0 [REPLACE]@3.0.0"
         " [authentication: AUTH auth:string'password'@4.0.7"
         " | AUTH2 (auth2: username:string password:string)@6.0.0] [KEYS keys:key'key'*]@3.0.6",
     .tips = "nondeterministic_output",
     .history = "3.0.0: Knows COPY and REPLACE. | 3.0.6: Knows KEYS. | 4.0.7: Knows AUTH."
                " | 6.0.0: Knows AUTH2.",
     .find_keys = MigrateKeys},
};
static_assert(WellFormed(kMigrateCommands));

}  // namespace

std::span<const CommandSpec> MigrateCommands() { return kMigrateCommands; }

}  // namespace alai
