#include "engine/containers/packed_entry.h"

#include <bit>
#include <cstring>

#include "engine/base/assert.h"

namespace alai {
namespace {

static_assert(std::endian::native == std::endian::little, "loads and stores are plain copies");

constexpr uint8_t kText6Bit = 0x80;
constexpr uint8_t kInt13Bit = 0xc0;
constexpr uint8_t kText12Bit = 0xe0;
constexpr uint8_t kText32Bit = 0xf0;
constexpr uint8_t kInt16Bit = 0xf1;
constexpr uint8_t kInt24Bit = 0xf2;
constexpr uint8_t kInt32Bit = 0xf3;
constexpr uint8_t kInt64Bit = 0xf4;

uint8_t ByteAt(const char* at) { return static_cast<uint8_t>(*at); }

uint32_t LoadUint32(const char* at) {
  uint32_t value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

// Sign-extends the `bytes` bytes at `at`.
int64_t LoadInteger(const char* at, size_t bytes) {
  uint64_t value = 0;
  std::memcpy(&value, at, bytes);
  const unsigned unused = 64 - 8 * static_cast<unsigned>(bytes);
  return static_cast<int64_t>(value << unused) >> unused;
}

// The published encoder passes to the next length one short of what seven bits to a byte would hold, and
// readers count on it.
size_t BackLengthBytes(uint64_t length) {
  if (length <= 127) return 1;
  if (length < 16'383) return 2;
  if (length < 2'097'151) return 3;
  if (length < 268'435'455) return 4;
  return 5;
}

// Head and data of the entry, without back length. The length of its head goes to `head_bytes`, and
// that of the text behind it to `text_bytes`.
struct EntryShape {
  uint64_t head_bytes = 0;
  uint64_t text_bytes = 0;
  uint64_t front_bytes() const { return head_bytes + text_bytes; }
};

// How many bytes of an entry EntryShape has to see, by its first.
size_t ShapeBytes(uint8_t first) {
  if (first == kText32Bit) return 5;
  return first >> 4 == kText12Bit >> 4 ? 2 : 1;
}

// A first byte that begins no entry gives an empty shape.
EntryShape ShapeOf(const char* entry) {
  const uint8_t first = ByteAt(entry);
  if (first < kText6Bit) return {1, 0};
  if (first < kInt13Bit) return {1, first & 63u};
  if (first < kText12Bit) return {2, 0};
  if (first < kText32Bit) return {2, (first & 15u) << 8 | ByteAt(entry + 1)};
  switch (first) {
    case kText32Bit:
      return {5, LoadUint32(entry + 1)};
    case kInt16Bit:
      return {3, 0};
    case kInt24Bit:
      return {4, 0};
    case kInt32Bit:
      return {5, 0};
    case kInt64Bit:
      return {9, 0};
    default:
      return {};
  }
}

char* WriteBackLength(uint64_t length, size_t bytes, char* out) {
  for (size_t i = bytes; i-- > 0; length >>= 7) {
    out[i] = static_cast<char>((length & 127) | (i > 0 ? 128 : 0));
  }
  return out + bytes;
}

template <class Int>
constexpr bool Fits(int64_t value) {
  return value == static_cast<Int>(value);
}

// Writes the head of an integer and gives its length.
uint8_t WriteInteger(int64_t value, char* head) {
  const auto bits = static_cast<uint64_t>(value);
  if (value >= 0 && value <= 127) {
    head[0] = static_cast<char>(value);
    return 1;
  }
  if (value >= -4096 && value <= 4095) {
    head[0] = static_cast<char>(kInt13Bit | (bits >> 8 & 31));
    head[1] = static_cast<char>(bits);
    return 2;
  }
  uint8_t bytes = 8;
  uint8_t kind = kInt64Bit;
  if (Fits<int16_t>(value)) {
    bytes = 2, kind = kInt16Bit;
  } else if (value >= -(1 << 23) && value < 1 << 23) {
    bytes = 3, kind = kInt24Bit;
  } else if (Fits<int32_t>(value)) {
    bytes = 4, kind = kInt32Bit;
  }
  head[0] = static_cast<char>(kind);
  std::memcpy(head + 1, &bits, bytes);
  return bytes + 1;
}

uint8_t WriteTextHead(size_t length, char* head) {
  if (length < 64) {
    head[0] = static_cast<char>(kText6Bit | length);
    return 1;
  }
  if (length < 4096) {
    head[0] = static_cast<char>(kText12Bit | length >> 8);
    head[1] = static_cast<char>(length);
    return 2;
  }
  DASSERT(length <= kPackedTextBytesMax);
  const auto length32 = static_cast<uint32_t>(length);
  head[0] = static_cast<char>(kText32Bit);
  std::memcpy(head + 1, &length32, sizeof length32);
  return 5;
}

}  // namespace

PackedEntry::PackedEntry(const PackedValue& value) {
  if (value.is_integer) {
    head_bytes_ = WriteInteger(value.integer, head_);
  } else {
    text_ = value.text;
    head_bytes_ = WriteTextHead(text_.size(), head_);
  }
  back_bytes_ = static_cast<uint8_t>(BackLengthBytes(head_bytes_ + text_.size()));
}

char* PackedEntry::Write(char* out) const {
  std::memcpy(out, head_, head_bytes_);
  out += head_bytes_;
  if (!text_.empty()) std::memcpy(out, text_.data(), text_.size());
  return WriteBackLength(head_bytes_ + text_.size(), back_bytes_, out + text_.size());
}

size_t PackedEntryBytes(const char* entry) {
  const uint64_t front = ShapeOf(entry).front_bytes();
  return front + BackLengthBytes(front);
}

size_t PackedEntryBytesBefore(const char* end) {
  uint64_t front = 0;
  size_t bytes = 0;
  uint8_t byte;
  do {
    byte = ByteAt(end - 1 - bytes);
    front |= uint64_t{byte & 127u} << 7 * bytes;
    ++bytes;
  } while ((byte & 128) != 0);
  return front + bytes;
}

PackedValue ReadPackedEntry(const char* entry) {
  const uint8_t first = ByteAt(entry);
  if (first < kText6Bit) return PackedValue::Of(int64_t{first});
  if (first < kInt13Bit) return {false, 0, {entry + 1, first & 63u}};
  if (first < kText12Bit) {
    const uint32_t bits = (first & 31u) << 8 | ByteAt(entry + 1);
    return PackedValue::Of(int64_t{static_cast<int32_t>(bits << 19) >> 19});
  }
  const EntryShape shape = ShapeOf(entry);
  if (first <= kText32Bit) return {false, 0, {entry + shape.head_bytes, shape.text_bytes}};
  return PackedValue::Of(LoadInteger(entry + 1, shape.head_bytes - 1));
}

size_t MeasureEntry(std::string_view bytes) {
  if (bytes.empty() || bytes.size() < ShapeBytes(static_cast<uint8_t>(bytes[0]))) return 0;
  const uint64_t front = ShapeOf(bytes.data()).front_bytes();
  if (front == 0) return 0;
  const size_t back_bytes = BackLengthBytes(front);
  if (bytes.size() < front + back_bytes) return 0;
  char expected[5];
  WriteBackLength(front, back_bytes, expected);
  if (std::memcmp(expected, bytes.data() + front, back_bytes) != 0) return 0;
  return front + back_bytes;
}

const char* PackedRun::Seek(size_t index, size_t count) const {
  DASSERT(index <= count);
  if (index <= count / 2) {
    const char* at = begin;
    for (; index > 0; --index) at += PackedEntryBytes(at);
    return at;
  }
  const char* at = end;
  for (; index < count; ++index) at -= PackedEntryBytesBefore(at);
  return at;
}

const char* PackedRun::Find(const char* entry, const PackedNeedle& needle, size_t skip) const {
  while (entry < end) {
    if (needle.Equals(ReadPackedEntry(entry))) return entry;
    entry += PackedEntryBytes(entry);
    for (size_t i = 0; i < skip && entry < end; ++i) entry += PackedEntryBytes(entry);
  }
  return end;
}

size_t PackedRun::CountEntries() const {
  size_t count = 0;
  for (const char* at = begin; at < end; at += PackedEntryBytes(at)) ++count;
  return count;
}

}  // namespace alai
