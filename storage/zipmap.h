// Reads zipmaps, in which Redis before 2.6 kept small hashes.
//
//   count (1, 254: unknown)   length   field   length   unused (1)   value   unused bytes ...   0xff
//
// A length is one byte below 254, or 254 and four bytes, little-endian.
//
// Source      rdb.fnordig.de/file_format.html#zipmap-encoding and the comment that opens zipmap.c of
//             Redis 6.2.
// Threads     A reader belongs to its caller.
// Trust       None: every length is checked as it is met, and nothing is read outside of the bytes. A length
//             that takes five bytes but needs one is refused, as no server has written it and some have been
//             fooled by it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace alai {

class ZipmapReader {
 public:
  explicit ZipmapReader(std::string_view bytes);

  // The next pair, which belongs to the bytes. False at the end, or when something is wrong.
  bool Next(std::string_view* field, std::string_view* value);
  // After Next() has returned false: the bytes were exactly one sound zipmap.
  bool ok() const { return ok_; }

 private:
  bool Fail();
  bool Finish();
  // Takes bytes that must leave room for the end byte; false when they are not there.
  bool Take(uint64_t size, std::string_view* taken);
  bool TakeLength(uint64_t* length);

  std::string_view bytes_;
  size_t at_ = 1;
  size_t count_ = 0;
  bool ok_ = true;
};

}  // namespace alai
