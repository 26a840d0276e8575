// Strings: what the commands of this type mean, apart from how they are spoken.
//
// How a value is kept depends on its bytes: an integer in canonical form as a number, up to
// kInlineValueBytesMax bytes within the record, anything longer in a blob. A short value that
// APPEND or SETRANGE built stays bytes even if it spells an integer.
//
// Changing a blob in place:
//   append     writes behind the blob's length and then moves it. Readers who hold an older length
//              read bytes that stay, so the record goes on being read without a lock.
//   overwrite  changes bytes that a reader may be copying. The first one therefore moves the value
//              to a blob of its own in a record that is read under its shard's lock; later ones
//              write to that blob directly.
// Neither touches a blob that somebody else refers to as well: a reply on its way to a client keeps
// its bytes, and a record that RENAME has retired keeps its length.
//
// Threads     As for Db. What is marked "read" works with optimistic access as well, the others
// need
//             the key's shard locked.
// Invariants  Each change appends its effect to the change log before it is made, and tells the key
//             events after. Effects are values, not increments.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "engine/base/number.h"
#include "engine/base/result.h"
#include "engine/db.h"
#include "engine/key_view.h"
#include "engine/record.h"

namespace alai::strings {

// The bytes of a string's record, whatever their form. Valid as long as the record.
class Text {
 public:
  explicit Text(const Record& record);
  Text(const Text&) = delete;
  Text& operator=(const Text&) = delete;

  std::string_view view() const { return view_; }

 private:
  char digits_[kInt64CharsMax];
  std::string_view view_;
};

// Bytes of a string, without forming them.
uint64_t Length(const Record& record);

// A record draft that holds `value` as SET would. A blob in it belongs to whoever creates the
// record.
Record::Draft DraftOf(KeyView key, std::string_view value);

// The string of a key. nullptr when there is none, kWrongType when it holds something else. Read.
Result<Record*> Find(Db& db, KeyView key, Lookup lookup);

enum class SetCondition : uint8_t {
  kNone,
  kMissing,  // NX
  kPresent,  // XX
  kEqual,    // IFEQ: the key holds the string `comparison`
};

struct SetOptions {
  SetCondition condition = SetCondition::kNone;
  std::string_view comparison = {};
  bool get = false;            // what was there must be a string
  bool keep_deadline = false;  // excludes `deadline`
  UnixMillis deadline = kNoDeadline;

  bool unconditional() const { return condition == SetCondition::kNone && !get && !keep_deadline; }
};

struct SetOutcome {
  bool done = false;            // false: the condition said no
  const Record* old = nullptr;  // with `get` or kEqual: what was there, still readable
};

// SET without conditions: what a cache does most.
void Set(Db& db, KeyView key, std::string_view value, UnixMillis deadline = kNoDeadline);
Result<SetOutcome> Set(Db& db, KeyView key, std::string_view value, const SetOptions& options);

// Sets `pairs`, keys and values in turn, in one step. False: the condition (kMissing: none is
// there, kPresent: all are) said no. No `get`.
bool SetMany(Db& db, std::span<const std::string_view> pairs, const SetOptions& options);

// Reads a string and removes it; nullptr when there is none.
Result<const Record*> GetAndDelete(Db& db, KeyView key);

// Removes a key that holds the string `value`.
Result<bool> DeleteIfEqual(Db& db, KeyView key, std::string_view value);

// The new length; kTooLong when it would exceed `bytes_max`.
Result<uint64_t> Append(Db& db, KeyView key, std::string_view tail, uint64_t bytes_max);

// Overwrites from `offset` on, with zero bytes where the string ended before. An empty `value`
// changes nothing. The new length; kTooLong when it would exceed `bytes_max`.
Result<uint64_t> Overwrite(Db& db, KeyView key, uint64_t offset, std::string_view value,
                           uint64_t bytes_max);

// The part from `first` to `last`, both included, negative ones counted from the end.
std::string_view Slice(std::string_view text, int64_t first, int64_t last);

// The new value. A missing key counts as 0. kTooLong when its text would exceed `bytes_max`.
Result<int64_t> Increment(Db& db, KeyView key, int64_t by, uint64_t bytes_max = UINT64_MAX);

// The new value as text, written to `out` with room for kLongDoubleCharsMax. kTooLong as above.
Result<std::string_view> IncrementFloat(Db& db, KeyView key, long double by, char* out,
                                        uint64_t bytes_max = UINT64_MAX);

}  // namespace alai::strings
