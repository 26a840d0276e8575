// Runs one request: the checks that come before any command, the locks or the validation that its
// row asks for, and the accounting after it.
//
// Order of the checks, and their texts, as clients of Redis 7 know them: unknown command, number of
// arguments, protected command, authentication, pause. A request whose client and worker are in no
// special state passes them with one branch.
//
//   how a request runs        shards                      when that fails
//   no keys, own locking      none                        -
//   reads one key             none, txn_seq validated     64 times: locked
//   reads several             none, versions validated    8 times: locked
//   reads any                 LockRequest for all         suspended on the shard or for the turn
//   writes one key            writer bit                  suspended on the shard
//   writes several, or all    LockRequest                 suspended on the shard or for the turn
//
// Threads     Belongs to one worker.
// Invariants  When Execute() returns no shard is locked. Replies go to the worker's reply buffer
//             only, never to a socket.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/db.h"
#include "engine/lock_request.h"
#include "protocol/reply_writer.h"
#include "server/call.h"
#include "server/command_table.h"
#include "server/pause.h"
#include "server/request_batch.h"

namespace alai {

class CommandLog;
class LatencyMonitor;
class Monitors;
class ShardLock;
class Store;
class StoreThread;
class Suspended;
class WorkerStats;
struct Config;
struct LockTicket;
namespace origin {
class Origin;
struct PassedKey;
struct PendingWrite;
struct RuleState;
class Wait;
}  // namespace origin

class Dispatcher {
 public:
  enum class Outcome : uint8_t {
    kDone,       // replied
    kSuspended,  // the rest of it goes on later; TakeSuspension()
    kLocked,     // did not run: shards are busy; TakeTicket()
    kPaused,     // did not run: CLIENT PAUSE
    kOrigin,     // did not run: its keys are being loaded; TakeOriginWait()
    kNoSpace,    // did not run: the change log or memory has no space for it yet
  };

  struct Progress {
    uint32_t requests = 0;             // that ran through
    size_t bytes = 0;                  // of those
    Outcome outcome = Outcome::kDone;  // of the last one looked at
  };

  Dispatcher(Server& server, Worker& worker, OutputBuffer& output);
  ~Dispatcher();

  // Before the requests of a batch: takes the logs' thresholds from the settings.
  void ReadThresholds();
  // The next request has waited for these shards and has them now.
  void set_held(LockRequest* held) {
    held_ = held;
    LookForCare();
  }
  // Around the requests of a client.
  void BeginClient(Client& client);
  void EndClient();
  // Runs requests of the present client until one does not run through or ends the connection.
  Progress Execute(Client& client, std::span<const RequestBatch::Request> requests,
                   const std::string_view* arguments);
  // The first of these waits for its keys: asks for those of the ones behind it as well.
  void AskAhead(Client& client, std::span<const RequestBatch::Request> requests,
                const std::string_view* arguments);
  // Goes on with a suspended command, or ends it because its time is over.
  Suspension::Next Resume(Client& client, Suspended& suspended, bool timed_out);
  // Ends it with an error.
  void Abort(Suspended& suspended, std::string_view error);

  // Before the connection is closed because of what was sent over it.
  void Refuse(std::string_view error);

  // How long the first part of the command took that has just suspended.
  int64_t suspended_nanos() const { return suspended_nanos_; }
  std::unique_ptr<Suspension> TakeSuspension() { return std::move(suspension_); }
  std::unique_ptr<LockTicket> TakeTicket();
  std::unique_ptr<origin::Wait> TakeOriginWait();

  ReplyWriter& reply() { return reply_; }
  // For the crash report: the request that is running, or the suspended one that goes on, and whose it
  // is. Nothing and nullptr between requests.
  std::span<const std::string_view> executing() const;
  std::span<const std::string> resuming() const { return resuming_; }
  const Client* client() const { return frame_.client; }
  // Which commands wait because of CLIENT PAUSE.
  void set_pause(PauseKind kind) {
    pause_ = kind;
    LookForCare();
  }
  PauseKind pause() const { return pause_; }

