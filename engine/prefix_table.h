// Which of many prefixes a key begins with: the longest one.
//
// The prefixes are kept in their order as byte strings, each with the longest other prefix that it itself
// begins with. The last prefix that does not come behind the key is the answer, or begins with it: all
// prefixes of the key stand on the way up from there.
//
//   score:  <- score:42:  <- score:42:x      "score:42:abc" comes behind the second and before the
//   session:                                 third; so score:42:, and above it score:
//
// The first byte narrows the search down to a few entries, and the first eight bytes of all are compared
// as one number.
//
// Threads     Immutable, so any.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace alai {

class PrefixTable {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  PrefixTable() : PrefixTable(std::vector<std::string>()) {}
  // The prefixes differ from one another; an empty one begins every key.
  explicit PrefixTable(const std::vector<std::string>& prefixes);

  // Index among the prefixes as they were given, or kNone.
  uint32_t LongestMatch(std::string_view key) const;
  // The next shorter prefix of whatever begins with this one, or kNone.
  uint32_t Shorter(uint32_t prefix) const { return shorter_[prefix]; }

 private:
  struct Entry {
    uint64_t head;  // the first eight bytes, the first one highest, zeros behind the end
    uint64_t mask;  // of the bytes of `head` that belong to the prefix
    std::string prefix;
    uint32_t index;   // as given
    uint32_t parent;  // entry of the next shorter prefix, or kNone
  };

  static uint64_t Head(std::string_view bytes);
  static bool Begins(const Entry& entry, std::string_view key, uint64_t head);

  std::vector<Entry> entries_;
  std::vector<uint32_t> shorter_;
  std::array<uint16_t, 257>
      first_{};             // of the entries that begin with a byte, and one behind the last
  uint32_t empty_ = kNone;  // entry of the empty prefix
};

}  // namespace alai
