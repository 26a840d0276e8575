#include "engine/types/reference_pattern.h"

#include "engine/types/hashes.h"
#include "engine/types/strings.h"

namespace alai::sorting {
namespace {

PackedValue ValueOf(const Record& text) {
  if (text.encoding() == Encoding::kInt) return PackedValue::Of(text.integer());
  return {.text = strings::Text(text).view()};
}

}  // namespace

ReferencePattern::ReferencePattern(std::string_view pattern) {
  constexpr std::string_view kArrow = "->";
  const std::string_view seen = pattern.substr(0, pattern.find('\0'));
  is_element_ = seen == "#";
  const size_t star = seen.find('*');
  leads_to_keys_ = star != std::string_view::npos;
  if (!leads_to_keys_) return;
  before_ = pattern.substr(0, star);
  after_ = pattern.substr(star + 1);
  const size_t arrow = seen.find(kArrow, star + 1);
  if (arrow == std::string_view::npos || arrow + kArrow.size() >= seen.size()) return;
  after_ = pattern.substr(star + 1, arrow - star - 1);
  field_ = pattern.substr(arrow + kArrow.size());
}

std::optional<PackedValue> ReferencePattern::Follow(Db& db, std::string_view element) {
  if (is_element_) return PackedValue{.text = element};
  if (!leads_to_keys_) return std::nullopt;
  key_.assign(before_).append(element).append(after_);
  const Record* record = db.Find(MakeKey(key_), Lookup::kUse);
  if (record == nullptr) return std::nullopt;
  if (field_.empty()) {
    if (record->type() != Type::kString) return std::nullopt;
    return ValueOf(*record);
  }
  if (record->type() != Type::kHash) return std::nullopt;
  return hashes::Fields(record, db.now()).Find(field_);
}

}  // namespace alai::sorting
