#include "engine/blob.h"

#include <cstring>

#include "engine/base/memory.h"

namespace alai {

Blob* Blob::Create(uint64_t length, uint64_t capacity) {
  return new (Allocate(sizeof(Blob) + capacity)) Blob(length, capacity);
}

Blob* Blob::Copy(std::string_view bytes) {
  Blob* blob = Create(bytes.size(), bytes.size());
  std::memcpy(blob->bytes(), bytes.data(), bytes.size());
  return blob;
}

void Blob::Release() {
  if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    Free(this, sizeof(Blob) + capacity_);
  }
}

size_t Blob::allocated_bytes() const { return UsableSize(sizeof(Blob) + capacity_); }

}  // namespace alai
