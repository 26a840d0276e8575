// Ids and entries of streams as replies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "engine/containers/stream_block.h"
#include "engine/containers/stream_id.h"
#include "engine/containers/stream_range.h"
#include "protocol/reply_writer.h"

namespace alai {

inline void WriteStreamId(ReplyWriter& reply, StreamId id) {
  char text[StreamId::kCharsMax];
  reply.Bulk({text, id.Format(text)});
}

// An id and an array of names and values in turn.
inline void WriteStreamEntry(ReplyWriter& reply, const StreamEntry& entry) {
  reply.Array(2);
  WriteStreamId(reply, entry.id());
  reply.Array(2 * size_t{entry.field_count()});
  StreamEntry::Fields fields(entry);
  while (fields.Next()) {
    reply.Bulk(fields.field());
    reply.Bulk(fields.value());
  }
}

// An entry that is pending but not in the stream any more.
inline void WriteGoneEntry(ReplyWriter& reply, StreamId id) {
  reply.Array(2);
  WriteStreamId(reply, id);
  reply.NullArray();
}

// An array of the first `count_max` entries of a range, 0 for all; gives how many they are.
inline uint64_t WriteStreamRange(ReplyWriter& reply, StreamRange range, uint64_t count_max) {
  const ReplyWriter::Open open = reply.BeginArray();
  uint64_t count = 0;
  while ((count_max == 0 || count < count_max) && range.Next()) {
    WriteStreamEntry(reply, range.entry());
    ++count;
  }
  reply.EndArray(open, count);
  return count;
}

// The reply of XREAD and XREADGROUP: from keys to entries, in RESP2 an array of arrays of two. Nothing is
// written before the first key.
class StreamsReply {
 public:
  explicit StreamsReply(ReplyWriter& reply) : reply_(reply) {}

  // The array of the key's entries is written next.
  void BeginKey(std::string_view key) {
    if (count_++ == 0) open_.emplace(reply_.BeginMap());
    if (!reply_.resp3()) reply_.Array(2);
    reply_.Bulk(key);
  }
  bool empty() const { return count_ == 0; }
  // Null when there was no key.
  void End() {
    if (count_ == 0) return reply_.NullArray();
    if (reply_.resp3()) {
      reply_.EndMap(*open_, count_);
    } else {
      reply_.EndArray(*open_, count_);
    }
  }

 private:
  ReplyWriter& reply_;
  std::optional<ReplyWriter::Open> open_;
  size_t count_ = 0;
};

}  // namespace alai
