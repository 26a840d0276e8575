// One logical database as one command on one thread sees it: the only way in which commands and
// types touch records.
//
// A Db is made by the dispatcher (or by Cache, for embedding programs) for the length of a command.
//   kOptimistic  nothing is locked. Reading only. The caller snapshots the shards before, validates
//                after, and runs the command again when that fails; so a command has no effect but
//                on its own reply and tally until it is validated.
//   kLocked      the shards of all the command's keys are locked by this thread.
//
// Threads     A Db belongs to one thread. What Find() returns stays valid until the thread's next
//             quiescent point.
// Invariants  Effects reach the change log and events the sink before the change becomes visible.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

#include "engine/free_cause.h"
#include "engine/key_events.h"
#include "engine/key_view.h"
#include "engine/record.h"

namespace alai {

struct KeyClass;
class Shard;
class Store;
class StoreThread;
class Table;

enum class Access : uint8_t { kOptimistic, kLocked };

// What a lookup does besides looking.
enum class Lookup : uint8_t {
  kUse,    // counts a hit or miss and moves the access clock: what a client reads
  kWrite,  // moves the access clock: what a write looks up before it changes the key
  kPeek,   // neither: TTL, OBJECT, DEBUG …
};

// What the lookups and writes of one command add up to. The dispatcher starts it afresh for each
// attempt, so an attempt that fails its validation leaves no trace in the statistics.
struct Tally {
  uint32_t hits = 0;
  uint32_t misses = 0;
  uint32_t changes = 0;     // for rdb_changes_since_last_save
  bool needs_lock = false;  // a lookup met a record to be read under its shard's lock
  bool saw_expired =
      false;  // an optimistic lookup met an expired record; see StoreThread::expired_seen
  bool no_touch = false;  // lookups leave access clocks alone (CLIENT NO-TOUCH); set by the caller
  // How many entries of StoreThread::class_uses() and seen_sliding() are this command's.
  uint32_t class_uses = 0;
  uint32_t sliding_seen = 0;
  // The command found no space for its effects in the change log (Db::ReserveLog) and has done nothing.
  bool lacks_log_space = false;
  // Set by the caller: a key that is missed may be loaded from the origin (Store::miss_source()) before the
  // command is run again, so what is met of its keys is noted.
  bool read_through = false;
  // And this command has waited for it already, so it takes what there is.
  bool origin_settled = false;
  // How many entries of StoreThread::origin_uses() are this command's, and how many of them are worth waiting for.
  uint32_t origin_uses = 0;
  uint32_t origin_wants = 0;
};

class Db {
 public:
  Db(Store& store, StoreThread& thread, Tally& tally, int index, Access access, UnixMillis now)
      : store_(store), thread_(thread), tally_(tally), index_(index), access_(access), now_(now) {}

  int index() const { return index_; }
  UnixMillis now() const { return now_; }
  Access access() const { return access_; }
  Store& store() const { return store_; }
  StoreThread& thread() const { return thread_; }
  Tally& tally() const { return tally_; }
  // Another database under the same locks: COPY, MOVE.
  Db Sibling(int index) const { return Db(store_, thread_, tally_, index, access_, now_); }

  // The live record of a key; nullptr when it is missing or past its deadline. An expired one is
  // removed here if the shard is locked, otherwise noted for the caller to remove. That a client
  // missed a key is an event, which only a locked lookup can tell. An optimistic
  // lookup that meets a record to be read under its shard's lock returns nullptr and latches
  // Tally::needs_lock; the caller then runs the command again with Access::kLocked.
  Record* Find(KeyView key, Lookup lookup = Lookup::kUse);

  // With locked access only, from here on.

  // The record of a key even if its time has come, which `over` tells; it is not removed then. For who is
  // about to write a value of the same kind, which Revive() announces.
  Record* FindEvenOver(KeyView key, bool* over);
  // A record that is over is used for a new value: tells that the old one has expired. No DEL is logged, as
  // the caller logs the new value.
  void Revive(KeyView key);

