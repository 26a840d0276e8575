// A server that is driven by hand: no threads, no sockets, time from any clock. Command scripts,
// fuzzers and unit tests talk to it as a client would.
//
//   FakeClock clock(1'700'000'000'000);
//   Config config;
//   Server::Local server(config, clock);
//   Server::Local::Connection client = server.Connect();
//   client.Send("*1\r\n$4\r\nPING\r\n");
//   server.RunUntilIdle();
//   client.Receive();  // "+PONG\r\n"
//
// Threads     One.
// Invariants  RunUntilIdle() returns when no worker has anything to do before time goes on.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "server/server.h"

namespace alai {

class ManualLoop;

class Server::Local {
 public:
  class Connection {
   public:
    void Send(std::string_view bytes) const;
    // What was sent to this client since the last call.
    std::string Receive() const;
    // Sends, runs until idle, receives.
    std::string Ask(std::string_view bytes) const;
    // The peer sends no more.
    void End() const;
    // How many more bytes the peer takes.
    void SetWindow(size_t bytes) const;
    bool closed() const;
    // As CLIENT ID says it.
    uint64_t id() const { return id_; }

   private:
    friend class Local;
    Connection(Local& local, ManualLoop& loop, int fd, uint64_t id)
        : local_(&local), loop_(&loop), fd_(fd), id_(id) {}

    Local* local_;
    ManualLoop* loop_;
    int fd_;
    uint64_t id_;
  };

  // `config` and `clock` outlive it.
  // `sources`: the database that origin-url leads to.
  Local(Config& config, const Clock& clock, SourceMaker sources = MakeOriginSources)
      : server_(config, clock, Loops::kManual, std::move(sources)) {
    server_.FollowOriginUrl();
  }

  Server& server() { return server_; }
  // A new client of the worker with this index.
  Connection Connect(size_t worker = 0, bool unix_socket = false);
  // One turn of every worker.
  void Turn();
  void RunUntilIdle();

 private:
  Server server_;
  int next_fd_ = 1'000'000;  // belongs to no file
};

}  // namespace alai
