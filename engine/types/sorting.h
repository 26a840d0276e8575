// What SORT makes of a list, a set or a sorted set: its elements in the order that is asked for.
//
// Elements are compared as numbers or as texts, by themselves or by values that a pattern leads to. Equal
// numbers are told apart by the elements' bytes. Of texts that a pattern leads to, missing ones come first, and
// where they are equal a list keeps its order; members of sets and sorted sets are told apart by their bytes,
// so that the same set always gives the same list.
//
// Elements are referred to where they lie; integers, and what comes from a list, whose nodes may be compressed,
// are copied as texts. With a limit only what it lets through is sorted.
//
// Threads     As for Db: optimistically, or with the key's shard locked; with a pattern that leads to keys
//             with all shards locked.
// Invariants  What is given out is valid as long as the record, its container unchanged, and this object.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "engine/base/result.h"
#include "engine/containers/packed_entry.h"
#include "engine/db.h"
#include "engine/record.h"
#include "engine/types/reference_pattern.h"

namespace alai::sorting {

struct Order {
  // Not sorted: a list or sorted set in its own order, which `descending` turns round; a set in any.
  bool unsorted = false;
  bool descending = false;
  bool alphabetic = false;
  ReferencePattern* by = nullptr;  // what elements are compared by; nullptr: themselves
  // What is kept of the whole: from `offset` on (negative: 0), `count` elements (negative: all).
  int64_t offset = 0;
  int64_t count = -1;
};

class Elements {
 public:
  static bool Accepts(const Record& record) {
    return record.type() == Type::kList || record.type() == Type::kSet ||
           record.type() == Type::kSortedSet;
  }

  Elements() = default;
  Elements(const Elements&) = delete;
  Elements& operator=(const Elements&) = delete;

  // Once: takes the elements of a record, of which there are none without one. kNotFloat: something that is to be
  // compared as a number is none.
  Errc Take(Db& db, const Record* record, const Order& order);

  struct Element {
    std::string_view text;
    double score;     // what a numeric order compares
    uint32_t number;  // as they came
  };
  // In order, and without what the limit leaves out.
  std::span<const Element> sorted() const { return kept_; }

 private:
  // Elements from `first` on, of which there are `count`.
  struct Range {
    size_t first;
    size_t count;
  };

  static Range RangeOf(const Order& order, size_t size);
  void TakeUnsorted(const Record& record, const Order& order);
  void TakeAll(const Record& record);
  // Of what lies where it is; an integer is copied.
  void Add(const PackedValue& value);
  void AddText(std::string_view text);
  std::string_view Keep(const PackedValue& value);
  std::optional<std::string_view> TextOf(const std::optional<PackedValue>& value);

  // Finds what elements are compared by.
  Errc Weigh(Db& db, const Order& order);
  // Sorts what is in the range, so that smaller elements are before it and greater ones behind.
  void Arrange(Range range, const Order& order);
  template <class Compare>
  void Arrange(Range range, bool descending, Compare compare);

  std::pmr::monotonic_buffer_resource copies_;
  std::vector<Element> elements_;
  // By an element's number, of an alphabetic order by a pattern.
  std::vector<std::optional<std::string_view>> weights_;
  std::span<const Element> kept_;
  bool is_list_ = false;
};

}  // namespace alai::sorting
