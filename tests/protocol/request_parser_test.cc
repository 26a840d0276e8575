// Requests under every cut of the input, and what redis-server 7.0 says to malformed ones.
#include "protocol/request_parser.h"

#include <algorithm>
#include <string>
#include <utility>

#include "tests/protocol/seeded.h"

namespace alai {
namespace {

using Request = std::vector<std::string>;

// What a connection's input came to.
struct Outcome {
  std::vector<Request> requests;
  std::string error;
  bool operator==(const Outcome& other) const = default;
};

// Feeds input as a connection does: keeps what was not consumed, and moves it to another block of
// exactly its size before each call, so that a stale pointer or a step outside is seen.
class Feeder {
 public:
  explicit Feeder(RequestLimits limits = {}) : limits_(limits) {}

  void Feed(std::string_view bytes) {
    if (!outcome_.error.empty()) return;
    pending_.insert(pending_.end(), bytes.begin(), bytes.end());
    std::vector<char> block = pending_;
    size_t done = 0;
    for (;;) {
      char* begin = block.data() + done;
      std::vector<std::string_view> argv = {"before"};
      UnquotedWords unquoted;
      const ParseResult result =
          parser_.Parse(begin, block.data() + block.size(), argv, unquoted, limits_);
      REQUIRE(result.consumed <= block.size() - done);
      done += result.consumed;
      if (result.status != ParseStatus::kRequest) {
        REQUIRE(argv.size() == 1);
        if (result.status == ParseStatus::kError) {
          outcome_.error = parser_.error();
          REQUIRE(outcome_.error.rfind("ERR Protocol error: ", 0) == 0);
        } else {
          REQUIRE(parser_.bytes_needed() > block.size() - done);
        }
        break;
      }
      REQUIRE(argv.size() > 1);
      REQUIRE(argv[0] == "before");
      REQUIRE_FALSE(parser_.in_request());
      for (size_t i = 1; i < argv.size(); ++i) {
        const bool within =
            argv[i].data() >= begin && argv[i].data() + argv[i].size() <= begin + result.consumed;
        REQUIRE((within || std::find(unquoted.begin(), unquoted.end(), argv[i]) != unquoted.end()));
      }
      outcome_.requests.emplace_back(argv.begin() + 1, argv.end());
    }
    REQUIRE(block == pending_);
    pending_.erase(pending_.begin(), pending_.begin() + static_cast<ptrdiff_t>(done));
  }

  const Outcome& outcome() const { return outcome_; }
  RequestParser& parser() { return parser_; }
  size_t pending() const { return pending_.size(); }

