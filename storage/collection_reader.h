// Reads the values of lists, sets, sorted sets and hashes as RDB has them, in all forms that releases of Redis
// up to 8.0 and Valkey 9 have ever written.
//
// Threads     Pure functions of their arguments.
// Trust       None. Headers, lengths, offsets, back lengths and counts are checked; memory is taken for bytes
//             that are there, not for counts that are claimed. That a member or field comes twice is for the
//             sink to notice, which has to look for it anyway.
#pragma once

#include "engine/types/collection_sink.h"
#include "storage/rdb_codec.h"
#include "storage/rdb_types.h"

namespace alai {

// Gives all elements to the sink. False: it is malformed, holds nothing, or the sink has refused an element;
// what the sink was given before is worth nothing then.
bool ReadCollection(RdbReader& reader, RdbType type, CollectionSink& sink);

}  // namespace alai
