#include "engine/types/set_algebra.h"

#include "engine/key_view.h"

namespace alai::sets {

Result<std::vector<Members>> FindAll(Db& db, std::span<const std::string_view> keys) {
  std::vector<Members> sets;
  sets.reserve(keys.size());
  for (const std::string_view key : keys) {
    const Result<Record*> found = Find(db, MakeKey(key), Lookup::kUse);
    if (!found.ok()) return found.error();
    sets.emplace_back(*found);
  }
  return sets;
}

bool LooksUpFirst(std::span<const Members> sets) {
  const size_t first = sets.front().size();
  size_t others = 0;
  for (const Members& other : sets.subspan(1)) others += other.size();
  // A member that is in the first set is looked up half of them, as a rule, and one of the others is
  // looked up and perhaps kept.
  return first * (sets.size() - 1) <= first + 2 * others;
}

}  // namespace alai::sets
