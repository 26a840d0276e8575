// DUMP payloads: their exact bytes, what is refused and with which of the two errors, and both
// directions against a stock server.

#include "storage/dump_payload.h"

#include <string>

#include "engine/base/random.h"
#include "engine/types/strings.h"
#include "engine/types/token_buckets.h"
#include "tests/catch.h"
#include "tests/storage/dump_footer.h"
#include "tests/storage/stock_server.h"

namespace alai {
namespace {

using namespace std::string_literals;

const PackingLimits kLimits;

DumpError Decode(std::string_view payload, const DumpDecodeOptions& options, DumpedValue* value) {
  return DecodeDump(payload, options, kLimits, value);
}

DumpError ErrorOf(std::string_view payload, bool check_crc = true) {
  DumpedValue value;
  return Decode(payload, {.check_crc = check_crc}, &value);
}

std::string Encode(const Record::Draft& draft, bool compress) {
  Record* record = Record::Create(draft);
  std::string payload = EncodeDump(*record, 0, compress);
  record->Destroy();
  return payload;
}

// Of a string that SET has stored.
std::string EncodeString(std::string_view value, bool compress) {
  return Encode(strings::DraftOf(MakeKey("k"), value), compress);
}

std::string EncodeTokenBucket(int64_t arrival_ns) {
  return Encode(token_buckets::DraftOf(MakeKey("k"), arrival_ns), false);
}

std::string Decoded(std::string_view payload) {
  DumpedValue value;
  if (Decode(payload, {}, &value) != DumpError::kNone) return "(error)";
  REQUIRE(value.type == Type::kString);
  return value.string.is_integer ? std::to_string(value.string.integer)
                                 : std::string(value.string.bytes);
}

TEST_CASE("a payload has Redis 7.0's bytes") {
  CHECK(EncodeString("123", true) == "\x00\xc0\x7b\x0a\x00\x48\xe2\x53\xe1\x00\x7a\x67\xb9"s);
  // Also when it is kept as text, as APPEND leaves it.
  CHECK(Encode({.key = "k", .encoding = Encoding::kRaw, .value = "123"}, true) ==
        EncodeString("123", true));
  CHECK(EncodeString("", true).substr(0, 4) == "\x00\x00\x0a\x00"s);
}

TEST_CASE("a changed byte is noticed wherever it is") {
  const std::string payload = EncodeString("some value", true);
  REQUIRE(Decoded(payload) == "some value");
  for (size_t i = 0; i < payload.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = payload;
      damaged[i] = static_cast<char>(damaged[i] ^ 1 << bit);
      CAPTURE(i, bit);
      REQUIRE(ErrorOf(damaged) == DumpError::kFooter);
    }
  }
}

TEST_CASE("a token bucket's state comes back, and a damaged one is refused") {
  for (const int64_t arrival_ns :
       {int64_t{0}, int64_t{1}, int64_t{1'700'000'000'123'456'789}, int64_t{INT64_MAX}}) {
    DumpedValue value;
    REQUIRE(Decode(EncodeTokenBucket(arrival_ns), {}, &value) == DumpError::kNone);
    CHECK(value.type == Type::kTokenBucket);
    CHECK(value.arrival_ns == arrival_ns);
  }
  const std::string payload = EncodeTokenBucket(1'700'000'000'000'000'000);
  const std::string body = payload.substr(0, payload.size() - 10);
  REQUIRE(ErrorOf(WithFooter(body)) == DumpError::kNone);
  for (size_t size = 0; size < body.size(); ++size) {
    CAPTURE(size);
    CHECK(ErrorOf(WithFooter(body.substr(0, size))) == DumpError::kFormat);
  }
  // Another module, another version of ours, another kind of part, a negative time, no end.
  for (const size_t at : {size_t{2}, size_t{9}, size_t{10}, size_t{12}, body.size() - 1}) {
    CAPTURE(at);
    std::string damaged = body;
    damaged[at] = static_cast<char>(damaged[at] ^ (at == 12 ? 0x80 : 1));
    CHECK(ErrorOf(WithFooter(damaged)) == DumpError::kFormat);
  }
}

TEST_CASE("a stock server refuses a token bucket and stays well") {
  const auto stock = StockServer::StartOrWarn();
  if (stock == nullptr) return;
  const StockReply reply = stock->Call({"RESTORE", "k", "0", EncodeTokenBucket(INT64_MAX)});
  CHECK(reply.kind == '-');
  CHECK(stock->Call({"PING"}).text == "PONG");
}

TEST_CASE("versions up to Redis 8.0's and Valkey 9's are read, others refused") {
  const std::string body =
      "\x00\x03"
      "abc"s;
  for (uint16_t version = 0; version < 300; ++version) {
    CAPTURE(version);
    const bool readable = version <= 12 || version == 80;
    CHECK(ErrorOf(WithFooter(body, version)) == (readable ? DumpError::kNone : DumpError::kFooter));
  }
  CHECK(ErrorOf(WithFooter(body, 0x0a00)) == DumpError::kFooter);
}

TEST_CASE("too short for a footer is a footer error, an empty body a format error") {
  CHECK(ErrorOf("") == DumpError::kFooter);
  CHECK(ErrorOf(std::string(9, '\0')) == DumpError::kFooter);
  CHECK(ErrorOf(std::string(9, '\0'), false) == DumpError::kFooter);
  CHECK(ErrorOf(std::string(10, '\0'), false) == DumpError::kFormat);
  CHECK(ErrorOf(WithFooter("")) == DumpError::kFormat);
}

TEST_CASE("a zero checksum is as wrong as any other, unless checksums are not looked at") {
  const std::string payload =
      "\x00\x03"
      "abc\x0a\x00"s +
      std::string(8, '\0');
  CHECK(ErrorOf(payload) == DumpError::kFooter);
  CHECK(ErrorOf(payload, false) == DumpError::kNone);
  // The version is looked at nevertheless.
  CHECK(ErrorOf("\x00\x03"
                "abc\x0d\x00"s +
                    std::string(8, '\0'),
                false) == DumpError::kFooter);
}

TEST_CASE("a good footer does not excuse a bad value") {
  const std::string cases[] = {"\x00"s,
                               "\x63\x03"
                               "abc"s,
                               "\xff\x03"
                               "abc"s,
                               "\xf7"s,
                               "\x00\x04"
                               "abc"s,
                               "\x00\xc0"s,
                               "\x00\xc4\x01"s};
  for (const std::string& body : cases) {
    CAPTURE(body);
    CHECK(ErrorOf(WithFooter(body)) == DumpError::kFormat);
  }
}

TEST_CASE("bytes behind the value are ignored") {
  CHECK(Decoded(WithFooter("\x00\x03"
                           "abcXYZ"s)) == "abc");
}

TEST_CASE("a decoded value outlives moves and owns what was compressed") {
  const std::string text(300, 'z');
  const std::string payload = EncodeString(text, true);
  REQUIRE(payload.size() < 40);
  DumpedValue value;
  REQUIRE(Decode(payload, {}, &value) == DumpError::kNone);
  const DumpedValue moved = std::move(value);
  CHECK(moved.unfolded != nullptr);
  CHECK(moved.string.bytes == text);
}

TEST_CASE("a compressed string may not unfold beyond the limit") {
  const std::string payload = EncodeString(std::string(300, 'z'), true);
  DumpedValue value;
  CHECK(Decode(payload, {.string_bytes_max = 299}, &value) == DumpError::kFormat);
  CHECK(Decode(payload, {.string_bytes_max = 300}, &value) == DumpError::kNone);
}

std::string RandomValue(Random& random) {
  if (random.OneIn(3)) {
    const int64_t magnitude = static_cast<int64_t>(random.Next() >> random.Below(64));
    return std::to_string(random.OneIn(2) ? magnitude : -magnitude);
  }
  std::string text(random.Below(random.OneIn(5) ? 20'000 : 100), '\0');
  const uint64_t letters = 1 + random.Below(random.OneIn(2) ? 3 : 256);
  for (char& c : text) c = static_cast<char>('0' + random.Below(letters));
  return text;
}

TEST_CASE("payloads are those of a stock server, in both directions") {
  const auto stock = StockServer::StartOrWarn();
  if (stock == nullptr) return;
  const uint64_t seed = RandomSeed();
  CAPTURE(seed);
  Random random(seed);
  for (int i = 0; i < 600; ++i) {
    const bool compress = i % 4 != 0;
    stock->Call({"CONFIG", "SET", "rdbcompression", compress ? "yes" : "no"});
    const std::string value = RandomValue(random);
    CAPTURE(i, compress, value.size(), value);
    stock->Call({"SET", "theirs", value});
    const std::string theirs = stock->Call({"DUMP", "theirs"}).text;
    const std::string ours = EncodeString(value, compress);
    REQUIRE(ours == theirs);
    REQUIRE(Decoded(theirs) == value);
    REQUIRE(stock->Call({"RESTORE", "ours", "0", ours, "REPLACE"}).text == "OK");
    REQUIRE(stock->Call({"GET", "ours"}).text == value);
  }
}

TEST_CASE("a stock server refuses what we refuse, and with the same error") {
  const auto stock = StockServer::StartOrWarn();
  if (stock == nullptr) return;
  const auto error_of = [&](std::string_view payload) {
    const StockReply reply = stock->Call({"RESTORE", "k", "0", payload, "REPLACE"});
    if (reply.text == "ERR Bad data format") return DumpError::kFormat;
    if (reply.text == "ERR DUMP payload version or checksum are wrong") return DumpError::kFooter;
    REQUIRE(reply.text == "OK");
    return DumpError::kNone;
  };
  Random random(3);
  const std::string good[] = {
      "\x00\x03"
      "abc"s,
      "\x00\xc1\xff\x7f"s,
      "\x00\xc3\x06\x15\x01"
      "aa\xe0\x0a\x00"s,
      "\x00\x80\x00\x00\x00\x03"
      "abc"s};
  for (int i = 0; i < 3000; ++i) {
    std::string body = good[random.Below(std::size(good))];
    // The stock server lets a value reach into the footer; the zeros keep it from getting there.
    body.append(300, '\0');
    for (uint64_t changes = random.Below(3); changes > 0; --changes) {
      // Type bytes other than 0 and unknown ones are other types, with rules of their own.
      body[1 + random.Below(11)] = static_cast<char>(random.Next());
    }
    // It also takes the low bits of a special form for one of LZF's two sizes.
    const auto special = [&](size_t at) { return (body[at] & 0xc0) == 0xc0; };
    if (body[1] == '\xc3' && (special(2) || special(3) || special(4))) continue;
    std::string payload = WithFooter(body, static_cast<uint16_t>(random.Below(11)));
    if (random.OneIn(10)) payload[payload.size() - 1 - random.Below(8)] ^= 1;
    CAPTURE(i, body);
    REQUIRE(ErrorOf(payload) == error_of(payload));
  }
}

}  // namespace
}  // namespace alai
