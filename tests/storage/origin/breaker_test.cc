// The circuit breaker: when the database is left alone, and what it says of that.
#include "storage/origin/breaker.h"

#include "tests/catch.h"

namespace alai::origin {
namespace {

using State = Breaker::State;

TEST_CASE("A breaker tells its state, since when, and when a load may try") {
  constexpr int64_t kOpenFor = 1000;
  constexpr int64_t kTrial = 50;
  Breaker breaker;
  breaker.Begin(10);
  CHECK(breaker.report(20).state == State::kClosed);
  CHECK(breaker.report(20).since_ns == 10);
  CHECK(!breaker.Failed(100, 2, kOpenFor));
  CHECK(breaker.report(100).state == State::kClosed);
  CHECK(breaker.Failed(200, 2, kOpenFor));
  CHECK(breaker.report(200).state == State::kOpen);
  CHECK(breaker.report(200).since_ns == 200);
  CHECK(breaker.report(200).probe_ns == 1200);
  CHECK(!breaker.Admits(1199, kTrial));
  // Nobody has asked yet.
  CHECK(breaker.report(1200).state == State::kHalfOpen);
  CHECK(breaker.Admits(1200, kTrial));
  CHECK(breaker.report(1210).state == State::kHalfOpen);
  CHECK(breaker.report(1210).probe_ns == 1250);
  CHECK(!breaker.Admits(1210, kTrial));
  CHECK(!breaker.Failed(1240, 2, kOpenFor));
  CHECK(breaker.report(1240).state == State::kOpen);
  CHECK(breaker.report(1240).since_ns == 200);
  CHECK(breaker.report(1240).probe_ns == 3240);
  CHECK(breaker.Admits(3240, kTrial));
  CHECK(breaker.Succeeded(3250));
  CHECK(breaker.report(3300).state == State::kClosed);
  CHECK(breaker.report(3300).since_ns == 3250);
  CHECK(breaker.report(3300).probe_ns == 0);
  CHECK(!breaker.Succeeded(3400));
  CHECK(breaker.report(3400).since_ns == 3250);
}

}  // namespace
}  // namespace alai::origin
