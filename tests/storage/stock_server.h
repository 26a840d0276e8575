// A stock redis-server of our own for the length of a test, to compare with: started on a unix
// socket in a fresh directory, ended and removed with the object.
//
// Threads     Belongs to one thread.
#pragma once

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/catch.h"

namespace alai {

// A reply: the text of a status, error, integer or bulk string, or the elements of an array.
struct StockReply {
  char kind = '_';  // the RESP2 type byte; '_' for a null
  std::string text;
  std::vector<StockReply> elements;
};

class StockServer {
 public:
  // nullptr, and a warning in the test's output, when no redis-server is installed.
  static std::unique_ptr<StockServer> StartOrWarn() {
    std::unique_ptr<StockServer> server(new StockServer);
    if (server->Connect()) return server;
    WARN("no redis-server is installed: not compared with the stock server");
    return nullptr;
  }

  StockServer(const StockServer&) = delete;
  StockServer& operator=(const StockServer&) = delete;

  ~StockServer() {
    if (socket_ >= 0) close(socket_);
    if (child_ > 0) {
      kill(child_, SIGKILL);
      waitpid(child_, nullptr, 0);
    }
    std::filesystem::remove_all(directory_);
  }

  StockReply Call(std::initializer_list<std::string_view> arguments) {
    std::string request = "*" + std::to_string(arguments.size()) + "\r\n";
    for (const std::string_view argument : arguments) {
      request += "$" + std::to_string(argument.size()) + "\r\n";
      request += argument;
      request += "\r\n";
    }
    for (size_t sent = 0; sent < request.size();) {
      const ssize_t n = send(socket_, request.data() + sent, request.size() - sent, MSG_NOSIGNAL);
      REQUIRE(n > 0);
      sent += static_cast<size_t>(n);
    }
    return ReadReply();
  }

 private:
  StockServer() {
    std::string name = std::filesystem::temp_directory_path() / "alai-stock-XXXXXX";
    REQUIRE(mkdtemp(name.data()) != nullptr);
    directory_ = name;
    path_ = name + "/socket";
    child_ = fork();
    REQUIRE(child_ >= 0);
    if (child_ == 0) Become();
  }

  // Never returns. Debian's redis-tools carries the server under the name of redis-check-rdb.
  [[noreturn]] void Become() {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int null = open("/dev/null", O_RDWR);
    dup2(null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
    for (const char* const program : {"redis-server", "redis-check-rdb"}) {
      execlp(program, "redis-server", "--port", "0", "--unixsocket", path_.c_str(), "--save", "",
             "--dir", directory_.c_str(), nullptr);
    }
    _exit(127);
  }

  bool Connect() {
    constexpr int kPollMicros = 5000;
    constexpr int kTries = 4000;
    for (int i = 0; i < kTries; ++i) {
      if (waitpid(child_, nullptr, WNOHANG) == child_) {
        child_ = -1;
        return false;
      }
      socket_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
      REQUIRE(socket_ >= 0);
      sockaddr_un address{};
      address.sun_family = AF_UNIX;
      REQUIRE(path_.size() < sizeof address.sun_path);
      std::memcpy(address.sun_path, path_.data(), path_.size());
      if (connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return true;
      close(socket_);
      socket_ = -1;
      usleep(kPollMicros);
    }
    FAIL("redis-server runs but cannot be reached");
    return false;
  }

  void ReadMore() {
    char chunk[65536];
    const ssize_t n = recv(socket_, chunk, sizeof chunk, 0);
    REQUIRE(n > 0);
    input_.erase(0, at_);
    at_ = 0;
    input_.append(chunk, static_cast<size_t>(n));
  }

  std::string ReadBytes(size_t size) {
    while (input_.size() - at_ < size) ReadMore();
    std::string bytes = input_.substr(at_, size);
    at_ += size;
    return bytes;
  }

  std::string ReadLine() {
    size_t end;
    while ((end = input_.find("\r\n", at_)) == std::string::npos) ReadMore();
    std::string line = input_.substr(at_, end - at_);
    at_ = end + 2;
    return line;
  }

  StockReply ReadReply() {
    const std::string line = ReadLine();
    StockReply reply{.kind = line.at(0), .text = line.substr(1), .elements = {}};
    if (reply.kind != '$' && reply.kind != '*') return reply;
    const long long size = std::stoll(reply.text);
    reply.text.clear();
    if (size < 0) {
      reply.kind = '_';
    } else if (reply.kind == '$') {
      reply.text = ReadBytes(static_cast<size_t>(size));
      ReadBytes(2);
    } else {
      for (long long i = 0; i < size; ++i) reply.elements.push_back(ReadReply());
    }
    return reply;
  }

  std::filesystem::path directory_;
  std::string path_;
  pid_t child_ = -1;
  int socket_ = -1;
  std::string input_;
  size_t at_ = 0;  // how much of input_ has been read
};

}  // namespace alai
