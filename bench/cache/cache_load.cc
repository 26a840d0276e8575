// Question: how many of an application's look-ups does a cache of limited memory answer?
//
// A client asks for keys in the order of a trace, many at a time, and stores what it did not find with a
// time to live, as applications do. The trace depends on its name, its seed and nothing else, so two
// servers are asked for the same. Keys and values have the shapes of a platform's:
//
//   memory:<uuid>                       300 bytes of JSON, an hour          a quarter of the keys
//   score:<user>:<context>:<token>      8 bytes, a quarter of an hour       half of them
//   session:<user>                      100 bytes, half an hour             a quarter
//
//   zipf09, zipf11   popularity falls with the rank to the power of 0.9 or 1.1
//   scan             a quarter of the requests go through a list of their own in a circle, the others
//                    are zipf09's
//   shift            zipf09, but every rank is taken by another key now and then, once in a third of the
//                    trace
//
// Trap: a cache that is not full yet answers better than it will, so the first third does not count.
//
//   cache_load PORT TRACE REQUESTS KEYS SEED [REQUESTS A SECOND]
//
// Prints: requests that count, those that hit, seconds.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "engine/base/random.h"

namespace alai {
namespace {

constexpr size_t kDepth = 64;  // requests sent together

[[noreturn]] void Die(const char* what) {
  std::perror(what);
  std::exit(1);
}

uint64_t Mix(uint64_t x) { return Random(x).Next(); }

class Zipf {
 public:
  Zipf(uint32_t ranks, double exponent) : below_(ranks) {
    double sum = 0;
    for (uint32_t i = 0; i < ranks; ++i) below_[i] = sum += std::pow(i + 1, -exponent);
    for (double& share : below_) share /= sum;
  }
  uint32_t Draw(Random& random) const {
    const auto found = std::lower_bound(below_.begin(), below_.end(), random.NextDouble());
    return static_cast<uint32_t>(found - below_.begin());
  }

 private:
  std::vector<double> below_;
};

// Which key each request is for, as a number.
std::vector<uint64_t> MakeTrace(std::string_view name, uint64_t requests, uint32_t keys,
                                uint64_t seed) {
  const Zipf zipf(keys, name == "zipf11" ? 1.1 : 0.9);
  Random random(seed);
  const uint64_t period = std::max<uint64_t>(requests / 3, 1);
  const uint32_t circle = keys / 3;
  std::vector<uint64_t> trace(requests);
  uint64_t scanned = 0;
  for (uint64_t i = 0; i < requests; ++i) {
    const uint64_t rank = zipf.Draw(random);
    if (name == "scan" && random.OneIn(4)) {
      trace[i] = keys + scanned++ % circle;
    } else if (name == "shift") {
      trace[i] = rank + keys * ((i + Mix(rank) % period) / period);
    } else {
      trace[i] = rank;
    }
  }
  return trace;
}

struct Entry {
  std::string key;
  size_t value_bytes;
  const char* seconds;
};

Entry EntryOf(uint64_t number) {
  const uint64_t bits = Mix(number ^ 0x5eed);
  char text[80];
  switch (bits % 4) {
    case 0:
      std::snprintf(text, sizeof text, "memory:%08x-%04x-4%03x-8%03x-%012llx",
                    static_cast<unsigned>(bits >> 32), static_cast<unsigned>(bits >> 16 & 0xffff),
                    static_cast<unsigned>(bits >> 4 & 0xfff), static_cast<unsigned>(bits & 0xfff),
                    static_cast<unsigned long long>(number));
      return {text, 300, "3600"};
    case 1:
      std::snprintf(text, sizeof text, "session:%llu", static_cast<unsigned long long>(number));
      return {text, 100, "1800"};
    default:
      std::snprintf(text, sizeof text, "score:%llu:%u:%04x",
                    static_cast<unsigned long long>(number), static_cast<unsigned>(bits >> 8 & 15),
                    static_cast<unsigned>(bits >> 16 & 0xffff));
      return {text, 8, "900"};
  }
}

void AppendWord(std::string& request, std::string_view word) {
  request.append("$")
      .append(std::to_string(word.size()))
      .append("\r\n")
      .append(word)
      .append("\r\n");
}

class Connection {
 public:
  explicit Connection(uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int on = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) Die("connect");
  }
  ~Connection() { close(fd_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) Die("send");
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
  }
  // Reads one reply: true for a value or a status, false for nil.
  bool Reply() {
    const std::string_view line = Line();
    if (line[0] == '-') {
      std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
      std::exit(1);
    }
    if (line[0] != '$') return true;
    const long length = std::strtol(line.data() + 1, nullptr, 10);
    if (length < 0) return false;
    Need(static_cast<size_t>(length) + 2);
    at_ += static_cast<size_t>(length) + 2;
    return true;
  }

