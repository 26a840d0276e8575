// Memory of a packed list: what it holds, and nodes that views still show.
//
// A node (a leaf or a part of the directory) carries the generation in which it was made. A view shows all
// nodes that are there when it is taken, and the generation is counted up; whoever is about to change a node
// of an older generation while there are views copies it and retires the original, which is held until the
// last view is gone. Without views a change costs one comparison.
//
// Threads     One at a time. Views are walked by others without coming here.
#pragma once

#include <cstddef>
#include <cstdint>

namespace alai {

class PackedMemory {
 public:
  PackedMemory() = default;
  PackedMemory(const PackedMemory&) = delete;
  PackedMemory& operator=(const PackedMemory&) = delete;
  ~PackedMemory();

  void* New(size_t bytes);
  void Free(void* block, size_t bytes);

  // Gives a node up: it is freed when no view shows it.
  void Retire(void* node, size_t bytes, uint32_t generation) {
    if (Shown(generation)) return Hold(node, bytes);
    Free(node, bytes);
  }

  // Whether a view may show a node of this generation, so that it must not change.
  bool Shown(uint32_t generation) const { return views_ > 0 && generation != generation_; }
  uint32_t generation() const { return generation_; }

  void AddView() {
    ++generation_;
    ++views_;
  }
  void ReleaseView();
  uint32_t views() const { return views_; }

  // Frees about so many of the nodes that are held for views, if there are none any more. Whether some are
  // left to be freed.
  bool FreeHeld(size_t budget);

  // What the allocator holds for all of it.
  size_t allocated_bytes() const { return allocated_; }

 private:
  static constexpr size_t kHeldPerChunk = 31;
  struct Held {
    void* node;
    size_t bytes;
  };
  // 512 bytes.
  struct HeldChunk {
    HeldChunk* next;
    size_t count;
    Held held[kHeldPerChunk];
  };

  void Hold(void* node, size_t bytes);

  HeldChunk* held_ = nullptr;
  size_t allocated_ = 0;
  uint32_t generation_ = 0;
  uint32_t views_ = 0;
};

}  // namespace alai
