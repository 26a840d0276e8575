// Keys that a rule of the origin is about: literal text with typed captures, "memory:{user:int}:{id:uuid}".
//
// A brace that is meant is written twice: "{{" and "}}". A capture reaches up to the first place, one
// character on at least, where the text behind it stands; the last one up to the pattern's end, and a UUID
// has its own length. Nothing is tried twice, so matching takes time in proportion to the key.
//
// Threads     Immutable after Parse(); any thread.
// Invariants  (1) A capture is never empty, and no two stand side by side without text between them.
//             (2) Match() and Build() are each other's inverse: Build(captures of a key) is that key, so
//                 numbers with leading zeros or a plus, and UUIDs in another spelling, do not match.
#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace alai::origin {

enum class CaptureType : uint8_t {
  kInt,     // -2147483648 to 2147483647
  kBigint,  // -9223372036854775808 to 9223372036854775807
  kUuid,    // 36 characters, lower case
  kText,    // anything that is UTF-8 without a zero byte, up to the text that follows
  kSlug,    // letters, digits, '-' and '_'
};

// What a key gives for the captures of its pattern, in their order. Views into the key.
using Captures = std::vector<std::string_view>;

class KeyPattern {
 public:
  struct Capture {
    std::string name;
    CaptureType type;
    std::string text_after;  // up to the next capture or the end
    bool operator==(const Capture&) const = default;
  };

  // At most kCapturesMax captures; the message says what is wrong with the text and where.
  static absl::Status Parse(std::string_view text, KeyPattern* pattern);
  static constexpr size_t kCapturesMax = 8;
  static constexpr size_t kTextBytesMax = 1024;     // of a pattern
  static constexpr size_t kCaptureBytesMax = 4096;  // of what a key holds; longer keys do not match

  // Whether the key is of this pattern; with `captures`, what it holds.
  bool Match(std::string_view key, Captures* captures) const;
  // The key of these captures; false when one of them is not of its type or could not be told apart again.
  bool Build(const std::vector<std::string>& captures, std::string* key) const;

  const std::string& text() const { return text_; }
  const std::string& prefix() const { return prefix_; }  // the text before the first capture
  const std::vector<Capture>& captures() const { return captures_; }

  // Whether both match the same keys, whatever the captures are called.
  bool SameKeys(const KeyPattern& other) const;
  bool operator==(const KeyPattern&) const = default;

 private:
  std::string text_;
  std::string prefix_;
  std::vector<Capture> captures_;
};

// "integer", "bigint", "uuid" or "text": the SQL type a capture is passed as.
std::string_view SqlType(CaptureType type);
// "int", "bigint", "uuid", "text" or "slug", as patterns spell it.
std::string_view CaptureTypeName(CaptureType type);

}  // namespace alai::origin
