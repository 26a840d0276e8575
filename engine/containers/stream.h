// The value of a stream: entries in the order of their ids, and the groups that read them.
//
//      Stream ── directory (IdTree) ──> StreamBlock, StreamBlock, … (stream_block.h)
//        └────── groups by name ──────> ConsumerGroup (consumer_group.h)
//
// Names, figures and their meaning are those of Redis 7.0: XINFO STREAM and XINFO GROUPS document
// entries-added, max-deleted-entry-id, entries-read and lag. Ours are checked against a stock server.
//
// Threads     One at a time. What Freeze() gives is read in any thread.
// Invariants  (1) A block has at least one live entry. (2) Ids ascend from block to block. (3) last_id() is
//             not below the id of any entry, deleted ones included. (4) first_id() is that of the first
//             live entry, or zero.
// Why         Blocks of some kilobytes hold an entry in a few bytes more than its values. An append touches
//             the last block alone, trimming mostly frees whole ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "engine/base/clock.h"
#include "engine/containers/consumer_group.h"
#include "engine/containers/id_tree.h"
#include "engine/containers/stream_block.h"
#include "engine/containers/stream_id.h"
#include "engine/containers/stream_range.h"
#include "engine/containers/versioned_blocks.h"

namespace alai {

// What a stream was at one moment. The trees and names belong to the stream, which keeps them as they are
// until the view is released.
struct StreamView {
  struct ConsumerView {
    std::string_view name;
    UnixMillis seen_at;
    UnixMillis active_at;
    IdTree<NoValue>::Root pending;
  };
  // The consumers that pending entries point to are not to be looked at: they live on.
  struct GroupView {
    std::string_view name;
    StreamId last_id;
    int64_t entries_read;
    IdTree<PendingEntry>::Root pending;
    std::vector<ConsumerView> consumers;
  };

  StreamRange Range(StreamId from, StreamId to) const { return {blocks, from, to}; }

  IdTree<StreamBlock*>::Root blocks;
  uint64_t length;
  StreamId first_id;
  StreamId last_id;
  StreamId max_deleted_id;
  uint64_t entries_added;
  std::vector<GroupView> groups;
};

// What XTRIM and XADD leave of a stream: its last entries, or those from an id on.
struct TrimRule {
  std::optional<uint64_t> length_max = {};  // MAXLEN, or else MINID
  StreamId id_min = {};
  bool whole_blocks =
      false;                 // "~": what is beyond in a block that also holds what stays, stays too
  uint64_t removed_max = 0;  // LIMIT; 0 means none
};

class Stream {
 public:
  Stream();
  // Frees what FreeSome() has left. No view may be there.
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  uint64_t length() const { return length_; }
  StreamId first_id() const { return first_id_; }
  StreamId last_id() const { return last_id_; }
  StreamId max_deleted_id() const { return max_deleted_id_; }
  uint64_t entries_added() const { return entries_added_; }
  uint64_t block_count() const { return directory_.size(); }
  // Valid until the stream changes.
  IdTree<StreamBlock*>::Root blocks() const { return directory_.root(); }
  // Nodes of the directory, blocks not included.
  uint64_t CountDirectoryNodes() const { return directory_.CountNodes(); }
  // XSETID, and loading. `last_id` is not below that of the last entry, `entries_added` not below length().
  void SetFigures(StreamId last_id, uint64_t entries_added, StreamId max_deleted_id);

  // `id` is above last_id() and not zero; `pairs` hold at most StreamBlock::kEntryBytesMax in all.
  void Append(StreamId id, FieldValues pairs, const StreamLimits& limits);
  // False when there is no such entry.
  bool Find(StreamId id, StreamEntry* entry) const;
  bool Contains(StreamId id) const;
  // XDEL. False when there is no such entry.
  bool Delete(StreamId id);
  // How many entries went. Takes time in proportion to the blocks that go.
  uint64_t Trim(const TrimRule& rule);

  // Both ends are included. Any change of entries ends the range's validity.
  StreamRange Range(StreamId from, StreamId to) const { return {directory_.root(), from, to}; }
  StreamRange ReverseRange(StreamId from, StreamId to) const {
    return {directory_.root(), from, to, StreamRange::kBackwards};
  }

  const std::set<ConsumerGroup*, ByName>& groups() const;
  ConsumerGroup* FindGroup(std::string_view name) const;
  // There must be none of this name.
  ConsumerGroup* AddGroup(std::string_view name, StreamId last_id, int64_t entries_read);
  // Frees the group with all that is pending: see ~ConsumerGroup for the time.
  void RemoveGroup(ConsumerGroup* group);

  // How many entries the group has yet to read, if that can be told.
  std::optional<int64_t> Lag(const ConsumerGroup& group) const;

  // How many entries had been added when that with `id` was the last; ConsumerGroup::kReadUnknown if that
  // cannot be told.
  int64_t CountUpTo(StreamId id) const;

  // A group has been given an entry behind its last as a new one. What XREADGROUP does for each entry;
  // `consumer` is nullptr for NOACK.
  void Deliver(ConsumerGroup& group, StreamId id, Consumer* consumer, UnixMillis now) const;

  // XCLAIM in two steps, so that a consumer can be added once there is something to claim. What is pending
  // but no longer in the stream is forgotten by the first step.
  enum class Claimable : uint8_t {
    kYes,
    kNotPending,
    kTooRecent,
    kGone,  // was pending, is not any more
  };
  // With `force`, entries that are not pending can be claimed as well. An idle time of 0 asks for none.
  Claimable CheckClaim(ConsumerGroup& group, StreamId id, int64_t idle_ms_min, bool force,
                       UnixMillis now) const;
  struct ClaimTerms {
    UnixMillis delivered_at = 0;
    std::optional<uint64_t> deliveries = {};  // RETRYCOUNT; otherwise one more than before
    bool id_alone = false;                    // JUSTID: not counted as a delivery
  };
  static void Claim(ConsumerGroup& group, StreamId id, Consumer* consumer, const ClaimTerms& terms);

  // Costs nothing for entries and pending entries, and some fifty bytes and nanoseconds for each group
  // and consumer. What a view shows is copied when it is changed, a node or block at a time.
  StreamView Freeze();
  // What was held for the last view is freed little by little, or by FreeGarbage().
  void Release(StreamView& view);
  bool FreeGarbage(size_t budget) {
    blocks_.FreeHeld(budget);
    return blocks_.has_garbage();
  }

  // Frees about `budget` blocks and nodes; false when none are left. The stream can then only be freed
  // further. Not while there are views.
  bool FreeSome(size_t budget);

  // What the allocator holds for the stream and all that belongs to it.
  size_t allocated_bytes() const;

 private:
  using GroupSet = std::set<ConsumerGroup*, ByName>;

  bool IsWhole() const;
  bool MayHaveDeletedFrom(StreamId id) const;
  // The block that `id` lies in, if any, and its place there.
  bool Locate(StreamId id, const StreamBlock** block, uint32_t* slot) const;
  void CloseLastBlock();
  void RemoveBlock(StreamId first);
  void DeleteSlots(StreamId first, uint32_t slot, uint32_t count);
  StreamBlock* FirstBlock() const;
  void FindFirstId();

  VersionedBlocks blocks_;
  IdTree<StreamBlock*> directory_;
  StreamBlock* last_block_ = nullptr;
  uint64_t length_ = 0;
  StreamId first_id_;
  StreamId last_id_;
  StreamId max_deleted_id_;
  uint64_t entries_added_ = 0;
  std::unique_ptr<GroupSet> groups_;
};

}  // namespace alai
