#include "engine/types/bitmaps.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <string>
#include <vector>

#include "engine/base/assert.h"
#include "engine/base/number.h"
#include "engine/blob.h"
#include "engine/types/string_edit.h"
#include "engine/types/strings.h"

namespace alai::bitmaps {
namespace {

using strings::StringEdit;
using strings::Text;

// Bits of a string, both ends included.
struct BitSpan {
  uint64_t first;
  uint64_t last;
};

std::optional<BitSpan> Resolve(const Part& part, uint64_t bytes) {
  const auto units = static_cast<int64_t>(part.in_bits ? bytes * 8 : bytes);
  int64_t first = part.first;
  int64_t last = part.last;
  if (first < 0) first = std::max<int64_t>(first + units, 0);
  if (last < 0) last = std::max<int64_t>(last + units, 0);
  last = std::min(last, units - 1);
  if (first > last) return std::nullopt;
  const BitSpan span{static_cast<uint64_t>(first), static_cast<uint64_t>(last)};
  if (part.in_bits) return span;
  return BitSpan{span.first * 8, span.last * 8 + 7};
}

// A result of BITOP that is to be stored.
Record::Draft DraftOf(KeyView key, bits::Combination combination,
                      std::span<const std::string_view> sources, uint64_t length,
                      char* inline_value) {
  Record::Draft draft;
  draft.key = key.bytes;
  if (length <= kInlineValueBytesMax) {
    draft.encoding = Encoding::kRaw;
    bits::Combine(combination, sources, inline_value, length);
    draft.value = {inline_value, length};
  } else {
    draft.encoding = Encoding::kBlob;
    draft.blob = Blob::Create(length, length);
    bits::Combine(combination, sources, draft.blob->bytes(), length);
  }
  return draft;
}

void LogCombination(Db& db, bits::Combination combination, KeyView target,
                    std::span<const std::string_view> sources) {
  std::vector<std::string_view> words = {"BITOP", CombinationName(combination), target.bytes};
  words.insert(words.end(), sources.begin(), sources.end());
  db.LogEffect(words);
}

int64_t ReadInteger(std::string_view bytes, const FieldOperation& operation) {
  const uint64_t value = bits::ReadField(bytes, operation.bit, operation.width);
  if (!operation.is_signed) return static_cast<int64_t>(value);
  const int unused = 64 - operation.width;
  return static_cast<int64_t>(value << unused) >> unused;
}

// The integer that the operation leaves in the field; nothing if it does not fit and must.
FieldValue NewInteger(const FieldOperation& operation, int64_t old) {
  using Wide = __int128;
  const int value_bits = operation.width - (operation.is_signed ? 1 : 0);
  const Wide max = (Wide{1} << value_bits) - 1;
  const Wide min = operation.is_signed ? -max - 1 : Wide{0};
  Wide wanted = operation.operand;
  if (operation.kind == FieldOperation::Kind::kIncrement) {
    wanted += old;
  } else if (!operation.is_signed) {
    wanted = static_cast<uint64_t>(operation.operand);  // a negative one is a very large one
  }
  if (wanted >= min && wanted <= max) return static_cast<int64_t>(wanted);
  switch (operation.overflow) {
    case Overflow::kWrap:
      break;
    case Overflow::kSaturate:
      return static_cast<int64_t>(wanted > max ? max : min);
    case Overflow::kFail:
      return std::nullopt;
  }
  const int unused = 64 - operation.width;
  const uint64_t low = static_cast<uint64_t>(wanted) << unused;
  return operation.is_signed ? static_cast<int64_t>(low) >> unused
                             : static_cast<int64_t>(low >> unused);
}

// The operations of one BITFIELD that writes, on the string of one key. The string is only opened for a
// change once there is one.
class FieldRun {
 public:
  FieldRun(Db& db, KeyView key, Record* old, uint64_t length)
      : db_(db), key_(key), old_(old), length_(length) {
    if (old != nullptr) text_.emplace(*old);
    grows_ = length > old_bytes().size();
    if (!grows_) return;
    Open();
    NoteEffect({.width = 1, .bit = length * 8 - 1}, 0);
  }

  FieldValue Do(const FieldOperation& operation) {
    const int64_t old = ReadInteger(edit_ ? edit_->view() : old_bytes(), operation);
    if (operation.kind == FieldOperation::Kind::kGet) return old;
    const FieldValue fresh = NewInteger(operation, old);
    if (!fresh) return std::nullopt;
    if (grows_ || *fresh != old) Write(operation, *fresh);
    return operation.kind == FieldOperation::Kind::kSet ? old : *fresh;
  }

  void Finish() {
    if (!edit_) {
      if (old_ != nullptr) strings::StoreAsBytes(db_, key_, *old_);
      return;
    }
    const std::vector<std::string_view> words(effect_.begin(), effect_.end());
    if (db_.logs_changes()) db_.LogEffect(words);
    edit_->Publish("setbit", changes_);
  }

 private:
  std::string_view old_bytes() const { return text_ ? text_->view() : std::string_view{}; }
  void Open();
  void Write(const FieldOperation& operation, int64_t value);
  void NoteEffect(const FieldOperation& operation, int64_t value);

