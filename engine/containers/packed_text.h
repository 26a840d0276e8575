// Strings as blocks of a stream hold them: a length or a number, then the bytes.
//
//      first byte      what follows
//      0x00 - 0xEF     a string of so many bytes
//      0xF0 + n        a string whose length, at least 240, is in the next n bytes (1 to 4)
//      0xF4 + n        an integer of n bytes (1 to 8)
//
// Numbers have their low byte first; integers are signed. A string is kept as an integer when that is
// shorter and its decimal text is exactly the string.
//
// Threads     Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/base/number.h"

namespace alai {

// Bytes that WritePackedText needs; `text` is below 4 GB.
size_t PackedTextBytes(std::string_view text);
// Writes `text` and returns where it ends.
char* WritePackedText(std::string_view text, char* out);

// Reads a string, which lies where it was written or, if it is an integer, in `digits`, and moves `at` behind
// it. What is read was written by us: it is not checked.
std::string_view ReadPackedText(const char** at, char digits[kInt64CharsMax]);

}  // namespace alai
