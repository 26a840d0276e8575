// The client of bench/origin/compare.py: many connections, each a thread that asks for one key after another.
//
// Question: how many look-ups of keys that are not in the cache does a second hold, when the cache asks the
//   database itself, and when the application does so: GET, one query, SET?
// Trap: keys that come twice are hits, so each is asked for once; keys in the order of the table flatter its
//   index, so the ids are scattered over it.
//
//   origin_load through PORT CONNECTIONS FIRST COUNT           GET alone
//   origin_load outside PORT CONNECTIONS FIRST COUNT URL       GET, SELECT, SET
//   origin_load zipf    PORT CONNECTIONS SEED COUNT ROWS       GET of keys drawn by Zipf's law, exponent 1
//   origin_load hits    PORT CONNECTIONS FIRST COUNT ROWS      GETs of keys that are there, 100 at a time
//
// Prints look-ups, seconds, and how many gave no value.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <pqxx/pqxx>
#include <string>
#include <thread>
#include <vector>

#include "engine/base/clock.h"
#include "engine/base/random.h"

namespace {

struct Options {
  std::string mode;
  int port = 0;
  int connections = 0;
  uint64_t first = 0;  // or the seed
  uint64_t count = 0;
  std::string more;
};

[[noreturn]] void Fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

// The ids of bench/origin/compare.py: row n has this one.
std::string Id(uint64_t n) {
  char text[40];
  std::snprintf(text, sizeof(text), "%08" PRIx64 "-0000-4000-8000-%012" PRIx64,
                n * 2654435761 % 4294967296, n);
  return text;
}

// A connection to the cache, for one thread.
class Cache {
 public:
  explicit Cache(int port) : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
      Fail("connect");
    }
    const int on = 1;
    setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  }
  Cache(const Cache&) = delete;
  Cache& operator=(const Cache&) = delete;
  ~Cache() { close(socket_); }

  void Add(const std::vector<std::string>& words) {
    out_ += '*' + std::to_string(words.size()) + "\r\n";
    for (const std::string& word : words) {
      out_ += '$' + std::to_string(word.size()) + "\r\n" + word + "\r\n";
    }
  }
  void Send() {
    for (size_t at = 0; at < out_.size();) {
      const ssize_t sent = send(socket_, out_.data() + at, out_.size() - at, MSG_NOSIGNAL);
      if (sent <= 0) Fail("send");
      at += static_cast<size_t>(sent);
    }
    out_.clear();
  }
  // Whether the reply is a value, or OK.
  bool Read() {
    const std::string line = ReadLine();
    if (line[0] == '-') {
      std::fprintf(stderr, "%s\n", line.c_str());
      return false;
    }
    if (line[0] != '$') return line[0] == '+';
    const long length = std::atol(line.c_str() + 1);
    if (length < 0) return false;
    while (in_.size() - at_ < static_cast<size_t>(length) + 2) Fill();
    at_ += static_cast<size_t>(length) + 2;
    return true;
  }

 private:
  std::string ReadLine() {
    size_t end;
    while ((end = in_.find("\r\n", at_)) == std::string::npos) Fill();
    std::string line = in_.substr(at_, end - at_);
    at_ = end + 2;
    return line;
  }
  void Fill() {
    in_.erase(0, at_);
    at_ = 0;
    char bytes[65536];
    const ssize_t got = recv(socket_, bytes, sizeof(bytes), 0);
    if (got <= 0) Fail("recv");
    in_.append(bytes, static_cast<size_t>(got));
  }

  const int socket_;
  std::string out_;
  std::string in_;
  size_t at_ = 0;
};

