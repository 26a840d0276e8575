// The part of a shard that keeps its expiry wheel in step with its buckets.
#include <algorithm>

#include "engine/shard.h"

namespace alai {

void Shard::Arm(uint32_t segment_id, SegmentRef segment, uint32_t index, UnixMillis deadline) {
  if (!has_deadlines_.load(std::memory_order_relaxed)) [[unlikely]]
    has_deadlines_.store(true, std::memory_order_release);
  ArmAt(segment_id, segment.buckets()[index], index, wheel_->TickOf(deadline));
}

void Shard::ArmAt(uint32_t segment_id, Bucket& bucket, uint32_t index, uint32_t tick) {
  const uint32_t armed = bucket.armed();
  if (armed != 0 && armed <= tick) return;
  bucket.SetArmed(tick);
  if (armed == 0) {
    ++armed_buckets_;
  } else if (wheel_->SameSlot(armed, tick)) {
    return;
  }
  wheel_->Add(BucketRef(segment_id, segments_[segment_id].generation, index), tick);
}

// The buckets of a segment that is about to be replaced no longer count as armed; their entries
// stay in the wheel and are used again or go stale.
void Shard::ForgetArmed(SegmentRef segment) {
  for (uint32_t i = 0; i < segment.count(); ++i) {
    if (segment.buckets()[i].armed() != 0) --armed_buckets_;
  }
}

// Arms the buckets of a step's result without touching the records: a record is due no earlier than
// the buckets it can have come from, and firing early only costs a look.
void Shard::ArmFromOld(uint32_t id, SegmentRef old, SegmentRef segment) {
  const uint32_t old_count = old.count();
  const auto armed_before = [&](uint16_t tag) {
    const uint32_t home = HomeOf(tag, old_count);
    const uint32_t at_home = old.buckets()[home].armed();
    if (old_count == 1) return at_home;
    const uint32_t elsewhere = old.buckets()[AlternateOf(tag, old_count, home)].armed();
    if (at_home == 0 || elsewhere == 0) return at_home | elsewhere;
    return std::min(at_home, elsewhere);
  };
  ForEachArmedWord(segment, [&](uint32_t index, SlotWord word) {
    NoteDue(segment.buckets()[index], armed_before(word.tag()));
  });
  for (uint32_t i = 0; i < segment.count(); ++i) {
    const uint32_t tick = segment.buckets()[i].armed();
    if (tick == 0) continue;
    ++armed_buckets_;
    const uint32_t before = i < old_count ? old.buckets()[i].armed() : 0;
    if (before != 0 && (before == tick || wheel_->SameSlot(before, tick))) continue;
    wheel_->Add(BucketRef(id, segments_[id].generation, i), tick);
  }
}

// Arms the buckets of a split's result by their records' deadlines. Entries of the old segment
// under the same id are stale unless they happen to name the same bucket and time.
void Shard::ArmExactly(uint32_t id, SegmentRef segment) {
  ForEachArmedWord(segment, [&](uint32_t index, SlotWord word) {
    NoteDue(segment.buckets()[index], wheel_->TickOf(word.record()->earliest_due()));
  });
  for (uint32_t i = 0; i < segment.count(); ++i) {
    const uint32_t tick = segment.buckets()[i].armed();
    if (tick == 0) continue;
    ++armed_buckets_;
    wheel_->Add(BucketRef(id, segments_[id].generation, i), tick);
  }
}

// Lowers a bucket's armed tick without telling the wheel.
void Shard::NoteDue(Bucket& bucket, uint32_t tick) {
  const uint32_t armed = bucket.armed();
  if (armed == 0 || tick < armed) bucket.SetArmed(tick);
}

bool Shard::TakeDue(UnixMillis now, std::vector<DueBucket>* due) {
  due->clear();
  wheel_time = std::max(wheel_time, now);
  Wheel::Slot slot;
  while (due->empty()) {
    if (!wheel_->NextDue(now, &slot)) return false;
    BucketRef refs[Wheel::kEntriesPerChunk];
    const uint32_t n = wheel_->Take(slot, refs);
    for (uint32_t i = 0; i < n; ++i) {
      if (Bucket* bucket = BucketOf(refs[i])) __builtin_prefetch(bucket, 1);
    }
    for (uint32_t i = 0; i < n; ++i) {
      Bucket* bucket = BucketOf(refs[i]);
      const uint32_t tick = bucket == nullptr ? 0 : bucket->armed();
      if (tick == 0 || tick == Wheel::kFarTick) continue;
      if (tick <= wheel_->current()) {
        const Registered& registered = segments_[refs[i].segment_id()];
        due->push_back(
            {registered.table, registered.segment, refs[i].segment_id(), refs[i].bucket()});
        for (uint32_t j = 0; j < kSlots; ++j) {
          const SlotWord word = bucket->Load(j);
          if (word.comes_due()) __builtin_prefetch(word.record());
        }
      } else if (slot.level > 0 && wheel_->InReachOf(slot, tick)) {
        wheel_->Add(refs[i], tick);  // down to a finer level
      }
    }
  }
  return true;
}

// nullptr when the entry's segment is gone or has fewer buckets now.
Bucket* Shard::BucketOf(BucketRef ref) {
  if (ref.segment_id() >= segments_.size()) return nullptr;
  const Registered& registered = segments_[ref.segment_id()];
  if (!registered.segment || (registered.generation & 15) != ref.generation()) return nullptr;
  if (ref.bucket() >= registered.segment.count()) return nullptr;
  return &registered.segment.buckets()[ref.bucket()];
}

bool Shard::StillDue(const DueBucket& due) const {
  const uint32_t tick = due.segment.buckets()[due.index].armed();
  return tick != 0 && tick <= wheel_->current();
}

// A token bucket that is still there past its deadline counts in steady time, which the wall clock has
// left behind.
UnixMillis Shard::DueAt(const Record& record) const {
  const UnixMillis deadline = record.earliest_due();
  if (deadline > wheel_time || record.type() != Type::kTokenBucket) return deadline;
  return deadline + steady_time_->StepMillis();
}

void Shard::Rearm(const DueBucket& due, bool at_once) {
  Bucket& bucket = due.segment.buckets()[due.index];
  UnixMillis earliest = kNoDeadline;
  const auto consider = [&](SlotWord word) {
    if (word.comes_due()) earliest = std::min(earliest, DueAt(*word.record()));
  };
  for (uint32_t j = 0; j < kSlots; ++j) consider(bucket.Load(j));
  for (Bucket* b = due.segment.overflow(); b != nullptr; b = SegmentRef::NextOverflow(*b)) {
    for (uint32_t j = 0; j < kSlots; ++j) {
      const SlotWord word = b->Load(j);
      if (word && HomeOf(word.tag(), due.segment.count()) == due.index) consider(word);
    }
  }
  if (bucket.armed() != 0) {
    bucket.SetArmed(0);
    --armed_buckets_;
  }
  if (earliest == kNoDeadline) return;
  const uint32_t tick = std::max(wheel_->TickOf(earliest), wheel_->current() + (at_once ? 0 : 1));
  ArmAt(due.segment_id, bucket, due.index, tick);
}

void Shard::PurgeWheelStep() {
  // A full round looks at every slot of every level once.
  constexpr uint32_t kSlotsInAll = Wheel::kLevels * Wheel::kSlotsPerLevel;
  const Wheel::Slot slot{static_cast<int>(purge_cursor_ / Wheel::kSlotsPerLevel),
                         purge_cursor_ % Wheel::kSlotsPerLevel};
  purge_cursor_ = (purge_cursor_ + 1) % kSlotsInAll;
  wheel_->Sift(slot, [&](BucketRef ref) {
    const Bucket* bucket = BucketOf(ref);
    const uint32_t tick = bucket == nullptr ? 0 : bucket->armed();
    return tick != 0 && wheel_->BelongsTo(slot, tick);
  });
}

void Shard::RebaseWheel(UnixMillis now) {
  wheel_time = now;
  wheel_->Reset(now);
  armed_buckets_ = 0;
  for (uint32_t id = 0; id < segments_.size(); ++id) {
    const SegmentRef segment = segments_[id].segment;
    if (!segment) continue;
    for (uint32_t i = 0; i < segment.count(); ++i) segment.buckets()[i].SetArmed(0);
    ArmExactly(id, segment);
  }
}

}  // namespace alai
