#include "engine/class_census.h"

#include <new>

#include "engine/base/hash.h"
#include "engine/base/memory.h"

namespace alai {

ClassCensus* ClassCensus::Create(const KeyClasses& classes, bool complete) {
  auto* census = new (Allocate(BlockSize(classes.slots()))) ClassCensus(classes, complete);
  for (uint32_t i = 0; i < classes.slots(); ++i) new (&census->figures_[i]) Figures;
  return census;
}

void ClassCensus::Delete() { Free(this, block_size()); }

bool ClassCensus::IsBehind(const Record& record) const { return Hash(record.key()) < counted_to_; }

void ClassCensus::Add(const Record& record, size_t bytes) {
  const KeyClass* key_class = classes_.Find(record.key());
  if (key_class == nullptr) return;
  Figures& figures = figures_[key_class->slot];
  figures.keys.Add();
  figures.bytes.Add(bytes);
}

void ClassCensus::CountOut(const Record& record, size_t bytes) {
  if (!Counts(record)) return;
  const KeyClass* key_class = classes_.Find(record.key());
  if (key_class == nullptr) return;
  Figures& figures = figures_[key_class->slot];
  figures.keys.Sub();
  figures.bytes.Sub(bytes);
}

void ClassCensus::CountReplaced(size_t old_bytes, const Record& fresh) {
  if (!Counts(fresh)) return;
  const KeyClass* key_class = classes_.Find(fresh.key());
  if (key_class == nullptr) return;
  figures_[key_class->slot].bytes.Add(fresh.allocated_bytes() - old_bytes);
}

}  // namespace alai
