// Glob matching the slow and obvious way, to compare with: the pattern becomes a list of byte sets
// and stars, and a table says which part of it matches which part of the text.
#pragma once

#include <bitset>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/ascii.h"

namespace alai {

class NaiveGlob {
 public:
  explicit NaiveGlob(std::string_view pattern, bool ignore_case = false) : fold_(ignore_case) {
    while (!pattern.empty()) {
      if (pattern[0] == '*') {
        elements_.push_back({.star = true, .bytes = {}});
        pattern.remove_prefix(1);
      } else if (pattern[0] == '?') {
        elements_.push_back({.star = false, .bytes = Bytes().set()});
        pattern.remove_prefix(1);
      } else if (pattern[0] == '[') {
        pattern.remove_prefix(1);
        elements_.push_back({.star = false, .bytes = TakeClass(&pattern)});
      } else {
        if (pattern[0] == '\\' && pattern.size() > 1) pattern.remove_prefix(1);
        elements_.push_back({.star = false, .bytes = One(pattern[0])});
        pattern.remove_prefix(1);
      }
    }
  }

  bool Matches(std::string_view text) const {
    if (text.empty()) return elements_.empty();
    // matched[t]: the elements so far match the first t bytes.
    std::vector<bool> matched(text.size() + 1);
    matched[0] = true;
    for (const Element& element : elements_) {
      std::vector<bool> next(text.size() + 1);
      for (size_t t = 0; t <= text.size(); ++t) {
        if (element.star) {
          next[t] = matched[t] || (t > 0 && next[t - 1]);
        } else {
          next[t] = t > 0 && matched[t - 1] && element.bytes[Index(text[t - 1])];
        }
      }
      matched = next;
    }
    return matched[text.size()];
  }

 private:
  using Bytes = std::bitset<256>;
  struct Element {
    bool star;
    Bytes bytes;
  };

  static size_t Index(char c) { return static_cast<unsigned char>(c); }

  Bytes One(char c) const {
    Bytes bytes;
    bytes.set(Index(c));
    if (fold_) bytes.set(Index(ToLower(c))).set(Index(ToUpper(c)));
    return bytes;
  }

  Bytes Range(char first, char last) const {
    if (first > last) std::swap(first, last);
    if (fold_) {
      first = ToLower(first);
      last = ToLower(last);
    }
    Bytes bytes;
    for (int c = -128; c < 128; ++c) {
      const char byte = static_cast<char>(c);
      const char folded = fold_ ? ToLower(byte) : byte;
      if (folded >= first && folded <= last) bytes.set(Index(byte));
    }
    return bytes;
  }

  // Takes a class, whose '[' is gone, from the front of the pattern.
  Bytes TakeClass(std::string_view* pattern) const {
    const bool negated = !pattern->empty() && pattern->front() == '^';
    if (negated) pattern->remove_prefix(1);
    Bytes bytes;
    while (!pattern->empty() && pattern->front() != ']') {
      const std::string_view p = *pattern;
      size_t taken = 1;
      if (p.size() >= 2 && p[0] == '\\') {
        bytes.set(Index(p[1]));
        taken = 2;
      } else if (p.size() >= 3 && p[1] == '-') {
        bytes |= Range(p[0], p[2]);
        taken = 3;
      } else {
        bytes |= One(p[0]);
      }
      pattern->remove_prefix(taken);
    }
    if (!pattern->empty()) pattern->remove_prefix(1);
    return negated ? ~bytes : bytes;
  }

  const bool fold_;
  std::vector<Element> elements_;
};

}  // namespace alai
