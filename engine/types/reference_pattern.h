// A pattern of SORT, which leads from an element to a value:
//
//   weight_*          the string of the key that has the element where the star is
//   object_*->price   a field of the hash of that key
//   #                 the element itself
//
// One without a star leads to no value. Only the first star counts, and an arrow only behind it and with
// something after it. As Redis looks for them in C strings, not beyond a zero byte.
//
// Threads     Follow() as Db::Find(): with the shards of all keys locked, as nobody knows which they are.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "engine/containers/packed_entry.h"
#include "engine/db.h"

namespace alai::sorting {

class ReferencePattern {
 public:
  // Refers to the text.
  explicit ReferencePattern(std::string_view pattern);

  bool is_element() const { return is_element_; }
  bool leads_to_keys() const { return leads_to_keys_; }

  // The value for an element; nullopt when there is no such key or field, or the key holds something else. Valid
  // as long as the records, and as `element`.
  std::optional<PackedValue> Follow(Db& db, std::string_view element);

 private:
  bool is_element_ = false;
  bool leads_to_keys_ = false;
  std::string_view before_;  // the element in the key
  std::string_view after_;
  std::string_view field_;  // without one the key's string
  std::string key_;         // the last one that was made
};

}  // namespace alai::sorting
