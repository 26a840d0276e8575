// The longest common subsequence of two strings, bit-parallel.
//
// For every prefix of `a` there is a row with one bit for each byte of `b`: set where one byte more
// of `b` makes the common subsequence longer. A row follows from the one before with an addition
// and three logical operations per 64 bits (Hyyro, "Bit-parallel LCS-length computation revisited",
// 2004; his rows are the complement of ours in memory). Rows are all that walking back needs, at a
// bit a cell instead of a number.
//
// Threads     Pure functions.
// Invariants  Among equally long subsequences the one that Redis finds is chosen: walking back from
// the
//             ends, equal bytes are taken, otherwise `b` steps back unless `a` must.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace alai {

// A run of equal bytes: [a, a + length) and [b, b + length).
struct CommonRun {
  uint64_t a;
  uint64_t b;
  uint64_t length;
};

struct CommonSubsequence {
  std::string bytes;
  std::vector<CommonRun> runs;  // last one first
};

uint64_t LongestCommonLength(std::string_view a, std::string_view b);

CommonSubsequence LongestCommonSubsequence(std::string_view a, std::string_view b);

}  // namespace alai
