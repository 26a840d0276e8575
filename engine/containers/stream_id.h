// The id of a stream's entry: milliseconds of the wall clock and a number within them, ordered as pairs.
//
// Threads     Plain values.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace alai {

struct StreamId {
  uint64_t ms = 0;
  uint64_t seq = 0;

  // clang-tidy 14 takes the operator's own comparison with 0 for one with a pointer.
  friend auto operator<=>(const StreamId&,
                          const StreamId&) = default;  // NOLINT(modernize-use-nullptr)

  static constexpr StreamId Min() { return {0, 0}; }
  static constexpr StreamId Max() { return {UINT64_MAX, UINT64_MAX}; }

  bool IsZero() const { return ms == 0 && seq == 0; }

  // The neighbour above or below; nothing beyond Max() or Min().
  std::optional<StreamId> Next() const;
  std::optional<StreamId> Previous() const;

  // Reads "<ms>-<seq>", or "<ms>" alone, to which `missing_seq` is added; "-", "+", "*" and "(" are the
  // commands' to understand. Like a stock server, takes numbers with leading spaces, a plus sign and
  // leading zeros, and at most kTextBytesMax bytes in all.
  static std::optional<StreamId> Parse(std::string_view text, uint64_t missing_seq);
  static constexpr size_t kTextBytesMax = 127;

  // Writes "<ms>-<seq>" without a terminating zero and returns its length; `out` has room for kCharsMax.
  size_t Format(char* out) const;
  static constexpr size_t kCharsMax = 41;
};

// An id as text.
class StreamIdText {
 public:
  explicit StreamIdText(StreamId id) : size_(id.Format(text_)) {}
  std::string_view view() const { return {text_, size_}; }

 private:
  char text_[StreamId::kCharsMax];
  size_t size_;
};

}  // namespace alai
