// Notifications of changes: what is written is read, and nothing else is.
#include "storage/origin/change_notice.h"

#include "engine/base/random.h"
#include "tests/catch.h"
#include "tests/protocol/seeded.h"

namespace alai::origin {
namespace {

bool Parses(std::string_view payload) {
  ChangeNotice notice;
  notice.rule = "as before";
  const bool good = ParseChangeNotice(payload, &notice);
  CHECK((good || notice.rule == "as before"));
  // What is read is written the same way.
  if (good) CHECK(ChangeNoticeText(notice) == payload);
  return good;
}

TEST_CASE("A notice is a name, the captures with their lengths, and a time") {
  ChangeNotice notice;
  REQUIRE(ParseChangeNotice("umem 2:42 3:a b @1764432000123", &notice));
  CHECK(notice == ChangeNotice{"umem", false, {"42", "a b"}, 1764432000123});
  REQUIRE(ParseChangeNotice("umem 0: 4: @1 ", &notice));
  CHECK(notice == ChangeNotice{"umem", false, {"", " @1 "}, -1});
  REQUIRE(ParseChangeNotice("umem *", &notice));
  CHECK(notice == ChangeNotice{"umem", true, {}, -1});
  REQUIRE(ParseChangeNotice("umem * @0", &notice));
  CHECK(notice == ChangeNotice{"umem", true, {}, 0});
  CHECK(ChangeNoticeText({"r", false, {"1", "x:y"}, 5}) == "r 1:1 3:x:y @5");
  CHECK(ChangeNoticeText({"r", true, {}, -1}) == "r *");
}

TEST_CASE("Anything else is refused") {
  for (const char* payload : {"",
                              " ",
                              "r",
                              "r ",
                              " 1:a",
                              "r 1:",
                              "r 2:a",
                              "r 1:a ",
                              "r 1:ab",
                              "r 1:a b",
                              "r 1:a @",
                              "r 1:a @x",
                              "r 1:a @1 ",
                              "r 1:a @1 1:b",
                              "r 1:a @-1",
                              "r 1:a @01",
                              "r 1:a @9223372036854775808",
                              "r @1",
                              "r **",
                              "r * *",
                              "r * 1:a",
                              "r 1:a *",
                              "r *x",
                              "r -1:a",
                              "r +1:a",
                              "r 01:a",
                              "r 1 :a",
                              "r :a",
                              "r a:1",
                              "r 18446744073709551615:a",
                              "r 18446744073709551616:a",
                              "r  1:a",
                              "r 1:a 1:b 1:c 1:d 1:e 1:f 1:g 1:h 1:i"}) {
    INFO(payload);
    CHECK_FALSE(Parses(payload));
  }
  CHECK(Parses("r 1:a 1:b 1:c 1:d 1:e 1:f 1:g 1:h"));
  CHECK(Parses("r 31990:" + std::string(31990, 'x')));
  CHECK_FALSE(Parses("r 31995:" + std::string(31995, 'x')));
}

TEST_CASE("Random notices are read as they were, and damaged ones do no harm") {
  WITH_TEST_SEED(seed);
  Random random(seed);
  for (int round = 0; round < 2000; ++round) {
    ChangeNotice notice;
    notice.rule = "rule" + std::to_string(random.Below(10));
    notice.all = random.Below(10) == 0;
    for (uint64_t n = notice.all ? 0 : 1 + random.Below(KeyPattern::kCapturesMax); n > 0; --n) {
      std::string capture;
      for (uint64_t bytes = random.Below(20); bytes > 0; --bytes)
        capture += " :@*19a"[random.Below(7)];
      notice.key.push_back(capture);
    }
    if (random.Below(2) == 0) notice.sent_ms = static_cast<int64_t>(random.Below(1'000'000));
    std::string payload = ChangeNoticeText(notice);
    ChangeNotice again;
    REQUIRE(ParseChangeNotice(payload, &again));
    REQUIRE(again == notice);
    payload[random.Below(payload.size())] = " :@*19a"[random.Below(7)];
    Parses(payload);
    Parses(payload.substr(0, random.Below(payload.size())));
  }
}

}  // namespace
}  // namespace alai::origin
