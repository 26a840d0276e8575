// A string that is changed at some places and otherwise stays: what SETRANGE, SETBIT, BITFIELD and
// PFADD have in common.
//
// A large value is changed where it is, if nobody can be reading it; otherwise a successor is prepared,
// whose blob the next change finds fit for that (strings.h says when).
//
// Threads     The key's shard is locked.
// Invariants  Nothing of a change can be seen before Publish(); its effect is logged before that.
#pragma once

#include <cstdint>
#include <string_view>

#include "engine/db.h"
#include "engine/key_view.h"
#include "engine/record.h"

namespace alai::strings {

// A blob that grows is given as much again in reserve, from a size on only so much.
uint64_t GrownCapacity(uint64_t length);

// For a draft that takes the place of `old` and keeps its deadline.
void InheritDeadline(const Record& old, Record::Draft* draft);

// Tells that a key was written by `changes` changes, unless they are 0: `event`, if there is one, after
// "new" if the key was not there.
inline void TellWritten(Db& db, KeyView key, bool was_there, std::string_view event,
                        uint32_t changes = 1) {
  db.tally().changes += changes;
  if (!was_there) db.Notify(KeyEventClass::kNew, "new", key);
  if (changes > 0 && !event.empty()) db.Notify(KeyEventClass::kString, event, key);
}

// Publishes a record and tells that its key was written.
inline void Publish(Db& db, KeyView key, const Record::Draft& draft, std::string_view event) {
  const bool was_there = db.Put(key, draft).replaced;
  TellWritten(db, key, was_there, event);
}

// Publishes the string of a record once more if it is in a form that only SET gives to values. A command
// that changes parts of strings leaves bytes, even when there was nothing to change.
void StoreAsBytes(Db& db, KeyView key, const Record& record);

class StringEdit {
 public:
  // The string of `old`, which may be nullptr, made longer to `length` bytes if it has fewer. Behind its
  // end zeros follow up to `zeros_end`; what lies between there and `length` is written by the caller.
  StringEdit(Db& db, KeyView key, Record* old, uint64_t length, uint64_t zeros_end);
  ~StringEdit();
  StringEdit(const StringEdit&) = delete;
  StringEdit& operator=(const StringEdit&) = delete;

  char* bytes() { return bytes_; }
  std::string_view view() const { return {bytes_, length_}; }

  // Once, at the end; see TellWritten().
  void Publish(std::string_view event, uint32_t changes = 1);

 private:
  bool BeginInPlace();
  void BeginSuccessor(uint64_t old_length);

  Db& db_;
  const KeyView key_;
  Record* const old_;
  uint64_t length_;
  bool in_place_;
  bool published_ = false;
  Record::Draft draft_;
  char* bytes_;
  char inline_value_[kInlineValueBytesMax];
};

}  // namespace alai::strings