 private:
  void Need(size_t bytes) {
    while (end_ - at_ < bytes) {
      if (at_ != 0) {
        std::memmove(buffer_, buffer_ + at_, end_ - at_);
        end_ -= at_;
        at_ = 0;
      }
      const ssize_t got = recv(fd_, buffer_ + end_, sizeof buffer_ - end_, 0);
      if (got <= 0) Die("recv");
      end_ += static_cast<size_t>(got);
    }
  }
  std::string_view Line() {
    for (size_t size = 3;; ++size) {
      Need(size);
      if (buffer_[at_ + size - 1] != '\n') continue;
      const std::string_view line(buffer_ + at_, size);
      at_ += size;
      return line;
    }
  }

  int fd_;
  size_t at_ = 0;
  size_t end_ = 0;
  char buffer_[256 * 1024];
};

// Asks for some keys and stores those that are missing; gives how many there were.
uint64_t LookUp(Connection& server, const uint64_t* numbers, size_t count,
                const std::string& value) {
  std::string request;
  std::vector<Entry> entries;
  for (size_t i = 0; i < count; ++i) {
    entries.push_back(EntryOf(numbers[i]));
    request.append("*2\r\n$3\r\nGET\r\n");
    AppendWord(request, entries.back().key);
  }
  server.Send(request);
  request.clear();
  size_t missing = 0;
  for (const Entry& entry : entries) {
    if (server.Reply()) continue;
    ++missing;
    request.append("*5\r\n$3\r\nSET\r\n");
    AppendWord(request, entry.key);
    AppendWord(request, std::string_view(value).substr(0, entry.value_bytes));
    request.append("$2\r\nEX\r\n");
    AppendWord(request, entry.seconds);
  }
  server.Send(request);
  for (size_t i = 0; i < missing; ++i) server.Reply();
  return count - missing;
}

int Run(int argc, char** argv) {
  if (argc < 6) {
    std::fprintf(stderr, "usage: %s PORT TRACE REQUESTS KEYS SEED [REQUESTS A SECOND]\n", argv[0]);
    return 2;
  }
  const uint64_t requests = std::strtoull(argv[3], nullptr, 10);
  const auto keys = static_cast<uint32_t>(std::strtoul(argv[4], nullptr, 10));
  const double rate = argc > 6 ? std::strtod(argv[6], nullptr) : 0;
  const std::vector<uint64_t> trace =
      MakeTrace(argv[2], requests, keys, std::strtoull(argv[5], nullptr, 10));
  std::string value = "{\"kind\":\"note\",\"weight\":0.75,\"text\":\"";
  while (value.size() < 300) value += "remembered ";
  auto server = std::make_unique<Connection>(static_cast<uint16_t>(std::atoi(argv[1])));
  uint64_t counted = 0;
  uint64_t hits = 0;
  const auto began = std::chrono::steady_clock::now();
  for (uint64_t i = 0; i < requests; i += kDepth) {
    const size_t count = std::min<uint64_t>(kDepth, requests - i);
    const uint64_t hit = LookUp(*server, trace.data() + i, count, value);
    if (i >= requests / 3) {
      counted += count;
      hits += hit;
    }
    if (rate > 0) {
      std::this_thread::sleep_until(began + std::chrono::nanoseconds(static_cast<int64_t>(
                                                static_cast<double>(i) / rate * 1e9)));
    }
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  std::printf("%llu %llu %.3f\n", static_cast<unsigned long long>(counted),
              static_cast<unsigned long long>(hits), took.count());
  return 0;
}

}  // namespace
}  // namespace alai

int main(int argc, char** argv) { return alai::Run(argc, argv); }
