// Commands whose effects exceed what their requests say: the change log has space for all of it, or they wait
// and have done nothing.
#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/change_log.h"
#include "engine/store.h"
#include "tests/catch.h"
#include "tests/server/held_shard.h"
#include "tests/server/local_fixture.h"

namespace alai {
namespace {

// Takes effects in the space that was set aside for them.
class MeteredLog final : public ChangeLog {
 public:
  void Append(int, std::span<const std::string_view> command) override {
    const size_t bytes = EncodeRequest(command).size();
    overrun = overrun || bytes > reserved_;
    reserved_ -= std::min(bytes, reserved_);
    used += bytes;
  }
  bool Reserve(size_t bytes) override {
    if (bytes > room) return false;
    reserved_ = bytes;
    return true;
  }

  size_t room = SIZE_MAX;
  size_t used = 0;
  bool overrun = false;  // an effect was larger than what was left

 private:
  size_t reserved_ = 0;
};

constexpr int kEntries = 3000;
// Enough for what is small.
constexpr size_t kLittleRoom = 10'000;

class Fixture : public LocalFixture {
 public:
  ~Fixture() { store().set_change_log(nullptr); }

  Store& store() { return local().server().store(); }

  // From here on effects go to the log.
  void Fill(std::initializer_list<std::string_view> keys) {
    const auto client = Connect();
    for (const std::string_view key : keys) {
      client.Ask(Request({"XGROUP", "CREATE", key, "group", "0", "MKSTREAM"}));
      for (int i = 1; i <= kEntries; ++i) {
        client.Ask(Request({"XADD", key, std::to_string(i) + "-0", "field", "value"}));
      }
    }
    store().set_change_log(&log);
  }
  std::string Pending(std::string_view key) {
    return Connect().Ask(Request({"XPENDING", key, "group"}));
  }
  // How often a text holds another.
  static int CountOf(std::string_view part, std::string_view text) {
    int count = 0;
    for (size_t at = 0; (at = text.find(part, at)) != text.npos; at += part.size()) ++count;
    return count;
  }

