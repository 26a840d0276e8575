#include "engine/types/sorted_set_members.h"

#include <charconv>
#include <cmath>

#include "engine/base/assert.h"
#include "engine/base/number.h"

namespace alai::sorted_sets {
namespace {

bool IsBehind(const LexBound& bound, std::string_view member, bool inclusive) {
  switch (bound.kind) {
    case LexBound::Kind::kBeforeAll:
      return true;
    case LexBound::Kind::kBehindAll:
      return false;
    case LexBound::Kind::kInclusive:
    case LexBound::Kind::kExclusive:
      break;
  }
  return inclusive ? member >= bound.member : member > bound.member;
}

}  // namespace

Container* SortedSetContainer::Copy() const {
  auto* copy = new SortedSetContainer;
  Members(set_).ForEach(
      [copy](const PackedValue& member, double score) { copy->set_.Set(member.text, score); });
  return copy;
}

double ScoreOf(const PackedValue& value) {
  if (value.is_integer) return static_cast<double>(value.integer);
  double score = 0;
  ParseDouble(value.text, &score);
  return score;
}

PackedScore::PackedScore(double score) {
  constexpr double kIntegerMax = 0x1p62;
  if (score >= -kIntegerMax && score <= kIntegerMax && std::trunc(score) == score) {
    value_ = PackedValue::Of(static_cast<int64_t>(score));
    return;
  }
  // Without an exponent a large one would be taken for an integer.
  const auto [end, error] =
      std::abs(score) > kIntegerMax
          ? std::to_chars(text_, text_ + sizeof text_, score, std::chars_format::scientific)
          : std::to_chars(text_, text_ + sizeof text_, score);
  ASSERT(error == std::errc());
  value_ = PackedValue::Of(std::string_view(text_, static_cast<size_t>(end - text_)));
}

Members::Members(const Record* record) {
  if (record == nullptr) return;
  if (record->encoding() == Encoding::kContainer) {
    set_ = &static_cast<const SortedSetContainer*>(record->container())->set();
  } else {
    listpack_ = Listpack(record->inline_value().data());
  }
}

std::optional<double> Members::Score(std::string_view member) const {
  if (set_ != nullptr) return set_->Score(member);
  const size_t at = listpack_.Find(listpack_.Begin(), PackedNeedle(member), 1);
  if (at == listpack_.End()) return std::nullopt;
  return ScoreOf(listpack_.Read(listpack_.Next(at)));
}

std::optional<Members::Place> Members::Find(std::string_view member) const {
  if (set_ != nullptr) {
    const std::optional<uint64_t> rank = set_->Rank(member);
    if (!rank.has_value()) return std::nullopt;
    return Place{*rank, set_->At(*rank).score()};
  }
  const size_t place = listpack_.Find(listpack_.Begin(), PackedNeedle(member), 1);
  if (place == listpack_.End()) return std::nullopt;
  uint64_t entries = 0;
  for (size_t at = listpack_.Begin(); at < place; at = listpack_.Next(at)) ++entries;
  return Place{entries / 2, ScoreOf(listpack_.Read(listpack_.Next(place)))};
}

RankRange Members::RanksOf(const ScoreRange& range) const {
  if (set_ != nullptr) return set_->RanksOf(range);
  RankRange ranks;
  ForEach([&](const PackedValue&, double score) {
    if (range.min_exclusive ? score <= range.min : score < range.min) ++ranks.first;
    if (range.max_exclusive ? score < range.max : score <= range.max) ++ranks.end;
  });
  ranks.end = std::max(ranks.first, ranks.end);
  return ranks;
}

RankRange Members::RanksOf(const LexRange& range) const {
  if (set_ != nullptr) return set_->RanksOf(range);
  RankRange ranks;
  bool before_min = true;
  bool before_max = true;
  ForEach([&](const PackedValue& member, double) {
    char digits[kInt64CharsMax];
    const std::string_view text = member.View(digits);
    before_min =
        before_min && !IsBehind(range.min, text, range.min.kind != LexBound::Kind::kExclusive);
    if (before_min) ++ranks.first;
    before_max =
        before_max &&
        (before_min || !IsBehind(range.max, text, range.max.kind == LexBound::Kind::kExclusive));
    if (before_max) ++ranks.end;
  });
  ranks.end = std::max(ranks.first, ranks.end);
  return ranks;
}

}  // namespace alai::sorted_sets
