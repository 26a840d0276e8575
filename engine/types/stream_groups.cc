#include "engine/types/stream_groups.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "engine/change_log.h"
#include "engine/types/packed_record.h"
#include "engine/types/streams.h"

namespace alai::streams {
namespace {

// Any change of a group.
class GroupChange {
 public:
  GroupChange(Db& db, KeyView key, const GroupAt& at) : db_(db), change_(db, key, at.record) {}

  // Counts for rdb_changes_since_last_save; without any, nothing has changed.
  void Count(uint64_t changes) {
    changed_ = true;
    db_.tally().changes += static_cast<uint32_t>(changes);
  }
  void Done() {
    if (changed_) change_.DoneQuietly();
  }

 private:
  Db& db_;
  Change change_;
  bool changed_ = false;
};

void LogPosition(Db& db, KeyView key, const ConsumerGroup& group) {
  if (!db.logs_changes()) return;
  db.LogEffect({"XGROUP", "SETID", key.bytes, group.name(), StreamIdText(group.last_id()).view(),
                "ENTRIESREAD", std::to_string(group.entries_read())});
}

void LogIds(Effect effect, std::span<const StreamId> ids) {
  const std::vector<StreamIdText> texts(ids.begin(), ids.end());
  for (const StreamIdText& text : texts) effect.Add(text.view());
  effect.Log();
}

void LogAcknowledged(Db& db, KeyView key, const ConsumerGroup& group,
                     std::span<const StreamId> ids) {
  if (!db.logs_changes() || ids.empty()) return;
  Effect effect(db, "XACK", key);
  effect.Add(group.name());
  LogIds(std::move(effect), ids);
}

// Writes down which entries a consumer has been given, those with the same count of deliveries in one effect.
class GivenLog {
 public:
  GivenLog(Db& db, KeyView key, const ConsumerGroup& group, std::string_view consumer,
           UnixMillis delivered_at)
      : db_(db), key_(key), group_(group), consumer_(consumer), delivered_at_(delivered_at) {}

  void Add(StreamId id, uint64_t deliveries) {
    if (!db_.logs_changes()) return;
    if (deliveries != deliveries_) Log();
    deliveries_ = deliveries;
    ids_.emplace_back(id);
  }

  // At the end.
  void Log() {
    if (ids_.empty()) return;
    const std::string delivered_at = std::to_string(delivered_at_);
    const std::string deliveries = std::to_string(deliveries_);
    const StreamIdText last_id(group_.last_id());
    Effect effect(db_, "XCLAIM", key_);
    effect.Add(group_.name());
    effect.Add(consumer_);
    effect.Add("0");
    for (const StreamIdText& id : ids_) effect.Add(id.view());
    for (const std::string_view word :
         {std::string_view("TIME"), std::string_view(delivered_at), std::string_view("RETRYCOUNT"),
          std::string_view(deliveries), std::string_view("FORCE"), std::string_view("JUSTID"),
          std::string_view("LASTID"), last_id.view()}) {
      effect.Add(word);
    }
    effect.Log();
    ids_.clear();
  }

 private:
  Db& db_;
  const KeyView key_;
  const ConsumerGroup& group_;
  const std::string_view consumer_;
  const UnixMillis delivered_at_;
  uint64_t deliveries_ = 0;
  std::vector<StreamIdText> ids_;
};

// An effect on a group, but for the ids in it.
size_t GroupEffectBytes(KeyView key, const ConsumerGroup& group, std::string_view consumer) {
  // XCLAIM has the most: its options and their values.
  constexpr size_t kWordsMax = 13;
  constexpr size_t kWordBytesMax = StreamId::kCharsMax;
  return kWordsMax * (kEffectOverhead + kWordBytesMax) + key.bytes.size() + group.name().size() +
         consumer.size();
}

constexpr size_t kIdEffectBytes = kEffectOverhead + StreamId::kCharsMax;

// The consumer of this name, which is made and logged if missing. Its creation counts as a change, but is not
// told yet.
Consumer* FindOrAdd(Db& db, KeyView key, const GroupAt& at, std::string_view name,
                    GroupChange& change) {
  Consumer* consumer = at.group->FindConsumer(name);
  if (consumer != nullptr) return consumer;
  db.LogEffect({"XGROUP", "CREATECONSUMER", key.bytes, at.group->name(), name});
  change.Count(1);
  return at.group->AddConsumer(name, db.now());
}

// A call of a consumer's that changes its group.
class ConsumerCall {
 public:
  ConsumerCall(Db& db, KeyView key, const GroupAt& at, std::string_view name)
      : db_(db),
        key_(key),
        change_(db, key, at),
        fresh_(at.group->FindConsumer(name) == nullptr),
        consumer_(FindOrAdd(db, key, at, name, change_)) {
    consumer_->SetSeen(db.now());
  }

