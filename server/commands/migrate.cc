// MIGRATE: moves or copies keys to another server, by what DUMP gives and RESTORE takes.
//
// Nothing is locked while anything is on its way. When the other server has the keys, their shards are locked
// for an instant: those that nobody has written to meanwhile are deleted here, all at once; the others are
// encoded anew and sent once more, and what has gone is deleted there, until nobody comes between. Keys that
// keep changing for longer than the time-out stay here, and the client is told; the other server may have them
// as they were.
//
// Whether a key was written to is what its watch says, not its value: a server that is asked to migrate to
// itself receives the same value again, which must not be taken for the one that has left.
//
// A key is on its way for one client at a time. Were there two, the one that is done would let others write to
// the key over there, and the RESTORE or DEL of the other, still on its way, would undo what they have written.
// So whoever finds a key watched waits, with nothing locked or watched, until that is over, at most for its
// time-out; copies watch their keys for this alone.
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
#include "engine/key_watches.h"
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

// Behind IOERR the key may be on both servers, as clients know.
constexpr std::string_view kChanging =
    "IOERR keys changed faster than the target instance took them";
constexpr std::string_view kOnTheirWay = "IOERR keys are on their way for another client";
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
        others_(&Migration::Wake, this),
        shards_(call.db().store(), &Migration::Wake, this) {
    for (const std::string& key : options_.keys) {
      shards_.shards().Add(call.db().store().ShardIndex(Hash(key)));
      moving_.emplace_back().key = key;
    }
  }
  ~Migration() override {
    if (link_ != nullptr) link_->Close();
  }

  Next Resume(Call& call) override {
    if (step_ == Step::kSend) {
      if (!link_->done()) return Next::kWait;
      TakeReplies();
      if (options_.copy) return Finish(call);
      step_ = Step::kSettle;
    }
    if (!shards_.Acquire()) return Next::kWait;
    if (step_ == Step::kEncode && AwaitsOthers(call)) {
      shards_.Release();
      return Next::kWait;
    }
    std::vector<std::string> requests = step_ == Step::kEncode ? Encode(call) : Settle(call);
    ServeWaiters(call);
    shards_.Release();
    if (moving_.empty()) {
      call.reply().SimpleString("NOKEY");
      return Next::kDone;
    }
    if (requests.empty() || GivesUp(call)) return Finish(call);
    if (link_ == nullptr) {
      link_ = server_.peer_links().Open(
          options_.target, [worker = &worker_, client = client_id_] { worker->Wake(client); });
    }
    link_->Send(std::move(requests));
    step_ = Step::kSend;
    return Next::kWait;
  }

  void TimedOut(Call& call) override { call.Fail(kOnTheirWay); }

 private:
  enum class Step : uint8_t {
    kEncode,  // locks the shards for an instant and encodes the keys, once nobody else moves them
    kSend,    // waits until the other server has answered
    kSettle,  // locks the shards for an instant, deletes what has arrived and encodes what has changed
  };
  enum class State : uint8_t { kSent, kArrived, kSettled };
  struct Moving {
    std::string key;
    UnixMillis deadline = kNoDeadline;
    bool absent = false;              // what was sent last says that there is no such key
    State state = State::kSettled;    // nothing more is to be done about it
    std::unique_ptr<KeyWatch> watch;  // tells of writes since it was encoded
  };

  static void Wake(void* migration) {
    auto* self = static_cast<Migration*>(migration);
    self->worker_.Wake(self->client_id_);
  }

  // With the shards locked: whether a key is on its way for somebody else, who wakes this one when it is over.
  bool AwaitsOthers(Call& call) {
    Store& store = call.db().store();
    const bool awaits = std::any_of(moving_.begin(), moving_.end(), [&](const Moving& moving) {
      const KeyView key = MakeKey(moving.key);
      return WatchesOf(store, key).Await(key, &others_);
    });
    if (!awaits) {
      deadline_ns = INT64_MAX;
    } else if (deadline_ns == INT64_MAX) {
      deadline_ns =
          call.worker().monotonic_ns() + std::chrono::nanoseconds(options_.target.timeout).count();
    }
    return awaits;
  }

  Db LockedDb(Call& call) const {
    Db& db = call.db();
    return Db(db.store(), db.thread(), db.tally(), db.index(), Access::kLocked, call.now());
  }

  static const Record* Find(Db& db, const Moving& moving, Lookup lookup) {
    const Record* record = db.Find(MakeKey(moving.key), lookup);
    return record == nullptr || AllOver(*record, db.now()) ? nullptr : record;
  }

  // The request that makes the key there what it is here.
  std::string Restore(Moving& moving, const Record& record, UnixMillis now, bool replace) const {
    moving.deadline = record.deadline();
    moving.absent = false;
    moving.state = State::kSent;
    const UnixMillis ttl =
        moving.deadline == kNoDeadline ? 0 : std::max<UnixMillis>(moving.deadline - now, 1);
    const std::string ttl_text = std::to_string(ttl);
    const std::string payload = EncodeDump(record, now, server_.config().rdbcompression);
    std::vector<std::string_view> words = {"RESTORE", moving.key, ttl_text, payload};
    if (replace) words.emplace_back("REPLACE");
    return RequestOf(words);
  }

  // With the shards locked: the first requests. Keys that are missing are left out.
  std::vector<std::string> Encode(Call& call) {
    std::vector<std::string> requests;
    if (!options_.authentication.empty()) {
      const std::vector<std::string>& words = options_.authentication;
      requests.push_back(RequestOf(std::vector<std::string_view>(words.begin(), words.end())));
    }
    const std::string_view select[] = {"SELECT", options_.database};
    requests.push_back(RequestOf(select));
    greetings_ = requests.size();
    Db db = LockedDb(call);
    std::erase_if(moving_, [&](Moving& moving) {
      const Record* record = Find(db, moving, Lookup::kUse);
      if (record == nullptr) return true;
      requests.push_back(Restore(moving, *record, call.now(), options_.replace));
      const KeyView key = MakeKey(moving.key);
      moving.watch = std::make_unique<KeyWatch>(WatchesOf(db.store(), key), db.index(), key);
      return false;
    });
    return requests;
  }

  static KeyWatches& WatchesOf(Store& store, KeyView key) {
    return store.shard(store.ShardIndex(key.hash)).watches;
  }

  // Notes which requests the other server has obeyed, and the first error.
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
      moving.state = succeeded() && greeted ? State::kArrived : State::kSettled;
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

  // With the shards locked: deletes what is as it was sent, and gives the requests for what is not.
  std::vector<std::string> Settle(Call& call) {
    std::vector<std::string> requests;
    Db db = LockedDb(call);
    for (Moving& moving : moving_) {
      if (moving.state != State::kArrived) continue;
      const KeyView key = MakeKey(moving.key);
      const Record* record = Find(db, moving, Lookup::kPeek);
      if (record != nullptr &&
          (moving.absent || moving.watch->written() || moving.deadline != record->deadline())) {
        moving.watch->Renew();
        requests.push_back(Restore(moving, *record, call.now(), true));
      } else if (record != nullptr) {
        keys::Delete(db, key);
        moving.state = State::kSettled;
      } else if (moving.absent) {
        moving.state = State::kSettled;
      } else {
        const std::string_view words[] = {"DEL", moving.key};
        requests.push_back(RequestOf(words));
        moving.absent = true;
        moving.state = State::kSent;
      }
    }
    return requests;
  }

  // Whether what is to be sent must be left: nobody takes it, or the keys have changed for as long as the
  // client would wait for an answer.
  bool GivesUp(Call& call) {
    if (step_ == Step::kEncode) return false;
    if (link_->failure() != PeerLink::Failure::kNone) return true;
    const int64_t now_ns = call.worker().monotonic_ns();
    if (settling_until_ns_ == 0) {
      settling_until_ns_ = now_ns + std::chrono::nanoseconds(options_.target.timeout).count();
    }
    if (now_ns < settling_until_ns_) return false;
    if (error_.empty()) error_ = kChanging;
    return true;
  }

  void ServeWaiters(Call& call) {
    StoreThread& thread = call.db().thread();
    if (thread.ready_keys().empty()) return;
    call.db().store().ServeWaiters(thread, call.db().tally(), call.now(), HeldByRequest(shards_));
  }

  Next Finish(Call& call) {
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
  std::vector<Moving> moving_;
  size_t greetings_ = 0;  // requests before those for keys, whose replies have not been looked at
  int64_t settling_until_ns_ = 0;  // 0: nothing has been sent for the second time
  std::string error_;              // what the client is told
  std::shared_ptr<PeerLink> link_;
  KeyWatchWait others_;
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
