// A worker: one thread with its own event loop that owns its connections for life and executes
// their commands itself against the shared keyspace.
//
// One turn: wait, read every ready socket once, read the clock, parse all complete requests in
// place, run them as a batch, send each client's replies, do what others have asked for, announce a
// quiescent point. Input is in worker_input.cc, output in worker_output.cc, suspended clients in
// worker_suspension.cc, what happens by the clock in worker_cron.cc, what is done about memory in
// worker_memory.cc.
//
//   socket ──read──> arena_ ──parse──> batch_ ──dispatcher_──> replies_ ──send──> socket
//                      │ part of a request, client suspended          │ socket is full
//                      v                                              v
//                    client.input_                                  client.output_
//
// Threads     The worker's own, except for what is marked "any thread".
// Invariants  Nothing is written to a socket while a shard is locked. A worker never waits for a
//             shard: a command that cannot have it suspends its client, and the others go on. A
//             client is destroyed at the end of the turn in which it was closed, never earlier.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/clock.h"
#include "engine/eviction.h"
#include "protocol/output_buffer.h"
#include "server/dispatcher.h"
#include "server/mailbox.h"
#include "server/net/event_loop.h"
#include "server/pause.h"
#include "server/request_batch.h"
#include "server/suspended.h"

namespace alai {

class Client;
class ClientRegistry;
class Server;
class Store;
class StoreThread;
class WorkerStats;

// A socket that has been accepted, on its way to a worker.
struct AcceptedSocket {
  int fd = -1;
  bool unix_socket = false;
  std::string address;  // as CLIENT LIST prints them
  std::string local_address;
};

class Worker final : private LoopEvents {
 public:
  Worker(Server& server, int index, std::unique_ptr<EventLoop> loop, WorkerStats& stats);
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker();

  // Any thread.
  int index() const { return index_; }
  Server& server() const { return server_; }
  // Counters of this worker, server/stats.h; other threads only read them.
  WorkerStats& stats() const { return stats_; }
  ClientRegistry& clients() const { return *clients_; }
  // Runs `task` on this worker between two batches. Dropped if the worker has ended.
  void Post(std::function<void(Worker&)> task);
  // Makes the worker call Suspension::Resume() of this client, if it still exists and is suspended.
  // It may come too early: Resume() looks for itself.
  void Wake(uint64_t client_id);
  // The shards that a client waits for may be free.
  void WakeForLock(uint64_t client_id);
  // What a client waits for from the origin has come, or will not.
  void WakeForOrigin(uint64_t client_id);
  // Takes a socket over.
  void Adopt(AcceptedSocket socket);
  // Sockets handed over and not yet closed.
  int64_t connections() const { return connections_.load(std::memory_order_relaxed); }
  // Makes Run() return.
  void Stop();

  // The thread's main function.
  void Run();
  // One turn of the loop; `may_wait` false: only what is there.
  void Turn(bool may_wait);
  // Whether a turn right now would find work that it left itself.
  bool busy() const {
    return !again_.empty() || !unblocked_.empty() || mailbox_.filled() || resume_paused_ ||
           sweep_pending_ || eviction_pending_;
  }

  Store& store() const { return store_; }
  StoreThread& thread() const { return *thread_; }
  // Wall time in milliseconds, read after this turn's reads; the present of every command.
  UnixMillis now() const { return now_; }
  // Monotonic nanoseconds, read once a turn.
  int64_t monotonic_ns() const { return monotonic_ns_; }
  void ReadClock();

  // Adopt() on the worker's own thread; nullptr, and the socket closed, when the system has no room
  // for it.
  Client* Admit(AcceptedSocket socket);
  EventLoop& loop() const { return *loop_; }
  // Ends a client at once: unsent replies are lost.
  void CloseClient(Client& client);
  // Ends a suspended command as its time-out would, or with an error, later in this turn. False
  // when the client is not here or may not be unblocked.
  bool Unblock(uint64_t client_id, bool with_error);
  // Looks at Server::pause() anew: holds for the next command, while those who wait no longer go on
  // later in this turn.
  void RefreshPause();
  // Evicts keys for a while when memory is short.
  Room MakeRoom();
  // Closes clients when all of them together take too much.
  void LookAtClientMemory();
  // There is work for the housekeeping, which need not wait for its time.
  void HousekeepSoon() { sweep_pending_ = true; }
  // MONITOR.
  void StartMonitor(Client& client);
  void StopMonitor(Client& client);
  // The same by the client's own command: what it was still to see comes before the command's reply.
  void LeaveMonitor(Client& client);
  void SendMonitorLines();

