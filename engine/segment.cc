#include "engine/segment.h"

#include <algorithm>

#include "engine/base/assert.h"
#include "engine/base/memory.h"
#include "engine/segment_pool.h"

namespace alai {
namespace {

[[gnu::always_inline]] inline Record* FindInBucket(const Bucket& bucket, KeyView key) {
  for (TagMatches m = bucket.MatchTag(key.tag()); m; m.Next()) {
    const SlotWord word = bucket.Load(m.slot());
    if (word && word.tag() == key.tag() && KeyEquals(*word.record(), key.bytes)) {
      return word.record();
    }
  }
  return nullptr;
}

[[gnu::always_inline]] inline int LocateInBucket(const Bucket& bucket, KeyView key) {
  for (TagMatches m = bucket.MatchTag(key.tag()); m; m.Next()) {
    const SlotWord word = bucket.Load(m.slot());
    if (word && KeyEquals(*word.record(), key.bytes)) return static_cast<int>(m.slot());
  }
  return -1;
}

Record* FindInOverflow(SegmentRef segment, KeyView key) {
  for (Bucket* b = segment.overflow(); b != nullptr; b = SegmentRef::NextOverflow(*b)) {
    if (Record* record = FindInBucket(*b, key)) return record;
  }
  return nullptr;
}

// The bucket of its two where the record of `word` is not.
uint32_t OtherBucket(SlotWord word, uint32_t count, uint32_t here) {
  const uint32_t home = HomeOf(word.tag(), count);
  return home == here ? AlternateOf(word.tag(), count, home) : home;
}

// Stores `word`, which is in another bucket of `segment`, in a free slot of bucket `to`.
void MoveTo(SegmentRef segment, SlotWord word, uint32_t to, uint32_t slot) {
  Bucket& home = segment.home(word.tag());
  segment.buckets()[to].Store(slot, word);
  if (&home != &segment.buckets()[to]) home.NoteOverflow(word.tag());
  home.NoteMove();
}

}  // namespace

Record* FindInSegment(SegmentRef segment, KeyView key) {
  const uint32_t count = segment.count();
  const uint32_t home_index = HomeOf(key.tag(), count);
  const Bucket& home = segment.buckets()[home_index];
  for (;;) {
    const uint64_t before = home.control.load(std::memory_order_acquire);
    if (Record* record = FindInBucket(home, key)) return record;
    if (Bucket::MayOverflow(before, key.tag())) {
      const Bucket& other = segment.buckets()[AlternateOf(key.tag(), count, home_index)];
      if (Record* record = FindInBucket(other, key)) return record;
    }
    // A key that moved between the two looks was passed by; its home's version tells. An overflow
    // noted since is such a move, or an insertion that came after this lookup began.
    if (((before ^ home.control.load(std::memory_order_acquire)) & 0xffff'0000) == 0) break;
  }
  return segment.has_overflow() ? FindInOverflow(segment, key) : nullptr;
}

SlotPlace LocateInSegment(SegmentRef segment, KeyView key) {
  Bucket* buckets = segment.buckets();
  const uint32_t home = HomeOf(key.tag(), segment.count());
  int slot = LocateInBucket(buckets[home], key);
  if (slot >= 0) return {&buckets[home], static_cast<uint32_t>(slot), home};
  if (buckets[home].MayOverflow(key.tag())) {
    const uint32_t other = AlternateOf(key.tag(), segment.count(), home);
    slot = LocateInBucket(buckets[other], key);
    if (slot >= 0) return {&buckets[other], static_cast<uint32_t>(slot), other};
  }
  for (Bucket* b = segment.overflow(); b != nullptr; b = SegmentRef::NextOverflow(*b)) {
    slot = LocateInBucket(*b, key);
    if (slot >= 0) return {b, static_cast<uint32_t>(slot), home};
  }
  return {};
}

Displacement MakeRoom(SegmentRef segment, uint16_t tag) {
  Bucket* buckets = segment.buckets();
  const uint32_t count = segment.count();
  if (count == 1) return {};
  const uint32_t home = HomeOf(tag, count);
  for (const uint32_t full : {home, AlternateOf(tag, count, home)}) {
    for (uint32_t slot = 0; slot < kSlots; ++slot) {
      const SlotWord word = buckets[full].Load(slot);
      const uint32_t other = OtherBucket(word, count, full);
      const int room = other == full ? -1 : buckets[other].FreeSlot();
      if (room < 0) continue;
      MoveTo(segment, word, other, static_cast<uint32_t>(room));
      if (full != home) buckets[home].NoteOverflow(tag);
      return {.room = {&buckets[full], slot, full}, .moved = word, .moved_to = other};
    }
  }
  return {};
}

namespace {

SegmentRef NewSegment(uint32_t buckets, uint32_t depth, bool overflow) {
  const uint32_t blocks = buckets + (overflow ? 1 : 0);
  const size_t size = blocks * sizeof(Bucket);
  auto* block = static_cast<Bucket*>(SegmentPool::Serves(size) ? SegmentPool::Get().Allocate(size)
                                                               : AllocateAligned(size));
  for (uint32_t i = 0; i < blocks; ++i) new (block + i) Bucket;
  return SegmentRef(block, buckets, depth, overflow);
}

// Stores the words that find a free slot in their home, which needs no search, and gives the others.
void FillHomes(SegmentRef segment, std::span<const SlotWord> words, std::vector<SlotWord>* others) {
  uint8_t used[kBucketsMax] = {};
  for (const SlotWord word : words) {
    const uint32_t home = HomeOf(word.tag(), segment.count());
    if (used[home] < kSlots) {
      segment.buckets()[home].slots[used[home]++].store(word.bits(), std::memory_order_relaxed);
    } else {
      others->push_back(word);
    }
  }
}

// Stores a word wherever there is or can be made room.
bool Fit(SegmentRef segment, SlotWord word) {
  SlotPlace place = FindRoom(segment, word.tag());
  if (!place) place = MakeRoom(segment, word.tag()).room;
  if (place) place.bucket->Store(place.slot, word);
  return static_cast<bool>(place);
}

}  // namespace

SegmentRef BuildSegment(std::span<const SlotWord> words, uint32_t buckets, uint32_t depth) {
  // Above this share of full slots placing everything rarely succeeds.
  constexpr uint32_t kLoadPercentMax = 94;
  thread_local std::vector<SlotWord> others;
  while (buckets < kBucketsMax && words.size() * 100 > buckets * kSlots * kLoadPercentMax) {
    buckets = NextBucketCount(buckets);
  }
  for (; buckets <= kBucketsMax; buckets = NextBucketCount(buckets)) {
    const SegmentRef segment = NewSegment(buckets, depth, false);
    others.clear();
    FillHomes(segment, words, &others);
    const auto fits = [segment](SlotWord word) { return Fit(segment, word); };
    if (std::all_of(others.begin(), others.end(), fits)) return segment;
    FreeSegmentBlock(segment.buckets(), segment.block_size());
  }
  const SegmentRef segment = NewSegment(kBucketsMax, depth, true);
  for (const SlotWord word : words) {
    if (Fit(segment, word)) continue;
    bool grew = false;
    const SlotPlace place = AddOverflowRoom(segment, word.tag(), &grew);
    place.bucket->Store(place.slot, word);
  }
  return segment;
}

void FreeSegmentBlock(void* block, size_t size) {
  if (SegmentPool::Serves(size)) {
    SegmentPool::Get().Free(block, size);
  } else {
    FreeAligned(block, size);
  }
}

void DeleteSegmentAndRecords(SegmentRef segment) {
  std::vector<SlotWord> words;
  CollectWords(segment, &words);
  for (const SlotWord word : words) word.record()->Destroy();
  Bucket* b = segment.has_overflow() ? SegmentRef::NextOverflow(*segment.overflow()) : nullptr;
  while (b != nullptr) {
    Bucket* next = SegmentRef::NextOverflow(*b);
    FreeAligned(b, sizeof(Bucket));
    b = next;
  }
  FreeSegmentBlock(segment.buckets(), segment.block_size());
}

SlotPlace AddOverflowRoom(SegmentRef segment, uint16_t tag, bool* grew) {
  DASSERT(segment.has_overflow());
  *grew = false;
  const uint32_t home = HomeOf(tag, segment.count());
  Bucket* first = segment.overflow();
  // Only the first two are searched for holes: a long chain means that all its tags collide, and
  // looking through it at every insertion would make filling it quadratic.
  Bucket* second = SegmentRef::NextOverflow(*first);
  for (Bucket* b : {first, second}) {
    const int slot = b == nullptr ? -1 : b->FreeSlot();
    if (slot >= 0) return {b, static_cast<uint32_t>(slot), home};
  }
  auto* fresh = new (AllocateAligned(sizeof(Bucket))) Bucket;
  fresh->control.store(reinterpret_cast<uint64_t>(second), std::memory_order_relaxed);
  first->control.store(reinterpret_cast<uint64_t>(fresh), std::memory_order_release);
  *grew = true;
  return {fresh, 0, home};
}

uint64_t CountOverflowBuckets(SegmentRef segment) {
  uint64_t n = 0;
  for (Bucket* b = segment.overflow(); b != nullptr; b = SegmentRef::NextOverflow(*b)) ++n;
  return n;
}

uint32_t CountWords(SegmentRef segment, uint32_t limit) {
  uint32_t n = 0;
  const auto count = [&n](const Bucket& bucket) {
    for (uint32_t j = 0; j < kSlots; ++j) n += bucket.Load(j) ? 1 : 0;
  };
  for (uint32_t i = 0; i < segment.count() && n <= limit; ++i) count(segment.buckets()[i]);
  for (Bucket* b = segment.overflow(); b != nullptr && n <= limit;
       b = SegmentRef::NextOverflow(*b)) {
    count(*b);
  }
  return n;
}

uint32_t NextBucketCount(uint32_t buckets) {
  if (buckets < 8) return buckets + 1;
  if (buckets < 16) return buckets + 2;
  if (buckets < 32) return buckets + 4;
  return buckets + 8;
}

uint32_t BucketCountFor(uint32_t records) {
  constexpr uint32_t kLoadPercent = 60;
  uint32_t buckets = 1;
  while (buckets < kBucketsMax && buckets * kSlots * kLoadPercent < records * 100) {
    buckets = NextBucketCount(buckets);
  }
  return buckets;
}

void CollectWords(SegmentRef segment, std::vector<SlotWord>* words) {
  const auto collect = [words](const Bucket& bucket) {
    for (uint32_t j = 0; j < kSlots; ++j) {
      if (const SlotWord word = bucket.Load(j)) words->push_back(word);
    }
  };
  for (uint32_t i = 0; i < segment.count(); ++i) collect(segment.buckets()[i]);
  for (Bucket* b = segment.overflow(); b != nullptr; b = SegmentRef::NextOverflow(*b)) collect(*b);
}

}  // namespace alai
