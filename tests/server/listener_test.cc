// Listening sockets.
#include "server/net/listener.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "tests/catch.h"
#include "tests/server/log_capture.h"

namespace alai {
namespace {

std::string TemporaryPath(const std::string& name) {
  char directory[] = "/tmp/alai-listener-XXXXXX";
  REQUIRE(mkdtemp(directory) != nullptr);
  return std::string(directory) + "/" + name;
}

uint16_t PortOf(int fd) {
  const std::string address = AddressOf(fd, false);
  return static_cast<uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
}

int ConnectTo(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_port = htons(port);
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(connect(fd, reinterpret_cast<sockaddr*>(&where), sizeof where) == 0);
  return fd;
}

std::vector<Listener> Listen(std::vector<std::string> addresses, int port, bool* ok) {
  return ListenTcp(addresses, port, {}, ok);
}

TEST_CASE("Addresses of accepted connections are printed as clients know them") {
  bool ok = false;
  const std::vector<Listener> listeners = Listen({"127.0.0.1"}, 0, &ok);
  REQUIRE(ok);
  REQUIRE(listeners.size() == 1);
  const uint16_t port = PortOf(listeners[0].fd());
  const int client = ConnectTo(port);
  const int accepted = accept(listeners[0].fd(), nullptr, nullptr);
  REQUIRE(accepted >= 0);
  CHECK(AddressOf(accepted, false) == "127.0.0.1:" + std::to_string(port));
  CHECK(AddressOf(accepted, true) == AddressOf(client, false));
  CHECK(IsLoopback(AddressOf(accepted, true)));
  close(client);
  close(accepted);
}

TEST_CASE("An address that this machine lacks is left out only if it is optional") {
  const LogCapture log;
  bool ok = false;
  CHECK(Listen({"127.0.0.1", "-198.51.100.1"}, 0, &ok).size() == 1);
  CHECK(ok);
  CHECK(log.lines == std::vector<std::string>{
                         "Warning: Could not create server TCP listening socket 198.51.100.1:0: "
                         "bind: Cannot assign requested address"});
  CHECK(Listen({"127.0.0.1", "198.51.100.1"}, 0, &ok).empty());
  CHECK_FALSE(ok);
  CHECK(Listen({"no.such.host.invalid"}, 0, &ok).empty());
  CHECK_FALSE(ok);
  CHECK(Listen({}, 0, &ok).empty());
  CHECK(ok);
}

TEST_CASE("A port that is taken is an error even for an optional address") {
  bool ok = false;
  const std::vector<Listener> first = Listen({"127.0.0.1"}, 0, &ok);
  REQUIRE(ok);
  const std::vector<Listener> second = Listen({"-127.0.0.1"}, PortOf(first[0].fd()), &ok);
  CHECK_FALSE(ok);
  CHECK(second.empty());
}

TEST_CASE("A unix socket has its permissions, and its file goes with it") {
  const std::string path = TemporaryPath("socket");
  bool ok = false;
  {
    const std::vector<Listener> listeners = ListenUnix(path, 0700, "", {}, &ok);
    REQUIRE(ok);
    CHECK(listeners[0].is_unix());
    struct stat status {};
    REQUIRE(stat(path.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0700);
    // One that a crashed server has left is replaced.
    const std::vector<Listener> again = ListenUnix(path, 0, "", {}, &ok);
    CHECK(ok);
  }
  CHECK(access(path.c_str(), F_OK) != 0);
  CHECK(ListenUnix(path, 0, "no-such-group-here", {}, &ok).empty());
  CHECK_FALSE(ok);
  CHECK(ListenUnix("/tmp/" + std::string(200, 'x'), 0, "", {}, &ok).empty());
  CHECK_FALSE(ok);
}

TEST_CASE("Accepted sockets are told not to wait, and to notice a dead peer") {
  bool ok = false;
  const std::vector<Listener> listeners = Listen({"127.0.0.1"}, 0, &ok);
  const int client = ConnectTo(PortOf(listeners[0].fd()));
  PrepareTcp(client, 300);
  const auto option = [client](int level, int name) {
    int value = -1;
    socklen_t size = sizeof value;
    getsockopt(client, level, name, &value, &size);
    return value;
  };
  CHECK(option(IPPROTO_TCP, TCP_NODELAY) == 1);
  CHECK(option(SOL_SOCKET, SO_KEEPALIVE) == 1);
  CHECK(option(IPPROTO_TCP, TCP_KEEPIDLE) == 300);
  CHECK(option(IPPROTO_TCP, TCP_KEEPINTVL) == 100);
  close(client);
}

}  // namespace
}  // namespace alai
