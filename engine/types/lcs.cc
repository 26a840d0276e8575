#include "engine/types/lcs.h"

#include <array>
#include <bit>
#include <cstring>
#include <memory>

namespace alai {
namespace {

constexpr size_t kWordBits = 64;

// Where each byte that occurs in `a` stands in `b`, a bit for each place.
class Places {
 public:
  Places(std::string_view a, std::string_view b) : words_((b.size() + kWordBits - 1) / kWordBits) {
    row_of_.fill(kNone);
    uint32_t rows = 1;  // row 0 stays empty: bytes of `b` that are not in `a` are not looked up
    for (const char c : a) {
      uint32_t& row = row_of_[static_cast<unsigned char>(c)];
      if (row == kNone) row = rows++;
    }
    bits_.resize(rows * words_);
    for (size_t i = 0; i < b.size(); ++i) {
      const uint32_t row = row_of_[static_cast<unsigned char>(b[i])];
      if (row != kNone) bits_[row * words_ + i / kWordBits] |= uint64_t{1} << i % kWordBits;
    }
  }

  size_t words() const { return words_; }
  const uint64_t* Of(char c) const {
    return bits_.data() + row_of_[static_cast<unsigned char>(c)] * words_;
  }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;

  size_t words_;
  std::array<uint32_t, 256> row_of_;
  std::vector<uint64_t> bits_;
};

// Turns the row of a prefix of `a` into that of the prefix one byte longer. Rows here are
// complemented: a zero bit is where the subsequence grows.
void NextRow(const uint64_t* places, size_t words, uint64_t* row) {
  uint64_t carry = 0;
  for (size_t w = 0; w < words; ++w) {
    const uint64_t old = row[w];
    const uint64_t match = old & places[w];
    uint64_t sum;
    uint64_t carry_out = __builtin_add_overflow(old, match, &sum) ? 1 : 0;
    carry_out |= __builtin_add_overflow(sum, carry, &sum) ? 1 : 0;
    row[w] = sum | (old & ~places[w]);
    carry = carry_out;
  }
}

// Bits beyond the end of `b` never match, so they stay ones.
uint64_t CountZeros(const std::vector<uint64_t>& row) {
  uint64_t zeros = 0;
  for (const uint64_t word : row) zeros += static_cast<uint64_t>(std::popcount(~word));
  return zeros;
}

}  // namespace

uint64_t LongestCommonLength(std::string_view a, std::string_view b) {
  if (a.empty() || b.empty()) return 0;
  const Places places(a, b);
  std::vector<uint64_t> row(places.words(), ~uint64_t{0});
  for (const char c : a) NextRow(places.Of(c), places.words(), row.data());
  return CountZeros(row);
}

CommonSubsequence LongestCommonSubsequence(std::string_view a, std::string_view b) {
  CommonSubsequence result;
  if (a.empty() || b.empty()) return result;
  const Places places(a, b);
  std::vector<uint64_t> row(places.words(), ~uint64_t{0});
  const size_t stride = (b.size() + 7) / 8;
  const auto rows = std::make_unique_for_overwrite<unsigned char[]>(a.size() * stride);
  for (size_t i = 0; i < a.size(); ++i) {
    NextRow(places.Of(a[i]), places.words(), row.data());
    std::memcpy(rows.get() + i * stride, row.data(), stride);
  }

  const uint64_t length = CountZeros(row);
  result.bytes.resize(length);
  uint64_t left = length;
  for (size_t i = a.size(), j = b.size(); i > 0 && j > 0;) {
    if (a[i - 1] == b[j - 1]) {
      --i;
      --j;
      result.bytes[--left] = a[i];
      if (!result.runs.empty() && result.runs.back().a == i + 1 && result.runs.back().b == j + 1) {
        result.runs.back() = {i, j, result.runs.back().length + 1};
      } else {
        result.runs.push_back({i, j, 1});
      }
      continue;
    }
    const unsigned char bits = rows[(i - 1) * stride + (j - 1) / 8];
    const bool grows_with_b = (bits >> (j - 1) % 8 & 1) == 0;
    if (grows_with_b) {
      --i;
    } else {
      --j;
    }
  }
  return result;
}

}  // namespace alai
