// Forms that are packed in a string are taken out of it one element at a time; a listpack is looked
// through before, as its own reading trusts it.
#include "storage/collection_reader.h"

#include <cmath>

#include "engine/containers/intset.h"
#include "engine/containers/listpack.h"
#include "storage/ziplist.h"
#include "storage/zipmap.h"

namespace alai {
namespace {

PackedValue ValueOf(const RdbString& string) {
  if (string.is_integer) return PackedValue::Of(string.integer);
  return {false, 0, string.bytes};
}

// A string that is to hold a packed form, which no integer does.
bool ReadPacked(RdbReader& reader, std::string_view* packed) {
  const RdbString string = reader.String();
  *packed = string.bytes;
  return reader.ok() && !string.is_integer;
}

bool ScoreOf(const PackedValue& value, double* score) {
  if (!value.is_integer) return ParseDouble(value.text, score);
  *score = static_cast<double>(value.integer);
  return true;
}

// Gives the elements of a packed form to a sink by the type of the collection: hashes and sorted sets get
// two at a time.
class PackedPairs {
 public:
  PackedPairs(Type type, CollectionSink& sink) : type_(type), sink_(sink) {}

  bool Take(const PackedValue& value) {
    ++count_;
    if (type_ == Type::kList) return sink_.Element(value);
    if (type_ == Type::kSet) return sink_.Member(value);
    if (count_ % 2 != 0) {
      first_ = value;
      return true;
    }
    if (type_ == Type::kHash) return sink_.Field(first_, value);
    double score;
    return ScoreOf(value, &score) && sink_.Scored(first_, score);
  }
  // Whether nothing is missing from the last pair.
  bool whole() const { return type_ == Type::kList || type_ == Type::kSet || count_ % 2 == 0; }
  bool empty() const { return count_ == 0; }

