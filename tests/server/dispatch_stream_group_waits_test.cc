// Clients that wait to read for a consumer group: who is given an entry, and what they are told when there
// is nothing to wait for any more.
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/hash.h"
#include "engine/store.h"
#include "server/stats.h"
#include "tests/catch.h"
#include "tests/server/local_fixture.h"

namespace alai {
namespace {

using Connection = Server::Local::Connection;

// The reply of XREADGROUP to a RESP2 client: one entry with one field.
std::string OneEntry(const std::string& key, const std::string& id) {
  return "*1\r\n*2\r\n" + Bulk(key) + "*1\r\n*2\r\n" + Bulk(id) + "*2\r\n" + Bulk("f") + Bulk("v");
}

std::string Lost(const std::string& key) {
  return "-NOGROUP No such key '" + key +
         "' or consumer group 'g' in XREADGROUP with GROUP option\r\n";
}

const std::string kWait =
    Request({"XREADGROUP", "GROUP", "g", "c", "COUNT", "1", "BLOCK", "0", "STREAMS", "s", ">"});

class Fixture : public LocalFixture {
 public:
  Fixture() : LocalFixture(2) {}

  void Create(const Connection& client, const std::string& key = "s") {
    REQUIRE(client.Ask(Request({"XGROUP", "CREATE", key, "g", "$", "MKSTREAM"})) == "+OK\r\n");
  }
  std::string Add(const Connection& client, const std::string& key, const std::string& id) {
    return client.Ask(Request({"XADD", key, id, "f", "v"}));
  }
  Store& store() { return local().server().store(); }
  const Waiters& WaitersOf(std::string_view key) {
    return store().shard(store().ShardIndex(Hash(key))).waiters;
  }
  int64_t Blocked() { return local().server().stats().Sum(&WorkerStats::blocked_clients); }
  std::string KeyElsewhere(const std::string& than) {
    for (int i = 0;; ++i) {
      std::string key = "elsewhere" + std::to_string(i);
      if (store().ShardIndex(Hash(key)) != store().ShardIndex(Hash(than))) return key;
    }
  }
};

TEST_CASE_METHOD(Fixture,
                 "Entries go to those who wait in a group in turn, whatever their worker") {
  std::vector<Connection> readers;
  const auto writer = Connect(1);
  Create(writer);
  for (size_t i = 0; i < 4; ++i) {
    readers.push_back(Connect(i % 2));
    CHECK(readers.back().Ask(kWait).empty());
  }
  CHECK(Blocked() == 4);
  CHECK(WaitersOf("s").any_minds_absence());
  // They are served before the writer hears of its own entry, so it finds them pending.
  CHECK(writer.Ask(Request({"XADD", "s", "1-1", "f", "v"}) +
                   Request({"XPENDING", "s", "g", "-", "+", "1"})) ==
        Bulk("1-1") + "*1\r\n*4\r\n" + Bulk("1-1") + Bulk("c") + ":0\r\n:1\r\n");
  CHECK(readers[0].Receive() == OneEntry("s", "1-1"));
  for (size_t i = 1; i < 4; ++i) {
    CHECK(readers[i].Receive().empty());
    const std::string id = "1-" + std::to_string(i + 1);
    CHECK(Add(writer, "s", id) == Bulk(id));
    CHECK(readers[i].Receive() == OneEntry("s", id));
  }
  CHECK(Blocked() == 0);
  CHECK_FALSE(WaitersOf("s").any());
  CHECK_FALSE(WaitersOf("s").any_minds_absence());
}

TEST_CASE_METHOD(Fixture,
                 "Who waits in several groups leaves all queues when one has an entry or is lost") {
  const auto reader = Connect(0);
  const auto writer = Connect(1);
  const std::string second = KeyElsewhere("s");
  Create(writer);
  Create(writer, second);
  CHECK(reader
            .Ask(Request({"XREADGROUP", "GROUP", "g", "c", "BLOCK", "0", "STREAMS", "s", second,
                          ">", ">"}) +
                 "PING\r\n")
            .empty());
  CHECK(WaitersOf("s").any());
  CHECK(WaitersOf(second).any());
  SECTION("an entry") {
    Add(writer, second, "1-1");
    CHECK(reader.Receive() == OneEntry(second, "1-1") + "+PONG\r\n");
  }
  SECTION("a stream that is lost") {
    CHECK(writer.Ask("DEL s\r\n") == ":1\r\n");
    CHECK(reader.Receive() == Lost("s") + "+PONG\r\n");
  }
  SECTION("the client goes") {
    reader.End();
    Advance(1);
    CHECK(reader.closed());
  }
  CHECK_FALSE(WaitersOf("s").any());
  CHECK_FALSE(WaitersOf(second).any());
  CHECK(Blocked() == 0);
}

TEST_CASE_METHOD(Fixture, "Who has gone or was unblocked is given nothing") {
  const auto reader = Connect(0);
  const auto writer = Connect(1);
  Create(writer);
  CHECK(reader.Ask(kWait).empty());
  const std::string id = std::to_string(reader.id());
  SECTION("closed") {
    CHECK(writer.Ask("CLIENT KILL ID " + id + "\r\n") == ":1\r\n");
    CHECK(reader.closed());
  }
  SECTION("unblocked") {
    CHECK(writer.Ask("CLIENT UNBLOCK " + id + "\r\n") == ":1\r\n");
    CHECK(reader.Receive() == "*-1\r\n");
  }
  SECTION("unblocked with an error") {
    CHECK(writer.Ask("CLIENT UNBLOCK " + id + " ERROR\r\n") == ":1\r\n");
    CHECK(reader.Receive() == "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n");
  }
  Add(writer, "s", "1-1");
  CHECK(reader.Receive().empty());
  CHECK(writer.Ask(Request({"XREADGROUP", "GROUP", "g", "d", "STREAMS", "s", ">"})) ==
        OneEntry("s", "1-1"));
  CHECK(Blocked() == 0);
}

TEST_CASE_METHOD(Fixture, "Its time ends, and the group is none the worse") {
  const auto reader = Connect(0);
  const auto writer = Connect(1);
  Create(writer);
  CHECK(reader.Ask(Request({"XREADGROUP", "GROUP", "g", "c", "BLOCK", "100", "STREAMS", "s", ">"}))
            .empty());
  Advance(101);
  CHECK(reader.Receive() == "*-1\r\n");
  Add(writer, "s", "1-1");
  CHECK(reader.Receive().empty());
  CHECK(writer.Ask(Request({"XPENDING", "s", "g"})) == "*4\r\n:0\r\n$-1\r\n$-1\r\n*-1\r\n");
}

TEST_CASE_METHOD(Fixture,
                 "A stream or group that is lost ends the wait with an error that counts") {
  const auto reader = Connect(0);
  const auto other = Connect(1);
  const auto writer = Connect(1);
  Create(writer);
  CHECK(writer.Ask("CONFIG RESETSTAT\r\n") == "+OK\r\n");
  CHECK(reader.Ask(kWait).empty());
  CHECK(other.Ask(kWait).empty());
  std::string told = Lost("s");
  std::string code = "NOGROUP";
  SECTION("DEL") { CHECK(writer.Ask("DEL s\r\n") == ":1\r\n"); }
  SECTION("UNLINK") { CHECK(writer.Ask("UNLINK s\r\n") == ":1\r\n"); }
  SECTION("XGROUP DESTROY") { CHECK(writer.Ask("XGROUP DESTROY s g\r\n") == ":1\r\n"); }
  SECTION("RENAME") { CHECK(writer.Ask("RENAME s t\r\n") == "+OK\r\n"); }
  SECTION("MOVE") { CHECK(writer.Ask("MOVE s 1\r\n") == ":1\r\n"); }
  SECTION("FLUSHALL") { CHECK(writer.Ask("FLUSHALL ASYNC\r\n") == "+OK\r\n"); }
  SECTION("FLUSHDB") { CHECK(writer.Ask("FLUSHDB ASYNC\r\n") == "+OK\r\n"); }
  SECTION("SWAPDB") { CHECK(writer.Ask("SWAPDB 1 0\r\n") == "+OK\r\n"); }
  SECTION("a deadline that has passed") { CHECK(writer.Ask("PEXPIRE s -1\r\n") == ":1\r\n"); }
  SECTION("its deadline, found by the sweep") {
    CHECK(writer.Ask("PEXPIRE s 10\r\n") == ":1\r\n");
    Advance(1000);
  }
  SECTION("its deadline, met by a reader") {
    store().set_active_expiry(false);
    CHECK(writer.Ask("PEXPIRE s 10\r\n") == ":1\r\n");
    Advance(20);
    CHECK(writer.Ask("EXISTS s\r\n") == ":0\r\n");
  }
  SECTION("its deadline, met by a writer") {
    store().set_active_expiry(false);
    CHECK(writer.Ask("PEXPIRE s 10\r\n") == ":1\r\n");
    Advance(20);
    CHECK(Add(writer, "s", "9-9") == Bulk("9-9"));
  }
  SECTION("another stream") {
    CHECK(writer.Ask("XGROUP CREATE t h $ MKSTREAM\r\nCOPY t s REPLACE\r\n") == "+OK\r\n:1\r\n");
  }
  SECTION("another type") {
    CHECK(writer.Ask("SET s v\r\n") == "+OK\r\n");
    told = "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
    code = "WRONGTYPE";
  }
  local().RunUntilIdle();
  CHECK(reader.Receive() == told);
  CHECK(other.Receive() == told);
  CHECK(Blocked() == 0);
  CHECK_FALSE(WaitersOf("s").any());
  const std::string errors = writer.Ask("INFO errorstats\r\n");
  CHECK(errors.find("errorstat_" + code + ":count=2\r\n") != std::string::npos);
  const std::string commands = writer.Ask("INFO commandstats\r\n");
  const size_t at = commands.find("cmdstat_xreadgroup:calls=2,");
  REQUIRE(at != std::string::npos);
  CHECK(commands.find("failed_calls=2\r\n", at) < commands.find('\n', at));
}

TEST_CASE_METHOD(Fixture, "What happens to the group otherwise lets its readers wait") {
  const auto reader = Connect(0);
  const auto writer = Connect(1);
  Create(writer);
  Add(writer, "s", "1-1");
  CHECK(writer.Ask(Request({"XREADGROUP", "GROUP", "g", "d", "STREAMS", "s", ">"})) ==
        OneEntry("s", "1-1"));
  CHECK(reader.Ask(kWait).empty());
  CHECK(writer.Ask("XACK s g 1-1\r\n") == ":1\r\n");
  CHECK(writer.Ask("XGROUP SETID s g 0\r\n") == "+OK\r\n");
  CHECK(writer.Ask("XGROUP DELCONSUMER s g c\r\n") == ":0\r\n");
  CHECK(writer.Ask("XDEL s 1-1\r\n") == ":1\r\n");
  CHECK(writer.Ask("XGROUP DESTROY s h\r\n") == ":0\r\n");
  CHECK(reader.Receive().empty());
  CHECK(Blocked() == 1);
  Add(writer, "s", "1-2");
  CHECK(reader.Receive() == OneEntry("s", "1-2"));
  CHECK(writer.Ask("XPENDING s g - + 10 c\r\n") ==
        "*1\r\n*4\r\n" + Bulk("1-2") + Bulk("c") + ":0\r\n:1\r\n");
}

TEST_CASE_METHOD(Fixture, "Each reader of a group is answered in the protocol that it speaks") {
  const auto reader = Connect(0);
  const auto writer = Connect(1);
  Create(writer);
  reader.Ask("HELLO 3\r\n");
  CHECK(reader.Ask(kWait).empty());
  Add(writer, "s", "1-1");
  CHECK(reader.Receive() ==
        "%1\r\n" + Bulk("s") + "*1\r\n*2\r\n" + Bulk("1-1") + "*2\r\n" + Bulk("f") + Bulk("v"));
}

}  // namespace
}  // namespace alai
