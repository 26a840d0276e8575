#include "server/worker.h"

#include <unistd.h>

#include "engine/base/assert.h"
#include "engine/base/log.h"
#include "engine/base/ticks.h"
#include "engine/store.h"
#include "server/client.h"
#include "server/client_registry.h"
#include "server/config/config.h"
#include "server/current_command.h"
#include "server/memory_report.h"
#include "server/monitor.h"
#include "server/process/crash_report.h"
#include "server/server.h"
#include "server/stats.h"
#include "server/worker_limits.h"

namespace alai {

Worker::Worker(Server& server, int index, std::unique_ptr<EventLoop> loop, WorkerStats& stats)
    : server_(server),
      store_(server.store()),
      index_(index),
      stats_(stats),
      loop_(std::move(loop)),
      thread_(store_.RegisterThread()),
      clients_(std::make_unique<ClientRegistry>()),
      dispatcher_(server, *this, replies_),
      batch_(server.commands(), store_),
      arena_(new char[kArenaBytes]) {
  monotonic_ns_ = server.clock().MonotonicNanos();
  ReadClock();
}

Worker::~Worker() {
  mailbox_.Close();
  while (!client_list_.empty()) CloseClient(*client_list_.back());
  FreeClosed();
  store_.UnregisterThread(thread_);
}

void Worker::Post(std::function<void(Worker&)> task) {
  if (mailbox_.Post(std::move(task)) == Mailbox::Posted::kFirst) loop_->Interrupt();
}

void Worker::Wake(uint64_t client_id) {
  Post([client_id](Worker& worker) {
    Client* client = worker.FindSuspended(client_id, Suspended::Reason::kRest);
    if (client != nullptr) worker.Resume(*client, false);
  });
}

void Worker::WakeForLock(uint64_t client_id) {
  Post([client_id](Worker& worker) {
    Client* client = worker.FindSuspended(client_id, Suspended::Reason::kLock);
    if (client != nullptr) worker.ResumeLocked(*client);
  });
}

void Worker::WakeForOrigin(uint64_t client_id) {
  Post([client_id](Worker& worker) {
    Client* client = worker.FindSuspended(client_id, Suspended::Reason::kOrigin);
    // One that waits once more already has a wait of its own.
    if (client != nullptr && client->suspended_->wait->done()) {
      worker.ResumeFromOrigin(*client, false);
    }
  });
}

void Worker::Adopt(AcceptedSocket socket) {
  connections_.fetch_add(1, std::memory_order_relaxed);
  const int fd = socket.fd;
  const auto posted = mailbox_.Post([socket = std::move(socket)](Worker& worker) mutable {
    worker.AddClient(std::move(socket));
  });
  if (posted == Mailbox::Posted::kFirst) loop_->Interrupt();
  if (posted == Mailbox::Posted::kClosed) {
    close(fd);
    connections_.fetch_sub(1, std::memory_order_relaxed);
  }
}

Client* Worker::Admit(AcceptedSocket socket) {
  connections_.fetch_add(1, std::memory_order_relaxed);
  return AddClient(std::move(socket));
}

void Worker::Stop() {
  stopping_.store(true, std::memory_order_relaxed);
  loop_->Interrupt();
}

void Worker::Run() {
  const CrashStack crash_stack;
  AnnounceDispatcher(&dispatcher_);
  MeterThread(*thread_);
  while (!stopping_.load(std::memory_order_relaxed)) Turn(true);
  mailbox_.Close();
  while (!client_list_.empty()) CloseClient(*client_list_.back());
  FreeClosed();
  AnnounceDispatcher(nullptr);
  thread_->GoOffline();
}

void Worker::Turn(bool may_wait) {
  const int64_t timeout = may_wait ? TimeoutNanos() : 0;
  if (timeout != 0) {
    thread_->GoOffline();
    loop_->Wait(timeout);
    thread_->GoOnline();
  } else {
    loop_->Wait(0);
  }
  const uint64_t began = Ticks::Now();
  monotonic_ns_ = server_.clock().MonotonicNanos();
  stats_.BeginTurn();
  loop_->Deliver(*this);
  ExecuteBatch();
  if (mailbox_.filled()) RunMail();
  ResumeDue();
  if (monotonic_ns_ >= next_housekeeping_ns_ || sweep_pending_ || eviction_pending_) {
    Housekeeping();
  }
  if (clients_grew_) [[unlikely]]
    LookAtClientMemory();
  FreeClosed();
  // What closed clients and replies took or gave back concerns the writers of other workers.
  if (store_.memory_limit().on()) store_.memory_limit().InUse(*thread_);
  stats_.Add(Count::kLoopCycles);
  stats_.Add(Count::kLoopNanos, static_cast<uint64_t>(Ticks::ToNanos(Ticks::Now() - began)));
  thread_->Quiescent();
}

void Worker::ReadClock() {
  now_ = server_.clock().WallMillis();
  thread_->BeginBatch();
}

void Worker::RunMail() {
  for (const Mailbox::Task& task : mailbox_.Take()) task(*this);
}

Client* Worker::AddClient(AcceptedSocket socket) {
  auto client = std::make_unique<Client>(*this, server_.NextClientId());
  client->fd = client->listed_fd = socket.fd;
  client->address = std::move(socket.address);
  client->local_address = std::move(socket.local_address);
  client->created_ms = now_;
  client->last_interaction_ms.store(now_, std::memory_order_relaxed);
  if (socket.unix_socket) client->Set(kClientUnixSocket);
  if (!server_.config().requirepass.empty()) client->Set(kClientNeedsAuth);
  if (!loop_->Add(*client)) {
    Log(LogLevel::kWarning, "Error registering fd event for the new client connection: %m (fd=%d)",
        socket.fd);
    close(socket.fd);
    client->fd = -1;
    connections_.fetch_sub(1, std::memory_order_relaxed);
    return nullptr;
  }
  client->list_index_ = client_list_.size();
  client_list_.push_back(client.get());
  clients_->Add(*client);
  CountMemory(*client);
  stats_.connected_clients.Add();
  stats_.Add(Count::kConnectionsReceived);
  return client.release();
}

void Worker::CloseClient(Client& client) {
  if (client.closed()) return;
  if (LogEnabled(LogLevel::kVerbose)) {
    Log(LogLevel::kVerbose, "Client closed connection id=%llu addr=%s",
        static_cast<unsigned long long>(client.id()), client.address.c_str());
  }
  loop_->Remove(client);
  if (client.suspended()) EndSuspension(client);
  if (client.has(kClientMonitor)) StopMonitor(client);
  clients_->Remove(client);
  client_list_.back()->list_index_ = client.list_index_;
  client_list_[client.list_index_] = client_list_.back();
  client_list_.pop_back();
  if (joined_ == &client) joined_ = nullptr;
  stats_.connected_clients.Sub();
  stats_.closed_memory.Add(client.counted_memory_);
  stats_.client_memory.Sub(std::exchange(client.counted_memory_, 0));
  connections_.fetch_sub(1, std::memory_order_relaxed);
  closed_.emplace_back(&client);
}

void Worker::FreeClosed() {
  if (closed_.empty()) [[likely]]
    return;
  closed_.clear();
  store_.memory_limit().Publish(*thread_);
  stats_.closed_memory.Set(0);
}

void Worker::StartMonitor(Client& client) {
  if (client.has(kClientMonitor)) return;
  client.Set(kClientMonitor);
  monitors_.push_back(&client);
  stats_.monitors.Add();
  server_.monitors().Add(*this);
}

void Worker::StopMonitor(Client& client) {
  if (!client.has(kClientMonitor)) return;
  client.Clear(kClientMonitor);
  std::erase(monitors_, &client);
  stats_.monitors.Sub();
  server_.monitors().Remove(*this);
}

void Worker::LeaveMonitor(Client& client) {
  if (!client.has(kClientMonitor)) return;
  replies_.Append(server_.monitors().Pending(*this));
  StopMonitor(client);
}

void Worker::SendMonitorLines() {
  const std::string lines = server_.monitors().Take(*this);
  if (lines.empty()) return;
  const std::vector<Client*> monitors = monitors_;
  for (Client* client : monitors) {
    replies_.Append(lines);
    SendReplies(*client);
  }
}

}  // namespace alai
