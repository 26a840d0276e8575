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

#include "engine/record.h"
#include "storage/rdb_codec.h"

namespace alai {

// The version written: Redis 7.0's, so that every server from 7.0 on takes our payloads. How a
// string is encoded has not changed since.
constexpr uint16_t kDumpVersionWritten = 10;
// Versions read: all of Redis's up to 8.0, and Valkey 9's, whose numbers went their own way.
constexpr uint16_t kDumpVersionRedisMax = 12;
constexpr uint16_t kDumpVersionValkey = 80;

// Bytes that a payload has around a string's own.
constexpr size_t kDumpOverheadBytesMax = 1 + 9 + 2 + 8;

// The payload of a string; `compress` is the option rdbcompression.
std::string EncodeDump(const RdbString& value, bool compress);

// The payload of a token bucket with this theoretical arrival time, in nanoseconds. It has the form of a
// module's value, which servers without the module refuse and tools that read RDB files step over.
std::string EncodeTokenBucketDump(int64_t arrival_ns);

enum class DumpError : uint8_t {
  kNone,
  kFooter,  // "ERR DUMP payload version or checksum are wrong"
  kFormat,  // "ERR Bad data format"
};

struct DumpDecodeOptions {
  bool check_crc = true;                          // DEBUG SET-SKIP-CHECKSUM-VALIDATION turns it off
  uint64_t string_bytes_max = uint64_t{1} << 29;  // for a compressed string, unfolded
};

// A value read from a payload. Points into the payload, or owns what it was unfolded into.
struct DumpedValue {
  Type type = Type::kString;
  RdbString string;        // of kString
  int64_t arrival_ns = 0;  // of kTokenBucket; at least 0
  std::unique_ptr<char[]> unfolded;
};

// Reads a payload. A string comes out as it was stored: whether bytes that spell an integer become
// one is decided as for SET. As with Redis, bytes between the value and the footer are ignored; the
// value itself may not reach into the footer.
DumpError DecodeDump(std::string_view payload, const DumpDecodeOptions& options,
                     DumpedValue* value);

}  // namespace alai
