#include "engine/class_figures.h"

namespace alai {

void ClassFigures::Clear() {
  for (Counter& count : counts) count.Set(0);
  read_nanos.Reset();
}

ThreadClassFigures::~ThreadClassFigures() {
  for (const std::atomic<ClassFigures*>& slot : slots_) {
    delete slot.load(std::memory_order_relaxed);
  }
}

ClassFigures& ThreadClassFigures::StartEra(uint32_t slot, uint32_t era) {
  ClassFigures* figures = slots_[slot].load(std::memory_order_relaxed);
  if (figures == nullptr) {
    figures = new ClassFigures;
    figures->era.store(era, std::memory_order_relaxed);
    slots_[slot].store(figures, std::memory_order_release);
  } else {
    figures->Clear();
    figures->era.store(era, std::memory_order_release);
  }
  return *figures;
}

const ClassFigures* ThreadClassFigures::Find(uint32_t slot, uint32_t era) const {
  const ClassFigures* figures = slots_[slot].load(std::memory_order_acquire);
  if (figures == nullptr || figures->era.load(std::memory_order_acquire) != era) return nullptr;
  return figures;
}

}  // namespace alai
