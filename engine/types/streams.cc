#include "engine/types/streams.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/number.h"
#include "engine/store.h"
#include "engine/types/packed_record.h"

namespace alai::streams {
namespace {

// What a trim has left, as a rule that leaves just that wherever it is applied.
class TrimEffect {
 public:
  TrimEffect(const Stream& stream, const TrimRule& rule)
      : word_(rule.length_max.has_value() ? "MAXLEN" : "MINID"),
        id_(rule.whole_blocks ? FirstIdOf(stream) : rule.id_min),
        digits_size_(FormatUint64(rule.whole_blocks ? stream.length() : rule.length_max.value_or(0),
                                  digits_)),
        by_length_(rule.length_max.has_value()) {}

  void AddTo(Effect& effect) const {
    effect.Add(word_);
    effect.Add("=");
    effect.Add(by_length_ ? std::string_view(digits_, digits_size_) : id_.view());
  }

 private:
  static StreamId FirstIdOf(const Stream& stream) {
    return stream.length() == 0 ? StreamId::Max() : stream.first_id();
  }

  const std::string_view word_;
  const StreamIdText id_;
  char digits_[kInt64CharsMax];
  const size_t digits_size_;
  const bool by_length_;
};

// The id that a new entry gets behind the last one; nullopt when it would not be behind.
std::optional<StreamId> Assigned(const NewId& wanted, StreamId last, UnixMillis now) {
  StreamId id = wanted.id;
  if (wanted.kind == NewId::Kind::kNext) {
    const auto now_ms = static_cast<uint64_t>(now);
    return now_ms > last.ms ? StreamId{now_ms, 0} : last.Next();
  }
  if (wanted.kind == NewId::Kind::kNextOfMillis) {
    id.seq = 0;
    if (id.ms == last.ms) {
      if (last.seq == UINT64_MAX) return std::nullopt;
      id.seq = last.seq + 1;
    }
  }
  return id > last ? std::optional(id) : std::nullopt;
}

uint64_t BytesOf(FieldValues pairs) {
  uint64_t bytes = 0;
  for (const std::string_view text : pairs) bytes += text.size();
  return bytes;
}

AddOutcome Judge(const Db& db, const AddRequest& request, StreamId last) {
  if (last == StreamId::Max()) return {AddStatus::kIdsExhausted};
  const std::optional<StreamId> id = Assigned(request.id, last, db.now());
  if (!id.has_value()) return {AddStatus::kIdNotAbove};
  if (BytesOf(request.pairs) > StreamBlock::kEntryBytesMax) return {AddStatus::kTooLarge};
  return {AddStatus::kAdded, *id};
}

// Adds the entry, trims and logs both; gives how many entries were trimmed.
uint64_t Append(Db& db, KeyView key, const AddRequest& request, StreamId id, Stream& stream) {
  stream.Append(id, request.pairs, LimitsOf(db));
  const uint64_t trimmed = request.trim.has_value() ? stream.Trim(*request.trim) : 0;
  if (!db.logs_changes()) return trimmed;
  Effect effect(db, "XADD", key);
  const TrimEffect trim(stream, request.trim.value_or(TrimRule{}));
  if (request.trim.has_value()) trim.AddTo(effect);
  const StreamIdText text(id);
  effect.Add(text.view());
  for (const std::string_view word : request.pairs) effect.Add(word);
  effect.Log();
  return trimmed;
}

void LogDelete(Db& db, KeyView key, std::span<const StreamId> ids) {
  if (!db.logs_changes()) return;
  const std::vector<StreamIdText> texts(ids.begin(), ids.end());
  Effect effect(db, "XDEL", key);
  for (const StreamIdText& text : texts) effect.Add(text.view());
  effect.Log();
}

void LogFigures(Db& db, KeyView key, const Stream& stream) {
  if (!db.logs_changes()) return;
  char digits[kInt64CharsMax];
  db.LogEffect({"XSETID",
                key.bytes,
                StreamIdText(stream.last_id()).view(),
                "ENTRIESADDED",
                {digits, FormatUint64(stream.entries_added(), digits)},
                "MAXDELETEDID",
                StreamIdText(stream.max_deleted_id()).view()});
}

SetFiguresStatus Judge(const Stream& stream, const Figures& figures) {
  if (figures.last_id < stream.max_deleted_id()) return SetFiguresStatus::kBelowDeleted;
  const std::optional<StreamId> top = LastEntryId(stream);
  if (!top.has_value()) return SetFiguresStatus::kSet;
  if (figures.last_id < *top) return SetFiguresStatus::kBelowTop;
  return figures.entries_added.value_or(UINT64_MAX) < stream.length()
             ? SetFiguresStatus::kTooFewAdded
             : SetFiguresStatus::kSet;
}

}  // namespace

Result<Record*> Find(Db& db, KeyView key, Lookup lookup) {
  Record* record = db.Find(key, lookup);
  if (record != nullptr && record->type() != Type::kStream) return Errc::kWrongType;
  return record;
}

Result<const Stream*> Read(Db& db, KeyView key, Lookup lookup) {
  const Result<Record*> found = Find(db, key, lookup);
  if (!found.ok()) return found.error();
  return *found == nullptr ? nullptr : &StreamOf(**found);
}

Record* Put(Db& db, KeyView key, std::unique_ptr<StreamContainer> container) {
  return PutContainer(db, key, Type::kStream, nullptr, container.release());
}

StreamLimits LimitsOf(const Db& db) {
  const PackingLimits& packing = db.store().packing;
  return {.block_bytes_max = packing.stream_bytes.load(std::memory_order_relaxed),
          .block_entries_max = packing.stream_entries.load(std::memory_order_relaxed)};
}

uint64_t TrimLimitOf(const Db& db) {
  constexpr uint64_t kBlocks = 100;
  constexpr uint64_t kWithoutLimit = 10'000;
  constexpr uint64_t kMost = 1'000'000;
  const uint64_t entries = LimitsOf(db).block_entries_max;
  if (entries == 0) return kWithoutLimit;
  return std::min(entries, kMost / kBlocks) * kBlocks;
}

std::optional<StreamId> LastEntryId(const Stream& stream) {
  StreamRange range = stream.ReverseRange(StreamId::Min(), StreamId::Max());
  return range.Next() ? std::optional(range.id()) : std::nullopt;
}

Result<AddOutcome> Add(Db& db, KeyView key, const AddRequest& request) {
  const Result<Record*> found = Find(db, key, Lookup::kWrite);
  if (!found.ok()) return found.error();
  Record* record = *found;
  if (record == nullptr && request.only_existing) return AddOutcome{AddStatus::kNoStream};
  const AddOutcome outcome =
      Judge(db, request, record == nullptr ? StreamId{} : StreamOf(*record).last_id());
  if (outcome.status != AddStatus::kAdded) return outcome;
  uint64_t trimmed;
  if (record == nullptr) {
    auto container = std::make_unique<StreamContainer>();
    trimmed = Append(db, key, request, outcome.id, container->stream());
    Put(db, key, std::move(container));
  } else {
    Change change(db, key, record);
    trimmed = Append(db, key, request, outcome.id, change.stream());
    change.Done();
  }
  ++db.tally().changes;
  db.Notify(KeyEventClass::kStream, "xadd", key);
  if (trimmed != 0) db.Notify(KeyEventClass::kStream, "xtrim", key);
  return outcome;
}

Result<uint64_t> Trim(Db& db, KeyView key, const TrimRule& rule) {
  const Result<Record*> found = Find(db, key, Lookup::kWrite);
  if (!found.ok()) return found.error();
  if (*found == nullptr) return uint64_t{0};
  Change change(db, key, *found);
  const uint64_t removed = change.stream().Trim(rule);
  if (removed == 0) return removed;
  Effect effect(db, "XTRIM", key);
  const TrimEffect trim(change.stream(), rule);
  trim.AddTo(effect);
  effect.Log();
  change.Done();
  db.tally().changes += static_cast<uint32_t>(removed);
  db.Notify(KeyEventClass::kStream, "xtrim", key);
  return removed;
}

Result<uint64_t> Delete(Db& db, KeyView key, std::span<const StreamId> ids) {
  const Result<Record*> found = Find(db, key, Lookup::kWrite);
  if (!found.ok()) return found.error();
  if (*found == nullptr) return uint64_t{0};
  Change change(db, key, *found);
  std::vector<StreamId> deleted;
  for (const StreamId id : ids) {
    if (change.stream().Delete(id)) deleted.push_back(id);
  }
  if (deleted.empty()) return uint64_t{0};
  LogDelete(db, key, deleted);
  change.Done();
  db.tally().changes += static_cast<uint32_t>(deleted.size());
  db.Notify(KeyEventClass::kStream, "xdel", key);
  return deleted.size();
}

Result<SetFiguresStatus> SetFigures(Db& db, KeyView key, const Figures& figures) {
  const Result<Record*> found = Find(db, key, Lookup::kWrite);
  if (!found.ok()) return found.error();
  if (*found == nullptr) return Errc::kNoKey;
  Change change(db, key, *found);
  Stream& stream = change.stream();
  const SetFiguresStatus status = Judge(stream, figures);
  if (status != SetFiguresStatus::kSet) return status;
  const bool keeps_deleted = figures.max_deleted_id.IsZero();
  stream.SetFigures(figures.last_id, figures.entries_added.value_or(stream.entries_added()),
                    keeps_deleted ? stream.max_deleted_id() : figures.max_deleted_id);
  LogFigures(db, key, stream);
  change.Done();
  ++db.tally().changes;
  db.Notify(KeyEventClass::kStream, "xsetid", key);
  return status;
}

}  // namespace alai::streams
