// Streams: what the commands of this type mean, apart from how they are spoken.
//
// A stream is a StreamContainer from its first entry on, changed in place and read under its shard's lock.
// Other than collections it may be empty.
//
// Whoever changes one (entries here, consumer groups elsewhere) goes through Change:
//
//     streams::Change change(db, key, record);
//     … change.stream() …
//     db.LogEffect({…});   the outcome, so it may come after the change, which nobody can see yet
//     change.Done();       memory is counted, waiters are woken
//     db.Notify(…);
//
// Threads     As for Db. Streams are read with their shard locked: Find() asks for that by itself.
// Invariants  Each change appends its effect to the change log before anybody can see it, and tells the key
//             events after. Effects name ids and what a trim has left.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "engine/base/result.h"
#include "engine/containers/stream.h"
#include "engine/containers/stream_block.h"
#include "engine/containers/stream_id.h"
#include "engine/db.h"
#include "engine/key_view.h"
#include "engine/record.h"
#include "engine/types/stream_container.h"

namespace alai::streams {

// The stream of a key. nullptr when there is none, kWrongType when it holds something else.
Result<Record*> Find(Db& db, KeyView key, Lookup lookup);
inline Stream& StreamOf(const Record& record) {
  return static_cast<StreamContainer*>(record.container())->stream();
}
// The same for who only reads.
Result<const Stream*> Read(Db& db, KeyView key, Lookup lookup = Lookup::kUse);

// A change of a stream in place, of entries or of groups. Made before the change.
class Change {
 public:
  Change(Db& db, KeyView key, Record* record)
      : db_(db),
        key_(key),
        record_(record),
        bytes_before_(record->container()->allocated_bytes()) {}

  Stream& stream() { return StreamOf(*record_); }
  // After the change and its effect. Ends the record; the stream is valid as long as its key is.
  void Done() { db_.ContainerChanged(key_, record_, bytes_before_); }
  // The same when it gives nobody anything to wait for.
  void DoneQuietly() { db_.ContainerChangedQuietly(key_, record_, bytes_before_); }

 private:
  Db& db_;
  const KeyView key_;
  Record* const record_;
  const size_t bytes_before_;
};

// Publishes a stream under a key that holds nothing. Its effect has been logged; the caller notifies.
Record* Put(Db& db, KeyView key, std::unique_ptr<StreamContainer> container);

// When a block is full, by the settings.
StreamLimits LimitsOf(const Db& db);
// How many entries a trim to whole blocks removes at most unless LIMIT says otherwise.
uint64_t TrimLimitOf(const Db& db);

// The id of the last entry that is there; nullopt when there is none.
std::optional<StreamId> LastEntryId(const Stream& stream);

// Which id an entry is to get.
struct NewId {
  enum class Kind : uint8_t {
    kGiven,
    kNextOfMillis,  // "<ms>-*"
    kNext,          // "*": by the clock
  };
  Kind kind = Kind::kNext;
  StreamId id = {};
};

struct AddRequest {
  NewId id = {};
  FieldValues pairs = {};
  bool only_existing = false;
  std::optional<TrimRule> trim = {};  // after the entry was added
};

enum class AddStatus : uint8_t {
  kAdded,
  kNoStream,      // and none may be made
  kIdNotAbove,    // the id is not above the last one
  kIdsExhausted,  // there is none above the last one
  kTooLarge,      // more than StreamBlock::kEntryBytesMax
};
struct AddOutcome {
  AddStatus status = AddStatus::kAdded;
  StreamId id = {};
};
// Adds an entry to a stream, which is made if missing.
Result<AddOutcome> Add(Db& db, KeyView key, const AddRequest& request);

// Give how many entries were removed.
Result<uint64_t> Trim(Db& db, KeyView key, const TrimRule& rule);
Result<uint64_t> Delete(Db& db, KeyView key, std::span<const StreamId> ids);

// What XSETID says of a stream.
struct Figures {
  StreamId last_id = {};
  std::optional<uint64_t> entries_added = {};
  StreamId max_deleted_id = {};  // zero: as it is
};
enum class SetFiguresStatus : uint8_t {
  kSet,
  kBelowDeleted,  // the last id is below that of a deleted entry
  kBelowTop,      // or of one that is there
  kTooFewAdded,   // fewer than there are
};
// kNoKey when there is no stream.
Result<SetFiguresStatus> SetFigures(Db& db, KeyView key, const Figures& figures);

}  // namespace alai::streams
