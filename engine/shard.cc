#include "engine/shard.h"

#include <algorithm>

#include "engine/base/assert.h"
#include "engine/base/memory.h"
#include "engine/store_thread.h"

namespace alai {
namespace {

// Both children of a split start at least this large, so that most need one or two steps in their
// life.
constexpr uint32_t kSplitBuckets = 32;
// A segment less than half full that has no room holds colliding hashes, which splitting cannot
// part.
constexpr uint32_t kSplitRecordsMin = kSegmentSlotsMax / 2;

}  // namespace

Shard::~Shard() {
  for (int db = 0; db < databases_; ++db) {
    Table* table = this->table(db);
    if (table == nullptr) continue;
    Directory* directory = table->directory();
    for (uint32_t i = 0; i < directory->size(); ++i) {
      const SegmentRef segment = directory->segment(i);
      const uint32_t copies = 1u << (directory->depth() - segment.depth());
      if (i % copies == 0) DeleteSegmentAndRecords(segment);
    }
    delete table;
  }
}

void Shard::Init(int databases, uint32_t shard_bits, UnixMillis now,
                 const SteadyTime& steady_time) {
  databases_ = databases;
  shard_bits_ = shard_bits;
  steady_time_ = &steady_time;
  wheel_time = now;
  wheel_ = std::make_unique<Wheel>(now);
  tables_ = std::make_unique<std::atomic<Table*>[]>(static_cast<size_t>(databases));
}

Table& Shard::MakeTable(int db) {
  if (Table* table = this->table(db)) return *table;
  const SegmentRef first = BuildSegment({}, 1, 0);
  const uint32_t id = Register(first, nullptr);
  auto* table = new Table(db, shard_bits_, first, id);
  segments_[id].table = table;
  if (classes_ != nullptr) table->ReplaceCensus(ClassCensus::Create(*classes_, true));
  tables_[db].store(table, std::memory_order_release);
  return *table;
}

void Shard::SetClasses(StoreThread& thread, const KeyClasses* classes) {
  classes_ = classes;
  for (int db = 0; db < databases_; ++db) {
    Table* table = this->table(db);
    if (table == nullptr) continue;
    ClassCensus* census =
        classes == nullptr ? nullptr : ClassCensus::Create(*classes, table->keys.Get() == 0);
    ClassCensus* old = table->ReplaceCensus(census);
    if (old != nullptr) thread.RetireBlock(old, old->block_size());
  }
}

bool Shard::CountSegmentByClass(Table& table, uint32_t shard_index) {
  ClassCensus* census = table.census();
  if (census == nullptr || census->complete()) return false;
  const uint32_t shard_shift = 64 - shard_bits_;
  const uint64_t from = std::max(census->counted_to(), uint64_t{shard_index} << shard_shift);
  const SegmentRef segment = table.SegmentOf(from);
  scratch_.clear();
  CollectWords(segment, &scratch_);
  constexpr size_t kPrefetchAhead = 8;
  for (size_t i = 0; i < scratch_.size(); ++i) {
    if (i + kPrefetchAhead < scratch_.size()) {
      __builtin_prefetch(scratch_[i + kPrefetchAhead].record());
    }
    census->Meet(*scratch_[i].record());
  }
  const uint32_t segment_shift = shard_shift - segment.depth();
  const uint64_t end = ((from >> segment_shift) + 1) << segment_shift;
  const bool last = end >> shard_shift != shard_index;
  census->CountedTo(last ? 0 : end);
  return !last;
}

void Shard::Insert(StoreThread& thread, Table& table, KeyView key, Record* record) {
  const SlotWord word(key.tag(), record);
  for (;;) {
    Directory* directory = table.directory();
    const uint32_t entry = table.IndexOf(key.hash, directory->depth());
    const SegmentRef segment = directory->segment(entry);
    const uint32_t id = directory->id(entry);
    SlotPlace place = FindRoom(segment, key.tag());
    if (!place) place = MakeRoomArmed(segment, id, key.tag());
    if (!place && segment.has_overflow() && !SplitWouldHelp(segment)) {
      bool grew = false;
      place = AddOverflowRoom(segment, key.tag(), &grew);
      if (grew) table.CountOverflowGrowth();
    }
    if (place) {
      // Armed before it can be seen: a sweep between the two finds nothing, which does no harm.
      if (word.comes_due()) Arm(id, segment, place.index, record->earliest_due());
      place.bucket->Store(place.slot, word);
      table.CountIn(*record);
      return;
    }
    Grow(thread, table, key.hash);
  }
}

// Frees a slot by displacing a record, whose deadline is armed where it went.
SlotPlace Shard::MakeRoomArmed(SegmentRef segment, uint32_t id, uint16_t tag) {
  const Displacement made = MakeRoom(segment, tag);
  if (made.moved.comes_due()) {
    Arm(id, segment, made.moved_to, made.moved.record()->earliest_due());
  }
  return made.room;
}

void Shard::Replace(StoreThread& thread, Table& table, KeyView key, SlotPlace place,
                    Record* record) {
  Record* old = place.word().record();
  const SlotWord word(key.tag(), record);
  if (word.comes_due()) {
    Directory* directory = table.directory();
    const uint32_t entry = table.IndexOf(key.hash, directory->depth());
    Arm(directory->id(entry), directory->segment(entry), place.index, record->earliest_due());
  }
  const size_t old_bytes = table.CountReplaced(*old, *record);
  place.bucket->Store(place.slot, word);
  thread.RetireRecord(old, old_bytes, FreeCause::kSideEffect);
}

void Shard::Remove(StoreThread& thread, Table& table, SlotPlace place, FreeCause cause) {
  Record* old = place.word().record();
  const size_t bytes = table.CountOut(*old);
  place.bucket->Store(place.slot, SlotWord());
  thread.RetireRecord(old, bytes, cause);
}

void Shard::ChangeDeadline(Table& table, KeyView key, SlotPlace place, UnixMillis deadline) {
  Record* record = place.word().record();
  table.CountDeadline(record->deadline(), deadline);
  record->set_deadline(deadline);
  Directory* directory = table.directory();
  const uint32_t entry = table.IndexOf(key.hash, directory->depth());
  Arm(directory->id(entry), directory->segment(entry), place.index, deadline);
}

void Shard::PartsChanged(Table& table, KeyView key, SlotPlace place) {
  Record* record = place.word().record();
  const SlotWord word(key.tag(), record);
  if (word.bits() != place.word().bits()) place.bucket->Store(place.slot, word);
  if (!word.comes_due()) return;
  Directory* directory = table.directory();
  const uint32_t entry = table.IndexOf(key.hash, directory->depth());
  Arm(directory->id(entry), directory->segment(entry), place.index, record->earliest_due());
}

void Shard::PutOffDeadline(Table& table, Record* record, UnixMillis deadline) {
  table.CountDeadline(record->deadline(), deadline);
  record->set_deadline(deadline);
}

std::unique_ptr<Table> Shard::Detach(int db) {
  std::unique_ptr<Table> table(this->table(db));
  if (table == nullptr) return nullptr;
  tables_[db].store(nullptr, std::memory_order_release);
  for (uint32_t id = 0; id < segments_.size(); ++id) {
    Registered& registered = segments_[id];
    if (registered.table != table.get()) continue;
    ForgetArmed(registered.segment);
    registered.table = nullptr;
    registered.segment = SegmentRef();
    ++registered.generation;
    free_ids_.push_back(id);
  }
  if (free_ids_.size() == segments_.size()) wheel_->Reset(wheel_time);
  return table;
}

void Shard::SwapTables(int a, int b) {
  Table* first = table(a);
  Table* second = table(b);
  if (first != nullptr) first->set_db(b);
  if (second != nullptr) second->set_db(a);
  tables_[a].store(second, std::memory_order_release);
  tables_[b].store(first, std::memory_order_release);
}

uint32_t Shard::Register(SegmentRef segment, Table* table) {
  if (!free_ids_.empty()) {
    const uint32_t id = free_ids_.back();
    free_ids_.pop_back();
    segments_[id].segment = segment;
    segments_[id].table = table;
    return id;
  }
  ASSERT(segments_.size() <= kSegmentIdMax);
  segments_.push_back({segment, table, 0});
  return static_cast<uint32_t>(segments_.size() - 1);
}

// Whether splitting this full segment would part its records.
bool Shard::SplitWouldHelp(SegmentRef segment) {
  const SegmentRef without_overflow(segment.buckets(), segment.count(), segment.depth(), false);
  return CountWords(without_overflow, kSplitRecordsMin) >= kSplitRecordsMin;
}

void Shard::Grow(StoreThread& thread, Table& table, uint64_t hash) {
  Directory* directory = table.directory();
  uint32_t entry = table.IndexOf(hash, directory->depth());
  const SegmentRef old = directory->segment(entry);
  const uint32_t id = directory->id(entry);
  const bool has_deadlines = CollectForRebuild(old);
  const bool full = old.count() == kBucketsMax;
  if (!full || !SplitWouldHelp(old)) {
    const uint32_t buckets = full ? kBucketsMax + 1 : NextBucketCount(old.count());
    return Rebuild(thread, table, entry, buckets, has_deadlines);
  }

  if (old.depth() == directory->depth()) {
    DoubleDirectory(thread, table);
    directory = table.directory();
    entry = table.IndexOf(hash, directory->depth());
  }
  Split(table, entry, old, id, has_deadlines);
  RetireSegment(thread, table, old);
}

void Shard::ShrinkIfSparse(StoreThread& thread, Table& table, uint64_t hash) {
  // A quarter full: far enough from what is built then to be worth the work, which is that of four
  // removals or less for each record that is left.
  constexpr uint32_t kSparseDivisor = 4;
  Directory* directory = table.directory();
  const uint32_t entry = table.IndexOf(hash, directory->depth());
  const SegmentRef segment = directory->segment(entry);
  const uint32_t sparse = segment.count() * kSlots / kSparseDivisor;
  const uint32_t records = CountWords(segment, sparse);
  if (records > sparse) return;
  const uint32_t buckets = BucketCountFor(records);
  if (buckets >= segment.count() && !segment.has_overflow()) return;
  Rebuild(thread, table, entry, buckets, CollectForRebuild(segment));
}

// Puts the records of a segment into scratch_ for the one that takes its place; says whether one of
// them has a deadline. The segment's buckets do not count as armed from here on.
bool Shard::CollectForRebuild(SegmentRef old) {
  scratch_.clear();
  CollectWords(old, &scratch_);
  // Armed buckets whose records with deadlines have all gone count until now.
  ForgetArmed(old);
  return std::any_of(scratch_.begin(), scratch_.end(), [](SlotWord w) { return w.comes_due(); });
}

// Lets a segment of another size, with the records in scratch_, take the place of a directory entry's.
void Shard::Rebuild(StoreThread& thread, Table& table, uint32_t entry, uint32_t buckets,
                    bool has_deadlines) {
  const SegmentRef old = table.directory()->segment(entry);
  const uint32_t id = table.directory()->id(entry);
  const SegmentRef segment = BuildSegment(scratch_, buckets, old.depth());
  if (has_deadlines) ArmFromOld(id, old, segment);
  Publish(table, entry, old.depth(), segment, id);
  RetireSegment(thread, table, old);
}

// Parts the records in scratch_, which came from `old`, by the next bit of their hashes.
void Shard::Split(Table& table, uint32_t entry, SegmentRef old, uint32_t id, bool has_deadlines) {
  constexpr size_t kPrefetchAhead = 12;
  std::vector<SlotWord>& ones = split_scratch_;
  ones.clear();
  size_t zeros = 0;
  for (size_t i = 0; i < scratch_.size(); ++i) {
    if (i + kPrefetchAhead < scratch_.size()) {
      __builtin_prefetch(scratch_[i + kPrefetchAhead].record());
    }
    const uint64_t hash = Hash(scratch_[i].record()->key());
    if ((hash << shard_bits_ >> (63 - old.depth()) & 1) != 0) {
      ones.push_back(scratch_[i]);
    } else {
      scratch_[zeros++] = scratch_[i];
    }
  }
  scratch_.resize(zeros);

  const SegmentRef low = BuildSegment(scratch_, kSplitBuckets, old.depth() + 1);
  const SegmentRef high = BuildSegment(ones, kSplitBuckets, old.depth() + 1);
  const uint32_t high_id = Register(high, &table);
  if (has_deadlines) {
    ArmExactly(id, low);
    ArmExactly(high_id, high);
  }
  const uint32_t span = 1u << (table.directory()->depth() - old.depth());
  const uint32_t first = entry & ~(span - 1);
  Publish(table, first, low.depth(), low, id);
  Publish(table, first + span / 2, high.depth(), high, high_id);
}

// Lets every directory entry of the prefix that `entry` has at `depth` lead to `segment`.
void Shard::Publish(Table& table, uint32_t entry, uint32_t depth, SegmentRef segment, uint32_t id) {
  Directory* directory = table.directory();
  const uint32_t span = 1u << (directory->depth() - depth);
  const uint32_t first = entry & ~(span - 1);
  for (uint32_t i = first; i < first + span; ++i) {
    directory->entry(i).store(segment.bits(), std::memory_order_release);
    directory->id(i) = id;
  }
  segments_[id].segment = segment;
  table.CountSegmentIn(segment);
}

void Shard::DoubleDirectory(StoreThread& thread, Table& table) {
  Directory* old = table.directory();
  Directory* directory = Directory::Create(old->depth() + 1);
  for (uint32_t i = 0; i < directory->size(); ++i) {
    directory->entry(i).store(old->segment(i / 2).bits(), std::memory_order_relaxed);
    directory->id(i) = old->id(i / 2);
  }
  table.set_directory(directory);
  table.segment_bytes.Add(UsableSize(directory->block_size()));
  table.segment_bytes.Sub(UsableSize(old->block_size()));
  thread.RetireBlock(old, old->block_size());
}

void Shard::RetireSegment(StoreThread& thread, Table& table, SegmentRef segment) {
  table.CountSegmentOut(segment);
  if (segment.has_overflow()) {
    Bucket* b = SegmentRef::NextOverflow(*segment.overflow());
    while (b != nullptr) {
      Bucket* next = SegmentRef::NextOverflow(*b);
      thread.RetireSegment(b, sizeof(Bucket));
      b = next;
    }
  }
  thread.RetireSegment(segment.buckets(), segment.block_size());
}

}  // namespace alai
