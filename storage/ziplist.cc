#include "storage/ziplist.h"

#include "storage/byte_order.h"

namespace alai {
namespace {

constexpr size_t kHeaderBytes = 10;
constexpr size_t kZiplistBytesMin = kHeaderBytes + 1;
constexpr uint8_t kZiplistEnd = 0xff;
constexpr uint64_t kZiplistCountUnknown = 65'535;
constexpr uint8_t kLongPrevious = 254;

// Heads.
constexpr uint8_t kText14Bit = 0x40;
constexpr uint8_t kText32Bit = 0x80;
constexpr uint8_t kZipInt16 = 0xc0;
constexpr uint8_t kZipInt32 = 0xd0;
constexpr uint8_t kZipInt64 = 0xe0;
constexpr uint8_t kZipInt24 = 0xf0;
constexpr uint8_t kZipInt8 = 0xfe;
constexpr uint8_t kSmallMin = 0xf1;
constexpr uint8_t kSmallMax = 0xfd;

// 0 for a head that is no integer's.
size_t IntegerBytes(uint8_t head) {
  switch (head) {
    case kZipInt8:
      return 1;
    case kZipInt16:
      return 2;
    case kZipInt24:
      return 3;
    case kZipInt32:
      return 4;
    case kZipInt64:
      return 8;
    default:
      return 0;
  }
}

}  // namespace

ZiplistReader::ZiplistReader(std::string_view bytes) : bytes_(bytes), last_at_(kHeaderBytes) {
  if (bytes.size() < kZiplistBytesMin || LittleEndian(bytes.substr(0, 4)) != bytes.size() ||
      static_cast<uint8_t>(bytes.back()) != kZiplistEnd) {
    Fail();
    return;
  }
  at_ = kHeaderBytes;
}

bool ZiplistReader::Fail() {
  ok_ = false;
  at_ = bytes_.size();
  return false;
}

bool ZiplistReader::Finish() {
  const uint64_t stated = LittleEndian(bytes_.substr(8, 2));
  const bool counted = stated == kZiplistCountUnknown || stated == count_;
  if (!counted || LittleEndian(bytes_.substr(4, 4)) != last_at_) Fail();
  return false;
}

bool ZiplistReader::Take(uint64_t size, std::string_view* taken) {
  if (size >= bytes_.size() - at_) return Fail();
  *taken = bytes_.substr(at_, size);
  at_ += size;
  return true;
}

bool ZiplistReader::TakePreviousLength() {
  std::string_view taken;
  if (!Take(1, &taken)) return false;
  uint64_t stated = LittleEndian(taken);
  if (stated > kLongPrevious) return Fail();
  if (stated == kLongPrevious) {
    if (!Take(4, &taken)) return false;
    stated = LittleEndian(taken);
  }
  return stated == previous_bytes_ || Fail();
}

bool ZiplistReader::TakeText(uint8_t first, PackedValue* value) {
  uint64_t size = first & 0x3f;
  std::string_view taken;
  if (first >= kText32Bit) {
    if (first != kText32Bit) return Fail();
    if (!Take(4, &taken)) return false;
    size = BigEndian(taken);
  } else if (first >= kText14Bit) {
    if (!Take(1, &taken)) return false;
    size = size << 8 | BigEndian(taken);
  }
  if (!Take(size, &taken)) return false;
  *value = {false, 0, taken};
  return true;
}

bool ZiplistReader::TakeInteger(uint8_t first, PackedValue* value) {
  if (first >= kSmallMin && first <= kSmallMax) {
    *value = PackedValue::Of(int64_t{first} - kSmallMin);
    return true;
  }
  const size_t size = IntegerBytes(first);
  std::string_view taken;
  if (size == 0) return Fail();
  if (!Take(size, &taken)) return false;
  *value = PackedValue::Of(LittleEndianSigned(taken));
  return true;
}

bool ZiplistReader::Next(PackedValue* value) {
  if (!ok_) return false;
  if (at_ == bytes_.size() - 1) return Finish();
  const size_t begin = at_;
  std::string_view head;
  if (!TakePreviousLength() || !Take(1, &head)) return false;
  const auto first = static_cast<uint8_t>(head[0]);
  if (!(first < kZipInt16 ? TakeText(first, value) : TakeInteger(first, value))) return false;
  last_at_ = begin;
  previous_bytes_ = at_ - begin;
  ++count_;
  return true;
}

}  // namespace alai
