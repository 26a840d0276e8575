// A payload is checked from its end: the footer first, and only then the value is parsed.
#include "storage/dump_payload.h"

#include "storage/crc64.h"

namespace alai {
namespace {

constexpr size_t kVersionBytes = 2;
constexpr size_t kCrcBytes = 8;
constexpr size_t kFooterBytes = kVersionBytes + kCrcBytes;

// Type bytes of RDB.
enum RdbType : uint8_t { kRdbString = 0, kRdbModule2 = 7 };

// What a module's value consists of.
enum ModulePart : uint8_t { kModuleEnd = 0, kModuleSigned = 1 };

// A module's number: nine letters of this alphabet, six bits each, then ten bits of encoding version.
constexpr uint64_t ModuleId(std::string_view name, uint64_t version) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  uint64_t id = 0;
  for (const char c : name) id = id << 6 | kAlphabet.find(c);
  return id << 10 | version;
}

constexpr uint64_t kTokenBucketId = ModuleId("alai-gcra", 1);

void AppendLittleEndian(uint64_t value, size_t size, std::string* out) {
  for (size_t i = 0; i < size; ++i) *out += static_cast<char>(value >> 8 * i);
}

uint64_t LittleEndian(std::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  return value;
}

void AppendFooter(std::string* payload) {
  AppendLittleEndian(kDumpVersionWritten, kVersionBytes, payload);
  AppendLittleEndian(Crc64(0, *payload), kCrcBytes, payload);
}

DumpError ReadTokenBucket(RdbReader& reader, DumpedValue* value) {
  const bool known = reader.Length() == kTokenBucketId && reader.Length() == kModuleSigned;
  value->type = Type::kTokenBucket;
  value->arrival_ns = static_cast<int64_t>(reader.Length());
  const bool ended = reader.Length() == kModuleEnd;
  return reader.ok() && known && ended && value->arrival_ns >= 0 ? DumpError::kNone
                                                                 : DumpError::kFormat;
}

bool FooterIsGood(std::string_view payload, bool check_crc) {
  if (payload.size() < kFooterBytes) return false;
  const size_t crc_at = payload.size() - kCrcBytes;
  const uint64_t version = LittleEndian(payload.substr(crc_at - kVersionBytes, kVersionBytes));
  if (version > kDumpVersionRedisMax && version != kDumpVersionValkey) return false;
  return !check_crc || LittleEndian(payload.substr(crc_at)) == Crc64(0, payload.substr(0, crc_at));
}

}  // namespace

std::string EncodeDump(const RdbString& value, bool compress) {
  std::string payload;
  payload.reserve(kDumpOverheadBytesMax + value.bytes.size());
  RdbWriter writer(&payload, compress);
  writer.Byte(kRdbString);
  writer.String(value);
  AppendFooter(&payload);
  return payload;
}

std::string EncodeTokenBucketDump(int64_t arrival_ns) {
  std::string payload;
  RdbWriter writer(&payload, false);
  writer.Byte(kRdbModule2);
  writer.Length(kTokenBucketId);
  writer.Length(kModuleSigned);
  writer.Length(static_cast<uint64_t>(arrival_ns));
  writer.Length(kModuleEnd);
  AppendFooter(&payload);
  return payload;
}

DumpError DecodeDump(std::string_view payload, const DumpDecodeOptions& options,
                     DumpedValue* value) {
  if (!FooterIsGood(payload, options.check_crc)) return DumpError::kFooter;
  RdbReader reader(payload.substr(0, payload.size() - kFooterBytes), options.string_bytes_max);
  const uint8_t type = reader.Byte();
  if (type == kRdbModule2 && reader.ok()) return ReadTokenBucket(reader, value);
  if (!reader.ok() || type != kRdbString) return DumpError::kFormat;
  value->type = Type::kString;
  value->string = reader.String();
  value->unfolded = reader.TakeUnfolded();
  return reader.ok() ? DumpError::kNone : DumpError::kFormat;
}

}  // namespace alai