 private:
  Client* AddClient(AcceptedSocket socket);

  // Input.
  std::span<char> ReadRoom(Connection& connection) override;
  void OnBytes(Connection& connection, std::span<char> bytes) override;
  void OnWritable(Connection& connection) override;
  void OnClosed(Connection& connection, int error) override;
  void OnBytesOfSuspended(Client& client, std::span<char> bytes);
  std::span<char> JoinTail(Client& client, std::span<char> bytes);
  std::span<char> ArenaRoom(size_t tail);
  void Serve(Client& client, std::span<char> bytes, LockRequest* held = nullptr);
  void ExecuteBatch();
  void ExecuteRun(const RequestBatch::Run& run);
  // Keeps what was not executed and sends the replies.
  void EndRun(Client& client, const RequestBatch::Run& run, size_t done, bool stopped);
  void KeepUnread(Client& client, std::span<char> unread);
  // Closes a client that has sent more than it may without being understood.
  bool CloseIfInputTooLarge(Client& client);

  // Output.
  // Sends what is in replies_, behind what the client has not taken yet.
  void SendReplies(Client& client);
  // Keeps what is in replies_ for the client's next run, which follows at once, so that one system
  // call sends both. False: it is too much for that.
  bool HoldReplies(Client& client);
  // False: the connection is broken and has been closed.
  bool SendFrom(Client& client, OutputBuffer& output);
  // Closes a client that does not take its replies.
  bool CloseIfOutputTooLarge(Client& client, size_t unsent);

  // Suspended clients.
  void SuspendForLock(Client& client);
  void SuspendForPause(Client& client);
  void SuspendForSpace(Client& client);
  void SuspendForOrigin(Client& client);
  void SuspendRest(Client& client, const RequestBatch::Request& request);
  void BeginSuspension(Client& client, std::unique_ptr<Suspended> suspended);
  std::unique_ptr<Suspended> EndSuspension(Client& client);
  void SetDeadline(Client& client, int64_t deadline_ns);
  void Resume(Client& client, bool timed_out);
  void ResumeLocked(Client& client);
  void ResumeFromOrigin(Client& client, bool timed_out);
  void ResumePaused();
  void ResumeWithSpace();
  void EndUnblocked();
  void ResumeDue();
  void AfterResume(Client& client, Suspension::Next next);
  void GoOn(Client& client);
  Client* FindSuspended(uint64_t id, Suspended::Reason reason) const;

  // By the clock.
  int64_t TimeoutNanos() const;
  void Housekeeping();
  void Sweep();
  void LookAtMemory();
  void LookAfterClients();
  void RunMail();
  void FreeClosed();

  // Memory.
  // Takes note that a client's memory() has changed.
  void CountMemory(Client& client);

  Server& server_;
  Store& store_;
  const int index_;
  WorkerStats& stats_;
  const std::unique_ptr<EventLoop> loop_;
  StoreThread* const thread_;
  const std::unique_ptr<ClientRegistry> clients_;
  Mailbox mailbox_;
  std::atomic<int64_t> connections_{0};
  std::atomic<bool> stopping_{false};

  UnixMillis now_ = 0;
  int64_t monotonic_ns_ = 0;

  OutputBuffer replies_;  // of the client that is being served
  Dispatcher dispatcher_;
  RequestBatch batch_;

  // Where sockets are read to. A client's unfinished request is put in front of what follows it.
  const std::unique_ptr<char[]> arena_;
  size_t arena_used_ = 0;
  Client* joined_ = nullptr;  // whose tail was put into the arena, at joined_at_
  size_t joined_at_ = 0;

  // Ids of suspended clients, which may have gone.
  std::vector<uint64_t> again_;
  std::vector<uint64_t> paused_;
  std::vector<uint64_t> unblocked_;
  std::vector<uint64_t> without_space_;
  int64_t space_retry_ns_ = INT64_MAX;
  int64_t space_since_ns_ = 0;  // when the first of them began to wait
  bool resume_paused_ = false;
  std::set<std::pair<int64_t, uint64_t>> deadlines_;
  int64_t pause_end_ns_ = INT64_MAX;

  std::vector<Client*> client_list_;  // for LookAfterClients()
  size_t next_looked_after_ = 0;
  uint64_t input_max_ = 0;
  uint64_t output_max_ = 0;
  std::vector<Client*> monitors_;
  std::vector<std::unique_ptr<Client>> closed_;
  int64_t next_housekeeping_ns_ = 0;
  bool sweep_pending_ = false;
  bool eviction_pending_ = false;
  bool clients_grew_ = false;
};

}  // namespace alai