 private:
  const Type type_;
  CollectionSink& sink_;
  PackedValue first_;
  uint64_t count_ = 0;
};

bool TakeListpack(std::string_view bytes, PackedPairs& pairs) {
  if (!ValidateListpack(bytes)) return false;
  const Listpack listpack(bytes.data());
  const size_t end = listpack.End();
  for (size_t at = listpack.Begin(); at < end; at = listpack.Next(at)) {
    if (!pairs.Take(listpack.Read(at))) return false;
  }
  return true;
}

bool TakeZiplist(std::string_view bytes, PackedPairs& pairs) {
  ZiplistReader reader(bytes);
  PackedValue value;
  while (reader.Next(&value)) {
    if (!pairs.Take(value)) return false;
  }
  return reader.ok();
}

using TakePacked = bool (*)(std::string_view, PackedPairs&);

bool ReadOnePacked(RdbReader& reader, Type type, TakePacked take, CollectionSink& sink) {
  std::string_view bytes;
  PackedPairs pairs(type, sink);
  return ReadPacked(reader, &bytes) && take(bytes, pairs) && pairs.whole() && !pairs.empty();
}

bool ReadZipmap(RdbReader& reader, CollectionSink& sink) {
  std::string_view bytes;
  if (!ReadPacked(reader, &bytes)) return false;
  ZipmapReader zipmap(bytes);
  std::string_view field;
  std::string_view value;
  bool any = false;
  while (zipmap.Next(&field, &value)) {
    any = true;
    if (!sink.Field({false, 0, field}, {false, 0, value})) return false;
  }
  return zipmap.ok() && any;
}

bool ReadIntset(RdbReader& reader, CollectionSink& sink) {
  std::string_view bytes;
  if (!ReadPacked(reader, &bytes) || !ValidateIntset(bytes)) return false;
  const Intset intset(bytes.data());
  for (uint32_t i = 0; i < intset.count(); ++i) {
    if (!sink.Member(PackedValue::Of(intset.At(i)))) return false;
  }
  return !intset.empty();
}

// Nodes may be empty as long as not all are, as Redis takes them, too.
bool ReadNodes(RdbReader& reader, RdbType type, CollectionSink& sink) {
  PackedPairs pairs(Type::kList, sink);
  for (uint64_t left = reader.Length(); left > 0; --left) {
    const uint64_t kind = type == RdbType::kListNodes ? reader.Length() : 0;
    if (kind == kRdbPlainNode) {
      const PackedValue element = ValueOf(reader.String());
      if (!reader.ok() || !pairs.Take(element)) return false;
      continue;
    }
    if (type == RdbType::kListNodes && kind != kRdbPackedNode) return false;
    std::string_view bytes;
    if (!ReadPacked(reader, &bytes)) return false;
    if (!(type == RdbType::kListNodes ? TakeListpack(bytes, pairs) : TakeZiplist(bytes, pairs))) {
      return false;
    }
  }
  return reader.ok() && !pairs.empty();
}

// Of a form that gives each element as a string of its own.
bool ReadElement(RdbReader& reader, RdbType type, CollectionSink& sink) {
  const PackedValue first = ValueOf(reader.String());
  // The next string takes the reader's memory for itself.
  const std::unique_ptr<char[]> unfolded = reader.TakeUnfolded();
  switch (type) {
    case RdbType::kList:
      return reader.ok() && sink.Element(first);
    case RdbType::kSet:
      return reader.ok() && sink.Member(first);
    case RdbType::kHash: {
      const PackedValue value = ValueOf(reader.String());
      return reader.ok() && sink.Field(first, value);
    }
    default: {
      const double score = type == RdbType::kSortedSet ? reader.Double() : reader.DecimalDouble();
      return reader.ok() && !std::isnan(score) && sink.Scored(first, score);
    }
  }
}

// A field whose deadline is known before or after the rest. `read_deadline` gives kNoDeadline for none, and
// a negative one for what cannot be.
template <class ReadDeadline>
bool ReadFieldUntil(RdbReader& reader, bool deadline_first, ReadDeadline read_deadline,
                    CollectionSink& sink) {
  UnixMillis deadline = deadline_first ? read_deadline() : kNoDeadline;
  const PackedValue field = ValueOf(reader.String());
  const std::unique_ptr<char[]> unfolded = reader.TakeUnfolded();
  const PackedValue value = ValueOf(reader.String());
  if (!deadline_first) deadline = read_deadline();
  if (!reader.ok() || deadline < 0) return false;
  return deadline == kNoDeadline ? sink.Field(field, value)
                                 : sink.FieldUntil(field, value, deadline);
}

bool ReadHashOfValkey(RdbReader& reader, CollectionSink& sink) {
  constexpr UnixMillis kNone = -1;
  const auto read_deadline = [&reader] {
    const UnixMillis deadline = reader.Millis();
    if (deadline == kNoDeadline) return kNone;  // not how Valkey says so
    return deadline == kNone ? kNoDeadline : deadline;
  };
  const uint64_t count = reader.Length();
  for (uint64_t left = count; left > 0; --left) {
    if (!ReadFieldUntil(reader, false, read_deadline, sink)) return false;
  }
  return reader.ok() && count > 0;
}

bool ReadHashDeadlines(RdbReader& reader, CollectionSink& sink) {
  const UnixMillis earliest = reader.Millis();
  if (earliest < 0 || earliest == kNoDeadline) return false;
  const auto read_deadline = [&reader, earliest]() -> UnixMillis {
    const uint64_t behind = reader.Length();
    if (behind == 0) return kNoDeadline;
    const bool fits = behind - 1 <= static_cast<uint64_t>(kNoDeadline - 1 - earliest);
    return fits ? earliest + static_cast<UnixMillis>(behind - 1) : -1;
  };
  const uint64_t count = reader.Length();
  for (uint64_t left = count; left > 0; --left) {
    if (!ReadFieldUntil(reader, true, read_deadline, sink)) return false;
  }
  return reader.ok() && count > 0;
}

bool ReadHashListpackEx(RdbReader& reader, CollectionSink& sink) {
  std::string_view bytes;
  if (reader.Millis() < 0 || !ReadPacked(reader, &bytes) || !ValidateListpack(bytes)) return false;
  const Listpack listpack(bytes.data());
  const size_t count = listpack.count();
  if (count == 0 || count % 3 != 0) return false;
  for (size_t at = listpack.Begin(); at < listpack.End();) {
    const size_t value_at = listpack.Next(at);
    const size_t deadline_at = listpack.Next(value_at);
    const PackedValue field = listpack.Read(at);
    const PackedValue value = listpack.Read(value_at);
    const PackedValue deadline = listpack.Read(deadline_at);
    if (!deadline.is_integer || deadline.integer < 0) return false;
    if (deadline.integer == 0 ? !sink.Field(field, value)
                              : !sink.FieldUntil(field, value, deadline.integer)) {
      return false;
    }
    at = listpack.Next(deadline_at);
  }
  return true;
}

bool ReadElements(RdbReader& reader, RdbType type, CollectionSink& sink) {
  const uint64_t count = reader.Length();
  for (uint64_t left = count; left > 0; --left) {
    if (!ReadElement(reader, type, sink)) return false;
  }
  return reader.ok() && count > 0;
}

}  // namespace

bool ReadCollection(RdbReader& reader, RdbType type, CollectionSink& sink) {
  switch (type) {
    case RdbType::kList:
    case RdbType::kSet:
    case RdbType::kSortedSetText:
    case RdbType::kHash:
    case RdbType::kSortedSet:
      return ReadElements(reader, type, sink);
    case RdbType::kHashZipmap:
      return ReadZipmap(reader, sink);
    case RdbType::kSetIntset:
      return ReadIntset(reader, sink);
    case RdbType::kListZiplists:
    case RdbType::kListNodes:
      return ReadNodes(reader, type, sink);
    case RdbType::kListZiplist:
    case RdbType::kSortedSetZiplist:
    case RdbType::kHashZiplist:
      return ReadOnePacked(reader, *CollectionOf(type), TakeZiplist, sink);
    case RdbType::kHashListpack:
    case RdbType::kSortedSetListpack:
    case RdbType::kSetListpack:
      return ReadOnePacked(reader, *CollectionOf(type), TakeListpack, sink);
    case RdbType::kHashValkey:
      return ReadHashOfValkey(reader, sink);
    case RdbType::kHashDeadlines:
      return ReadHashDeadlines(reader, sink);
    case RdbType::kHashListpackEx:
      return ReadHashListpackEx(reader, sink);
    default:
      return false;
  }
}

}  // namespace alai
