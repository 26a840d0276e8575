// What can be done to a key whatever it holds: expiry, renaming, copying, moving, removal.
//
// Threads     As for Db; everything that changes a key needs its shard locked, and where two keys
// are
//             involved both.
// Invariants  Each change appends its effect to the change log before it is made, and tells the key
//             events after.
#pragma once

#include <cstdint>
#include <string_view>

#include "engine/base/result.h"
#include "engine/db.h"
#include "engine/free_cause.h"
#include "engine/key_view.h"
#include "engine/record.h"

namespace alai::keys {

// The latest deadline a key can have. One millisecond short of what 64 bits hold, which means
// "never"; clients that ask for that one get this, and are told the one they asked for.
constexpr UnixMillis kDeadlineMax = kNoDeadline - 1;

// As TYPE prints it: "string", "zset", "tokenbucket" …
std::string_view TypeName(Type type);

// As OBJECT ENCODING prints it: "int", "embstr", "listpack", "gcra". The record of a container is read
// with its shard locked.
std::string_view EncodingName(const Record& record);

// A look at a key that is no use of it, as by TTL, TYPE and EXISTS: counts a hit or miss and leaves
// the access clock alone. With optimistic access too.
Record* Inspect(Db& db, KeyView key);

// When EXPIRE and its like change a deadline; bits, kExpireIfPresent goes with one of the last two.
enum ExpireCondition : uint8_t {
  kExpireAlways = 0,
  kExpireIfMissing = 1 << 0,  // NX: there is none yet
  kExpireIfPresent = 1 << 1,  // XX: there is one
  kExpireIfLater = 1 << 2,    // GT: the new one is later; a key without one lives for ever
  kExpireIfEarlier = 1 << 3,  // LT: the new one is earlier
};

// Sets a deadline; one that has passed removes the key. False: there is no such key, or
// `conditions` said no.
bool Expire(Db& db, KeyView key, UnixMillis deadline, uint8_t conditions);
// When a record that Db::Find() has just returned ends, kNoDeadline if never. 0 when its time has come
// since: a writer whose clock is behind may have given it a deadline that is past for this reader.
UnixMillis DeadlineOf(const Db& db, const Record& record);
// Expire() without conditions, for a record that was found already. The record is no longer valid.
void ExpireRecord(Db& db, KeyView key, Record* record, UnixMillis deadline);

// Takes the deadline away. False: there is no such key or it has none.
bool Persist(Db& db, KeyView key);
bool PersistRecord(Db& db, KeyView key, Record* record);

// Removes a key; false when there is none.
bool Delete(Db& db, KeyView key, FreeCause cause = FreeCause::kSideEffect);

// Gives the value of `from` the name `to`, its deadline included. kNoKey: there is no `from`;
// kKeyExists: `to` exists and `replace` is false, or the two are the same.
Errc Rename(Db& db, KeyView from, KeyView to, bool replace);

// Copies value and deadline to another key or database, not both the same. False: there is no
// `from`, or `to` exists and `replace` is false.
bool Copy(Db& from_db, KeyView from, Db& to_db, KeyView to, bool replace);

// Moves a key to another database. False: there is no such key, or one there too.
bool Move(Db& from_db, Db& to_db, KeyView key);

// Puts a value that was serialised elsewhere in place of whatever the key holds. `access` is what
// its access clock starts with, nullptr: as for a new key. The caller has logged the effect.
void Restore(Db& db, KeyView key, const Record::Draft& draft, const uint32_t* access);

}  // namespace alai::keys
