#include "engine/types/set_builder.h"

#include <algorithm>

#include "engine/base/assert.h"
#include "engine/base/number.h"

namespace alai::sets {
namespace {

// An intset counts its members in 32 bits.
constexpr uint64_t kIntsetEntriesMax = uint64_t{1} << 30;

bool IsInteger(const PackedValue& member, int64_t* integer) {
  *integer = member.integer;
  return member.is_integer || ParseInt64(member.text, integer);
}

}  // namespace

SetLimits::SetLimits(const PackingLimits& limits)
    : intset_entries(
          std::min(limits.set_intset_entries.load(std::memory_order_relaxed), kIntsetEntriesMax)),
      listpack_entries(limits.set_listpack_entries.load(std::memory_order_relaxed)),
      value_bytes(limits.set_value_bytes.load(std::memory_order_relaxed)) {}

bool SetLimits::IntsetTakes(Intset intset, int64_t value) const {
  return intset.count() < intset_entries && IntsetBytesWith(intset, value) <= kPackedBytesMax;
}

bool SetLimits::ListpackTakes(size_t members, size_t bytes, size_t text_bytes) const {
  return members < listpack_entries && text_bytes <= value_bytes &&
         bytes + text_bytes + kPackedEntryExtraMax <= kPackedBytesMax;
}

void SetBuilder::Assign(const Record& record) {
  DASSERT(size() == 0);
  if (record.encoding() == Encoding::kIntset) {
    intset_.Assign(Intset(record.inline_value().data()));
  } else {
    listpack_.Assign(Listpack(record.inline_value().data()));
    form_ = Form::kListpack;
  }
}

void SetBuilder::Expect(std::string_view first, size_t count) {
  if (form_ == Form::kIntset && intset_.get().empty()) {
    int64_t integer;
    if (ParseInt64(first, &integer) && count <= limits_.intset_entries) return;
    form_ = Form::kListpack;
  }
  const uint64_t max = form_ == Form::kIntset ? limits_.intset_entries : limits_.listpack_entries;
  if (count > max) MakeTable();
}

Members SetBuilder::members() const {
  switch (form_) {
    case Form::kIntset:
      return Members(intset_.get());
    case Form::kListpack:
      return Members(listpack_.get());
    case Form::kTable:
      break;
  }
  return Members(container_->table());
}

bool SetBuilder::Add(const PackedValue& member) {
  if (!AddAny(member)) return false;
  added_bytes_ += member.length();
  return true;
}

bool SetBuilder::AddAny(const PackedValue& member) {
  if (form_ == Form::kTable) return AddToTable(member);
  char digits[kInt64CharsMax];
  if (form_ == Form::kIntset) {
    const Intset intset = intset_.get();
    int64_t integer;
    if (IsInteger(member, &integer)) {
      if (intset.Contains(integer)) return false;
      if (limits_.IntsetTakes(intset, integer)) return intset_.Add(integer);
      MakeTable();
      return AddToTable(member);
    }
    const size_t longest =
        intset.empty() ? 0 : std::max(Int64Length(intset.min()), Int64Length(intset.max()));
    // As if all integers were as long as the longest.
    const size_t bytes = kListpackBytesMin + intset.count() * (longest + kPackedEntryExtraMax);
    if (longest > limits_.value_bytes ||
        !limits_.ListpackTakes(intset.count(), bytes, member.length())) {
      MakeTable();
      return AddToTable(member);
    }
    MakeListpack();
    listpack_.Append(member);
    return true;
  }
  const Listpack listpack = listpack_.get();
  if (listpack.Find(listpack.Begin(), PackedNeedle(member.View(digits))) != listpack.End()) {
    return false;
  }
  if (limits_.ListpackTakes(listpack.count(), listpack.bytes(), member.length())) {
    listpack_.Append(member.is_integer ? member : PackedValue::Of(member.text));
    return true;
  }
  MakeTable();
  return AddToTable(member);
}

bool SetBuilder::AddToTable(const PackedValue& member) {
  char digits[kInt64CharsMax];
  return container_->table().Insert(member.View(digits));
}

void SetBuilder::MakeListpack() {
  members().ForEach([this](const PackedValue& member) {
    listpack_.Append(member);
    return true;
  });
  intset_.Release();
  form_ = Form::kListpack;
}

void SetBuilder::MakeTable() {
  auto container = std::make_unique<SetContainer>();
  members().ForEach([&](const PackedValue& member) {
    char digits[kInt64CharsMax];
    container->table().Insert(member.View(digits));
    return true;
  });
  container_ = std::move(container);
  intset_.Release();
  listpack_.Release();
  form_ = Form::kTable;
}

void SetBuilder::MoveTo(Record::Draft* draft) {
  draft->type = Type::kSet;
  switch (form_) {
    case Form::kIntset:
      draft->encoding = Encoding::kIntset;
      draft->value = intset_.get().view();
      break;
    case Form::kListpack:
      draft->encoding = Encoding::kListpack;
      draft->value = listpack_.get().view();
      break;
    case Form::kTable:
      draft->encoding = Encoding::kContainer;
      draft->container = container_.release();
      draft->read_under_lock = true;
      break;
  }
}

}  // namespace alai::sets
