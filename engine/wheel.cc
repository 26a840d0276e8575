#include "engine/wheel.h"

#include <algorithm>
#include <cstring>

namespace alai {

void Wheel::Add(BucketRef ref, uint32_t tick) {
  if (tick == kFarTick) {
    ++far_entries_;
    return;
  }
  tick = std::max(tick, current_);
  const int level = LevelOf(tick, current_);
  AddTo({level, tick >> (6 * level) & 63}, ref);
}

void Wheel::AddTo(Slot slot, BucketRef ref) {
  uint32_t& first = first_chunk_[slot.level][slot.index];
  uint8_t& used = used_[slot.level][slot.index];
  if (first == 0 || used == kEntriesPerChunk) {
    const uint32_t fresh = NewChunk();
    chunk(fresh).next = first;
    first = fresh;
    used = 0;
  }
  chunk(first).entries[used++] = ref.bits();
  occupied_[slot.level] |= uint64_t{1} << slot.index;
  ++entries_;
}

bool Wheel::SameSlot(uint32_t a, uint32_t b) const {
  if (a == kFarTick || b == kFarTick) return a == b;
  if (a < current_ || b < current_) return false;
  const int level = LevelOf(a, current_);
  return level == LevelOf(b, current_) && a >> (6 * level) == b >> (6 * level);
}

bool Wheel::NextDue(UnixMillis now, Slot* slot) {
  const uint32_t now_tick =
      now <= base_ ? 1
                   : static_cast<uint32_t>(std::min<uint64_t>(
                         static_cast<uint64_t>(now - base_) / kTickMillis + 1, kFarTick - 1));
  // A slot that has become current is emptied into the finer levels before anything else.
  for (int level = kLevels - 1; level > 0; --level) {
    const uint32_t index = current_ >> (6 * level) & 63;
    if ((occupied_[level] >> index & 1) == 0) continue;
    *slot = {level, index};
    return true;
  }
  for (int level = 0; level < kLevels; ++level) {
    const uint32_t at = current_ >> (6 * level);
    const uint64_t ahead = occupied_[level] & (~uint64_t{0} << (at & 63));
    if (ahead == 0) continue;
    const auto index = static_cast<uint32_t>(std::countr_zero(ahead));
    const uint64_t tick = static_cast<uint64_t>((at & ~63u) | index) << (6 * level);
    if (tick > now_tick) break;
    current_ = std::max(current_, static_cast<uint32_t>(tick));
    *slot = {level, index};
    return true;
  }
  current_ = std::max(current_, now_tick);
  return false;
}

uint32_t Wheel::Take(Slot slot, BucketRef* refs) {
  uint32_t& first = first_chunk_[slot.level][slot.index];
  if (first == 0) return 0;
  uint8_t& used = used_[slot.level][slot.index];
  const uint32_t n = used;
  Chunk& taken = chunk(first);
  for (uint32_t i = 0; i < n; ++i) refs[i] = BucketRef(taken.entries[i]);
  const uint32_t rest = taken.next;
  FreeChunk(first);
  first = rest;
  used = kEntriesPerChunk;
  if (rest == 0) occupied_[slot.level] &= ~(uint64_t{1} << slot.index);
  entries_ -= n;
  ReleaseIfEmpty();
  return n;
}

bool Wheel::BelongsTo(Slot slot, uint32_t tick) const {
  if (tick == kFarTick) return false;
  tick = std::max(tick, current_);
  return LevelOf(tick, current_) == slot.level && (tick >> (6 * slot.level) & 63) == slot.index;
}

void Wheel::Reset(UnixMillis now) {
  base_ = now;
  current_ = 1;
  std::fill(std::begin(occupied_), std::end(occupied_), 0);
  std::memset(first_chunk_, 0, sizeof first_chunk_);
  std::memset(used_, 0, sizeof used_);
  ReleaseChunks();
  entries_ = 0;
  far_entries_ = 0;
}

// With no entry left, no chunk is used.
void Wheel::ReleaseChunks() {
  pages_.clear();
  free_chunk_ = 0;
  chunk_count_ = 1;
}

int64_t Wheel::MillisUntilDue(UnixMillis now) const {
  for (int level = 0; level < kLevels; ++level) {
    const uint32_t at = current_ >> (6 * level);
    const uint64_t ahead = occupied_[level] & (~uint64_t{0} << (at & 63));
    if (ahead == 0) continue;
    const uint64_t tick =
        static_cast<uint64_t>((at & ~63u) | static_cast<uint32_t>(std::countr_zero(ahead)))
        << (6 * level);
    const int64_t due = base_ + static_cast<int64_t>(tick) * kTickMillis;
    return std::max<int64_t>(due - now, 0);
  }
  return INT64_MAX;
}

size_t Wheel::allocated_bytes() const {
  return sizeof(Wheel) + pages_.size() * kChunksPerPage * sizeof(Chunk);
}

uint32_t Wheel::NewChunk() {
  if (free_chunk_ != 0) {
    const uint32_t number = free_chunk_;
    free_chunk_ = chunk(number).next;
    return number;
  }
  if (chunk_count_ / kChunksPerPage >= pages_.size()) {
    pages_.push_back(std::make_unique_for_overwrite<Chunk[]>(kChunksPerPage));
  }
  return chunk_count_++;
}

}  // namespace alai
