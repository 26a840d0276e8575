// One element of a packed encoding: the bytes that listpacks and the nodes of packed lists are made of.
//
// The format is the listpack's, published as github.com/antirez/listpack/blob/master/listpack.md and
// kept to the byte, so that an entry goes into a snapshot as it lies in memory:
//
//   head (1 to 9 bytes)                 data          back length (1 to 5 bytes)
//   0xxxxxxx                            -             integer of 7 bits, unsigned
//   10llllll                            text          text of up to 63 bytes
//   110xxxxx xxxxxxxx                   -             integer of 13 bits
//   1110llll llllllll                   text          text of up to 4095 bytes
//   11110000 and 4 bytes of length      text          longer text
//   11110001 to 11110100                -             integer of 2, 3, 4 or 8 bytes
//
// The back length counts head and data, seven bits to a byte, the highest first; all but its first byte
// have the top bit set, so that it can be read from its end. Integers and lengths of four bytes are
// little-endian. Text that spells an integer as Redis prints it is written as that integer.
//
// Threads     Pure functions of their arguments.
// Trust       All functions but MeasureEntry() believe the bytes that they read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/base/number.h"

namespace alai {

// An element as it is read from an encoding, or is to be written: an integer, or text within the bytes that
// it was read from.
struct PackedValue {
  bool is_integer = false;
  int64_t integer = 0;
  std::string_view text = {};

  static PackedValue Of(int64_t integer) { return {true, integer, {}}; }
  // An integer when `text` spells one.
  static PackedValue Of(std::string_view text) {
    int64_t integer;
    if (ParseInt64(text, &integer)) return Of(integer);
    return {false, 0, text};
  }

  size_t length() const { return is_integer ? Int64Length(integer) : text.size(); }
  // As text; `digits` has room for kInt64CharsMax.
  std::string_view View(char* digits) const {
    return is_integer ? std::string_view(digits, FormatInt64(integer, digits)) : text;
  }
};

// What a text is compared with entries as; it may be stored as an integer or, in a payload that somebody
// else made, as text although it spells an integer.
class PackedNeedle {
 public:
  explicit PackedNeedle(std::string_view text)
      : text_(text), is_integer_(ParseInt64(text, &integer_)) {}

  bool Equals(const PackedValue& value) const {
    return value.is_integer ? is_integer_ && value.integer == integer_ : value.text == text_;
  }

 private:
  std::string_view text_;
  int64_t integer_ = 0;
  bool is_integer_;
};

constexpr uint8_t kListpackEnd = 0xff;
constexpr size_t kPackedEntryBytesMin = 2;
// The most that an entry is longer than its text.
constexpr size_t kPackedEntryExtraMax = 10;
// The longest text, which is the caller's to observe: lengths have 32 bits, those of blocks included.
constexpr uint64_t kPackedTextBytesMax = uint64_t{3} << 30;

// An entry about to be written: its size is known before. Refers to the text of its value.
class PackedEntry {
 public:
  explicit PackedEntry(const PackedValue& value);
  explicit PackedEntry(std::string_view text) : PackedEntry(PackedValue::Of(text)) {}

  size_t bytes() const { return head_bytes_ + text_.size() + back_bytes_; }
  // Writes bytes() bytes and gives the end.
  char* Write(char* out) const;

 private:
  std::string_view text_;
  uint8_t head_bytes_;
  uint8_t back_bytes_;
  char head_[9];
};

// The length of an entry that begins, or ends, here: the step to the next, or the previous one.
size_t PackedEntryBytes(const char* entry);
size_t PackedEntryBytesBefore(const char* end);

PackedValue ReadPackedEntry(const char* entry);

// The length of the entry at the start of `bytes`, which may be anything; 0 unless there is a whole and sound
// one.
size_t MeasureEntry(std::string_view bytes);

// Entries one after the other, without header or end: what a listpack holds and a list's node is.
struct PackedRun {
  const char* begin = nullptr;
  const char* end = nullptr;

  size_t bytes() const { return static_cast<size_t>(end - begin); }

  // The entry at `index` of `count`, sought from the nearer end; `end` for index == count.
  const char* Seek(size_t index, size_t count) const;
  // The first entry at or behind `entry` that equals the needle, looking at one and passing over `skip` in
  // turn; `end` when there is none.
  const char* Find(const char* entry, const PackedNeedle& needle, size_t skip = 0) const;
  size_t CountEntries() const;
};

}  // namespace alai
