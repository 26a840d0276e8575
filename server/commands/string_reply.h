// Strings on their way out: small ones are copied into the output, large ones are sent from where
// they are.
//
// Threads     The worker's. The record is one that Db::Find() returned in this command.
#pragma once

#include <string_view>

#include "engine/blob.h"
#include "engine/record.h"
#include "protocol/reply_writer.h"

namespace alai {

// From this size on, keeping a reference is cheaper than copying.
constexpr size_t kReferenceBytesMin = 16 * 1024;

// `part` of the blob's bytes as a bulk string.
void WriteBlobPart(ReplyWriter& reply, Blob& blob, std::string_view part);

inline void WriteString(ReplyWriter& reply, const Record& record) {
  switch (record.encoding()) {
    default:  // in the record
      reply.Bulk(record.inline_value());
      break;
    case Encoding::kInt:
      reply.BulkInteger(record.integer());
      break;
    case Encoding::kBlob:
      WriteBlobPart(reply, *record.blob(), record.blob()->view());
      break;
  }
}

inline void WriteStringOrNull(ReplyWriter& reply, const Record* record) {
  if (record == nullptr) {
    reply.Null();
  } else {
    WriteString(reply, *record);
  }
}

}  // namespace alai
