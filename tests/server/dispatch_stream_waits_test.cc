// Clients that wait for streams: who is served, by whom, and what is left of their waits.
#include <string>

#include "engine/base/hash.h"
#include "engine/store.h"
#include "server/stats.h"
#include "tests/catch.h"
#include "tests/server/local_fixture.h"

namespace alai {
namespace {

// The reply of XREAD to a RESP2 client: one entry with one field.
std::string OneEntry(const std::string& key, const std::string& id) {
  return "*1\r\n*2\r\n" + Bulk(key) + "*1\r\n*2\r\n" + Bulk(id) + "*2\r\n" + Bulk("f") + Bulk("v");
}

class Fixture : public LocalFixture {
 public:
  Fixture() : LocalFixture(2) {}

  std::string Add(const Server::Local::Connection& client, const std::string& key,
                  const std::string& id) {
    return client.Ask(Request({"XADD", key, id, "f", "v"}));
  }
  Store& store() { return local().server().store(); }
  // Whether anybody waits for a key, or for one that shares its shard.
  bool AnyWaits(std::string_view key) {
    return store().shard(store().ShardIndex(Hash(key))).waiters.any();
  }
  int64_t Blocked() { return local().server().stats().Sum(&WorkerStats::blocked_clients); }
  // A key in another shard than both of these.
  std::string KeyElsewhere(const std::string& than, const std::string& nor) {
    for (int i = 0;; ++i) {
      std::string key = "elsewhere" + std::to_string(i);
      const uint32_t shard = store().ShardIndex(Hash(key));
      if (shard != store().ShardIndex(Hash(than)) && shard != store().ShardIndex(Hash(nor))) {
        return key;
      }
    }
  }
};

TEST_CASE_METHOD(Fixture, "An entry serves the readers of every worker, each once") {
  const auto here = Connect(0);
  const auto there = Connect(1);
  const auto writer = Connect(1);
  const std::string read = Request({"XREAD", "BLOCK", "0", "STREAMS", "s", "$"});
  CHECK(here.Ask(read + "PING\r\n").empty());
  CHECK(there.Ask(read).empty());
  CHECK(Blocked() == 2);
  CHECK(AnyWaits("s"));
  const std::string both =
      Request({"XADD", "s", "1-1", "f", "v"}) + Request({"XADD", "s", "1-2", "f", "v"});
  CHECK(writer.Ask(both) == Bulk("1-1") + Bulk("1-2"));
  CHECK(here.Receive() == OneEntry("s", "1-1") + "+PONG\r\n");
  CHECK(there.Receive() == OneEntry("s", "1-1"));
  CHECK(Blocked() == 0);
  CHECK_FALSE(AnyWaits("s"));
  CHECK(Add(writer, "s", "1-3") == Bulk("1-3"));
  CHECK(here.Receive().empty());
}

TEST_CASE_METHOD(Fixture, "Who waits for several streams leaves all queues when one has an entry") {
  const auto reader = Connect(0);
  const auto writer = Connect(1);
  const std::string second = KeyElsewhere("s", "s");
  const std::string third = KeyElsewhere("s", second);
  const std::string read =
      Request({"XREAD", "BLOCK", "0", "STREAMS", "s", second, third, "0", "0", "5-5"});
  CHECK(reader.Ask(read).empty());
  CHECK(AnyWaits("s"));
  CHECK(AnyWaits(third));
  CHECK(Add(writer, third, "5-5") == Bulk("5-5"));
  CHECK(reader.Receive().empty());
  SECTION("the first") {
    CHECK(Add(writer, "s", "0-1") == Bulk("0-1"));
    CHECK(reader.Receive() == OneEntry("s", "0-1"));
  }
  SECTION("the last") {
    CHECK(Add(writer, third, "5-6") == Bulk("5-6"));
    CHECK(reader.Receive() == OneEntry(third, "5-6"));
  }
  SECTION("none: the client goes") {
    reader.End();
    Advance(1);
    CHECK(reader.closed());
  }
  for (const std::string& key : {std::string("s"), second, third}) CHECK_FALSE(AnyWaits(key));
  CHECK(Blocked() == 0);
}

TEST_CASE_METHOD(Fixture, "A reader that finds its shard locked waits for that first") {
  const auto reader = Connect(0);
  const auto writer = Connect(1);
  ShardLock& lock = store().LockOf(Hash("s"));
  REQUIRE(lock.TryLock());
  CHECK(reader.Ask(Request({"XREAD", "BLOCK", "100", "STREAMS", "s", "0"})).empty());
  CHECK_FALSE(AnyWaits("s"));
  CHECK(Blocked() == 0);
  lock.Unlock();
  local().RunUntilIdle();
  CHECK(AnyWaits("s"));
  CHECK(Blocked() == 1);
  SECTION("an entry comes") {
    Add(writer, "s", "1-1");
    CHECK(reader.Receive() == OneEntry("s", "1-1"));
  }
  SECTION("its time ends") {
    Advance(101);
    CHECK(reader.Receive() == "*-1\r\n");
  }
  CHECK_FALSE(AnyWaits("s"));
  CHECK(Blocked() == 0);
}

TEST_CASE_METHOD(Fixture, "Each reader is answered in the protocol that it speaks") {
  const auto reader = Connect(0);
  const auto writer = Connect(1);
  reader.Ask("HELLO 3\r\n");
  CHECK(reader.Ask(Request({"XREAD", "BLOCK", "0", "STREAMS", "s", "0"})).empty());
  Add(writer, "s", "1-1");
  CHECK(reader.Receive() ==
        "%1\r\n" + Bulk("s") + "*1\r\n*2\r\n" + Bulk("1-1") + "*2\r\n" + Bulk("f") + Bulk("v"));
}

TEST_CASE_METHOD(Fixture, "What removes a key wakes nobody who reads entries") {
  const auto reader = Connect(0);
  const auto writer = Connect(1);
  Add(writer, "s", "1-1");
  CHECK(reader.Ask(Request({"XREAD", "BLOCK", "0", "STREAMS", "s", "$"})).empty());
  SECTION("DEL") { CHECK(writer.Ask("DEL s\r\n") == ":1\r\n"); }
  SECTION("FLUSHALL") { CHECK(writer.Ask("FLUSHALL ASYNC\r\n") == "+OK\r\n"); }
  SECTION("another type") { CHECK(writer.Ask("SET s v\r\nDEL s\r\n") == "+OK\r\n:1\r\n"); }
  SECTION("SWAPDB") { CHECK(writer.Ask("SWAPDB 0 1\r\n") == "+OK\r\n"); }
  SECTION("its time") {
    CHECK(writer.Ask("PEXPIRE s 10\r\n") == ":1\r\n");
    Advance(1000);
  }
  CHECK(writer.Ask("EXISTS s\r\n") == ":0\r\n");
  CHECK(reader.Receive().empty());
  CHECK(Blocked() == 1);
  Add(writer, "s", "1-1");
  CHECK(reader.Receive().empty());
  Add(writer, "s", "1-2");
  CHECK(reader.Receive() == OneEntry("s", "1-2"));
}

}  // namespace
}  // namespace alai
