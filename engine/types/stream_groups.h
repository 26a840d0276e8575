// Consumer groups of streams: what XGROUP, XREADGROUP, XACK, XCLAIM and XAUTOCLAIM mean.
//
// A group is found once, then read or changed through what FindGroup() gave. Consumers are made when they are
// first named by who reads or claims, as since Redis 7.2, whether there is something for them or not.
//
// Effects are what a stock server tells its replicas, so that it could replay them: XGROUP and XACK; XCLAIM
// with FORCE and JUSTID for entries that a consumer was given, those given alike in one command; XGROUP SETID
// for how far the group has read. That a consumer looked at its own pending entries counts as one more
// delivery, but like there it is not logged.
//
// Threads     As for Db. FindGroup() may be called with optimistic access, the rest with the key's shard
//             locked.
// Invariants  Each change appends its effect to the change log before anybody can see it, and tells the key
//             events after. Only DestroyGroup() wakes those who wait for the stream: nothing else that
//             happens to groups gives them anything to read.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "engine/base/clock.h"
#include "engine/base/result.h"
#include "engine/containers/auto_claim.h"
#include "engine/containers/consumer_group.h"
#include "engine/containers/stream.h"
#include "engine/containers/stream_id.h"
#include "engine/db.h"
#include "engine/key_view.h"
#include "engine/record.h"

namespace alai::streams {

// A group of a key's stream, as it was found. The record is good for one change.
struct GroupAt {
  Record* record = nullptr;
  Stream* stream = nullptr;
  ConsumerGroup* group = nullptr;
};

// kNoKey: there is no stream; kNoGroup: it has no such group. kWrongType.
Result<GroupAt> FindGroup(Db& db, KeyView key, std::string_view group, Lookup lookup);

// How far a group has read.
struct GroupPosition {
  StreamId last_id = {};
  int64_t entries_read = ConsumerGroup::kReadUnknown;
};

// Makes a group of a stream, and without a record a stream without entries. False: it is there already.
bool CreateGroup(Db& db, KeyView key, Record* record, std::string_view group,
                 const GroupPosition& position);
void SetPosition(Db& db, KeyView key, const GroupAt& at, const GroupPosition& position);
void DestroyGroup(Db& db, KeyView key, const GroupAt& at);

// False: it is there already.
bool CreateConsumer(Db& db, KeyView key, const GroupAt& at, std::string_view consumer);
// Gives how many entries were pending for it; they are forgotten.
uint64_t DeleteConsumer(Db& db, KeyView key, const GroupAt& at, std::string_view consumer);

// Gives how many of the entries were pending.
uint64_t Acknowledge(Db& db, KeyView key, const GroupAt& at, std::span<const StreamId> ids);

// Who reads, and how.
struct GroupReader {
  std::string_view consumer;
  uint64_t count_max = 0;  // entries; 0: all
  bool no_ack = false;     // what is read does not become pending
};

// Whether there are entries that no consumer was given yet.
bool HasNew(const Stream& stream, const ConsumerGroup& group);
// Calls visit(const StreamEntry&) for them, and gives them to the reader. Gives how many they were.
template <class Visit>
uint64_t ReadNew(Db& db, KeyView key, const GroupAt& at, const GroupReader& reader, Visit visit);
// Calls visit(StreamId, const StreamEntry*) for the entries behind `after` that are pending for the reader, with
// nullptr for one that is in the stream no more. Gives how many they were.
template <class Visit>
uint64_t ReadPending(Db& db, KeyView key, const GroupAt& at, const GroupReader& reader,
                     StreamId after, Visit visit);

// What the effects of ReadNew() take in the change log at most; of ReadPending() what they do with `entries` 0.
size_t ReadEffectBytes(KeyView key, const GroupAt& at, const GroupReader& reader, size_t entries);
// How many entries ReadNew() will give.
size_t CountNew(const GroupAt& at, const GroupReader& reader);

struct ClaimRequest {
  std::string_view consumer;
  int64_t idle_ms_min = 0;               // 0: any
  Stream::ClaimTerms terms = {};         // for all entries
  bool force = false;                    // claims what is not pending as well
  std::optional<StreamId> last_id = {};  // the group has read so far at least
};
// Gives what was claimed, in the order of `ids`.
std::vector<StreamId> Claim(Db& db, KeyView key, const GroupAt& at, const ClaimRequest& request,
                            std::span<const StreamId> ids);

struct AutoClaimed {
  std::vector<StreamId> claimed;
  std::vector<StreamId> forgotten;  // pending, but in the stream no more
  StreamId next;                    // where to go on; zero when the end was reached
};
// What the effects of this take in the change log at most.
size_t ClaimIdleEffectBytes(KeyView key, const GroupAt& at, std::string_view consumer,
                            const AutoClaim::Options& options);
// Claims what is idle for long enough.
AutoClaimed ClaimIdle(Db& db, KeyView key, const GroupAt& at, std::string_view consumer,
                      const AutoClaim::Options& options);

// The halves of ReadNew() and ReadPending() behind what they visit.
StreamRange NewEntries(const Stream& stream, const ConsumerGroup& group);
void GiveNew(Db& db, KeyView key, const GroupAt& at, const GroupReader& reader,
             std::span<const StreamId> ids);
// `delivered`: those of them that are in the stream.
void GiveAgain(Db& db, KeyView key, const GroupAt& at, const GroupReader& reader,
               std::span<const StreamId> delivered);

template <class Visit>
uint64_t ReadNew(Db& db, KeyView key, const GroupAt& at, const GroupReader& reader, Visit visit) {
  std::vector<StreamId> ids;
  StreamRange range = NewEntries(*at.stream, *at.group);
  while ((reader.count_max == 0 || ids.size() < reader.count_max) && range.Next()) {
    visit(range.entry());
    ids.push_back(range.id());
  }
  GiveNew(db, key, at, reader, ids);
  return ids.size();
}

template <class Visit>
uint64_t ReadPending(Db& db, KeyView key, const GroupAt& at, const GroupReader& reader,
                     StreamId after, Visit visit) {
  std::vector<StreamId> delivered;
  uint64_t count = 0;
  const Consumer* consumer = at.group->FindConsumer(reader.consumer);
  const std::optional<StreamId> from = after.Next();
  if (consumer != nullptr && from.has_value()) {
    PendingRange pending(*at.group, consumer, *from, StreamId::Max());
    while ((reader.count_max == 0 || count < reader.count_max) && pending.Next()) {
      ++count;
      StreamEntry entry;
      const bool there = at.stream->Find(pending.id(), &entry);
      visit(pending.id(), there ? &entry : nullptr);
      if (there) delivered.push_back(pending.id());
    }
  }
  GiveAgain(db, key, at, reader, delivered);
  return count;
}

}  // namespace alai::streams
