// What DUMP gives and RESTORE takes: one value, serialised, with the means to tell a damaged one.
//
//   +------+------------------------+-------------+----------------------------+
//   | type | value, as in RDB files | RDB version | CRC-64 of all before it    |
//   | 1    |                        | 2, little-  | 8, little-endian           |
//   +------+------------------------+-------------+----------------------------+
//
// Threads     Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "engine/base/clock.h"
#include "engine/packing_limits.h"
#include "engine/record.h"
#include "engine/types/collections.h"
#include "storage/rdb_codec.h"

namespace alai {

// The version written: Redis 7.0's, so that every server from 7.0 on takes our payloads.
constexpr uint16_t kDumpVersionWritten = 10;
// Of hashes whose fields have deadlines: that of Redis 7.4 and 8, as no earlier server knows of such, and
// refusing the payload loses less than taking it without them.
constexpr uint16_t kDumpVersionDeadlines = 12;
// Versions read: all of Redis's up to 8.0, and Valkey 9's, whose numbers went their own way.
constexpr uint16_t kDumpVersionRedisMax = 12;
constexpr uint16_t kDumpVersionValkey = 80;

// Bytes that a payload has around a string's own.
constexpr size_t kDumpOverheadBytesMax = 1 + 9 + 2 + 8;

// The payload of what a record holds at this time; `compress` is the option rdbcompression. A token bucket
// has the form of a module's value, which servers without the module refuse and tools that read RDB files
// step over. A record that is AllOver() (record_writer.h) has none. One that is read under its shard's lock
// is encoded under it.
std::string EncodeDump(const Record& record, UnixMillis now, bool compress);

enum class DumpError : uint8_t {
  kNone,
  kFooter,  // "ERR DUMP payload version or checksum are wrong"
  kFormat,  // "ERR Bad data format"
};

struct DumpDecodeOptions {
  bool check_crc = true;                          // DEBUG SET-SKIP-CHECKSUM-VALIDATION turns it off
  uint64_t string_bytes_max = uint64_t{1} << 29;  // for a compressed string, unfolded
};

// A value read from a payload. Points into the payload, or owns what it was unfolded into or built of.
struct DumpedValue {
  Type type = Type::kString;
  RdbString string;        // of kString
  int64_t arrival_ns = 0;  // of kTokenBucket; at least 0
  std::unique_ptr<char[]> unfolded;
  std::unique_ptr<CollectionBuilder> collection;  // of the other types; finished

  // Of everything in it, as text.
  uint64_t text_bytes() const;
};

// Reads a payload. A string comes out as it was stored: whether bytes that spell an integer become one is
// decided as for SET. A collection takes the form that the limits ask for, whatever it comes in; a stream keeps
// its blocks. As with Redis, bytes between the value and the footer are ignored; the value itself may not reach into the footer.
DumpError DecodeDump(std::string_view payload, const DumpDecodeOptions& options,
                     const PackingLimits& limits, DumpedValue* value);

}  // namespace alai
