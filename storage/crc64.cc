// The tables are computed by the compiler: 16 KB, shared by every caller.
#include "storage/crc64.h"

#include <array>
#include <bit>
#include <cstddef>
#include <cstring>

namespace alai {
namespace {

// The bits of ad93d23594c935a9 in reverse order.
constexpr uint64_t kPolynomial = 0x95ac9329ac4bc9b5;

// Slicing by eight (Kounavis and Berry 2005): table[k][b] is the checksum of byte b followed by k
// zero bytes, so eight bytes need eight independent lookups instead of a chain of them.
using Tables = std::array<std::array<uint64_t, 256>, 8>;

constexpr Tables kTables = [] {
  Tables tables{};
  for (uint64_t byte = 0; byte < 256; ++byte) {
    uint64_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? kPolynomial : 0);
    tables[0][byte] = crc;
  }
  for (size_t zeros = 1; zeros < 8; ++zeros) {
    for (size_t byte = 0; byte < 256; ++byte) {
      const uint64_t before = tables[zeros - 1][byte];
      tables[zeros][byte] = before >> 8 ^ tables[0][before & 0xff];
    }
  }
  return tables;
}();

uint64_t LoadLittleEndian(const char* bytes) {
  uint64_t word;
  std::memcpy(&word, bytes, sizeof word);
  return std::endian::native == std::endian::little ? word : __builtin_bswap64(word);
}

}  // namespace

uint64_t Crc64(uint64_t crc, std::string_view bytes) {
  const char* at = bytes.data();
  const char* const end = at + bytes.size();
  for (; end - at >= 8; at += 8) {
    const uint64_t word = crc ^ LoadLittleEndian(at);
    crc = kTables[7][word & 0xff] ^ kTables[6][word >> 8 & 0xff] ^ kTables[5][word >> 16 & 0xff] ^
          kTables[4][word >> 24 & 0xff] ^ kTables[3][word >> 32 & 0xff] ^
          kTables[2][word >> 40 & 0xff] ^ kTables[1][word >> 48 & 0xff] ^ kTables[0][word >> 56];
  }
  for (; at != end; ++at) {
    crc = crc >> 8 ^ kTables[0][(crc ^ static_cast<unsigned char>(*at)) & 0xff];
  }
  return crc;
}

}  // namespace alai