 private:
  RequestLimits limits_;
  RequestParser parser_;
  std::vector<char> pending_;
  Outcome outcome_;
};

Outcome Whole(std::string_view input, const RequestLimits& limits = {}) {
  Feeder feeder(limits);
  feeder.Feed(input);
  return feeder.outcome();
}

Outcome ByteWise(std::string_view input, const RequestLimits& limits = {}) {
  Feeder feeder(limits);
  for (size_t i = 0; i < input.size(); ++i) feeder.Feed(input.substr(i, 1));
  return feeder.outcome();
}

// The outcome however the input is cut: whole, byte by byte, and in two at every position.
Outcome AnyCut(std::string_view input, const RequestLimits& limits = {}) {
  Outcome whole = Whole(input, limits);
  CHECK(ByteWise(input, limits) == whole);
  for (size_t cut = 0; cut <= input.size(); ++cut) {
    Feeder feeder(limits);
    feeder.Feed(input.substr(0, cut));
    feeder.Feed(input.substr(cut));
    if (feeder.outcome() != whole) {
      INFO("cut at " << cut);
      CHECK(feeder.outcome() == whole);
    }
  }
  return whole;
}

std::string ErrorOf(std::string_view input, const RequestLimits& limits = {}) {
  const Outcome outcome = AnyCut(input, limits);
  CHECK(outcome.requests.empty());
  return outcome.error;
}

std::vector<Request> Requests(std::string_view input) {
  const Outcome outcome = AnyCut(input);
  CHECK(outcome.error == "");
  return outcome.requests;
}

std::string Encode(const Request& request) {
  std::string text = "*" + std::to_string(request.size()) + "\r\n";
  for (const std::string& argument : request) {
    text += "$" + std::to_string(argument.size()) + "\r\n" + argument + "\r\n";
  }
  return text;
}

TEST_CASE("Requests come out however they are cut") {
  const std::vector<Request> sent = {
      {"PING"},
      {"SET", "key", std::string("a\r\n\0b", 5)},
      {""},
      {"MSET", "", "", std::string(100, 'k'), std::string(1234, 'v')},
      Request(30, "many"),
      {"GET", "$3\r\nfoo\r\n"}};
  std::string input;
  for (const Request& request : sent) input += Encode(request);
  CHECK(Requests(input) == sent);
}

TEST_CASE("Argument and array lengths of every number of digits") {
  for (const size_t size : {0, 9, 10, 99, 100, 999, 1000, 9999, 10000, 99999, 100000, 1000000}) {
    const Request request = {"SET", std::string(size, 'v')};
    const std::string input = Encode(request) + "PING\r\n";
    const std::vector<Request> expected = {request, {"PING"}};
    CHECK(Whole(input).requests == expected);
    for (size_t cut = 0; cut < 40; ++cut) {
      for (const size_t at : {cut, input.size() - cut}) {
        if (at > input.size()) continue;
        Feeder feeder;
        feeder.Feed(std::string_view(input).substr(0, at));
        feeder.Feed(std::string_view(input).substr(at));
        CHECK(feeder.outcome().requests == expected);
      }
    }
  }
  for (const size_t count : {1, 9, 10, 99, 100, 999, 1000, 12345}) {
    const Request request(count, "x");
    const std::string input = Encode(request) + Encode(request);
    const std::vector<Request> expected = {request, request};
    CHECK(Whole(input).requests == expected);
    CHECK(Whole(input + "*").requests == expected);
    for (const size_t cut : {size_t{5}, size_t{6}, size_t{7}, size_t{8}, input.size() / 3}) {
      Feeder feeder;
      feeder.Feed(input.substr(0, cut));
      feeder.Feed(input.substr(cut));
      CHECK(feeder.outcome().requests == expected);
    }
  }
}

TEST_CASE("No byte of a line is looked at twice") {
  // What has been seen is overwritten with a line's end, or a zero byte that would hide the rest.
  RequestParser parser;
  std::vector<std::string_view> argv;
  UnquotedWords unquoted;
  const RequestLimits limits;
  std::string line = "PING\r\n";
  CHECK(parser.Parse(line.data(), line.data() + 3, argv, unquoted, limits).status ==
        ParseStatus::kPartial);
  line.replace(0, 3, "\n\n\n");
  CHECK(parser.Parse(line.data(), line.data() + 6, argv, unquoted, limits).consumed == 6);
  CHECK(argv == std::vector<std::string_view>{"G"});

  for (std::string header : {"*123\r\n", "*1\r\n$123\r\n"}) {
    const size_t digit = header.size() - 4;
    CHECK(parser.Parse(header.data(), header.data() + digit + 1, argv, unquoted, limits).status ==
          ParseStatus::kPartial);
    header[digit] = '\0';
    CHECK(
        parser.Parse(header.data(), header.data() + header.size(), argv, unquoted, limits).status ==
        ParseStatus::kError);
    parser.Reset();
  }
}

TEST_CASE("Empty arrays and empty lines are passed over") {
  const std::vector<Request> ping = {{"PING"}};
  CHECK(Requests("*0\r\n*1\r\n$4\r\nPING\r\n") == ping);
  CHECK(Requests("*-1\r\n\r\n\n  \r\n*-9223372036854775808\r\n*0\r\nPING\r\n") == ping);
  CHECK(Requests("\r\n\r\n").empty());
  Feeder feeder;
  feeder.Feed("\r\n*0\r\n\n*");
  CHECK(feeder.pending() == 1);
}

// Facts about Redis 7.0, found by asking it.
TEST_CASE("Bytes that Redis does not look at are not looked at") {
  const std::vector<Request> ping = {{"PING"}};
  CHECK(Requests("*1\rX$4\rYPINGxx") == ping);
  CHECK(Requests("*1\r\n$4\r\nPINGxx*1\r\n$4\r\nPING\r\n") ==
        std::vector<Request>{{"PING"}, {"PING"}});
  CHECK(Requests("*1\r\n$4\r\nPING\r").empty());
}

TEST_CASE("Inline requests") {
  CHECK(Requests("PING\n") == std::vector<Request>{{"PING"}});
  CHECK(Requests("PING\r\r\n") == std::vector<Request>{{"PING"}});
  CHECK(Requests("  set k\t\"a \\x41\\n\" 'it\\'s'\r\nget k\r\n") ==
        std::vector<Request>{{"set", "k", "a A\n", "it's"}, {"get", "k"}});
  CHECK(Requests("\"\"\r\n") == std::vector<Request>{{""}});
  CHECK(Requests("a*b $c\r\n$1\r\n") == std::vector<Request>{{"a*b", "$c"}, {"$1"}});
  CHECK(Requests("GET k\r\n*1\r\n$4\r\nPING\r\nGET j\n") ==
        std::vector<Request>{{"GET", "k"}, {"PING"}, {"GET", "j"}});
  CHECK(Requests("PING").empty());
  CHECK(Requests("PING\r").empty());
}

TEST_CASE("Each malformed request gets Redis's words") {
  const std::string count = "ERR Protocol error: invalid multibulk length";
  for (const char* input :
       {"*foo\r\n", "*\r\n", "*01\r\n", "*-0\r\n", "* 1\r\n", "*+1\r\n", "*1 \r\n",
        "*2147483648\r\n", "*9223372036854775808\r\n", "*1\n$4\nPING\n\r\n", "*0x1\r\n",
        "*1234567890123456789012\r\n", "*4294967297\r\n$1\r\na\r\n"}) {
    INFO(input);
    CHECK(ErrorOf(input) == count);
  }
  const std::string bulk = "ERR Protocol error: invalid bulk length";
  for (const char* input :
       {"*1\r\n$\r\n", "*1\r\n$-1\r\n", "*1\r\n$04\r\nPING\r\n", "*1\r\n$536870913\r\n",
        "*1\r\n$a\r\n\r\n", "*2\r\n$3\r\nGET\r\n$-2\r\n", "*2\r\n$3\r\nGET\r\n$+2\r\n",
        "*1\r\n$99999999999999999999\r\n", "*1\r\n$1x\r\n", "*1\r\n$12x\r\n", "*1\r\n$00\r\n",
        "*1\r\n$4294967297\r\na\r\n"}) {
    INFO(input);
    CHECK(ErrorOf(input) == bulk);
  }
  CHECK(ErrorOf("*1\r\nfoo\r\n") == "ERR Protocol error: expected '$', got 'f'");
  CHECK(ErrorOf("*1\r\n:4\r\n") == "ERR Protocol error: expected '$', got ':'");
  CHECK(ErrorOf("*1\r\n\r\n") == "ERR Protocol error: expected '$', got '\r'");
  CHECK(ErrorOf("*1\r\n\x80\r\n") == "ERR Protocol error: expected '$', got '\x80'");
  CHECK(ErrorOf("*2\r\n$1\r\na\r\n*1\r\n") == "ERR Protocol error: expected '$', got '*'");
  for (const char* input : {"'PING'x\r\n", "\"PI\r\n", "a \"\\\r\n", "x 'y\n"}) {
    CHECK(ErrorOf(input) == "ERR Protocol error: unbalanced quotes in request");
  }
}

TEST_CASE("What is merely incomplete is not an error") {
  for (const char* input :
       {"*", "*1", "*1\r", "*x", "*1\r\n", "*1\r\nfoo", "*1\r\n$", "*1\r\n$4\r", "*1\r\n$-1",
        "*1\r\n$4\r\nPI", "*2147483647\r\n", "*1\r\n$536870912\r\n", "\"abc", "echo \"\\"}) {
    INFO(input);
    CHECK(Requests(input).empty());
  }
}

TEST_CASE("A request before a malformed one is not lost") {
  const Outcome outcome = AnyCut("*1\r\n$4\r\nPING\r\nECHO a\r\n*1\r\n$-1\r\n*1\r\n$4\r\nPING\r\n");
  CHECK(outcome.requests == std::vector<Request>{{"PING"}, {"ECHO", "a"}});
  CHECK(outcome.error == "ERR Protocol error: invalid bulk length");
}

TEST_CASE("A parser that failed stays so until it is reset") {
  RequestParser parser;
  std::vector<std::string_view> argv;
  UnquotedWords unquoted;
  std::string bad = "*x\r\n";
  std::string good = "*1\r\n$4\r\nPING\r\n";
  const RequestLimits limits;
  const auto parse = [&](std::string& text) {
    return parser.Parse(text.data(), text.data() + text.size(), argv, unquoted, limits).status;
  };
  CHECK(parse(bad) == ParseStatus::kError);
  CHECK(parse(good) == ParseStatus::kError);
  CHECK(parser.error() == "ERR Protocol error: invalid multibulk length");
  parser.Reset();
  CHECK(parse(good) == ParseStatus::kRequest);
  std::string half = "*2\r\n$4\r\nPING\r\n";
  CHECK(parse(half) == ParseStatus::kPartial);
  CHECK(parser.in_request());
  parser.Reset();
  CHECK_FALSE(parser.in_request());
  CHECK(parse(good) == ParseStatus::kRequest);
}

TEST_CASE("Lines that are too long") {
  const RequestLimits limits = {.line_bytes_max = 20};
  const auto error = [&](std::string_view input) { return ErrorOf(input, limits); };
  const std::string digits(30, '1');
  CHECK(error(std::string(21, 'a')) == "ERR Protocol error: too big inline request");
  CHECK(error(std::string(21, 'a') + "\r\n") == "ERR Protocol error: too big inline request");
  CHECK(AnyCut(std::string(20, 'a') + "\n", limits).requests.size() == 1);
  CHECK(AnyCut(std::string(19, 'a') + "\r\n", limits).requests.size() == 1);
  CHECK(error("*" + digits) == "ERR Protocol error: too big mbulk count string");
  CHECK(error("*" + digits + "\r\n") == "ERR Protocol error: too big mbulk count string");
  CHECK(error("*1\r\n$" + digits) == "ERR Protocol error: too big bulk count string");
  CHECK(error("*1\r\n" + digits + "\r\n") == "ERR Protocol error: too big bulk count string");
  CHECK(error("*2\r\n$15\r\n123456789012345\r\n" + digits) ==
        "ERR Protocol error: too big bulk count string");
  CHECK(Whole(std::string(65536, 'a') + "\n").requests.size() == 1);
  CHECK(Whole(std::string(65537, 'a') + "\n").error ==
        "ERR Protocol error: too big inline request");
}

TEST_CASE("A zero byte in a line hides what follows until the line is too long") {
  const RequestLimits limits = {.line_bytes_max = 20};
  const auto input = [](const char* text, size_t size) { return std::string(text, size); };
  CHECK(AnyCut(input("PI\0NG\r\n", 7)) == Outcome{});
  CHECK(AnyCut(input("*1\0\r\n$4\r\nPING\r\n", 15)) == Outcome{});
  CHECK(AnyCut(input("*1\r\n\0$4\r\nPING\r\n", 15)) == Outcome{});
  CHECK(AnyCut(input("*1\r\n$4\0\r\nPING\r\n", 15)) == Outcome{});
  const std::string more(20, '\n');
  CHECK(ErrorOf(input("\0", 1) + more, limits) == "ERR Protocol error: too big inline request");
  CHECK(ErrorOf(input("*\0", 2) + more, limits) ==
        "ERR Protocol error: too big mbulk count string");
  CHECK(ErrorOf(input("*1\r\n$\0", 6) + more, limits) ==
        "ERR Protocol error: too big bulk count string");
}

TEST_CASE("Limits are the caller's") {
  const RequestLimits limits = {.bulk_bytes_max = 50, .arguments_max = 3};
  CHECK(ErrorOf("*4\r\n", limits) == "ERR Protocol error: invalid multibulk length");
  CHECK(ErrorOf("*1\r\n$51\r\n", limits) == "ERR Protocol error: invalid bulk length");
  CHECK(ErrorOf(Encode(Request(4, "x")), limits) == "ERR Protocol error: invalid multibulk length");
  CHECK(ErrorOf(Encode({std::string(51, 'x')}), limits) ==
        "ERR Protocol error: invalid bulk length");
  CHECK(AnyCut(Encode({"a", "b", std::string(50, 'c')}), limits).requests.size() == 1);
  const RequestLimits unlimited = {.bulk_bytes_max = INT64_MAX};
  CHECK(AnyCut("*1\r\n$9223372036854775807\r\nx", unlimited) == Outcome{});
}

TEST_CASE("Before authentication the limits are small") {
  const RequestLimits limits = {.authenticated = false};
  CHECK(ErrorOf("*11\r\n", limits) == "ERR Protocol error: unauthenticated multibulk length");
  CHECK(ErrorOf("*2147483648\r\n", limits) == "ERR Protocol error: invalid multibulk length");
  CHECK(ErrorOf("*1\r\n$16385\r\n", limits) == "ERR Protocol error: unauthenticated bulk length");
  CHECK(ErrorOf("*1\r\n$536870913\r\n", limits) == "ERR Protocol error: invalid bulk length");
  CHECK(AnyCut(Encode(Request(10, "x")), limits).requests.size() == 1);
  CHECK(Whole(Encode({std::string(16384, 'x')}), limits).requests.size() == 1);
  CHECK(AnyCut("a b c d e f g h i j k l\r\n", limits).requests[0].size() == 12);
}

TEST_CASE("A big argument says how much room it needs") {
  Feeder feeder;
  feeder.Feed("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100000000\r\nvvvv");
  const size_t before = 4 + 9 + 7 + 12;
  CHECK(feeder.parser().bytes_needed() == before + 100000000 + 2);
  CHECK(feeder.parser().in_request());
  feeder.Feed("vvvv");
  CHECK(feeder.parser().bytes_needed() == before + 100000000 + 2);

  Feeder line;
  line.Feed("PIN");
  CHECK(line.parser().bytes_needed() == 4);
  line.Feed("G\r\n*1\r\n$4\r\nPING\r");
  CHECK(line.parser().bytes_needed() == 14);
}

TEST_CASE("A giant argument arrives whole") {
  const Request request = {"SET", "k", std::string(40'000'000, 'g'), "EX", "10"};
  const std::string input = Encode(request);
  RequestParser parser;
  std::vector<std::string_view> argv;
  UnquotedWords unquoted;
  std::vector<char> block(input.begin(), input.end());
  const RequestLimits limits;
  size_t calls = 0;
  for (size_t got = 10; got < input.size(); got = std::max(got + 1, parser.bytes_needed() - 1)) {
    REQUIRE(parser.Parse(block.data(), block.data() + got, argv, unquoted, limits).status ==
            ParseStatus::kPartial);
    REQUIRE(parser.bytes_needed() <= input.size());
    ++calls;
  }
  CHECK(calls < 100);
  const ParseResult result =
      parser.Parse(block.data(), block.data() + block.size(), argv, unquoted, limits);
  CHECK(result.status == ParseStatus::kRequest);
  CHECK(result.consumed == input.size());
  CHECK(std::equal(argv.begin(), argv.end(), request.begin(), request.end()));
}

TEST_CASE("A table for many arguments is given back") {
  const Request request(5000, "x");
  const std::string input = Encode(request);
  Feeder feeder;
  feeder.Feed(input.substr(0, input.size() - 1));
  CHECK(feeder.parser().memory_used() >= 5000 * sizeof(size_t));
  feeder.Feed(input.substr(input.size() - 1));
  CHECK(feeder.outcome().requests.size() == 1);
  CHECK(feeder.parser().memory_used() < 2048);
}

// Input that a mutation has damaged somewhere, cut anywhere.
std::string RandomInput(Random& random) {
  std::string input;
  for (uint64_t n = 1 + random.Below(6); n > 0; --n) {
    if (random.OneIn(3)) {
      for (uint64_t words = random.Below(5); words > 0; --words) {
        const char* word[] = {"set ", "'a b' ", "\"\\x41\\n\" ", "\t", "k"};
        input += word[random.Below(5)];
      }
      input += random.OneIn(2) ? "\r\n" : "\n";
      continue;
    }
    Request request;
    for (uint64_t count = random.Below(5); count > 0; --count) {
      request.emplace_back(random.Below(random.OneIn(10) ? 2000 : 20), 'v');
    }
    input += Encode(request);
  }
  for (uint64_t damage = random.Below(3); damage > 0 && !input.empty(); --damage) {
    const size_t at = random.Below(input.size());
    const char bytes[] = {'\r', '\n', '\0', '*', '$', '-', '1', '9', '"', 'x'};
    if (random.OneIn(3)) {
      input.erase(at, 1);
    } else {
      input[at] = bytes[random.Below(sizeof bytes)];
    }
  }
  return input;
}

TEST_CASE("Random input gives the same however it is cut") {
  WITH_TEST_SEED(seed);
  Random random(seed);
  for (int round = 0; round < 20000; ++round) {
    const std::string input = RandomInput(random);
    const RequestLimits limits = {.bulk_bytes_max = 1500,
                                  .line_bytes_max = 10 + random.Below(100),
                                  .authenticated = !random.OneIn(4),
                                  .unauthenticated_arguments_max = 3,
                                  .unauthenticated_bulk_bytes_max = 15};
    const Outcome whole = Whole(input, limits);
    Feeder feeder(limits);
    for (size_t at = 0; at < input.size();) {
      const size_t step = 1 + random.Below(random.OneIn(2) ? 3 : 100);
      feeder.Feed(std::string_view(input).substr(at, step));
      at += step;
    }
    if (feeder.outcome() != whole) {
      INFO("round " << round << ", input " << Catch::StringMaker<std::string>::convert(input));
      CHECK(feeder.outcome().requests == whole.requests);
      CHECK(feeder.outcome().error == whole.error);
      FAIL("cuts matter");
    }
  }
}

}  // namespace
}  // namespace alai
