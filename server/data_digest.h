// A fingerprint of data: the same for the same keys, values and databases, in whatever order they are
// met and on whatever server, so that tests can compare a primary with its replica.
//
// Threads     Belongs to its caller.
#pragma once

#include <cstdint>
#include <string>

#include "engine/record.h"

namespace alai {

class DataDigest {
 public:
  // A key with its value; that it has a deadline counts, but not which.
  void AddKey(int db, const Record& record);
  // Only the value.
  void AddValue(const Record& record);

  // 40 hexadecimal digits; all zeros when nothing was added.
  std::string Hex() const;

 private:
  void Add(std::string_view bytes);

  uint64_t words_[2] = {};
  uint32_t last_ = 0;
};

}  // namespace alai