  struct PutOutcome {
    Record* record;
    bool replaced;  // a live record
  };
  // Publishes a record made from `draft` in place of what was there. A draft without a deadline is given
  // that of the key's class, which is logged here. The caller logs before and notifies after; only
  // that an expired record was replaced is told from here.
  PutOutcome Put(KeyView key, const Record::Draft& draft);
  // Removes the key; false when there was none. The effect is DEL; the caller notifies.
  bool Erase(KeyView key, FreeCause cause = FreeCause::kSideEffect);
  // Sets or (kNoDeadline) removes the deadline of a record that Find() returned because a client says
  // so; gives the record that now holds the key. The effect is PEXPIREAT or PERSIST; the caller notifies.
  Record* SetDeadline(KeyView key, Record* record, UnixMillis deadline);
  // A value that was loaded for a key that was missed, not written by a client, is to go sooner than it would;
  // it stays such a value, and its deadline is the origin's. The effect is PEXPIREAT.
  void Hasten(KeyView key, Record* record, UnixMillis deadline);
  // Sets a deadline that is part of the value, so that it is neither logged nor told of by itself. The
  // record, which Find() returned, has room for it.
  void MoveDeadline(KeyView key, Record* record, UnixMillis deadline);
  // After a value was changed in place: stamps the record's generation, and gives it the deadline of the
  // key's class if it has none, which ends the record.
  void Changed(KeyView key, Record* record);
  // The same of a record's container, which held `bytes_before` before the change.
  void ContainerChanged(KeyView key, Record* record, size_t bytes_before);
  // The same of a change that gives nobody anything to wait for.
  void ContainerChangedQuietly(KeyView key, Record* record, size_t bytes_before);

  // Parts of a container have got deadlines of their own, or earlier ones; before ContainerChanged().
  void PartsChanged(KeyView key);
  // A key may hold now what somebody waits for, or not be there any more. Put(), ContainerChanged() and
  // Erase() note this by themselves.
  void NoteReady(KeyView key);

  // The class of a key, or nullptr.
  const KeyClass* ClassOf(KeyView key) const;
  // What the key's class gives a value that is written without a deadline.
  UnixMillis ClassDeadline(KeyView key) const;

  // Appends an effect to the change log if there is one; call before the change it describes.
  bool logs_changes() const;
  // Of a command whose effects may exceed by far what its request says, before it changes or replies anything:
  // sets space for all of them aside. False: there is none yet; the command does nothing more, and is run again
  // when there is.
  bool ReserveLog(size_t effect_bytes);
  void LogEffect(std::span<const std::string_view> command);
  void LogEffect(std::initializer_list<std::string_view> command) {
    LogEffect(std::span<const std::string_view>(command.begin(), command.size()));
  }

  // Tells the event sink, if there is one.
  void Notify(KeyEventClass event_class, std::string_view name, KeyView key);

 private:
  PutOutcome Publish(KeyView key, Record* fresh);
  Record* CreateWithClassDeadline(KeyView key, Record::Draft draft);
  void NoteClassUse(KeyView key, const Record* record);
  void Stamp(Record* record);
  Record* ReplaceDeadline(KeyView key, Record* record, UnixMillis deadline, bool pinned,
                          bool from_origin = false);
  void LogClassDeadline(KeyView key, UnixMillis deadline);
  Record* AskOrigin(KeyView key, Record* record);
  void WipeMark(Shard& shard, KeyView key);
  void NoteWrite(Shard& shard, KeyView key);
  void MeetExpired(Shard& shard, Table& table, KeyView key);
  void Touch(KeyView key, const Record* record) const;
  void TouchFrequency(KeyView key, const Record* record) const;

  Store& store_;
  StoreThread& thread_;
  Tally& tally_;
  const int index_;
  const Access access_;
  const UnixMillis now_;
};

}  // namespace alai
