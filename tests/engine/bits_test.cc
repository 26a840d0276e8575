// Bits against a model: a vector of bools for every string.
#include "engine/bits.h"

#include <algorithm>
#include <string>
#include <vector>

#include "engine/base/random.h"
#include "engine/bits_count.h"
#include "tests/catch.h"

namespace alai {
namespace {

using bits::Combination;
using Bools = std::vector<bool>;

Bools BoolsOf(std::string_view bytes) {
  Bools bools;
  for (const char c : bytes) {
    for (int i = 7; i >= 0; --i) bools.push_back((static_cast<uint8_t>(c) >> i & 1) != 0);
  }
  return bools;
}

// Random bytes, or long runs of the same, in which scans get far.
std::string RandomBytes(Random& random, size_t size) {
  std::string bytes(size, random.Below(2) == 0 ? '\0' : '\xff');
  if (random.Below(2) == 0) {
    for (char& c : bytes) c = static_cast<char>(random.Below(256));
  } else {
    for (uint64_t i = random.Below(4); i > 0; --i) {
      bytes[random.Below(size)] = static_cast<char>(random.Below(256));
    }
  }
  return bytes;
}

TEST_CASE("Bits are counted and found as one by one", "[bits]") {
  const auto seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  for (int round = 0; round < 3000; ++round) {
    const std::string bytes = RandomBytes(random, 1 + random.Below(round % 10 == 0 ? 400 : 40));
    const Bools bools = BoolsOf(bytes);
    uint64_t first = random.Below(bools.size());
    uint64_t last = random.Below(bools.size());
    if (first > last) std::swap(first, last);
    const auto begin = bools.begin() + static_cast<ptrdiff_t>(first);
    const auto end = bools.begin() + static_cast<ptrdiff_t>(last) + 1;
    REQUIRE(bits::Count(bytes) == static_cast<uint64_t>(std::ranges::count(bools, true)));
    REQUIRE(bits::CountBetween(bytes, first, last) ==
            static_cast<uint64_t>(std::count(begin, end, true)));
    for (const bool value : {false, true}) {
      const auto found = std::find(begin, end, value);
      REQUIRE(bits::Find(bytes, value, first, last) ==
              (found == end ? bits::kNotFound : static_cast<uint64_t>(found - bools.begin())));
    }
    REQUIRE(bits::Get(bytes, first) == bools[first]);
    REQUIRE_FALSE(bits::Get(bytes, bools.size() + random.Below(100)));
  }
}

TEST_CASE("Every way of counting gives the same", "[bits]") {
  const auto seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  for (int round = 0; round < 300; ++round) {
    const std::string bytes = RandomBytes(random, 1 + random.Below(4000));
    const std::string_view unaligned = std::string_view(bytes).substr(random.Below(bytes.size()));
    const Bools bools = BoolsOf(unaligned);
    const auto expected = static_cast<uint64_t>(std::ranges::count(bools, true));
    for (const bits::CountFunction count : bits::CountFunctions()) {
      REQUIRE(count(unaligned) == expected);
    }
  }
}

bool Combined(Combination combination, const std::vector<Bools>& sources, size_t bit) {
  const auto at = [bit](const Bools& source) { return bit < source.size() && source[bit]; };
  const bool first = at(sources.front());
  const auto set = std::ranges::count_if(sources, at);
  const bool others = set > (first ? 1 : 0);
  switch (combination) {
    case Combination::kAnd:
      return set == static_cast<ptrdiff_t>(sources.size());
    case Combination::kOr:
      return set > 0;
    case Combination::kXor:
      return set % 2 == 1;
    case Combination::kNot:
      return !first;
    case Combination::kDiff:
      return first && !others;
    case Combination::kDiff1:
      return !first && others;
    case Combination::kAndOr:
      return first && others;
    case Combination::kOne:
      return set == 1;
  }
  return false;
}

TEST_CASE("Strings of all lengths are combined bit by bit", "[bits]") {
  constexpr Combination kAll[] = {Combination::kAnd,   Combination::kOr,   Combination::kXor,
                                  Combination::kNot,   Combination::kDiff, Combination::kDiff1,
                                  Combination::kAndOr, Combination::kOne};
  const auto seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  for (int round = 0; round < 200; ++round) {
    const uint64_t size_max = round % 20 == 0 ? 10'000 : 100;
    for (const Combination combination : kAll) {
      const size_t count = combination == Combination::kNot ? 1 : 1 + random.Below(4);
      std::vector<std::string> sources;
      std::vector<std::string_view> views;
      std::vector<Bools> bools;
      size_t length = 0;
      for (size_t i = 0; i < count; ++i) {
        const size_t size = random.Below(5) == 0 ? 0 : 1 + random.Below(size_max);
        sources.push_back(size == 0 ? "" : RandomBytes(random, size));
        length = std::max(length, size);
      }
      for (const std::string& source : sources) {
        views.emplace_back(source);
        bools.push_back(BoolsOf(source));
      }
      std::string out(length, 'x');
      bits::Combine(combination, views, out.data(), length);
      const Bools result = BoolsOf(out);
      Bools expected(length * 8);
      for (size_t bit = 0; bit < expected.size(); ++bit) {
        expected[bit] = Combined(combination, bools, bit);
      }
      INFO("combination " << static_cast<int>(combination) << " round " << round);
      REQUIRE(result == expected);
    }
  }
}

TEST_CASE("Fields of any width are read and written anywhere", "[bits]") {
  const auto seed = RandomSeed();
  INFO("seed " << seed);
  Random random(seed);
  for (int round = 0; round < 20'000; ++round) {
    const std::string before = RandomBytes(random, 1 + random.Below(24));
    Bools bools = BoolsOf(before);
    const int width = 1 + static_cast<int>(random.Below(64));
    const uint64_t offset = random.Below(bools.size() + 20);
    uint64_t expected = 0;
    for (uint64_t bit = offset; bit < offset + static_cast<uint64_t>(width); ++bit) {
      expected = expected << 1 | (bit < bools.size() && bools[bit] ? 1 : 0);
    }
    REQUIRE(bits::ReadField(before, offset, width) == expected);
    if (offset + static_cast<uint64_t>(width) > bools.size()) continue;
    const uint64_t value = random.Next();
    std::string bytes = before;
    bits::WriteField(bytes.data(), offset, width, value);
    for (int i = 0; i < width; ++i) {
      bools[offset + static_cast<uint64_t>(i)] = (value >> (width - 1 - i) & 1) != 0;
    }
    REQUIRE(BoolsOf(bytes) == bools);
  }
}

}  // namespace
}  // namespace alai
