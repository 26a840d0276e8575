#include "engine/types/hyperloglogs.h"

#include <optional>
#include <utility>
#include <vector>

#include "engine/base/number.h"
#include "engine/blob.h"
#include "engine/types/string_edit.h"
#include "engine/types/strings.h"

namespace alai::hyperloglogs {
namespace {

using hyperloglog::Raised;
using strings::StringEdit;
using strings::Text;

// The sketch of a key; nullptr when there is none.
Result<Record*> Find(Db& db, KeyView key, Lookup lookup) {
  const Result<Record*> found = strings::Find(db, key, lookup);
  if (!found.ok() || *found == nullptr) return found;
  if (!hyperloglog::IsSketch(Text(**found).view())) return Errc::kNotHyperLogLog;
  return found;
}

void LogWithArguments(Db& db, std::string_view command, KeyView key,
                      std::span<const std::string_view> arguments) {
  if (!db.logs_changes()) return;
  std::vector<std::string_view> words = {command, key.bytes};
  words.insert(words.end(), arguments.begin(), arguments.end());
  db.LogEffect(words);
}

// Publishes a sketch in place of what the key holds. A large one is ready to be changed where it is.
void Store(Db& db, KeyView key, const Record* old, std::string_view sketch, std::string_view event,
           uint32_t changes) {
  Record::Draft draft;
  draft.key = key.bytes;
  if (old != nullptr) strings::InheritDeadline(*old, &draft);
  if (sketch.size() <= kInlineValueBytesMax) {
    draft.encoding = Encoding::kRaw;
    draft.value = sketch;
  } else {
    draft.encoding = Encoding::kBlob;
    draft.read_under_lock = true;
    draft.blob = Blob::Copy(sketch);
  }
  const bool was_there = db.Put(key, draft).replaced;
  strings::TellWritten(db, key, was_there, event, changes);
}

bool TooLong(const Record* old, uint64_t length, const Limits& limits) {
  return length > limits.bytes_max && (old == nullptr || length > strings::Length(*old));
}

// PFADD to a dense sketch: its registers are raised where they are.
void AddToDense(Db& db, KeyView key, Record* old, std::span<const std::string_view> elements) {
  StringEdit edit(db, key, old, hyperloglog::kDenseBytes, 0);
  uint32_t raised = 0;
  for (const std::string_view element : elements) {
    raised += hyperloglog::RaiseDense(edit.bytes(), hyperloglog::PlaceOf(element)) ? 1 : 0;
  }
  hyperloglog::ForgetCount(edit.bytes());
  edit.Publish("pfadd", raised);
}

// Raises `registers` to those of all keys. `dense`: whether one of them is.
Errc MergeAll(Db& db, std::span<const std::string_view> keys, hyperloglog::Registers* registers,
              bool* dense) {
  for (const std::string_view bytes : keys) {
    const Result<Record*> found = Find(db, MakeKey(bytes), Lookup::kUse);
    if (!found.ok()) return found.error();
    if (*found == nullptr) continue;
    const Text text(**found);
    if (!hyperloglog::MergeInto(text.view(), registers)) return Errc::kBadHyperLogLog;
    *dense = *dense || hyperloglog::IsDense(text.view());
  }
  return Errc::kOk;
}

}  // namespace

Result<bool> Add(Db& db, KeyView key, std::span<const std::string_view> elements,
                 const Limits& limits) {
  const Result<Record*> found = Find(db, key, Lookup::kWrite);
  if (!found.ok()) return found.error();
  Record* old = *found;
  size_t first = 0;  // of the elements that may change something
  if (old != nullptr) {
    const Text text(*old);
    Raised raises = Raised::kNo;
    for (; first < elements.size(); ++first) {
      raises = hyperloglog::WouldRaise(text.view(), hyperloglog::PlaceOf(elements[first]));
      if (raises != Raised::kNo) break;
    }
    if (raises == Raised::kCorrupt) return Errc::kBadHyperLogLog;
    if (raises == Raised::kNo) {
      strings::StoreAsBytes(db, key, *old);
      return false;
    }
    if (hyperloglog::IsDense(text.view())) {
      LogWithArguments(db, "PFADD", key, elements.subspan(first));
      AddToDense(db, key, old, elements.subspan(first));
      return true;
    }
  }
  std::string sketch = old != nullptr ? std::string(Text(*old).view()) : hyperloglog::NewSketch();
  uint32_t changes = old == nullptr ? 1 : 0;
  for (const std::string_view element : elements.subspan(first)) {
    const Raised raised =
        hyperloglog::Raise(&sketch, hyperloglog::PlaceOf(element), limits.sparse_bytes_max);
    if (raised == Raised::kCorrupt) return Errc::kBadHyperLogLog;
    if (raised == Raised::kYes) ++changes;
  }
  hyperloglog::ForgetCount(sketch.data());
  if (TooLong(old, sketch.size(), limits)) return Errc::kTooLong;
  LogWithArguments(db, "PFADD", key, elements.subspan(first));
  Store(db, key, old, sketch, "pfadd", changes);
  return true;
}

Result<uint64_t> Count(Db& db, KeyView key) {
  const Result<Record*> found = Find(db, key, Lookup::kUse);
  if (!found.ok()) return found.error();
  Record* record = *found;
  if (record == nullptr) return uint64_t{0};
  const Text text(*record);
  if (const std::optional<uint64_t> kept = hyperloglog::KeptCount(text.view())) return *kept;
  if (db.access() == Access::kOptimistic) {
    db.tally().needs_lock = true;
    return uint64_t{0};
  }
  const std::optional<uint64_t> count = hyperloglog::Estimate(text.view());
  if (!count) return Errc::kBadHyperLogLog;
  StringEdit edit(db, key, record, text.view().size(), 0);
  hyperloglog::KeepCount(edit.bytes(), *count);
  if (db.logs_changes()) {
    char digits[kInt64CharsMax];
    db.LogEffect({"SETRANGE",
                  key.bytes,
                  {digits, FormatUint64(hyperloglog::kCountOffset, digits)},
                  {edit.bytes() + hyperloglog::kCountOffset, hyperloglog::kCountBytes}});
  }
  edit.Publish({});
  return *count;
}

Result<uint64_t> CountUnion(Db& db, std::span<const std::string_view> keys) {
  hyperloglog::Registers registers{};
  bool dense = false;
  const Errc error = MergeAll(db, keys, &registers, &dense);
  if (error != Errc::kOk) return error;
  return hyperloglog::Estimate(registers);
}

Errc Merge(Db& db, std::span<const std::string_view> keys, const Limits& limits) {
  hyperloglog::Registers registers{};
  bool dense = false;
  const Errc error = MergeAll(db, keys, &registers, &dense);
  if (error != Errc::kOk) return error;
  const KeyView target = MakeKey(keys.front());
  const Result<Record*> found = Find(db, target, Lookup::kWrite);
  Record* old = *found;
  std::string sketch = old != nullptr ? std::string(Text(*old).view()) : hyperloglog::NewSketch();
  if (dense && !hyperloglog::MakeDense(&sketch)) return Errc::kBadHyperLogLog;
  hyperloglog::SparsePosition from;
  for (uint32_t i = 0; i < hyperloglog::kRegisters; ++i) {
    if (registers[i] == 0) continue;
    hyperloglog::Raise(&sketch, {i, registers[i]}, limits.sparse_bytes_max, &from);
  }
  hyperloglog::ForgetCount(sketch.data());
  if (TooLong(old, sketch.size(), limits)) return Errc::kTooLong;
  LogWithArguments(db, "PFMERGE", target, keys.subspan(1));
  Store(db, target, old, sketch, "pfadd", 1);
  return Errc::kOk;
}

Result<std::string> Copy(Db& db, KeyView key) {
  const Result<Record*> found = Find(db, key, Lookup::kWrite);
  if (!found.ok()) return found.error();
  if (*found == nullptr) return Errc::kNoKey;
  return std::string(Text(**found).view());
}

Result<bool> MakeDense(Db& db, KeyView key, const Limits& limits) {
  const Result<Record*> found = Find(db, key, Lookup::kWrite);
  if (!found.ok()) return found.error();
  Record* old = *found;
  if (old == nullptr) return Errc::kNoKey;
  std::string sketch(Text(*old).view());
  if (hyperloglog::IsDense(sketch)) return false;
  if (!hyperloglog::MakeDense(&sketch)) return Errc::kBadHyperLogLog;
  if (TooLong(old, sketch.size(), limits)) return Errc::kTooLong;
  if (db.logs_changes()) db.LogEffect({"PFDEBUG", "TODENSE", key.bytes});
  Store(db, key, old, sketch, {}, 1);
  return true;
}

}  // namespace alai::hyperloglogs
