// A payload is checked from its end: the footer first, and only then the value is parsed.
#include "storage/dump_payload.h"

#include "storage/crc64.h"

namespace alai {
namespace {

constexpr size_t kVersionBytes = 2;
constexpr size_t kCrcBytes = 8;
constexpr size_t kFooterBytes = kVersionBytes + kCrcBytes;

// Type bytes of RDB.
enum RdbType : uint8_t { kRdbString = 0 };

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

DumpError DecodeDump(std::string_view payload, const DumpDecodeOptions& options,
                     DumpedValue* value) {
  if (!FooterIsGood(payload, options.check_crc)) return DumpError::kFooter;
  RdbReader reader(payload.substr(0, payload.size() - kFooterBytes), options.string_bytes_max);
  const uint8_t type = reader.Byte();
  if (!reader.ok() || type != kRdbString) return DumpError::kFormat;
  value->type = Type::kString;
  value->string = reader.String();
  value->unfolded = reader.TakeUnfolded();
  return reader.ok() ? DumpError::kNone : DumpError::kFormat;
}

}  // namespace alai
