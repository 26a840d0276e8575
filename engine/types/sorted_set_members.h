// A look at the members of a sorted set, whichever form it has.
//
//   listpack    in the record: member, score, member, score ..., in order. A score is an integer if it is one
//               and below 2^62 or so, else the shortest text that reads back as the same number.
//   SortedSet   in a SortedSetContainer
//
// Members are given out as the listpack has them, as integers or text, so that nothing is copied or formatted
// before a reply is.
//
// Threads     As the record: a listpack may be read without a lock, a container under its shard's.
// Invariants  What is given out is valid as long as the record, and of a container until it changes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <unordered_set>

#include "engine/base/random.h"
#include "engine/containers/container.h"
#include "engine/containers/listpack.h"
#include "engine/containers/sorted_set.h"
#include "engine/record.h"

namespace alai::sorted_sets {

class SortedSetContainer final : public Container {
 public:
  SortedSet& set() { return set_; }
  const SortedSet& set() const { return set_; }

  size_t allocated_bytes() const override { return sizeof(*this) + set_.allocated_bytes(); }
  uint64_t parts() const override { return set_.size(); }
  void Prefetch(std::span<const std::string_view> members) const override {
    set_.Prefetch(members);
  }
  bool FreeSome(size_t nodes) override { return set_.FreeSome(nodes); }
  std::string_view encoding_name() const override { return "skiplist"; }
  Container* Copy() const override;

 private:
  SortedSet set_;
};

// The score in a listpack's entry.
double ScoreOf(const PackedValue& value);

// A score as a listpack's entry.
class PackedScore {
 public:
  explicit PackedScore(double score);
  PackedScore(const PackedScore&) = delete;
  PackedScore& operator=(const PackedScore&) = delete;
  const PackedValue& value() const { return value_; }

 private:
  char text_[kDoubleCharsMax];
  PackedValue value_;
};

class Members {
 public:
  // Without a record there are no members.
  explicit Members(const Record* record);
  explicit Members(Listpack listpack) : listpack_(listpack) {}
  explicit Members(const SortedSet& set) : set_(&set) {}

  uint64_t size() const { return set_ != nullptr ? set_->size() : listpack_.count() / 2; }
  std::optional<double> Score(std::string_view member) const;

  struct Place {
    uint64_t rank;
    double score;
  };
  std::optional<Place> Find(std::string_view member) const;

  RankRange RanksOf(const ScoreRange& range) const;
  // As SortedSet has it, if not all scores are the same.
  RankRange RanksOf(const LexRange& range) const;

  // Calls visit(const PackedValue& member, double score) for each of `ranks`, which are there, the
  // highest first if `reverse`.
  template <class Visit>
  void ForEach(RankRange ranks, bool reverse, Visit visit) const;
  template <class Visit>
  void ForEach(Visit visit) const {
    ForEach({0, size()}, false, visit);
  }
  // Calls visit for members from a cursor on, at least `count` of a large set; gives the next cursor, 0 at the end.
  // A listpack is visited at once.
  template <class Visit>
  uint64_t Scan(uint64_t cursor, uint64_t count, Visit visit) const;
  // Calls visit for `count` members, each drawn from all. There must be one.
  template <class Visit>
  void RandomRepeated(Random& random, uint64_t count, Visit visit) const;
  // Calls visit for `count` different members, or all if there are fewer.
  template <class Visit>
  void RandomDistinct(Random& random, uint64_t count, Visit visit) const;

  // nullptr of a listpack.
  const SortedSet* set() const { return set_; }
  Listpack listpack() const { return listpack_; }

 private:
  static PackedValue Text(std::string_view text) { return {false, 0, text}; }

  Listpack listpack_;
  const SortedSet* set_ = nullptr;
};

template <class Visit>
void Members::ForEach(RankRange ranks, bool reverse, Visit visit) const {
  uint64_t left = ranks.size();
  if (left == 0) return;
  const uint64_t start = reverse ? ranks.end - 1 : ranks.first;
  if (set_ != nullptr) {
    SortedSet::Cursor cursor = set_->At(start);
    for (;;) {
      visit(Text(cursor.member()), cursor.score());
      if (--left == 0) return;
      if (reverse) {
        cursor.Previous();
      } else {
        cursor.Next();
      }
    }
  }
  size_t at = listpack_.At(static_cast<int64_t>(2 * start));
  for (;;) {
    const size_t score = listpack_.Next(at);
    visit(listpack_.Read(at), ScoreOf(listpack_.Read(score)));
    if (--left == 0) return;
    at = reverse ? listpack_.Previous(listpack_.Previous(at)) : listpack_.Next(score);
  }
}

template <class Visit>
uint64_t Members::Scan(uint64_t cursor, uint64_t count, Visit visit) const {
  if (set_ == nullptr) {
    ForEach(visit);
    return 0;
  }
  const auto each = [&](std::string_view member, double score) { visit(Text(member), score); };
  return set_->Scan(cursor, count, std::cref(each));
}

template <class Visit>
void Members::RandomRepeated(Random& random, uint64_t count, Visit visit) const {
  const uint64_t members = size();
  for (; count != 0; --count) {
    const uint64_t rank = random.Below(members);
    ForEach({rank, rank + 1}, false, visit);
  }
}

template <class Visit>
void Members::RandomDistinct(Random& random, uint64_t count, Visit visit) const {
  uint64_t left = size();
  uint64_t wanted = std::min(count, left);
  if (wanted < left / 4) {
    std::unordered_set<uint64_t> drawn;
    while (drawn.size() < wanted) {
      const uint64_t rank = random.Below(left);
      if (drawn.insert(rank).second) ForEach({rank, rank + 1}, false, visit);
    }
    return;
  }
  ForEach([&](const PackedValue& member, double score) {
    // Selection sampling, which keeps the order.
    if (random.Below(left--) >= wanted) return;
    --wanted;
    visit(member, score);
  });
}

}  // namespace alai::sorted_sets