 private:
  // How a command is run; from its row.
  enum class Route : uint8_t { kPlain, kReadOne, kReadMany, kWriteOne, kWriteMany, kAllShards };
  struct RouteInfo {
    Route route;
    bool careful;               // never takes the fast path through the checks
    bool read_through = false;  // may wait for keys from the origin
  };
  struct ShardSeen {
    uint32_t shard;
    uint32_t txn_seq;
    uint64_t version;
  };
  struct Request {
    const CommandInfo* command;  // nullptr: unknown
    Arguments argv;
    uint64_t hash;  // of the first key if FirstKeyIsFixed()
    size_t bytes;   // as received
  };
  // What tells a command apart that belongs into a log or made the clock stale.
  struct Thresholds {
    int64_t nanos = 0;
    size_t request_bytes = 0;
    size_t reply_bytes = 0;
    bool track_latency = true;
  };
  enum class Admission : uint8_t { kAdmitted, kRejected, kPaused };

  static bool ReadsThrough(const CommandInfo& command);
  static RouteInfo RouteOf(const CommandInfo& command);
  // Of a command that may have several keys: whether this call has just one.
  static bool HasOneKey(const Request& request);
  static bool ReachesAnyKey(const Request& request);

  // The checks in full.
  Admission Admit(Client& client, const Request& request);
  bool MayRunProtected(const Client& client, const CommandInfo& command) const;
  static std::string ProtectedText(const CommandInfo& command);
  Admission CloseHttpClient(Client& client);
  Admission Reject(const CommandInfo* command, std::string_view error);

  Outcome ExecuteOne(Client& client, const Request& request);
  Outcome Run(const Request& request);
  Outcome ExecuteCarefully(Client& client, const Request& request);
  Outcome ReadOne(const Request& request);
  Outcome RetryReadOne(const Request& request);
  Outcome ReadLockedAgain(const Request& request);
  Outcome WriteOne(const Request& request);
  Outcome WaitToWriteOne(const Request& request);
  Outcome RunReadOne(const Request& request);
  Outcome RunReadMany(const Request& request);
  Outcome RunWriteOne(const Request& request);
  Outcome RunLockedOne(const Request& request);
  bool MayWrite(const Request& request);
  // Below maxmemory, or after evicting keys until it is so.
  bool HasRoom(const Request& request);
  // After MayWrite() said no.
  Outcome RefuseWrite(const Request& request);
  Outcome RunWriteMany(const Request& request);
  // With a LockRequest for the shards in wanted_.
  Outcome RunWithTicket(const Request& request);
  Outcome RunHeld(const Request& request, LockRequest& held);
  // The shards of all keys that the call may touch, into wanted_; false when there are none or the arguments do not say.
  bool CollectShards(const Request& request);
  // Notes the state of the shards in wanted_; false when one is being written to.
  bool Snapshot();
  bool Unchanged() const;

