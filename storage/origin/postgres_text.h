// Values as PostgreSQL writes them: arrays of text, bytes of bytea.
//
// Threads     Any thread.
// Formats     https://www.postgresql.org/docs/15/arrays.html#ARRAYS-IO and datatype-binary.html
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace alai::origin {

// Adds elements to the text form of an array: '{"a","b\"c"}'. For every type of elements.
class ArrayLiteral {
 public:
  void Add(std::string_view element);
  // The whole; nothing may be added afterwards.
  std::string Finish();

 private:
  std::string text_ = "{";
};

// How many bytes a bytea's text, "\x0a1f…", stands for.
size_t ByteaSize(std::string_view text);
// False when it is no such text.
bool DecodeBytea(std::string_view text, std::string* bytes);

}  // namespace alai::origin
