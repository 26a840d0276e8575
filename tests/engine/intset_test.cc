// Intsets against a std::set, against the bytes that Redis writes, and against damaged bytes.
#include "engine/containers/intset.h"

#include <cstring>
#include <iterator>
#include <memory>
#include <set>
#include <string>

#include "engine/base/random.h"
#include "tests/catch.h"

namespace alai {
namespace {

std::string PackedIntegers(std::initializer_list<int64_t> values) {
  IntsetBuffer buffer;
  for (const int64_t value : values) buffer.Add(value);
  return std::string(buffer.get().view());
}

uint32_t WidthNeeded(const std::set<int64_t>& ever) {
  if (ever.empty()) return 2;
  if (*ever.begin() < INT32_MIN || *ever.rbegin() > INT32_MAX) return 8;
  return *ever.begin() < INT16_MIN || *ever.rbegin() > INT16_MAX ? 4 : 2;
}

TEST_CASE("an intset's bytes are those that Redis writes") {
  const auto bytes = [](const char* text, size_t size) { return std::string(text, size); };
  CHECK(PackedIntegers({3, 1, 2}) == bytes("\x02\0\0\0\x03\0\0\0\x01\0\x02\0\x03\0", 14));
  CHECK(PackedIntegers({70'000, -5}) ==
        bytes("\x04\0\0\0\x02\0\0\0\xfb\xff\xff\xff\x70\x11\x01\0", 16));
  CHECK(PackedIntegers({int64_t{1} << 40, 7, -7}) ==
        bytes("\x08\0\0\0\x03\0\0\0\xf9\xff\xff\xff\xff\xff\xff\xff"
              "\x07\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0",
              32));
}

TEST_CASE("an intset agrees with a set, in place and elsewhere") {
  const uint64_t seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  for (int round = 0; round < 60; ++round) {
    IntsetBuffer buffer;
    std::set<int64_t> model;
    std::set<int64_t> ever;
    const uint64_t bits_max = 1 + random.Below(63);
    for (int step = 0; step < 200; ++step) {
      int64_t value = static_cast<int64_t>(random.Next()) >> (63 - random.Below(bits_max));
      if (random.OneIn(2)) value = static_cast<int64_t>(random.Below(100));
      if (round % 4 == 0 && random.OneIn(50)) value = random.OneIn(2) ? INT64_MIN : INT32_MAX;
      uint32_t index;
      const bool there = buffer.get().Find(value, &index);
      REQUIRE(there == (model.count(value) == 1));
      REQUIRE(index ==
              static_cast<uint32_t>(std::distance(model.begin(), model.lower_bound(value))));
      if (random.OneIn(3)) {
        const size_t bytes = there ? IntsetBytesWithout(buffer.get()) : 0;
        const auto written = std::make_unique<char[]>(bytes);
        if (there) WriteIntsetWithout(buffer.get(), index, written.get());
        REQUIRE(buffer.Remove(value) == there);
        model.erase(value);
        if (there) REQUIRE(buffer.get().view() == std::string_view(written.get(), bytes));
      } else {
        const size_t bytes = there ? 0 : IntsetBytesWith(buffer.get(), value);
        const auto written = std::make_unique<char[]>(bytes);
        if (!there) WriteIntsetWith(buffer.get(), value, written.get());
        REQUIRE(buffer.Add(value) != there);
        model.insert(value);
        ever.insert(value);
        if (!there) REQUIRE(buffer.get().view() == std::string_view(written.get(), bytes));
      }
      REQUIRE(buffer.get().count() == model.size());
      REQUIRE(buffer.get().width() == WidthNeeded(ever));
      REQUIRE(buffer.allocated_bytes() >= (buffer.get().empty() ? 0 : buffer.get().bytes()));
    }
    uint32_t index = 0;
    for (const int64_t value : model) REQUIRE(buffer.get().At(index++) == value);
    REQUIRE(ValidateIntset(buffer.get().view()));
    IntsetBuffer copy(buffer.get());
    REQUIRE(copy.get().view() == buffer.get().view());
    copy.Clear();
    REQUIRE(copy.get().empty());
  }
}

TEST_CASE("any integer of an intset may be sampled") {
  const std::string bytes = PackedIntegers({-70'000, 1, 2, 3, 4});
  const Intset intset(bytes.data());
  Random random(1);
  std::set<int64_t> seen;
  for (int i = 0; i < 500; ++i) seen.insert(intset.Sample(random));
  CHECK(seen == std::set<int64_t>{-70'000, 1, 2, 3, 4});
  CHECK(intset.min() == -70'000);
  CHECK(intset.max() == 4);
}

TEST_CASE("an intset is refused for each of its parts") {
  const std::string good = PackedIntegers({1, 2, 300});
  REQUIRE(ValidateIntset(good));
  REQUIRE(ValidateIntset(std::string_view(kEmptyIntset, kIntsetHeaderBytes)));
  const auto with = [&](size_t at, int byte) {
    std::string bytes = good;
    bytes[at] = static_cast<char>(byte);
    return bytes;
  };
  CHECK_FALSE(ValidateIntset(with(0, 3)));      // a width that there is not
  CHECK_FALSE(ValidateIntset(with(0, 4)));      // one that does not fit the length
  CHECK_FALSE(ValidateIntset(with(4, 4)));      // count
  CHECK_FALSE(ValidateIntset(with(7, 0x80)));   // a count that would overflow
  CHECK_FALSE(ValidateIntset(with(8, 2)));      // a duplicate
  CHECK_FALSE(ValidateIntset(with(8, 3)));      // order
  CHECK_FALSE(ValidateIntset(with(11, 0x7f)));  // order by the upper byte
  for (size_t size = 0; size < good.size(); ++size) {
    REQUIRE_FALSE(ValidateIntset(std::string_view(good).substr(0, size)));
  }
  CHECK_FALSE(ValidateIntset(good + '\0'));
}

}  // namespace
}  // namespace alai
