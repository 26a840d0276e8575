// Elements of collections as replies.
#pragma once

#include "engine/containers/packed_entry.h"
#include "protocol/reply_writer.h"

namespace alai {

inline void WriteValue(ReplyWriter& reply, const PackedValue& value) {
  if (value.is_integer) {
    reply.BulkInteger(value.integer);
  } else {
    reply.Bulk(value.text);
  }
}

}  // namespace alai
