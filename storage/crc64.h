// CRC-64 with Jones's polynomial, the checksum of RDB files and DUMP payloads.
//
// Reflected, initial value 0, no final inversion; "123456789" gives e9c6d914c4b8d9ca.
#pragma once

#include <cstdint>
#include <string_view>

namespace alai {

// Goes on from `crc`, the result for the bytes before; 0 at the start.
uint64_t Crc64(uint64_t crc, std::string_view bytes);

}  // namespace alai
