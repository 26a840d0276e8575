// Moves records out of pages that are mostly empty, so that the allocator gets those pages back.
//
// Under a memory limit values of changing sizes leave holes behind: what goes are single records here
// and there, and a page stays as long as one of its records does. A walk over all tables finds records
// in sparse pages and puts copies in their place; the calling thread's allocations should come from
// full pages first, so it does without a cache of its own (mallctl thread.tcache.enabled).
//
// Threads     One, registered with the store.
// Invariants  Readers find the old record or the new; deadline, access clock and generation stay. A
//             shard is locked for kMovesPerLock copies at most, and passed by when it is busy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace alai {

class Store;
class StoreThread;
class Table;

class Defragmenter {
 public:
  // Puts those blocks first that lie in pages of which less than `share` is in use, and says how many
  // they are. The allocator's part, which the engine does not know.
  using FindSparse = size_t (*)(const void** blocks, size_t count, double share);

  Defragmenter(Store& store, FindSparse find_sparse) : store_(store), find_sparse_(find_sparse) {}

  struct Pass {
    uint64_t looked = 0;  // at so many records
    uint64_t moved = 0;
    bool complete = false;  // every record has been looked at since the last complete pass
  };
  // Goes on with the walk for about `budget_ns`; `pass` adds up until it is complete.
  void Step(StoreThread& thread, double share, int64_t budget_ns, Pass* pass);

 private:
  static constexpr size_t kMovesPerLock = 32;

  void LookAtSegment(StoreThread& thread, Table& table, double share, Pass* pass);
  size_t Move(StoreThread& thread, Table& table, size_t first);
  bool NextTable();

  Store& store_;
  const FindSparse find_sparse_;
  uint32_t shard_ = 0;
  int db_ = 0;
  uint64_t prefix_ = 0;  // of the hash after the shard's bits: where the walk is in the table
  std::vector<const void*> blocks_;
};

}  // namespace alai
