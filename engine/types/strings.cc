#include "engine/types/strings.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "engine/base/ascii.h"
#include "engine/base/assert.h"
#include "engine/blob.h"
#include "engine/store.h"
#include "engine/types/string_edit.h"

namespace alai::strings {
namespace {

void LogSetAt(Db& db, KeyView key, std::string_view value, UnixMillis deadline) {
  char digits[kInt64CharsMax];
  db.LogEffect({"SET", key.bytes, value, "PXAT", {digits, FormatInt64(deadline, digits)}});
}

// SET without asking, with the deadline that `old`, what the key holds, has.
void SetKeepingDeadline(Db& db, KeyView key, std::string_view value, const Record* old) {
  if (db.logs_changes()) db.LogEffect({"SET", key.bytes, value, "KEEPTTL"});
  Record::Draft draft = DraftOf(key, value);
  if (old != nullptr) InheritDeadline(*old, &draft);
  Publish(db, key, draft, "set");
}

// A draft for a value that takes the place of `old` and keeps its deadline.
Record::Draft Successor(KeyView key, const Record& old) {
  Record::Draft draft;
  draft.key = key.bytes;
  InheritDeadline(old, &draft);
  return draft;
}

// A string that spells an integer in canonical form is stored as one, so only such bytes count.
bool ReadInteger(const Record& record, int64_t* value) {
  if (record.encoding() == Encoding::kInt) {
    *value = record.integer();
    return true;
  }
  return record.encoding() != Encoding::kBlob && ParseInt64(record.inline_value(), value);
}

bool AppendInPlace(Db& db, KeyView key, Record& record, std::string_view tail) {
  if (record.encoding() != Encoding::kBlob) return false;
  Blob& blob = *record.blob();
  const uint64_t length = blob.length();
  if (blob.shared() || blob.capacity() - length < tail.size()) return false;
  if (!tail.empty()) std::memcpy(blob.bytes() + length, tail.data(), tail.size());
  blob.SetLength(length + tail.size());
  db.Changed(key, &record);
  return true;
}

}  // namespace

Text::Text(const Record& record) {
  switch (record.encoding()) {
    case Encoding::kInt:
      view_ = {digits_, FormatInt64(record.integer(), digits_)};
      break;
    case Encoding::kBlob:
      view_ = record.blob()->view();
      break;
    default:  // in the record
      view_ = record.inline_value();
      break;
  }
}

uint64_t Length(const Record& record) {
  switch (record.encoding()) {
    case Encoding::kInt:
      return Int64Length(record.integer());
    case Encoding::kBlob:
      return record.blob()->length();
    default:  // in the record
      break;
  }
  return record.inline_value().size();
}

Record::Draft DraftOf(KeyView key, std::string_view value) {
  Record::Draft draft;
  draft.key = key.bytes;
  if (value.size() - 1 < kInt64CharsMax && (IsAsciiDigit(value[0]) || value[0] == '-') &&
      ParseInt64(value, &draft.integer)) {
    draft.encoding = Encoding::kInt;
  } else if (value.size() <= kInlineValueBytesMax) {
    draft.value = value;
  } else {
    draft.encoding = Encoding::kBlob;
    draft.blob = Blob::Copy(value);
  }
  return draft;
}

Result<Record*> Find(Db& db, KeyView key, Lookup lookup) {
  Record* record = db.Find(key, lookup);
  if (record != nullptr && record->type() != Type::kString) return Errc::kWrongType;
  return record;
}

void Set(Db& db, KeyView key, std::string_view value, UnixMillis deadline) {
  if (deadline == kNoDeadline && db.store().key_classes() != nullptr) [[unlikely]]
    deadline = db.ClassDeadline(key);
  const bool expires = deadline != kNoDeadline;
  if (db.logs_changes()) {
    if (expires) {
      LogSetAt(db, key, value, deadline);
    } else {
      db.LogEffect({"SET", key.bytes, value});
    }
  }
  Record::Draft draft = DraftOf(key, value);
  draft.deadline = deadline;
  Publish(db, key, draft, "set");
  if (expires) db.Notify(KeyEventClass::kGeneric, "expire", key);
}

Result<SetOutcome> Set(Db& db, KeyView key, std::string_view value, const SetOptions& options) {
  DASSERT(!options.keep_deadline || options.deadline == kNoDeadline);
  SetOutcome outcome;
  const Record* old = db.Find(key, options.get ? Lookup::kUse : Lookup::kWrite);
  if (options.get || options.condition == SetCondition::kEqual) {
    if (old != nullptr && old->type() != Type::kString) return Errc::kWrongType;
    outcome.old = old;
  }
  switch (options.condition) {
    case SetCondition::kNone:
      break;
    case SetCondition::kMissing:
      if (old != nullptr) return outcome;
      break;
    case SetCondition::kPresent:
      if (old == nullptr) return outcome;
      break;
    case SetCondition::kEqual:
      if (old == nullptr || Text(*old).view() != options.comparison) return outcome;
      break;
  }
  if (options.keep_deadline) {
    SetKeepingDeadline(db, key, value, old);
  } else {
    Set(db, key, value, options.deadline);
  }
  outcome.done = true;
  return outcome;
}

bool SetMany(Db& db, std::span<const std::string_view> pairs, const SetOptions& options) {
  DASSERT(pairs.size() % 2 == 0 && options.condition != SetCondition::kEqual);
  if (options.condition != SetCondition::kNone) {
    const bool wanted = options.condition == SetCondition::kPresent;
    for (size_t i = 0; i < pairs.size(); i += 2) {
      if ((db.Find(MakeKey(pairs[i]), Lookup::kWrite) != nullptr) != wanted) return false;
    }
  }
  for (size_t i = 0; i < pairs.size(); i += 2) {
    const KeyView key = MakeKey(pairs[i]);
    if (options.keep_deadline) {
      SetKeepingDeadline(db, key, pairs[i + 1], db.Find(key, Lookup::kPeek));
    } else {
      Set(db, key, pairs[i + 1], options.deadline);
    }
  }
  return true;
}

Result<const Record*> GetAndDelete(Db& db, KeyView key) {
  const Result<Record*> found = Find(db, key, Lookup::kUse);
  if (!found.ok()) return found.error();
  if (!db.Erase(key)) return nullptr;
  ++db.tally().changes;
  db.Notify(KeyEventClass::kGeneric, "del", key);
  return *found;
}

Result<bool> DeleteIfEqual(Db& db, KeyView key, std::string_view value) {
  const Result<Record*> found = Find(db, key, Lookup::kWrite);
  if (!found.ok()) return found.error();
  if (*found == nullptr || Text(**found).view() != value) return false;
  db.Erase(key);
  ++db.tally().changes;
  db.Notify(KeyEventClass::kGeneric, "del", key);
  return true;
}

Result<uint64_t> Append(Db& db, KeyView key, std::string_view tail, uint64_t bytes_max) {
  const Result<Record*> found = Find(db, key, Lookup::kWrite);
  if (!found.ok()) return found.error();
  Record* old = *found;
  const uint64_t old_length = old != nullptr ? Length(*old) : 0;
  const uint64_t length = old_length + tail.size();
  if (old != nullptr && length > bytes_max) return Errc::kTooLong;
  if (db.logs_changes()) db.LogEffect({"APPEND", key.bytes, tail});
  if (old == nullptr) {
    Publish(db, key, DraftOf(key, tail), "append");
    return length;
  }
  if (AppendInPlace(db, key, *old, tail)) {
    ++db.tally().changes;
    db.Notify(KeyEventClass::kString, "append", key);
    return length;
  }
  const Text text(*old);
  Record::Draft draft = Successor(key, *old);
  if (length <= kInlineValueBytesMax) {
    draft.encoding = Encoding::kRaw;
    draft.value = text.view();
    draft.value_tail = tail;
  } else {
    draft.encoding = Encoding::kBlob;
    draft.read_under_lock = old->read_under_lock();
    draft.blob = Blob::Create(length, GrownCapacity(length));
    std::memcpy(draft.blob->bytes(), text.view().data(), old_length);
    std::memcpy(draft.blob->bytes() + old_length, tail.data(), tail.size());
  }
  Publish(db, key, draft, "append");
  return length;
}

Result<uint64_t> Overwrite(Db& db, KeyView key, uint64_t offset, std::string_view value,
                           uint64_t bytes_max) {
  const Result<Record*> found = Find(db, key, Lookup::kWrite);
  if (!found.ok()) return found.error();
  Record* old = *found;
  const uint64_t old_length = old != nullptr ? Length(*old) : 0;
  if (value.empty()) return old_length;
  if (offset > bytes_max || value.size() > bytes_max - offset) return Errc::kTooLong;
  const uint64_t length = std::max(old_length, offset + value.size());
  if (db.logs_changes()) {
    char digits[kInt64CharsMax];
    db.LogEffect({"SETRANGE", key.bytes, {digits, FormatUint64(offset, digits)}, value});
  }
  StringEdit edit(db, key, old, length, std::min(offset, length));
  std::memcpy(edit.bytes() + offset, value.data(), value.size());
  edit.Publish("setrange");
  return length;
}

std::string_view Slice(std::string_view text, int64_t first, int64_t last) {
  const auto length = static_cast<int64_t>(text.size());
  if (first < 0 && last < 0 && first > last) return {};
  if (first < 0) first = std::max<int64_t>(first + length, 0);
  if (last < 0) last = std::max<int64_t>(last + length, 0);
  last = std::min(last, length - 1);
  if (first > last) return {};
  return text.substr(static_cast<size_t>(first), static_cast<size_t>(last - first + 1));
}

Result<int64_t> Increment(Db& db, KeyView key, int64_t by, uint64_t bytes_max) {
  const Result<Record*> found = Find(db, key, Lookup::kWrite);
  if (!found.ok()) return found.error();
  Record* old = *found;
  int64_t value = 0;
  if (old != nullptr && !ReadInteger(*old, &value)) return Errc::kNotInteger;
  if (__builtin_add_overflow(value, by, &value)) return Errc::kIntegerOverflow;
  if (bytes_max < kInt64CharsMax && Int64Length(value) > bytes_max) [[unlikely]]
    return Errc::kTooLong;
  if (db.logs_changes()) {
    char digits[kInt64CharsMax];
    const std::string_view text(digits, FormatInt64(value, digits));
    db.LogEffect({"SET", key.bytes, text, "KEEPTTL"});
  }
  if (old != nullptr && old->encoding() == Encoding::kInt) {
    old->set_integer(value);
    db.Changed(key, old);
    ++db.tally().changes;
    db.Notify(KeyEventClass::kString, "incrby", key);
    return value;
  }
  Record::Draft draft;
  draft.key = key.bytes;
  draft.encoding = Encoding::kInt;
  draft.integer = value;
  if (old != nullptr) InheritDeadline(*old, &draft);
  Publish(db, key, draft, "incrby");
  return value;
}

Result<std::string_view> IncrementFloat(Db& db, KeyView key, long double by, char* out,
                                        uint64_t bytes_max) {
  const Result<Record*> found = Find(db, key, Lookup::kWrite);
  if (!found.ok()) return found.error();
  const Record* old = *found;
  long double value = 0;
  if (old != nullptr && !ParseLongDouble(Text(*old).view(), &value)) return Errc::kNotFloat;
  value += by;
  if (!std::isfinite(value)) return Errc::kNanOrInfinity;
  const std::string_view text(out, FormatLongDouble(value, out));
  if (text.size() > bytes_max) return Errc::kTooLong;
  if (db.logs_changes()) db.LogEffect({"SET", key.bytes, text, "KEEPTTL"});
  Record::Draft draft;
  draft.key = key.bytes;
  if (text.size() <= kInlineValueBytesMax) {
    draft.value = text;
  } else {
    draft.encoding = Encoding::kBlob;
    draft.blob = Blob::Copy(text);
  }
  if (old != nullptr) InheritDeadline(*old, &draft);
  Publish(db, key, draft, "incrbyfloat");
  return text;
}

}  // namespace alai::strings
