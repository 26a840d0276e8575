// One command being executed: what its handler reads from and writes to.
//
// Threads     Belongs to the worker that runs the command, for the length of the handler's call.
// Invariants  A handler either replies exactly once, fails exactly once, suspends, or gives up because
//             the change log has no space for it (Db::ReserveLog). A handler of a
//             read-only command may be run several times for one request (see engine/db.h), so it
//             touches nothing but its reply until the dispatcher has accepted it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "engine/base/result.h"
#include "engine/db.h"
#include "engine/key_view.h"
#include "protocol/arg_reader.h"
#include "protocol/reply_writer.h"
#include "server/command_table.h"

namespace alai {

class Call;
class Client;
class Server;
class Worker;

// The rest of a command that cannot be finished in one go: it is long and must let others in
// between (KEYS), or waits for something (WAIT, CLIENT PAUSE). The client executes nothing else
// meanwhile.
//
// Threads     Made, resumed and destroyed by the client's worker. A client that is closed destroys
//             its suspension without resuming it, so the destructor takes back whatever other
//             threads know of it.
class Suspension {
 public:
  enum class Next : uint8_t {
    kDone,   // replied; the client goes on
    kAgain,  // call Resume again in the next loop turn
    kWait,   // call Resume after Worker::Wake(client id) or TimedOut at the deadline
  };

  virtual ~Suspension() = default;

  // Goes on for at most about 100 us. `call` has the reply writer and the client of the first call,
  // but no arguments: what is needed later has been copied.
  virtual Next Resume(Call& call) = 0;
  // The deadline has passed: reply as the command does on time-out.
  virtual void TimedOut(Call& call) {}
  // Before it is timed out or unblocked, once: false when what it waits for has come already, so that Resume()
  // is called instead, now or when it is woken. After true nothing comes any more, and TimedOut() or the end
  // follows.
  virtual bool MayEnd() { return true; }
  // Whether CLIENT UNBLOCK may end it (by TimedOut, or with an error).
  virtual bool unblockable() const { return false; }
  // Counted in blocked_clients, and 'b' among the flags of CLIENT LIST: waits for something that
  // other clients do, rather than being long.
  virtual bool blocks() const { return unblockable(); }

  // What the first return from the handler means, as if Resume() had returned it.
  Next first = Next::kAgain;
  // Monotonic nanoseconds, or INT64_MAX.
  int64_t deadline_ns = INT64_MAX;
};

class Call {
 public:
  // What the calls of one client have in common; the worker fills it.
  struct Frame {
    Server* server;
    Worker* worker;
    ReplyWriter* reply;
    Client* client;
  };

  Call(const Frame& frame, const CommandInfo& command, std::span<const std::string_view> argv,
       KeyView first_key, const Db& db)
      : frame_(frame), command_(command), argv_(argv), first_key_(first_key), db_(db) {}
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  // The arguments as received; argv()[0] is the command's name in the client's spelling.
  std::span<const std::string_view> argv() const { return argv_; }
  // Reads the arguments after the command's (and subcommand's) name.
  ArgReader args() const { return ArgReader(argv_.subspan(command_.args_from)); }
  // The command, or the subcommand that is run.
  const CommandInfo& command() const { return command_; }

  // A key among the arguments; the hash of the first key has been computed already.
  KeyView Key(std::string_view bytes) const {
    return bytes.data() == first_key_.bytes.data() && bytes.size() == first_key_.bytes.size()
               ? first_key_
               : MakeKey(bytes);
  }

  Db& db() { return db_; }
  UnixMillis now() const { return db_.now(); }
  ReplyWriter& reply() { return *frame_.reply; }
  Client& client() { return *frame_.client; }
  Server& server() { return *frame_.server; }
  Worker& worker() { return *frame_.worker; }

  // Replies with an error: the whole line without the leading '-', starting with its code: "ERR
  // syntax error". The second form takes the text that goes with an Errc.
  void Fail(std::string_view error) { frame_.reply->Error(error); }
  void Fail(Errc error);

  // Goes on later, as `rest->first` says. The handler has not replied. The rest runs without the
  // locks that the command itself may have run with; not for writes of a single key.
  void Suspend(std::unique_ptr<Suspension> rest) { rest_ = std::move(rest); }

  // For the dispatcher.
  bool suspends() const { return rest_ != nullptr; }
  std::unique_ptr<Suspension> TakeSuspension() { return std::move(rest_); }

 private:
  const Frame& frame_;
  const CommandInfo& command_;
  std::span<const std::string_view> argv_;
  KeyView first_key_;
  Db db_;
  std::unique_ptr<Suspension> rest_;
};

}  // namespace alai