  MeteredLog log;
};

const std::string kReadOne =
    Request({"XREADGROUP", "GROUP", "group", "reader", "STREAMS", "s", ">"});
const std::string kReadThree =
    Request({"XREADGROUP", "GROUP", "group", "reader", "STREAMS", "s", "t", "u", ">", ">", ">"});
const std::string kNothingPending = "*4\r\n:0\r\n$-1\r\n$-1\r\n*-1\r\n";

TEST_CASE_METHOD(Fixture, "What XREADGROUP gives is logged within the space set aside for it") {
  Fill({"s", "t", "u"});
  const auto client = Connect();
  SECTION("of one stream") {
    CHECK(CountOf(Bulk("value"), client.Ask(kReadOne)) == kEntries);
    CHECK(log.used > kEntries * 10);
  }
  SECTION("of several") {
    CHECK(CountOf(Bulk("value"), client.Ask(kReadThree)) == 3 * kEntries);
    CHECK(log.used > 3 * kEntries * 10);
  }
  SECTION("of one, named twice") {
    const std::string reply = client.Ask(
        Request({"XREADGROUP", "GROUP", "group", "reader", "STREAMS", "s", "s", ">", ">"}));
    CHECK(CountOf(Bulk("value"), reply) == kEntries);
  }
  SECTION("without pending entries") {
    const std::string reply = client.Ask(
        Request({"XREADGROUP", "GROUP", "group", "reader", "NOACK", "STREAMS", "s", ">"}));
    CHECK(CountOf(Bulk("value"), reply) == kEntries);
    CHECK(log.used < 1000);
  }
  SECTION("of those that are pending already") {
    client.Ask(kReadOne);
    const std::string reply =
        client.Ask(Request({"XREADGROUP", "GROUP", "group", "reader", "STREAMS", "s", "0"}));
    CHECK(CountOf(Bulk("value"), reply) == kEntries);
  }
  CHECK_FALSE(log.overrun);
}

TEST_CASE_METHOD(Fixture, "What XAUTOCLAIM takes is logged within the space set aside for it") {
  Fill({"s"});
  const auto client = Connect();
  client.Ask(kReadOne);
  // Entries differ in how often they were delivered.
  for (int i = 1; i <= kEntries; i += 2) {
    client.Ask(Request({"XCLAIM", "s", "group", "reader", "0", std::to_string(i)}));
  }
  const std::string reply = client.Ask(
      Request({"XAUTOCLAIM", "s", "group", "thief", "0", "0", "COUNT", std::to_string(kEntries)}));
  CHECK(CountOf(Bulk("value"), reply) == kEntries);
  CHECK_FALSE(log.overrun);
  client.Ask(Request({"XTRIM", "s", "MAXLEN", "0"}));
  log.room = kLittleRoom;
  CHECK(client
            .Ask(Request({"XAUTOCLAIM", "s", "group", "reader", "0", "0", "COUNT",
                          std::to_string(kEntries)}))
            .empty());
  CHECK(Pending("s").starts_with("*4\r\n:" + std::to_string(kEntries)));
  log.room = SIZE_MAX;
  Advance(1);
  CHECK(CountOf("-0\r\n", client.Receive()) >= kEntries);
  CHECK(Pending("s") == kNothingPending);
  CHECK_FALSE(log.overrun);
}

TEST_CASE_METHOD(Fixture, "XREADGROUP waits until the change log has space for what it gives") {
  Fill({"s", "t", "u"});
  const auto client = Connect();
  const auto monitor = Connect();
  monitor.Ask("MONITOR\r\n");
  log.room = kLittleRoom;
  const bool several = GENERATE(false, true);
  CAPTURE(several);
  CHECK(client.Ask((several ? kReadThree : kReadOne) + "PING\r\n").empty());
  Advance(5);
  CHECK(client.Receive().empty());
  CHECK(Pending("s") == kNothingPending);
  CHECK(Connect().Ask(Request({"XINFO", "CONSUMERS", "s", "group"})) == "*0\r\n");
  // Others go on, and one that asks for little is served before.
  CHECK(Connect().Ask(Request({"SET", "k", "v"})) == "+OK\r\n");
  const std::string first = Connect().Ask(
      Request({"XREADGROUP", "GROUP", "group", "other", "COUNT", "1", "STREAMS", "s", ">"}));
  CHECK(CountOf(Bulk("value"), first) == 1);
  log.room = SIZE_MAX;
  Advance(1);
  const std::string reply = client.Receive();
  CHECK(CountOf(Bulk("value"), reply) == (several ? 3 : 1) * kEntries - 1);
  CHECK(reply.ends_with("+PONG\r\n"));
  CHECK_FALSE(log.overrun);
  CHECK(CountOf("\"reader\"", monitor.Receive()) == 1);
}

TEST_CASE_METHOD(Fixture,
                 "What commands store and pop is logged within the space set aside for it") {
  const std::vector<std::string_view> command = GENERATE(values<std::vector<std::string_view>>({
      {"SUNIONSTORE", "to", "set"},
      {"SORT", "set", "ALPHA", "STORE", "to"},
      {"ZUNIONSTORE", "to", "2", "zset", "set"},
      {"ZRANGESTORE", "to", "zset", "0", "-1"},
      {"GEOSEARCHSTORE", "to", "zset", "FROMLONLAT", "0", "0", "BYRADIUS", "99999", "km"},
      {"SPOP", "set", "1000"},
      {"SPOP", "set", "2900"},
      {"SPOP", "packed", "90"},
      {"SPOP", "integers", "300"},
  }));
  CAPTURE(command[0], command[1]);
  constexpr int kMembers = 3000;
  constexpr int kPacked = 100;
  constexpr int kIntegers = 400;
  const auto client = Connect();
  for (int i = 0; i < kMembers; ++i) {
    const std::string number = std::to_string(i);
    const std::string member = "member" + number + std::string(i % 100 == 0 ? 20'000 : 10, 'x');
    client.Ask(Request({"SADD", "set", member}));
    client.Ask(Request({"ZADD", "zset", number, member}));
    if (i < kPacked) client.Ask(Request({"SADD", "packed", number + std::string(50, 'x')}));
    if (i < kIntegers) client.Ask(Request({"SADD", "integers", number}));
  }
  store().set_change_log(&log);
  const auto sizes = [&] {
    return client.Ask(Request({"EXISTS", "to"}) + Request({"SCARD", "set"}) +
                      Request({"SCARD", "packed"}) + Request({"SCARD", "integers"}));
  };
  const std::string before = sizes();
  CHECK(before == ":0\r\n:3000\r\n:100\r\n:400\r\n");
  log.room = kLittleRoom;
  const auto waiting = Connect();
  CHECK(waiting.Ask(EncodeRequest(command)).empty());
  CHECK(sizes() == before);
  CHECK(log.used == 0);
  log.room = SIZE_MAX;
  Advance(1);
  CHECK_FALSE(waiting.Receive().empty());
  CHECK(sizes() != before);
  CHECK(log.used > 500);
  CHECK_FALSE(log.overrun);
}

TEST_CASE_METHOD(Fixture, "What a range of a sorted set takes away is logged as its range") {
  const auto client = Connect();
  for (int i = 0; i < kEntries; ++i) {
    client.Ask(Request({"ZADD", "zset", std::to_string(i), "member" + std::to_string(i)}));
  }
  store().set_change_log(&log);
  log.room = kLittleRoom;
  CHECK(client.Ask(Request({"ZREMRANGEBYSCORE", "zset", "10", "2900"})) == ":2891\r\n");
  CHECK(log.used < 100);
  CHECK_FALSE(log.overrun);
}

TEST_CASE_METHOD(Fixture,
                 "XREADGROUP that has waited for its shard waits for the change log, too") {
  Fill({"s"});
  const auto client = Connect();
  log.room = kLittleRoom;
  HeldShard held(*this, "s");
  CHECK(client.Ask(kReadOne).empty());
  held.Release();
  local().RunUntilIdle();
  CHECK(client.Receive().empty());
  CHECK(Pending("s") == kNothingPending);
  log.room = SIZE_MAX;
  Advance(1);
  CHECK(CountOf(Bulk("value"), client.Receive()) == kEntries);
  CHECK_FALSE(log.overrun);
}

}  // namespace
}  // namespace alai
