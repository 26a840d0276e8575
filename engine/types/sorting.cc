#include "engine/types/sorting.h"

#include <algorithm>
#include <cstring>

#include "engine/base/number.h"
#include "engine/types/lists.h"
#include "engine/types/sets.h"
#include "engine/types/sorted_sets.h"

namespace alai::sorting {
namespace {

size_t SizeOf(const Record& record) {
  switch (record.type()) {
    case Type::kList:
      return lists::Elements(&record).size();
    case Type::kSet:
      return sets::Members(&record).size();
    default:
      return sorted_sets::Members(&record).size();
  }
}

bool NumberOf(const PackedValue& value, double* number) {
  if (!value.is_integer) return ParseDoubleLoosely(value.text, number);
  *number = static_cast<double>(value.integer);
  return true;
}

}  // namespace

Errc Elements::Take(Db& db, const Record* record, const Order& order) {
  if (record == nullptr) return Errc::kOk;
  is_list_ = record->type() == Type::kList;
  if (order.unsorted) {
    TakeUnsorted(*record, order);
    kept_ = elements_;
    return Errc::kOk;
  }
  elements_.reserve(SizeOf(*record));
  TakeAll(*record);
  const Errc error = Weigh(db, order);
  if (error != Errc::kOk) return error;
  const Range range = RangeOf(order, elements_.size());
  Arrange(range, order);
  kept_ = std::span(elements_).subspan(range.first, range.count);
  return Errc::kOk;
}

Elements::Range Elements::RangeOf(const Order& order, size_t size) {
  const size_t first = std::min(static_cast<size_t>(std::max<int64_t>(order.offset, 0)), size);
  const size_t left = size - first;
  return {first, order.count < 0 ? left : std::min(static_cast<size_t>(order.count), left)};
}

void Elements::TakeUnsorted(const Record& record, const Order& order) {
  const size_t size = SizeOf(record);
  const Range range = RangeOf(order, size);
  if (range.count == 0) return;
  elements_.reserve(range.count);
  const auto taken_all = [&] { return elements_.size() == range.count; };
  if (record.type() == Type::kList) {
    const ListEnd from = order.descending ? ListEnd::kBack : ListEnd::kFront;
    lists::Elements(&record).Walk(from, range.first, [&](const PackedValue& value) {
      AddText(Keep(value));
      return !taken_all();
    });
  } else if (record.type() == Type::kSet) {
    size_t skipped = 0;
    sets::Members(&record).ForEach([&](const PackedValue& value) {
      if (skipped++ >= range.first) Add(value);
      return !taken_all();
    });
  } else {
    const size_t last = range.first + range.count;
    const RankRange ranks = order.descending ? RankRange{size - last, size - range.first}
                                             : RankRange{range.first, last};
    sorted_sets::Members(&record).ForEach(ranks, order.descending,
                                          [&](const PackedValue& value, double) { Add(value); });
  }
}

void Elements::TakeAll(const Record& record) {
  if (record.type() == Type::kList) {
    lists::Elements(&record).Walk(ListEnd::kFront, 0, [&](const PackedValue& value) {
      AddText(Keep(value));
      return true;
    });
  } else if (record.type() == Type::kSet) {
    sets::Members(&record).ForEach([&](const PackedValue& value) {
      Add(value);
      return true;
    });
  } else {
    sorted_sets::Members(&record).ForEach([&](const PackedValue& value, double) { Add(value); });
  }
}

std::string_view Elements::Keep(const PackedValue& value) {
  char digits[kInt64CharsMax];
  const std::string_view text = value.View(digits);
  if (text.empty()) return "";
  auto* copy = static_cast<char*>(copies_.allocate(text.size(), 1));
  std::memcpy(copy, text.data(), text.size());
  return {copy, text.size()};
}

void Elements::Add(const PackedValue& value) {
  AddText(value.is_integer ? Keep(value) : value.text);
}

void Elements::AddText(std::string_view text) {
  elements_.push_back({text, 0, static_cast<uint32_t>(elements_.size())});
}

// Every pattern is followed, even when it is known already that the elements cannot be compared: what is looked
// up counts as used.
Errc Elements::Weigh(Db& db, const Order& order) {
  if (order.alphabetic && order.by == nullptr) return Errc::kOk;
  if (order.alphabetic) weights_.reserve(elements_.size());
  bool comparable = true;
  for (Element& element : elements_) {
    if (order.by == nullptr) {
      comparable = comparable && ParseDoubleLoosely(element.text, &element.score);
      continue;
    }
    const std::optional<PackedValue> weight = order.by->Follow(db, element.text);
    if (order.alphabetic) {
      weights_.push_back(TextOf(weight));
    } else if (weight.has_value()) {
      comparable = NumberOf(*weight, &element.score) && comparable;
    }
  }
  return comparable ? Errc::kOk : Errc::kNotFloat;
}

std::optional<std::string_view> Elements::TextOf(const std::optional<PackedValue>& value) {
  if (!value.has_value()) return std::nullopt;
  return value->is_integer ? Keep(*value) : value->text;
}

// Smaller elements come first, so `range` is found before it is sorted.
template <class Compare>
void Elements::Arrange(Range range, bool descending, Compare compare) {
  const auto less = [&](const Element& a, const Element& b) {
    const int order = compare(a, b);
    if (order == 0) return a.number < b.number;
    return descending ? order > 0 : order < 0;
  };
  const auto first = elements_.begin() + static_cast<ptrdiff_t>(range.first);
  const auto last = first + static_cast<ptrdiff_t>(range.count);
  if (range.count == 0) return;
  if (first != elements_.begin()) std::nth_element(elements_.begin(), first, elements_.end(), less);
  if (last != elements_.end()) std::nth_element(first, last, elements_.end(), less);
  std::sort(first, last, less);
}

void Elements::Arrange(Range range, const Order& order) {
  if (!order.alphabetic) {
    return Arrange(range, order.descending, [](const Element& a, const Element& b) {
      if (a.score != b.score) return a.score < b.score ? -1 : 1;
      return a.text.compare(b.text);
    });
  }
  if (order.by == nullptr) {
    return Arrange(range, order.descending,
                   [](const Element& a, const Element& b) { return a.text.compare(b.text); });
  }
  Arrange(range, order.descending, [this](const Element& a, const Element& b) {
    const std::optional<std::string_view>& weight = weights_[a.number];
    const std::optional<std::string_view>& other = weights_[b.number];
    if (weight != other) return weight < other ? -1 : 1;
    return is_list_ ? 0 : a.text.compare(b.text);
  });
}

}  // namespace alai::sorting
