#include "engine/types/collections.h"

#include "engine/base/assert.h"
#include "engine/containers/intset.h"
#include "engine/containers/listpack.h"
#include "engine/types/hash_builder.h"
#include "engine/types/hashes.h"

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
  hashes::Fields(&record, now).ForEach([&](const PackedValue& field, const PackedValue& value) {
    taken = taken && sink.Field(field, value);
  });
  return taken;
}

size_t CountHash(const Record& record, UnixMillis now) {
  const hashes::Fields fields(&record, now);
  if (fields.table() == nullptr || fields.table()->deadline_count() == 0) return fields.size();
  size_t live = 0;
  fields.ForEach([&live](const PackedValue&, const PackedValue&) { ++live; });
  return live;
}

}  // namespace

size_t CountCollection(const Record& record, UnixMillis now) {
  if (record.encoding() == Encoding::kIntset) return Intset(record.inline_value().data()).count();
  if (record.encoding() == Encoding::kListpack) {
    const size_t entries = Listpack(record.inline_value().data()).count();
    const bool pairs = record.type() == Type::kHash || record.type() == Type::kSortedSet;
    return pairs ? entries / 2 : entries;
  }
  return record.type() == Type::kHash ? CountHash(record, now) : 0;
}

bool VisitCollection(const Record& record, UnixMillis now, CollectionSink& sink) {
  const std::string_view packed = record.inline_value();
  if (record.encoding() == Encoding::kIntset) return VisitIntset(Intset(packed.data()), sink);
  if (record.encoding() == Encoding::kListpack) {
    return VisitListpack(record.type(), Listpack(packed.data()), sink);
  }
  return record.type() == Type::kHash && VisitHash(record, now, sink);
}

std::unique_ptr<CollectionBuilder> NewCollectionBuilder(Type type, const PackingLimits& limits) {
  if (type == Type::kHash) return std::make_unique<hashes::Builder>(limits);
  return nullptr;
}

}  // namespace alai
