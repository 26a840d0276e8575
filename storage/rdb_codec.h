// The alphabet of RDB: lengths, numbers and strings, from which files and DUMP payloads are made.
//
//   length   00xxxxxx                      6 bits
//            01xxxxxx xxxxxxxx             14 bits, high bits first
//            10000000 4 bytes              32 bits, big-endian
//            10000001 8 bytes              64 bits, big-endian
//   double   8 bytes                       IEEE 754, little-endian
//            1 byte of length, decimal     older; lengths 253, 254 and 255 mean nan, inf and -inf
//   time     8 bytes                       milliseconds since 1970, signed, little-endian
//   string   length, bytes                 as it is
//            11000000 1 byte               integer, little-endian as all three
//            11000001 2 bytes
//            11000010 4 bytes
//            11000011 length length bytes  LZF: compressed size, original size, compressed bytes
//
// Threads     None shared: a reader or writer belongs to its caller.
// Invariants  A reader never looks past its bytes and never allocates more than `string_bytes_max`
// or
//             88 times the compressed bytes that are there, which is the most LZF can unfold.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "engine/base/clock.h"
#include "engine/containers/packed_entry.h"

namespace alai {

// A string as RDB knows it: bytes, or the integer that they spell. Does not own the bytes.
struct RdbString {
  static RdbString Of(std::string_view bytes) { return {.bytes = bytes}; }
  static RdbString Of(int64_t integer) { return {.is_integer = true, .integer = integer}; }
  static RdbString Of(const PackedValue& value) {
    return {value.is_integer, value.integer, value.text};
  }

  bool is_integer = false;
  int64_t integer = 0;
  std::string_view bytes = {};
};

// Appends to a string that its caller owns.
class RdbWriter {
 public:
  // With `compress`, strings over 20 bytes that LZF shortens by at least 4 bytes are compressed.
  RdbWriter(std::string* out, bool compress) : out_(*out), compress_(compress) {}

  void Byte(uint8_t byte) { out_ += static_cast<char>(byte); }
  // As they are, without a length.
  void Bytes(std::string_view bytes) { out_ += bytes; }
  void Length(uint64_t length);
  void Double(double value);
  void Millis(UnixMillis time);
  // Chooses the same form as Redis: an integer that fits 32 bits, LZF, plain.
  void String(const RdbString& string);

 private:
  bool SmallInteger(int64_t value);
  bool Compressed(std::string_view bytes);

  std::string& out_;
  const bool compress_;
};

// Reads from bytes in memory. The first error latches: from then on everything read is zero or
// empty, so a caller reads a whole structure and asks ok() once.
class RdbReader {
 public:
  RdbReader(std::string_view bytes, uint64_t string_bytes_max)
      : rest_(bytes), string_bytes_max_(string_bytes_max) {}

  uint8_t Byte();
  // So many bytes as they are; none when there are fewer.
  std::string_view Bytes(uint64_t size) { return Take(size); }
  uint64_t Length();
  double Double();
  double DecimalDouble();
  UnixMillis Millis();
  // The bytes belong to the input or, unfolded from LZF, to the reader until the next call.
  RdbString String();

  bool ok() const { return ok_; }
  // What has not been read yet.
  std::string_view rest() const { return rest_; }
  // Hands over the memory that the last string was unfolded into; nullptr when it was not
  // compressed.
  std::unique_ptr<char[]> TakeUnfolded() { return std::move(unfolded_); }

 private:
  // A length, or with `special` set the kind of a specially encoded string.
  uint64_t LengthOrKind(bool* special);
  std::string_view Take(uint64_t size);
  RdbString Unfold();
  void Fail();

  std::string_view rest_;
  const uint64_t string_bytes_max_;
  std::unique_ptr<char[]> unfolded_;
  bool ok_ = true;
};

}  // namespace alai
