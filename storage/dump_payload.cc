// A payload is checked from its end: the footer first, and only then the value is parsed.
#include "storage/dump_payload.h"

#include "engine/base/number.h"
#include "engine/types/stream_container.h"
#include "engine/types/strings.h"
#include "storage/byte_order.h"
#include "storage/collection_reader.h"
#include "storage/crc64.h"
#include "storage/module_id.h"
#include "storage/rdb_types.h"
#include "storage/record_writer.h"
#include "storage/stream_reader.h"

namespace alai {
namespace {

constexpr size_t kVersionBytes = 2;
constexpr size_t kCrcBytes = 8;
constexpr size_t kFooterBytes = kVersionBytes + kCrcBytes;

void AppendFooter(uint16_t version, std::string* payload) {
  AppendLittleEndian(version, kVersionBytes, payload);
  AppendLittleEndian(Crc64(0, *payload), kCrcBytes, payload);
}

bool ReadString(RdbReader& reader, DumpedValue* value) {
  value->type = Type::kString;
  value->string = reader.String();
  value->unfolded = reader.TakeUnfolded();
  return reader.ok();
}

bool ReadTokenBucket(RdbReader& reader, DumpedValue* value) {
  const bool known = reader.Length() == kTokenBucketId && reader.Length() == kModuleSigned;
  value->type = Type::kTokenBucket;
  value->arrival_ns = static_cast<int64_t>(reader.Length());
  const bool ended = reader.Length() == kModuleEnd;
  return reader.ok() && known && ended && value->arrival_ns >= 0;
}

bool BuildCollection(RdbReader& reader, RdbType type, const PackingLimits& limits,
                     DumpedValue* value) {
  const std::optional<Type> collection = CollectionOf(type);
  if (!collection.has_value()) return false;
  value->type = *collection;
  value->collection = NewCollectionBuilder(*collection, limits);
  return value->collection != nullptr && ReadCollection(reader, type, *value->collection) &&
         value->collection->Finish();
}

// A stream that was read as a whole. Takes no elements.
class ReadStreamValue final : public CollectionBuilder {
 public:
  bool Read(RdbReader& reader, RdbType type) {
    return ReadStream(reader, type, &container_->stream(), &text_bytes_);
  }
  // Streams may be empty.
  bool Finish() override { return true; }
  Record::Draft TakeDraft(KeyView key) override {
    Record::Draft draft;
    draft.key = key.bytes;
    draft.type = Type::kStream;
    draft.encoding = Encoding::kContainer;
    draft.container = container_.release();
    draft.read_under_lock = true;
    return draft;
  }
  uint64_t text_bytes() const override { return text_bytes_; }

 private:
  std::unique_ptr<StreamContainer> container_ = std::make_unique<StreamContainer>();
  uint64_t text_bytes_ = 0;
};

bool BuildStream(RdbReader& reader, RdbType type, DumpedValue* value) {
  auto stream = std::make_unique<ReadStreamValue>();
  if (!stream->Read(reader, type)) return false;
  value->type = Type::kStream;
  value->collection = std::move(stream);
  return true;
}

bool FooterIsGood(std::string_view payload, bool check_crc) {
  if (payload.size() < kFooterBytes) return false;
  const size_t crc_at = payload.size() - kCrcBytes;
  const uint64_t version = LittleEndian(payload.substr(crc_at - kVersionBytes, kVersionBytes));
  if (version > kDumpVersionRedisMax && version != kDumpVersionValkey) return false;
  return !check_crc || LittleEndian(payload.substr(crc_at)) == Crc64(0, payload.substr(0, crc_at));
}

bool ReadValue(RdbReader& reader, const PackingLimits& limits, DumpedValue* value) {
  const auto type = static_cast<RdbType>(reader.Byte());
  if (!reader.ok()) return false;
  switch (type) {
    case RdbType::kString:
      return ReadString(reader, value);
    case RdbType::kModule:
      return ReadTokenBucket(reader, value);
    case RdbType::kStream:
    case RdbType::kStream2:
    case RdbType::kStream3:
      return BuildStream(reader, type, value);
    default:
      return BuildCollection(reader, type, limits, value);
  }
}

}  // namespace

uint64_t DumpedValue::text_bytes() const {
  if (collection != nullptr) return collection->text_bytes();
  return string.is_integer ? Int64Length(string.integer) : string.bytes.size();
}

std::string EncodeDump(const Record& record, UnixMillis now, bool compress) {
  std::string payload;
  // Long strings are not moved while they are written.
  if (record.type() == Type::kString) {
    payload.reserve(kDumpOverheadBytesMax + strings::Length(record));
  }
  RdbWriter writer(&payload, compress);
  const RdbType type = RdbTypeOf(record);
  writer.Byte(static_cast<uint8_t>(type));
  WriteValue(writer, record, now);
  AppendFooter(type == RdbType::kHashDeadlines ? kDumpVersionDeadlines : kDumpVersionWritten,
               &payload);
  return payload;
}

DumpError DecodeDump(std::string_view payload, const DumpDecodeOptions& options,
                     const PackingLimits& limits, DumpedValue* value) {
  if (!FooterIsGood(payload, options.check_crc)) return DumpError::kFooter;
  RdbReader reader(payload.substr(0, payload.size() - kFooterBytes), options.string_bytes_max);
  return ReadValue(reader, limits, value) ? DumpError::kNone : DumpError::kFormat;
}

}  // namespace alai
