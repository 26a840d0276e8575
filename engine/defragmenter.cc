#include "engine/defragmenter.h"

#include <algorithm>

#include "engine/store.h"

namespace alai {

void Defragmenter::Step(StoreThread& thread, double share, int64_t budget_ns, Pass* pass) {
  const Clock& clock = store_.clock();
  const int64_t until_ns = clock.MonotonicNanos() + budget_ns;
  while (!pass->complete && clock.MonotonicNanos() < until_ns) {
    Table* table = store_.shard(shard_).table(db_);
    if (table == nullptr || table->keys.Get() == 0) {
      pass->complete = !NextTable();
      continue;
    }
    LookAtSegment(thread, *table, share, pass);
    if (prefix_ == 0) pass->complete = !NextTable();
    thread.Quiescent();
  }
}

// False when that was the last one.
bool Defragmenter::NextTable() {
  prefix_ = 0;
  if (++db_ < store_.databases()) return true;
  db_ = 0;
  if (++shard_ < store_.shard_count()) return true;
  shard_ = 0;
  return false;
}

// The segment at prefix_, which moves on to the next one.
void Defragmenter::LookAtSegment(StoreThread& thread, Table& table, double share, Pass* pass) {
  const Directory* directory = table.directory();
  const uint32_t depth = directory->depth();
  const SegmentRef segment =
      directory->segment(depth == 0 ? 0 : static_cast<uint32_t>(prefix_ >> (64 - depth)));
  const uint32_t segment_depth = segment.depth();
  std::vector<SlotWord>& words = thread.scan_scratch();
  words.clear();
  CollectWords(segment, &words);
  blocks_.clear();
  for (const SlotWord word : words) blocks_.push_back(word.record());
  blocks_.resize(find_sparse_(blocks_.data(), blocks_.size(), share));
  std::sort(blocks_.begin(), blocks_.end());
  pass->looked += words.size();
  for (size_t first = 0; first < blocks_.size(); first += kMovesPerLock) {
    pass->moved += Move(thread, table, first);
  }
  prefix_ =
      segment_depth == 0 ? 0 : ((prefix_ >> (64 - segment_depth)) + 1) << (64 - segment_depth);
}

// Replaces the next kMovesPerLock of blocks_ by copies; gives how many were still there.
size_t Defragmenter::Move(StoreThread& thread, Table& table, size_t first) {
  const auto begin = blocks_.begin() + static_cast<ptrdiff_t>(first);
  const auto end =
      blocks_.begin() + static_cast<ptrdiff_t>(std::min(first + kMovesPerLock, blocks_.size()));
  Shard& shard = store_.shard(shard_);
  if (!shard.lock.TryLockOnce()) return 0;
  size_t moved = 0;
  if (shard.table(db_) == &table) {
    for (auto block = begin; block != end; ++block) {
      // Only its address is known to be that of a record which was there a moment ago, and which no
      // quiescent point of this thread has let go since.
      const auto* old = static_cast<const Record*>(*block);
      const KeyView key = MakeKey(old->key());
      const SlotPlace place = shard.Locate(table, key);
      if (!place || place.word().record() != old) continue;
      Record* fresh = old->CopyWithDeadline(old->deadline(), old->pinned(), old->from_origin());
      fresh->set_generation(old->generation());
      shard.Replace(thread, table, key, place, fresh);
      ++moved;
    }
  }
  shard.lock.Unlock();
  return moved;
}

}  // namespace alai
