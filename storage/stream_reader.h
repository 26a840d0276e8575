// Reads streams as Redis 5.0, 7.0 and 7.2 write them (stream_format.h has the parts).
//
// Threads     Pure functions of their arguments.
// Trust       None. Ids must ascend, counts must be those of what is there, pending entries must each belong
//             to one consumer, names must differ. Memory is taken for what is there, not for what is claimed;
//             where it is more than the bytes read, a constant in stream_reader.cc says how much.
#pragma once

#include "engine/containers/stream.h"
#include "storage/rdb_codec.h"
#include "storage/rdb_types.h"

namespace alai {

// Fills an empty stream. False: it is malformed, and the stream is good for nothing but being freed. Blocks
// are those of the payload, as far as they fit one. `text_bytes` becomes how long all names and values are.
bool ReadStream(RdbReader& reader, RdbType type, Stream* stream, uint64_t* text_bytes);

}  // namespace alai
