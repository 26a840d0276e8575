// The epoll loop on real sockets.
#include "server/net/epoll_loop.h"

#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "tests/catch.h"

namespace alai {
namespace {

// Writes down what it is told.
class Recorder final : public LoopEvents {
 public:
  std::span<char> ReadRoom(Connection&) override { return room; }
  void OnBytes(Connection& connection, std::span<char> bytes) override {
    events.push_back(std::to_string(connection.fd) + "<" + std::string(bytes.data(), bytes.size()));
    if (remove_on_bytes != nullptr) loop->Remove(*std::exchange(remove_on_bytes, nullptr));
  }
  void OnWritable(Connection& connection) override {
    events.push_back(std::to_string(connection.fd) + " writable");
  }
  void OnClosed(Connection& connection, int error) override {
    events.push_back(std::to_string(connection.fd) + " closed " + std::to_string(error));
    if (!keep_closed) loop->Remove(connection);
  }

  bool keep_closed = false;
  EpollLoop* loop = nullptr;
  Connection* remove_on_bytes = nullptr;
  std::vector<std::string> events;
  char storage[8];
  std::span<char> room{storage};
};

struct Pair {
  explicit Pair(EpollLoop& loop) {
    int fds[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
    connection.fd = fds[0];
    peer = fds[1];
    name = std::to_string(fds[0]);
    REQUIRE(loop.Add(connection));
  }
  ~Pair() {
    if (peer >= 0) close(peer);
  }
  void Write(std::string_view bytes) const {
    REQUIRE(write(peer, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  }
  void Close() {
    close(peer);
    peer = -1;
  }

  Connection connection;
  int peer;
  std::string name;
};

struct Fixture {
  Fixture() { recorder.loop = &loop; }
  std::vector<std::string> Turn() {
    recorder.events.clear();
    loop.Wait(0);
    loop.Deliver(recorder);
    return recorder.events;
  }
  using Events = std::vector<std::string>;

  EpollLoop loop;
  Recorder recorder;
};

TEST_CASE("A ready socket is read once a turn") {
  Fixture fixture;
  Pair pair(fixture.loop);
  CHECK(fixture.Turn().empty());
  pair.Write("123456789abc");
  CHECK(fixture.Turn() == Fixture::Events{pair.name + "<12345678"});
  CHECK(fixture.Turn() == Fixture::Events{pair.name + "<9abc"});
  CHECK(fixture.Turn().empty());
  fixture.loop.Remove(pair.connection);
}

TEST_CASE("The end of a peer is told after its bytes") {
  Fixture fixture;
  Pair pair(fixture.loop);
  pair.Write("bye");
  pair.Close();
  CHECK(fixture.Turn() == Fixture::Events{pair.name + "<bye"});
  CHECK(fixture.Turn() == Fixture::Events{pair.name + " closed 0"});
  CHECK(pair.connection.fd == -1);
  CHECK(fixture.Turn().empty());
}

TEST_CASE("A connection that is not read says when its peer has gone, and nothing else") {
  Fixture fixture;
  Pair pair(fixture.loop);
  fixture.loop.SetReading(pair.connection, false);
  pair.Write("unread");
  CHECK(fixture.Turn().empty());
  SECTION("read on") {
    fixture.loop.SetReading(pair.connection, true);
    CHECK(fixture.Turn() == Fixture::Events{pair.name + "<unread"});
    fixture.loop.Remove(pair.connection);
  }
  SECTION("no more to come") {
    fixture.recorder.keep_closed = true;
    shutdown(pair.peer, SHUT_WR);
    CHECK(fixture.Turn() == Fixture::Events{pair.name + " closed 0"});
    CHECK(fixture.Turn().empty());
    fixture.loop.SetReading(pair.connection, true);
    CHECK(fixture.Turn() == Fixture::Events{pair.name + "<unread"});
    fixture.loop.Remove(pair.connection);
  }
  SECTION("gone, though one may want to keep it") {
    fixture.recorder.keep_closed = true;
    pair.Close();
    const Fixture::Events events = fixture.Turn();
    REQUIRE(events.size() == 1);
    CHECK(events[0] == pair.name + " closed " + std::to_string(ECONNRESET));
    CHECK(fixture.Turn().empty());
    fixture.loop.SetWriting(pair.connection, true);
    fixture.loop.Remove(pair.connection);
  }
}

TEST_CASE("A full socket takes no more and says when it does again") {
  Fixture fixture;
  Pair pair(fixture.loop);
  std::string bytes(1 << 20, 'x');
  iovec vector{bytes.data(), bytes.size()};
  size_t sent = 0;
  for (;;) {
    const ssize_t n = fixture.loop.Send(pair.connection, &vector, 1);
    if (n < 0) break;
    sent += static_cast<size_t>(n);
  }
  CHECK(errno == EAGAIN);
  fixture.loop.SetWriting(pair.connection, true);
  CHECK(fixture.Turn().empty());
  std::vector<char> sink(sent);
  CHECK(read(pair.peer, sink.data(), sink.size()) > 0);
  while (read(pair.peer, sink.data(), sink.size()) > 0) {
  }
  CHECK(fixture.Turn() == Fixture::Events{pair.name + " writable"});
  fixture.loop.SetWriting(pair.connection, false);
  CHECK(fixture.Turn().empty());
  fixture.loop.Remove(pair.connection);
}

TEST_CASE("Several vectors are sent as one") {
  Fixture fixture;
  Pair pair(fixture.loop);
  char a[] = "one ";
  char b[] = "two";
  const iovec vectors[] = {{a, 4}, {b, 3}};
  CHECK(fixture.loop.Send(pair.connection, vectors, 2) == 7);
  char got[16];
  CHECK(std::string(got, static_cast<size_t>(read(pair.peer, got, sizeof got))) == "one two");
  fixture.loop.Remove(pair.connection);
}

TEST_CASE("Writing to a peer that has gone is an error, not a signal") {
  Fixture fixture;
  Pair pair(fixture.loop);
  pair.Close();
  char byte = 'x';
  const iovec vector{&byte, 1};
  CHECK(fixture.loop.Send(pair.connection, &vector, 1) == -1);
  CHECK(errno == EPIPE);
  fixture.loop.Remove(pair.connection);
}

TEST_CASE("A connection removed within a turn is not reported in it") {
  Fixture fixture;
  Pair first(fixture.loop);
  Pair second(fixture.loop);
  first.Write("a");
  second.Write("b");
  // Whichever comes first removes the other.
  fixture.recorder.remove_on_bytes = &second.connection;
  fixture.loop.Wait(0);
  fixture.loop.Deliver(fixture.recorder);
  const bool first_was_first = fixture.recorder.events[0] == first.name + "<a";
  CHECK(fixture.recorder.events.size() == (first_was_first ? 1 : 2));
  CHECK(second.connection.fd == -1);
  fixture.loop.Remove(first.connection);
}

TEST_CASE("A wait ends when it is interrupted, and when its time is over") {
  Fixture fixture;
  const auto elapsed_ms = [start = std::chrono::steady_clock::now()] {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
        .count();
  };
  fixture.loop.Wait(20'000'000);
  CHECK(elapsed_ms() >= 19.0);
  std::thread other([&] { fixture.loop.Interrupt(); });
  fixture.loop.Wait(-1);
  other.join();
  fixture.loop.Deliver(fixture.recorder);
  CHECK(fixture.recorder.events.empty());
  fixture.loop.Interrupt();
  fixture.loop.Wait(-1);
  fixture.loop.Deliver(fixture.recorder);
  const double before_ms = elapsed_ms();
  fixture.loop.Wait(5'000'000);
  CHECK(elapsed_ms() - before_ms >= 4.0);
}

}  // namespace
}  // namespace alai
