#include "engine/types/collections.h"

#include "engine/base/assert.h"
#include "engine/containers/intset.h"
#include "engine/containers/listpack.h"
#include "engine/containers/stream.h"
#include "engine/types/hash_builder.h"
#include "engine/types/hashes.h"
#include "engine/types/lists.h"
#include "engine/types/set_builder.h"
#include "engine/types/sets.h"
#include "engine/types/sorted_sets.h"
#include "engine/types/streams.h"
#include "engine/types/strings.h"

namespace alai {
namespace {

bool VisitIntset(Intset intset, CollectionSink& sink) {
  for (uint32_t i = 0; i < intset.count(); ++i) {
    if (!sink.Member(PackedValue::Of(intset.At(i)))) return false;
  }
  return true;
}

double ScoreOf(const PackedValue& value) {
  if (value.is_integer) return static_cast<double>(value.integer);
  double score = 0;
  const bool parsed = ParseDouble(value.text, &score);
  DASSERT(parsed);
  return score;
}

// What a listpack in a record holds: elements, members, or pairs.
bool VisitListpack(Type type, Listpack listpack, CollectionSink& sink) {
  const size_t end = listpack.End();
  for (size_t at = listpack.Begin(); at < end; at = listpack.Next(at)) {
    const PackedValue first = listpack.Read(at);
    bool taken = false;
    switch (type) {
      case Type::kList:
        taken = sink.Element(first);
        break;
      case Type::kSet:
        taken = sink.Member(first);
        break;
      case Type::kSortedSet:
        at = listpack.Next(at);
        taken = sink.Scored(first, ScoreOf(listpack.Read(at)));
        break;
      case Type::kHash:
        at = listpack.Next(at);
        taken = sink.Field(first, listpack.Read(at));
        break;
      default:
        break;
    }
    if (!taken) return false;
  }
  return true;
}

bool VisitHash(const Record& record, UnixMillis now, CollectionSink& sink) {
  bool taken = true;
  hashes::TableOf(record).ForEach([&](const PackedMember& member) {
    if (member.deadline <= now) return true;
    const PackedValue field{false, 0, member.member};
    const PackedValue value{false, 0, member.value};
    taken = member.deadline == kNoDeadline ? sink.Field(field, value)
                                           : sink.FieldUntil(field, value, member.deadline);
    return taken;
  });
  return taken;
}

bool VisitList(const Record& record, CollectionSink& sink) {
  bool taken = true;
  lists::Elements(&record).Walk(ListEnd::kFront, 0, [&](const PackedValue& element) {
    taken = sink.Element(element);
    return taken;
  });
  return taken;
}

bool VisitSet(const Record& record, CollectionSink& sink) {
  bool taken = true;
  sets::Members(&record).ForEach([&](const PackedValue& member) {
    taken = sink.Member(member);
    return taken;
  });
  return taken;
}

// Counts texts until there are too many.
class TextMeter final : public CollectionSink {
 public:
  explicit TextMeter(uint64_t bytes_max) : bytes_max_(bytes_max) {}

  bool Add(uint64_t bytes) {
    bytes_ += bytes;
    return bytes_ <= bytes_max_;
  }
  bool Element(const PackedValue& element) override { return Add(element.length()); }
  bool Member(const PackedValue& member) override { return Add(member.length()); }
  bool Field(const PackedValue& field, const PackedValue& value) override {
    return Add(field.length() + value.length());
  }
  bool Scored(const PackedValue& member, double) override { return Add(member.length()); }

 private:
  const uint64_t bytes_max_;
  uint64_t bytes_ = 0;
};

// False when the meter stopped it.
bool MeasureStream(const Stream& stream, TextMeter& meter) {
  StreamRange entries = stream.Range(StreamId::Min(), StreamId::Max());
  while (entries.Next()) {
    StreamEntry::Fields fields(entries.entry());
    while (fields.Next()) {
      if (!meter.Add(fields.field().size() + fields.value().size())) return false;
    }
  }
  for (const ConsumerGroup* group : stream.groups()) {
    if (!meter.Add(group->name().size())) return false;
    for (const Consumer* consumer : group->consumers()) {
      if (!meter.Add(consumer->name().size())) return false;
    }
  }
  return true;
}

// What a set's or list's own builder makes.
class SetCollection final : public CollectionBuilder {
 public:
  explicit SetCollection(const PackingLimits& limits) : set_(limits) {}

  bool Member(const PackedValue& member) override {
    return set_.Add(member.is_integer ? member : PackedValue::Of(member.text));
  }
  bool Finish() override { return set_.size() != 0; }
  Record::Draft TakeDraft(KeyView key) override {
    Record::Draft draft;
    draft.key = key.bytes;
    draft.type = Type::kSet;
    set_.MoveTo(&draft);
    return draft;
  }
  uint64_t text_bytes() const override { return set_.added_bytes(); }

