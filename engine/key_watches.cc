#include "engine/key_watches.h"

namespace alai {
namespace {

// Takes out one of the values that a key has in a multimap.
template <class Map>
void EraseOne(Map& map, const typename Map::key_type& key, const typename Map::mapped_type& value) {
  const auto [begin, end] = map.equal_range(key);
  for (auto at = begin; at != end; ++at) {
    if (at->second != value) continue;
    map.erase(at);
    return;
  }
}

}  // namespace

void KeyWatches::Written(int db, KeyView key) {
  std::lock_guard guard(mutex_);
  const auto [begin, end] = watches_.equal_range({key.hash, db});
  for (auto at = begin; at != end; ++at) at->second->written_ = true;
}

void KeyWatches::DatabaseWritten(int db) {
  std::lock_guard guard(mutex_);
  for (const auto& [place, watch] : watches_) {
    if (place.second == db) watch->written_ = true;
  }
}

bool KeyWatches::Await(KeyView key, KeyWatchWait* wait) {
  wait->End();
  std::lock_guard guard(mutex_);
  if (!IsWatched(key.hash)) return false;
  wait->watches_ = this;
  wait->hash_ = key.hash;
  waits_.emplace(key.hash, wait);
  return true;
}

void KeyWatches::Add(const Place& place, KeyWatch* watch) {
  std::lock_guard guard(mutex_);
  watches_.emplace(place, watch);
  count_.store(watches_.size(), std::memory_order_relaxed);
}

void KeyWatches::Remove(const Place& place, KeyWatch* watch) {
  std::lock_guard guard(mutex_);
  EraseOne(watches_, place, watch);
  count_.store(watches_.size(), std::memory_order_relaxed);
  if (waits_.empty() || IsWatched(place.first)) return;
  const auto [first, last] = waits_.equal_range(place.first);
  for (auto at = first; at != last; ++at) at->second->wake_(at->second->context_);
  waits_.erase(first, last);
}

void KeyWatches::Remove(uint64_t hash, KeyWatchWait* wait) {
  std::lock_guard guard(mutex_);
  EraseOne(waits_, hash, wait);
}

bool KeyWatches::IsWatched(uint64_t hash) const {
  const auto at = watches_.lower_bound({hash, 0});
  return at != watches_.end() && at->first.first == hash;
}

KeyWatch::KeyWatch(KeyWatches& watches, int db, KeyView key)
    : watches_(watches), place_(key.hash, db) {
  watches_.Add(place_, this);
}

KeyWatch::~KeyWatch() { watches_.Remove(place_, this); }

void KeyWatchWait::End() {
  if (watches_ != nullptr) watches_->Remove(hash_, this);
  watches_ = nullptr;
}

}  // namespace alai
