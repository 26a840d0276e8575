#include "server/local.h"

#include "engine/base/assert.h"
#include "server/client.h"
#include "server/net/manual_loop.h"
#include "server/worker.h"

namespace alai {
namespace {

// A turn that leaves work for the next one leaves less of it; more turns mean a command that never
// ends.
constexpr int kTurnsMax = 10'000'000;

ManualLoop& LoopOf(Worker& worker) { return static_cast<ManualLoop&>(worker.loop()); }

}  // namespace

void Server::Local::Connection::Send(std::string_view bytes) const { loop_->Put(fd_, bytes); }

std::string Server::Local::Connection::Receive() const { return loop_->Take(fd_); }

std::string Server::Local::Connection::Ask(std::string_view bytes) const {
  Send(bytes);
  local_->RunUntilIdle();
  return Receive();
}

void Server::Local::Connection::End() const { loop_->End(fd_); }

void Server::Local::Connection::SetWindow(size_t bytes) const { loop_->SetWindow(fd_, bytes); }

bool Server::Local::Connection::closed() const { return !loop_->Has(fd_); }

Server::Local::Connection Server::Local::Connect(size_t worker, bool unix_socket) {
  const int fd = next_fd_++;
  Worker& target = *server_.workers_[worker];
  AcceptedSocket socket;
  socket.fd = fd;
  socket.unix_socket = unix_socket;
  socket.address = unix_socket ? "/local:0" : "127.0.0.1:" + std::to_string(fd % 65536);
  socket.local_address = unix_socket ? "/local:0" : "127.0.0.1:6379";
  const Client* client = target.Admit(std::move(socket));
  ASSERT(client != nullptr);
  return {*this, LoopOf(target), fd, client->id()};
}

void Server::Local::Turn() {
  for (const auto& worker : server_.workers_) worker->Turn(false);
}

void Server::Local::RunUntilIdle() {
  for (int turns = 0; turns < kTurnsMax; ++turns) {
    Turn();
    bool idle = true;
    for (const auto& worker : server_.workers_) {
      idle = idle && !worker->busy() && !LoopOf(*worker).ready();
    }
    if (idle) return;
  }
  ASSERT(false);
}

}  // namespace alai
