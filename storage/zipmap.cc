#include "storage/zipmap.h"

#include "storage/byte_order.h"

namespace alai {
namespace {

constexpr size_t kZipmapBytesMin = 2;
constexpr uint8_t kZipmapEnd = 0xff;
constexpr uint8_t kLongLength = 254;
constexpr uint8_t kZipmapCountUnknown = 254;

}  // namespace

ZipmapReader::ZipmapReader(std::string_view bytes) : bytes_(bytes) {
  if (bytes.size() < kZipmapBytesMin || static_cast<uint8_t>(bytes.back()) != kZipmapEnd) Fail();
}

bool ZipmapReader::Fail() {
  ok_ = false;
  return false;
}

bool ZipmapReader::Finish() {
  const auto stated = static_cast<uint8_t>(bytes_[0]);
  if (stated != kZipmapCountUnknown && stated != count_) Fail();
  return false;
}

bool ZipmapReader::Take(uint64_t size, std::string_view* taken) {
  if (size >= bytes_.size() - at_) return Fail();
  *taken = bytes_.substr(at_, size);
  at_ += size;
  return true;
}

bool ZipmapReader::TakeLength(uint64_t* length) {
  std::string_view taken;
  if (!Take(1, &taken)) return false;
  *length = LittleEndian(taken);
  if (*length > kLongLength) return Fail();
  if (*length < kLongLength) return true;
  if (!Take(4, &taken)) return false;
  *length = LittleEndian(taken);
  return *length >= kLongLength || Fail();
}

bool ZipmapReader::Next(std::string_view* field, std::string_view* value) {
  if (!ok_) return false;
  if (at_ == bytes_.size() - 1) return Finish();
  uint64_t length;
  std::string_view unused;
  if (!TakeLength(&length) || !Take(length, field)) return false;
  if (!TakeLength(&length) || !Take(1, &unused) || !Take(length, value)) return false;
  if (!Take(LittleEndian(unused), &unused)) return false;
  ++count_;
  return true;
}

}  // namespace alai
