#include "engine/key_watches.h"

namespace alai {

void KeyWatches::Written(int db, KeyView key) {
  std::lock_guard guard(mutex_);
  const auto [begin, end] = watches_.equal_range({db, key.hash});
  for (auto at = begin; at != end; ++at) at->second->written_ = true;
}

void KeyWatches::DatabaseWritten(int db) {
  std::lock_guard guard(mutex_);
  for (auto at = watches_.lower_bound({db, 0}); at != watches_.end() && at->first.first == db;
       ++at) {
    at->second->written_ = true;
  }
}

void KeyWatches::Taken(int db, KeyView key) {
  std::lock_guard guard(mutex_);
  const auto [begin, end] = watches_.equal_range({db, key.hash});
  for (auto at = begin; at != end; ++at) at->second->taken_ = true;
}

void KeyWatches::Add(const Place& place, KeyWatch* watch) {
  std::lock_guard guard(mutex_);
  watches_.emplace(place, watch);
  count_.store(watches_.size(), std::memory_order_relaxed);
}

void KeyWatches::Remove(const Place& place, const KeyWatch* watch) {
  std::lock_guard guard(mutex_);
  const auto [begin, end] = watches_.equal_range(place);
  for (auto at = begin; at != end; ++at) {
    if (at->second != watch) continue;
    watches_.erase(at);
    break;
  }
  count_.store(watches_.size(), std::memory_order_relaxed);
}

KeyWatch::KeyWatch(KeyWatches& watches, int db, KeyView key)
    : watches_(watches), place_(db, key.hash) {
  watches_.Add(place_, this);
}

KeyWatch::~KeyWatch() { watches_.Remove(place_, this); }

}  // namespace alai
