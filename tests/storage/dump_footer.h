// Ends bytes as DUMP does.
#pragma once

#include <cstdint>
#include <string>

#include "storage/byte_order.h"
#include "storage/crc64.h"
#include "storage/dump_payload.h"

namespace alai {

inline std::string WithFooter(std::string body, uint16_t version = kDumpVersionWritten) {
  AppendLittleEndian(version, 2, &body);
  AppendLittleEndian(Crc64(0, body), 8, &body);
  return body;
}

}  // namespace alai
