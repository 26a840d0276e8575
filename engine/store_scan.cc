// Walking over a database: SCAN's cursors and a fair random key.
//
// A cursor is a position in hash order: the highest 37 bits of a hash, then a tag. Everything
// before it has been visited. Steps and splits keep the order, so positions stay true while tables
// grow, and the 53 bits fit a JavaScript number.
#include <algorithm>
#include <array>

#include "engine/store.h"

namespace alai {
namespace {

constexpr uint32_t kTagBits = 16;
constexpr uint32_t kPrefixBits = 37;
constexpr size_t kPrefetchAhead = 8;

// A snapshot of a segment's records with a tag of at least `from`. Records that move between
// buckets while it is taken could be passed by, so it is repeated until no move happened meanwhile.
bool TryCollect(SegmentRef segment, uint32_t from, std::vector<SlotWord>* words) {
  std::array<uint16_t, kBucketsMax> versions;
  for (uint32_t i = 0; i < segment.count(); ++i) {
    versions[i] = static_cast<uint16_t>(segment.buckets()[i].move_version() >> 16);
  }
  words->clear();
  CollectWords(segment, words);
  for (uint32_t i = 0; i < segment.count(); ++i) {
    if (versions[i] != static_cast<uint16_t>(segment.buckets()[i].move_version() >> 16)) {
      return false;
    }
  }
  std::erase_if(*words, [from](SlotWord word) { return word.tag() < from; });
  return true;
}

void Collect(ShardLock& lock, SegmentRef segment, uint32_t from, std::vector<SlotWord>* words) {
  constexpr int kTries = 8;
  for (int i = 0; i < kTries; ++i) {
    if (TryCollect(segment, from, words)) return;
  }
  lock.Lock();
  TryCollect(segment, from, words);
  lock.Unlock();
}

// Keeps about `limit` records of the lowest tags, all of a tag or none; gives the first tag left
// out, or 2^16.
uint32_t KeepLowestTags(std::vector<SlotWord>* words, uint64_t limit) {
  if (words->size() <= limit) return 1u << kTagBits;
  const auto by_tag = [](SlotWord a, SlotWord b) { return a.tag() < b.tag(); };
  const auto last = words->begin() + static_cast<ptrdiff_t>(std::max<uint64_t>(limit, 1)) - 1;
  std::nth_element(words->begin(), last, words->end(), by_tag);
  const uint32_t end = uint32_t{last->tag()} + 1;
  std::erase_if(*words, [end](SlotWord word) { return word.tag() >= end; });
  return end;
}

// What is in a slot of a segment; those from kSegmentSlotsMax on are in its overflow chain.
SlotWord WordAt(SegmentRef segment, uint64_t slot) {
  const auto in_bucket = static_cast<uint32_t>(slot % kSlots);
  if (slot < kSegmentSlotsMax) {
    const uint64_t bucket = slot / kSlots;
    return bucket < segment.count() ? segment.buckets()[bucket].Load(in_bucket) : SlotWord();
  }
  const Bucket* bucket = segment.overflow();
  for (uint64_t i = (slot - kSegmentSlotsMax) / kSlots; i != 0 && bucket != nullptr; --i) {
    bucket = SegmentRef::NextOverflow(*bucket);
  }
  return bucket == nullptr ? SlotWord() : bucket->Load(in_bucket);
}

}  // namespace

uint64_t Store::Scan(StoreThread& thread, int db, uint64_t cursor, uint64_t count, UnixMillis now,
                     const std::function<void(const Record&)>& visit, ScanStop stop) {
  constexpr uint64_t kEnd = uint64_t{1} << (kPrefixBits + kTagBits);
  const uint32_t shard_bits = 64 - shard_shift_;
  std::vector<SlotWord>& words = thread.scan_scratch();
  uint64_t left = std::max<uint64_t>(count, 1);
  while (cursor < kEnd) {
    const uint64_t prefix = cursor >> kTagBits;
    const auto from = static_cast<uint32_t>(cursor & ((1u << kTagBits) - 1));
    const auto shard_index = static_cast<uint32_t>(prefix >> (kPrefixBits - shard_bits));
    const Table* table = shards_[shard_index].table(db);
    if (table == nullptr || table->keys.Get() == 0) {
      cursor = uint64_t{shard_index + 1} << (kPrefixBits - shard_bits + kTagBits);
      continue;
    }
    const uint64_t hash = prefix << (64 - kPrefixBits);
    const SegmentRef segment = table->SegmentOf(hash);
    Collect(shards_[shard_index].lock, segment, from, &words);
    const uint64_t limit = stop == ScanStop::kAnywhere ? left : UINT64_MAX;
    const uint32_t next_tag = KeepLowestTags(&words, limit);
    for (size_t i = 0; i < words.size(); ++i) {
      if (i + kPrefetchAhead < words.size()) {
        __builtin_prefetch(words[i + kPrefetchAhead].record());
      }
      const Record& record = *words[i].record();
      if (!words[i].has_deadline() || !Expired(record, now)) visit(record);
    }
    left -= std::min<uint64_t>(left, words.size());
    if (next_tag < 1u << kTagBits) {
      cursor = prefix << kTagBits | next_tag;
    } else {
      // The segment's prefix, counted up by one.
      const uint32_t shift = kPrefixBits - shard_bits - segment.depth();
      cursor = ((prefix >> shift) + 1) << (shift + kTagBits);
    }
    if (left == 0 && cursor < kEnd) return cursor;
  }
  return 0;
}

// A table of the database, each with a probability proportional to its keys.
Table* Store::PickTable(StoreThread& thread, int db) {
  const uint64_t keys = KeyCount(db);
  if (keys == 0) return nullptr;
  uint64_t at = thread.random().Below(keys);
  Table* last = nullptr;
  for (uint32_t i = 0; i < shard_count_; ++i) {
    Table* table = shards_[i].table(db);
    if (table == nullptr || table->keys.Get() == 0) continue;
    last = table;
    if (at < table->keys.Get()) return table;
    at -= table->keys.Get();
  }
  return last;
}

Record* Store::RandomRecord(StoreThread& thread, int db, UnixMillis now) {
  // Rejection sampling: every segment and every slot is drawn with the same probability, whatever
  // their size, and free slots are drawn again. Every segment counts as having the overflow slots of
  // all.
  constexpr int kDraws = 4096;
  Random& random = thread.random();
  for (int i = 0; i < kDraws; ++i) {
    const Table* table = PickTable(thread, db);
    if (table == nullptr) return nullptr;
    const Directory* directory = table->directory();
    for (int j = 0; j < kDraws / 16; ++j) {
      const auto entry = static_cast<uint32_t>(random.Below(directory->size()));
      const SegmentRef segment = directory->segment(entry);
      if (entry % (1u << (directory->depth() - segment.depth())) != 0) continue;
      const uint64_t overflow = table->overflow_buckets.Get();
      const uint64_t slot = random.Below(kSegmentSlotsMax + overflow * kSlots);
      const SlotWord word = WordAt(segment, slot);
      if (!word) continue;
      if (!Expired(*word.record(), now)) return word.record();
      break;
    }
  }
  // Nearly everything is free or expired: the first live record from a random position on.
  Record* found = nullptr;
  const uint64_t start = random.Below(uint64_t{1} << (kPrefixBits + kTagBits));
  for (const uint64_t from : {start, uint64_t{0}}) {
    uint64_t cursor = from;
    do {
      cursor = Scan(thread, db, cursor, 64, now, [&found](const Record& record) {
        if (found == nullptr) found = const_cast<Record*>(&record);
      });
    } while (cursor != 0 && found == nullptr);
    if (found != nullptr) break;
  }
  return found;
}

}  // namespace alai