// Draws ranks from 1 to n, rank k with a share of 1/k.
class Zipf {
 public:
  explicit Zipf(uint64_t n) : cumulated_(n) {
    double sum = 0;
    for (uint64_t k = 0; k < n; ++k) cumulated_[k] = sum += 1 / double(k + 1);
  }
  uint64_t Draw(alai::Random* random) const {
    const double at = double(random->Next() >> 11) * 0x1p-53 * cumulated_.back();
    const auto found = std::upper_bound(cumulated_.begin(), cumulated_.end(), at);
    return std::min<uint64_t>(static_cast<uint64_t>(found - cumulated_.begin()) + 1,
                              cumulated_.size());
  }

 private:
  std::vector<double> cumulated_;
};

// Each thread takes the next number that nobody has taken; `missed` counts look-ups without a value.
struct Work {
  const Options& options;
  std::atomic<uint64_t> next{0};
  std::atomic<uint64_t> missed{0};
};

bool Get(Cache* cache, uint64_t n) {
  cache->Add({"GET", "memory:" + Id(n)});
  cache->Send();
  return cache->Read();
}

void Through(Work* work) {
  Cache cache(work->options.port);
  for (uint64_t i; (i = work->next++) < work->options.count;) {
    if (!Get(&cache, work->options.first + i)) ++work->missed;
  }
}

void Outside(Work* work) {
  Cache cache(work->options.port);
  pqxx::connection database(work->options.more);
  database.prepare("one", "SELECT body FROM memories WHERE id = $1");
  pqxx::nontransaction transaction(database);
  for (uint64_t i; (i = work->next++) < work->options.count;) {
    const uint64_t n = work->options.first + i;
    if (Get(&cache, n)) continue;
    const pqxx::result rows = transaction.exec_prepared("one", Id(n));
    if (rows.empty()) {
      ++work->missed;
      continue;
    }
    cache.Add({"SET", "memory:" + Id(n), rows[0][0].as<std::string>(), "EX", "3600"});
    cache.Send();
    cache.Read();
  }
}

void DrawZipf(Work* work) {
  Cache cache(work->options.port);
  const uint64_t rows = std::stoull(work->options.more);
  static const Zipf zipf(rows);
  alai::Random random(work->options.first + work->next++);
  const uint64_t mine = work->options.count / static_cast<uint64_t>(work->options.connections);
  for (uint64_t i = 0; i < mine; ++i) {
    // Ranks are scattered over the table.
    if (!Get(&cache, zipf.Draw(&random) * 7919 % rows + 1)) ++work->missed;
  }
}

void Hits(Work* work) {
  constexpr uint64_t kDepth = 100;
  Cache cache(work->options.port);
  const uint64_t rows = std::stoull(work->options.more);
  for (uint64_t i; (i = work->next.fetch_add(kDepth)) < work->options.count;) {
    for (uint64_t k = 0; k < kDepth; ++k) {
      cache.Add({"GET", "memory:" + Id((i + k) * 7919 % rows + work->options.first)});
    }
    cache.Send();
    for (uint64_t k = 0; k < kDepth; ++k) work->missed += cache.Read() ? 0 : 1;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 6) {
    std::fprintf(stderr, "origin_load MODE PORT CONNECTIONS FIRST COUNT [MORE]\n");
    return 2;
  }
  const Options options{argv[1],
                        std::atoi(argv[2]),
                        std::atoi(argv[3]),
                        std::stoull(argv[4]),
                        std::stoull(argv[5]),
                        argc > 6 ? argv[6] : ""};
  void (*const run)(Work*) = options.mode == "through"   ? Through
                             : options.mode == "outside" ? Outside
                             : options.mode == "zipf"    ? DrawZipf
                                                         : Hits;
  Work work{options};
  const int64_t began_ns = alai::SystemClock::Get()->MonotonicNanos();
  std::vector<std::thread> threads;
  for (int i = 0; i < options.connections; ++i) threads.emplace_back(run, &work);
  for (std::thread& thread : threads) thread.join();
  const double seconds = double(alai::SystemClock::Get()->MonotonicNanos() - began_ns) / 1e9;
  std::printf("%" PRIu64 " %.6f %" PRIu64 "\n", options.count, seconds, work.missed.load());
  return 0;
}
