// How many keys of each class a table holds, and how many bytes.
//
// When the classes change, a table's keys are counted anew while they go on changing: a census goes
// through them in the order of their hashes, a segment at a time. A key that comes or goes before the
// place it has reached is counted; one behind it will be met, or not, when the census gets there. Splits
// and steps move no key to another place in that order.
//
//   hash    0 ──────────────── counted_to ──────────────────> 2^64
//             changes count         changes do not count yet
//
// Threads     Changed with the shard's writer bit; figures are read from any thread.
// Invariants  One block of memory without destructors, so that it can be retired like a record.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/base/counter.h"
#include "engine/key_classes.h"
#include "engine/record.h"

namespace alai {

class ClassCensus {
 public:
  struct Figures {
    Counter keys;
    Counter bytes;  // held by the allocator for the records
  };

  // `classes` outlives it. `complete`: the table is empty, so there is nothing to go through.
  static ClassCensus* Create(const KeyClasses& classes, bool complete);
  void Delete();
  size_t block_size() const { return BlockSize(slots_); }

  void CountIn(const Record& record) {
    if (Counts(record)) Add(record, record.allocated_bytes());
  }
  void CountOut(const Record& record, size_t bytes);
  void CountReplaced(size_t old_bytes, const Record& fresh);

  bool complete() const { return complete_; }
  // The hash from which on keys have not been counted.
  uint64_t counted_to() const { return counted_to_; }
  // The keys before `hash` have all been counted; 0: all of them.
  void CountedTo(uint64_t hash) {
    counted_to_ = hash;
    complete_ = hash == 0;
  }
  // One that the census meets.
  void Meet(const Record& record) { Add(record, record.allocated_bytes()); }

  const Figures& figures(uint32_t slot) const { return figures_[slot]; }
  uint32_t slots() const { return slots_; }

 private:
  ClassCensus(const KeyClasses& classes, bool complete)
      : classes_(classes), slots_(classes.slots()), complete_(complete) {}
  static size_t BlockSize(uint32_t slots) { return sizeof(ClassCensus) + slots * sizeof(Figures); }

  bool Counts(const Record& record) const { return complete_ || IsBehind(record); }
  bool IsBehind(const Record& record) const;
  void Add(const Record& record, size_t bytes);

  const KeyClasses& classes_;
  const uint32_t slots_;
  uint64_t counted_to_ = 0;
  bool complete_;
  Figures figures_[];
};

}  // namespace alai