 private:
  sets::SetBuilder set_;
};

class ListCollection final : public CollectionBuilder {
 public:
  explicit ListCollection(const PackingLimits& limits) : list_(limits) {}

  bool Element(const PackedValue& element) override {
    text_bytes_ += element.length();
    list_.Add(element);
    return true;
  }
  bool Finish() override { return list_.size() != 0; }
  Record::Draft TakeDraft(KeyView key) override {
    Record::Draft draft;
    draft.key = key.bytes;
    list_.MoveTo(&draft);
    return draft;
  }
  uint64_t text_bytes() const override { return text_bytes_; }

 private:
  lists::ListBuilder list_;
  uint64_t text_bytes_ = 0;
};

bool VisitSortedSet(const Record& record, CollectionSink& sink) {
  bool taken = true;
  sorted_sets::Members(&record).ForEach([&](const PackedValue& member, double score) {
    taken = taken && sink.Scored(member, score);
  });
  return taken;
}

// Members come in any order, so they are put in order before their form is chosen.
class SortedSetCollection final : public CollectionBuilder {
 public:
  explicit SortedSetCollection(const PackingLimits& limits) : ordered_(limits) {}

  bool Scored(const PackedValue& member, double score) override {
    char digits[kInt64CharsMax];
    text_bytes_ += member.length();
    return set_.Set(member.View(digits), score) == SortedSet::SetOutcome::kAdded;
  }
  bool Finish() override { return set_.size() != 0; }
  Record::Draft TakeDraft(KeyView key) override {
    sorted_sets::Members(set_).ForEach(
        [&](const PackedValue& member, double score) { ordered_.Append(member, score); });
    Record::Draft draft;
    draft.key = key.bytes;
    ordered_.MoveTo(&draft);
    return draft;
  }
  uint64_t text_bytes() const override { return text_bytes_; }

 private:
  SortedSet set_;
  sorted_sets::Builder ordered_;
  uint64_t text_bytes_ = 0;
};

size_t CountHash(const Record& record, UnixMillis now) {
  const hashes::Fields fields(&record, now);
  if (fields.table() == nullptr || fields.table()->deadline_count() == 0) return fields.size();
  size_t live = 0;
  fields.ForEach([&live](const PackedValue&, const PackedValue&) { ++live; });
  return live;
}

}  // namespace

bool HoldsMoreText(const Record& record, UnixMillis now, uint64_t bytes_max) {
  switch (record.type()) {
    case Type::kString:
      return strings::Length(record) > bytes_max;
    case Type::kTokenBucket:
      return false;
    case Type::kStream: {
      TextMeter meter(bytes_max);
      return !MeasureStream(streams::StreamOf(record), meter);
    }
    default:
      break;
  }
  TextMeter meter(bytes_max);
  return !VisitCollection(record, now, meter);
}

size_t CountCollection(const Record& record, UnixMillis now) {
  if (record.encoding() == Encoding::kIntset) return Intset(record.inline_value().data()).count();
  if (record.encoding() == Encoding::kListpack) {
    const size_t entries = Listpack(record.inline_value().data()).count();
    const bool pairs = record.type() == Type::kHash || record.type() == Type::kSortedSet;
    return pairs ? entries / 2 : entries;
  }
  switch (record.type()) {
    case Type::kHash:
      return CountHash(record, now);
    case Type::kList:
      return lists::Elements(&record).size();
    case Type::kSet:
      return sets::Members(&record).size();
    case Type::kSortedSet:
      return sorted_sets::Members(&record).size();
    default:
      return 0;
  }
}

bool VisitCollection(const Record& record, UnixMillis now, CollectionSink& sink) {
  if (record.encoding() == Encoding::kIntset) {
    return VisitIntset(Intset(record.inline_value().data()), sink);
  }
  if (record.encoding() == Encoding::kListpack) {
    return VisitListpack(record.type(), Listpack(record.inline_value().data()), sink);
  }
  switch (record.type()) {
    case Type::kHash:
      return VisitHash(record, now, sink);
    case Type::kList:
      return VisitList(record, sink);
    case Type::kSet:
      return VisitSet(record, sink);
    case Type::kSortedSet:
      return VisitSortedSet(record, sink);
    default:
      return false;
  }
}

std::unique_ptr<CollectionBuilder> NewCollectionBuilder(Type type, const PackingLimits& limits) {
  switch (type) {
    case Type::kHash:
      return std::make_unique<hashes::Builder>(limits);
    case Type::kList:
      return std::make_unique<ListCollection>(limits);
    case Type::kSet:
      return std::make_unique<SetCollection>(limits);
    case Type::kSortedSet:
      return std::make_unique<SortedSetCollection>(limits);
    default:
      return nullptr;
  }
}

}  // namespace alai
