#include "server/net/manual_loop.h"

#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

namespace alai {
namespace {

// What one turn takes from one peer, as a loop on sockets does.
constexpr size_t kDeliverBytesMax = 64 * 1024;

}  // namespace

void ManualLoop::Put(int fd, std::string_view bytes) {
  const auto found = peers_.find(fd);
  if (found != peers_.end()) found->second.to_server.append(bytes);
}

void ManualLoop::End(int fd) {
  const auto found = peers_.find(fd);
  if (found != peers_.end()) found->second.ended = true;
}

std::string ManualLoop::Take(int fd) {
  const auto found = peers_.find(fd);
  if (found != peers_.end()) return std::exchange(found->second.from_server, {});
  const auto left = left_.find(fd);
  return left == left_.end() ? std::string() : std::exchange(left->second, {});
}

void ManualLoop::SetWindow(int fd, size_t bytes) {
  const auto found = peers_.find(fd);
  if (found != peers_.end()) found->second.window = bytes;
}

bool ManualLoop::IsReady(const Peer& peer) const {
  return (peer.connection->reading && !peer.to_server.empty()) || peer.ended ||
         (peer.connection->writing && peer.window > 0);
}

bool ManualLoop::ready() const {
  return std::any_of(peers_.begin(), peers_.end(),
                     [this](const auto& entry) { return IsReady(entry.second); });
}

bool ManualLoop::Add(Connection& connection) {
  connection.reading = true;
  peers_[connection.fd].connection = &connection;
  return true;
}

void ManualLoop::Remove(Connection& connection) {
  const auto found = peers_.find(connection.fd);
  if (found == peers_.end()) return;
  left_[connection.fd] = std::move(found->second.from_server);
  peers_.erase(found);
  connection.fd = -1;
}

ssize_t ManualLoop::Send(Connection& connection, const iovec* vectors, size_t count) {
  Peer& peer = peers_.at(connection.fd);
  if (peer.window == 0) {
    errno = EAGAIN;
    return -1;
  }
  size_t sent = 0;
  for (size_t i = 0; i < count; ++i) {
    const size_t size = std::min(vectors[i].iov_len, peer.window - sent);
    peer.from_server.append(static_cast<const char*>(vectors[i].iov_base), size);
    sent += size;
  }
  if (peer.window != SIZE_MAX) peer.window -= sent;
  return static_cast<ssize_t>(sent);
}

void ManualLoop::Deliver(LoopEvents& events) {
  delivered_.clear();
  std::vector<int> ready;
  for (const auto& [fd, peer] : peers_) {
    if (IsReady(peer)) ready.push_back(fd);
  }
  std::sort(ready.begin(), ready.end());
  for (const int fd : ready) {
    auto found = peers_.find(fd);
    if (found == peers_.end()) continue;
    Connection& connection = *found->second.connection;
    if (connection.writing && found->second.window > 0) {
      events.OnWritable(connection);
      found = peers_.find(fd);
      if (found == peers_.end()) continue;
    }
    Peer& peer = found->second;
    if (connection.reading && !peer.to_server.empty()) {
      std::string& bytes = delivered_.emplace_back(peer.to_server, 0, kDeliverBytesMax);
      peer.to_server.erase(0, bytes.size());
      events.OnBytes(connection, {bytes.data(), bytes.size()});
    } else if (peer.ended) {
      peer.ended = false;
      events.OnClosed(connection, 0);
    }
  }
}

}  // namespace alai
