// Replies byte by byte in both protocol versions, and random trees of them read back.
#include "protocol/reply_writer.h"

#include <sys/uio.h>

#include <cmath>
#include <limits>
#include <string>

#include "tests/protocol/reply_parser.h"
#include "tests/protocol/seeded.h"

namespace alai {
namespace {

std::string Bytes(const OutputBuffer& buffer) {
  std::vector<iovec> vectors(1000);
  const size_t used = buffer.FillIovecs(vectors.data(), vectors.size());
  std::string bytes;
  for (size_t i = 0; i < used; ++i) {
    bytes.append(static_cast<const char*>(vectors[i].iov_base), vectors[i].iov_len);
  }
  return bytes;
}

// What `write` sends to a client of the given protocol version; it must be one whole reply.
template <class Write>
std::string Sent(int protocol, Write write) {
  OutputBuffer buffer;
  ReplyWriter writer(buffer, protocol);
  write(writer);
  std::string bytes = Bytes(buffer);
  Reply reply;
  INFO(bytes);
  CHECK(ParseReply(bytes, &reply));
  return bytes;
}

#define CHECK_SENT(call, resp2, resp3)                        \
  CHECK(Sent(2, [&](ReplyWriter& w) { w.call; }) == (resp2)); \
  CHECK(Sent(3, [&](ReplyWriter& w) { w.call; }) == (resp3))
#define CHECK_SENT_BOTH(call, text) CHECK_SENT(call, text, text)

TEST_CASE("Lines are the same in both versions") {
  CHECK_SENT_BOTH(Ok(), "+OK\r\n");
  CHECK_SENT_BOTH(SimpleString("PONG"), "+PONG\r\n");
  CHECK_SENT_BOTH(SimpleString(""), "+\r\n");
  CHECK_SENT_BOTH(SimpleString("a\r\nb\n"), "+a  b \r\n");
  CHECK_SENT_BOTH(Error("ERR syntax error"), "-ERR syntax error\r\n");
  CHECK_SENT_BOTH(Error("ERR a\r\nb\rc\nd\r\n\n"), "-ERR a  b c d\r\n");
  const std::string large(40000, 'e');
  CHECK_SENT_BOTH(Error(large), "-" + large + "\r\n");
}

TEST_CASE("Integers of every length") {
  for (int64_t value = -200; value <= 1200; ++value) {
    CHECK_SENT_BOTH(Integer(value), ":" + std::to_string(value) + "\r\n");
    const std::string digits = std::to_string(value);
    CHECK_SENT_BOTH(BulkInteger(value),
                    "$" + std::to_string(digits.size()) + "\r\n" + digits + "\r\n");
  }
  CHECK_SENT_BOTH(Integer(INT64_MAX), ":9223372036854775807\r\n");
  CHECK_SENT_BOTH(Integer(INT64_MIN), ":-9223372036854775808\r\n");
  CHECK_SENT_BOTH(BulkInteger(INT64_MIN), "$20\r\n-9223372036854775808\r\n");
  for (int64_t value = 10; value < INT64_MAX / 10; value *= 10) {
    CHECK_SENT_BOTH(Integer(value), ":" + std::to_string(value) + "\r\n");
    CHECK_SENT_BOTH(Integer(1 - value), ":" + std::to_string(1 - value) + "\r\n");
  }
}

TEST_CASE("Bulk strings of every short length and some long ones") {
  std::string text;
  for (size_t size = 0; size < 400; ++size) {
    const std::string bulk = "$" + std::to_string(size) + "\r\n" + text + "\r\n";
    CHECK_SENT_BOTH(Bulk(text), bulk);
    CHECK_SENT_BOTH(BulkReference({text.data(), text.size()}), bulk);
    text += static_cast<char>(size * 31);
  }
  for (const size_t size : {2047, 2048, 9999, 16384, 100000, 3000000}) {
    text.assign(size, '\n');
    const std::string bulk = "$" + std::to_string(size) + "\r\n" + text + "\r\n";
    CHECK_SENT_BOTH(Bulk(text), bulk);
    CHECK_SENT_BOTH(BulkReference({text.data(), text.size()}), bulk);
    CHECK_SENT_BOTH(Raw(bulk), bulk);
  }
}

TEST_CASE("A short bulk string is not read beyond its end") {
  // Each lies in a block of exactly its size, so that a sanitizer sees an overread.
  for (size_t size = 0; size <= 80; ++size) {
    const std::vector<char> block(size, 'x');
    const std::string text(size, 'x');
    CHECK(Sent(2, [&](ReplyWriter& w) {
            w.Bulk({block.data(), size});
          }) == "$" + std::to_string(size) + "\r\n" + text + "\r\n");
  }
}

TEST_CASE("A large bulk string is referred to until it has been sent") {
  struct Owner {
    std::string bytes;
    int released;
  } owner = {std::string(50000, 'v'), 0};
  const SharedBytes shared = {owner.bytes.data(), owner.bytes.size(), &owner,
                              [](void* o) { ++static_cast<Owner*>(o)->released; }};
  OutputBuffer buffer;
  ReplyWriter writer(buffer);
  writer.BulkReference(shared);
  CHECK(buffer.shared_bytes() == owner.bytes.size());
  CHECK(owner.released == 0);
  buffer.Consume(buffer.size());
  CHECK(owner.released == 1);
  writer.BulkReference({owner.bytes.data(), 100, &owner, shared.release});
  CHECK(owner.released == 2);
  CHECK(buffer.shared_bytes() == 0);
  CHECK(buffer.size() == 6 + 100 + 2);
}

TEST_CASE("A bulk string may be written in place") {
  for (const size_t size : {0, 1, 63, 127, 128, 16384, 70000}) {
    CHECK(Sent(2, [&](ReplyWriter& w) { std::memset(w.BulkSpace(size), 's', size); }) ==
          "$" + std::to_string(size) + "\r\n" + std::string(size, 's') + "\r\n");
  }
}

TEST_CASE("Nulls, booleans and numbers differ between the versions") {
  CHECK_SENT(Null(), "$-1\r\n", "_\r\n");
  CHECK_SENT(NullArray(), "*-1\r\n", "_\r\n");
  CHECK_SENT(Bool(true), ":1\r\n", "#t\r\n");
  CHECK_SENT(Bool(false), ":0\r\n", "#f\r\n");
  CHECK_SENT(Double(1.5), "$3\r\n1.5\r\n", ",1.5\r\n");
  CHECK_SENT(Double(0.1), "$19\r\n0.10000000000000001\r\n", ",0.10000000000000001\r\n");
  CHECK_SENT(Double(-0.0), "$2\r\n-0\r\n", ",-0\r\n");
  CHECK_SENT(Double(1e300), "$23\r\n1.0000000000000001e+300\r\n", ",1.0000000000000001e+300\r\n");
  const double inf = std::numeric_limits<double>::infinity();
  CHECK_SENT(Double(inf), "$3\r\ninf\r\n", ",inf\r\n");
  CHECK_SENT(Double(-inf), "$4\r\n-inf\r\n", ",-inf\r\n");
  CHECK_SENT(LongDouble(3.25L), "$4\r\n3.25\r\n", ",3.25\r\n");
  CHECK_SENT(LongDouble(1e20L), "$21\r\n100000000000000000000\r\n", ",100000000000000000000\r\n");
  CHECK_SENT(BigNumber("-123456789012345678901234567890"),
             "$31\r\n-123456789012345678901234567890\r\n", "(-123456789012345678901234567890\r\n");
  CHECK_SENT(Verbatim("txt", "Some string"), "$11\r\nSome string\r\n",
             "=15\r\ntxt:Some string\r\n");
  CHECK_SENT(Verbatim("mkd", ""), "$0\r\n\r\n", "=4\r\nmkd:\r\n");
}

void Fill(ReplyWriter& writer, size_t count) {
  for (; count > 0; --count) writer.Integer(7);
}

std::string Sevens(size_t count) {
  std::string text;
  for (; count > 0; --count) text += ":7\r\n";
  return text;
}

TEST_CASE("Aggregates of every kind and length") {
  for (const size_t n : {0, 1, 2, 9, 10, 63, 64, 99, 100, 127, 128, 1000, 12345}) {
    const std::string count = std::to_string(n) + "\r\n";
    const std::string pairs = std::to_string(2 * n) + "\r\n";
    const auto sent = [&](int protocol, auto begin, size_t elements) {
      return Sent(protocol, [&](ReplyWriter& w) {
        begin(w);
        Fill(w, elements);
      });
    };
    const auto array = [&](ReplyWriter& w) { w.Array(n); };
    const auto map = [&](ReplyWriter& w) { w.Map(n); };
    const auto set = [&](ReplyWriter& w) { w.Set(n); };
    const auto push = [&](ReplyWriter& w) { w.Push(n); };
    CHECK(sent(2, array, n) == "*" + count + Sevens(n));
    CHECK(sent(3, array, n) == "*" + count + Sevens(n));
    CHECK(sent(2, map, 2 * n) == "*" + pairs + Sevens(2 * n));
    CHECK(sent(3, map, 2 * n) == "%" + count + Sevens(2 * n));
    CHECK(sent(2, set, n) == "*" + count + Sevens(n));
    CHECK(sent(3, set, n) == "~" + count + Sevens(n));
    CHECK(sent(2, push, n) == "*" + count + Sevens(n));
    CHECK(sent(3, push, n) == ">" + count + Sevens(n));
  }
}

TEST_CASE("Attributes exist in RESP3 only") {
  const auto write = [](ReplyWriter& w) {
    if (w.Attribute(1)) {
      w.Bulk("ttl");
      w.Integer(3600);
    }
    w.Ok();
  };
  CHECK(Sent(2, write) == "+OK\r\n");
  CHECK(Sent(3, write) == "|1\r\n$3\r\nttl\r\n:3600\r\n+OK\r\n");
}

TEST_CASE("Aggregates whose length is known at their end") {
  for (const size_t n : {0, 1, 12, 1500, 200000}) {
    const std::string count = std::to_string(n) + "\r\n";
    const std::string pairs = std::to_string(2 * n) + "\r\n";
    const auto array = [&](ReplyWriter& w) {
      const auto open = w.BeginArray();
      Fill(w, n);
      w.EndArray(open, n);
    };
    const auto map = [&](ReplyWriter& w) {
      const auto open = w.BeginMap();
      Fill(w, 2 * n);
      w.EndMap(open, n);
    };
    const auto set = [&](ReplyWriter& w) {
      const auto open = w.BeginSet();
      Fill(w, n);
      w.EndSet(open, n);
    };
    CHECK(Sent(2, array) == "*" + count + Sevens(n));
    CHECK(Sent(3, array) == "*" + count + Sevens(n));
    CHECK(Sent(2, map) == "*" + pairs + Sevens(2 * n));
    CHECK(Sent(3, map) == "%" + count + Sevens(2 * n));
    CHECK(Sent(2, set) == "*" + count + Sevens(n));
    CHECK(Sent(3, set) == "~" + count + Sevens(n));
  }
}

TEST_CASE("The version may change between replies, in both directions") {
  OutputBuffer buffer;
  ReplyWriter writer(buffer);
  CHECK(writer.protocol() == 2);
  CHECK_FALSE(writer.resp3());
  writer.Null();
  writer.SetProtocol(3);
  CHECK(writer.protocol() == 3);
  writer.Null();
  writer.SetProtocol(2);
  writer.Null();
  CHECK(Bytes(buffer) == "$-1\r\n_\r\n$-1\r\n");
}

TEST_CASE("A reply can be taken back, also within an open aggregate") {
  OutputBuffer buffer;
  ReplyWriter writer(buffer);
  writer.Ok();
  const auto open = writer.BeginArray();
  writer.Bulk("first");
  const auto mark = writer.GetMark();
  writer.Bulk(std::string(30000, 'x'));
  writer.Error("ERR half done");
  writer.Rollback(mark);
  writer.Bulk("second");
  writer.EndArray(open, 2);
  CHECK(Bytes(buffer) == "+OK\r\n*2\r\n$5\r\nfirst\r\n$6\r\nsecond\r\n");
}

TEST_CASE("Silence keeps nothing but still counts errors") {
  OutputBuffer buffer;
  ReplyWriter writer(buffer);
  writer.Integer(1);
  writer.SetSilent(true);
  CHECK(writer.silent());
  writer.Ok();
  const auto open = writer.BeginArray();
  writer.Bulk(std::string(100000, 'x'));
  writer.EndArray(open, 1);
  std::memset(writer.BulkSpace(100000), 'y', 100000);
  writer.Error("WRONGTYPE no");
  CHECK(Bytes(buffer) == ":1\r\n");
  writer.SetSilent(false);
  CHECK_FALSE(writer.silent());
  writer.Integer(2);
  CHECK(Bytes(buffer) == ":1\r\n:2\r\n");
  CHECK(writer.errors_written() == 1);
  CHECK(writer.last_error() == "WRONGTYPE no");
}

TEST_CASE("Errors are counted until they are cleared") {
  OutputBuffer buffer;
  ReplyWriter writer(buffer);
  CHECK_FALSE(writer.error_written());
  writer.Error("ERR first");
  writer.Error("NOAUTH second\nline\n");
  CHECK(writer.errors_written() == 2);
  CHECK(writer.last_error() == "NOAUTH second line");
  writer.ClearErrors();
  CHECK_FALSE(writer.error_written());
}

// A tree written by the writer comes back from the parser as it was.
Reply RandomTree(Random& random, ReplyWriter& writer, int depth) {
  Reply reply;
  const auto elements = [&](Reply::Type type, size_t count) {
    reply.type = type;
    for (; count > 0; --count) reply.elements.push_back(RandomTree(random, writer, depth + 1));
  };
  const size_t count = random.Below(6);
  const std::string text(random.Below(200), static_cast<char>(random.Next()));
  switch (random.Below(depth > 4 ? 6 : 11)) {
    case 0:
      reply.type = Reply::Type::kInteger;
      reply.integer = static_cast<int64_t>(random.Next() >> random.Below(64));
      reply.text = std::to_string(reply.integer);
      writer.Integer(reply.integer);
      break;
    case 1:
    case 2:
      reply.type = Reply::Type::kBulk;
      reply.text = text;
      writer.Bulk(text);
      break;
    case 3:
      reply.type = Reply::Type::kNull;
      writer.Null();
      break;
    case 4:
      reply.type = Reply::Type::kStatus;
      reply.text = "OK";
      writer.Ok();
      break;
    case 5:
      reply.type = Reply::Type::kVerbatim;
      reply.text = "txt:" + text;
      writer.Verbatim("txt", text);
      break;
    case 6:
      writer.Array(count);
      elements(Reply::Type::kArray, count);
      break;
    case 7:
      writer.Map(count);
      elements(Reply::Type::kMap, 2 * count);
      break;
    case 8:
      writer.Set(count);
      elements(Reply::Type::kSet, count);
      break;
    case 9: {
      const auto open = writer.BeginArray();
      elements(Reply::Type::kArray, count);
      writer.EndArray(open, count);
      break;
    }
    default: {
      const auto open = writer.BeginMap();
      elements(Reply::Type::kMap, 2 * count);
      writer.EndMap(open, count);
    }
  }
  return reply;
}

TEST_CASE("Random trees come back as they were written") {
  WITH_TEST_SEED(seed);
  Random random(seed);
  OutputBuffer buffer;
  ReplyWriter writer(buffer, 3);
  for (int round = 0; round < 200; ++round) {
    std::vector<Reply> written;
    for (int i = 0; i < 20; ++i) written.push_back(RandomTree(random, writer, 0));
    const std::string bytes = Bytes(buffer);
    REQUIRE(bytes.size() == buffer.size());
    buffer.Consume(bytes.size());
    ReplyParser parser(bytes);
    for (const Reply& expected : written) {
      Reply reply;
      REQUIRE(parser.Next(&reply) == ReplyStatus::kReply);
      if (reply != expected) {
        CHECK(Show(reply) == Show(expected));
        FAIL("another reply");
      }
    }
    CHECK(parser.rest().empty());
  }
}

}  // namespace
}  // namespace alai
