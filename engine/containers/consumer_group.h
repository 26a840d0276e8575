// Consumer groups: who was given which entries of a stream and has not acknowledged them.
//
//      ConsumerGroup ── consumers by name ──> Consumer ── ids of its pending entries
//            │                                   ^
//            └── pending entries by id ──────────┘   when, how often, to whom
//
// A group knows nothing of its stream: what depends on both is in Stream (stream.h).
//
// Threads     As for the stream that it belongs to.
// Invariants  An id is pending for a consumer if and only if the group's entry of that id names it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string_view>

#include "engine/base/clock.h"
#include "engine/containers/id_tree.h"
#include "engine/containers/pending_entry.h"
#include "engine/containers/stream_id.h"
#include "engine/containers/versioned_blocks.h"

namespace alai {

// A name that outlives its owner while views show it.
class HeldName {
 public:
  HeldName(VersionedBlocks& blocks, std::string_view name);
  ~HeldName() { blocks_->Retire(node_); }
  HeldName(const HeldName&) = delete;
  HeldName& operator=(const HeldName&) = delete;

  std::string_view view() const { return {reinterpret_cast<const char*>(node_ + 1), length_}; }

 private:
  VersionedBlocks* blocks_;
  BlockStamp* node_;
  size_t length_;
};

// By name, in the order of bytes; also looked up by a name alone.
struct ByName {
  using is_transparent = void;
  static std::string_view NameOf(std::string_view name) { return name; }
  template <class Named>
  static std::string_view NameOf(const Named* named) {
    return named->name();
  }
  template <class A, class B>
  bool operator()(const A& a, const B& b) const {
    return NameOf(a) < NameOf(b);
  }
};

// What the allocator holds for an element of a std::set of pointers: three links, a colour, the pointer.
constexpr size_t kSetNodeBytes = 48;

class Consumer {
 public:
  Consumer(VersionedBlocks& blocks, std::string_view name, UnixMillis now)
      : name_(blocks, name), pending_(blocks), seen_at_(now) {}

  std::string_view name() const { return name_.view(); }
  // When it was last seen, and when it was last given something; kNever if that never was. To a 7.0 server
  // only calls that give it something are signs of life.
  static constexpr UnixMillis kNever = -1;
  UnixMillis seen_at() const { return seen_at_; }
  UnixMillis active_at() const { return active_at_; }
  void SetSeen(UnixMillis now) { seen_at_ = now; }
  void SetActive(UnixMillis now) { active_at_ = now; }
  const IdTree<NoValue>& pending() const { return pending_; }

 private:
  friend class ConsumerGroup;

  HeldName name_;
  IdTree<NoValue> pending_;
  UnixMillis seen_at_;
  UnixMillis active_at_ = kNever;
};

class ConsumerGroup {
 public:
  // The number of entries read is not known.
  static constexpr int64_t kReadUnknown = -1;

  ConsumerGroup(VersionedBlocks& blocks, std::string_view name, StreamId last_id,
                int64_t entries_read);
  // Takes time in proportion to the nodes of its trees: about 1/17 of its pending entries.
  ~ConsumerGroup();
  ConsumerGroup(const ConsumerGroup&) = delete;
  ConsumerGroup& operator=(const ConsumerGroup&) = delete;

  std::string_view name() const { return name_.view(); }
  // The last entry delivered as a new one, and how many were delivered up to it since the stream began, or
  // kReadUnknown.
  StreamId last_id() const { return last_id_; }
  int64_t entries_read() const { return entries_read_; }
  void SetPosition(StreamId last_id, int64_t entries_read) {
    last_id_ = last_id;
    entries_read_ = entries_read;
  }

  const std::set<Consumer*, ByName>& consumers() const { return consumers_; }
  Consumer* FindConsumer(std::string_view name) const;
  // There must be none of this name.
  Consumer* AddConsumer(std::string_view name, UnixMillis now);
  // Forgets a consumer and what is pending for it, and returns how much that was. Takes time in
  // proportion to that.
  uint64_t RemoveConsumer(Consumer* consumer);

  const IdTree<PendingEntry>& pending() const { return pending_; }
  // Makes an entry pending for a consumer, whether it was pending before or not.
  void Assign(StreamId id, const PendingEntry& entry);
  // Counts one more delivery of a pending entry to its consumer. False when it is not pending.
  bool CountDelivery(StreamId id, UnixMillis now);
  // Takes an entry off the pending ones. False when it was not there.
  bool Acknowledge(StreamId id);

  // Frees up to `budget` nodes and returns how many; the group can then only be freed further. Not while
  // there are views.
  size_t FreeSome(size_t budget);

 private:
  VersionedBlocks* blocks_;
  HeldName name_;
  StreamId last_id_;
  int64_t entries_read_;
  IdTree<PendingEntry> pending_;
  std::set<Consumer*, ByName> consumers_;
};

// Pending entries of a group, or of one of its consumers, in the order of their ids. Entries may be changed
// during a walk, but not added or taken away.
class PendingRange {
 public:
  // With `consumer` nullptr, those of all consumers. Both ends are included.
  PendingRange(const ConsumerGroup& group, const Consumer* consumer, StreamId from, StreamId to);

  bool Next();
  StreamId id() const { return id_; }
  const PendingEntry& entry() const { return *entry_; }

 private:
  template <class Cursor>
  bool Step(Cursor& cursor);

  const ConsumerGroup* group_;
  const bool of_consumer_;
  bool started_ = false;
  StreamId from_;
  StreamId to_;
  IdTree<PendingEntry>::Cursor all_;
  IdTree<NoValue>::Cursor own_;
  StreamId id_;
  const PendingEntry* entry_ = nullptr;
};

}  // namespace alai
