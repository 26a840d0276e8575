// CRC-64 against the published check value and against the definition, bit by bit.

#include "storage/crc64.h"

#include <string>

#include "engine/base/random.h"
#include "tests/catch.h"

namespace alai {
namespace {

uint64_t BitByBit(std::string_view bytes) {
  uint64_t crc = 0;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0x95ac9329ac4bc9b5 : 0);
  }
  return crc;
}

TEST_CASE("CRC-64 gives the check value of Jones's polynomial") {
  CHECK(Crc64(0, "123456789") == 0xe9c6d914c4b8d9ca);
  CHECK(Crc64(0, "") == 0);
  CHECK(Crc64(0x1234, "") == 0x1234);
}

TEST_CASE("CRC-64 equals the definition at every length and alignment, in one go or in pieces") {
  Random random(64);
  std::string bytes(100, '\0');
  for (char& c : bytes) c = static_cast<char>(random.Next());
  const std::string_view all = bytes;
  for (size_t first = 0; first < 9; ++first) {
    for (size_t size = 0; first + size <= all.size(); ++size) {
      const std::string_view part = all.substr(first, size);
      const uint64_t expected = BitByBit(part);
      REQUIRE(Crc64(0, part) == expected);
      const size_t cut = random.Below(size + 1);
      REQUIRE(Crc64(Crc64(0, part.substr(0, cut)), part.substr(cut)) == expected);
    }
  }
}

}  // namespace
}  // namespace alai
