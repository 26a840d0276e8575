#include "storage/record_writer.h"

#include <string>

#include "engine/blob.h"
#include "engine/types/collections.h"
#include "engine/types/hashes.h"
#include "engine/types/stream_container.h"
#include "storage/collection_writer.h"
#include "storage/module_id.h"
#include "storage/stream_writer.h"

namespace alai {
namespace {

void WriteString(RdbWriter& writer, const Record& record) {
  switch (record.encoding()) {
    case Encoding::kInt:
      return writer.String(RdbString::Of(record.integer()));
    case Encoding::kBlob:
      return writer.String(RdbString::Of(record.blob()->view()));
    default:  // in the record
      return writer.String(RdbString::Of(record.inline_value()));
  }
}

void WriteTokenBucket(RdbWriter& writer, const Record& record) {
  writer.Length(kTokenBucketId);
  writer.Length(kModuleSigned);
  writer.Length(static_cast<uint64_t>(record.integer()));
  writer.Length(kModuleEnd);
}

void WriteListpackNode(RdbWriter& writer, const Record& record) {
  writer.Length(1);
  writer.Length(kRdbPackedNode);
  WritePacked(writer, record.inline_value());
}

// kNoDeadline unless it is a hash some of whose fields have deadlines.
UnixMillis EarliestFieldDeadline(const Record& record) {
  const bool table = record.type() == Type::kHash && record.encoding() == Encoding::kContainer;
  return table ? hashes::TableOf(record).EarliestDeadline() : kNoDeadline;
}

const Stream& StreamOf(const Record& record) {
  return static_cast<StreamContainer*>(record.container())->stream();
}

uint64_t WrittenStreamBytes(const Stream& stream, bool compress) {
  std::string bytes;
  RdbWriter writer(&bytes, compress);
  uint64_t total = 0;
  WriteStream(writer, stream, [&] {
    total += bytes.size();
    bytes.clear();
  });
  return total + bytes.size();
}

// Counts what elements are long, one by one.
class ElementMeter final : public CollectionSink {
 public:
  ElementMeter(bool compress, UnixMillis earliest)
      : writer_(&bytes_, compress), elements_(writer_, earliest) {}

  bool Element(const PackedValue& element) override { return Count(elements_.Element(element)); }
  bool Member(const PackedValue& member) override { return Count(elements_.Member(member)); }
  bool Field(const PackedValue& field, const PackedValue& value) override {
    return Count(elements_.Field(field, value));
  }
  bool FieldUntil(const PackedValue& field, const PackedValue& value,
                  UnixMillis deadline) override {
    return Count(elements_.FieldUntil(field, value, deadline));
  }
  bool Scored(const PackedValue& member, double score) override {
    return Count(elements_.Scored(member, score));
  }
  // What comes before the elements.
  RdbWriter& writer() { return writer_; }
  uint64_t total() const { return total_ + bytes_.size(); }

 private:
  bool Count(bool taken) {
    total_ += bytes_.size();
    bytes_.clear();
    return taken;
  }

  std::string bytes_;
  RdbWriter writer_;
  ElementWriter elements_;
  uint64_t total_ = 0;
};

void WriteHead(RdbWriter& writer, const Record& record, UnixMillis now, UnixMillis earliest) {
  if (earliest != kNoDeadline) writer.Millis(earliest);
  writer.Length(CountCollection(record, now));
}

}  // namespace

bool AllOver(const Record& record, UnixMillis now) {
  return EarliestFieldDeadline(record) <= now && CountCollection(record, now) == 0;
}

RdbType RdbTypeOf(const Record& record) {
  const bool listpack = record.encoding() == Encoding::kListpack;
  switch (record.type()) {
    case Type::kTokenBucket:
      return RdbType::kModule;
    case Type::kHash:
      if (listpack) return RdbType::kHashListpack;
      return EarliestFieldDeadline(record) == kNoDeadline ? RdbType::kHash
                                                          : RdbType::kHashDeadlines;
    case Type::kSet:
      return record.encoding() == Encoding::kIntset ? RdbType::kSetIntset : RdbType::kSet;
    case Type::kSortedSet:
      return listpack ? RdbType::kSortedSetListpack : RdbType::kSortedSet;
    case Type::kList:
      return listpack ? RdbType::kListNodes : RdbType::kList;
    case Type::kStream:
      return RdbType::kStream2;
    default:
      return RdbType::kString;
  }
}

void WriteValue(RdbWriter& writer, const Record& record, UnixMillis now) {
  switch (RdbTypeOf(record)) {
    case RdbType::kString:
      return WriteString(writer, record);
    case RdbType::kModule:
      return WriteTokenBucket(writer, record);
    case RdbType::kHashListpack:
    case RdbType::kSortedSetListpack:
    case RdbType::kSetIntset:
      return WritePacked(writer, record.inline_value());
    case RdbType::kListNodes:
      return WriteListpackNode(writer, record);
    case RdbType::kStream2:
      return WriteStream(writer, StreamOf(record));
    default:
      break;
  }
  const UnixMillis earliest = EarliestFieldDeadline(record);
  WriteHead(writer, record, now, earliest);
  ElementWriter elements(writer, earliest);
  VisitCollection(record, now, elements);
}

uint64_t WrittenBytes(const Record& record, UnixMillis now, bool compress) {
  if (record.type() == Type::kStream) return WrittenStreamBytes(StreamOf(record), compress);
  if (record.encoding() == Encoding::kContainer) {
    const UnixMillis earliest = EarliestFieldDeadline(record);
    ElementMeter meter(compress, earliest);
    WriteHead(meter.writer(), record, now, earliest);
    VisitCollection(record, now, meter);
    return meter.total();
  }
  std::string bytes;
  RdbWriter writer(&bytes, compress);
  WriteValue(writer, record, now);
  return bytes.size();
}

}  // namespace alai