  // One run of the handler: its reply is written, tally_ says what it met. True when it suspends.
  bool Attempt(const Request& request, Access access);
  // Whether that was all, rather than a try that waits for keys of the origin or for space in the change log.
  bool RanThrough() const { return tally_.origin_wants == 0 && !tally_.lacks_log_space; }
  void Undo(const OutputBuffer::Mark& mark);
  // Before and after an attempt that met keys of the origin's. The second gives what becomes of the request, or
  // kDone when it is to be finished as it is.
  void BeginReadThrough();
  bool LookToOrigin(const Request& request, Outcome* outcome);
  // Whether all that it does is to read values, loading those that are missing.
  bool OnlyReadsThrough(const RequestBatch::Request& request) const;
  // Notes what is missing of a key, without running a command.
  void LookAhead(Db& db, std::string_view key);
  // Passes a write on to the database if a rule says so, before it is run or behind. False: it is to be run as
  // any other; otherwise as above.
  bool PassOn(Client& client, const Request& request, LockRequest* held, Outcome* outcome);
  Outcome RunBehind(const Request& request, LockRequest* held, std::string* why);
  // Does what the database has done already.
  Outcome RunWritten(const Request& request, LockRequest* held, origin::Wait& written);
  // Around a command that is passed on, with its shards locked: which of its keys may keep what it makes of them;
  // and the others go.
  void BeginPassed();
  void EndPassed(bool done);
  // Puts the writes of a command that has been run into the journal; its reply began at `mark`.
  void KeepBehind(const OutputBuffer::Mark& mark);
  void LookForCare() {
    careful_ = pause_ != PauseKind::kNone || held_ != nullptr || passes_writes_;
  }
  // The request has waited.
  Outcome RunAfterOrigin(Client& client, const Request& request, LockRequest* held);
  void CommitTally();
  void RemoveExpired();
  // Those who wait for what the command has made ready; the shard is unlocked then.
  void ServeWaiters(uint32_t shard, ShardLock& lock);
  // What the command has looked up of keys that have a class.
  void CommitClassUses(int64_t nanos);
  // `fed`: monitors have been told, while the shards were locked.
  Outcome Finish(const Request& request, bool suspends, bool fed = false);
  void FinishSuspended(const Suspended& suspended);
  void Account(const CommandInfo& command, Arguments argv, int64_t nanos, size_t request_bytes);
  void CountError();
  // Logs a command that crossed a threshold.
  void Observe(const CommandInfo& command, Arguments argv, int64_t nanos, size_t request_bytes,
               size_t reply_bytes);
  // CLIENT REPLY.
  void AfterReply(Client& client);
  void FeedMonitors(const CommandInfo& command, Arguments argv);

  Server& server_;
  Worker& worker_;
  const Config& config_;
  Store& store_;
  StoreThread& thread_;
  WorkerStats& stats_;
  CommandLog& command_log_;
  LatencyMonitor& latency_monitor_;
  Monitors& monitors_;
  std::vector<RouteInfo> routes_;  // by command id
  ReplyWriter reply_;
  Call::Frame frame_;
  Thresholds thresholds_;
  LockRequest* held_ = nullptr;
  bool careful_ = false;        // held_, pause_ or passes_writes_ says something
  bool out_of_memory_ = false;  // HasRoom() found nothing to evict
  uint64_t began_ticks_ = 0;    // when the present client's turn began
  uint64_t last_ticks_ = 0;     // when the last command ended
  struct {
    const RequestBatch::Request* request = nullptr;
    const std::string_view* arguments = nullptr;
  } executing_;
  std::span<const std::string> resuming_;
  UnixMillis last_http_warning_ms_ = 0;
  size_t size_before_ = 0;  // of the reply buffer, when the present command began
  Tally tally_;
  uint64_t locked_read_hash_ = 0;  // of the key whose last read had to be under its shard's lock
  PauseKind pause_ = PauseKind::kNone;
  std::unique_ptr<Suspension> suspension_;
  int64_t suspended_nanos_ = 0;
  std::unique_ptr<LockTicket> ticket_;
  std::unique_ptr<LockTicket> spare_ticket_;
  bool origin_active_ = false;
  bool passes_writes_ = false;
  bool origin_settled_ = false;     // the present request takes what there is
  OutputBuffer::Mark origin_mark_;  // where its reply begins
  std::unique_ptr<origin::Wait> origin_wait_;
  // Of the present command, if it is passed on: by which rule, and its keys.
  const origin::RuleState* passed_state_ = nullptr;
  std::span<const origin::PassedKey> passed_;
  struct PassedBefore {
    bool keep;  // whether what the command leaves is to stay
    // The deadline of a loaded value, `stale-ttl` included; otherwise kNoDeadline.
    UnixMillis loaded;
  };
  std::vector<PassedBefore> passed_before_;  // for each, what there was
  origin::Wait* written_ = nullptr;
  // What it writes behind, and whether it has taken effect.
  std::vector<std::shared_ptr<origin::PendingWrite>> behind_;
  bool behind_added_ = false;
  ShardSet wanted_;
  std::vector<ShardSeen> seen_;
};

}  // namespace alai
