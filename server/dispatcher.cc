#include "server/dispatcher.h"

#include "engine/base/assert.h"
#include "engine/base/ticks.h"
#include "engine/change_log.h"
#include "engine/store.h"
#include "protocol/error_text.h"
#include "server/client.h"
#include "server/latency_monitor.h"
#include "server/monitor.h"
#include "server/server.h"
#include "server/slow_log.h"
#include "server/stats.h"
#include "server/suspended.h"
#include "server/worker.h"
#include "storage/origin/origin.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

// What every request goes through becomes one piece of code, Execute(); what few do stays outside.
#define HOT [[gnu::flatten]]
#define COLD [[gnu::noinline, gnu::cold]]

namespace alai {
namespace {

constexpr int kReadOneTries = 64;
constexpr int kReadManyTries = 8;
// The wall clock is read again after a command that took longer.
constexpr int64_t kClockStaleNanos = 100'000;

void PauseProcessor() {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

}  // namespace

// What cannot be run again from its bytes, and what asks about keys rather than for them, does not wait.
bool Dispatcher::ReadsThrough(const CommandInfo& command) {
  if (command.has(kReadThrough)) return true;
  const bool keys =
      command.key_pattern != KeyPattern::kNone && command.key_pattern != KeyPattern::kReach;
  return keys && command.has(kReadOnly) && command.container == nullptr &&
         !command.has(kNoReadThrough | kOwnLocking | kBlocking);
}

Dispatcher::RouteInfo Dispatcher::RouteOf(const CommandInfo& command) {
  // Subcommands change what holds for the next request: CLIENT REPLY, CONFIG SET.
  const bool careful =
      command.is_container() || command.container != nullptr || command.has(kProtected);
  if (command.has(kAllShards)) return {Route::kAllShards, careful};
  if (command.has(kOwnLocking) || command.key_pattern == KeyPattern::kNone) {
    return {Route::kPlain, careful};
  }
  const bool one = command.key_pattern == KeyPattern::kOne && !command.has(kTwoDatabases);
  if (command.has(kReadOnly)) return {one ? Route::kReadOne : Route::kReadMany, careful};
  return {one ? Route::kWriteOne : Route::kWriteMany, careful};
}

Dispatcher::Dispatcher(Server& server, Worker& worker, OutputBuffer& output)
    : server_(server),
      worker_(worker),
      config_(server.config()),
      store_(server.store()),
      thread_(worker.thread()),
      stats_(worker.stats()),
      command_log_(server.command_log()),
      latency_monitor_(server.latency_monitor()),
      monitors_(server.monitors()),
      reply_(output),
      frame_{&server, &worker, &reply_, nullptr} {
  for (const CommandInfo& command : server.commands().commands()) {
    routes_.push_back(RouteOf(command));
    routes_.back().read_through = ReadsThrough(command);
  }
}

Dispatcher::~Dispatcher() = default;

std::unique_ptr<LockTicket> Dispatcher::TakeTicket() { return std::move(ticket_); }

std::unique_ptr<origin::Wait> Dispatcher::TakeOriginWait() { return std::move(origin_wait_); }

void Dispatcher::ReadThresholds() {
  constexpr int64_t kNanosPerMicro = 1000;
  const int64_t slow_us = config_.slowlog_log_slower_than;
  const int64_t request_bytes = config_.commandlog_request_larger_than;
  const int64_t reply_bytes = config_.commandlog_reply_larger_than;
  thresholds_.nanos = kClockStaleNanos;
  if (slow_us >= 0 && slow_us < kClockStaleNanos / kNanosPerMicro) {
    thresholds_.nanos = slow_us * kNanosPerMicro;
  }
  thresholds_.request_bytes = request_bytes < 0 ? SIZE_MAX : static_cast<size_t>(request_bytes);
  thresholds_.reply_bytes = reply_bytes < 0 ? SIZE_MAX : static_cast<size_t>(reply_bytes);
  thresholds_.track_latency = config_.latency_tracking;
  origin_active_ = server_.origin().active();
  passes_writes_ = server_.origin().passes_writes();
  LookForCare();
}

void Dispatcher::BeginClient(Client& client) {
  frame_.client = &client;
  if (reply_.protocol() != client.resp()) reply_.SetProtocol(client.resp());
  if (client.has(kClientReplyOff | kClientReplySkip)) [[unlikely]]
    reply_.SetSilent(true);
  size_before_ = reply_.output().size();
  began_ticks_ = last_ticks_ = Ticks::Now();
}

void Dispatcher::EndClient() {
  if (reply_.silent()) [[unlikely]]
    reply_.SetSilent(false);
  executing_ = {};
}

HOT Dispatcher::Progress Dispatcher::Execute(Client& client,
                                             std::span<const RequestBatch::Request> requests,
                                             const std::string_view* arguments) {
  Progress progress;
  executing_.arguments = arguments;
  for (const RequestBatch::Request& parsed : requests) {
    executing_.request = &parsed;
    const Request request{parsed.command,
                          {arguments + parsed.first_argument, parsed.argument_count},
                          parsed.hash,
                          parsed.bytes};
    progress.outcome = ExecuteOne(client, request);
    if (progress.outcome != Outcome::kDone) [[unlikely]]
      break;
    progress.bytes += parsed.bytes;
    ++progress.requests;
    if (client.has(kClientCloseAfterReply | kClientCloseNow)) [[unlikely]]
      break;
  }
  return progress;
}

inline Dispatcher::Outcome Dispatcher::ExecuteOne(Client& client, const Request& request) {
  const CommandInfo* command = request.command;
  if (command == nullptr || !command->ArityFits(request.argv.size()) ||
      routes_[command->id].careful || (client.flags() & kClientCareful) != 0 || careful_)
      [[unlikely]] {
    return ExecuteCarefully(client, request);
  }
  client.last_command.store(command, std::memory_order_relaxed);
  const Route route = routes_[command->id].route;
  if (route == Route::kReadOne) return RunReadOne(request);
  if (route == Route::kWriteOne) return RunWriteOne(request);
  return Run(request);
}

COLD Dispatcher::Outcome Dispatcher::ExecuteCarefully(Client& client, const Request& request) {
  LockRequest* const held = std::exchange(held_, nullptr);
  LookForCare();
  const Admission admission = Admit(client, request);
  if (held != nullptr && admission != Admission::kAdmitted) held->Release();
  if (admission == Admission::kPaused) return Outcome::kPaused;
  Outcome outcome = Outcome::kDone;
  if (admission == Admission::kRejected) {
    client.Clear(kClientAskedOrigin);
    client.origin_ = {};
    last_ticks_ = Ticks::Now();
  } else {
    client.last_command.store(request.command, std::memory_order_relaxed);
    // The command may change them, and is then itself judged by what it has made of them.
    thresholds_.nanos = 0;
    if (client.has(kClientAskedOrigin)) {
      outcome = RunAfterOrigin(client, request, held);
    } else if (passes_writes_ && PassOn(client, request, held, &outcome)) {
      last_ticks_ = Ticks::Now();
    } else {
      outcome = held != nullptr ? RunHeld(request, *held) : Run(request);
    }
    ReadThresholds();
  }
  if (outcome == Outcome::kDone) AfterReply(client);
  return outcome;
}

[[gnu::noinline]] Dispatcher::Outcome Dispatcher::Run(const Request& request) {
  switch (routes_[request.command->id].route) {
    case Route::kReadOne:
      return ReadOne(request);
    case Route::kWriteOne:
      return WriteOne(request);
    case Route::kPlain:
      return Finish(request, Attempt(request, Access::kOptimistic));
    case Route::kReadMany:
      return HasOneKey(request) ? ReadOne(request) : RunReadMany(request);
    case Route::kWriteMany:
      return HasOneKey(request) ? WriteOne(request) : RunWriteMany(request);
    case Route::kAllShards:
      if (request.command->has(kWrite) && !MayWrite(request)) return RefuseWrite(request);
      wanted_.Clear();
      wanted_.AddAll(store_.shard_count());
      return RunWithTicket(request);
  }
  return Outcome::kDone;
}

bool Dispatcher::HasOneKey(const Request& request) {
  const CommandInfo& command = *request.command;
  if (command.key_pattern == KeyPattern::kReach) {
    return command.spec->reach(request.argv) == KeyReach::kFirstKey;
  }
  if (command.key_pattern != KeyPattern::kRange) return false;
  const auto count = static_cast<int>(request.argv.size());
  const int last = command.last_key >= 0 ? command.last_key : count + command.last_key;
  return last < count && command.first_key <= last && command.first_key + command.key_step > last;
}

bool Dispatcher::ReachesAnyKey(const Request& request) {
  return request.command->key_pattern == KeyPattern::kReach &&
         request.command->spec->reach(request.argv) == KeyReach::kAnyKey;
}

inline bool Dispatcher::Attempt(const Request& request, Access access) {
  const CommandInfo& command = *request.command;
  tally_ = Tally{};
  tally_.no_touch = frame_.client->has(kClientNoTouch);
  if (origin_active_ && routes_[command.id].read_through) [[unlikely]]
    BeginReadThrough();
  KeyView first_key;
  if (FirstKeyIsFixed(command)) {
    first_key = {request.argv[static_cast<size_t>(command.first_key)], request.hash};
  }
  Call call(frame_, command, request.argv, first_key,
            Db(store_, thread_, tally_, frame_.client->db_index(), access, worker_.now()));
  command.run(call);
  if (!call.suspends()) [[likely]]
    return false;
  suspension_ = call.TakeSuspension();
  return true;
}

COLD void Dispatcher::Undo(const OutputBuffer::Mark& mark) {
  reply_.Rollback(mark);
  reply_.ClearErrors();
  suspension_.reset();
}

// What a lookup loads it loads with acquire, so the second look at txn_seq cannot come before it.
inline Dispatcher::Outcome Dispatcher::RunReadOne(const Request& request) {
  if (request.hash == locked_read_hash_) return ReadLockedAgain(request);
  const ShardLock& lock = store_.LockOf(request.hash);
  const OutputBuffer::Mark mark = reply_.GetMark();
  const uint32_t seq = lock.txn_seq();
  if ((seq & 1) == 0) [[likely]] {
    const bool suspends = Attempt(request, Access::kOptimistic);
    if (lock.txn_seq_relaxed() == seq && !tally_.needs_lock) [[likely]] {
      return Finish(request, suspends);
    }
    Undo(mark);
  }
  return RetryReadOne(request);
}

// The last read of this key needed the lock, so this one is not tried without.
[[gnu::noinline]] Dispatcher::Outcome Dispatcher::ReadLockedAgain(const Request& request) {
  const Outcome outcome = RunLockedOne(request);
  if (!tally_.needs_lock) locked_read_hash_ = 0;
  return outcome;
}

COLD Dispatcher::Outcome Dispatcher::RetryReadOne(const Request& request) {
  const ShardLock& lock = store_.LockOf(request.hash);
  const OutputBuffer::Mark mark = reply_.GetMark();
  for (int tries = 0; tries < kReadOneTries && !tally_.needs_lock; ++tries) {
    const uint32_t seq = lock.txn_seq();
    if ((seq & 1) != 0) {
      PauseProcessor();
      continue;
    }
    stats_.Add(Count::kRetriedReads);
    const bool suspends = Attempt(request, Access::kOptimistic);
    if (lock.txn_seq_relaxed() == seq && !tally_.needs_lock) return Finish(request, suspends);
    Undo(mark);
  }
  if (tally_.needs_lock) locked_read_hash_ = request.hash;
  return RunLockedOne(request);
}

Dispatcher::Outcome Dispatcher::ReadOne(const Request& request) { return RunReadOne(request); }

Dispatcher::Outcome Dispatcher::WriteOne(const Request& request) { return RunWriteOne(request); }

// Effects repeat what the request says, each argument perhaps as a command of its own with a deadline.
inline bool Dispatcher::MayWrite(const Request& request) {
  if (store_.memory_limit().on() && !HasRoom(request)) [[unlikely]]
    return false;
  return store_.MayWrite(request.bytes + request.argv.size() * kEffectOverhead);
}

inline Dispatcher::Outcome Dispatcher::RunWriteOne(const Request& request) {
  if (!MayWrite(request)) [[unlikely]]
    return RefuseWrite(request);
  return RunLockedOne(request);
}

inline Dispatcher::Outcome Dispatcher::RunLockedOne(const Request& request) {
  ShardLock& lock = store_.LockOf(request.hash);
  if (!lock.TryLock()) [[unlikely]]
    return WaitToWriteOne(request);
  const bool suspends = Attempt(request, Access::kLocked);
  const bool fed = RanThrough();
  if (fed && monitors_.any()) [[unlikely]]
    FeedMonitors(*request.command, request.argv);
  if (!thread_.ready_keys().empty()) [[unlikely]] {
    ServeWaiters(store_.ShardIndex(request.hash), lock);
  } else {
    lock.Unlock();
  }
  return Finish(request, suspends, fed);
}

COLD Dispatcher::Outcome Dispatcher::WaitToWriteOne(const Request& request) {
  wanted_.Clear();
  wanted_.Add(store_.ShardIndex(request.hash));
  return RunWithTicket(request);
}

bool Dispatcher::CollectShards(const Request& request) {
  wanted_.Clear();
  if (ReachesAnyKey(request)) {
    wanted_.AddAll(store_.shard_count());
    return true;
  }
  bool any = false;
  const bool known = ForEachKey(*request.command, request.argv, [&](size_t index) {
    wanted_.Add(store_.ShardIndex(Hash(request.argv[index])));
    any = true;
  });
  if (request.command->has(kTwoDatabases)) wanted_.Add(store_.ShardIndex(request.hash));
  return known && any;
}

bool Dispatcher::Snapshot() {
  seen_.clear();
  bool free = true;
  wanted_.ForEach([&](uint32_t shard) {
    const ShardLock& lock = store_.shard(shard).lock;
    seen_.push_back({shard, lock.txn_seq(), lock.version()});
    free = free && (seen_.back().txn_seq & 1) == 0 && !ShardLock::Locked(seen_.back().version);
  });
  return free;
}

bool Dispatcher::Unchanged() const {
  for (const ShardSeen& seen : seen_) {
    const ShardLock& lock = store_.shard(seen.shard).lock;
    if (lock.txn_seq_relaxed() != seen.txn_seq || lock.version() != seen.version) return false;
  }
  return true;
}

Dispatcher::Outcome Dispatcher::RunReadMany(const Request& request) {
  if (!CollectShards(request)) {
    return Finish(request, Attempt(request, Access::kOptimistic));
  }
  // Nobody could validate a read of so much.
  if (ReachesAnyKey(request)) return RunWithTicket(request);
  const OutputBuffer::Mark mark = reply_.GetMark();
  for (int tries = 0; tries < kReadManyTries; ++tries) {
    if (!Snapshot()) {
      PauseProcessor();
      continue;
    }
    const bool suspends = Attempt(request, Access::kOptimistic);
    if (Unchanged() && !tally_.needs_lock) return Finish(request, suspends);
    Undo(mark);
    if (tally_.needs_lock) break;
    stats_.Add(Count::kRetriedReads);
  }
  return RunWithTicket(request);
}

Dispatcher::Outcome Dispatcher::RunWriteMany(const Request& request) {
  if (!CollectShards(request)) {
    return Finish(request, Attempt(request, Access::kOptimistic));
  }
  if (!MayWrite(request)) return RefuseWrite(request);
  // As if there were two keys, so that nobody reads what EndPassed() takes back.
  if (written_ != nullptr || (passed_state_ != nullptr && passed_.front().part)) {
    wanted_.Add(store_.ShardIndex(request.hash));
  }
  return RunWithTicket(request);
}

Dispatcher::Outcome Dispatcher::RunWithTicket(const Request& request) {
  std::unique_ptr<LockTicket> ticket = std::move(spare_ticket_);
  if (ticket == nullptr) ticket = std::make_unique<LockTicket>(worker_, store_);
  ticket->client_id = frame_.client->id();
  ticket->request.shards() = wanted_;
  if (!ticket->request.Acquire()) {
    stats_.Add(Count::kSuspendedCommands);
    ticket_ = std::move(ticket);
    return Outcome::kLocked;
  }
  const Outcome outcome = RunHeld(request, ticket->request);
  spare_ticket_ = std::move(ticket);
  return outcome;
}

Dispatcher::Outcome Dispatcher::RunHeld(const Request& request, LockRequest& held) {
  const OutputBuffer::Mark mark = reply_.GetMark();
  if (passed_state_ != nullptr) [[unlikely]]
    BeginPassed();
  const bool suspends = Attempt(request, Access::kLocked);
  const bool fed = RanThrough();
  if (passed_state_ != nullptr && fed && !suspends) [[unlikely]]
    EndPassed(!reply_.error_written());
  if (fed && monitors_.any()) FeedMonitors(*request.command, request.argv);
  const bool serves = !thread_.ready_keys().empty();
  if (serves) store_.ServeWaiters(thread_, tally_, worker_.now(), HeldByRequest(held));
  held.Release();
  if (serves) store_.ServeNext(thread_, tally_, worker_.now());
  if (behind_added_) [[unlikely]]
    KeepBehind(mark);
  return Finish(request, suspends, fed);
}

COLD void Dispatcher::ServeWaiters(uint32_t shard, ShardLock& lock) {
  store_.ServeWaiters(thread_, tally_, worker_.now(), OneShard(shard));
  lock.Unlock();
  store_.ServeNext(thread_, tally_, worker_.now());
}

inline void Dispatcher::CommitTally() {
  stats_.Add(Count::kKeyspaceHits, tally_.hits);
  stats_.Add(Count::kKeyspaceMisses, tally_.misses);
  stats_.changes.Add(tally_.changes);
  if (tally_.saw_expired) [[unlikely]]
    RemoveExpired();
}

[[gnu::noinline]] void Dispatcher::CommitClassUses(int64_t nanos) {
  for (uint32_t i = 0; i < tally_.class_uses; ++i) {
    const StoreThread::ClassUse use = thread_.class_uses()[i];
    ClassFigures& figures = store_.FiguresOf(thread_, use.slot);
    figures.counts[use.hit ? ClassFigures::kHits : ClassFigures::kMisses].Add();
    figures.read_nanos.Record(nanos);
  }
  if (tally_.sliding_seen != 0) {
    store_.RenewSeenSliding(thread_, tally_.sliding_seen, worker_.now());
  }
}

COLD void Dispatcher::RemoveExpired() { store_.RemoveSeenExpired(thread_, worker_.now()); }

inline Dispatcher::Outcome Dispatcher::Finish(const Request& request, bool suspends, bool fed) {
  if (tally_.lacks_log_space) [[unlikely]]
    return Outcome::kNoSpace;
  if (tally_.origin_uses != 0) [[unlikely]] {
    Outcome outcome;
    if (LookToOrigin(request, &outcome)) return outcome;
  }
  CommitTally();
  if (!fed && monitors_.any()) [[unlikely]]
    FeedMonitors(*request.command, request.argv);
  const uint64_t ticks = Ticks::Now();
  const int64_t nanos = Ticks::ToNanos(ticks - last_ticks_);
  last_ticks_ = ticks;
  if (tally_.class_uses != 0) [[unlikely]]
    CommitClassUses(nanos);
  if (suspends) [[unlikely]] {
    suspended_nanos_ = nanos;
    return Outcome::kSuspended;
  }
  Account(*request.command, request.argv, nanos, request.bytes);
  return Outcome::kDone;
}

inline void Dispatcher::Account(const CommandInfo& command, Arguments argv, int64_t nanos,
                                size_t request_bytes) {
  const bool failed = reply_.error_written();
  if (failed) [[unlikely]]
    CountError();
  stats_.CommandDone(command.id, nanos, failed, thresholds_.track_latency);
  const size_t size = reply_.output().size();
  const size_t reply_bytes = size - size_before_;
  size_before_ = size;
  if (nanos >= thresholds_.nanos || request_bytes >= thresholds_.request_bytes ||
      reply_bytes >= thresholds_.reply_bytes) [[unlikely]] {
    Observe(command, argv, nanos, request_bytes, reply_bytes);
  }
}

COLD void Dispatcher::CountError() {
  stats_.ErrorReplied(reply_.last_error());
  reply_.ClearErrors();
}

COLD void Dispatcher::Observe(const CommandInfo& command, Arguments argv, int64_t nanos,
                              size_t request_bytes, size_t reply_bytes) {
  if (nanos >= kClockStaleNanos) worker_.ReadClock();
  const int64_t now_s = worker_.now() / 1000;
  if (command_log_.Notable(nanos, request_bytes, reply_bytes) && !command.has(kSkipCommandLog)) {
    command_log_.Add({.command = &command,
                      .argv = argv,
                      .nanos = nanos,
                      .request_bytes = request_bytes,
                      .reply_bytes = reply_bytes,
                      .client_address = frame_.client->address,
                      .client_name = frame_.client->name},
                     now_s);
  }
  latency_monitor_.Report(
      command.has(kFast) ? latency_event::kFastCommand : latency_event::kCommand, nanos, now_s);
}

void Dispatcher::AfterReply(Client& client) {
  if (client.has(kClientReplySkip)) {
    client.Clear(kClientReplySkip);
    if (!client.has(kClientReplyOff)) reply_.SetSilent(false);
  }
  if (client.has(kClientReplySkipAfter)) {
    client.Clear(kClientReplySkipAfter);
    client.Set(kClientReplySkip);
    reply_.SetSilent(true);
  }
}

std::span<const std::string_view> Dispatcher::executing() const {
  if (executing_.request == nullptr) return {};
  return {executing_.arguments + executing_.request->first_argument,
          executing_.request->argument_count};
}

COLD void Dispatcher::FeedMonitors(const CommandInfo& command, Arguments argv) {
  if (command.has(kAdmin | kSkipMonitor)) return;
  monitors_.Feed(command, argv, *frame_.client, server_.clock().WallMicros());
}

Suspension::Next Dispatcher::Resume(Client& client, Suspended& suspended, bool timed_out) {
  tally_ = Tally{};
  tally_.no_touch = client.has(kClientNoTouch);
  Call call(frame_, *suspended.command, {}, {},
            Db(store_, thread_, tally_, client.db_index(), Access::kOptimistic, worker_.now()));
  Suspension::Next next = Suspension::Next::kDone;
  resuming_ = suspended.arguments;
  if (timed_out) {
    suspended.rest->TimedOut(call);
  } else {
    next = suspended.rest->Resume(call);
  }
  resuming_ = {};
  CommitTally();
  last_ticks_ = Ticks::Now();
  const int64_t nanos = Ticks::ToNanos(last_ticks_ - began_ticks_);
  suspended.nanos += nanos;
  if (tally_.class_uses != 0) CommitClassUses(nanos);
  if (next == Suspension::Next::kDone) FinishSuspended(suspended);
  return next;
}

void Dispatcher::Abort(Suspended& suspended, std::string_view error) {
  reply_.Error(error);
  FinishSuspended(suspended);
}

void Dispatcher::FinishSuspended(const Suspended& suspended) {
  const std::vector<std::string_view> argv(suspended.arguments.begin(), suspended.arguments.end());
  Account(*suspended.command, argv, suspended.nanos, suspended.request_bytes);
  AfterReply(*frame_.client);
}

}  // namespace alai
