#include "engine/types/hash_builder.h"

#include <algorithm>

namespace alai::hashes {
namespace {

// What a table's member can have, with its value.
constexpr uint64_t kPairBytesMax = INT32_MAX;

}  // namespace

bool Builder::StaysPacked(const PackedValue& field, const PackedValue& value) const {
  const size_t text_bytes = field.length() + value.length();
  return std::max(field.length(), value.length()) <=
             limits_.hash_value_bytes.load(std::memory_order_relaxed) &&
         listpack_.get().count() / 2 < limits_.hash_entries.load(std::memory_order_relaxed) &&
         listpack_.get().bytes() + text_bytes + 2 * kPackedEntryExtraMax <= kPackedBytesMax;
}

bool Builder::Field(const PackedValue& field, const PackedValue& value) {
  const uint64_t text_bytes = field.length() + value.length();
  if (text_bytes > kPairBytesMax) return false;
  text_bytes_ += text_bytes;
  if (container_ == nullptr) {
    if (StaysPacked(field, value)) {
      for (const PackedValue& half : {field, value}) {
        listpack_.Append(half.is_integer ? half : PackedValue::Of(half.text));
      }
      return true;
    }
    if (!MakeTable()) return false;
  }
  return AddToTable(field, value, kNoDeadline);
}

bool Builder::FieldUntil(const PackedValue& field, const PackedValue& value, UnixMillis deadline) {
  const uint64_t text_bytes = field.length() + value.length();
  if (text_bytes > kPairBytesMax || deadline < 0 || deadline > kMemberDeadlineMax) return false;
  text_bytes_ += text_bytes;
  if (container_ == nullptr && !MakeTable()) return false;
  return AddToTable(field, value, deadline);
}

bool Builder::MakeTable() {
  container_ = std::make_unique<HashContainer>();
  if (!FillTable(listpack_.get(), &container_->table())) return false;
  listpack_.Release();
  return true;
}

bool Builder::AddToTable(const PackedValue& field, const PackedValue& value, UnixMillis deadline) {
  char field_digits[kInt64CharsMax];
  char value_digits[kInt64CharsMax];
  return container_->table().Insert(field.View(field_digits), value.View(value_digits), deadline);
}

bool Builder::Finish() {
  if (container_ != nullptr) return true;
  const Listpack listpack = listpack_.get();
  return !listpack.empty() &&
         ValidateListpack(listpack.view(), {.even_count = true, .unique_stride = 2});
}

Record::Draft Builder::TakeDraft(KeyView key) {
  Record::Draft draft;
  draft.key = key.bytes;
  draft.type = Type::kHash;
  if (container_ == nullptr) {
    draft.encoding = Encoding::kListpack;
    draft.value = listpack_.get().view();
  } else {
    draft.encoding = Encoding::kContainer;
    draft.container = container_.release();
    draft.read_under_lock = true;
  }
  return draft;
}

}  // namespace alai::hashes
