// Reads ziplists, in which Redis before 7.0 kept small collections.
//
//   total bytes (4)   offset of the last entry (4)   count (2, 65535: unknown)   entry ... entry   0xff
//
//   entry:   length of the entry before   head                        data
//            1 byte below 254             00llllll                    text of up to 63 bytes
//            254 and 4 bytes              01llllll llllllll           text of up to 16383 bytes
//                                         10000000 and 4 bytes        longer text
//                                         11000000 and 2 bytes        integer of 2 bytes
//                                         11010000 and 4 bytes        integer of 4 bytes
//                                         11100000 and 8 bytes        integer of 8 bytes
//                                         11110000 and 3 bytes        integer of 3 bytes
//                                         11111110 and 1 byte         integer of 1 byte
//                                         1111xxxx, x from 1 to 13    the integer x - 1
//
// Lengths of text are big-endian, everything else little-endian. A length of the entry before may take five
// bytes although it needs one, where Redis has spared itself the moving.
//
// Source      rdb.fnordig.de/file_format.html#ziplist-encoding and the comment that opens ziplist.c of
//             Redis 6.2.
// Threads     A reader belongs to its caller.
// Trust       None: every header and length is checked as it is met, and nothing is read outside of the bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/containers/packed_entry.h"

namespace alai {

class ZiplistReader {
 public:
  explicit ZiplistReader(std::string_view bytes);

  // The next entry, whose text belongs to the bytes. False at the end, or when something is wrong.
  bool Next(PackedValue* value);
  // After Next() has returned false: the bytes were exactly one sound ziplist.
  bool ok() const { return ok_; }

 private:
  bool Fail();
  bool Finish();
  std::string_view rest() const { return bytes_.substr(at_); }
  // Takes bytes that must leave room for the end byte; false when they are not there.
  bool Take(uint64_t size, std::string_view* taken);
  bool TakePreviousLength();
  bool TakeText(uint8_t first, PackedValue* value);
  bool TakeInteger(uint8_t first, PackedValue* value);

  std::string_view bytes_;
  size_t at_ = 0;
  size_t last_at_;             // where the last entry begins, as far as it has been met
  size_t previous_bytes_ = 0;  // of the entry before
  size_t count_ = 0;
  bool ok_ = true;
};

}  // namespace alai
