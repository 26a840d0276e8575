// Writes what a key holds as RDB has it, in a form that Redis 7.0 reads, or 7.4 if it is a hash whose fields
// have deadlines.
//
// Threads     A record that is read under its shard's lock is written under it.
#pragma once

#include <cstdint>

#include "engine/base/clock.h"
#include "engine/record.h"
#include "storage/rdb_codec.h"
#include "storage/rdb_types.h"

namespace alai {

// Whether nothing of a value is left to write: a hash all of whose fields are over, shortly before it is
// removed.
bool AllOver(const Record& record, UnixMillis now);

// The form in which a record's value is written.
RdbType RdbTypeOf(const Record& record);

// Appends the value, without its type. Fields whose time has come are left out; a value that is
// AllOver() has no form.
void WriteValue(RdbWriter& writer, const Record& record, UnixMillis now);

// How many bytes that would be. Takes memory for one element or block, or for a packed value, but not for
// all.
uint64_t WrittenBytes(const Record& record, UnixMillis now, bool compress);

}  // namespace alai
