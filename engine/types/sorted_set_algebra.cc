#include "engine/types/sorted_set_algebra.h"

#include <algorithm>
#include <cmath>

#include "engine/base/hash.h"
#include "engine/types/sorted_set_source.h"

namespace alai::sorted_sets {
namespace {

struct WeightedSource {
  Source source;
  double weight;
};

// The smallest first, as the sums of floats depend on it, and the work of an intersection.
std::vector<WeightedSource> BySize(std::span<const Operand> operands) {
  std::vector<WeightedSource> sources;
  sources.reserve(operands.size());
  for (const Operand& operand : operands) {
    sources.push_back({Source(operand.record), operand.weight});
  }
  std::stable_sort(sources.begin(), sources.end(),
                   [](const WeightedSource& a, const WeightedSource& b) {
                     return a.source.size() < b.source.size();
                   });
  return sources;
}

double Weighted(double score, double weight) {
  const double weighted = score * weight;
  return std::isnan(weighted) ? 0 : weighted;
}

// Where members are in a list: open addressing, half full at most.
class Positions {
 public:
  // The position of a member; `next` if it is not there, which notes it.
  size_t FindOrAdd(std::string_view member, std::span<const ScoredMember> members) {
    const size_t next = members.size();
    if (2 * (next + 1) > slots_.size()) Grow();
    const uint64_t hash = Hash(member);
    const auto tag = static_cast<uint32_t>(hash >> 32);
    for (size_t at = hash & (slots_.size() - 1);; at = (at + 1) & (slots_.size() - 1)) {
      Slot& slot = slots_[at];
      if (slot.position == kNone) {
        slot = {static_cast<uint32_t>(hash), tag, next};
        return next;
      }
      if (slot.tag == tag && members[slot.position].member == member) return slot.position;
    }
  }

 private:
  static constexpr size_t kNone = SIZE_MAX;
  static constexpr size_t kSlotsMin = 64;
  struct Slot {
    uint32_t low = 0;  // of the hash, which is where a slot belongs
    uint32_t tag = 0;  // the rest of it
    size_t position = kNone;
  };

  void Grow() {
    std::vector<Slot> old(std::max(kSlotsMin, 2 * slots_.size()));
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.position == kNone) continue;
      const uint64_t hash = uint64_t{slot.tag} << 32 | slot.low;
      size_t at = hash & (slots_.size() - 1);
      while (slots_[at].position != kNone) at = (at + 1) & (slots_.size() - 1);
      slots_[at] = slot;
    }
  }

  std::vector<Slot> slots_;
};

}  // namespace

Combination::Combination(Operation operation, Aggregate aggregate,
                         std::span<const Operand> operands)
    : aggregate_(aggregate) {
  switch (operation) {
    case Operation::kUnion:
      Unite(operands);
      break;
    case Operation::kIntersection:
      Intersect(operands);
      break;
    case Operation::kDifference:
      Subtract(operands);
      break;
  }
  std::sort(members_.begin(), members_.end(), [](const ScoredMember& a, const ScoredMember& b) {
    return a.score != b.score ? a.score < b.score : a.member < b.member;
  });
}

double Combination::Aggregated(double score, double other) const {
  switch (aggregate_) {
    case Aggregate::kMin:
      return other < score ? other : score;
    case Aggregate::kMax:
      return other > score ? other : score;
    case Aggregate::kSum:
      break;
  }
  const double sum = score + other;
  return std::isnan(sum) ? 0 : sum;
}

std::string_view Combination::Keep(const PackedValue& member) {
  if (!member.is_integer) return member.text;
  return member.View(digits_.emplace_back().data());
}

void Combination::Unite(std::span<const Operand> operands) {
  Positions positions;
  for (const WeightedSource& from : BySize(operands)) {
    from.source.ForEach([&](const PackedValue& value, double score) {
      const double weighted = Weighted(score, from.weight);
      char digits[kInt64CharsMax];
      const size_t at = positions.FindOrAdd(value.View(digits), members_);
      if (at == members_.size()) {
        members_.push_back({weighted, Keep(value)});
      } else {
        members_[at].score = Aggregated(members_[at].score, weighted);
      }
    });
  }
}

void Combination::Intersect(std::span<const Operand> operands) {
  const std::vector<WeightedSource> sources = BySize(operands);
  const WeightedSource& first = sources.front();
  first.source.ForEach([&](const PackedValue& value, double score) {
    double result = Weighted(score, first.weight);
    char digits[kInt64CharsMax];
    const std::string_view member = value.View(digits);
    for (size_t i = 1; i < sources.size(); ++i) {
      const std::optional<double> other = sources[i].source.Score(member);
      if (!other.has_value()) return;
      result = Aggregated(result, *other * sources[i].weight);
    }
    members_.push_back({result, Keep(value)});
  });
}

void Combination::Subtract(std::span<const Operand> operands) {
  const Source first(operands.front().record);
  std::vector<Source> others;
  for (const Operand& operand : operands.subspan(1)) {
    const Source other(operand.record);
    if (other.IsSameAs(first)) return;
    if (other.size() != 0) others.push_back(other);
  }
  first.ForEach([&](const PackedValue& value, double score) {
    char digits[kInt64CharsMax];
    const std::string_view member = value.View(digits);
    for (const Source& other : others) {
      if (other.Score(member).has_value()) return;
    }
    members_.push_back({score, Keep(value)});
  });
}

uint64_t CountIntersection(std::span<const Operand> operands, uint64_t limit) {
  const std::vector<WeightedSource> sources = BySize(operands);
  uint64_t count = 0;
  sources.front().source.ForEach([&](const PackedValue& value, double) {
    if (limit != 0 && count == limit) return;
    char digits[kInt64CharsMax];
    const std::string_view member = value.View(digits);
    for (size_t i = 1; i < sources.size(); ++i) {
      if (!sources[i].source.Score(member).has_value()) return;
    }
    ++count;
  });
  return count;
}

}  // namespace alai::sorted_sets
