// Unions, intersections and differences of sorted sets.
//
// A result is a list of members and scores in the order of a sorted set, so that it is replied, or stored,
// from its first to its last. Its members lie where the sources have them.
//
// Threads     As the sources.
// Invariants  Sources are left alone as long as the result is used. Scores are no NaN: what would be one
//             (infinity times zero, infinity minus infinity) is 0.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <span>
#include <string_view>
#include <vector>

#include "engine/base/number.h"
#include "engine/containers/packed_entry.h"
#include "engine/record.h"
#include "engine/types/sorted_sets.h"

namespace alai::sorted_sets {

enum class Operation : uint8_t { kUnion, kIntersection, kDifference };
enum class Aggregate : uint8_t { kSum, kMin, kMax };

struct Operand {
  const Record* record = nullptr;
  double weight = 1;  // of a union or an intersection
};

class Combination {
 public:
  Combination(Operation operation, Aggregate aggregate, std::span<const Operand> operands);

  std::span<const ScoredMember> members() const { return members_; }

 private:
  void Unite(std::span<const Operand> operands);
  void Intersect(std::span<const Operand> operands);
  void Subtract(std::span<const Operand> operands);
  double Aggregated(double score, double other) const;
  std::string_view Keep(const PackedValue& member);

  const Aggregate aggregate_;
  std::vector<ScoredMember> members_;
  std::deque<std::array<char, kInt64CharsMax>> digits_;  // of members that sources have as integers
};

// The size of the intersection, or `limit` if that is not 0 and less.
uint64_t CountIntersection(std::span<const Operand> operands, uint64_t limit);

}  // namespace alai::sorted_sets
