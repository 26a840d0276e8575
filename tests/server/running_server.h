// A whole server with its threads and sockets, in this process, and clients of it that block.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "engine/base/clock.h"
#include "server/config/config.h"
#include "server/server.h"
#include "tests/catch.h"

namespace alai {

// A blocking client.
class Peer {
 public:
  explicit Peer(const std::string& path) : fd_(socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un where{};
    where.sun_family = AF_UNIX;
    std::memcpy(where.sun_path, path.data(), path.size());
    connected_ = connect(fd_, reinterpret_cast<sockaddr*>(&where), sizeof where) == 0;
    const timeval patience{20, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  ~Peer() { close(fd_); }

  bool connected() const { return connected_; }
  bool Send(std::string_view bytes) const {
    return send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(bytes.size());
  }
  // So many bytes, or fewer when the connection ends.
  std::string Read(size_t size) const {
    std::string bytes;
    while (bytes.size() < size) {
      char room[4096];
      const ssize_t n = recv(fd_, room, std::min(sizeof room, size - bytes.size()), 0);
      if (n <= 0) break;
      bytes.append(room, static_cast<size_t>(n));
    }
    return bytes;
  }
  // Whether the end of the connection has arrived, without waiting for it.
  bool ended() const {
    char byte;
    return recv(fd_, &byte, 1, MSG_DONTWAIT) == 0;
  }
  std::string ReadLine() const {
    std::string line;
    while (!line.ends_with("\r\n")) {
      const std::string byte = Read(1);
      if (byte.empty()) break;
      line += byte;
    }
    return line;
  }
  std::string Ask(std::string_view request) const {
    Send(request);
    return ReadLine();
  }

 private:
  const int fd_;
  bool connected_ = false;
};

class RunningServer {
 public:
  explicit RunningServer(int workers, int64_t maxclients = 1000) {
    char directory[] = "/tmp/alai-threads-XXXXXX";
    REQUIRE(mkdtemp(directory) != nullptr);
    path_ = std::string(directory) + "/socket";
    config_.io_threads.set(workers);
    config_.port.set(0);
    config_.maxclients.set(maxclients);
    config_.unixsocket.set(path_);
    server_ = std::make_unique<Server>(config_, *SystemClock::Get());
    REQUIRE(server_->Listen());
    thread_ = std::thread([this] { server_->Run(); });
  }
  ~RunningServer() {
    server_->RequestShutdown(0);
    thread_.join();
    rmdir(path_.substr(0, path_.rfind('/')).c_str());
  }
  Server& server() { return *server_; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  Config config_;
  std::unique_ptr<Server> server_;
  std::thread thread_;
};

}  // namespace alai