  Consumer* consumer() { return consumer_; }
  void Count(uint64_t changes) { change_.Count(changes); }
  void Done() {
    change_.Done();
    if (fresh_) db_.Notify(KeyEventClass::kStream, "xgroup-createconsumer", key_);
  }

 private:
  Db& db_;
  const KeyView key_;
  GroupChange change_;
  const bool fresh_;
  Consumer* const consumer_;
};

}  // namespace

Result<GroupAt> FindGroup(Db& db, KeyView key, std::string_view group, Lookup lookup) {
  const Result<Record*> found = Find(db, key, lookup);
  if (!found.ok()) return found.error();
  if (*found == nullptr) return Errc::kNoKey;
  GroupAt at = {.record = *found, .stream = &StreamOf(**found)};
  at.group = at.stream->FindGroup(group);
  if (at.group == nullptr) return Errc::kNoGroup;
  return at;
}

bool CreateGroup(Db& db, KeyView key, Record* record, std::string_view group,
                 const GroupPosition& position) {
  if (record != nullptr && StreamOf(*record).FindGroup(group) != nullptr) return false;
  Effect effect(db, "XGROUP", "CREATE", key);
  const StreamIdText last_id(position.last_id);
  const std::string entries_read = std::to_string(position.entries_read);
  effect.Add(group);
  effect.Add(last_id.view());
  if (record == nullptr) effect.Add("MKSTREAM");
  effect.Add("ENTRIESREAD");
  effect.Add(entries_read);
  effect.Log();
  if (record == nullptr) {
    auto container = std::make_unique<StreamContainer>();
    container->stream().AddGroup(group, position.last_id, position.entries_read);
    Put(db, key, std::move(container));
  } else {
    Change change(db, key, record);
    change.stream().AddGroup(group, position.last_id, position.entries_read);
    change.DoneQuietly();
  }
  ++db.tally().changes;
  db.Notify(KeyEventClass::kStream, "xgroup-create", key);
  return true;
}

void SetPosition(Db& db, KeyView key, const GroupAt& at, const GroupPosition& position) {
  GroupChange change(db, key, at);
  at.group->SetPosition(position.last_id, position.entries_read);
  LogPosition(db, key, *at.group);
  change.Count(1);
  change.Done();
  db.Notify(KeyEventClass::kStream, "xgroup-setid", key);
}

void DestroyGroup(Db& db, KeyView key, const GroupAt& at) {
  db.LogEffect({"XGROUP", "DESTROY", key.bytes, at.group->name()});
  Change change(db, key, at.record);
  at.stream->RemoveGroup(at.group);
  change.Done();
  ++db.tally().changes;
  db.Notify(KeyEventClass::kStream, "xgroup-destroy", key);
}

bool CreateConsumer(Db& db, KeyView key, const GroupAt& at, std::string_view consumer) {
  if (at.group->FindConsumer(consumer) != nullptr) return false;
  ConsumerCall(db, key, at, consumer).Done();
  return true;
}

uint64_t DeleteConsumer(Db& db, KeyView key, const GroupAt& at, std::string_view consumer) {
  Consumer* found = at.group->FindConsumer(consumer);
  if (found == nullptr) return 0;
  db.LogEffect({"XGROUP", "DELCONSUMER", key.bytes, at.group->name(), consumer});
  GroupChange change(db, key, at);
  const uint64_t pending = at.group->RemoveConsumer(found);
  change.Count(1);
  change.Done();
  db.Notify(KeyEventClass::kStream, "xgroup-delconsumer", key);
  return pending;
}

uint64_t Acknowledge(Db& db, KeyView key, const GroupAt& at, std::span<const StreamId> ids) {
  std::vector<StreamId> acknowledged;
  GroupChange change(db, key, at);
  for (const StreamId id : ids) {
    if (at.group->Acknowledge(id)) acknowledged.push_back(id);
  }
  if (acknowledged.empty()) return 0;
  LogAcknowledged(db, key, *at.group, acknowledged);
  change.Count(acknowledged.size());
  change.Done();
  return acknowledged.size();
}

StreamRange NewEntries(const Stream& stream, const ConsumerGroup& group) {
  // Nothing is behind the highest id, and nothing is at the lowest.
  const std::optional<StreamId> from = group.last_id().Next();
  return from.has_value() ? stream.Range(*from, StreamId::Max())
                          : stream.Range(StreamId::Min(), StreamId::Min());
}

bool HasNew(const Stream& stream, const ConsumerGroup& group) {
  return stream.last_id() > group.last_id() && NewEntries(stream, group).Next();
}

size_t CountNew(const GroupAt& at, const GroupReader& reader) {
  StreamRange range = NewEntries(*at.stream, *at.group);
  size_t count = 0;
  while ((reader.count_max == 0 || count < reader.count_max) && range.Next()) ++count;
  return count;
}

size_t ReadEffectBytes(KeyView key, const GroupAt& at, const GroupReader& reader, size_t entries) {
  // The consumer is made, entries are given, and the group's position is set.
  constexpr size_t kEffects = 3;
  return kEffects * GroupEffectBytes(key, *at.group, reader.consumer) +
         (reader.no_ack ? 0 : entries * kIdEffectBytes);
}

void GiveNew(Db& db, KeyView key, const GroupAt& at, const GroupReader& reader,
             std::span<const StreamId> ids) {
  ConsumerCall call(db, key, at, reader.consumer);
  if (!ids.empty()) {
    for (const StreamId id : ids) {
      at.stream->Deliver(*at.group, id, reader.no_ack ? nullptr : call.consumer(), db.now());
    }
    if (!reader.no_ack) {
      call.consumer()->SetActive(db.now());
      GivenLog log(db, key, *at.group, reader.consumer, db.now());
      for (const StreamId id : ids) log.Add(id, 1);
      log.Log();
    }
    LogPosition(db, key, *at.group);
    call.Count(1);
  }
  call.Done();
}

void GiveAgain(Db& db, KeyView key, const GroupAt& at, const GroupReader& reader,
               std::span<const StreamId> delivered) {
  ConsumerCall call(db, key, at, reader.consumer);
  for (const StreamId id : delivered) at.group->CountDelivery(id, db.now());
  call.Count(1);
  call.Done();
}

std::vector<StreamId> Claim(Db& db, KeyView key, const GroupAt& at, const ClaimRequest& request,
                            std::span<const StreamId> ids) {
  ConsumerGroup& group = *at.group;
  ConsumerCall call(db, key, at, request.consumer);
  const bool moves = request.last_id.has_value() && *request.last_id > group.last_id();
  if (moves) group.SetPosition(*request.last_id, group.entries_read());
  std::vector<StreamId> claimed;
  std::vector<StreamId> gone;
  GivenLog log(db, key, group, request.consumer, request.terms.delivered_at);
  for (const StreamId id : ids) {
    const auto claimable =
        at.stream->CheckClaim(group, id, request.idle_ms_min, request.force, db.now());
    if (claimable == Stream::Claimable::kGone) gone.push_back(id);
    if (claimable != Stream::Claimable::kYes) continue;
    Stream::Claim(group, id, call.consumer(), request.terms);
    claimed.push_back(id);
    log.Add(id, group.pending().Find(id)->deliveries);
  }
  log.Log();
  LogAcknowledged(db, key, group, gone);
  // What was claimed is logged together with the position.
  if (moves && claimed.empty()) LogPosition(db, key, group);
  if (!claimed.empty()) call.consumer()->SetActive(db.now());
  const uint64_t changes = claimed.size() + gone.size();
  if (moves || changes != 0) call.Count(std::max<uint64_t>(changes, 1));
  call.Done();
  return claimed;
}

size_t ClaimIdleEffectBytes(KeyView key, const GroupAt& at, std::string_view consumer,
                            const AutoClaim::Options& options) {
  const size_t entries = std::min<size_t>(options.count, at.group->pending().size());
  // Each may have been delivered as often as no other, and be claimed by an effect of its own.
  const size_t effects = entries + 2;
  return effects * GroupEffectBytes(key, *at.group, consumer) + entries * kIdEffectBytes;
}

AutoClaimed ClaimIdle(Db& db, KeyView key, const GroupAt& at, std::string_view consumer,
                      const AutoClaim::Options& options) {
  ConsumerGroup& group = *at.group;
  ConsumerCall call(db, key, at, consumer);
  AutoClaimed result;
  GivenLog log(db, key, group, consumer, db.now());
  AutoClaim walk(*at.stream, group, call.consumer(), options, db.now());
  for (AutoClaim::Step step; (step = walk.Next()) != AutoClaim::Step::kDone;) {
    if (step == AutoClaim::Step::kForgotten) {
      result.forgotten.push_back(walk.id());
    } else {
      result.claimed.push_back(walk.id());
      log.Add(walk.id(), group.pending().Find(walk.id())->deliveries);
    }
  }
  result.next = walk.id();
  log.Log();
  LogAcknowledged(db, key, group, result.forgotten);
  const uint64_t changes = result.claimed.size() + result.forgotten.size();
  if (changes != 0) call.Count(changes);
  call.Done();
  return result;
}

}  // namespace alai::streams
