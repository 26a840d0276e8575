#include "engine/prefix_table.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "engine/base/assert.h"

namespace alai {

// Of short keys byte by byte: a copy of a length that the compiler does not know is a call.
inline uint64_t PrefixTable::Head(std::string_view bytes) {
  uint64_t word = 0;
  if (bytes.size() >= sizeof word) [[likely]] {
    std::memcpy(&word, bytes.data(), sizeof word);
    return std::endian::native == std::endian::little ? __builtin_bswap64(word) : word;
  }
  for (size_t i = 0; i < bytes.size(); ++i) {
    word |= uint64_t{static_cast<uint8_t>(bytes[i])} << (56 - 8 * i);
  }
  return word;
}

PrefixTable::PrefixTable(const std::vector<std::string>& prefixes) : shorter_(prefixes.size()) {
  ASSERT(prefixes.size() < UINT16_MAX);
  for (uint32_t i = 0; i < prefixes.size(); ++i) {
    const size_t bytes = std::min<size_t>(prefixes[i].size(), 8);
    const uint64_t mask = bytes == 0 ? 0 : UINT64_MAX << (64 - 8 * bytes);
    entries_.push_back({Head(prefixes[i]), mask, prefixes[i], i, kNone});
  }
  std::sort(entries_.begin(), entries_.end(),
            [](const Entry& a, const Entry& b) { return a.prefix < b.prefix; });
  std::vector<uint32_t> open;  // the prefixes of the entry before, shortest first
  for (uint32_t i = 0; i < entries_.size(); ++i) {
    Entry& entry = entries_[i];
    while (!open.empty() && !entry.prefix.starts_with(entries_[open.back()].prefix)) {
      open.pop_back();
    }
    entry.parent = open.empty() ? kNone : open.back();
    shorter_[entry.index] = open.empty() ? kNone : entries_[open.back()].index;
    open.push_back(i);
    if (entry.prefix.empty()) {
      empty_ = i;
    } else {
      ++first_[static_cast<uint8_t>(entry.prefix[0]) + 1];
    }
  }
  first_[0] = empty_ == kNone ? 0 : 1;
  for (size_t byte = 1; byte < first_.size(); ++byte) {
    first_[byte] = static_cast<uint16_t>(first_[byte] + first_[byte - 1]);
  }
}

inline bool PrefixTable::Begins(const Entry& entry, std::string_view key, uint64_t head) {
  if (((entry.head ^ head) & entry.mask) != 0 || entry.prefix.size() > key.size()) return false;
  return entry.prefix.size() <= 8 ||
         std::memcmp(entry.prefix.data() + 8, key.data() + 8, entry.prefix.size() - 8) == 0;
}

uint32_t PrefixTable::LongestMatch(std::string_view key) const {
  const auto index_of = [this](uint32_t entry) {
    return entry == kNone ? kNone : entries_[entry].index;
  };
  if (key.empty()) return index_of(empty_);
  const auto byte = static_cast<uint8_t>(key[0]);
  uint32_t first = first_[byte];
  uint32_t count = first_[byte + 1] - first;
  if (count == 0) return index_of(empty_);
  const uint64_t head = Head(key);
  if (count == 1) {
    return Begins(entries_[first], key, head) ? entries_[first].index : index_of(empty_);
  }
  // The first entry behind the key.
  while (count > 0) {
    const uint32_t half = count / 2;
    const Entry& entry = entries_[first + half];
    const bool behind =
        entry.head != head ? entry.head > head : std::string_view(entry.prefix) > key;
    if (behind) {
      count = half;
    } else {
      first += half + 1;
      count -= half + 1;
    }
  }
  if (first == first_[byte]) return index_of(empty_);
  for (uint32_t at = first - 1; at != kNone; at = entries_[at].parent) {
    if (Begins(entries_[at], key, head)) return entries_[at].index;
  }
  return kNone;
}

}  // namespace alai
