// Question: what does the kernel's share of a request cost, that is a server which reads, answers and
// does nothing?
// Trap: it must answer as many times as it was asked, so it counts the requests that each read brought;
// it does not parse them, and it believes that none is cut in two at its first byte.
//
// Usage: echo_loop PORT, then point bench/server/compare.py or redis-benchmark at it.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

namespace {

int Listen(uint16_t port) {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  const int on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      listen(listener, 511) != 0) {
    std::perror("listen");
    std::exit(1);
  }
  return listener;
}

// Requests start with '*' at the beginning of a line.
size_t CountRequests(std::string_view bytes) {
  size_t count = bytes.starts_with('*') ? 1 : 0;
  for (size_t at = bytes.find("\n*"); at != std::string_view::npos;
       at = bytes.find("\n*", at + 1)) {
    ++count;
  }
  return count;
}

void Serve(int listener) {
  const int poller = epoll_create1(0);
  epoll_event event{.events = EPOLLIN, .data = {.fd = listener}};
  epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
  static char buffer[1 << 16];
  std::string replies;
  for (;;) {
    epoll_event events[128];
    const int ready = epoll_wait(poller, events, 128, -1);
    for (int i = 0; i < ready; ++i) {
      const int fd = events[i].data.fd;
      if (fd == listener) {
        const int client = accept(listener, nullptr, nullptr);
        const int on = 1;
        setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        event = {.events = EPOLLIN, .data = {.fd = client}};
        epoll_ctl(poller, EPOLL_CTL_ADD, client, &event);
        continue;
      }
      const ssize_t n = recv(fd, buffer, sizeof buffer, 0);
      if (n <= 0) {
        close(fd);
        continue;
      }
      const std::string_view bytes(buffer, static_cast<size_t>(n));
      replies.clear();
      for (size_t left = CountRequests(bytes); left > 0; --left) replies += "+PONG\r\n";
      if (send(fd, replies.data(), replies.size(), MSG_NOSIGNAL) < 0) close(fd);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s PORT\n", argv[0]);
    return 2;
  }
  Serve(Listen(static_cast<uint16_t>(std::atoi(argv[1]))));
}
