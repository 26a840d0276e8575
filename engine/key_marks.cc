#include "engine/key_marks.h"

#include <iterator>

#include "engine/base/assert.h"

namespace alai {

void KeyMarks::Remove(Marks::iterator at) {
  if (at->second.load == 0) {
    absent_.erase(at->second.age);
    absent_count_.Sub();
  }
  marks_.erase(at);
}

void KeyMarks::BeginLoad(int db, KeyView key, uint64_t load) {
  DASSERT(load != 0);
  Wipe(db, key);
  marks_[{db, key.hash}].load = load;
}

bool KeyMarks::Owns(int db, KeyView key, uint64_t load) const {
  const auto at = marks_.find({db, key.hash});
  return at != marks_.end() && at->second.load == load;
}

void KeyMarks::SetAbsent(int db, KeyView key, UnixMillis until, size_t absent_max) {
  Wipe(db, key);
  while (!absent_.empty() && absent_.size() >= absent_max) Remove(marks_.find(absent_.front()));
  if (absent_max == 0) return;
  const Place place{db, key.hash};
  absent_.push_back(place);
  absent_count_.Add();
  marks_[place] = {0, until, std::prev(absent_.end())};
}

bool KeyMarks::Absent(int db, KeyView key, UnixMillis now) {
  const auto at = marks_.find({db, key.hash});
  if (at == marks_.end() || at->second.load != 0) return false;
  if (at->second.absent_until > now) return true;
  Remove(at);
  return false;
}

void KeyMarks::Wipe(int db, KeyView key) {
  const auto at = marks_.find({db, key.hash});
  if (at != marks_.end()) Remove(at);
}

void KeyMarks::WipeDatabase(int db) {
  for (auto at = marks_.begin(); at != marks_.end();) {
    const auto next = std::next(at);
    if (at->first.db == db) Remove(at);
    at = next;
  }
}

}  // namespace alai
