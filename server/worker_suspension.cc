// Suspended clients: what they wait for, and how they go on.
#include <algorithm>

#include "engine/base/assert.h"
#include "engine/store.h"
#include "protocol/error_text.h"
#include "server/client.h"
#include "server/client_registry.h"
#include "server/latency_monitor.h"
#include "server/server.h"
#include "server/stats.h"
#include "server/suspended.h"
#include "server/worker.h"

namespace alai {

void LockTicket::Wake(void* ticket) {
  auto* self = static_cast<LockTicket*>(ticket);
  self->worker.WakeForLock(self->client_id);
}

void Worker::BeginSuspension(Client& client, std::unique_ptr<Suspended> suspended) {
  DASSERT(!client.suspended());
  if (suspended->blocks) {
    client.Set(kClientBlocked);
    stats_.blocked_clients.Add();
  }
  client.suspended_ = std::move(suspended);
}

std::unique_ptr<Suspended> Worker::EndSuspension(Client& client) {
  SetDeadline(client, INT64_MAX);
  client.argument_bytes.Set(0);
  CountMemory(client);
  if (client.suspended_->blocks) {
    client.Clear(kClientBlocked);
    stats_.blocked_clients.Sub();
  }
  return std::move(client.suspended_);
}

void Worker::SetDeadline(Client& client, int64_t deadline_ns) {
  int64_t& registered = client.suspended_->deadline_ns;
  if (registered == deadline_ns) return;
  if (registered != INT64_MAX) {
    deadlines_.erase({registered, client.id()});
    stats_.clients_in_timeout_table.Sub();
  }
  registered = deadline_ns;
  if (registered != INT64_MAX) {
    deadlines_.insert({registered, client.id()});
    stats_.clients_in_timeout_table.Add();
  }
}

Client* Worker::FindSuspended(uint64_t id, Suspended::Reason reason) const {
  Client* client = clients_->Find(id);
  return client != nullptr && client->suspended() && client->suspended_->reason == reason ? client
                                                                                          : nullptr;
}

void Worker::SuspendForLock(Client& client) {
  auto suspended = std::make_unique<Suspended>(Suspended::Reason::kLock);
  suspended->ticket = dispatcher_.TakeTicket();
  BeginSuspension(client, std::move(suspended));
}

void Worker::SuspendForPause(Client& client) {
  auto suspended = std::make_unique<Suspended>(Suspended::Reason::kPause);
  suspended->blocks = true;
  BeginSuspension(client, std::move(suspended));
  paused_.push_back(client.id());
}

void Worker::SuspendForSpace(Client& client) {
  stats_.Add(Count::kSuspendedCommands);
  BeginSuspension(client, std::make_unique<Suspended>(Suspended::Reason::kSpace));
  if (without_space_.empty()) space_since_ns_ = monotonic_ns_;
  without_space_.push_back(client.id());
  space_retry_ns_ = std::min(space_retry_ns_, monotonic_ns_ + Store::kWriteRetryNanos);
}

void Worker::SuspendForOrigin(Client& client) {
  auto suspended = std::make_unique<Suspended>(Suspended::Reason::kOrigin);
  suspended->wait = dispatcher_.TakeOriginWait();
  const origin::Wait& wait = *suspended->wait;
  BeginSuspension(client, std::move(suspended));
  SetDeadline(client, wait.deadline_ns());
  // It may have come before anybody could be woken.
  if (wait.done()) WakeForOrigin(client.id());
}

void Worker::ResumeFromOrigin(Client& client, bool timed_out) {
  std::unique_ptr<origin::Wait> wait = std::move(EndSuspension(client)->wait);
  const origin::Wait::Result result = wait->Take(timed_out);
  client.Set(kClientAskedOrigin);
  client.origin_.settled = result.settled;
  std::vector<uint64_t>& settled = client.origin_.settled_keys;
  settled.insert(settled.end(), result.settled_keys.begin(), result.settled_keys.end());
  std::sort(settled.begin(), settled.end());
  client.origin_.error = result.error;
  if (!wait->written().empty()) client.origin_.written = std::move(wait);
  GoOn(client);
}

void Worker::SuspendRest(Client& client, const RequestBatch::Request& request) {
  auto suspended = std::make_unique<Suspended>(Suspended::Reason::kRest);
  suspended->rest = dispatcher_.TakeSuspension();
  suspended->blocks = suspended->rest->blocks();
  suspended->command = request.command;
  const Arguments argv = batch_.arguments(request);
  suspended->arguments.assign(argv.begin(), argv.end());
  size_t argument_bytes = 0;
  for (const std::string_view argument : argv) argument_bytes += argument.size();
  client.argument_bytes.Set(argument_bytes);
  CountMemory(client);
  suspended->request_bytes = request.bytes;
  suspended->nanos = dispatcher_.suspended_nanos();
  const Suspension::Next first = suspended->rest->first;
  DASSERT(first != Suspension::Next::kDone);
  BeginSuspension(client, std::move(suspended));
  AfterResume(client, first);
}

// Puts a client whose command is not done where it will be found again.
void Worker::AfterResume(Client& client, Suspension::Next next) {
  if (next == Suspension::Next::kAgain) again_.push_back(client.id());
  SetDeadline(client, client.suspended_->rest->deadline_ns);
}

void Worker::Resume(Client& client, bool timed_out) {
  ReadClock();
  dispatcher_.ReadThresholds();
  dispatcher_.BeginClient(client);
  Suspended& suspended = *client.suspended_;
  Suspension::Next next = Suspension::Next::kDone;
  const bool unblocked = suspended.unblock != Suspended::Unblock::kNo;
  if (timed_out && !unblocked && !suspended.rest->MayEnd()) {
    timed_out = false;
    suspended.rest->deadline_ns = INT64_MAX;
  }
  if (timed_out && suspended.unblock == Suspended::Unblock::kError) {
    dispatcher_.Abort(suspended, error_text::kUnblocked);
  } else {
    next = dispatcher_.Resume(client, suspended, timed_out);
  }
  if (next != Suspension::Next::kDone) {
    dispatcher_.EndClient();
    return AfterResume(client, next);
  }
  dispatcher_.EndClient();
  EndSuspension(client);
  client.commands.Add();
  SendReplies(client);
  if (!client.closed()) GoOn(client);
}

// Goes on with the requests that came while the client was suspended.
void Worker::GoOn(Client& client) {
  loop_->SetReading(client, !client.input_ended_);
  if (!client.input_.empty()) {
    Serve(client, {client.input_.data(), client.input_.size()});
    ExecuteBatch();
  }
  if (client.input_ended_ && !client.closed() && !client.suspended()) CloseClient(client);
}

void Worker::ResumeLocked(Client& client) {
  // The request is destroyed, and its shards are released, whatever becomes of the client.
  LockTicket& ticket = *client.suspended_->ticket;
  if (!ticket.request.Acquire()) return;
  const std::unique_ptr<Suspended> suspended = EndSuspension(client);
  loop_->SetReading(client, !client.input_ended_);
  Serve(client, {client.input_.data(), client.input_.size()}, &ticket.request);
  ExecuteBatch();
  if (client.input_ended_ && !client.closed() && !client.suspended()) CloseClient(client);
}

bool Worker::Unblock(uint64_t client_id, bool with_error) {
  Client* client = FindSuspended(client_id, Suspended::Reason::kRest);
  if (client == nullptr) return false;
  Suspended& suspended = *client->suspended_;
  if (!suspended.rest->unblockable() || suspended.unblock != Suspended::Unblock::kNo ||
      !suspended.rest->MayEnd()) {
    return false;
  }
  suspended.unblock = with_error ? Suspended::Unblock::kError : Suspended::Unblock::kTimeout;
  unblocked_.push_back(client_id);
  return true;
}

void Worker::EndUnblocked() {
  for (const uint64_t id : std::exchange(unblocked_, {})) {
    Client* client = FindSuspended(id, Suspended::Reason::kRest);
    if (client != nullptr && client->suspended_->unblock != Suspended::Unblock::kNo) {
      Resume(*client, true);
    }
  }
}

void Worker::RefreshPause() {
  const Pause::State state = server_.pause().Current(monotonic_ns_);
  if (state.kind < dispatcher_.pause()) resume_paused_ = true;
  dispatcher_.set_pause(state.kind);
  pause_end_ns_ = state.kind == PauseKind::kNone ? INT64_MAX : state.end_ns;
}

// Those whom the present pause still concerns are suspended again.
void Worker::ResumePaused() {
  resume_paused_ = false;
  for (const uint64_t id : std::exchange(paused_, {})) {
    Client* client = FindSuspended(id, Suspended::Reason::kPause);
    if (client == nullptr) continue;
    EndSuspension(*client);
    GoOn(*client);
  }
}

// Those for whom there is not enough space even so are suspended again.
void Worker::ResumeWithSpace() {
  if (!store_.MayWrite(0) || MakeRoom() == Room::kLater) {
    space_retry_ns_ = monotonic_ns_ + Store::kWriteRetryNanos;
    return;
  }
  space_retry_ns_ = INT64_MAX;
  if (store_.memory_limit().on()) {
    server_.latency_monitor().Report(latency_event::kEvictionLazyfree,
                                     monotonic_ns_ - space_since_ns_, now_ / 1000);
  }
  for (const uint64_t id : std::exchange(without_space_, {})) {
    Client* client = FindSuspended(id, Suspended::Reason::kSpace);
    if (client == nullptr) continue;
    EndSuspension(*client);
    GoOn(*client);
  }
}

void Worker::ResumeDue() {
  if (monotonic_ns_ >= pause_end_ns_) RefreshPause();
  if (resume_paused_) ResumePaused();
  if (monotonic_ns_ >= space_retry_ns_) ResumeWithSpace();
  if (!unblocked_.empty()) EndUnblocked();
  if (!again_.empty()) {
    for (const uint64_t id : std::exchange(again_, {})) {
      Client* client = FindSuspended(id, Suspended::Reason::kRest);
      if (client != nullptr) Resume(*client, false);
    }
  }
  while (!deadlines_.empty() && deadlines_.begin()->first <= monotonic_ns_) {
    Client* client = clients_->Find(deadlines_.begin()->second);
    ASSERT(client != nullptr && client->suspended());
    if (client->suspended_->reason == Suspended::Reason::kOrigin) {
      ResumeFromOrigin(*client, true);
    } else {
      Resume(*client, true);
    }
  }
}

}  // namespace alai
