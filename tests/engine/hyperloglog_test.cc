// Sketches against a plain array of registers, the format's own rules, and bytes that are no sketch.
#include "engine/hyperloglog.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <string>

#include "engine/base/random.h"
#include "engine/hyperloglog_self_test.h"
#include "tests/catch.h"

namespace alai {
namespace {

using hyperloglog::Place;
using hyperloglog::Raised;
using hyperloglog::Registers;

constexpr uint64_t kSparseBytesMax = 3000;

Registers RegistersOf(std::string_view sketch) {
  Registers registers{};
  REQUIRE(hyperloglog::MergeInto(sketch, &registers));
  return registers;
}

TEST_CASE("Elements are placed as by every other server", "[hyperloglog]") {
  // From sketches that redis-server 7.0 has made of these elements.
  struct Case {
    std::string_view element;
    uint32_t index;
    uint8_t rank;
  };
  const Case cases[] = {
      {"", 5938, 2},          {"a", 12711, 2},
      {"b", 15780, 1},        {"c", 8436, 1},
      {"binary", 2305, 1},    {"12345678", 10579, 3},
      {"123456789", 9293, 2}, {"0123456789abcdef", 5949, 1},
  };
  for (const Case& c : cases) {
    const Place place = hyperloglog::PlaceOf(c.element);
    INFO(c.element << " " << place.index << " " << int{place.rank});
    CHECK(place.index == c.index);
    CHECK(place.rank == c.rank);
  }
}

TEST_CASE("A new sketch is sparse and empty", "[hyperloglog]") {
  const std::string sketch = hyperloglog::NewSketch();
  CHECK(sketch == std::string("HYLL\1\0\0\0\0\0\0\0\0\0\0\0\x7f\xff", 18));
  CHECK(hyperloglog::IsSketch(sketch));
  CHECK_FALSE(hyperloglog::IsDense(sketch));
  CHECK(hyperloglog::KeptCount(sketch) == 0);
  CHECK(hyperloglog::Estimate(sketch) == 0);
  CHECK(hyperloglog::Describe(sketch) == "Z:16384");
}

TEST_CASE("A count is kept until it is forgotten", "[hyperloglog]") {
  std::string sketch = hyperloglog::NewSketch();
  hyperloglog::KeepCount(sketch.data(), 0x123456789a);
  CHECK(sketch.substr(8, 8) == std::string("\x9a\x78\x56\x34\x12\0\0\0", 8));
  CHECK(hyperloglog::KeptCount(sketch) == 0x123456789a);
  hyperloglog::ForgetCount(sketch.data());
  CHECK_FALSE(hyperloglog::KeptCount(sketch).has_value());
  CHECK(sketch[15] == '\x80');
}

TEST_CASE("Runs are split and joined as the format's makers do", "[hyperloglog]") {
  std::string sketch = hyperloglog::NewSketch();
  const auto raise = [&sketch](uint32_t index, uint8_t rank) {
    CHECK(hyperloglog::Raise(&sketch, {index, rank}, kSparseBytesMax) == Raised::kYes);
    return *hyperloglog::Describe(sketch);
  };
  CHECK(raise(100, 3) == "Z:100 v:3,1 Z:16283");
  CHECK(raise(102, 3) == "Z:100 v:3,1 z:1 v:3,1 Z:16281");
  CHECK(raise(101, 3) == "Z:100 v:3,3 Z:16281");
  CHECK(raise(103, 3) == "Z:100 v:3,4 Z:16280");
  CHECK(raise(104, 3) == "Z:100 v:3,4 v:3,1 Z:16279");
  CHECK(raise(101, 4) == "Z:100 v:3,1 v:4,1 v:3,3 Z:16279");
  CHECK(raise(0, 32) == "v:32,1 Z:99 v:3,1 v:4,1 v:3,3 Z:16279");
  CHECK(raise(64, 1) == "v:32,1 z:63 v:1,1 z:35 v:3,1 v:4,1 v:3,3 Z:16279");
  CHECK(raise(16383, 1) == "v:32,1 z:63 v:1,1 z:35 v:3,1 v:4,1 v:3,3 Z:16278 v:1,1");
  CHECK(hyperloglog::Raise(&sketch, {101, 4}, kSparseBytesMax) == Raised::kNo);
  // A rank that runs cannot express, and a string that would become too long.
  std::string dense = sketch;
  CHECK(hyperloglog::Raise(&dense, {5, 33}, kSparseBytesMax) == Raised::kYes);
  CHECK(hyperloglog::IsDense(dense));
  CHECK(hyperloglog::IsSketch(dense));
  CHECK(RegistersOf(dense)[5] == 33);
  CHECK(RegistersOf(dense)[101] == 4);
  const size_t size = sketch.size();
  CHECK(hyperloglog::Raise(&sketch, {103, 5}, size) == Raised::kYes);
  CHECK(hyperloglog::IsDense(sketch));
}

TEST_CASE("Registers of either form are those of an array", "[hyperloglog]") {
  const auto seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  for (const uint64_t bytes_max :
       {uint64_t{0}, uint64_t{200}, kSparseBytesMax, uint64_t{100'000}}) {
    std::string sketch = hyperloglog::NewSketch();
    Registers model{};
    for (int i = 0; i < 6000; ++i) {
      // Close to each other now and then, so that runs meet.
      const auto index =
          static_cast<uint32_t>(random.Below(3) == 0 ? random.Below(300) : random.Below(16384));
      const uint64_t rank_max = random.Below(2000) == 0 ? 51 : 4;
      const Place place{index, static_cast<uint8_t>(1 + random.Below(rank_max))};
      if (bytes_max > kSparseBytesMax && place.rank > 32) continue;
      const Raised expected = model[index] < place.rank ? Raised::kYes : Raised::kNo;
      REQUIRE(hyperloglog::WouldRaise(sketch, place) == expected);
      REQUIRE(hyperloglog::Raise(&sketch, place, bytes_max) == expected);
      model[index] = std::max(model[index], place.rank);
      if (!hyperloglog::IsDense(sketch)) REQUIRE(sketch.size() <= std::max<size_t>(bytes_max, 18));
      if (i % 500 == 0) REQUIRE(RegistersOf(sketch) == model);
    }
    REQUIRE(RegistersOf(sketch) == model);
    REQUIRE(hyperloglog::IsDense(sketch) == (bytes_max <= kSparseBytesMax));
    REQUIRE(hyperloglog::Estimate(sketch) == hyperloglog::Estimate(model));
    std::string dense = sketch;
    REQUIRE(hyperloglog::MakeDense(&dense));
    REQUIRE(RegistersOf(dense) == model);
  }
}

TEST_CASE("Ascending registers lead to the same runs from a remembered position", "[hyperloglog]") {
  const auto seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  for (int round = 0; round < 30; ++round) {
    std::string one = hyperloglog::NewSketch();
    for (uint64_t i = random.Below(50); i > 0; --i) {
      hyperloglog::Raise(&one, {static_cast<uint32_t>(random.Below(2000)), 2}, 100'000);
    }
    std::string other = one;
    hyperloglog::SparsePosition from;
    const uint64_t step_max = 1 + random.Below(100);
    for (auto i = static_cast<uint32_t>(random.Below(9)); i < 2000;
         i += static_cast<uint32_t>(1 + random.Below(step_max))) {
      const Place place{i, static_cast<uint8_t>(1 + random.Below(2))};
      const Raised raised = hyperloglog::Raise(&one, place, 100'000);
      REQUIRE(hyperloglog::Raise(&other, place, 100'000, &from) == raised);
      REQUIRE(one == other);
    }
  }
}

TEST_CASE("Estimates stay within what the number of registers allows", "[hyperloglog]") {
  hyperloglog::SelfTest test;
  for (int i = 0; i < 64 + 1200 && test.Step(); ++i) {
  }
  CHECK(test.failure().empty());
  Registers full;
  full.fill(63);
  CHECK(hyperloglog::Estimate(full) == uint64_t{1} << 63);
}

TEST_CASE("Bytes that are no sketch are told apart by their header", "[hyperloglog]") {
  const std::string sketch = hyperloglog::NewSketch();
  for (size_t size = 0; size < hyperloglog::kHeaderBytes; ++size) {
    CHECK_FALSE(hyperloglog::IsSketch(sketch.substr(0, size)));
  }
  for (size_t at = 0; at < 5; ++at) {
    std::string broken = sketch;
    broken[at] = '\2';
    CHECK_FALSE(hyperloglog::IsSketch(broken));
  }
  std::string dense = sketch;
  REQUIRE(hyperloglog::MakeDense(&dense));
  CHECK(dense.size() == hyperloglog::kDenseBytes);
  CHECK(hyperloglog::IsSketch(dense));
  CHECK_FALSE(hyperloglog::IsSketch(dense + "x"));
  CHECK_FALSE(hyperloglog::IsSketch(dense.substr(1)));
}

// In a block of exactly its size, so that a sanitizer sees every byte too far.
struct ExactBytes {
  explicit ExactBytes(std::string_view from) : size(from.size()), bytes(new char[from.size()]) {
    std::memcpy(bytes.get(), from.data(), size);
  }
  std::string_view view() const { return {bytes.get(), size}; }

  size_t size;
  std::unique_ptr<char[]> bytes;
};

TEST_CASE("Any runs are read to their end and no further", "[hyperloglog]") {
  const auto seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  int corrupt = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string bytes = hyperloglog::NewSketch();
    for (uint64_t i = random.Below(40); i > 0; --i) {
      hyperloglog::Raise(
          &bytes,
          {static_cast<uint32_t>(random.Below(16384)), static_cast<uint8_t>(1 + random.Below(32))},
          kSparseBytesMax);
    }
    for (uint64_t i = random.Below(4); i > 0; --i) {
      const size_t at =
          hyperloglog::kHeaderBytes + random.Below(bytes.size() - hyperloglog::kHeaderBytes + 1);
      if (at < bytes.size() && random.Below(2) == 0) {
        bytes[at] = static_cast<char>(random.Below(256));
      } else if (random.Below(2) == 0) {
        bytes.insert(at, 1 + random.Below(3), static_cast<char>(random.Below(256)));
      } else {
        bytes.resize(at);
      }
      if (bytes.size() == hyperloglog::kHeaderBytes) break;
    }
    const ExactBytes exact(bytes);
    REQUIRE(hyperloglog::IsSketch(exact.view()));
    Registers registers{};
    const bool valid = hyperloglog::MergeInto(exact.view(), &registers);
    if (!valid) ++corrupt;
    REQUIRE(hyperloglog::Estimate(exact.view()).has_value() == valid);
    hyperloglog::Describe(exact.view());
    std::string dense = bytes;
    REQUIRE(hyperloglog::MakeDense(&dense) == valid);
    for (int i = 0; i < 20; ++i) {
      const Place place{static_cast<uint32_t>(random.Below(16384)),
                        static_cast<uint8_t>(1 + random.Below(51))};
      const Raised expected = hyperloglog::WouldRaise(ExactBytes(bytes).view(), place);
      bytes.shrink_to_fit();
      const Raised raised = hyperloglog::Raise(&bytes, place, kSparseBytesMax);
      // Making it dense may find more that is wrong.
      REQUIRE((raised == expected || raised == Raised::kCorrupt));
      if (valid) REQUIRE(raised == expected);
    }
  }
  CHECK(corrupt > 100);
}

}  // namespace
}  // namespace alai
