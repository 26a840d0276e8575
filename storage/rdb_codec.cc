// Lengths are big-endian and integers little-endian, as the format came to be.
#include "storage/rdb_codec.h"

#include <liblzf/lzf.h>

#include <bit>
#include <limits>
#include <new>

#include "engine/base/number.h"
#include "storage/byte_order.h"

namespace alai {
namespace {

// The two upper bits of a length's first byte.
enum LengthForm : uint8_t { kForm6Bit, kForm14Bit, kFormWide, kFormSpecial };

constexpr uint8_t kLength32Bit = 0x80;
constexpr uint8_t kLength64Bit = 0x81;

// The lower six bits of a specially encoded string's first byte.
enum StringKind : uint8_t { kInt8, kInt16, kInt32, kLzf };

constexpr uint8_t SpecialByte(StringKind kind) { return kFormSpecial << 6 | kind; }

// Lengths of a decimal number that stand for what has no digits.
enum DecimalLength : uint8_t { kNan = 253, kInfinity = 254, kMinusInfinity = 255 };

constexpr size_t kPlainBytesMax = 20;
constexpr size_t kLzfGainMin = 4;
// A back reference of 3 bytes stands for at most 264.
constexpr uint64_t kLzfUnfoldMax = 264 / 3;

}  // namespace

void RdbWriter::Length(uint64_t length) {
  if (length < 1 << 6) return Byte(static_cast<uint8_t>(length));
  if (length < 1 << 14) {
    Byte(static_cast<uint8_t>(kForm14Bit << 6 | length >> 8));
    return Byte(static_cast<uint8_t>(length));
  }
  const bool wide = length > std::numeric_limits<uint32_t>::max();
  Byte(wide ? kLength64Bit : kLength32Bit);
  for (int shift = wide ? 56 : 24; shift >= 0; shift -= 8) {
    Byte(static_cast<uint8_t>(length >> shift));
  }
}

void RdbWriter::Double(double value) {
  AppendLittleEndian(std::bit_cast<uint64_t>(value), sizeof value, &out_);
}

void RdbWriter::Millis(UnixMillis time) {
  AppendLittleEndian(static_cast<uint64_t>(time), sizeof time, &out_);
}

bool RdbWriter::SmallInteger(int64_t value) {
  if (value < std::numeric_limits<int32_t>::min() || value > std::numeric_limits<int32_t>::max()) {
    return false;
  }
  StringKind kind = kInt32;
  if (value == static_cast<int8_t>(value)) {
    kind = kInt8;
  } else if (value == static_cast<int16_t>(value)) {
    kind = kInt16;
  }
  Byte(SpecialByte(kind));
  for (int i = 0; i < 1 << kind; ++i) Byte(static_cast<uint8_t>(value >> 8 * i));
  return true;
}

bool RdbWriter::Compressed(std::string_view bytes) {
  if (bytes.size() <= kPlainBytesMax || bytes.size() > std::numeric_limits<uint32_t>::max()) {
    return false;
  }
  const auto room = static_cast<unsigned>(bytes.size() - kLzfGainMin);
  const auto folded = std::make_unique_for_overwrite<char[]>(room);
  const unsigned size =
      lzf_compress(bytes.data(), static_cast<unsigned>(bytes.size()), folded.get(), room);
  if (size == 0) return false;
  Byte(SpecialByte(kLzf));
  Length(size);
  Length(bytes.size());
  out_.append(folded.get(), size);
  return true;
}

void RdbWriter::String(const RdbString& string) {
  char digits[kInt64CharsMax];
  std::string_view bytes = string.bytes;
  int64_t integer = string.integer;
  if (string.is_integer) {
    bytes = {digits, FormatInt64(integer, digits)};
  }
  if ((string.is_integer || ParseInt64(bytes, &integer)) && SmallInteger(integer)) return;
  if (compress_ && Compressed(bytes)) return;
  Length(bytes.size());
  out_.append(bytes);
}

void RdbReader::Fail() {
  ok_ = false;
  rest_ = {};
}

std::string_view RdbReader::Take(uint64_t size) {
  if (size > rest_.size()) {
    Fail();
    return {};
  }
  const std::string_view taken = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return taken;
}

uint8_t RdbReader::Byte() { return static_cast<uint8_t>(BigEndian(Take(1))); }

double RdbReader::Double() { return std::bit_cast<double>(LittleEndian(Take(sizeof(double)))); }

UnixMillis RdbReader::Millis() {
  return static_cast<UnixMillis>(LittleEndian(Take(sizeof(UnixMillis))));
}

double RdbReader::DecimalDouble() {
  const uint8_t length = Byte();
  switch (length) {
    case kNan:
      return std::numeric_limits<double>::quiet_NaN();
    case kInfinity:
      return std::numeric_limits<double>::infinity();
    case kMinusInfinity:
      return -std::numeric_limits<double>::infinity();
    default:
      break;
  }
  double value = 0;
  if (!ParseDouble(Take(length), &value)) Fail();
  return value;
}

uint64_t RdbReader::LengthOrKind(bool* special) {
  *special = false;
  const uint8_t first = Byte();
  switch (first >> 6) {
    case kForm6Bit:
      return first;
    case kForm14Bit:
      return uint64_t{first & 0x3fu} << 8 | Byte();
    case kFormSpecial:
      *special = true;
      return first & 0x3f;
    default:
      break;
  }
  if (first == kLength32Bit) return BigEndian(Take(4));
  if (first == kLength64Bit) return BigEndian(Take(8));
  Fail();
  return 0;
}

uint64_t RdbReader::Length() {
  bool special;
  const uint64_t length = LengthOrKind(&special);
  if (special) Fail();
  return ok_ ? length : 0;
}

RdbString RdbReader::Unfold() {
  const uint64_t folded_size = Length();
  const uint64_t size = Length();
  const std::string_view folded = Take(folded_size);
  if (!ok_ || size == 0) return {};
  if (size > string_bytes_max_ || size > std::numeric_limits<uint32_t>::max() ||
      size > folded.size() * kLzfUnfoldMax) {
    Fail();
    return {};
  }
  unfolded_.reset(new (std::nothrow) char[size]);
  if (unfolded_ == nullptr ||
      lzf_decompress(folded.data(), static_cast<unsigned>(folded.size()), unfolded_.get(),
                     static_cast<unsigned>(size)) != size) {
    Fail();
    return {};
  }
  return RdbString::Of(std::string_view(unfolded_.get(), size));
}

RdbString RdbReader::String() {
  unfolded_.reset();
  bool special;
  const uint64_t length_or_kind = LengthOrKind(&special);
  if (!ok_) return {};
  if (!special) {
    if (length_or_kind > string_bytes_max_) Fail();
    return RdbString::Of(Take(length_or_kind));
  }
  switch (length_or_kind) {
    case kInt8:
    case kInt16:
    case kInt32: {
      const std::string_view bytes = Take(uint64_t{1} << length_or_kind);
      return ok_ ? RdbString::Of(LittleEndianSigned(bytes)) : RdbString{};
    }
    case kLzf:
      return Unfold();
    default:
      Fail();
      return {};
  }
}

}  // namespace alai