  Db& db_;
  const KeyView key_;
  Record* const old_;
  const uint64_t length_;
  bool grows_ = false;
  std::optional<Text> text_;
  std::optional<StringEdit> edit_;
  std::vector<std::string> effect_;
  uint32_t changes_ = 0;
};

}  // namespace

std::string_view CombinationName(bits::Combination combination) {
  constexpr std::string_view kNames[] = {"AND",  "OR",    "XOR",   "NOT",
                                         "DIFF", "DIFF1", "ANDOR", "ONE"};
  return kNames[static_cast<size_t>(combination)];
}

Result<bool> Get(Db& db, KeyView key, uint64_t bit) {
  const Result<Record*> found = strings::Find(db, key, Lookup::kUse);
  if (!found.ok()) return found.error();
  return *found != nullptr && bits::Get(Text(**found).view(), bit);
}

Result<bool> Set(Db& db, KeyView key, uint64_t bit, bool value, uint64_t bytes_max) {
  const Result<Record*> found = strings::Find(db, key, Lookup::kWrite);
  if (!found.ok()) return found.error();
  Record* old = *found;
  if (bit / 8 >= bytes_max) return Errc::kTooLong;
  const uint64_t length = bit / 8 + 1;
  const bool grows = old == nullptr || length > strings::Length(*old);
  const bool was = old != nullptr && bits::Get(Text(*old).view(), bit);
  if (!grows && was == value) {
    strings::StoreAsBytes(db, key, *old);
    return was;
  }
  if (db.logs_changes()) {
    char digits[kInt64CharsMax];
    db.LogEffect({"SETBIT", key.bytes, {digits, FormatUint64(bit, digits)}, value ? "1" : "0"});
  }
  StringEdit edit(db, key, old, length, length);
  if (was != value) bits::Flip(edit.bytes(), bit);
  edit.Publish("setbit");
  return was;
}

Result<uint64_t> Count(Db& db, KeyView key, const Part& part) {
  const Result<Record*> found = strings::Find(db, key, Lookup::kUse);
  if (!found.ok()) return found.error();
  if (*found == nullptr) return uint64_t{0};
  const Text text(**found);
  // Beyond the beginning, both ends would come to lie on the first unit.
  if (part.first < 0 && part.last < 0 && part.first > part.last) return uint64_t{0};
  const std::optional<BitSpan> span = Resolve(part, text.view().size());
  return span ? bits::CountBetween(text.view(), span->first, span->last) : 0;
}

Result<int64_t> Find(Db& db, KeyView key, bool value, const Part& part, bool bounded) {
  const Result<Record*> found = strings::Find(db, key, Lookup::kUse);
  if (!found.ok()) return found.error();
  if (*found == nullptr) return int64_t{value ? -1 : 0};
  const Text text(**found);
  const std::optional<BitSpan> span = Resolve(part, text.view().size());
  if (!span) return int64_t{-1};
  const uint64_t bit = bits::Find(text.view(), value, span->first, span->last);
  if (bit != bits::kNotFound) return static_cast<int64_t>(bit);
  return value || bounded ? int64_t{-1} : static_cast<int64_t>(text.view().size() * 8);
}

Result<uint64_t> Combine(Db& db, bits::Combination combination, KeyView target,
                         std::span<const std::string_view> sources, uint64_t bytes_max) {
  std::deque<Text> texts;
  std::vector<std::string_view> values;
  uint64_t length = 0;
  for (const std::string_view source : sources) {
    const Result<Record*> found = strings::Find(db, MakeKey(source), Lookup::kUse);
    if (!found.ok()) return found.error();
    values.push_back(*found != nullptr ? texts.emplace_back(**found).view() : std::string_view{});
    length = std::max<uint64_t>(length, values.back().size());
  }
  if (length > bytes_max) return Errc::kTooLong;
  if (length == 0) {
    if (db.Erase(target)) {
      ++db.tally().changes;
      db.Notify(KeyEventClass::kGeneric, "del", target);
    }
    return length;
  }
  if (db.logs_changes()) LogCombination(db, combination, target, sources);
  char inline_value[kInlineValueBytesMax];
  const Record::Draft draft = DraftOf(target, combination, values, length, inline_value);
  strings::Publish(db, target, draft, "set");
  return length;
}

void FieldRun::Open() {
  edit_.emplace(db_, key_, old_, length_, length_);
  if (db_.logs_changes()) effect_ = {"BITFIELD", std::string(key_.bytes)};
}

void FieldRun::Write(const FieldOperation& operation, int64_t value) {
  if (!edit_) Open();
  bits::WriteField(edit_->bytes(), operation.bit, operation.width, static_cast<uint64_t>(value));
  NoteEffect(operation, value);
  ++changes_;
}

void FieldRun::NoteEffect(const FieldOperation& operation, int64_t value) {
  if (!db_.logs_changes()) return;
  effect_.emplace_back("SET");
  effect_.push_back((operation.is_signed ? "i" : "u") + std::to_string(operation.width));
  effect_.push_back(std::to_string(operation.bit));
  effect_.push_back(std::to_string(value));
}

Errc RunFields(Db& db, KeyView key, std::span<const FieldOperation> operations, uint64_t bytes_max,
               std::span<FieldValue> values) {
  DASSERT(values.size() >= operations.size());
  uint64_t end = 0;
  for (const FieldOperation& operation : operations) {
    if (operation.kind != FieldOperation::Kind::kGet) end = std::max(end, operation.end());
  }
  const bool writes = end > 0;
  const Result<Record*> found = strings::Find(db, key, writes ? Lookup::kWrite : Lookup::kUse);
  if (!found.ok()) return found.error();
  Record* old = *found;
  if (!writes) {
    std::optional<Text> text;
    if (old != nullptr) text.emplace(*old);
    for (size_t i = 0; i < operations.size(); ++i) {
      values[i] = ReadInteger(text ? text->view() : std::string_view{}, operations[i]);
    }
    return Errc::kOk;
  }
  const uint64_t length = (end + 7) / 8;
  if (length > bytes_max) return Errc::kTooLong;
  FieldRun run(db, key, old, length);
  for (size_t i = 0; i < operations.size(); ++i) values[i] = run.Do(operations[i]);
  run.Finish();
  return Errc::kOk;
}

}  // namespace alai::bitmaps
