// Writes streams as Redis 7.0 has them (kStream2; stream_format.h has the parts). What was deleted but still
// lies in a block is written as deleted, as a stock server does.
//
// Threads     Those of the stream.
#pragma once

#include <functional>

#include "engine/containers/stream.h"
#include "storage/rdb_codec.h"

namespace alai {

// Appends the value, without its type. `written` is called after each part of some kilobytes, so that its
// caller can take away what is there.
void WriteStream(RdbWriter& writer, const Stream& stream,
                 const std::function<void()>& written = {});

}  // namespace alai
