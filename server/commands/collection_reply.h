// Elements of collections as replies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "engine/base/number.h"
#include "engine/containers/packed_entry.h"
#include "protocol/output_buffer.h"
#include "protocol/reply_writer.h"

namespace alai {

// The longest reply that a negative count asks HRANDFIELD or SRANDMEMBER for, where elements come again and again.
// Redis goes up to half of 2^63, but to no good end.
constexpr int64_t kRandomCountMax = int64_t{1} << 26;

inline void WriteValue(ReplyWriter& reply, const PackedValue& value) {
  if (value.is_integer) {
    reply.BulkInteger(value.integer);
  } else {
    reply.Bulk(value.text);
  }
}

// The reply of HSCAN and SSCAN: the cursor, which is known last, and the elements, of which only some may match.
class ScanReply {
 public:
  explicit ScanReply(ReplyWriter& reply) : reply_(reply), writer_(elements_, reply.protocol()) {}

  void Add(const PackedValue& value) {
    WriteValue(writer_, value);
    ++count_;
  }
  void End(uint64_t cursor) {
    char digits[kInt64CharsMax];
    reply_.Array(2);
    reply_.Bulk({digits, FormatUint64(cursor, digits)});
    reply_.Array(count_);
    reply_.output().Splice(std::move(elements_));
  }

 private:
  ReplyWriter& reply_;
  OutputBuffer elements_;
  ReplyWriter writer_;
  size_t count_ = 0;
};

}  // namespace alai
