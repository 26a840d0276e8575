// Members with their scores as replies: pairs in RESP3, one after the other in RESP2.
#pragma once

#include <cstddef>

#include "protocol/reply_writer.h"
#include "server/commands/collection_reply.h"

namespace alai {

inline void BeginScored(ReplyWriter& reply, size_t members) {
  reply.Array(reply.resp3() ? members : 2 * members);
}

inline void WriteScored(ReplyWriter& reply, const PackedValue& member, double score) {
  if (reply.resp3()) reply.Array(2);
  WriteValue(reply, member);
  reply.Double(score);
}

}  // namespace alai
