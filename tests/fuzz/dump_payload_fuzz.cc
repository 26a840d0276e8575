// Any bytes as a DUMP payload. What decodes is encoded again and must come back the same; with a
// good footer put behind the bytes the checksum does not hide the decoder from the fuzzer.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/assert.h"
#include "storage/crc64.h"
#include "storage/dump_payload.h"

namespace alai {
namespace {

constexpr uint64_t kStringBytesMax = uint64_t{1} << 20;

std::string WithFooter(std::string body) {
  body += static_cast<char>(kDumpVersionWritten);
  body += '\0';
  uint64_t crc = Crc64(0, body);
  for (int i = 0; i < 8; ++i, crc >>= 8) body += static_cast<char>(crc);
  return body;
}

std::string TextOf(const RdbString& string) {
  return string.is_integer ? std::to_string(string.integer) : std::string(string.bytes);
}

void CheckDecoding(std::string_view payload, bool check_crc) {
  const DumpDecodeOptions options{.check_crc = check_crc, .string_bytes_max = kStringBytesMax};
  DumpedValue value;
  if (DecodeDump(payload, options, &value) != DumpError::kNone) return;
  const std::string text = TextOf(value.string);
  ASSERT(text.size() <= kStringBytesMax);
  for (const bool compress : {false, true}) {
    DumpedValue again;
    const std::string encoded = EncodeDump(value.string, compress);
    ASSERT(DecodeDump(encoded, options, &again) == DumpError::kNone);
    ASSERT(TextOf(again.string) == text);
  }
}

}  // namespace
}  // namespace alai

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  alai::CheckDecoding(input, true);
  alai::CheckDecoding(input, false);
  alai::CheckDecoding(alai::WithFooter(std::string(input)), true);
  return 0;
}
