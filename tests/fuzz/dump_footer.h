// Ends bytes as DUMP does, so that a checksum does not hide the decoder from a fuzzer.
#pragma once

#include <cstdint>
#include <string>

#include "storage/crc64.h"
#include "storage/dump_payload.h"

namespace alai {

inline std::string WithFooter(std::string body) {
  body += static_cast<char>(kDumpVersionWritten);
  body += '\0';
  uint64_t crc = Crc64(0, body);
  for (int i = 0; i < 8; ++i, crc >>= 8) body += static_cast<char>(crc);
  return body;
}

}  // namespace alai
