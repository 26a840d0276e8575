// Scores and members of many kinds, for the tests of sorted sets.
#pragma once

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "engine/base/random.h"

namespace alai {

enum class Scores { kFew, kSame, kIntegers, kWide, kReal, kEdges };

constexpr Scores kAllScores[] = {Scores::kFew,  Scores::kSame, Scores::kIntegers,
                                 Scores::kWide, Scores::kReal, Scores::kEdges};

inline double ScoreOf(Scores kind, Random& random) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  constexpr double kEdges[] = {0.0,     -0.0,      kInfinity, -kInfinity, 0x1p53,  -0x1p53,
                               0x1p54,  1.0,       -1.0,      0.5,        -0.5,    65535.0,
                               65536.0, 0x1p32,    1e-320,    1e308,      -1e308,  0x1p53 - 1,
                               0x1p52,  0.5 + 1e9, 0x1p31,    1e17,       -0x1p40, 2.5};
  switch (kind) {
    case Scores::kFew:
      return static_cast<double>(random.Below(4));
    case Scores::kSame:
      return 7;
    case Scores::kIntegers:
      return static_cast<double>(random.Between(-100'000, 100'000));
    case Scores::kWide:
      return static_cast<double>(random.Between(-(int64_t{1} << 53), int64_t{1} << 53));
    case Scores::kReal:
      return std::ldexp(random.NextDouble() - 0.5, static_cast<int>(random.Below(40)));
    case Scores::kEdges:
      return kEdges[random.Below(std::size(kEdges))];
  }
  return 0;
}

enum class Members { kNumbered, kBytes, kLong };

constexpr Members kAllMembers[] = {Members::kNumbered, Members::kBytes, Members::kLong};

// One of about `kinds` members, which begin alike, are any bytes, or are about as long as fits a node or longer.
inline std::string MemberOf(Members kind, uint64_t kinds, Random& random) {
  const uint64_t number = random.Below(kinds);
  switch (kind) {
    case Members::kNumbered:
      return "member:" + std::to_string(number);
    case Members::kBytes: {
      Random bytes(number);
      std::string member(bytes.Below(20), '\0');
      for (char& c : member) c = static_cast<char>(bytes.Below(4) * 85);
      return member;
    }
    case Members::kLong: {
      Random bytes(number);
      const uint64_t lengths[] = {0, 1, 200, 253, 254, 255, 256, 300, bytes.Below(3'000)};
      std::string member(lengths[bytes.Below(std::size(lengths))], 'x');
      if (bytes.OneIn(100)) member.resize(100'000, 'x');
      // What differs is at the end.
      return bytes.OneIn(4) ? member : member + std::to_string(number);
    }
  }
  return {};
}

}  // namespace alai
